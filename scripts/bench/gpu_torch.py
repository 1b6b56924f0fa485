"""A server of U-Net training steps in PyTorch on a GPU, the counterpart of scripts/bench_step.rs; or of large matrix products.

    python scripts/bench/gpu_torch.py eager|compile f32|tf32|bf16 BASE LEVELS BATCH SIZE DEVICE
    python scripts/bench/gpu_torch.py peak DEVICE

PyTorch at its fairest: channels_last, cudnn.benchmark, fused Adam; bf16 is autocast over f32 weights. `compile` has forward pass and
loss in one torch.compile of the default mode. `peak` serves bf16 products of two 8192 × 8192 matrices of random numbers, the rate
that steps are compared with. What must be tried, compiled and warmed up is so before the first answer.

A line on standard input asks, a line on standard output answers. `steps N`: the mean milliseconds of N steps, enqueued back to back
and waited for once, at the end. `memory`: the most that the caching allocator held from the GPU after warming up, in MB (1e6 bytes);
on the CPU the largest resident set.
"""

import os
import sys
import time

import torch
from answering import peak_memory
from torch_step import UNet, loss

SIDE = 8192
WARM_UP = 5


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def trainer(mode, precision, base, levels, batch, size, device):
    """A function that does a step."""
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    net = UNet(3, 2, [base << level for level in range(levels)]).to(device, memory_format=torch.channels_last)
    images = torch.rand(batch, 3, size, size, device=device).to(memory_format=torch.channels_last)
    targets = (images[:, :2] > 0.5).float()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    def forward():
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = net(images)
        return loss(logits, targets)

    compiled = torch.compile(forward) if mode == "compile" else forward

    def step():
        adam.zero_grad(set_to_none=True)
        compiled().backward()
        adam.step()

    return step


def products(device):
    """A function that multiplies."""
    a, b = (torch.randn(SIDE, SIDE, device=device, dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


def settle(step, device):
    """Warms up, then forgets what trying out algorithms took."""
    for _ in range(WARM_UP):
        step()
    synchronize(device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def milliseconds(step, count, device):
    synchronize(device)
    start = time.perf_counter()
    for _ in range(count):
        step()
    synchronize(device)
    return (time.perf_counter() - start) * 1e3 / count


def memory(device):
    return torch.cuda.max_memory_reserved(device) / 1e6 if device.type == "cuda" else peak_memory()


def main():
    # A group of its own: whoever ends it ends the processes that compile for it too.
    os.setpgid(0, 0)
    mode, *words, device = sys.argv[1:]
    device = torch.device(device)
    if mode == "peak":
        step = products(device)
    else:
        precision, *numbers = words
        step = trainer(mode, precision, *map(int, numbers), device)
    settle(step, device)
    for line in sys.stdin:
        match line.split():
            case ["steps", count]:
                print(f"{milliseconds(step, int(count), device):.4f}", flush=True)
            case ["memory"]:
                print(f"{memory(device):.1f}", flush=True)
            case _:
                sys.exit(f"gpu_torch.py: no such request: {line.strip()}")


if __name__ == "__main__":
    main()
