"""Validation Dice on the 30 slices of the ISBI 2012 challenge, umlaut in each precision against PyTorch in f32.

Both train the same net on the same slices with the same loss, batches and learning rates; initial weights and the order of slices are
each side's own, so single seeds differ. Dice is that of src/metric/tally.rs on both sides, at the epoch where it is best.
"""

import csv
import pathlib
import statistics
import subprocess
import sys
import tempfile

from . import setting

CHANNELS, SIZE, BATCH, LR, SEEDS, EPOCHS = [16, 32, 64, 128], 512, 2, 3e-3, [1, 2, 3], 12
TRAIN, VAL = [str(i) for i in range(24)], [str(i) for i in range(24, 30)]
# The key of the TOML that chooses a precision; f32 is what the library does without it.
PRECISION_KEY = "training.precision"


def umlaut(root, precision, seeds, epochs, results, environment):
    """The best validation Dice of each seed."""
    settings = [
        f'dataset.folders.root="{root}"',
        f"model.unet.channels={CHANNELS}",
        f"optimizer.adam.lr={LR}",
        f"training.epochs={epochs}",
        f"training.seeds={seeds}",
        "augment.flip_horizontal=0.0",
        "augment.flip_vertical=0.0",
        "augment.rotate90=0.0",
    ]
    settings += [f'{PRECISION_KEY}="{precision}"'] if precision != "f32" else []
    command = [setting.UMLAUT, "run", setting.HOME / "experiments" / "isbi2012.toml", "--results", results]
    command += [word for text in settings for word in ("--set", text)]
    ended = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if ended.returncode != 0:
        sys.exit(f"umlaut in {precision}: {ended.stderr}")
    # One row a run, with the values of the epoch that is best by val_dice.
    with (results / "isbi2012" / "summary.csv").open() as rows:
        scores = {int(row["seed"]): float(row["val_dice"]) for row in csv.DictReader(rows)}
    return [scores[seed] for seed in seeds]


def pytorch(root, seeds, epochs, threads, folder, environment):
    """The best validation Dice of each seed."""
    scores = []
    for seed in seeds:
        out = folder / f"torch-{seed}.csv"
        command = [sys.executable, setting.BENCH / "torch_train.py", "--root", root, "--masks", "labels", "--cosine"]
        command += ["--train", *TRAIN, "--val", *VAL, "--channels", *CHANNELS, "--size", SIZE, "--epochs", epochs]
        command += ["--batch", BATCH, "--lr", LR, "--seed", seed, "--threads", threads, "--channels-last", "--csv", out]
        subprocess.run([str(word) for word in command], env=environment, check=True)
        with out.open() as rows:
            scores.append(max(float(row["val_dice"]) for row in csv.DictReader(rows)))
    return scores


def run(stack, precisions, threads, quick):
    seeds, epochs = (SEEDS[:2], 1) if quick else (SEEDS, EPOCHS)
    root = stack.resolve()
    if not (root / "images" / "0.png").exists() or not (root / "labels" / "0.png").exists():
        sys.exit(f"{root}: images/0.png … 29.png and labels/0.png … 29.png are wanted there; see experiments/isbi2012.toml")
    for_ours, for_torch = setting.environment(threads)
    with tempfile.TemporaryDirectory(prefix="umlaut-bench-") as folder:
        folder = pathlib.Path(folder)
        scores = {f"umlaut {p}": umlaut(root, p, seeds, epochs, folder / p, for_ours) for p in precisions}
        scores["PyTorch f32"] = pytorch(root, seeds, epochs, threads, folder, for_torch)
    print(f"\nquality: ISBI 2012, channels {CHANNELS}, {epochs} epochs, lr {LR} (cosine), validation Dice at the best epoch\n")
    rows = []
    for name, values in scores.items():
        spread = f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"
        rows.append([name, *(f"{value:.4f}" for value in values), spread])
    print(setting.table(["", *(f"seed {seed}" for seed in seeds), "mean ± sd"], rows), flush=True)
