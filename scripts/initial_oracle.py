"""A network's state as PyTorch programs leave it, and its logits, for src/train/initial_weights/tests.rs.

    pip install torch numpy safetensors && python scripts/initial_oracle.py

writes tests/fixtures/pytorch_state.safetensors, which a program might hand to umlaut as training.initial.weights: every name begins with
`module.` (of DataParallel), `num_batches_tracked` is there, the decoder is bfloat16 and the head float64; and
tests/fixtures/pytorch_logits.safetensors, images and what PyTorch makes of them in use.
"""

import pathlib

import torch
from safetensors.torch import save_file
from unet_torch import UNet

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"
torch.manual_seed(1905)

net = UNet(in_channels=3, classes=2, channels=[4, 8])
images = torch.rand(2, 3, 8, 8)
with torch.no_grad():
    for _ in range(3):
        net(torch.rand(4, 3, 8, 8))  # running statistics that are not those of the start
state = net.state_dict()
for name, tensor in state.items():
    if tensor.is_floating_point() and name.startswith("decoder."):
        state[name] = tensor.bfloat16()
    elif name.startswith("head."):
        state[name] = tensor.double()
net.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()})
with torch.no_grad():
    logits = net.eval()(images)
save_file({f"module.{name}": tensor.contiguous() for name, tensor in state.items()}, FIXTURES / "pytorch_state.safetensors")
save_file({"images": images, "logits": logits}, FIXTURES / "pytorch_logits.safetensors")
