#!/usr/bin/env python3
"""Does the program name winners among equals? Real runs of one configuration, dealt at random into groups.

    python3 scripts/verdict_real.py [target/release/umlaut [DEALS [GROUPS [SEEDS]]]]

Trains 60 seeds of one tiny configuration (once; a directory that is named by UMLAUT_VERDICT_RUNS keeps them), deals them DEALS (100) times
into GROUPS (4) of SEEDS (3), each deal a results directory of its own with the runs' own files, in which only place.toml is new, and asks
`umlaut compare` for the verdict. Prints in how many deals any group is called better than another (wanted: 5 % at most; by chance alone up to 9 of
100 may be more in one try of 20). Needs nothing but Python.
"""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

SEEDS = 60
EXPERIMENT = f"""
name = "same"
[dataset.synthetic]
count = 60
targets = ["disc"]
size = [32, 32]
[preprocess]
size = [32, 32]
[split.fractions]
train = 0.3
val = 0.2
test = 0.5
[model.unet]
channels = [8, 16]
[optimizer.adam]
lr = 1e-2
[lr_schedule.constant]
[training]
epochs = 16
batch_size = 3
seeds = {SEEDS}
"""


def run(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
    return done.stdout


def trained(program, place):
    results = os.path.join(place, "results")
    with open(os.path.join(place, "same.toml"), "w") as file:
        file.write(EXPERIMENT)
    run(program, "run", os.path.join(place, "same.toml"), "--results", results, "--device", "cpu", "--jobs", "2")
    runs = os.path.join(results, "same", "runs")
    return sorted(os.path.join(runs, name) for name in os.listdir(runs))


def deal(place, groups):
    """A results directory in which the runs of a group differ by their seed alone."""
    for group, runs in enumerate(groups):
        for at, path in enumerate(runs):
            copy = os.path.join(place, "deal", "runs", f"group-{group}_seed-{at}-{group:05}{at:05}")
            os.makedirs(copy)
            for name in os.listdir(path):
                if name != "place.toml" and os.path.isfile(os.path.join(path, name)):
                    os.symlink(os.path.join(path, name), os.path.join(copy, name))
            with open(os.path.join(path, "place.toml")) as file:
                seed = re.search(r'seed = "(\d+)"', file.read())[1]
            with open(os.path.join(copy, "place.toml"), "w") as file:
                file.write(f'"dealt.group" = "{group}"\nseed = "{seed}"\n')
    return os.path.join(place, "deal")


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/umlaut")
    deals, groups, seeds = [int(a) for a in sys.argv[2:5]] + [100, 4, 3][len(sys.argv[2:5]):]
    with tempfile.TemporaryDirectory() as temp:
        kept = os.environ.get("UMLAUT_VERDICT_RUNS", os.path.join(temp, "runs"))
        os.makedirs(kept, exist_ok=True)
        runs, chance, winners = trained(program, kept), random.Random(1), 0
        for _ in range(deals):
            chosen = chance.sample(runs, groups * seeds)
            said = run(program, "compare", deal(temp, [chosen[at::groups] for at in range(groups)]))
            if "likely to be missed" not in " ".join(said.split()):
                sys.exit(f"nothing was tested:\n{said}")
            winners += "is better than" in " ".join(said.split())
            shutil.rmtree(os.path.join(temp, "deal"))
    print(f"{winners} of {deals} deals of {groups} groups × {seeds} seeds of one configuration have a winner")


main()
