#!/usr/bin/env python3
"""Prints the values that the tests of src/report/inference and src/report/stats.rs expect. Needs numpy, scipy and statsmodels.

    python3 scripts/statistics_oracle.py

Mean squares are residuals of least-squares fits on dummy variables, not the sums of src/report/inference/pooled.rs.
"""
import itertools
import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

A = np.array([[0.81, 0.79, 0.90, 0.62, 0.75, 0.88, 0.93, 0.70],
              [0.83, 0.80, 0.91, 0.66, 0.74, 0.90, 0.92, 0.73],
              [0.79, 0.77, 0.88, 0.60, 0.76, 0.87, 0.91, 0.69]])
B = np.array([[0.80, 0.75, 0.89, 0.55, 0.76, 0.86, 0.92, 0.66],
              [0.79, 0.78, 0.90, 0.58, 0.71, 0.87, 0.90, 0.70],
              [0.78, 0.76, 0.87, 0.57, 0.72, 0.88, 0.89, 0.64]])
C = np.array([[0.70, 0.71, 0.85, 0.50, 0.69, 0.80, 0.84, 0.66],
              [0.72, 0.69, 0.83, 0.53, 0.66, 0.82, 0.86, 0.61]])


def dummies(values):
    return (np.array(values)[:, None] == np.array(sorted(set(values)))[None]).astype(float)


def residual_mean_square(y, factors):
    """Of y fitted on the dummy variables of each factor; with the degrees of freedom that are left."""
    x = np.hstack([dummies(factor) for factor in factors])
    rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    free = len(y) - np.linalg.matrix_rank(x)
    return (rest**2).sum() / free, free


def pooled(groups, overlap=0.0):
    units = groups[0].shape[1]
    seeds = [len(g) for g in groups]
    rows = [(y, f"{g}", f"{g},{s}", f"{g},{i}") for g, cells in enumerate(groups) for s, row in enumerate(cells) for i, y in enumerate(row)]
    e, free_e = residual_mean_square(np.array([r[0] for r in rows]), [[r[2] for r in rows], [r[3] for r in rows]])
    runs = [(cells[s].mean(), f"{g}") for g, cells in enumerate(groups) for s in range(len(cells))]
    a, free_a = residual_mean_square(np.array([r[0] for r in runs]), [[r[1] for r in runs]])
    cells = [(g.mean(0)[i], f"{at}", f"{i}") for at, g in enumerate(groups) for i in range(units)]
    q, free_q = residual_mean_square(np.array([c[0] for c in cells]), [[c[1] for c in cells], [c[2] for c in cells]])
    b, c = q * (1 / units + overlap), e / units * np.mean([1 / s for s in seeds])
    print(f"    seeds {np.sqrt(a)!r} units {np.std(np.mean([g.mean(0) for g in groups], 0), ddof=1)!r}")
    found = []
    for i, j in itertools.combinations(range(len(groups)), 2):
        d = groups[i].mean() - groups[j].mean()
        s = a * (1 / seeds[i] + 1 / seeds[j])
        v = s + 2 * max(b - c, 0)
        df = v**2 / (s**2 / free_a + (4 * (b**2 / free_q + c**2 / free_e) if b > c else 0))
        se, t = np.sqrt(v), stats.t(df)
        found.append((d, d - t.ppf(0.975) * se, d + t.ppf(0.975) * se, 2 * t.sf(abs(d) / se)))
        print(f"    {i}-{j}: detectable {(t.ppf(0.975) + t.ppf(0.8)) * se / np.sqrt(stats.chi2(df).median() / df)!r} df {df!r}")
    holm = multipletests([f[3] for f in found], method="holm")[1]
    for f, p in zip(found, holm):
        print("    ({:.12f}, {:.12f}, {:.12f}, {:.12e}, {:.12e}),".format(*f, p))


np.set_printoptions(legacy="1.25")
print("two groups"), pooled([A, B])
print("three groups, unequal seeds"), pooled([A, B, C])
print("two seeds each"), pooled([A[:2], C])
print("seeds that do not vary: the paired t test over images",), pooled([np.vstack([A[0], A[0]]), np.vstack([B[0], B[0]])])
print("    ", stats.ttest_rel(A[0], B[0]).pvalue)
print("eight folds"), pooled([A, B], overlap=1 / 7)
a, b = A.mean(1), B.mean(1)
print("equal images for all: Student's t over seeds"), pooled([np.repeat(a[:, None], 4, 1), np.repeat(b[:, None], 4, 1)])
print("    ", stats.ttest_ind(a, b).pvalue)
even = lambda mean, spread: mean + spread * np.array([-1.0, 0.0, 1.0])
# The variance of the first is that of two groups, with four degrees of freedom.
small, large = 0.01**2 / 3, 0.2**2 / 3
df = (small + large) ** 2 / (small**2 / 4 + large**2 / 2)
print("uneven seeds", stats.ttest_ind(even(0.2, 0.01), even(0.45, 0.01)).pvalue, 2 * stats.t.sf(0.5 / np.sqrt(small + large), df))
values = [0.9, 0.95, 0.94]
print("t interval", stats.t.interval(0.95, 2, np.mean(values), stats.sem(values)))
