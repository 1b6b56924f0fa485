"""A baseline JPEG encoder (ITU-T T.81) for the survey of decoders: any sampling factors, all components in one scan or a scan for each, any component
numbers, with or without JFIF and Adobe segments and restart marks. Tables are those of annex K."""

import struct

import numpy as np

ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8)))
COUNTS = [bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]), bytes([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125])]
DC = bytes(range(12))
AC = bytes.fromhex(
    "0102030004110512213141061351610722711432 8191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a5354555657"
    "58595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8"
    "d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa".replace(" ", ""))
QUANTISER = np.full(64, 4)
DCT = np.array([[(0.5 if k else 8 ** -0.5) * np.cos((2 * n + 1) * k * np.pi / 16) for n in range(8)] for k in range(8)])


def codes(counts, symbols):
    """Symbol to (code, length); annex C."""
    out, code, at = {}, 0, 0
    for length, count in enumerate(counts, 1):
        for symbol in symbols[at:at + count]:
            out[symbol] = (code, length)
            code += 1
        at += count
        code <<= 1
    return out


DC_CODES, AC_CODES = codes(COUNTS[0], DC), codes(COUNTS[1], AC)


class Bits:
    def __init__(self):
        self.bits = []

    def put(self, value, length):
        self.bits.extend(value >> i & 1 for i in range(length - 1, -1, -1))

    def number(self, value):
        length = int(abs(value)).bit_length()
        return length, value if value >= 0 else value + (1 << length) - 1

    def block(self, block, before):
        length, bits = self.number(block[0] - before)
        self.put(*DC_CODES[length])
        self.put(bits, length)
        zeros = 0
        for value in block[1:]:
            if value == 0:
                zeros += 1
                continue
            while zeros > 15:
                self.put(*AC_CODES[0xF0])
                zeros -= 16
            length, bits = self.number(value)
            self.put(*AC_CODES[zeros << 4 | length])
            self.put(bits, length)
            zeros = 0
        if zeros:
            self.put(*AC_CODES[0])
        return block[0]

    def bytes(self):
        self.bits.extend([1] * (-len(self.bits) % 8))
        raw = np.packbits(np.array(self.bits, np.uint8)).tobytes()
        return raw.replace(b"\xff", b"\xff\0")


def blocks(plane, rows, columns):
    """Quantised coefficients in zigzag order of a plane brought to rows · columns blocks."""
    plane = np.pad(plane, ((0, rows * 8 - plane.shape[0]), (0, columns * 8 - plane.shape[1])), mode="edge") - 128.0
    cut = plane.reshape(rows, 8, columns, 8).swapaxes(1, 2)
    coefficients = np.round((DCT @ cut @ DCT.T).reshape(rows, columns, 64)[..., ZIGZAG] / QUANTISER).astype(int)
    return np.clip(coefficients, -1000, 1000)


def written(image, sampling, apart, ids, jfif, adobe, restart):
    """Bytes of an image (height · width [· 3], uint8). `sampling`: (horizontal, vertical) of each component; `apart`: a scan for each."""
    height, width = image.shape[:2]
    is_rgb = not jfif and (adobe == 0 or adobe is None and ids == (82, 71, 66))
    planes = [image.astype(float)] if image.ndim == 2 else list(np.moveaxis(image.astype(float), 2, 0))
    if len(planes) == 3 and not is_rgb:
        r, g, b = planes
        y = 0.299 * r + 0.587 * g + 0.114 * b
        planes = [y, (b - y) / 1.772 + 128, (r - y) / 1.402 + 128]
    across, down = max(h for h, _ in sampling), max(v for _, v in sampling)
    mcus = (-(-height // (8 * down)), -(-width // (8 * across)))
    scaled, sizes = [], []
    for plane, (h, v) in zip(planes, sampling):
        rows, columns = -(-height * v // down), -(-width * h // across)
        ys, xs = np.minimum(np.arange(rows) * down // v, height - 1), np.minimum(np.arange(columns) * across // h, width - 1)
        scaled.append(blocks(np.clip(plane[ys][:, xs], 0, 255), mcus[0] * v, mcus[1] * h))
        sizes.append((-(-rows // 8), -(-columns // 8)))
    out = b"\xff\xd8"
    segment = lambda marker, data: b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data
    if jfif:
        out += segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    if adobe is not None:
        out += segment(0xEE, b"Adobe\0d\0\0\0\0" + bytes([adobe]))
    out += segment(0xDB, b"\0" + bytes(QUANTISER.astype(np.uint8)))
    frame = b"".join(bytes([i, h << 4 | v, 0]) for i, (h, v) in zip(ids, sampling))
    out += segment(0xC0, struct.pack(">BHHB", 8, height, width, len(planes)) + frame)
    out += segment(0xC4, b"\0" + COUNTS[0] + DC) + segment(0xC4, b"\x10" + COUNTS[1] + AC)
    if restart:
        out += segment(0xDD, struct.pack(">H", restart))
    for scan in [[c] for c in range(len(planes))] if apart or len(planes) == 1 else [list(range(len(planes)))]:
        out += segment(0xDA, bytes([len(scan)]) + b"".join(bytes([ids[c], 0]) for c in scan) + b"\0\x3f\0")
        units = []
        if len(scan) == 1:
            rows, columns = sizes[scan[0]]
            units = [[(scan[0], y, x)] for y in range(rows) for x in range(columns)]
        else:
            for my in range(mcus[0]):
                for mx in range(mcus[1]):
                    units.append([(c, my * v + y, mx * h + x) for c in scan for h, v in [sampling[c]] for y in range(v) for x in range(h)])
        bits, before = Bits(), dict.fromkeys(scan, 0)
        for number, unit in enumerate(units):
            if restart and number and number % restart == 0:
                out += bits.bytes() + bytes([0xFF, 0xD0 + (number // restart - 1) % 8])
                bits, before = Bits(), dict.fromkeys(scan, 0)
            for c, y, x in unit:
                before[c] = bits.block(scaled[c][y, x].tolist(), before[c])
        out += bits.bytes()
    return out + b"\xff\xd9"
