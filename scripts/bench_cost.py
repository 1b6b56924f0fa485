#!/usr/bin/env python3
"""Measures how well FLOP predict what an epoch takes, which is what the virtual clock of a search goes by. Needs numpy and Linux.

    cargo build --release
    python3 scripts/bench_cost.py PROGRAM [WORD ...]       WORD: only the configurations with it in their line

Twenty small configurations of channels, depth, size, batch and network are trained on one core; CPU seconds of an epoch are those of a start
and two epochs less those of a start and one, so that other load on the machine matters little. Printed are the errors of predictions by one constant (the geometric mean of seconds per
FLOP), and by FLOP, numbers of the layers' outputs and layers of a step with three constants that are not negative, fitted to relative errors.
"""
import os
import re
import resource
import subprocess
import sys
import tempfile
import numpy as np

CONFIGURATIONS = """unet 4,8 32 1; unet 4,8 64 4; unet 8,16 32 8; unet 8,16 64 2; unet 8,16,32 64 4; unet 16,32,64 64 4; unet 8,16,32,64 64 1;
unet 32,64 32 4; unet 32,64 64 2; unet 16,32 128 4; unet 4,8,16 128 2; unet 8,16,32 128 4; unet 24,48 64 8; unet 16,32,64 32 1; unet 8,16 128 1;
unet 32,64,128 32 4; unet_plus_plus 8,16,32 64 4; unet_plus_plus 16,32 64 2; attention_unet 8,16,32 64 4; attention_unet 16,32,64 32 2"""
TRAIN, VAL = 8, 4
FILE = """name = "cost"
[dataset.synthetic]
count = 16
size = [128, 128]
[split.fractions]
train = 0.5
val = 0.25
test = 0.25
[preprocess]
size = [{size}, {size}]
[model.{network}]
channels = [{channels}]
[training]
epochs = 4
batch_size = {batch}
"""


def cpu(program, *arguments, cwd):
    """CPU seconds of the program, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    core = str(min(os.sched_getaffinity(0)))
    done = subprocess.run(["taskset", "-c", core, os.path.abspath(program), *arguments], cwd=cwd, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def measured(program, network, channels, size, batch):
    """FLOP of an epoch, numbers in the layers' outputs, layers times steps, and seconds."""
    with tempfile.TemporaryDirectory() as place:
        with open(f"{place}/x.toml", "w") as file:
            file.write(FILE.format(network=network, channels=channels, size=size, batch=batch))
        # One epoch of a whole run leaves a run.toml that can be trained in pieces.
        cpu(program, "run", "-q", "x.toml", "--device", "cpu", "--set", "training.epochs=1", cwd=place)
        run = next(os.scandir(f"{place}/results/cost/runs")).path
        os.mkdir(f"{place}/a")
        with open(f"{run}/run.toml") as whole, open(f"{place}/a/run.toml", "w") as copy:
            copy.write(re.sub(r"(?m)^epochs = 1$", "epochs = 4", whole.read()))
        train = ["train", "-q", "a", "--device", "cpu", "--until"]
        one, two = cpu(program, *train, "1", cwd=place)[0], cpu(program, *train, "3", cwd=place)[0]
        summary = cpu(program, "summary", "a/run.toml", cwd=place)[1]
    step = float(re.search(r"training step\s+([\d.]+) GFLOP", summary)[1]) / 3 / int(batch)
    outputs = re.findall(r"^ \S+ .*?(\d+)×(\d+)×(\d+) ", summary, re.M)
    numbers = sum(int(c) * int(h) * int(w) for c, h, w in outputs) / 1e6
    # The second call trains two epochs more.
    return step * (3 * TRAIN + VAL), numbers * (3 * TRAIN + VAL), len(outputs) * (3 * TRAIN + VAL) / int(batch) / 1e3, two - one


def fitted(features, seconds):
    """Constants that are not negative, by relative errors, and the errors."""
    left = list(range(features.shape[1]))
    while True:
        scaled = features[:, left] / seconds[:, None]
        constants = np.linalg.lstsq(scaled, np.ones(len(seconds)), rcond=None)[0]
        if (constants >= 0).all():
            return dict(zip(left, constants)), np.abs(scaled @ constants - 1)
        left.pop(int(np.argmin(constants)))


def main(program, words):
    lines = [line.split() for line in CONFIGURATIONS.replace("\n", " ").split(";")]
    rows = []
    for line in lines:
        if not words or any(word in " ".join(line) for word in words):
            rows.append(measured(program, *line))
            print(" ".join(line), *(f"{value:.4f}" for value in rows[-1]), flush=True)
    rows = np.array(rows)
    features, seconds = rows[:, :3], rows[:, 3]
    errors = np.abs(np.log(seconds / features[:, 0]) - np.log(seconds / features[:, 0]).mean())
    print(f"FLOP alone: a factor of {np.exp(np.median(errors)):.2f} in the median, {np.exp(errors.max()):.2f} at most")
    constants, errors = fitted(features, seconds)
    names = ["GFLOP", "million numbers", "thousand layers of a step"]
    print("seconds per " + ", ".join(f"{names[k]} {value:.5f}" for k, value in constants.items()))
    print(f"with these: {100 * np.median(errors):.0f} % in the median, {100 * errors.max():.0f} % at most")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
