"""The baseline of experiments/drishti_shape.toml as a whole: from the start of a process to its end, all epochs, on the CPU.

umlaut: `umlaut run`, which draws the images itself, keeps checkpoints and draws the report. PyTorch: torch_train.py on the same images
as PNG, which leaves a CSV alone; the same channels, batches, loss, learning rates and number of epochs. umlaut runs in the precision
of the file, bf16. PyTorch runs in whichever of f32 and bf16 autocast, eager and compiled, contiguous and channels_last has the fastest
training step on batches of that size, which is tried before; what compiling takes is part of its time. Each side runs once.
"""

import pathlib
import subprocess
import sys
import tempfile
import time
import tomllib

from . import rivals, setting, steps

EXPERIMENT = setting.HOME / "experiments" / "drishti_shape.toml"
# Steps of each way after one to warm up: on two cores one takes up to half a minute, and the ways are far apart.
TRIED = 2


def fastest(experiment, threads, rounds):
    """Name and words for torch_train.py of the fastest way to train in PyTorch."""
    channels, batch = experiment["model"]["unet"]["channels"], experiment["training"]["batch_size"]
    size, environment = experiment["preprocess"]["size"][0], setting.environment(threads)[1]
    contenders = []
    try:
        for precision in ("f32", "bf16"):
            work = steps.Work("train", channels[0], batch, size, [], precision, len(channels))
            commands = ((f"{name}, {precision}", command) for name, command in rivals.pytorch(work, threads))
            contenders += steps.started(commands, environment, "baseline")
        if not contenders:
            sys.exit("baseline: PyTorch does not run")
        steps.measure(contenders, rounds, warm_up=1)
        name = min(contenders, key=steps.Contender.median).name
    finally:
        for contender in contenders:
            contender.end()
    options = {"PyTorch compiled": "--compile", "channels_last": "--channels-last", "bf16": "--bf16"}
    return name, [options[part] for part in name.split(", ") if part in options]


def export(root, environment):
    """Writes the images into the root; the names of those that train and of those that validate."""
    names = {}
    for split in ("train", "val"):
        folder = root / split
        command = [setting.UMLAUT, "data", "export", EXPERIMENT, "--out", folder, "--split", split, "--quiet"]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        names[split] = [f"{split}-{file.stem}" for file in sorted((folder / "images").glob("*.png"))]
        for file in (file for kind in ("images", "masks_*") for file in folder.glob(f"{kind}/*.png")):
            place = root / file.parent.name
            place.mkdir(exist_ok=True)
            file.rename(place / f"{split}-{file.name}")
    return names["train"], names["val"]


def timed(command, environment):
    """Seconds that a command takes."""
    start = time.perf_counter()
    ended = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if ended.returncode != 0:
        sys.exit(f"baseline: {' '.join(map(str, command[:3]))} …: {ended.stderr}")
    return seconds


def epochs_of(file):
    return len(file.read_text().splitlines()) - 1


def pytorch(root, experiment, epochs, threads, words, environment):
    """Seconds of the training in PyTorch."""
    train, val = export(root, environment)
    every, gamma = (experiment["lr_schedule"]["step"][key] for key in ("every", "gamma"))
    command = [sys.executable, setting.BENCH / "torch_train.py", "--root", root, "--train", *train, "--val", *val]
    command += ["--masks", *(f"masks_{name}" for name in experiment["dataset"]["synthetic"]["targets"])]
    command += ["--size", experiment["preprocess"]["size"][0], "--channels", *experiment["model"]["unet"]["channels"]]
    command += ["--epochs", epochs, "--batch", experiment["training"]["batch_size"], "--lr", experiment["optimizer"]["adam"]["lr"]]
    command += ["--step", every, gamma, "--seed", experiment["training"]["seeds"][0], "--threads", threads, *words]
    seconds = timed([*command, "--csv", root / "torch.csv"], environment)
    if epochs_of(root / "torch.csv") != epochs:
        sys.exit(f"baseline: PyTorch has trained {epochs_of(root / 'torch.csv')} epochs instead of {epochs}")
    return seconds


def umlaut(root, epochs, environment):
    """Seconds of the run in umlaut."""
    command = [setting.UMLAUT, "run", EXPERIMENT, "--set", f"training.epochs={epochs}", "--results", root / "results"]
    seconds = timed([*command, "--device", "cpu", "--retries", 0], environment)
    (metrics,) = (root / "results").glob("**/metrics.csv")
    if epochs_of(metrics) != epochs:
        sys.exit(f"baseline: umlaut has trained {epochs_of(metrics)} epochs instead of {epochs}")
    return seconds


def run(threads, epochs, quick):
    """Prints both times; the result."""
    experiment = tomllib.loads(EXPERIMENT.read_text())
    for_ours, for_torch = setting.environment(threads)
    name, words = fastest(experiment, threads, 1 if quick else TRIED)
    with tempfile.TemporaryDirectory(prefix="umlaut-bench-") as folder:
        root = pathlib.Path(folder)
        seconds = {"umlaut": umlaut(root, epochs, for_ours), name: pytorch(root, experiment, epochs, threads, words, for_torch)}
    rows = [[who, f"{taken:.1f}", f"{taken / seconds[name]:.2f}"] for who, taken in seconds.items()]
    precision, count = experiment["training"]["precision"], experiment["dataset"]["synthetic"]["count"]
    print(f"\nbaseline: {EXPERIMENT.name}, {epochs} epochs, {count} images, umlaut in {precision}, from start of the process to its end\n")
    print(setting.table(["", "seconds", "ratio"], rows), flush=True)
    title = f"whole training of {EXPERIMENT.stem}, {epochs} epochs, {precision}"
    return {"title": title, "unit": "s", "ours": [named("umlaut", seconds["umlaut"])], "rivals": [named(name, seconds[name])]}


def named(name, time):
    return {"name": name, "time": round(time, 3)}
