"""The networks of src/model in PyTorch: a checkpoint of umlaut loads with strict=True.

    net = UNet(in_channels=3, classes=2, channels=[64, 128, 256, 512, 1024])
    net.load_state_dict(safetensors.torch.load_file("best.safetensors"), strict=True)

(`num_batches_tracked`, which the file lacks, PyTorch sets to 0 by itself.) `AttentionUNet` and `UNetPlusPlus` go likewise.
"""

from math import gcd

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "silu": nn.SiLU}


class Block(nn.Sequential):
    """(conv 3×3, norm, activation) twice; residual: what the shortcut makes of the input is added before the last activation."""

    def __init__(self, a, b, norm, activation, residual):
        super().__init__(nn.Conv2d(a, b, 3, padding=1), norm(b), activation(), nn.Conv2d(b, b, 3, padding=1), norm(b), activation())
        if residual:
            self.shortcut = nn.Sequential(nn.Conv2d(a, b, 1), norm(b))

    def forward(self, x):
        y = x
        for name, layer in list(self.named_children())[:5]:
            y = layer(y)
        return self[5](y + self.shortcut(x) if hasattr(self, "shortcut") else y)


class Gate(nn.Module):
    """An additive attention gate (Oktay et al. 2018) on a skip of c channels."""

    def __init__(self, c, norm):
        super().__init__()
        inside = max(c // 2, 1)
        self.signal = nn.Sequential(nn.Conv2d(c, inside, 1), norm(inside))
        self.skip = nn.Sequential(nn.Conv2d(c, inside, 1), norm(inside))
        self.psi = nn.Sequential(nn.Conv2d(inside, 1, 1), norm(1))

    def forward(self, signal, skip):
        return skip * torch.sigmoid(self.psi(torch.relu(self.signal(signal) + self.skip(skip))))


def kinds(norm, groups, activation):
    norms = {"batch": nn.BatchNorm2d, "group": lambda c: nn.GroupNorm(gcd(groups, c), c), "instance": lambda c: nn.GroupNorm(c, c)}
    return norms.get(norm, lambda c: nn.Identity()), ACTIVATIONS[activation]


class UNet(nn.Module):
    def __init__(
        self, in_channels, classes, channels, up="nearest_conv", norm="batch", groups=8, activation="relu", residual=False, gated=False
    ):
        super().__init__()
        norm, act = kinds(norm, groups, activation)

        def climb(a, b):
            if up == "transposed":
                return nn.ConvTranspose2d(a, b, 2, 2)
            return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1), norm(b), act())

        pairs = zip([in_channels, *channels], channels)
        self.encoder = nn.ModuleList(Block(a, b, norm, act, residual) for a, b in pairs)
        self.up = nn.ModuleList(climb(b, a) for a, b in zip(channels, channels[1:]))
        self.gate = nn.ModuleList(Gate(a, norm) for a in channels[:-1] if gated)
        self.decoder = nn.ModuleList(Block(2 * a, a, norm, act, residual) for a in channels[:-1])
        self.head = nn.Conv2d(channels[0], classes, 1)

    def forward(self, x):
        skips = []
        for block in self.encoder[:-1]:
            skips.append(block(x))
            x = nn.functional.max_pool2d(skips[-1], 2)
        x = self.encoder[-1](x)
        for level in reversed(range(len(skips))):
            x, skip = self.up[level](x), skips[level]
            x = self.decoder[level](torch.cat([self.gate[level](x, skip) if self.gate else skip, x], 1))
        return self.head(x)


class AttentionUNet(UNet):
    def __init__(self, *args, **more):
        super().__init__(*args, **more, gated=True)


class UNetPlusPlus(nn.Module):
    def __init__(self, in_channels, classes, channels, norm="batch", groups=8, activation="relu", residual=False,
                 deep_supervision=False):
        super().__init__()
        norm, act = kinds(norm, groups, activation)
        inputs = [in_channels, *channels]
        depth = len(channels) - 1

        def block(level, column):
            a = column * channels[level] + channels[level + 1] if column else inputs[level]
            return Block(a, channels[level], norm, act, residual)

        self.block = nn.ModuleList(
            nn.ModuleList(block(level, column) for column in range(depth - level + 1)) for level in range(depth + 1)
        )
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        sides = depth - 1 if deep_supervision else 0
        self.side = nn.ModuleList(nn.Conv2d(channels[0], classes, 1) for _ in range(sides))
        self.head = nn.Conv2d(channels[0], classes, 1)

    def forward(self, x):
        maps = []
        for blocks in self.block:
            x = nn.functional.max_pool2d(maps[-1][0], 2) if maps else x
            maps.append([blocks[0](x)])
        for column in range(1, len(maps)):
            for level in range(len(maps) - column):
                sources = [*maps[level], self.up(maps[level + 1][column - 1])]
                maps[level].append(self.block[level][column](torch.cat(sources, 1)))
        logits = self.head(maps[0][-1])
        if not (self.training and len(self.side)):
            return logits
        return [*(side(x) for side, x in zip(self.side, maps[0][1:])), logits]
