"""What is measured with on a machine with a GPU (binaries, NVIDIA's libraries, time left), the limits, and the report."""

import importlib.metadata
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from . import setting

# What our time or memory divided by PyTorch's, or seconds, must not exceed, and what it should.
LIMITS = {
    "step, against PyTorch eager": (1.0, 0.6),
    "step, against torch.compile": (1.2, 0.8),
    "device memory": (1.0, 0.7),
    "baseline, seconds": (30.0, 8.0),
    "16 runs packed, against one at a time": (0.5, 0.25),
}
WANTED = {
    "libnvrtc.so.13": "nvidia-cuda-nvrtc==13.0.*",
    "libcublasLt.so.13": "nvidia-cublas==13.1.0.3",
    "libcudnn.so.9": "nvidia-cudnn-cu13",
}


class Broken(Exception):
    """A part of the benchmark cannot be done; the others go on."""


class Clock:
    """The time that is left for everything together."""

    def __init__(self, minutes):
        self.end = time.monotonic() + 60 * minutes

    def left(self):
        seconds = self.end - time.monotonic()
        if seconds < 1:
            raise Broken("no time is left; --minutes gives more")
        return seconds


def binary(name):
    """Beside scripts/, where the archive of scripts/build_cuda.sh has it, else where cargo puts it."""
    built = {"umlaut": setting.UMLAUT, "bench_step": setting.STEP}[name]
    places = [setting.HOME / name, built]
    for place in places:
        if place.is_file() and os.access(place, os.X_OK):
            return place
    raise Broken(f"no {name} in {' or '.join(map(str, places))}; unpack target/umlaut-cuda.tar.xz or run scripts/build_cuda.sh")


def wheels():
    """Directories of the libraries of CUDA among this Python's packages."""
    spec = importlib.util.find_spec("nvidia")
    roots = [pathlib.Path(root) for root in (spec.submodule_search_locations if spec else [])]
    places = [root / part / "lib" for root in roots for part in ("cu13", "cuda_nvrtc", "cudnn")]
    return [place for place in places if place.is_dir()]


def libraries():
    """The value of UMLAUT_CUDA_LIBS; None if umlaut finds them beside itself."""
    if named := os.environ.get("UMLAUT_CUDA_LIBS"):
        places = [pathlib.Path(place) for place in named.split(":") if place]
    elif (setting.HOME / "cuda-libs").is_dir():
        return None
    else:
        places = wheels() or [setting.HOME / ".cuda" / "lib"]
    for file, package in WANTED.items():
        if not any((place / file).exists() for place in places):
            looked = ":".join(map(str, places))
            remedy = f"`{sys.executable} -m pip install {package}` or name its directory in UMLAUT_CUDA_LIBS"
            raise Broken(f"no {file} in {looked}; {remedy}")
    return ":".join(map(str, places))


def environment():
    """For umlaut's processes."""
    found = libraries()
    return os.environ | ({"UMLAUT_CUDA_LIBS": found} if found else {})


def nvidia_smi(what):
    """Values of the first GPU; none if there is no nvidia-smi or it fails."""
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits", "--id=0"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return []
    return [value.strip() for value in ended.stdout.split(",")] if ended.returncode == 0 else []


def machine(umlaut):
    """One line that says what was measured on what."""
    named = nvidia_smi("name,driver_version")
    gpu = f"{named[0]}, driver {named[1]}" if len(named) == 2 else "no GPU that nvidia-smi knows of"
    try:
        torch = "PyTorch " + importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        torch = "no PyTorch"
    version = subprocess.run([umlaut, "--version"], capture_output=True, text=True).stdout.strip() if umlaut else "no umlaut"
    return f"{gpu}; {os.cpu_count()} processors; {version}; {torch}; {time.strftime('%Y-%m-%d')}"


class Report:
    """Markdown on standard output and in DIR/bench_gpu.md, numbers in DIR/bench_gpu.json; both complete at any moment."""

    def __init__(self, folder):
        self.folder, self.texts, self.numbers, self.verdicts = folder, [], {}, []
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def say(self, text):
        print(text, flush=True)
        self.texts.append(text)
        self.write()

    def keep(self, name, numbers):
        self.numbers[name] = numbers
        self.write()

    def judge(self, name, value, note=""):
        """A line of the last table: a value beside what it must and should not exceed."""
        must, aim = LIMITS[name]
        word = "aim reached" if value <= aim else "must reached" if value <= must else "**missed**"
        what = f"{name} ({note})" if note else name
        self.verdicts.append({"what": what, "value": value, "must": must, "aim": aim, "verdict": word.strip("*")})
        self.say(f"\n{what}: {value:.2f}, must {must:g}, aim {aim:g}: {word}")

    def end(self):
        if self.verdicts:
            rows = [[v["what"], f"{v['value']:.2f}", f"{v['must']:g}", f"{v['aim']:g}", v["verdict"]] for v in self.verdicts]
            self.say("\n" + setting.table(["", "measured", "must", "aim", ""], rows))

    def write(self):
        if self.folder:
            (self.folder / "bench_gpu.md").write_text("\n".join(self.texts) + "\n")
            (self.folder / "bench_gpu.json").write_text(json.dumps(self.numbers | {"verdicts": self.verdicts}, indent=1) + "\n")
