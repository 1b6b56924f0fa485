"""Writes arrays and pictures of every type at random, and compares what umlaut reads of them with what NumPy, tifffile and Pillow hold, bit for bit.

    cargo build --example decode && python3 scripts/array_oracle.py target/debug/examples/decode [FILES [SEED]]

Needs numpy, pillow, tifffile and imagecodecs. Files are .npy and .npz of all types, orders of bytes and of axes; TIFF of integers and floats of all widths,
any number of channels, planes, tiles, strips, differences, BigTIFF, OME-TIFF with all orders of dimensions and smaller copies, hyperstacks of ImageJ;
WebP without loss and GIF. A value counts as the same if it is the nearest f32 of what was written. Exits 1 if a file is refused or a value differs.
"""

import io
import json
import random
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import tifffile
from PIL import Image

warnings.filterwarnings("ignore")
INTEGERS = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8"]
FLOATS = ["f2", "f4", "f8"]


def values(g, shape, kind):
    """Numbers over the whole range of a type, of 64-bit floats what f32 can hold."""
    kind = np.dtype(kind)
    if kind.kind == "b":
        return g.random(shape) < 0.5
    if kind.kind == "f":
        return (g.standard_normal(shape) * 10.0 ** g.integers(-3, 4)).astype(kind)
    return g.integers(np.iinfo(kind).min, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)


def array(r, g):
    """A .npy or .npz: name, ending, bytes, pictures · channels · height · width."""
    kind = r.choice(INTEGERS + FLOATS + ["b1"])
    h, w, c = r.randint(17, 40), r.randint(17, 40), r.randint(1, 16)
    where = r.choice(["none", "first", "last"])
    shape = {"none": (h, w), "first": (c, h, w), "last": (h, w, c)}[where]
    a = values(g, shape, kind)
    stored = a.astype(a.dtype.newbyteorder(r.choice("<>")))
    if r.random() < 0.5:
        stored = np.asfortranarray(stored)
    b, ending = io.BytesIO(), r.choice(["npy", "npy", "npz"])
    if ending == "npy":
        np.lib.format.write_array(b, stored, version=r.choice([(1, 0), (2, 0), (3, 0)]))
    else:
        save = r.choice([np.savez, np.savez_compressed])
        save(b, **r.choice([{"arr_0": stored}, {"some": stored}, {"image": stored, "other": np.arange(3)}]))
    want = a[None] if where == "none" else a if where == "first" else np.moveaxis(a, 2, 0)
    return f"{ending} {kind}, channels {where}", ending, b.getvalue(), want[None]


def layout(r, h, kind, channels, planar):
    keys = dict(byteorder=r.choice("<>"), bigtiff=r.random() < 0.3)
    compression = r.choice([None, "zlib", "lzw", "zstd", "packbits"])
    if compression:
        keys["compression"] = compression
        if compression != "packbits" and r.random() < 0.6:
            keys["predictor"] = 3 if np.dtype(kind).kind == "f" else 2
    if r.random() < 0.5:
        keys["tile"] = (16 * r.randint(1, 3), 16 * r.randint(1, 3))
    else:
        keys["rowsperstrip"] = r.randint(1, h)
    return keys


def tiff(r, g):
    kind = r.choice(INTEGERS + FLOATS)
    h, w, c = r.randint(17, 60), r.randint(17, 60), r.choice([1, 2, 3, 4, 5, 8, 13])
    planar = c > 1 and r.random() < 0.5
    keys = layout(r, h, kind, c, planar)
    a = values(g, (c, h, w), kind)
    stored = a[0] if c == 1 else a if planar else np.ascontiguousarray(np.moveaxis(a, 0, 2))
    if c > 1:
        keys["planarconfig"] = "separate" if planar else "contig"
    b = io.BytesIO()
    tifffile.imwrite(b, stored, photometric="minisblack", metadata=None, **keys)
    return f"TIFF {kind}, {c} channels{', planes' if planar else ''}, {keys}", "tif", b.getvalue(), a[None]


def ome(r, g):
    kind = r.choice(["u1", "u2", "i2", "f4"])
    sizes = {"T": r.choice([1, 1, 2]), "Z": r.choice([1, 1, 3]), "C": r.randint(1, 4)}
    order = r.sample("TZC", 3)
    h, w = r.randint(33, 60), r.randint(33, 60)
    a = values(g, [sizes[axis] for axis in order] + [h, w], kind)
    b, levels = io.BytesIO(), r.choice([0, 0, 1])
    with tifffile.TiffWriter(b, ome=True, bigtiff=r.random() < 0.3) as t:
        keys = dict(photometric="minisblack", compression=r.choice([None, "zlib"]))
        t.write(a, subifds=levels, metadata={"axes": "".join(order) + "YX"}, **keys)
        for _ in range(levels):
            t.write(a[..., ::2, ::2], subfiletype=1, **keys)
    return f"OME-TIFF {kind}, {''.join(order)} {sizes}", "ome.tif", b.getvalue(), pictures(a, order)


def pictures(a, order):
    """Pictures in the order of time and depth, channels · height · width each."""
    a = np.transpose(a, [order.index(axis) for axis in "TZC"] + [3, 4])
    return a.reshape(-1, *a.shape[2:])


def imagej(r, g):
    kind = r.choice(["u1", "u2", "f4"])
    a = values(g, (r.choice([1, 2]), r.choice([1, 3]), r.randint(1, 4), r.randint(17, 40), r.randint(17, 40)), kind)
    b = io.BytesIO()
    tifffile.imwrite(b, a, imagej=True, metadata={"axes": "TZCYX"})
    return f"ImageJ {kind}, {a.shape}", "tif", b.getvalue(), pictures(a, list("TZC"))


def webp(r, g):
    a = values(g, (r.randint(1, 50), r.randint(1, 50), r.choice([3, 4])), "u1")
    if r.random() < 0.5:
        a[: len(a) // 2] = 77
    b = io.BytesIO()
    Image.fromarray(a).save(b, "WEBP", lossless=True, exact=True)
    return f"WebP, {a.shape[2]} samples", "webp", b.getvalue(), np.moveaxis(a[..., :3], 2, 0)[None]


def gif(r, g):
    h, w, count = r.randint(1, 50), r.randint(1, 50), r.randint(2, 256)
    image = Image.fromarray(g.integers(0, count, (h, w), dtype=np.uint8), "P")
    image.putpalette(g.integers(0, 256, count * 3, dtype=np.uint8).tobytes())
    b = io.BytesIO()
    image.save(b, "GIF", optimize=False, interlace=r.randint(0, 1))
    want = np.asarray(Image.open(io.BytesIO(b.getvalue())).convert("RGB"))
    return "GIF", "gif", b.getvalue(), np.moveaxis(want, 2, 0)[None]


def main():
    program, count, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 600, int(sys.argv[3]) if len(sys.argv) > 3 else 1
    makers = [array, array, array, tiff, tiff, tiff, ome, imagej, webp, gif]
    cases = [makers[i % len(makers)](random.Random(seed * 1_000_003 + i), np.random.default_rng([seed, i])) for i in range(count)]
    wrong = []
    with tempfile.TemporaryDirectory(prefix="arrays-") as folder:
        paths = [f"{folder}/{i:05}.{ending}" for i, (_, ending, _, _) in enumerate(cases)]
        for path, (_, _, data, _) in zip(paths, cases):
            open(path, "wb").write(data)
        open(f"{folder}/list", "w").write("\n".join(f"numbers {path}" for path in paths))
        run = subprocess.run([program, f"{folder}/list", f"{folder}/out"], capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{program} failed: {run.stderr[-2000:]}")
        out = open(f"{folder}/out", "rb").read()
        for (name, _, _, want), line in zip(cases, run.stdout.splitlines()):
            answer = json.loads(line)
            if "error" in answer:
                wrong.append(f"{name}: refused: {answer['error']}")
                continue
            got = np.frombuffer(out, "<f4", int(np.prod(answer["shape"])), answer["at"]).reshape(answer["shape"])
            want = want.astype(np.float32)
            if got.shape != want.shape:
                wrong.append(f"{name}: shape {got.shape} for {want.shape}")
            elif got.tobytes() != np.ascontiguousarray(want).tobytes():
                wrong.append(f"{name}: {(got != want).sum()} of {want.size} values differ")
    print(f"{len(cases)} files, seed {seed}: {len(cases) - len(wrong)} the same bit for bit, {len(wrong)} not")
    for line in wrong[:40]:
        print("WRONG", line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
