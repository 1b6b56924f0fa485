#!/usr/bin/env python3
"""Trains the same small U-Net on the same batches in PyTorch and in umlaut, and compares step by step.

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python scripts/parity.py                       # writes tests/fixtures/parity.safetensors and compares
    venv/bin/python scripts/parity.py --channels 8 16 --size 32 --out other.safetensors

The bound of 1e-4 on each loss is for a small network: Adam turns rounding noise into full steps, and with channels 16, 32, 64 at
64 pixels PyTorch in f32 and PyTorch in f64 are 1.6e-4 apart within these 20 steps.

The PyTorch side runs here: seeded weights, 20 Adam steps on seeded images (batch norm, biases, 0.5 BCE + 0.5 soft Dice). Its
start, batches, losses and end go into one safetensors file. The umlaut side is tests/parity.rs, which starts from the same
weights and goes through the same batches; this script calls it at the end (`--no-compare` leaves that out).
"""

import argparse
import os
import pathlib
import subprocess
import sys

import torch
from safetensors.torch import save_file
from unet_torch import UNet

HOME = pathlib.Path(__file__).resolve().parent.parent
STEPS, CLASSES, LR = 20, 2, 1e-3


def batches(count, n, size, generator):
    """Soft-edged random blobs on noise, with their masks: something that can be learnt."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    for _ in range(count):
        centre = torch.rand(n, CLASSES, 2, generator=generator) * size
        radius = (0.15 + 0.2 * torch.rand(n, CLASSES, generator=generator)) * size
        distance = ((y - centre[..., 0, None, None]) ** 2 + (x - centre[..., 1, None, None]) ** 2).sqrt()
        masks = (distance < radius[..., None, None]).float()
        shades = torch.cat([masks, masks.sum(1, keepdim=True) / CLASSES], 1)
        images = 0.2 + 0.6 * shades + 0.2 * torch.rand(n, 3, size, size, generator=generator)
        yield images.clamp(0, 1), masks


def loss(logits, targets):
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    p = logits.sigmoid()
    sums = (p * targets).sum((2, 3)), p.sum((2, 3)), targets.sum((2, 3))
    dice_loss = 1 - (2 * sums[0] + 1) / (sums[1] + sums[2] + 1)
    return 0.5 * bce + 0.5 * dice_loss.mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--size", type=int, default=16)
    parser.add_argument("--batch", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default=HOME / "tests" / "fixtures" / "parity.safetensors")
    parser.add_argument("--no-compare", action="store_true")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    net = UNet(3, CLASSES, args.channels)
    tensors = {f"start.{name}": t.clone() for name, t in net.state_dict().items() if t.is_floating_point()}
    adam = torch.optim.Adam(net.parameters(), lr=LR)
    losses = []
    lagged = {name: torch.zeros_like(t) for name, t in net.named_parameters() if name.endswith(".bias")}
    # Four batches, over and over: the file stays small.
    seen = list(batches(4, args.batch, args.size, torch.Generator().manual_seed(args.seed)))
    for step in range(STEPS):
        images, masks = seen[step % len(seen)]
        # What a bias before a batch norm adds to the running mean behind it; see tests/parity.rs.
        for name, bias in net.named_parameters():
            if name in lagged:
                lagged[name] = 0.9 * lagged[name] + 0.1 * bias.detach()
        adam.zero_grad()
        value = loss(net(images), masks)
        value.backward()
        adam.step()
        losses.append(value.item())
    tensors |= {f"end.{name}": t.clone() for name, t in net.state_dict().items() if t.is_floating_point()}
    tensors |= {f"images.{i}": images for i, (images, _) in enumerate(seen)}
    tensors |= {f"masks.{i}": masks.byte() for i, (_, masks) in enumerate(seen)}
    tensors |= {f"lagged.{name}": t for name, t in lagged.items()}
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    tensors["channels"] = torch.tensor(args.channels)
    save_file(tensors, args.out)
    print(f"PyTorch {torch.__version__}: loss {losses[0]:.6f} to {losses[-1]:.6f}; {args.out} has {args.out.stat().st_size} bytes", flush=True)
    if not args.no_compare:
        environment = os.environ | {"UMLAUT_PARITY": str(args.out.resolve())}
        command = ["cargo", "test", "--quiet", "--test", "parity", "--", "--nocapture"]
        sys.exit(subprocess.run(command, cwd=HOME, env=environment).returncode)


if __name__ == "__main__":
    main()
