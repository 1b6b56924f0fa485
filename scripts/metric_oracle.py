#!/usr/bin/env python3
"""Prints the values that the tests of src/metric expect. Needs numpy, scipy and scikit-image 0.20 or later.

    python3 scripts/metric_oracle.py

The masks are those of src/metric/examples.rs.
"""
import numpy as np
from scipy import ndimage
from skimage.metrics import contingency_table, hausdorff_distance

H, W = 24, 30
Y, X = np.mgrid[:H, :W]
LOGITS = (40 - (Y - 11) ** 2 - (X - 14) ** 2) / 16 + ((7 * Y + 13 * X) % 11 - 5) / 4
PRED = LOGITS >= 0
TRUTH = ((Y - 10) ** 2 + (X - 12) ** 2 < 49) | ((Y >= 18) & (X >= 20) & (X < 27))
CELLS = (Y % 8 != 0) & ((X + Y // 8) % 10 != 0)
CELLS_PRED = (((Y % 8 != 0) | (X == 13) | (X == 25)) & ((X + Y // 8) % 10 != 0)
              & ~((Y == 4) & (X > 10)) & ((Y < 20) | (X < 22)))


def surface(mask):
    """As MONAI's get_mask_edges and MedPy's __surface_distances."""
    return mask ^ ndimage.binary_erosion(mask)


def ways(pred, truth, spacing):
    a, b = surface(pred), surface(truth)
    to = lambda edge: ndimage.distance_transform_edt(~edge, sampling=spacing)
    return to(b)[a], to(a)[b]


def thresholds():
    p = np.array([[.9, .31, .2, .7, .55, .05], [.45, .6, .85, .3, .1, .97]])
    t = np.array([[1, 1, 0, 1, 0, 0], [0, 1, 1, 0, 0, 1]], bool)
    for threshold in (0, .06, .32, .5, .56, .86, .98):
        m = p >= threshold
        both, sizes = (m & t).sum(1), m.sum(1) + t.sum(1)
        dice = np.where(sizes == 0, 1, 2 * both / np.maximum(sizes, 1)).mean()
        tp, fp, fn, tn = (m & t).sum(), (m & ~t).sum(), (~m & t).sum(), (~m & ~t).sum()
        print("threshold", threshold, dice, tp / max(tp + fp, 1), tp / (tp + fn), [tp, fp, fn, tn])


def distances():
    for name, spacing in [("pixels", (1, 1)), ("mm", (0.5, 0.25))]:
        there, back = ways(PRED, TRUTH, spacing)
        print("hd95", name, repr(max(np.percentile(there, 95), np.percentile(back, 95))))
        print("  MedPy's, for comparison", repr(np.percentile(np.hstack([there, back]), 95)))
        print("assd", name, repr((there.sum() + back.sum()) / (there.size + back.size)))
        print("  MedPy's, for comparison", repr((there.mean() + back.mean()) / 2))
    there, back = ways(PRED, TRUTH, (1, 1))
    assert max(there.max(), back.max()) == hausdorff_distance(surface(PRED), surface(TRUTH))


def near(mask, d):
    """mask_to_boundary of the authors' boundary_iou_api, with SciPy in OpenCV's place."""
    padded = np.pad(mask, 1)
    eroded = ndimage.binary_erosion(padded, np.ones((3, 3)), iterations=d, border_value=1)[1:-1, 1:-1]
    return mask & ~eroded


def boundary_iou():
    d = max(1, int(round(0.02 * np.hypot(H, W))))
    a, b = near(PRED, d), near(TRUTH, d)
    print("boundary_iou", repr((a & b).sum() / (a | b).sum()), "near", [[int(near(m, k).sum()) for m in (PRED, TRUTH)] for k in (1, 2, 3)])


def ece():
    p = 1 / (1 + np.exp(-LOGITS))
    confidence, right = np.where(PRED, p, 1 - p).ravel(), (PRED == TRUTH).ravel()
    edges, error = np.linspace(0, 1, 16), 0
    for low, high in zip(edges[:-1], edges[1:]):
        bin = (confidence > low) & (confidence <= high)
        if bin.any():
            error += bin.mean() * abs(right[bin].mean() - confidence[bin].mean())
    print("ece", repr(error))


def rand_score(name, pred, truth):
    """Arganda-Carreras et al. 2015, with each pixel that the prediction leaves out as a segment of its own."""
    cross = ndimage.generate_binary_structure(2, 1)
    segments, _ = ndimage.label(pred, cross)
    objects, _ = ndimage.label(truth, cross)
    alone = segments == 0
    segments[alone] = segments.max() + 1 + np.arange(alone.sum())
    p = contingency_table(objects, segments, ignore_labels=[0], normalize=False)
    square = lambda counts: (np.asarray(counts, dtype=float) ** 2).sum()
    print("rand_score", name, repr(square(p.data) / (square(p.sum(axis=0)) / 2 + square(p.sum(axis=1)) / 2)))


def counted(name, pred, truth):
    """Precision, recall, specificity, accuracy."""
    found, all_right = (pred & truth).sum(), (pred == truth).mean()
    print("counted", name, [repr(float(v)) for v in (found / pred.sum(), found / truth.sum(), (~pred & ~truth).sum() / (~truth).sum(), all_right)])


def cup_to_disc():
    rows = lambda mask: np.ptp(np.nonzero(mask.any(axis=1))[0]) + 1
    print("vcdr_error", repr(float(abs(rows(PRED) / rows(CELLS_PRED) - rows(TRUTH) / rows(CELLS)))), "disc: cells, cup: drawn")


distances()
boundary_iou()
ece()
rand_score("drawn", PRED, TRUTH)
rand_score("cells", CELLS_PRED, CELLS)
counted("drawn", PRED, TRUTH)
counted("cells", CELLS_PRED, CELLS)
cup_to_disc()
print("pixel_error", repr(float((PRED != TRUTH).mean())), repr(float((CELLS_PRED != CELLS).mean())))
thresholds()
