"""A sweep of 12 short runs, from the start of the first process to the end of the last, by which time all CSVs are written.

umlaut: one `umlaut run`, which starts a process a run, keeps checkpoints and draws the report. PyTorch: one process of torch_train.py a
run, one after the other. Both read the same PNGs.
"""

import itertools
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

from . import setting

BASES, SIZES, SEEDS, LEVELS = [8, 12, 16], [64, 128], [1, 2], 4
TRAIN = [f"train{number:02}" for number in range(32)]
VAL = [f"val{number:02}" for number in range(8)]
BATCH, LR = 4, 1e-3

EXPERIMENT = """
name = "bench"
[dataset.folders]
root = "{root}"
classes = ["blob"]
[preprocess]
size = [128, 128]
[split.lists]
train = ["train*"]
val = ["val*"]
[model.unet]
channels = {first}
[optimizer.adam]
lr = {lr}
[training]
epochs = {epochs}
batch_size = {batch}
seeds = {seeds}
[sweep.grid]
"preprocess.size" = {sizes}
"model.unet.channels" = {channels}
"""


def draw(root):
    """40 colour images of 128 × 128, an ellipse on noise each, with their masks."""
    numbers = numpy.random.default_rng(1)
    y, x = numpy.mgrid[:128, :128] / 128
    for name in TRAIN + VAL:
        (cy, cx), (ry, rx) = numbers.uniform(0.3, 0.7, 2), numbers.uniform(0.1, 0.25, 2)
        mask = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
        image = 90 + 60 * mask[..., None] * numbers.uniform(0.5, 1, 3) + 30 * numbers.standard_normal((128, 128, 3))
        for folder, array in (("images", image.clip(0, 255)), ("masks", mask * 255)):
            (root / folder).mkdir(exist_ok=True)
            Image.fromarray(array.astype(numpy.uint8)).save(root / folder / f"{name}.png")


def channels(base):
    return [base << level for level in range(LEVELS)]


def umlaut(root, seeds, epochs, environment):
    """Seconds of the sweep in umlaut."""
    choices = dict(sizes=[[size, size] for size in SIZES], channels=[channels(base) for base in BASES], first=channels(BASES[0]))
    toml = EXPERIMENT.format(root=root, lr=LR, epochs=epochs, batch=BATCH, seeds=seeds, **choices)
    (root / "bench.toml").write_text(toml)
    start = time.perf_counter()
    command = [setting.UMLAUT, "run", root / "bench.toml", "--results", root / "results"]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - start
    count_rows((root / "results" / "bench").glob("**/metrics.csv"), len(SIZES) * len(BASES) * len(seeds), epochs)
    return seconds


def pytorch(root, seeds, epochs, threads, layout, environment):
    """Seconds of the sweep in PyTorch."""
    start = time.perf_counter()
    for size, base, seed in itertools.product(SIZES, BASES, seeds):
        command = [sys.executable, setting.BENCH / "torch_train.py", "--root", root, "--train", *TRAIN, "--val", *VAL]
        command += ["--channels", *channels(base), "--size", size, "--seed", seed, "--epochs", epochs, "--batch", BATCH]
        command += ["--lr", LR, "--threads", threads, "--csv", root / f"{layout}-{size}-{base}-{seed}.csv"]
        command += ["--channels-last"] if layout == "channels_last" else []
        subprocess.run([str(word) for word in command], env=environment, check=True)
    seconds = time.perf_counter() - start
    count_rows(root.glob(f"{layout}-*.csv"), len(SIZES) * len(BASES) * len(seeds), epochs)
    return seconds


def count_rows(files, runs, epochs):
    """Both sides have done all the work."""
    counts = [len(file.read_text().splitlines()) - 1 for file in files]
    if counts != [epochs] * runs:
        sys.exit(f"the sweep should leave {runs} CSVs of {epochs} rows; they have {counts}")


def run(threads, quick):
    """Prints a table; the result."""
    seeds, epochs, rounds = (SEEDS[:1], 2, 1) if quick else (SEEDS, 5, 2)
    for_ours, for_torch = setting.environment(threads)
    seconds = {"umlaut": [], "PyTorch, contiguous": [], "PyTorch, channels_last": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="umlaut-bench-") as folder:
            root = pathlib.Path(folder)
            draw(root)
            seconds["umlaut"].append(umlaut(root, seeds, epochs, for_ours))
            for layout in ("contiguous", "channels_last"):
                seconds[f"PyTorch, {layout}"].append(pytorch(root, seeds, epochs, threads, layout, for_torch))
    # Whatever disturbs a sweep makes it longer, so the shorter of two is nearer to the truth.
    best = {name: min(times) for name, times in seconds.items()}
    fastest = min(time for name, time in best.items() if name != "umlaut")
    rows = [[name, f"{best[name]:.1f}", ", ".join(f"{t:.1f}" for t in seconds[name]), f"{best[name] / fastest:.2f}"] for name in best]
    runs = len(SIZES) * len(BASES) * len(seeds)
    print(f"\nsweep: {runs} runs of {epochs} epochs, base {BASES}, sizes {SIZES}, {len(TRAIN)} + {len(VAL)} images, batch {BATCH}\n")
    print(setting.table(["", "seconds", "each time", "ratio"], rows), flush=True)
    times = [{"name": name, "time": round(time, 3)} for name, time in best.items()]
    return {"title": f"sweep of {runs} runs of {epochs} epochs, f32", "unit": "s", "ours": times[:1], "rivals": times[1:]}
