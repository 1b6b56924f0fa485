"""torch_train.py as an application of Hydra: `hydra_train.py --multirun seed=1,2,3`, all runs one after the other in one process."""

import pathlib
import sys

import hydra
import torch_train
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base=None, config_path=None)
def main(run):
    words = ["--root", run.root, "--train", *run.train, "--val", *run.val, "--size", run.size, "--channels", *run.channels]
    words += ["--epochs", run.epochs, "--batch", run.batch, "--seed", run.seed, "--threads", run.threads]
    words += ["--csv", pathlib.Path(HydraConfig.get().runtime.output_dir) / "metrics.csv"]
    sys.argv = [sys.argv[0], *map(str, words)]
    torch_train.main()


if __name__ == "__main__":
    main()
