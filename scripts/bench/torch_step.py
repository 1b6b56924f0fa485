"""A server of U-Net steps in PyTorch, the counterpart of scripts/bench_step.rs and with the same lines in and out.

    python scripts/bench/torch_step.py train|infer eager|compile|freeze f32|bf16 contiguous|channels_last BASE LEVELS BATCH SIZE THREADS

bf16 is autocast over f32 weights. `compile` has the forward pass, in training with the loss, in one torch.compile of the default mode;
`freeze`, for `infer`, makes the weights constants of what is compiled. A line `memory` on standard input is answered by the largest
resident set so far, in MB; any other line by the milliseconds of a step, `forward backward optimizer`, or `forward` alone for `infer`.
"""

import pathlib
import sys
import time

import torch
from answering import serve

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from unet_torch import UNet  # noqa: E402


def loss(logits, targets):
    """0.5 binary cross-entropy + 0.5 soft Dice loss with smoothing 1, as `[loss]` has it by default."""
    logits = logits.float()
    p, dims = torch.sigmoid(logits), (2, 3)
    dice = 1 - (2 * (p * targets).sum(dims) + 1) / (p.sum(dims) + targets.sum(dims) + 1)
    return 0.5 * torch.nn.functional.binary_cross_entropy_with_logits(logits, targets) + 0.5 * dice.mean()


def inference(net, images, autocast, mode):
    """A function that does a forward pass."""
    net.eval()
    if mode == "freeze":
        import torch._inductor.config as inductor

        inductor.freezing = True
    forward = net if mode == "eager" else torch.compile(net)

    def step():
        start = time.perf_counter()
        with torch.inference_mode(), autocast:
            forward(images)
        return [start, time.perf_counter()]

    return step


def training(net, images, autocast, mode):
    """A function that does a step of Adam."""
    targets = (images[:, :2] > 0.5).float()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    def forward(images, targets):
        with autocast:
            logits = net(images)
        return loss(logits, targets)

    forward = forward if mode == "eager" else torch.compile(forward)

    def step():
        start = time.perf_counter()
        adam.zero_grad(set_to_none=True)
        value = forward(images, targets)
        forwarded = time.perf_counter()
        value.backward()
        backward = time.perf_counter()
        adam.step()
        return [start, forwarded, backward, time.perf_counter()]

    return step


def main():
    work, mode, precision, layout = sys.argv[1:5]
    base, levels, batch, size, threads = map(int, sys.argv[5:])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    memory_format = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[layout]
    autocast = torch.autocast("cpu", torch.bfloat16, enabled={"f32": False, "bf16": True}[precision])
    net = UNet(3, 2, [base << level for level in range(levels)]).to(memory_format=memory_format)
    images = torch.rand(batch, 3, size, size).to(memory_format=memory_format)
    serve({"train": training, "infer": inference}[work](net, images, autocast, mode))


if __name__ == "__main__":
    main()
