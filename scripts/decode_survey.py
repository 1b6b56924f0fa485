"""Writes files of every kind at random, decodes them by Pillow, tifffile and umlaut, and prints how many are read, refused, and read wrongly.

    cargo build --example decode && python3 scripts/decode_survey.py target/debug/examples/decode [FILES [SEED]]
    python3 scripts/decode_survey.py --fixture tests/fixtures/pictures.jsonl

Needs numpy, pillow, tifffile and imagecodecs. What a file holds is known, since it was written here; of JPEG it is what Pillow (libjpeg-turbo) makes of
it, whose inverse transform and upsampling differ by rounding. Each file goes through the doors that training and `predict` use (scripts/decode.rs).
A file is *deferred* if it is of a kind that is not read by design (CMYK, colours that are multiplied by alpha): those must be refused too.
Exits 1 if a value differs in silence, less than 97 % of the others are read, or a deferred one is read.
"""

import base64
import collections
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageOps

warnings.filterwarnings("ignore")
REVERSED = np.array([int(f"{i:08b}"[::-1], 2) for i in range(256)], np.uint8)


class Case:
    """A file, what it holds (height · width [· 3], of `top` full brightness), and what is allowed."""

    def __init__(self, kind, ending, data, want, top, mask=None, lossy=False, deferred=False, note=""):
        self.kind, self.ending, self.data, self.want, self.top = kind, ending, data, want, top
        self.mask, self.lossy, self.deferred, self.note = mask, lossy, deferred, note


def size(r):
    return r.randint(1, 70), r.randint(1, 70)


def values(g, shape, bits):
    """Noise, or noise with flat parts, so that every compression has something to do."""
    a = g.integers(0, 1 << bits, shape, dtype=np.uint16)
    if g.random() < 0.5:
        a[: shape[0] // 2] = g.integers(0, 1 << bits)
    return a


def turned(a, o):
    """As EXIF orientation `o` shows it."""
    return {1: a, 2: a[:, ::-1], 3: a[::-1, ::-1], 4: a[::-1], 5: a.swapaxes(0, 1), 6: a[::-1].swapaxes(0, 1),
            7: a[::-1, ::-1].swapaxes(0, 1), 8: a[:, ::-1].swapaxes(0, 1)}[o]


def packed(a, bits, order=">"):
    """Rows of samples (height · values) as bytes, each row from a whole byte on."""
    if bits == 8:
        return a.astype(np.uint8)
    if bits == 16:
        return np.ascontiguousarray(a.astype(order + "u2")).view(np.uint8)
    planes = (a[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(planes.reshape(len(a), -1).astype(np.uint8), axis=1)


# ---- PNG

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(rows, pixel, r):
    """Rows of bytes with a filter each (PNG, 9.2)."""
    out, above = b"", np.zeros(rows.shape[1], int)
    for row in rows.astype(int):
        kind = r.randint(0, 4)
        left = np.concatenate([np.zeros(pixel, int), row])[: len(row)]
        corner = np.concatenate([np.zeros(pixel, int), above])[: len(row)]
        p = left + above - corner
        near = np.stack([abs(p - left), abs(p - above), abs(p - corner)]).argmin(0)
        guess = [0 * row, left, above, (left + above) // 2, np.choose(near, [left, above, corner])][kind]
        out, above = out + bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes(), row
    return out


def png(r, g):
    colour = r.choice([0, 0, 2, 3, 3, 4, 6])
    bits = r.choice({0: [1, 2, 4, 8, 16], 3: [1, 2, 4, 8]}.get(colour, [8, 16]))
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    h, w = size(r)
    extra, mask, palette, deferred, note = b"", None, None, False, ""
    a = values(g, (h, w, samples), bits)
    if colour == 3:
        count = r.randint(1, 1 << bits)
        palette = g.integers(0, 256, (count, 3), dtype=np.uint8)
        if r.random() < 0.3:
            palette[:] = palette[:, :1]
        if r.random() < 0.5:  # repeated colours
            palette[g.integers(0, count)] = palette[0]
        a %= count
        if r.random() < 0.1 and count < 1 << bits:
            a[0, 0], deferred, note = count, True, "index beyond the palette"
        extra += chunk(b"PLTE", palette.tobytes())
        if r.random() < 0.3:
            extra += chunk(b"tRNS", g.integers(0, 256, r.randint(1, count), dtype=np.uint8).tobytes())
        mask = a[..., 0]
    elif colour in (0, 2) and r.random() < 0.2:
        extra += chunk(b"tRNS", a[0, 0].astype(">u2").tobytes())
    o = r.choice([1, 1, 1, 2, 3, 4, 5, 6, 7, 8])
    late = r.random() < 0.3
    exif = chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + struct.pack("<HH", o, 0) + b"\0\0\0\0") if o > 1 else b""
    interlaced = r.random() < 0.4
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)] if interlaced else [(0, 1, 0, 1)]
    body = b""
    for y, dy, x, dx in passes:
        part = a[y::dy, x::dx]
        if part.size:
            body += filtered(packed(part.reshape(len(part), -1), bits), max(1, samples * bits // 8), r)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, colour, 0, 0, interlaced))
    coded = zlib.compress(body)
    cut = r.randint(0, len(coded))
    idat = chunk(b"IDAT", coded[:cut]) + chunk(b"IDAT", coded[cut:])
    data = b"\x89PNG\r\n\x1a\n" + head + extra + (b"" if late else exif) + idat + (exif if late else b"") + chunk(b"IEND", b"")
    want = palette[np.minimum(a[..., 0], len(palette) - 1)] if colour == 3 else a[..., :3] if colour in (2, 6) else a[..., 0]
    top = 255 if colour == 3 else (1 << bits) - 1
    mask = None if mask is None else turned(mask, o)
    return Case(f"PNG colour {colour}, {bits} bits", "png", data, turned(want, o), top, mask, deferred=deferred, note=note)


# ---- TIFF by our own writer: every order, plane, tile, predictor and padding

def tiff_bytes(tags, chunks, order, big, where):
    """One page. `tags`: (number, type, values); `where`: the tags of offsets and lengths."""
    width = {1: 1, 2: 1, 3: 2, 4: 4, 16: 8}
    pointer = 16 if big else 4
    tags = tags + [(where[0], pointer, [0] * len(chunks)), (where[1], pointer, [len(c) for c in chunks])]
    tags.sort()
    code = {1: "B", 2: "B", 3: "H", 4: "I", 16: "Q"}
    entry, head, link, inline = (20, 8, 8, 8) if big else (12, 2, 4, 4)
    start = 16 if big else 8
    beyond = start + head + len(tags) * entry + link
    places = {}
    for number, kind, data in tags:
        length = width[kind] * len(data)
        if length > inline:
            places[number], beyond = beyond, beyond + length + length % 2
    offsets = []
    for c in chunks:
        offsets.append(beyond)
        beyond += len(c) + len(c) % 2
    out = (b"II" if order == "<" else b"MM") + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    out += struct.pack(order + ("Q" if big else "H"), len(tags))
    late = b""
    for number, kind, data in tags:
        data = offsets if number == where[0] else data
        raw = struct.pack(order + code[kind] * len(data), *data)
        out += struct.pack(order + ("HHQ" if big else "HHI"), number, kind, len(data))
        if len(raw) > inline:
            out += struct.pack(order + ("Q" if big else "I"), places[number])
            late += raw + b"\0" * (len(raw) % 2)
        else:
            out += raw.ljust(inline, b"\0")
    out += struct.pack(order + ("Q" if big else "I"), 0) + late
    return out + b"".join(c + b"\0" * (len(c) % 2) for c in chunks)


def packbits(rows):
    return b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in rows)


def tiff(r, g):
    bits = r.choice([1, 2, 4, 8, 8, 8, 16, 16, 10, 12])
    kind = r.choice(["grey", "grey", "white", "rgb", "rgb", "palette"])
    if kind == "palette":
        bits = min(bits, 8)
    extra = r.choice([None, None, None, 0, 2, 1]) if kind in ("grey", "rgb") and bits >= 8 else None
    samples = (3 if kind == "rgb" else 1) + (extra is not None)
    h, w = size(r)
    a = values(g, (h, w, samples), bits)
    if extra == 1 and r.random() < 0.5:
        a[..., -1] = (1 << bits) - 1
    order, big = r.choice("<>"), r.random() < 0.25
    planar = r.random() < 0.35 and samples > 1
    compression = r.choice([1, 5, 8, 32946, 32773, 50000])
    differences = r.random() < 0.5 and compression in (5, 8, 32946, 50000) and bits in (8, 16)
    reversed_bits = r.random() < 0.2
    o = r.choice([1, 1, 1, 2, 3, 4, 5, 6, 7, 8])
    tags = [(256, 4, [w]), (257, 4, [h]), (258, 3, [bits] * samples), (259, 3, [compression]), (277, 3, [samples]),
            (262, 3, [{"white": 0, "grey": 1, "rgb": 2, "palette": 3}[kind]])]
    if planar or r.random() < 0.5:
        tags.append((284, 3, [2 if planar else 1]))
    if extra is not None:
        tags.append((338, 3, [extra]))
    if o > 1:
        tags.append((274, 3, [o]))
    if differences:
        tags.append((317, 3, [2]))
    if reversed_bits:
        tags.append((266, 3, [2]))
    palette = None
    if kind == "palette":
        palette = g.integers(0, 65536, (1 << bits, 3))
        if r.random() < 0.3:
            palette[:] = palette[:, :1]
        palette[0] = palette[-1]
        palette[0, 0] = palette[-1, 0] = 40_000
        if r.random() < 0.3:
            palette[:, 1:] = palette[:, :1]
        tags.append((320, 3, palette.T.ravel().tolist()))
    tiled = r.random() < 0.45
    if tiled:
        th, tw = 16 * r.randint(1, 3), 16 * r.randint(1, 3)
        tags += [(322, 4, [tw]), (323, 4, [th])]
    else:
        th, tw = r.choice([h, max(1, h // 3), r.randint(1, h + 4)]), w
        tags.append((278, 4, [th]))
    chunks = []
    for plane in np.moveaxis(a, 2, 0)[..., None] if planar else [a]:
        for y in range(0, h, th):
            for x in range(0, w, tw):
                part = plane[y:y + th, x:x + tw]
                if tiled:
                    whole = g.integers(0, 1 << bits, (th, tw, part.shape[2]), dtype=np.uint16)
                    whole[: part.shape[0], : part.shape[1]] = part
                    part = whole
                if differences:
                    part = np.concatenate([part[:, :1], np.diff(part.astype(int), axis=1)], 1) % (1 << bits)
                rows = packed(part.reshape(len(part), -1), bits, order)
                raw = rows.tobytes()
                if compression == 5:
                    raw = imagecodecs.lzw_encode(raw)
                elif compression in (8, 32946):
                    raw = zlib.compress(raw)
                elif compression == 50000:
                    raw = imagecodecs.zstd_encode(raw)
                elif compression == 32773:
                    raw = packbits(rows)
                if reversed_bits:
                    raw = REVERSED[np.frombuffer(raw, np.uint8)].tobytes()
                chunks.append(raw)
    data = tiff_bytes(tags, chunks, order, big, (324, 325) if tiled else (273, 279))
    top = (1 << bits) - 1
    several = extra == 0 and kind == "grey"
    colours = a[..., :3] if kind == "rgb" else a if several else a[..., 0]
    want = top - colours if kind == "white" else palette[a[..., 0]] if kind == "palette" else colours
    mask = turned(a[..., 0], o) if kind == "palette" else None
    multiplied = extra == 1 and (a[..., -1] != top).any()
    note = "multiplied by alpha" if multiplied else ""
    name = f"TIFF {kind}, {bits} bits" + (f", extra {extra}" if extra is not None else "")
    case = Case(name, "tif", data, turned(want, o), 65535 if kind == "palette" else top, mask, deferred=bool(note), note=note)
    words = [("planes", planar), ("tiles", tiled), ("differences", differences), ("reversed bits", reversed_bits), ("turned", o > 1), ("BigTIFF", big)]
    case.details = f"compression {compression}" + "".join(f", {word}" for word, is_so in words if is_so)
    return case


# ---- TIFF by tifffile and Pillow

def tiff_by_others(r, g):
    h, w = size(r)
    what = r.choice(["tifffile", "tifffile", "tifffile", "fax", "jpeg", "kind", "several", "imagej", "thumbnail"])
    b = io.BytesIO()
    if what == "fax":
        a = values(g, (h, w), 1) > 0
        if r.random() < 0.7:
            a = np.kron(values(g, (h // 5 + 1, w // 5 + 1), 1) > 0, np.ones((5, 5), bool))[:h, :w]
        compression = r.choice(["group3", "group4", "tiff_ccitt", "packbits", "raw", "tiff_lzw", "tiff_deflate"])
        info = {266: 2} if r.random() < 0.3 and compression in ("group3", "group4", "tiff_ccitt") else {}
        if compression == "group3" and r.random() < 0.5:
            info[292] = r.choice([1, 4, 5])
        Image.fromarray(a).save(b, "TIFF", compression=compression, tiffinfo=info)
        return Case(f"TIFF by Pillow, 1 bit, {compression}", "tif", b.getvalue(), a.astype(np.uint16), 1)
    if what == "jpeg":
        w += 8  # as for JPEG files
        smooth = Image.fromarray(g.integers(0, 256, (h // 8 + 1, w // 8 + 1, 3), dtype=np.uint8)).resize((w, h), Image.BICUBIC)
        rgb = r.random() < 0.6
        image = smooth if rgb else smooth.convert("L")
        if r.random() < 0.4:
            image.save(b, "TIFF", compression="jpeg", quality=r.randint(60, 100))
        else:
            kinds = dict(photometric=r.choice(["rgb", "ycbcr"]), subsampling=r.choice([(1, 1), (2, 1), (2, 2)])) if rgb else dict(photometric="minisblack")
            if kinds["photometric"] == "rgb":
                del kinds["subsampling"]
            tile = dict(tile=(16 * r.randint(1, 3), 16 * r.randint(1, 3))) if r.random() < 0.5 else dict(rowsperstrip=8 * r.randint(1, 6))
            tifffile.imwrite(b, np.asarray(image), compression="jpeg", compressionargs=dict(level=r.randint(60, 100)), **kinds, **tile)
        want = np.asarray(Image.open(io.BytesIO(b.getvalue())).convert("RGB" if rgb else "L"))
        return Case("TIFF with JPEG, " + ("RGB" if rgb else "grey"), "tif", b.getvalue(), want, 255, lossy=True)
    if what == "kind":
        kind = r.choice(["float32", "float64", "float16", "int8", "int16", "int32", "uint32", "uint64"])
        a = g.integers(0, 100, (h, w)).astype(kind)
        a = a / np.array(128, kind) if kind.startswith("float") else a
        tifffile.imwrite(b, a, photometric="minisblack")
        low, high = (0, 1) if kind.startswith("float") else (np.iinfo(kind).min, np.iinfo(kind).max)
        return Case(f"TIFF of {kind}", "tif", b.getvalue(), (a.astype(float) - low) / (high - low), 1)
    if what == "several":
        kind, channels = r.choice([("minisblack", 3), ("minisblack", 5), ("separated", 4), ("minisblack", 2)])
        a = g.integers(0, 256, (h, w, channels), dtype=np.uint8)
        tifffile.imwrite(b, a, photometric=kind, planarconfig="contig")
        cmyk = kind == "separated"
        return Case(f"TIFF of {channels} channels, {kind}", "tif", b.getvalue(), None if cmyk else a, 1 if cmyk else 255, deferred=cmyk)
    kind = r.choice([np.uint8, np.uint16])
    if what in ("imagej", "thumbnail"):
        w += 4  # tifffile takes columns of up to four for channels
        a = g.integers(0, np.iinfo(kind).max, (r.randint(2, 5), h, w)).astype(kind)
        if what == "thumbnail":
            with tifffile.TiffWriter(b, bigtiff=r.random() < 0.3) as t:
                for page in a:
                    t.write(page, photometric="minisblack", compression=r.choice([None, "zlib"]))
                    t.write(page[::2, ::2], photometric="minisblack", subfiletype=1)
        elif r.random() < 0.5:
            tifffile.imwrite(b, a, imagej=True, metadata={"axes": "ZYX"})
        else:
            text = f"ImageJ=1.53t\nimages={len(a)}\nslices={len(a)}\nloop=false\n"
            tifffile.imwrite(b, a[0], photometric="minisblack", description=text, metadata=None, byteorder=r.choice("<>"))
            order = ">" if b.getvalue()[:2] == b"MM" else "<"
            b = io.BytesIO(b.getvalue() + b"".join(page.astype(np.dtype(kind).newbyteorder(order)).tobytes() for page in a[1:]))
        return Case(f"TIFF pages, {what}", "tif", b.getvalue(), a, np.iinfo(kind).max)
    rgb = r.random() < 0.5
    channels = r.choice([3, 4]) if rgb else r.choice([1, 1, 2])
    a = g.integers(0, np.iinfo(kind).max, (h, w, channels) if channels > 1 else (h, w)).astype(kind)
    keys = dict(photometric="rgb" if rgb else r.choice(["minisblack", "miniswhite"]), byteorder=r.choice("<>"), bigtiff=r.random() < 0.3)
    if channels in (2, 4):
        keys["extrasamples"] = ["unassalpha"]
    planar = channels > 1 and r.random() < 0.4
    if channels > 1:
        keys["planarconfig"] = "separate" if planar else "contig"
    compression = r.choice([None, "zlib", "lzw", "packbits", "deflate", "zstd"])
    if compression:
        keys["compression"] = compression
        if compression != "packbits" and r.random() < 0.5:
            keys["predictor"] = 2
    if r.random() < 0.5:
        keys["tile"] = (16 * r.randint(1, 3), 16 * r.randint(1, 3))
    else:
        keys["rowsperstrip"] = r.randint(1, h)
    tifffile.imwrite(b, np.moveaxis(a, 2, 0).copy() if planar else a, metadata=None, **keys)
    want = a[..., :3] if rgb else a[..., 0] if channels == 2 else a
    want = np.iinfo(kind).max - want if keys["photometric"] == "miniswhite" else want
    return Case(f"TIFF by tifffile, {'RGB' if rgb else 'grey'}, {np.dtype(kind).itemsize * 8} bits", "tif", b.getvalue(), want, np.iinfo(kind).max)


# ---- JPEG

def jpeg(r, g):
    from jpeg_writer import written

    # Where chroma is narrower than three pixels, libjpeg-turbo repeats it instead of interpolating.
    h, w = r.randint(1, 70), r.randint(9, 70)
    smooth = Image.fromarray(g.integers(0, 256, (h // 8 + 2, w // 8 + 2, 3), dtype=np.uint8)).resize((w, h), Image.BICUBIC)
    b, what = io.BytesIO(), r.choice(["grey", "rgb", "rgb", "rgb", "own", "own", "cmyk", "stored rgb"])
    exif, o = Image.Exif(), r.choice([1, 1, 1, 2, 3, 4, 5, 6, 7, 8])
    exif[274] = o
    keys = dict(quality=r.randint(40, 100), progressive=r.random() < 0.4, optimize=r.random() < 0.3, exif=exif)
    if r.random() < 0.3:
        keys["restart_marker_blocks"] = r.randint(1, 5)
    deferred, name = False, what
    if what == "grey":
        smooth.convert("L").save(b, "JPEG", **keys)
    elif what == "rgb":
        keys["subsampling"] = r.choice([0, 1, 2])
        smooth.save(b, "JPEG", **keys)
        name = f"rgb, sampling {keys['subsampling']}" + (", progressive" if keys["progressive"] else "")
    elif what == "stored rgb":
        smooth.save(b, "JPEG", keep_rgb=True, **keys)
    elif what == "cmyk":
        smooth.convert("CMYK").save(b, "JPEG", **keys)
        deferred = True
    else:
        grey, apart, ids = r.random() < 0.2, r.random() < 0.6, r.choice([(1, 2, 3), (0, 1, 2), (82, 71, 66)])
        sampling = r.choice([((1, 1),) * 3, ((2, 1), (1, 1), (1, 1)), ((1, 2), (1, 1), (1, 1)), ((2, 2), (1, 1), (1, 1)), ((4, 1), (1, 1), (1, 1)),
                             ((2, 2), (2, 1), (2, 1)), ((2, 2),) * 3, ((1, 1), (2, 2), (2, 2)), ((2, 1), (1, 2), (1, 1))] if not grey else [((1, 1),), ((2, 2),)])
        apart |= sum(across * down for across, down in sampling) > 10  # no more blocks fit a scan's unit
        jfif, adobe = r.random() < 0.5, r.choice([None, None, 0, 1])
        b.write(written(np.asarray(smooth.convert("L" if grey else "RGB")), sampling, apart, ids, jfif, adobe, r.choice([0, 0, 3])))
        name, o = f"own, {sampling}" + (", a scan each" if apart and not grey else ""), 1
    image = Image.open(io.BytesIO(b.getvalue()))
    want = np.asarray(image if image.mode == "CMYK" else ImageOps.exif_transpose(image))
    return Case(f"JPEG {name}", "jpg", b.getvalue(), want, 255, lossy=True, deferred=deferred)


# ---- BMP by our own writer

def bmp(r, g):
    h, w = size(r)
    bits = r.choice([1, 4, 8, 8, 16, 24, 32])
    core = r.random() < 0.15 and bits != 16 and bits != 32
    top_down = r.random() < 0.3 and not core
    runs = bits in (4, 8) and not core and not top_down and r.random() < 0.4
    masked = bits in (16, 32) and r.random() < 0.5
    header = 12 if core else r.choice([40, 40, 108, 124])
    masks, extra, palette, mask = None, b"", b"", None
    if bits <= 8:
        count = r.randint(2, 1 << bits)
        colours = g.integers(0, 256, (count, 3), dtype=np.uint8)
        if r.random() < 0.3:
            colours[:] = colours[:, :1]
        colours[-1] = colours[0]
        if core:
            count = 1 << bits
            colours = np.concatenate([colours, np.zeros((count, 3), np.uint8)])[:count]
        mask = a = (values(g, (h, w), bits) % count).astype(np.uint8)
        if runs:
            mask = a = np.repeat(a, 4, 1)[:, :w] if r.random() < 0.7 else a
        want = colours[a]
        palette = b"".join(bytes(c[::-1]) + (b"" if core else b"\0") for c in colours.tolist())
        rows = packed(a, bits)
    else:
        count = 0
        fields = {16: [(0xF800, 0x07E0, 0x1F), (0x7C00, 0x03E0, 0x1F), (0xF00, 0xF0, 0xF)], 32: [(0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000),
                                                                                            (0xFF000000, 0xFF0000, 0xFF00)]}
        masks = r.choice(fields[bits]) if masked else {16: (0x7C00, 0x03E0, 0x1F)}.get(bits, (0xFF0000, 0xFF00, 0xFF))
        numbers, want = np.zeros((h, w), np.uint64), np.zeros((h, w, 3), float)
        for c, m in enumerate(masks):
            shift, top = (m & -m).bit_length() - 1, m >> ((m & -m).bit_length() - 1)
            v = g.integers(0, top + 1, (h, w), dtype=np.uint64)
            numbers |= v << np.uint64(shift)
            want[..., c] = np.floor(v * 255 / top + 0.5)
        rows = numbers.astype("<u8").view(np.uint8).reshape(h, w, 8)[..., : bits // 8].reshape(h, -1)
        if masked and header == 40:
            extra = struct.pack("<III", *masks)
    if runs:
        body = b""
        for row in a[::-1].tolist():
            x = 0
            while x < w:
                n = 1
                while x + n < w and n < 200 and row[x + n] == row[x]:
                    n += 1
                if n == 1 and w - x >= 3 and r.random() < 0.6:
                    n = min(w - x, r.randint(3, 9))
                    part = row[x:x + n]
                    raw = bytes(part) if bits == 8 else bytes(p << 4 | q for p, q in zip(part[::2], part[1::2] + [0]))
                    body += bytes([0, n]) + raw + b"\0" * (len(raw) % 2)
                else:
                    body += bytes([n, row[x] if bits == 8 else row[x] * 17])
                x += n
            body += b"\0\0"
        body = body[:-2] + b"\0\1"
    else:
        pad = -rows.shape[1] % 4
        rows = np.pad(rows, ((0, 0), (0, pad)))
        body = (rows if top_down else rows[::-1]).tobytes()
    kind = {4: 2, 8: 1}[bits] if runs else 3 if masked else 0
    dib = struct.pack("<IHHHH", 12, w, h, 1, bits) if core else struct.pack(
        "<IiiHHIIiiII", header, w, -h if top_down else h, 1, bits, kind, len(body), 2835, 2835, count if r.random() < 0.8 or count < 1 << bits else 0, 0)
    if header > 40:
        dib = (dib + (struct.pack("<III", *masks) if masked else b"\0" * 12)).ljust(header, b"\0")
    start = 14 + len(dib) + len(extra) + len(palette)
    data = b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + dib + extra + palette + body
    return Case(f"BMP {bits} bits" + (", runs" if runs else ", masks" if masked else ""), "bmp", data, want, 255, mask)


# ---- the survey

def by_pillow(case):
    """What Pillow makes of it in the units of the case: an array, or None where it does not say."""
    try:
        image = Image.open(io.BytesIO(case.data))
        if case.ending == "png":
            image = ImageOps.exif_transpose(image)
        if image.mode in ("P", "PA"):
            image = image.convert("RGB")
        return np.asarray(image)
    except Exception:
        return None


def agrees(theirs, case, tolerance):
    """Whether another decoder gives what was written; None where scales or shapes are its own."""
    if theirs is None or case.want is None:
        return None
    want = case.want
    if want.ndim == 2 and theirs.ndim == 3:
        theirs = theirs[..., 0]
    theirs = theirs[..., :3] if want.ndim == 3 and theirs.ndim == 3 else theirs
    if theirs.shape != want.shape:
        return None
    top = 1 if theirs.dtype == bool else np.iinfo(theirs.dtype).max if theirs.dtype.kind == "u" else case.top
    return bool(np.abs(theirs / top - want / case.top).max() <= tolerance)


def fixture(path):
    """Writes the small fixed part of the survey that is a test: one small file of each kind, what it holds, and how near that must be."""
    kinds, ways, lines = {}, set(), []
    for i in range(4000):
        r, g = random.Random(7_000_003 + i), np.random.default_rng([7, i])
        r.randint = lambda a, b, plain=r.randint: plain(a, 11 if (a, b) == (1, 70) else 18 if (a, b) == (9, 70) else b)
        case = [png, tiff, tiff, tiff_by_others, jpeg, bmp][i % 6](r, g)
        name, details = case.kind + (f" ({case.note})" if case.note else ""), getattr(case, "details", None)
        if len(case.data) > 2500 or details and (case.note or "10 bits" in name or "12 bits, extra" in name):
            continue
        # One of each kind, and one of each way to store pixels.
        if name not in kinds and (not details or "compression 8," in details + ","):
            kinds[name] = case
        elif details and details.replace(", turned", "").replace(", BigTIFF", "") not in ways:
            ways.add(details.replace(", turned", "").replace(", BigTIFF", ""))
            kinds[f"{name}, {details}"] = case
    text = lambda data: base64.b64encode(data).decode()
    for name, case in sorted(kinds.items()):
        line = {"name": name, "ending": case.ending, "file": text(case.data)}
        if not case.deferred:
            want = case.want[None] if not name.startswith("TIFF pages") else case.want
            want = want[..., None] if want.ndim == 3 else want
            if want.shape[-1] == 3 and (want == want[..., :1]).all():
                want = want[..., :1]
            whole = want.dtype.kind == "u" or want.dtype.kind == "i"
            line |= {"shape": list(np.moveaxis(want, 3, 1).shape), "near": 12 if case.lossy else 0} | ({"top": case.top} if whole else {})
            want = want if whole else want / case.top
            line["values"] = text(np.ascontiguousarray(np.moveaxis(want, 3, 1)).astype("<u2" if whole else "<f4").tobytes())
            if case.mask is not None:
                line["mask"] = text(np.ascontiguousarray(case.mask).astype(np.uint8).tobytes())
        lines.append(json.dumps(line))
    lines += [json.dumps(line) for line in arrays(text)]
    open(path, "w").write("\n".join(lines) + "\n")
    print(f"{len(lines)} files of {sum(len(json.loads(line)['file']) * 3 // 4 for line in lines)} bytes")


def arrays(text):
    """Some small files of scripts/array_oracle.py, and animations, which are refused."""
    import array_oracle as oracle

    seen = set()
    for i in range(3000):
        r, g = random.Random(9_000_011 + i), np.random.default_rng([9, i])
        r.randint = lambda a, b, plain=r.randint: plain(a, min(b, a + 3))
        name, ending, data, want = [oracle.array, oracle.ome, oracle.imagej, oracle.webp, oracle.gif][i % 5](r, g)
        short = name if name[:3] in ("npy", "npz") else name.split(",")[0].split(" {")[0]
        if want.dtype not in (np.uint8, np.uint16) or len(data) > 8000 or short in seen or short.startswith("OME") and len(seen) > 25:
            continue
        seen.add(short)
        yield {"name": name, "ending": ending, "file": text(data), "shape": list(want.shape), "top": int(np.iinfo(want.dtype).max), "near": 0,
               "values": text(np.ascontiguousarray(want).astype("<u2").tobytes())}
    for kind in ("GIF", "WEBP"):
        b = io.BytesIO()
        frames = [Image.fromarray(np.full((4, 4, 3), value, np.uint8)) for value in (0, 255)]
        frames[0].save(b, kind, save_all=True, append_images=frames[1:], duration=100)
        yield {"name": f"{kind}, an animation", "ending": kind.lower(), "file": text(b.getvalue())}


def main():
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    if sys.argv[1] == "--fixture":
        return fixture(sys.argv[2])
    program, count, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2400, int(sys.argv[3]) if len(sys.argv) > 3 else 1
    makers = [png, png, tiff, tiff, tiff, tiff_by_others, tiff_by_others, jpeg, jpeg, bmp]
    cases = []
    for i in range(count):
        r, g = random.Random(seed * 1_000_003 + i), np.random.default_rng([seed, i])
        cases.append(makers[i % len(makers)](r, g))
    with tempfile.TemporaryDirectory(prefix="survey-") as folder:
        lines, asked = [], []
        for i, case in enumerate(cases):
            path = f"{folder}/{i:05}.{case.ending}"
            open(path, "wb").write(case.data)
            lines.append(f"image {path}")
            asked.append((i, False))
            if case.mask is not None:
                os.makedirs(f"{folder}/i{i}"), os.makedirs(f"{folder}/m{i}")
                Image.fromarray(np.zeros(case.mask.shape, np.uint8)).save(f"{folder}/i{i}/a.png")
                os.link(path, f"{folder}/m{i}/a.{case.ending}")
                lines.append(f"mask {folder}/i{i} {folder}/m{i} {max(1, int(case.mask.max()))}")
                asked.append((i, True))
        open(f"{folder}/list", "w").write("\n".join(lines))
        run = subprocess.run([program, f"{folder}/list", f"{folder}/out"], capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{program} failed: {run.stderr[-2000:]}")
        answers, out = [json.loads(line) for line in run.stdout.splitlines()], open(f"{folder}/out", "rb").read()
        keep = os.environ.get("KEEP")
        table, wrong, refusals, others = collections.defaultdict(lambda: [0, 0, 0, 0]), [], collections.Counter(), collections.Counter()
        for (i, as_mask), answer in zip(asked, answers):
            case = cases[i]
            row = table[case.kind.split(",")[0].split(" ")[0] + (" as masks" if as_mask else " deferred" if case.deferred else "")]
            row[0] += 1
            if "error" in answer:
                row[2] += 1
                reason = answer["error"].split(f".{case.ending}: ")[-1]
                refusals[("deferred: " if case.deferred else "") + case.kind.split(" ")[0] + ": " + "".join("#" if c.isdigit() else c for c in reason)[:150]] += 1
                continue
            row[1] += 1
            if as_mask:
                got = np.frombuffer(out, np.uint8, int(np.prod(answer["shape"])), answer["at"]).reshape(answer["shape"])
                bad = got.shape != case.mask.shape or (got != case.mask).any()
                what = "classes"
            else:
                pages, channels, h, w = answer["shape"]
                got = np.frombuffer(out, "<f4", int(np.prod(answer["shape"])), answer["at"]).reshape(answer["shape"])
                if case.want is None:
                    bad, what = True, "read"
                else:
                    pages_wanted = case.want[..., None] if case.want.ndim == 3 and case.kind.startswith("TIFF pages") else (case.want if case.want.ndim == 3 else case.want[..., None])[None]
                    want = np.moveaxis(pages_wanted, 3, 1) / case.top
                    if want.shape[1] == 3 and channels == 1:
                        want = want[:, :1]
                    if got.shape != want.shape:
                        bad, what = True, f"shape {got.shape} for {want.shape}"
                    else:
                        off = np.abs(got - want)
                        bad = off.max() > 1e-4 if not case.lossy else off.max() > 12 / 255 or off.mean() > 1.5 / 255
                        what = f"differs by at most {off.max() * 255:.1f}, {off.mean() * 255:.2f} in the mean, of 255"
            if bad or case.deferred and not as_mask:
                row[3] += 1
                wrong.append(f"{i:05} {case.kind}{' as a mask' if as_mask else ''}: {what} {case.note}")
                if keep:
                    os.makedirs(keep, exist_ok=True)
                    open(f"{keep}/{i:05}.{case.ending}", "wb").write(case.data)
        for case in cases:
            if not case.deferred and not case.kind.startswith("TIFF pages"):
                verdict = agrees(by_pillow(case), case, 0.02 if case.lossy else 0.006)
                others[f"Pillow: {'its own way or not read' if verdict is None else 'agrees' if verdict else 'differs'}"] += 1
                if case.ending == "tif" and not case.lossy:
                    try:
                        page = tifffile.TiffFile(io.BytesIO(case.data)).pages[0]
                        a = page.asarray()
                        theirs = np.moveaxis(a, 0, 2) if page.planarconfig == 2 and a.ndim == 3 else a
                        plain = page.photometric in (1, 2) and not page.tags.get(274) and page.bitspersample in (8, 16)
                        verdict = agrees(theirs, case, 1e-6) if plain else None
                    except Exception:
                        verdict = None
                    others[f"tifffile: {'its own way or not read' if verdict is None else 'agrees' if verdict else 'differs'}"] += 1
    print(f"{'files':22}{'all':>7}{'read':>7}{'refused':>9}{'wrong':>7}")
    for name in sorted(table):
        print(f"{name:22}" + "{:>7}{:>7}{:>9}{:>7}".format(*table[name]))
    rest = [row for name, row in table.items() if not name.endswith("deferred")]
    part = sum(row[1] for row in rest) / max(1, sum(row[0] for row in rest))
    print(f"\n{len(cases)} files, seed {seed}: {len(wrong)} read wrongly, {100 * part:.1f} % read of those that are not deferred")
    print("\nwhat was written, as others read it: " + ", ".join(f"{name} {n}" for name, n in sorted(others.items())))
    print("\nreasons of refusal:")
    for reason, n in refusals.most_common():
        print(f"{n:5} {reason}")
    for line in wrong[:60]:
        print("WRONG", line)
    sys.exit(1 if wrong or part < 0.97 else 0)


if __name__ == "__main__":
    main()
