"""Writes the U-Net of scripts/bench/torch_step.py, in evaluation mode and with a fixed size of input, as an ONNX file.

    python scripts/bench/torch_export.py BASE LEVELS BATCH SIZE FILE
"""

import pathlib
import sys
import warnings

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from unet_torch import UNet  # noqa: E402


def main():
    base, levels, batch, size = map(int, sys.argv[1:5])
    torch.manual_seed(1)
    net = UNet(3, 2, [base << level for level in range(levels)]).eval()
    # The exporter that needs no other package; it folds normalisation into the convolutions.
    warnings.simplefilter("ignore", DeprecationWarning)
    torch.onnx.export(net, (torch.rand(batch, 3, size, size),), sys.argv[5], dynamo=False, output_names=["logits"])


if __name__ == "__main__":
    main()
