"""Values for the test of src/data/fit.rs: PyTorch's antialiased bilinear interpolation of a 7 x 5 pattern to 3 x 4."""

import torch
import torch.nn.functional as F

pattern = torch.tensor([(i * 37 % 101) / 100 for i in range(35)]).reshape(1, 1, 7, 5)
print(F.interpolate(pattern, size=(3, 4), mode="bilinear", antialias=True, align_corners=False).flatten().tolist())
