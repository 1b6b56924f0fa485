"""The U-Net of src/model/unet.rs in PyTorch: a checkpoint of umlaut loads with strict=True.

    net = UNet(in_channels=3, classes=2, channels=[64, 128, 256, 512, 1024])
    net.load_state_dict(safetensors.torch.load_file("best.safetensors"), strict=True)

(`num_batches_tracked`, which the file lacks, PyTorch sets to 0 by itself.)
"""

import torch
from torch import nn


class UNet(nn.Module):
    def __init__(self, in_channels, classes, channels, up="nearest_conv", norm="batch", groups=8):
        super().__init__()
        norms = {"batch": nn.BatchNorm2d, "group": lambda c: nn.GroupNorm(groups, c), "none": lambda c: nn.Identity()}

        def unit(a, b):
            return nn.Conv2d(a, b, 3, padding=1), norms[norm](b), nn.ReLU()

        def block(a, b):
            return nn.Sequential(*unit(a, b), *unit(b, b))

        def climb(a, b):
            return nn.ConvTranspose2d(a, b, 2, 2) if up == "transposed" else nn.Sequential(nn.Upsample(scale_factor=2), *unit(a, b))

        self.encoder = nn.ModuleList(block(a, b) for a, b in zip([in_channels, *channels], channels))
        self.up = nn.ModuleList(climb(b, a) for a, b in zip(channels, channels[1:]))
        self.decoder = nn.ModuleList(block(2 * a, a) for a in channels[:-1])
        self.head = nn.Conv2d(channels[0], classes, 1)

    def forward(self, x):
        skips = []
        for block in self.encoder[:-1]:
            skips.append(block(x))
            x = nn.functional.max_pool2d(skips[-1], 2)
        x = self.encoder[-1](x)
        for up, block, skip in zip(reversed(self.up), reversed(self.decoder), reversed(skips)):
            x = block(torch.cat([skip, up(x)], 1))
        return self.head(x)
