"""Milliseconds of forward + backward of a U-Net, PyTorch and umlaut in turns, so that both see the same machine.

    cargo build --release --example step_time
    python scripts/step_time.py BASE LEVELS BATCH SIZE [STEPS]

Set MALLOC_TOP_PAD_ and MALLOC_MMAP_THRESHOLD_ for PyTorch's fairest run: large buffers are then not mapped anew each step.
"""

import statistics
import subprocess
import sys
import time

import torch
from unet_torch import UNet

base, levels, batch, size = map(int, sys.argv[1:5])
steps = int(sys.argv[5]) if len(sys.argv) > 5 else 15
child = subprocess.Popen(
    ["target/release/examples/step_time", *sys.argv[1:5]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
)
net = UNet(3, 2, [base << level for level in range(levels)])
images = torch.rand(batch, 3, size, size)
targets = (images[:, :2] > 0.5).float()


def umlaut():
    child.stdin.write("\n")
    child.stdin.flush()
    return [float(x) for x in child.stdout.readline().split()]


def pytorch():
    start = time.perf_counter()
    net.zero_grad(set_to_none=True)
    logits = net(images)
    p, dims = torch.sigmoid(logits), (2, 3)
    dice = 1 - (2 * (p * targets).sum(dims) + 1) / (p.sum(dims) + targets.sum(dims) + 1)
    loss = 0.5 * torch.nn.functional.binary_cross_entropy_with_logits(logits, targets) + 0.5 * dice.mean()
    middle = time.perf_counter()
    loss.backward()
    return [(middle - start) * 1e3, (time.perf_counter() - middle) * 1e3]


rounds = [(umlaut(), pytorch()) for _ in range(steps + 3)][3:]
child.stdin.close()
child.wait()
medians = [[statistics.median(r[who][part] for r in rounds) for part in (0, 1)] for who in (0, 1)]
totals = [statistics.median(sum(r[who]) for r in rounds) for who in (0, 1)]
for name, (forward, backward), total in zip(("umlaut", "pytorch"), medians, totals):
    print(f"{name:8} forward {forward:7.1f}  backward {backward:7.1f}  step {total:7.1f} ms")
print(f"ratio {statistics.median(sum(a) / sum(b) for a, b in rounds):.2f} ({steps} rounds, {torch.get_num_threads()} PyTorch threads)")
