"""Writes random annotation files, has pycocotools, scikit-image and umlaut draw them, and prints how many masks differ.

    cargo build --example annotate && python3 scripts/annotation_oracle.py target/debug/examples/annotate [DATA-SETS [SEED]]

Needs numpy, pillow, pycocotools and scikit-image. COCO masks must equal those of pycocotools (`annToMask`, joined by class) in every pixel: polygons of one
and of several parts, with corners of whole, short and full decimals, repeated, outside of the image, edges that cross; run lengths plain and compressed;
crowds. LabelMe and GeoJSON must equal `skimage.draw.polygon` (whose centres are whole numbers) where corners are random; where they are whole and half
numbers, so that edges meet centres, the rule as it is documented, written here a pixel at a time. Exits 1 if a pixel differs or a file is refused.
"""

import json
import os
import random
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from pycocotools import mask as tools
from skimage import draw

CLASSES = ["a", "b", "c"]
PER_SET = 8


def corner(r, length, kind):
    """A coordinate near a side of so many pixels."""
    x = r.uniform(-0.3 * length - 1, 1.3 * length + 1) if r.random() < 0.3 else r.uniform(0, length)
    return {"whole": round(x), "half": round(2 * x) / 2, "short": round(x, 1), "two": round(x, 2), "full": x}[kind]


def polygon(r, h, w, kinds):
    kind = r.choice(kinds)
    corners = [[corner(r, w, kind), corner(r, h, kind)] for _ in range(r.randint(3, 12))]
    if r.random() < 0.2:
        corners.insert(1, corners[0])
    if r.random() < 0.2:
        corners.append(corners[0])
    return kind, corners


# ---- COCO

def segmentation(r, g, h, w):
    """What a file says of an object, and its mask."""
    kind = r.random()
    if kind < 0.7:
        parts = [sum(polygon(r, h, w, ["whole", "half", "short", "two", "full"])[1], []) for _ in range(r.choice([1, 1, 1, 2, 3]))]
        return parts, tools.decode(tools.merge(tools.frPyObjects(parts, h, w)))
    mask = np.asfortranarray((g.random((h, w)) < g.random()).astype(np.uint8))
    code = tools.encode(mask)
    code = {"size": [h, w], "counts": code["counts"].decode()}
    if kind < 0.85:
        flat, counts, value = mask.flatten(order="F"), [], 0
        while len(flat):
            run = int(np.argmax(flat != value)) if (flat != value).any() else len(flat)
            counts, flat, value = counts + [run], flat[run:], 1 - value
        code["counts"] = counts
    return code, mask


def coco(r, g, root, h, w):
    document = {"images": [], "annotations": [], "categories": [{"id": 3 * k + 1, "name": name} for k, name in enumerate(CLASSES)]}
    masks = np.zeros((PER_SET, len(CLASSES), h, w), np.uint8)
    for i in range(PER_SET):
        document["images"].append({"id": 100 - i, "file_name": f"{i}.png", "height": h, "width": w})
        for k in range(len(CLASSES)) if i == 0 else r.choices(range(len(CLASSES)), k=r.randint(0, 4)):
            outline, mask = segmentation(r, g, h, w)
            document["annotations"].append({"id": len(document["annotations"]), "image_id": 100 - i, "category_id": 3 * k + 1,
                                            "iscrowd": r.randint(0, 1), "segmentation": outline})
            masks[i, k] |= mask
    with open(f"{root}/instances.json", "w") as file:
        json.dump(document, file)
    return {"coco": {"images": f"{root}/images", "annotations": f"{root}/instances.json"}}, masks


# ---- by centres

def even_odd(corners, h, w):
    """The documented rule, a pixel at a time: crossings to the right of a centre; an edge spans rows from its upper end to before its lower end."""
    mask = np.zeros((h, w), np.uint8)
    for y in range(h):
        for x in range(w):
            for i, a in enumerate(corners):
                (x0, y0), (x1, y1) = sorted([a, corners[i - 1]], key=lambda c: c[1])
                if y0 <= y + 0.5 < y1 and x + 0.5 < x0 + (y + 0.5 - y0) * (x1 - x0) / (y1 - y0):
                    mask[y, x] ^= 1
    return mask


def filled(kind, corners, h, w):
    if kind != "full":
        return even_odd(corners, h, w)
    mask = np.zeros((h, w), np.uint8)
    xy = np.array(corners) - 0.5
    mask[draw.polygon(xy[:, 1], xy[:, 0], (h, w))] = 1
    return mask


def reaches(corners, h, w):
    """Whether the corners' rectangle meets the image: what does not is refused."""
    (x0, y0), (x1, y1) = np.min(corners, axis=0), np.max(corners, axis=0)
    return x0 < w and x1 > 0 and y0 < h and y1 > 0


def inner_polygon(r, h, w):
    while True:
        kind, corners = polygon(r, h, w, ["full", "full", "whole", "half"])
        if reaches(corners, h, w):
            return kind, corners


def labelme_shape(r, h, w):
    kind = r.random()
    if kind < 0.6:
        rule, corners = inner_polygon(r, h, w)
        return "polygon", corners, filled(rule, corners, h, w)
    if kind < 0.8:
        while True:
            rule, ((x0, y0), (x1, y1), *_) = polygon(r, h, w, ["full", "half"])
            corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
            if reaches(corners, h, w):
                return "rectangle", [[x0, y0], [x1, y1]], filled(rule, corners, h, w)
    x, y, radius = r.uniform(0, w), r.uniform(0, h), r.uniform(0.1, max(h, w))
    rows, columns = np.mgrid[:h, :w] + 0.5
    return "circle", [[x, y], [x + radius, y]], ((columns - x) ** 2 + (rows - y) ** 2 <= radius * radius).astype(np.uint8)


def labelme(r, g, root, h, w):
    masks = np.zeros((PER_SET, len(CLASSES), h, w), np.uint8)
    for i in range(PER_SET):
        shapes = []
        for k in range(len(CLASSES)) if i == 0 else r.choices(range(len(CLASSES)), k=r.randint(0, 4)):
            kind, points, mask = labelme_shape(r, h, w)
            shapes.append({"label": CLASSES[k], "points": points, "group_id": None, "shape_type": kind, "flags": {}})
            masks[i, k] |= mask
        document = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": f"{i}.png", "imageData": None, "imageHeight": h, "imageWidth": w}
        with open(f"{root}/images/{i}.json", "w") as file:
            json.dump(document, file)
    return {"labelme": {"root": f"{root}/images", "classes": CLASSES}}, masks


def geojson(r, g, root, h, w):
    os.mkdir(f"{root}/marks")
    masks = np.zeros((PER_SET, len(CLASSES), h, w), np.uint8)
    for i in range(PER_SET):
        features = []
        for k in range(len(CLASSES)) if i == 0 else r.choices(range(len(CLASSES)), k=r.randint(0, 4)):
            polygons = []
            for _ in range(r.choice([1, 1, 2])):
                rings = [inner_polygon(r, h, w) for _ in range(r.choice([1, 1, 2, 3]))]
                outer, *holes = [filled(rule, corners, h, w) for rule, corners in rings]
                for hole in holes:
                    outer &= 1 - hole
                masks[i, k] |= outer
                polygons.append([corners + corners[:1] for _, corners in rings])
            geometry = {"type": "MultiPolygon", "coordinates": polygons} if len(polygons) > 1 else {"type": "Polygon", "coordinates": polygons[0]}
            features.append({"type": "Feature", "geometry": geometry, "properties": {"classification": {"name": CLASSES[k]}}})
        with open(f"{root}/marks/{i}.geojson", "w") as file:
            json.dump(r.choice([features, {"type": "FeatureCollection", "features": features}]), file)
    return {"geojson": {"images": f"{root}/images", "annotations": f"{root}/marks", "classes": CLASSES}}, masks


def main():
    program, count, seed = sys.argv[1], int((sys.argv + [60])[2]), int((sys.argv + [0, 1])[3])
    r, g = random.Random(seed), np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        expected = []
        with open(f"{folder}/list", "w") as file:
            for number in range(count):
                root, kind, h, w = f"{folder}/{number}", r.choice([coco, labelme, geojson]), r.randint(1, 60), r.randint(1, 60)
                os.makedirs(f"{root}/images")
                for i in range(PER_SET):
                    Image.fromarray(g.integers(0, 256, (h, w), dtype=np.uint8)).save(f"{root}/images/{i}.png")
                dataset, masks = kind(r, g, root, h, w)
                file.write(json.dumps({"dataset": dataset, "size": [h, w]}) + "\n")
                expected.append((kind.__name__, masks))
        told = subprocess.run([program, f"{folder}/list", f"{folder}/out"], check=True, capture_output=True, text=True).stdout.splitlines()
        data, bad, pixels = np.fromfile(f"{folder}/out", np.uint8), 0, 0
        for number, ((kind, masks), line) in enumerate(zip(expected, map(json.loads, told), strict=True)):
            if "error" in line:
                print(f"{number} {kind}: {line['error']}")
                bad += 1
                continue
            ours, data = data[:masks.size].reshape(masks.shape), data[masks.size:]
            assert line["classes"] == CLASSES and line["names"] == [str(i) for i in range(PER_SET)]
            different = int((ours != masks).any((2, 3)).sum())
            pixels += int(masks.sum())
            if different:
                print(f"{number} {kind}: {different} of {PER_SET * len(CLASSES)} masks differ, by {int((ours != masks).sum())} pixels")
                bad += 1
        kinds = {kind: sum(k == kind for k, _ in expected) for kind, _ in expected}
        print(f"{count} data sets {kinds} of {PER_SET} images and {len(CLASSES)} classes, {pixels} pixels marked: {bad} differ or are refused")
        sys.exit(bad > 0)


main()
