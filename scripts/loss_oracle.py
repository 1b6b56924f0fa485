"""The terms of a loss beside BCE and Dice, by formulas in PyTorch (float64, autograd): values of each image, and gradients of their weighted mean.

    python scripts/loss_oracle.py        # writes tests/fixtures/terms.safetensors, which tests/loss_terms.rs reads; needs scipy

Where MONAI is installed, its Tversky, focal, Dice and Jaccard losses are compared with these formulas first.
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from scipy import ndimage

torch.manual_seed(11)
SIZE = (3, 2, 13, 17)
logits = (3 * torch.randn(SIZE)).float().double()
logits[0, 0, 0, :4] = torch.tensor([60.0, -60.0, 0.0, 1.0])
rows, columns = torch.meshgrid(torch.arange(13), torch.arange(17), indexing="ij")
blobs = ((rows < 4) & (columns < 5)) | ((rows > 6) & (columns > 3) & (columns < 9)) | ((columns > 11) & (columns == rows + 7))
targets = torch.stack([torch.stack([blobs, blobs.flip(1)]), torch.rand(2, 13, 17) < 0.3, torch.zeros(2, 13, 17).bool()]).double()
exclusive = targets.clone()
exclusive[:, 1] *= 1 - exclusive[:, 0]
class_weights = torch.tensor([1.0, 3.0]).double()


def per_plane(f):
    """The weighted mean over classes of f of each class of each image."""

    def of(x, t):
        planes = torch.stack([torch.stack([f(x[n, c], t[n, c], c) for c in range(2)]) for n in range(3)])
        return (planes * class_weights).sum(1) / class_weights.sum()

    return of


def weighted_bce(x, t, c):
    return F.binary_cross_entropy_with_logits(x, t, pos_weight=torch.tensor([2.5, 0.5]).double()[c])


def tversky_index(x, t, alpha, beta, smoothing=1):
    p = torch.sigmoid(x)
    both, wrong, missed = (p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum()
    return (both + smoothing) / (both + alpha * wrong + beta * missed + smoothing)


def focal(x, t, c):
    ce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    wrong = torch.sigmoid(-x) * t + torch.sigmoid(x) * (1 - t)
    return ((0.3 * t + 0.7 * (1 - t)) * wrong**1.5 * ce).mean()


def jaccard(x, t, c):
    p = torch.sigmoid(x)
    both = (p * t).sum()
    return 1 - (both + 1) / (p.sum() + t.sum() - both + 1)


def lovasz(x, t, c):
    x, t = x.flatten(), t.flatten()
    errors, order = torch.sort(1 - x * (2 * t - 1), descending=True, stable=True)
    t = t[order]
    jaccard = 1 - (t.sum() - t.cumsum(0)) / (t.sum() + (1 - t).cumsum(0))
    growth = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
    return (F.relu(errors) * growth).sum()


def boundary(x, t, c, w0=10.0, sigma=5.0):
    labels, count = ndimage.label(t.numpy(), structure=np.ones((3, 3)))
    weights = np.ones(t.shape)
    if count > 1:
        distances = np.sort(np.stack([ndimage.distance_transform_edt(labels != k + 1) for k in range(count)]), 0)
        between = w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
        weights += np.where(t.numpy() > 0, 0, between)
    return (torch.from_numpy(weights) * F.binary_cross_entropy_with_logits(x, t, reduction="none")).mean()


def softmax_ce(x, t):
    x = torch.cat([torch.zeros_like(x[:, :1]), x], 1)
    truth = (t[:, 0] + 2 * t[:, 1]).long()
    weight = torch.cat([torch.ones(1).double(), class_weights])
    return torch.stack([F.cross_entropy(x[n : n + 1], truth[n : n + 1], weight=weight) for n in range(3)])


def softmax_dice(x, t):
    """Soft Dice of the softmax's probabilities, the background being a class of logit 0."""
    p = torch.softmax(torch.cat([torch.zeros_like(x[:, :1]), x], 1), 1)[:, 1:].flatten(2)
    t = t.flatten(2)
    planes = 1 - (2 * (p * t).sum(2) + 1) / (p.sum(2) + t.sum(2) + 1)
    return planes @ class_weights / class_weights.sum()


TERMS = {
    "weighted_bce": per_plane(weighted_bce),
    "tversky_loss": per_plane(lambda x, t, c: 1 - tversky_index(x, t, 0.3, 0.7)),
    "focal_loss": per_plane(focal),
    "focal_tversky_loss": per_plane(lambda x, t, c: (1 - tversky_index(x, t, 0.3, 0.7)) ** 0.75),
    "jaccard_loss": per_plane(jaccard),
    "lovasz_loss": per_plane(lovasz),
    "boundary_loss": per_plane(boundary),
    "softmax_ce": softmax_ce,
    "softmax_dice": softmax_dice,
}


def compare_with_monai():
    try:
        from monai import losses
    except ImportError:
        print("MONAI is not installed: formulas of PyTorch alone")
        return
    plain = {"sigmoid": True, "reduction": "none"}
    # Two in numerator and denominator of MONAI's 2·I / 2·U are one in those of I / U.
    theirs = {
        "tversky_loss": losses.TverskyLoss(alpha=0.3, beta=0.7, smooth_nr=1, smooth_dr=1, **plain),
        "jaccard_loss": losses.DiceLoss(jaccard=True, smooth_nr=2, smooth_dr=2, **plain),
        "dice_loss": losses.DiceLoss(smooth_nr=1, smooth_dr=1, **plain),
        "focal_loss": losses.FocalLoss(gamma=1.5, alpha=0.3, reduction="none"),
    }
    ours = {**TERMS, "dice_loss": per_plane(lambda x, t, c: 1 - tversky_index(x, t, 0.5, 0.5, 0.5))}
    for name, loss in theirs.items():
        x = logits.clone().requires_grad_()
        planes = loss(x, targets).double().reshape(3, 2, -1).mean(2) @ class_weights / class_weights.sum()
        gradient = torch.autograd.grad(planes.mean(), x)[0]
        y = logits.clone().requires_grad_()
        own = ours[name](y, targets)
        own_gradient = torch.autograd.grad(own.mean(), y)[0]
        far = max((planes - own).abs().max().item(), (gradient - own_gradient).abs().max().item())
        print(f"{name}: values and gradients of MONAI differ by {far:.1e} at most")
        assert far < 1e-6, name


compare_with_monai()
kept = {"logits": logits, "targets": targets, "exclusive": exclusive}
for name, term in TERMS.items():
    x = logits.clone().requires_grad_()
    values = term(x, exclusive if name.startswith("softmax") else targets)
    values.mean().backward()
    kept.update({f"{name}/values": values, f"{name}/gradient": x.grad})
fixtures = pathlib.Path(__file__).parent.parent / "tests" / "fixtures"
save_file({k: v.detach().float().contiguous() for k, v in kept.items()}, fixtures / "terms.safetensors")
