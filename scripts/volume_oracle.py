"""Writes NIfTI and DICOM files of every kind at random, reads them by nibabel, pydicom and umlaut, and compares values bit for bit.

    cargo build --example volume && python3 scripts/volume_oracle.py target/debug/examples/volume [COUNT [SEED]]

Needs numpy, nibabel and pydicom. Of NIfTI, values are those of `np.asarray(img.dataobj)`, brought to float32 where they are not kept as whole numbers, and
places those of `img.affine`. What a DICOM file holds is known, since it was written here, and pydicom's `pixel_array` must say the same; windows are
computed by the formulas of PS3.3, C.11.2.1.2. Each volume goes through the door that data sets use (scripts/volume.rs).
Exits 1 if a value, a shape, a spacing or a place differs, or something is read that must be refused.
"""

import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid

warnings.filterwarnings("ignore")
pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE

AXES = ["first", "second", "third"]
REFUSED = "refused"


class Case:
    """A path, how it is opened, and what must come of it: slices (count · height · width · channels), spacing and affine, or REFUSED."""

    def __init__(self, path, want, kind=None, axis="third", window="none", spacing=None, affine=None, note=""):
        self.path, self.want, self.kind, self.axis, self.window = path, want, kind, axis, window
        self.spacing, self.affine, self.note = spacing, affine, note


def kept(values, whole_top):
    """Values as the narrowest kind that holds all that could be stored; `whole_top` is the highest, None where that is no whole number."""
    if whole_top is None:
        return values.astype(np.float64).astype("<f4"), "<f4"
    kind = "u1" if whole_top <= 255 else "<u2"
    return values.astype(kind), kind


def scaled_top(top, slope, inter):
    ends = [inter, top * slope + inter]
    whole = float(slope).is_integer() and float(inter).is_integer() and min(ends) >= 0 and 1 <= max(ends) <= 65535
    return max(ends) if whole else None


# ---- NIfTI

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def numbers(g, dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return (g.standard_normal(shape) * 10.0 ** g.integers(-3, 6)).astype(dtype)
    info = np.iinfo(dtype)
    values = g.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    return values // (1 if g.random() < 0.5 else 100)


def nifti(g, path, number):
    second, order = g.random() < 0.4, ">" if g.random() < 0.4 else "<"
    rgb = number % 23 == 0
    dtype = np.dtype("u1") if rgb else np.dtype(TYPES[number % len(TYPES)])
    shape = tuple(int(n) for n in g.integers(1, 14, int(g.integers(2, 4))))
    full = shape + ((1,) * int(g.integers(0, 3)) if len(shape) == 3 else ())
    header = (nib.Nifti2Header if second else nib.Nifti1Header)(endianness=order)
    header.set_data_shape(full)
    header.set_data_dtype(np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]) if rgb else dtype)
    slope, inter = [(np.nan, np.nan), (1, 0), (0, 5), (2, 3), (0.5, -1024.25), (-1, 255), (3, 0), (1, -1024)][g.integers(0, 8)]
    if rgb:
        slope, inter = (1, 0)
    header["scl_slope"], header["scl_inter"] = slope, inter
    offset = (544 if second else 352) + 16 * int(g.integers(0, 3))
    header["vox_offset"] = offset
    header["magic"] = b"n+2" if second else b"n+1"
    unit = [None, "meter", "mm", "micron"][g.integers(0, 4)]
    header.set_xyzt_units(unit)
    zooms = g.uniform(0.3, 3, 3).astype("f4").astype(float)
    header["pixdim"][1:4] = zooms
    forms = g.integers(0, 4)
    turn, _ = np.linalg.qr(g.standard_normal((3, 3)))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * zooms, g.uniform(-100, 100, 3)
    if forms & 1:
        header.set_qform(affine, code=1)
    if forms & 2:
        affine[:3, 3] += 1
        header.set_sform(affine, code=2)
    header["pixdim"][1:4] = zooms
    raw = g.integers(0, 256, shape + (3,), dtype="u1") if rgb else numbers(g, dtype, shape).astype(dtype.newbyteorder(order))
    # The first axis lies closest; channels of a voxel closer still.
    data = np.moveaxis(raw, -1, 0).tobytes("F") if rgb else raw.tobytes("F")
    content = header.binaryblock + b"\0" * (offset - len(header.binaryblock)) + data + b"\0" * int(g.integers(0, 2))
    packed = g.random() < 0.4
    path = path.with_name(path.name + (".nii.gz" if packed else ".nii"))
    half = len(content) // 2
    several = gzip.compress(content[:half]) + gzip.compress(content[half:])
    path.write_bytes((gzip.compress(content) if g.random() < 0.8 else several) if packed else content)

    image = nib.load(path)
    values = np.asarray(image.dataobj)
    if rgb:
        values = np.stack([values[c] for c in "RGB"], -1)
        values = values.reshape(shape + (1,) * (3 - len(shape)) + (3,))
    else:
        values = values.reshape(shape + (1,) * (3 - len(shape)) + (1,))
    at = int(g.integers(0, 3))
    slices = np.moveaxis(values, at, 0).swapaxes(1, 2)
    top = np.iinfo(dtype).max if dtype.str[1:] in ("u1", "u2") else None
    real = slope if np.isfinite(slope) and slope != 0 else 1, inter if np.isfinite(slope) and slope != 0 else 0
    whole = None if top is None else scaled_top(top, *real)
    want, kind = kept(slices, whole)
    x, y, z = zooms
    spacing = None if unit is None else np.array([[x, z, y], [y, z, x], [z, y, x]][at]) * {"meter": 1e3, "mm": 1, "micron": 1e-3}[unit]
    place = image.affine[:3] * {"meter": 1e3, "micron": 1e-3}.get(unit, 1) if forms else None
    return Case(path, want, kind, AXES[at], spacing=spacing, affine=place, note=f"{'2' if second else '1'}{order}{dtype} {real}")


# ---- DICOM

IMPLICIT, EXPLICIT, DEFLATED, BIG, RLE = (UID(f"1.2.840.10008.1.2{s}") for s in ["", ".1", ".1.99", ".2", ".5"])


def image(g, syntax, values, stored, signed, photometric, planar):
    """A data set of frames · height · width [· 3]."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.PatientName = "Ä^B"
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.Rows, ds.Columns = values.shape[1:3]
    ds.SamplesPerPixel = 3 if values.ndim == 4 else 1
    ds.PhotometricInterpretation = photometric
    if values.ndim == 4:
        ds.PlanarConfiguration = planar
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = values.dtype.itemsize * 8, stored, stored - 1
    ds.PixelRepresentation = int(signed)
    if len(values) > 1 or g.random() < 0.3:
        ds.NumberOfFrames = len(values)
    # What nobody asked for: sequences in sequences, with and without lengths, private ones, and an icon.
    inner = Dataset()
    inner.CodeValue, inner.Rows = "x", 77
    item = Dataset()
    item.CodeMeaning, item.ConceptCodeSequence = "odd", Sequence([inner, Dataset()])
    ds.ProcedureCodeSequence = Sequence([item, inner])
    undefined = g.random() < 0.5
    for elements, tag in [(ds, "ProcedureCodeSequence"), (item, "ConceptCodeSequence")]:
        elements[tag].is_undefined_length = undefined
    for part in (item, inner):
        part.is_undefined_length_sequence_item = g.random() < 0.5
    block = ds.private_block(0x0029, "SOMEBODY", create=True)
    block.add_new(1, "OB", bytes(g.integers(0, 256, 10, dtype="u1")))
    block.add_new(2, "SQ", Sequence([inner]))
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.add_new("PixelData", "OB", b"1234")
    ds.IconImageSequence = Sequence([icon])
    return ds


def pixels(ds, syntax, values, stored, g):
    """Puts the pixels in, as they are or in run lengths."""
    order = ">" if syntax == BIG else "<"
    data = values
    if values.ndim == 4 and ds.PlanarConfiguration == 1:
        data = np.moveaxis(values, 3, 1)
    wide = data.dtype.itemsize == 2
    plain = data.astype(data.dtype.newbyteorder(order)).tobytes()
    if stored < 16 and wide and values.dtype.kind == "i" and g.random() < 0.3:
        # Bits above those that count may be 0.
        plain = (data.view("u2") & ((1 << stored) - 1)).astype(order + "u2").tobytes()
    plain += b"\0" * (len(plain) % 2)
    if syntax == RLE:
        # The planes of the samples come one after the other in every case.
        ds.file_meta.TransferSyntaxUID = EXPLICIT
        ds.compress(RLE, values if len(values) > 1 else values[0], generate_instance_uid=False)
        return
    words = wide or g.random() < 0.5 or syntax == IMPLICIT
    if words and not wide and syntax == BIG:
        plain = np.frombuffer(plain, "<u2").astype(">u2").tobytes()
    ds.add_new("PixelData", "OW" if words else "OB", plain)


def save(ds, path):
    ds.save_as(path, enforce_file_format=True)


def content(g, number, frames, shape=None):
    """Syntax, values, bits that count, signed, photometric, planar."""
    syntax = [IMPLICIT, EXPLICIT, DEFLATED, BIG, RLE][number % 5]
    rgb = number % 11 == 0
    wide = g.random() < 0.6
    signed = not rgb and g.random() < 0.4
    stored = int(g.integers(6, 9)) if not wide else int(g.integers(9, 17))
    low, high = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    dtype = ("i" if signed else "u") + ("2" if wide else "1")
    shape = shape or tuple(int(n) for n in g.integers(1, 20, 2))
    values = g.integers(low, high, (frames, *shape) + ((3,) if rgb else ()), endpoint=True).astype(dtype)
    if g.random() < 0.5:
        values[:, : shape[0] // 2] = low
    photometric = "RGB" if rgb else "MONOCHROME2" if g.random() < 0.7 else "MONOCHROME1"
    return syntax, values, stored, signed, photometric, int(g.integers(0, 2))


def rescale(g, ds):
    pairs = [None, (1, 0), (1, -1024), (2, 1), (0.25, -3.5), (-1, 65535), (1.5e-2, 0)]
    pair = None if ds.SamplesPerPixel == 3 else pairs[g.integers(0, len(pairs))]
    return pair


def window_of(values, center, width, exact):
    c, w = (center, width) if exact else (center - 0.5, width - 1)
    with np.errstate(all="ignore"):
        shown = ((values - c) / w + 0.5) * 255
    return np.floor(np.where(values <= c - w / 2, 0, np.where(values > c + w / 2, 255, shown)) + 0.5)


def wanted(values, stored, signed, pairs, window, inverted):
    """What must be read of frames with a scale each."""
    values = values if values.ndim == 4 else values[..., None]
    real = np.stack([v.astype(float) * p[0] + p[1] if p else v.astype(float) for v, p in zip(values, pairs)])
    if window:
        shown = np.stack([window_of(v, *w) for v, w in zip(real, window)])
        return kept(255 - shown if inverted else shown, 255)
    tops = [None if signed else scaled_top((1 << stored) - 1, *(p or (1, 0))) for p in pairs]
    return kept(real, None if None in tops else max(tops))


def set_window(g, ds):
    center, width, exact = round(g.uniform(-50, 300), 2), round(g.uniform(1, 500), 2), g.random() < 0.3
    several = g.random() < 0.5
    ds.WindowCenter, ds.WindowWidth = ([center, 1], [width, 2]) if several else (center, width)
    if exact or g.random() < 0.3:
        ds.VOILUTFunction = "LINEAR_EXACT" if exact else "LINEAR"
    return center, width, exact


def dicom(g, path, number):
    """One file of one or several frames without places."""
    frames = 1 if g.random() < 0.6 else int(g.integers(2, 6))
    syntax, values, stored, signed, photometric, planar = content(g, number, frames)
    ds = image(g, syntax, values, stored, signed, photometric, planar)
    pair = rescale(g, ds)
    if pair:
        ds.RescaleSlope, ds.RescaleIntercept = str(pair[0]), str(pair[1])
    windows = g.random() < 0.3 and photometric != "RGB"
    window = set_window(g, ds)
    pixels(ds, syntax, values, stored, g)
    path = path.with_name(path.name + ".dcm")
    save(ds, path)
    read = pydicom.dcmread(path).pixel_array.reshape(values.shape)
    assert np.array_equal(read, values), f"pydicom reads other values than were written: {syntax.name} {values.dtype} {stored} {photometric} {planar} {read.ravel()[:5]} {values.ravel()[:5]} {values.shape}"
    want, kind = wanted(values, stored, signed, [pair] * frames, [window] * frames if windows else None, photometric == "MONOCHROME1")
    return Case(path, want, kind, window="file" if windows else "none", note=f"{syntax} {values.dtype} {stored} {photometric}")


def place(g):
    turn, _ = np.linalg.qr(g.standard_normal((3, 3)))
    along, down = turn[0], turn[1]
    return along, down, np.cross(along, down)


def texts(values):
    return [f"{v:.8g}"[:16] for v in values]


def series(g, path, number, spoil=None):
    """A folder of files at random orientation, some with a tilted gantry and a scale each."""
    count = int(g.integers(4, 9)) if spoil else int(g.integers(1, 9))
    syntax, values, stored, signed, photometric, planar = content(g, number, count, tuple(int(n) for n in g.integers(1, 9, 2)))
    along, down, normal = place(g)
    gap, begin, spacing = g.uniform(0.5, 6), g.uniform(-100, 100, 3), g.uniform(0.2, 2, 2)
    step = normal * gap + (down * gap * 0.2 if g.random() < 0.3 else 0)
    uid, path = generate_uid(), path
    path.mkdir()
    names, pairs, windows = g.permutation(count), [], []
    for i in range(count):
        one = values[i : i + 1]
        ds = image(g, syntax, one, stored, signed, photometric, planar)
        pairs.append(rescale(g, ds) if i == 0 or g.random() < 0.2 else pairs[0])
        if pairs[i]:
            ds.RescaleSlope, ds.RescaleIntercept = str(pairs[i][0]), str(pairs[i][1])
        windows.append(set_window(g, ds))
        at = begin + step * i
        if spoil == "place" and i == 2:
            at = begin + step * 1
        if spoil == "gap" and i == 2:
            at = at + step * 0.3
        ds.SeriesInstanceUID = generate_uid() if spoil == "series" and i == 1 else uid
        ds.ImagePositionPatient = texts(at)
        turned = np.concatenate([along, normal if spoil == "orientation" and i == 1 else down])
        ds.ImageOrientationPatient = texts(turned)
        ds.PixelSpacing = texts(spacing * (2 if spoil == "spacing" and i == 1 else 1))
        if spoil == "unplaced" and i == 3:
            del ds.ImagePositionPatient
        if spoil == "size" and i == 1:
            one = np.concatenate([one, one], 1)
            ds.Rows = one.shape[1]
        if spoil == "missing" and i == 2:
            continue
        pixels(ds, syntax, one, stored, g)
        save(ds, path / f"{names[i]:03}{['.dcm', '', '.IMA'][number % 3]}")
    if spoil:
        return Case(path, REFUSED, note=spoil)
    windowed = g.random() < 0.3 and photometric != "RGB"
    want, kind = wanted(values, stored, signed, pairs, windows if windowed else None, photometric == "MONOCHROME1")
    between = np.linalg.norm(step)
    affine = np.stack([along * spacing[1], down * spacing[0], step, begin], 1) * np.array([[-1], [-1], [1]])
    one = count == 1
    return Case(path, want, kind, window="file" if windowed else "none", spacing=None if one else [between, *spacing],
                affine=None if one else affine, note=f"series {syntax}")


def enhanced(g, path, number):
    """A multi-frame file whose frames have places and scales in functional groups, in any order."""
    count = int(g.integers(2, 8))
    syntax, values, stored, signed, photometric, planar = content(g, number, count)
    along, down, normal = place(g)
    gap, begin, spacing = g.uniform(0.5, 6), g.uniform(-100, 100, 3), g.uniform(0.2, 2, 2)
    order = g.permutation(count)
    ds = image(g, syntax, values[order], stored, signed, photometric, planar)
    shared = Dataset()
    measures, plane = Dataset(), Dataset()
    measures.PixelSpacing, plane.ImageOrientationPatient = texts(spacing), texts(np.concatenate([along, down]))
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([plane])
    pair, own = rescale(g, ds), g.random() < 0.5
    frames, pairs = [], [None] * count

    def transformation(group, pair):
        part = Dataset()
        part.RescaleSlope, part.RescaleIntercept, part.RescaleType = str(pair[0]), str(pair[1]), "US"
        group.PixelValueTransformationSequence = Sequence([part])

    if pair and not own:
        transformation(shared, pair)
    for i in order:
        group, position = Dataset(), Dataset()
        position.ImagePositionPatient = texts(begin + normal * gap * i)
        group.PlanePositionSequence = Sequence([position])
        pairs[i] = pair
        if pair and own:
            pairs[i] = (pair[0], pair[1] + int(i))
            transformation(group, pairs[i])
        frames.append(group)
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    undefined = g.random() < 0.5
    ds["PerFrameFunctionalGroupsSequence"].is_undefined_length = undefined
    for group in frames:
        group.is_undefined_length_sequence_item = g.random() < 0.5
    pixels(ds, syntax, values[order], stored, g)
    path = path.with_name(path.name + ".dcm")
    save(ds, path)
    want, kind = wanted(values, stored, signed, pairs, None, False)
    affine = np.stack([along * spacing[1], down * spacing[0], normal * gap, begin], 1) * np.array([[-1], [-1], [1]])
    return Case(path, want, kind, spacing=[gap, *spacing], affine=affine, note=f"enhanced {syntax}")


def spoiled(g, case):
    """A copy of a file that is cut short or claims to be compressed otherwise: must be refused."""
    data = case.path.read_bytes()
    path = case.path.with_name("cut_" + case.path.name)
    path.write_bytes(data[: int(g.integers(1, max(2, len(data) - 40)))])
    return Case(path, REFUSED, axis=case.axis, note="cut")


def differs(case, told, data):
    if "error" in told:
        return None if isinstance(case.want, str) else f"refused: {told['error']}"
    if isinstance(case.want, str):
        return "read, though it must be refused"
    if list(case.want.shape) != told["shape"]:
        return f"shape {told['shape']} instead of {case.want.shape}"
    if told["kinds"] != [case.kind]:
        return f"kinds {told['kinds']} instead of {case.kind}"
    read = data[told["at"] :][: case.want.nbytes]
    if read != case.want.tobytes():
        own = np.frombuffer(read, case.kind).reshape(case.want.shape)
        return f"{(own != case.want).sum()} values differ, first {own[own != case.want][:3]} instead of {case.want[own != case.want][:3]}"
    for name in ("spacing", "affine"):
        own, want = told[name], getattr(case, name)
        if (own is None) != (want is None) or own is not None and not np.allclose(own, want, rtol=1e-4, atol=1e-3):
            return f"{name} {own} instead of {want}"
    return None


def main():
    example, count, seed = sys.argv[1], int((sys.argv[2:] or [400])[0]), int((sys.argv[3:] or [1])[0])
    g = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        cases = []
        for i in range(count):
            make = [nifti, nifti, nifti, dicom, dicom, dicom, series, enhanced][i % 8]
            case = make(g, folder / f"{i:05}", i // 8 * 3 + i % 3)
            cases.append(case)
            if i % 5 == 0 and case.path.is_file():
                cases.append(spoiled(g, case))
        for i, spoil in enumerate(["place", "gap", "series", "orientation", "spacing", "unplaced", "size", "missing"] * 3):
            cases.append(series(g, folder / f"spoiled_{i}", i, spoil))
        (folder / "list").write_text("".join(f"{c.axis} {c.window} {c.path}\n" for c in cases))
        run = subprocess.run([example, folder / "list", folder / "out"], check=True, capture_output=True, text=True)
        told, data = [json.loads(line) for line in run.stdout.splitlines()], (folder / "out").read_bytes()
        assert len(told) == len(cases)
        wrong = [(c, d) for c, t in zip(cases, told) if (d := differs(c, t, data))]
        for case, difference in wrong[:40]:
            print(f"{case.path.name} ({case.note}, {case.axis}, window {case.window}): {difference}")
        if "--errors" in sys.argv:
            print(*sorted({t["error"] for t in told if "error" in t}), sep="\n")
        refused = sum("error" in t for t in told)
        print(f"{len(cases)} volumes: {len(cases) - refused} read, {refused} refused as they must be, {len(wrong)} wrong")
    sys.exit(bool(wrong))


main()
