"""A server of U-Net steps in PyTorch, the counterpart of scripts/bench_step.rs and with the same lines in and out.

    python scripts/bench/torch_step.py train|infer f32|bf16 contiguous|channels_last BASE LEVELS BATCH SIZE THREADS

bf16 is autocast over f32 weights. A line `memory` on standard input is answered by the largest resident set so far, in MB; any
other line by the milliseconds of a step, `forward backward optimizer`, or `forward` alone for `infer`.
"""

import pathlib
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from unet_torch import UNet  # noqa: E402


def loss(logits, targets):
    """0.5 binary cross-entropy + 0.5 soft Dice loss with smoothing 1, as `[loss]` has it by default."""
    logits = logits.float()
    p, dims = torch.sigmoid(logits), (2, 3)
    dice = 1 - (2 * (p * targets).sum(dims) + 1) / (p.sum(dims) + targets.sum(dims) + 1)
    return 0.5 * torch.nn.functional.binary_cross_entropy_with_logits(logits, targets) + 0.5 * dice.mean()


def peak_memory():
    with open("/proc/self/status") as status:
        kib = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kib) * 1024 / 1e6


def main():
    work, precision, layout = sys.argv[1:4]
    base, levels, batch, size, threads = map(int, sys.argv[4:])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    memory_format = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[layout]
    autocast = torch.autocast("cpu", torch.bfloat16, enabled={"f32": False, "bf16": True}[precision])
    net = UNet(3, 2, [base << level for level in range(levels)]).to(memory_format=memory_format)
    images = torch.rand(batch, 3, size, size).to(memory_format=memory_format)

    def infer():
        start = time.perf_counter()
        with torch.inference_mode(), autocast:
            net(images)
        return [start, time.perf_counter()]

    def train():
        start = time.perf_counter()
        adam.zero_grad(set_to_none=True)
        with autocast:
            logits = net(images)
        value = loss(logits, targets)
        forward = time.perf_counter()
        value.backward()
        backward = time.perf_counter()
        adam.step()
        return [start, forward, backward, time.perf_counter()]

    if work == "infer":
        net.eval()
        step = infer
    else:
        targets = (images[:, :2] > 0.5).float()
        adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        step = train
    for line in sys.stdin:
        if line.strip() == "memory":
            print(f"{peak_memory():.0f}", flush=True)
        else:
            times = step()
            print(*(f"{(b - a) * 1e3:.2f}" for a, b in zip(times, times[1:])), flush=True)


if __name__ == "__main__":
    main()
