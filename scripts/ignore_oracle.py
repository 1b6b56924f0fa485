"""Softmax cross-entropy with ignored pixels by PyTorch, for tests/ignored_pixels.rs.

    python scripts/ignore_oracle.py
"""

import torch
import torch.nn.functional as F

pixels, classes = 42, 2
logits = torch.tensor([((i * 37) % 50) / 10 - 2.5 for i in range(2 * classes * pixels)]).reshape(2, classes, pixels).double()
index = torch.arange(pixels)
truth = torch.where(index % 3 == 0, 1, torch.where(index % 3 == 1, 2, 0))
truth = torch.where(index % 5 == 0, -100, truth)
# The background is a class of its own, with a logit of 0.
with_background = torch.cat([torch.zeros(2, 1, pixels).double(), logits], 1)
weight = torch.tensor([1.0, 1.0, 3.0]).double()
values = [F.cross_entropy(image.T, truth, weight=weight, ignore_index=-100).item() for image in with_background]
print(sum(values) / 2)
