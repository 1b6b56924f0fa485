"""How far the gradients of a whole U-Net are from those of PyTorch in float64: umlaut's precisions beside PyTorch's
float32 and its autocast to bfloat16.

    cargo build --release --example gradients
    python scripts/gradient_error.py [SIZE …]        # default: 64 128

One training step of a U-Net of 16 to 256 channels on a batch of 2, weights as drawn. The error of a tensor is the norm of the
difference over the norm of the right gradient; biases before a batch norm, whose gradient is 0, are left out. A unit that rounding
moves across the ReLU's kink, or a pixel that overtakes its neighbour in a pooling square, changes far more than rounding by itself,
so no float32 calculation comes close to float64 here, and draws differ.
"""

import pathlib
import statistics
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from unet_torch import UNet

CHANNELS, DRAWS = [16, 32, 64, 128, 256], 3
PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "target/release/examples/gradients"


def gradients(net, images, targets, autocast=False):
    net.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = net(images)
    logits = logits.to(targets.dtype)
    p, dims = torch.sigmoid(logits), (2, 3)
    dice = 1 - (2 * (p * targets).sum(dims) + 1) / (p.sum(dims) + targets.sum(dims) + 1)
    (0.5 * F.binary_cross_entropy_with_logits(logits, targets) + 0.5 * dice.mean()).backward()
    return {name: p.grad.double() for name, p in net.named_parameters()}


def errors(got, want):
    kept = [name for name in want if want[name].norm() > 1e-12]
    return [((got[name].double() - want[name]).norm() / want[name].norm()).item() for name in kept]


print(f"{'size':>5} {'draw':>5} {'':14} {'median':>9} {'largest':>9}")
for size in map(int, sys.argv[1:] or [64, 128]):
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        net = UNet(3, 2, CHANNELS)
        images, targets = torch.rand(2, 3, size, size), torch.randint(0, 2, (2, 2, size, size)).float()
        found = {}
        with tempfile.TemporaryDirectory() as folder:
            state = {k: v.contiguous() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
            save_file(state, f"{folder}/weights.safetensors")
            save_file({"images": images, "targets": targets}, f"{folder}/batch.safetensors")
            for precision in ["f32", "bf16"]:
                subprocess.run([PROGRAM, folder, precision, *map(str, CHANNELS)], check=True)
                found[f"umlaut {precision}"] = load_file(f"{folder}/{precision}.safetensors")
        found["PyTorch f32"] = gradients(net, images, targets)
        found["PyTorch bf16"] = gradients(net, images, targets, autocast=True)
        want = gradients(net.double(), images.double(), targets.double())
        for name, got in found.items():
            e = errors(got, want)
            print(f"{size:5} {draw:5} {name:14} {statistics.median(e):9.1e} {max(e):9.1e}", flush=True)
