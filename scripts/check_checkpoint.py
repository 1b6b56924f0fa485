"""Loads a checkpoint of umlaut into PyTorch with strict=True and compares logits.

    cargo run --example logits -- DIR 3 2 nearest_conv batch 8 16 32    # writes weights, images and logits to DIR
    python scripts/check_checkpoint.py DIR 3 2 nearest_conv batch 8 16 32

With a run's checkpoints/best.safetensors as DIR/weights.safetensors beforehand, that is what is compared; 3 channels, 2 classes and the model
must then be those of its run.toml.
"""

import pathlib
import sys

import torch
from safetensors.torch import load_file
from unet_torch import UNet

folder = pathlib.Path(sys.argv[1])
in_channels, classes, up, norm, *channels = sys.argv[2:]
net = UNet(int(in_channels), int(classes), [int(c) for c in channels], up, norm)
net.load_state_dict(load_file(folder / "weights.safetensors"), strict=True)
run = load_file(folder / "run.safetensors")
with torch.no_grad():
    difference = (net.eval()(run["images"]) - run["logits"]).abs().max().item()
print(f"largest difference of logits {difference:.1e}, largest logit {run['logits'].abs().max().item():.2f}")
sys.exit(difference > 1e-5)
