"""Whole experiments of umlaut on one GPU, from the start of the process to its end, when the last chart is drawn."""

import csv
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile
import time

from . import setting
from .gpu_setting import Broken

BASELINE, TIMES, EPOCHS = setting.HOME / "experiments" / "drishti_shape.toml", 3, 50
REFERENCE_S = 693
RUNS, PACKED_EPOCHS, ROUNDS = 16, 10, 2
# Repeating must leave this much for what comes after.
RESERVE_S = 90
PACKED = f"""
name = "packed"
[dataset.synthetic]
count = 120
seed = 1
size = [128, 128]
targets = ["disc", "cup"]
[preprocess]
size = [128, 128]
[split.fractions]
train = 0.7
val = 0.3
test = 0.0
[model.unet]
channels = [16, 32, 64]
[training]
epochs = {PACKED_EPOCHS}
batch_size = 4
precision = "bf16"
seeds = {list(range(1, RUNS + 1))}
"""


def call(command, environment, limit):
    """Seconds that a command takes, and what it prints; it and all it has started are ended after `limit` seconds."""
    command = [str(word) for word in command]
    start = time.perf_counter()
    streams = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process = subprocess.Popen(command, env=environment, **streams, text=True, start_new_session=True)
    try:
        printed, _ = process.communicate(timeout=limit)
        seconds = time.perf_counter() - start
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        printed, _ = process.communicate()
        raise Broken(f"`{' '.join(command)}` was ended after {limit:.0f} s; last it said:\n{tail(printed)}") from None
    if process.returncode != 0:
        raise Broken(f"`{' '.join(command)}` ended with status {process.returncode}:\n{tail(printed)}")
    return seconds, printed


def tail(text):
    return "\n".join(text.strip().splitlines()[-25:])


def selftest(report, clock, umlaut, environment, device):
    """Broken if what the GPU calculates is not what the CPU does, in any precision."""
    problems = []
    report.say("\n## Self-test")
    for precision in ("f32", "tf32", "bf16"):
        try:
            command = [*umlaut, "selftest", "--device", device, "--precision", precision]
            seconds, printed = call(command, environment, min(120, clock.left()))
            report.say(f"\n{precision}: passed in {seconds:.1f} s\n\n```\n{printed.rstrip()}\n```")
            report.keep(f"selftest {precision}", {"passed": True, "seconds": seconds})
        except Broken as problem:
            report.keep(f"selftest {precision}", {"passed": False})
            problems.append(str(problem))
    if problems:
        raise Broken("\n".join(problems))


def finished(results, runs, epochs):
    """All the work was done: rows of every run, and charts. The folder of each run."""
    folders = sorted(path.parent for path in results.glob("*/runs/*/metrics.csv"))
    counts = [len((folder / "metrics.csv").read_text().splitlines()) - 1 for folder in folders]
    if counts != [epochs] * runs:
        raise Broken(f"{results} should hold {runs} runs of {epochs} epochs; it holds {counts}")
    if not list(results.glob("*/charts/*.svg")):
        raise Broken(f"{results} holds no charts")
    return folders


def column(file, name):
    """The numbers of a column of a CSV."""
    with file.open() as rows:
        return [float(row[name]) for row in csv.DictReader(rows)]


def baseline(report, clock, umlaut, environment, device):
    taken, trained, dice = [], [], None
    while len(taken) < TIMES and (not taken or clock.left() > 1.3 * max(taken) + RESERVE_S):
        with tempfile.TemporaryDirectory(prefix="umlaut-bench-") as folder:
            results = pathlib.Path(folder)
            # A second attempt would hide that the first one failed.
            command = [*umlaut, "run", BASELINE, "--results", results, "--device", device, "--retries", 0]
            seconds, _ = call(command, environment, clock.left())
            (run,) = finished(results, 1, EPOCHS)
            taken.append(seconds)
            trained.append(sum(column(run / "timing.csv", "elapsed_s")))
            (dice,) = column(results / BASELINE.stem / "summary.csv", "val_dice")
    median = statistics.median(taken)
    report.say(f"\n## The 50-epoch baseline on {BASELINE.name}: 50 + 51 images, 224², process start to last chart\n")
    rows = [[f"time {n}", f"{s:.2f}", f"{t:.2f}"] for n, (s, t) in enumerate(zip(taken, trained), 1)]
    rows += [["median", f"{median:.2f}", f"{statistics.median(trained):.2f}"], ["reference report", str(REFERENCE_S), ""]]
    report.say(setting.table(["", "seconds", "of them in epochs"], rows))
    faster = f"{REFERENCE_S / median:.0f} times as fast as the reference report's run"
    report.say(f"\n{faster}; validation Dice of the best epoch {dice:.3f}")
    report.keep("baseline", {"seconds": taken, "in_epochs": trained, "val_dice": dice})
    report.judge("baseline, seconds", median)


def packed(report, clock, umlaut, environment, device):
    taken = {"1": [], "auto": []}
    for number in range(ROUNDS):
        if number and clock.left() < 1.3 * sum(map(max, taken.values())):
            break
        for jobs in sorted(taken, reverse=number % 2 == 1):
            with tempfile.TemporaryDirectory(prefix="umlaut-bench-") as folder:
                file, results = pathlib.Path(folder, "packed.toml"), pathlib.Path(folder, "results")
                file.write_text(PACKED)
                command = [*umlaut, "run", file, "--results", results, "--device", device, "--jobs-per-device", jobs]
                seconds, _ = call(command, environment, clock.left())
                finished(results, RUNS, PACKED_EPOCHS)
                taken[jobs].append(seconds)
    # Whatever disturbs a sweep makes it longer, so the shortest is nearest to the truth.
    best = {jobs: min(seconds) for jobs, seconds in taken.items()}
    report.say(f"\n## {RUNS} runs of {PACKED_EPOCHS} epochs: 84 + 36 images of 128², channels 16-32-64, bf16\n")
    rows = [[f"--jobs-per-device {jobs}", f"{best[jobs]:.2f}", ", ".join(f"{s:.2f}" for s in taken[jobs])] for jobs in taken]
    report.say(setting.table(["", "seconds", "each time"], rows))
    report.keep("packed", taken)
    report.judge("16 runs packed, against one at a time", best["auto"] / best["1"])
