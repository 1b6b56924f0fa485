#!/usr/bin/env python3
"""Prints the values that the tests of src/report/inference and src/report/stats.rs expect. Needs numpy and scipy 1.13 or later.

    python3 scripts/statistics_oracle.py
"""
import numpy as np
from scipy import stats

A = np.array([[0.81, 0.79, 0.90, 0.62, 0.75, 0.88, 0.93, 0.70],
              [0.83, 0.80, 0.91, 0.66, 0.74, 0.90, 0.92, 0.73],
              [0.79, 0.77, 0.88, 0.60, 0.76, 0.87, 0.91, 0.69]])
B = np.array([[0.80, 0.75, 0.89, 0.55, 0.76, 0.86, 0.92, 0.66],
              [0.79, 0.78, 0.90, 0.58, 0.71, 0.87, 0.90, 0.70],
              [0.78, 0.76, 0.87, 0.57, 0.72, 0.88, 0.89, 0.64]])
RESAMPLES = 1_000_000


def wilcoxon():
    ten = [0.012, -0.003, 0.02, 0.007, 0.011, 0.001, -0.002, 0.009, 0.015, 0.004]
    forty = [-k if k % 3 == 0 else k for k in range(1, 41)]
    ties = [1, 1, 2, -1, 3, 3, 2, -2]
    hundred = [((k * 37) % 101 - 45) / 10 for k in range(1, 101)]
    print("ten", repr(stats.wilcoxon(ten, method="exact").pvalue))
    print("forty", repr(stats.wilcoxon(forty, method="exact").pvalue))
    print("ties", repr(stats.wilcoxon(ties, method=stats.PermutationMethod(n_resamples=np.inf)).pvalue))
    hundred = [d for d in hundred if d != 0]
    print("hundred", repr(stats.wilcoxon(hundred, method="asymptotic", correction=False).pvalue))


def spread(cells):
    """Seeds' means moved apart by sqrt(n / (n - 1)); see src/report/inference/bootstrap.rs."""
    n = len(cells)
    means = cells.mean(axis=1, keepdims=True)
    return cells + (np.sqrt(n / (n - 1)) - 1) * (means - means.mean())


def drawn(paired):
    random = np.random.default_rng(0)
    a, b = spread(A), spread(B)
    found = []
    for _ in range(10):
        count = RESAMPLES // 10
        images = random.integers(0, A.shape[1], (count, A.shape[1]))
        seeds_a = random.integers(0, len(A), (count, len(A)))
        seeds_b = seeds_a if paired else random.integers(0, len(B), (count, len(B)))
        pick = lambda cells, seeds: cells[seeds[:, :, None], images[:, None, :]].mean(axis=(1, 2))
        found.append(pick(a, seeds_a) - pick(b, seeds_b))
    return np.percentile(np.concatenate(found), [2.5, 97.5])


def bootstrap():
    one = stats.bootstrap((A[0] - B[0],), np.mean, n_resamples=RESAMPLES, batch=100_000, method="percentile")
    print("one", one.confidence_interval.low, one.confidence_interval.high)
    print("paired", *drawn(True))
    print("unpaired", *drawn(False))


def interval():
    values = [0.9, 0.95, 0.94]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    print("t interval", repr(float(low)), repr(float(high)))


wilcoxon()
bootstrap()
interval()
