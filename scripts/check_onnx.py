"""Holds ONNX files of every kind of network against the program's own predictions, in ONNX Runtime and OpenVINO.

    python scripts/check_onnx.py target/debug/umlaut [EVERY]

trains each network, or of all that there are every so many-th, for one epoch in a temporary directory, exports it and predicts images of two sizes both ways: `umlaut predict` writes
probabilities as 16-bit PNG, whose logits are compared with those of the file (bound 1e-4, beyond what 16 bits cannot tell). Needs numpy, pillow,
onnxruntime and openvino; of the two last, what is missing is skipped, and said.
"""

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

BOUND = 1e-4
BASE = """
name = "net"
{dataset}
[preprocess]
size = [32, 32]
{preprocess}
[split.fractions]
train = 0.5
val = 0.25
test = 0.25
[model.{kind}]
channels = [4, 8, 12]
{model}
[training]
epochs = 1
batch_size = 4
{rest}
"""

SYNTHETIC = "[dataset.synthetic]\ncount = 12\nsize = [48, 48]"
# Three values of masks, so that two classes exclude each other.
FOLDERS = "[dataset.folders]\nroot = 'folders'\nclasses = ['disc', 'cup']\nmask_values = 'indexed'"


def folders(dir):
    """Images and masks of classes that exclude each other, as FOLDERS names them."""
    random = np.random.default_rng(2)
    for number in range(12):
        mask = np.kron(random.integers(0, 3, (4, 4), dtype=np.uint8), np.ones((8, 8), np.uint8))
        noise = random.integers(0, 60, (32, 32, 3), dtype=np.uint8)
        for below, picture in [("images", noise + mask[..., None] * np.uint8(90)), ("masks", mask)]:
            (dir / "folders" / below).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(dir / "folders" / below / f"{number}.png")


def cases():
    """Name, and what fills in the experiment."""
    plain = dict(dataset=SYNTHETIC, kind="unet", model="", preprocess="", rest="")
    norms = ["batch", "group", "instance", "none"]
    activations = ["relu", "leaky_relu", "elu", "silu"]
    for kind, norm, activation in itertools.product(["unet", "attention_unet", "unet_plus_plus"], norms, activations):
        ups = [""] if kind == "unet_plus_plus" else ["up = 'nearest_conv'", "up = 'transposed'"]
        for up, residual in itertools.product(ups, ["false", "true"]):
            groups = "groups = 4" if norm == "group" else ""
            model = f"norm = '{norm}'\nactivation = '{activation}'\nresidual = {residual}\n{up}\n{groups}"
            yield f"{kind} {norm} {activation} {up[6:-1]} residual {residual}", plain | dict(kind=kind, model=model)
    yield "normalise image", plain | dict(preprocess="normalise = 'image'")
    yield "normalise dataset", plain | dict(preprocess="normalise = 'dataset'")
    yield "window", plain | dict(preprocess="intensity = 'window'\nwindow = [40, 200]")
    yield "softmax", plain | dict(dataset=FOLDERS, rest="[loss]\nbce = 0\ndice = 0.5\nsoftmax_ce = { weight = 0.5 }")
    yield "deep supervision", plain | dict(kind="unet_plus_plus", model="deep_supervision = true")


def runtimes():
    """What calculates: name, and a function from a file and images to logits and probabilities."""
    found = {}
    try:
        import onnxruntime

        def by_onnxruntime(file, images):
            return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(["logits", "probabilities"], {"images": images})

        found["onnxruntime " + onnxruntime.__version__] = by_onnxruntime
    except ImportError:
        print("skipped: onnxruntime is not installed")
    try:
        import openvino

        core = openvino.Core()

        def by_openvino(file, images):
            result = core.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({"images": images})
            return result["logits"], result["probabilities"]

        found["openvino " + openvino.__version__.split("-")[0]] = by_openvino
    except ImportError:
        print("skipped: openvino is not installed")
    return found


def run(program, *arguments, cwd):
    done = subprocess.run([program, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
    return done.stdout


def logit(p):
    p = np.clip(p, 0.5 / 65535, 1 - 0.5 / 65535)
    return np.log(p / (1 - p))


def main():
    program, every = str(Path(sys.argv[1]).resolve()), int((sys.argv[2:] or ["1"])[0])
    calculated, random, worst, count = runtimes(), np.random.default_rng(1), {}, 0
    if not calculated:
        sys.exit("neither onnxruntime nor openvino is installed")
    with tempfile.TemporaryDirectory() as name:
        dir = Path(name)
        folders(dir)
        pictures = {}
        for side in [(32, 32), (48, 64)]:
            smooth = random.integers(0, 256, (side[0] // 8, side[1] // 8, 3), dtype=np.uint8)
            file = dir / f"{side[0]}x{side[1]}.png"
            Image.fromarray(smooth).resize(side[::-1]).save(file)
            pictures[file] = np.asarray(Image.open(file))
        for number, (case, values) in enumerate(itertools.islice(cases(), 0, None, every)):
            (dir / "x.toml").write_text(BASE.format(**values))
            results = f"results-{number}"
            run(program, "run", "x.toml", "--results", results, "--quiet", cwd=dir)
            run(program, "export", "onnx", "net", "--results", results, "--out", "net.onnx", "--force", cwd=dir)
            for file, picture in pictures.items():
                size = ",".join(map(str, picture.shape[:2]))
                how = ["--tiles", "--tile-size", size, "--probabilities", "--force", "--threshold", "0.5"]
                run(program, "predict", "net", file, "--results", results, "--out", "out", *how, cwd=dir)
                classes = ["disc", "cup"]
                own = [np.asarray(Image.open(next((dir / "out").glob(f"{file.stem}*{c}*prob*.png")))) / 65535 for c in classes]
                own = np.stack(own).astype(np.float64)
                # Half a step of the PNG, as a difference of logits.
                blurred = 0.5 / 65535 / np.maximum(own * (1 - own), 1e-6)
                for runtime, calculate in calculated.items():
                    logits, probabilities = (np.asarray(x, np.float64)[0] for x in calculate(str(dir / "net.onnx"), picture[None]))
                    theirs = logit(probabilities)
                    off = np.max(np.abs(logit(own) - theirs) - blurred)
                    if case != "softmax":
                        off = max(off, np.max(np.abs(logit(own) - logits) - blurred))
                    worst[runtime] = max(worst.get(runtime, 0.0), off)
                    if not off <= BOUND:
                        print(f"{case}, {size}, {runtime}: logits differ by {off:.2e}")
            count += 1
    for runtime, off in worst.items():
        print(f"{runtime}: {count} networks, 2 sizes: logits differ by {max(off, 0):.1e} at most beyond 16 bits, bound {BOUND:.0e}")
    sys.exit(any(off > BOUND for off in worst.values()))


main()
