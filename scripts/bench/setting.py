"""Where things are, what both sides run with, and how they come to be: the virtual environment, the build, the machine's name."""

import importlib.metadata
import importlib.util
import os
import pathlib
import platform
import subprocess
import sys
import venv

HOME = pathlib.Path(__file__).resolve().parent.parent.parent
BENCH = HOME / "scripts" / "bench"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HOME / "target")).resolve()
VENV = TARGET / "bench-venv"
UMLAUT = TARGET / "release" / "umlaut"
STEP = TARGET / "release" / "examples" / "bench_step"

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
NEEDED = ["torch", "numpy", "PIL"]
# Large buffers stay with the process instead of being mapped anew each step; without this PyTorch is slower.
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "2147483647", "MALLOC_TOP_PAD_": "67108864"}


def enter_venv(wanted):
    """Starts this program again in target/bench-venv, made if need be, when that is `wanted` or a module is missing here."""
    if pathlib.Path(sys.prefix).resolve() == VENV.resolve():
        return
    if not wanted and all(importlib.util.find_spec(name) for name in NEEDED):
        return
    python = VENV / "bin" / "python"
    if not python.exists():
        print(f"making {VENV}", file=sys.stderr)
        venv.create(VENV, with_pip=True)
    check = f"import importlib.util as i, sys; sys.exit(not all(map(i.find_spec, {NEEDED})))"
    if subprocess.run([python, "-c", check]).returncode != 0:
        install(python)
    os.execv(python, [str(python), *sys.argv])


def install(python):
    # The build for CPUs; PyPI's, where PyTorch's own index cannot be reached, brings gigabytes of CUDA along.
    if not pip_install(python, "torch", "--index-url", CPU_INDEX) and not pip_install(python, "torch"):
        sys.exit("PyTorch cannot be installed; see pip's message above")
    if not pip_install(python, "numpy", "safetensors", "pillow"):
        sys.exit("numpy, safetensors or pillow cannot be installed; see pip's message above")


def pip_install(python, *what):
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    return subprocess.run([*pip, *what]).returncode == 0


def build():
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bins", "--examples"], cwd=HOME, check=True)


def environment(threads):
    """For either side's processes: so many threads, and malloc tuned for PyTorch (umlaut keeps glibc's defaults)."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | {"RAYON_NUM_THREADS": str(threads)}
    torch = os.environ | MALLOC | {"OMP_NUM_THREADS": str(threads), "PYTHONDONTWRITEBYTECODE": "1"}
    return ours, torch


def machine(threads):
    """One line that says what was measured on what."""
    with open("/proc/cpuinfo") as info:
        cpu = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HOME, capture_output=True, text=True).stdout.strip()
    return f"{cpu}, {threads} threads; umlaut {commit or 'without git'}, PyTorch {importlib.metadata.version('torch')}"


def table(header, rows):
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
