"""Trains a U-Net in PyTorch on a folder of images and one of masks, as umlaut does from a TOML; one process, one run, one CSV.

    python scripts/bench/torch_train.py --root DIR --train NAMES --val NAMES --channels 16 32 64 --csv OUT.csv [options, see --help]

Images are DIR/images/NAME.png, masks DIR/MASKS/NAME.png, black and white, one folder per class. Everything is read once and kept in
memory. Loss, batches (the last may be smaller), learning rates and scores are umlaut's; random numbers are PyTorch's own.
"""

import argparse
import math
import pathlib
import sys

import numpy
import torch
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from torch_step import loss  # noqa: E402
from unet_torch import UNet  # noqa: E402


def read(folder, names, size):
    """(n, channels, size, size) in [0, 1]; bilinear with antialiasing where the size is another."""
    arrays = [numpy.asarray(Image.open(folder / f"{name}.png"), dtype=numpy.float32) / 255 for name in names]
    images = torch.from_numpy(numpy.stack([a if a.ndim == 3 else a[..., None] for a in arrays])).permute(0, 3, 1, 2).contiguous()
    if images.shape[2:] == (size, size):
        return images
    return torch.nn.functional.interpolate(images, (size, size), mode="bilinear", antialias=True)


def read_masks(folders, names, size):
    """(n, classes, size, size) in {0, 1}; the pixel under the centre where the size is another."""
    masks = torch.cat([read(folder, names, Image.open(folder / f"{names[0]}.png").size[0]) for folder in folders], 1)
    return (torch.nn.functional.interpolate(masks, (size, size), mode="nearest-exact") >= 0.5).float()


def dice(logits, targets):
    """Of each image and class at p ≥ 0.5: 2·|P∩T| / (|P| + |T|), 1 if both are empty; src/metric/tally.rs."""
    preds = (logits >= 0).double()
    both, total = (preds * targets).sum((2, 3)), preds.sum((2, 3)) + targets.double().sum((2, 3))
    return torch.where(total == 0, 1.0, 2 * both / total.clamp(min=1))


def rate(args, epoch):
    """The learning rate of an epoch, counted from 0."""
    if args.step:
        return args.lr * args.step[1] ** (epoch // int(args.step[0]))
    return args.lr * (1 + math.cos(math.pi * epoch / args.epochs)) / 2 if args.cosine else args.lr


def train_epoch(forward, net, adam, images, masks, batch):
    """The mean loss over the batches."""
    net.train()
    losses = []
    for indices in torch.randperm(len(images)).split(batch):
        adam.zero_grad(set_to_none=True)
        _, value = forward(images[indices], masks[indices])
        value.backward()
        adam.step()
        losses.append(value.item())
    return sum(losses) / len(losses)


@torch.inference_mode()
def validate(forward, net, images, masks, batch):
    """The mean loss over the batches, weighted by their size, and the mean Dice over the images."""
    net.eval()
    losses, scores = 0.0, []
    for some, targets in zip(images.split(batch), masks.split(batch)):
        logits, value = forward(some, targets)
        losses += value.item() * len(some)
        scores.append(dice(logits, targets))
    return losses / len(images), torch.cat(scores).mean().item()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--masks", nargs="+", default=["masks"], help="folders of the masks below the root, one per class")
    parser.add_argument("--train", nargs="+", required=True, metavar="NAME")
    parser.add_argument("--val", nargs="+", required=True, metavar="NAME")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--channels", type=int, nargs="+", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--cosine", action="store_true", help="the rate falls along half a cosine, else it is constant")
    parser.add_argument("--step", type=float, nargs=2, metavar=("EPOCHS", "FACTOR"), help="after so many epochs it is so many times as large")
    parser.add_argument("--bf16", action="store_true", help="autocast")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--csv", type=pathlib.Path, required=True)
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    memory_format = torch.channels_last if args.channels_last else torch.contiguous_format
    train, val = (
        (
            read(args.root / "images", names, args.size).to(memory_format=memory_format),
            read_masks([args.root / folder for folder in args.masks], names, args.size),
        )
        for names in (args.train, args.val)
    )
    net = UNet(train[0].shape[1], len(args.masks), args.channels).to(memory_format=memory_format)
    adam = torch.optim.Adam(net.parameters(), lr=args.lr, fused=True)

    def forward(images, targets):
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            logits = net(images)
        return logits, loss(logits, targets)

    if args.compile:
        # Anew for each size of batch, which runs faster than what is compiled for any.
        forward = torch.compile(forward, dynamic=False)
    with args.csv.open("w") as csv:
        print("epoch,lr,train_loss,val_loss,val_dice", file=csv, flush=True)
        for epoch in range(args.epochs):
            lr = adam.param_groups[0]["lr"] = rate(args, epoch)
            trained = train_epoch(forward, net, adam, *train, args.batch)
            validated = validate(forward, net, *val, args.batch)
            print(epoch + 1, lr, trained, *validated, sep=",", file=csv, flush=True)


if __name__ == "__main__":
    main()
