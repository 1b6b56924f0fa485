"""Values of every operation and of two small U-Nets from PyTorch, for tests/ops_torch.rs and tests/model_torch.rs.

    pip install torch numpy safetensors && python scripts/op_oracle.py

writes tests/fixtures/{ops,unet_nearest_batch,unet_transposed_group}.safetensors. Everything is computed in float64 from inputs
that float32 holds, and stored as float32. Names are CASE/TENSOR; `dy` is what flows in from behind, `dX` the gradient of X.
"""

import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from unet_torch import AttentionUNet, UNet, UNetPlusPlus

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"
torch.manual_seed(2015)
saved = {}


def draw(*shape):
    return torch.randn(*shape).double()


def case(name, function, **inputs):
    """Saves inputs, output `y`, a random `dy` and the gradients of all inputs but those whose name starts with `const_`."""
    leaves = {k: v.clone().requires_grad_(not k.startswith("const_")) for k, v in inputs.items()}
    y = function(*leaves.values())
    dy = draw(*y.shape) if y.dim() else torch.ones([]).double()
    y.backward(dy)
    saved.update({f"{name}/{k}": v for k, v in inputs.items()})
    saved.update({f"{name}/y": y, f"{name}/dy": dy})
    saved.update({f"{name}/d{k}": v.grad for k, v in leaves.items() if v.grad is not None})


def conv3x3(x, weight, bias=None):
    return F.conv2d(x, weight, bias, padding=1)


def soft_dice_loss(logits, targets, weights):
    p, dims = torch.sigmoid(logits), (2, 3)
    loss = 1 - (2 * (p * targets).sum(dims) + 1) / (p.sum(dims) + targets.sum(dims) + 1)
    return (loss.mean(0) * weights).sum() / weights.sum()


def bce(logits, targets, weights):
    loss = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean((0, 2, 3))
    return (loss * weights).sum() / weights.sum()


for tag, (n, i, o, h, w) in {"odd": (3, 3, 5, 5, 7), "point": (1, 17, 3, 1, 1), "wide": (2, 1, 4, 2, 3)}.items():
    case(f"conv3x3_{tag}", conv3x3, x=draw(n, i, h, w), weight=draw(o, i, 3, 3), bias=draw(o))
    case(f"conv1x1_{tag}", F.conv2d, x=draw(n, i, h, w), weight=draw(o, i, 1, 1), bias=draw(o))
    transposed = lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, stride=2)
    case(f"conv_transpose2x2_{tag}", transposed, x=draw(n, i, h, w), weight=draw(i, o, 2, 2), bias=draw(o))
    doubled = lambda x, weight, bias: conv3x3(F.interpolate(x, scale_factor=2), weight, bias)
    case(f"conv3x3_of_doubled_{tag}", doubled, x=draw(n, i, h, w), weight=draw(o, i, 3, 3), bias=draw(o))
    two = lambda a, b, weight, bias: conv3x3(torch.cat([a, b], 1), weight, bias)
    maps = dict(a=draw(n, i, h, w), b=draw(n, o, h, w))
    case(f"conv3x3_of_two_{tag}", two, **maps, weight=draw(o, i + o, 3, 3), bias=draw(o))

case("max_pool2x2_odd", lambda x: F.max_pool2d(x, 2), x=draw(2, 3, 5, 7))
ties = torch.randint(0, 2, (2, 2, 6, 8)).double()
ties[0, 0, 0, 1] = ties[0, 0, 3, 2] = ties[1, 1, 4, 0] = float("nan")
ties[1, 0, :2, :2] = float("-inf")
case("max_pool2x2_ties", lambda x: F.max_pool2d(x, 2), x=ties)
case("relu", F.relu, x=torch.tensor([[[[-1.0, 0.0, -0.0, 2.0, float("nan"), float("inf"), float("-inf")]]]]).double())

running = dict(const_mean=draw(3), const_var=draw(3).abs() + 0.5)
for tag, training in [("batch", True), ("running", False)]:
    mean, var = running["const_mean"].clone(), running["const_var"].clone()

    def norm(x, weight, bias, *_):
        return F.relu(F.batch_norm(x, mean, var, weight, bias, training=training, momentum=0.1, eps=1e-5))

    case(f"batch_norm_relu_{tag}", norm, x=3 + 2 * draw(2, 3, 5, 7), weight=draw(3), bias=draw(3), **running)
    saved.update({f"batch_norm_relu_{tag}/new_mean": mean, f"batch_norm_relu_{tag}/new_var": var})
case("group_norm_relu", lambda x, w, b: F.relu(F.group_norm(x, 3, w, b, 1e-5)), x=3 + 2 * draw(2, 6, 5, 7), w=draw(6), b=draw(6))

logits, targets = 5 * draw(3, 2, 5, 7), torch.randint(0, 2, (3, 2, 5, 7)).double()
logits[0, 0, 0, :4] = torch.tensor([100.0, -100.0, 1000.0, -1000.0])
targets[1, 1] = 0
for tag, weights in [("plain", [1.0, 1.0]), ("weighted", [0.5, 2.0])]:
    given = dict(logits=logits, const_targets=targets, const_weights=torch.tensor(weights).double())
    case(f"bce_{tag}", bce, **given)
    case(f"dice_{tag}", soft_dice_loss, **given)

FIXTURES.mkdir(exist_ok=True)
save_file({k: v.detach().float().contiguous() for k, v in saved.items()}, FIXTURES / "ops.safetensors")

NETS = {
    "unet_nearest_batch": lambda: UNet(3, 2, [2, 4, 6], "nearest_conv", "batch"),
    "unet_transposed_group": lambda: UNet(3, 2, [2, 4, 6], "transposed", "group", groups=2),
    "unet_residual_instance_silu": lambda: UNet(3, 2, [2, 4, 6], "nearest_conv", "instance", activation="silu", residual=True),
    "attention_batch": lambda: AttentionUNet(3, 2, [2, 4, 6], "nearest_conv", "batch"),
    "attention_group_elu": lambda: AttentionUNet(3, 2, [2, 4, 6], "transposed", "group", groups=2, activation="elu"),
    "nested_batch": lambda: UNetPlusPlus(3, 2, [2, 4, 6], "batch"),
    "nested_residual_leaky": lambda: UNetPlusPlus(3, 2, [2, 4, 6], "none", activation="leaky_relu", residual=True),
    "nested_deep": lambda: UNetPlusPlus(3, 2, [2, 4, 6], "batch", deep_supervision=True),
}
for name, net in NETS.items():
    net = net().double()
    for p in net.parameters():
        p.data = torch.randn_like(p).float().double() * (0.3 if p.dim() > 1 else 1.0)
    images, targets = torch.rand(2, 3, 12, 8).double(), torch.randint(0, 2, (2, 2, 12, 8)).double()
    weights = {f"weights/{k}": v.clone() for k, v in net.state_dict().items()}
    outputs = net(images)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    ones = torch.ones(2).double()
    losses = [0.5 * bce(logits, targets, ones) + 0.5 * soft_dice_loss(logits, targets, ones) for logits in outputs]
    loss, logits = sum(losses) / len(losses), outputs[-1]
    loss.backward()
    kept = {**weights, "images": images, "targets": targets, "train/logits": logits, "train/loss": loss}
    kept.update({f"grad/{k}": p.grad for k, p in net.named_parameters()})
    kept.update({f"after/{k}": v for k, v in net.named_buffers()})
    kept["eval/logits"] = net.eval()(images)
    kept = {k: v.detach().float().contiguous() for k, v in kept.items()}
    save_file(kept, FIXTURES / f"{name}.safetensors")
