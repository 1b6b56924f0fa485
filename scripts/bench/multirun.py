"""50 runs of one epoch on 40 images of 16 × 16, in seconds from start to end: `umlaut run`, a process a run, against Hydra's
`--multirun` of the same training in PyTorch, whose basic launcher does all runs in one process. umlaut also keeps checkpoints and
overlays and draws the report; Hydra's runs write their CSV alone."""

import importlib.util
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from . import setting, sweep

CHANNELS, SIZE, RUNS, BATCH = [4, 8], 16, 50, 4
HYDRA = "PyTorch, Hydra"

EXPERIMENT = f"""
name = "bench"
[dataset.folders]
root = "ROOT"
classes = ["blob"]
[preprocess]
size = [{SIZE}, {SIZE}]
[split.lists]
train = ["train*"]
val = ["val*"]
[model.unet]
channels = {CHANNELS}
[training]
epochs = 1
batch_size = {BATCH}
seeds = {list(range(1, RUNS + 1))}
"""


def umlaut(root):
    (root / "bench.toml").write_text(EXPERIMENT.replace("ROOT", str(root)))
    return [setting.UMLAUT, "run", root / "bench.toml", "--results", root / "results"], (root / "results" / "bench").glob("**/metrics.csv")


def hydra(root, threads):
    values = dict(root=root, train=sweep.TRAIN, val=sweep.VAL, size=SIZE, channels=CHANNELS, epochs=1, batch=BATCH, threads=threads)
    words = [f"+{key}={value}".replace("'", "").replace(" ", "") for key, value in values.items()]
    seeds = ",".join(map(str, range(1, RUNS + 1)))
    where = root / "multirun"
    command = [sys.executable, setting.BENCH / "hydra_train.py", "--multirun", *words, f"+seed={seeds}", f"hydra.sweep.dir={where}"]
    return command, where.glob("*/metrics.csv")


def seconds(command, files, environment):
    start = time.perf_counter()
    subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    taken = time.perf_counter() - start
    sweep.count_rows(files, RUNS, 1)
    return taken


def run(threads, quick):
    """Prints a table; the result, or None without Hydra."""
    if importlib.util.find_spec("hydra") is None:
        print(f"hydra: skipped, Hydra is missing; {sys.executable} -m pip install hydra-core", file=sys.stderr)
        return None
    for_ours, for_torch = setting.environment(threads)
    taken = {"umlaut": [], HYDRA: []}
    for _ in range(1 if quick else 5):
        with tempfile.TemporaryDirectory(prefix="umlaut-bench-") as folder:
            root = pathlib.Path(folder)
            sweep.draw(root)
            taken["umlaut"].append(seconds(*umlaut(root), for_ours))
            taken[HYDRA].append(seconds(*hydra(root, threads), for_torch))
    median = {name: statistics.median(times) for name, times in taken.items()}
    rows = [[name, f"{s:.2f}", f"{1e3 * s / RUNS:.0f}", f"{s / median[HYDRA]:.2f}"] for name, s in median.items()]
    print(f"\nhydra: {RUNS} runs of one epoch, {len(sweep.TRAIN)} + {len(sweep.VAL)} images of {SIZE}², channels {CHANNELS}\n")
    print(setting.table(["", "seconds", "ms a run", "ratio"], rows), flush=True)
    times = [{"name": name, "time": round(time, 3)} for name, time in median.items()]
    return {"title": f"{RUNS} runs of one epoch, Hydra's --multirun", "unit": "s", "ours": times[:1], "rivals": times[1:]}
