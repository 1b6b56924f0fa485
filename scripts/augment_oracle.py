"""Reference values for the tests of src/data/augment: PyTorch's bicubic interpolation, SciPy's resampling and blur, and Python's
colorsys. Prints what the tests quote.

    python scripts/augment_oracle.py
"""

import colorsys
import math

import numpy as np
import scipy.ndimage as ndimage
import torch


def show(name, values):
    print(name, "[" + ", ".join(f"{float(v):.6f}" for v in np.asarray(values).ravel()) + "]")


nodes = torch.tensor([[((5 * i + 3 * j + 1) % 7) - 3.0 for j in range(3)] for i in range(3)])
field = torch.nn.functional.interpolate(nodes[None, None], size=(5, 7), mode="bicubic", align_corners=True)
show("elastic", field)

pattern = np.array([(i * 37 % 101) / 100 for i in range(35)], dtype=np.float64).reshape(7, 5)
show("blur", ndimage.gaussian_filter(pattern, 1.3, mode="reflect", truncate=4.0))

for rgb in [(0.2, 0.5, 0.7), (0.9, 0.1, 0.3), (0.3, 0.8, 0.4)]:
    for degrees in (40.0, -100.0):
        h, s, v = colorsys.rgb_to_hsv(*rgb)
        show(f"hue {rgb} {degrees}", colorsys.hsv_to_rgb((h + degrees / 360) % 1, s, v))

# Counter-clockwise by 25 degrees, 1.2 times as large, 0.1 of the height down and 0.2 of the width to the left.
angle, factor, shift = math.radians(25.0), 1.2, np.array([0.1 * 7, -0.2 * 5])
centre = (np.array(pattern.shape) - 1) / 2
back = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) / factor
places = np.moveaxis(np.indices(pattern.shape, dtype=np.float64), 0, -1) - centre - shift
places = np.moveaxis(places @ back.T + centre, -1, 0)
mask = (pattern > 0.5).astype(np.uint8)
for name, mode in [("mirror", "reflect"), ("black", "grid-constant")]:
    show(f"warp {name}", ndimage.map_coordinates(pattern, places, order=1, mode=mode, cval=0.0))
    print(f"mask {name}", ndimage.map_coordinates(mask, places, order=0, mode=mode, cval=0).ravel().tolist())
