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
PACKAGES = {"PyTorch": "torch", "OpenVINO": "openvino", "ONNX Runtime": "onnxruntime"}

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
NEEDED = ["torch", "numpy", "PIL"]
# Packages of other contenders: name of the module, and of what pip installs. Without one of them its contender is skipped. PyTorch
# exports with `onnx` what OpenVINO and ONNX Runtime run.
OTHERS = {"onnx": "onnx", "openvino": "openvino", "onnxruntime": "onnxruntime", "hydra": "hydra-core"}
# Large buffers stay with the process instead of being mapped anew each step; without this PyTorch is slower.
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "2147483647", "MALLOC_TOP_PAD_": "67108864"}


def enter_venv(wanted):
    """Starts this program again in target/bench-venv, made if need be, when that is `wanted` or a module is missing here."""
    if pathlib.Path(sys.prefix).resolve() == VENV.resolve():
        return
    if not wanted and all(importlib.util.find_spec(name) for name in NEEDED):
        missing = [package for name, package in OTHERS.items() if not importlib.util.find_spec(name)]
        if missing:
            print(f"{', '.join(missing)}: not installed here, so skipped; --venv installs them", file=sys.stderr)
        return
    python = VENV / "bin" / "python"
    if not python.exists():
        print(f"making {VENV}", file=sys.stderr)
        venv.create(VENV, with_pip=True)
    if lacks(python, NEEDED):
        install(python)
    for name, package in OTHERS.items():
        if lacks(python, [name]) and not pip_install(python, package):
            print(f"{package}: cannot be installed, so skipped; see pip's message above", file=sys.stderr)
    os.execv(python, [str(python), *sys.argv])


def lacks(python, names):
    """Whether one of the modules is missing there."""
    check = f"import importlib.util as i, sys; sys.exit(not all(map(i.find_spec, {names})))"
    return subprocess.run([python, "-c", check]).returncode != 0


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
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bin", "umlaut", "--example", "bench_step"], cwd=HOME, check=True)


def environment(threads):
    """For either side's processes: so many threads, and malloc tuned for PyTorch (umlaut keeps its own)."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | {"RAYON_NUM_THREADS": str(threads)}
    # What torch.compile makes is kept, so that a second benchmark starts sooner.
    python = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore", "TORCHINDUCTOR_CACHE_DIR": str(TARGET / "bench-inductor")}
    return ours, os.environ | MALLOC | python | {"OMP_NUM_THREADS": str(threads)}


def machine(threads):
    """What was measured on what: the processor, its widest instructions, threads, umlaut's commit and the versions of all others."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    values = dict(reversed([map(str.strip, line.split(":", 1)) for line in info.splitlines() if ":" in line]))
    flags = values.get("flags", "").split()
    wide = "AVX-512 with bf16" if "avx512_bf16" in flags else "AVX-512 without bf16" if "avx512f" in flags else "no AVX-512"
    return {
        "cpu": f"{values.get('model name', platform.machine())} ({wide})",
        "threads": threads,
        "umlaut": commit() or "without git",
        "versions": {name: importlib.metadata.version(package) for name, package in PACKAGES.items() if importlib.util.find_spec(package)},
    }


def commit():
    """Of this tree, with `-dirty` if something other than documents differs from it."""
    git = dict(cwd=HOME, capture_output=True, text=True)
    name = subprocess.run(["git", "describe", "--always"], **git).stdout.strip()
    documents = [":(exclude)*.md"]
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", ".", *documents], **git).returncode == 1
    return name + ("-dirty" if name and changed else "")


def said(machine):
    """The machine in one line."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"{machine['cpu']}, {machine['threads']} threads; umlaut {machine['umlaut']}; {versions}"


def table(header, rows):
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
