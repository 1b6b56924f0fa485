"""What a step of umlaut is measured against: PyTorch eager, compiled and frozen, and the same network in OpenVINO and ONNX Runtime."""

import subprocess
import sys

from . import setting

# Kinds, in the order of tables. PyTorch's, in each layout, and those of an ONNX file that PyTorch exported.
TORCH = {"PyTorch": "eager", "PyTorch compiled": "compile", "PyTorch frozen": "freeze"}
ONNX = {"OpenVINO": "openvino", "ONNX Runtime": "onnxruntime"}
KINDS = [*TORCH, *ONNX]
LAYOUTS = ["contiguous", "channels_last"]


def kind(name):
    """Of the name of a contender: `PyTorch compiled, channels_last` is of the kind `PyTorch compiled`."""
    return name.split(",")[0]


def pytorch(work, threads):
    """Names and commands."""
    for kind, mode in TORCH.items():
        if mode == "freeze" and work.mode == "train":
            continue
        for layout in LAYOUTS:
            command = [sys.executable, setting.BENCH / "torch_step.py", work.mode, mode, work.torch, layout]
            yield f"{kind}, {layout}", [*command, *work.numbers(), threads]


def exported(work, threads, folder, environment):
    """Names and commands of those that run an ONNX file, which is written into the folder."""
    if work.mode == "train":
        return
    file = folder / "unet.onnx"
    command = [sys.executable, setting.BENCH / "torch_export.py", *work.numbers(), file]
    ended = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    if ended.returncode != 0:
        print(f"{work.title()}: {' and '.join(ONNX)} skipped, no ONNX file: {last(ended.stderr)}", file=sys.stderr)
        return
    for kind, runtime in ONNX.items():
        yield kind, [sys.executable, setting.BENCH / "onnx_step.py", runtime, work.torch, file, threads]


def last(errors):
    """The last line, in which Python has the reason."""
    return (errors.strip().splitlines() or ["no reason given"])[-1]
