#!/usr/bin/env python3
"""Prints the values that the unit tests of src/search/ expect. Needs numpy and scipy.

    python3 scripts/search_oracle.py [SECTION ...]

Written from the formulas, by other means than the Rust code where there are any: BLAKE3 from its specification, Sobol points from SciPy,
gradients by finite differences, determinants and solutions from numpy.linalg, whole numbers sampled from the table of their probabilities.
"""
import struct
import sys
import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr, ndtri
from scipy.stats import qmc

M32 = 0xFFFFFFFF
IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
QUARTERS = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]


def blake3_block(text, counter):
    """64 bytes of the extendable output of a text of at most 64 bytes: one chunk of one block, which is the root."""
    m = list(struct.unpack("<16I", text.ljust(64, b"\0")))
    v = IV + IV[:4] + [counter & M32, counter >> 32, len(text), 1 | 2 | 8]
    turn = lambda x, n: (x >> n | x << (32 - n)) & M32
    for _ in range(7):
        for at, (a, b, c, d) in enumerate(QUARTERS):
            for word, (r, s) in zip(m[2 * at:2 * at + 2], ((16, 12), (8, 7))):
                v[a] = (v[a] + v[b] + word) & M32
                v[d] = turn(v[d] ^ v[a], r)
                v[c] = (v[c] + v[d]) & M32
                v[b] = turn(v[b] ^ v[c], s)
        m = [m[i] for i in PERMUTATION]
    return struct.pack("<16I", *([v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ IV[i] for i in range(8)]))


def bits(seed, stream, trial, attempt, n):
    text = f"{seed}\n{stream}\n{trial}\n{attempt}".encode()
    data = b"".join(blake3_block(text, i) for i in range((n + 7) // 8))
    return struct.unpack(f"<{n}Q", data[:8 * n])


def uniform(seed, stream, trial, attempt, n):
    return np.array([(b >> 11) / 2**53 for b in bits(seed, stream, trial, attempt, n)])


class Domain:
    """kind: float, int or choice; numbers on the scale t."""

    def __init__(self, kind, low, high, log=False, when=None):
        self.kind, self.low, self.high, self.log, self.when = kind, low, high, log, when
        self.count = high - low + 1
        a, b = (low - 0.5, high + 0.5) if kind == "int" else (low, high)
        self.lo, self.hi = (np.log(a), np.log(b)) if log else (a, b)

    def value(self, t):
        x = np.exp(t) if self.log else t
        if self.kind == "float":
            return min(max(float(f"{x:.3e}"), self.low), self.high)
        return float(min(max(np.floor(x + 0.5), self.low), self.high))

    def at(self, u):
        return float(min(int(u * self.count), self.count - 1)) if self.kind == "choice" else self.value(self.lo + u * (self.hi - self.lo))

    def t(self, v):
        return np.log(v) if self.log else v

    def unit(self, v):
        return v if self.kind == "choice" else (self.t(v) - self.lo) / (self.hi - self.lo)

    def edges(self):
        e = np.arange(self.low - 0.5, self.high + 1)
        return np.log(e) if self.log else e


# The example of src/search/example.rs.
SPACE = [Domain("float", -1.0, 3.0), Domain("float", 1e-4, 1e-1, True), Domain("int", 1, 8), Domain("int", 16, 512, True), Domain("choice", 0, 2),
         Domain("float", 0.0, 1.0, when=(4, (1.0, 2.0)))]
PRIMES = [2, 3, 5, 7, 11, 13]


def settled(x):
    return [np.nan if p.when and x[p.when[0]] not in p.when[1] else v for p, v in zip(SPACE, x)]


def example(n, first=1):
    U = np.array([[(i * np.sqrt(p)) % 1.0 for p in PRIMES] for i in range(first, first + n)])
    X = np.array([settled([p.at(u) for p, u in zip(SPACE, row)]) for row in U])
    noise = np.array([(i * np.sqrt(17)) % 1.0 for i in range(first, first + n)])
    y = -(U[:, 0] - 0.4) ** 2 - 0.5 * (U[:, 1] - 0.6) ** 2 + 0.2 * (X[:, 4] == 1) + 0.1 * noise
    return X, y


def show(name, value):
    flat = np.asarray(value, float).ravel()
    print(f"{name}: " + ", ".join(repr(float(v)) for v in flat))


def stream():
    show("STREAM_VALUES", uniform(7, "tpe", 12, 3, 10))


def normal():
    print("NORMAL_CDF: " + ", ".join(f"({z!r}, {float(ndtr(z))!r})" for z in (-30.0, -8.5, -2.0, -0.3, 0.0, 0.7, 1.0, 4.5)))
    p = (1e-300, 1e-20, 1e-9, 0.003, 0.05, 0.0751, 0.31, 0.5, 0.74, 0.93, 0.9999, 1 - 1e-12)
    print("NORMAL_QUANTILE: " + ", ".join(f"({q!r}, {float(ndtri(q))!r})" for q in p))


def log_ei(mean, var, best):
    sd = np.sqrt(var)
    z = (mean - best) / sd
    if z < -20:
        return -0.5 * z * z - 0.5 * np.log(2 * np.pi) - 2 * np.log(-z) + np.log(sd)
    return np.log(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) + z * np.exp(log_ndtr(z))) + np.log(sd)


def improvement():
    cases = ((0.3, 0.04, 0.1), (0.0, 1.0, 0.0), (-1.0, 0.25, 1.0), (-3.0, 0.04, 0.5), (-3.0, 0.01, 0.5), (-5.0, 1e-12, 2.0))
    print("IMPROVEMENT: " + ", ".join(f"({m!r}, {v!r}, {b!r}, {float(log_ei(m, v, b))!r})" for m, v, b in cases))


def reverse(x):
    return int(f"{x:032b}"[::-1], 2)


def owen(x, seed):
    x = reverse(x)
    x ^= x * 0x3D20ADEA & M32
    x = (x + seed) * (seed >> 16 | 1) & M32
    x ^= x * 0x05526C56 & M32
    x ^= x * 0x53A22864 & M32
    return reverse(x)


def sobol_digits():
    return np.rint(qmc.Sobol(64, scramble=False, bits=32).random_base2(9) * 2**32).astype(np.uint64)


def sobol_point(seed, index, d, digits):
    return [(owen(int(digits[index, j]), bits(seed, "owen", j, 0, 1)[0] & M32) + 0.5) / 2**32 for j in range(d)]


def sobol():
    digits = sobol_digits()
    rows = (1, 2, 77, 511)
    print("SOBOL_DIGITS: " + ", ".join(f"({i}, {[int(digits[i, j]) for j in (0, 1, 2, 7, 40, 63)]})" for i in rows))
    print("SOBOL_SUM:", sum(int(x) * (i + 1) % 1009 for i, row in enumerate(digits) for x in row))
    print("SOBOL_POINTS: " + ", ".join(f"({i}, {sobol_point(5, i, 4, digits)})" for i in (0, 1, 9, 300)))


def cholesky():
    A = np.array([[4, 2, 0.6, 1], [2, 5, 1.5, 0.2], [0.6, 1.5, 3, 0.7], [1, 0.2, 0.7, 2]])
    show("CHOLESKY_DET", 0.5 * np.linalg.slogdet(A)[1])
    show("CHOLESKY_SOLVE", np.linalg.solve(A, [1, -2, 3, 0.5]))
    show("CHOLESKY_INVERSE", np.linalg.inv(A)[np.triu_indices(4)])


def encode(X):
    return np.array([[0.5 if np.isnan(v) else p.unit(v) for p, v in zip(SPACE, x)] for x in X])


def covariance(A, B, w, s):
    r2 = np.zeros((len(A), len(B)))
    for j, p in enumerate(SPACE):
        D = (A[:, j, None] - B[None, :, j]) ** 2
        r2 += w[j] * ((D > 0) if p.kind == "choice" else D)
    r = np.sqrt(r2)
    return s * (1 + np.sqrt(5) * r + 5 / 3 * r2) * np.exp(-np.sqrt(5) * r)


def kernel(theta):
    return np.exp(theta[:-2]), np.exp(theta[-2]), np.exp(theta[-1]) + 1e-6


def gp_loss(theta, U, y):
    w, s, noise = kernel(theta)
    K = covariance(U, U, w, s) + noise * np.eye(len(y))
    likelihood = 0.5 * y @ np.linalg.solve(K, y) + 0.5 * np.linalg.slogdet(K)[1]
    return likelihood + (0.1 / w + 0.1 * w).sum() - (np.log(s) - s) - (0.1 * np.log(noise) - 30 * noise)


def gradient(f, x):
    """Central differences of two widths, extrapolated: an error of the fourth order."""
    def once(h):
        e = h * np.eye(len(x))
        return np.array([(f(x + d) - f(x - d)) / (2 * h) for d in e])
    return (4 * once(1e-3) - once(2e-3)) / 3


def posterior(theta, U, y, V):
    w, s, noise = kernel(theta)
    K = covariance(U, U, w, s) + noise * np.eye(len(y))
    k = covariance(V, U, w, s)
    return k @ np.linalg.solve(K, y), s - np.einsum("ij,ji->i", k, np.linalg.solve(K, k.T))


def gp():
    X, y = example(18)
    y = (y - y.mean()) / (y.std() + 1e-12)
    U, V = encode(X), encode(example(5, 40)[0])
    theta = np.array([0.3, -0.5, 0.1, -1.0, 0.7, -2.0, 0.2, -3.0])
    show("GP_LOSS", gp_loss(theta, U, y))
    show("GP_GRADIENT", gradient(lambda t: gp_loss(t, U, y), theta))
    mean, var = posterior(theta, U, y, V)
    best = posterior(theta, U, y, U)[0].max()
    show("GP_MEAN", mean)
    show("GP_VARIANCE", var)
    show("GP_BEST", best)
    show("GP_LOG_EI", [log_ei(m, v, best) for m, v in zip(mean, var)])
    # Two of the points as pending ones: believed to have the mean.
    mean, var = posterior(theta, np.vstack([U, V[:2]]), np.concatenate([y, mean[:2]]), V[2:])
    show("GP_BELIEVED", np.column_stack([mean, var]))
    start = np.concatenate([np.zeros(7), [np.log(0.05)]])
    fits = [minimize(gp_loss, start, args=(U, y), method="L-BFGS-B", bounds=[(-7, 7)] * 6 + [(-5, 4), (-12, 2)], options={"maxiter": n}) for n in (30, 1000)]
    show("GP_FITTED", [f.fun for f in fits])


def weights(n):
    return np.concatenate([np.linspace(1 / n, 1, n - 25), np.ones(25)]) if n > 25 else np.ones(n)


def kernels(X):
    """Weights of the kernels of a Parzen estimator, and by parameter their (mean, deviation), or probabilities of choices."""
    w = np.append(weights(len(X)), 1.0)
    parameters = []
    for p, column in zip(SPACE, X.T):
        have = ~np.isnan(column)
        if p.kind == "choice":
            table = np.full((len(X) + 1, p.count), 1 / (len(X) + 1))
            table[np.flatnonzero(have), column[have].astype(int)] += 1
            parameters.append(table / table.sum(1, keepdims=True))
            continue
        t = p.t(column[have])
        mean, deviation = np.full(len(X) + 1, (p.lo + p.hi) / 2), np.full(len(X) + 1, p.hi - p.lo)
        order = np.argsort(t, kind="stable")
        # Gaps in the sorted list; the bounds are none, but of a value alone.
        gap = np.diff(t[order]) if len(t) > 1 else np.array([max(v - p.lo, p.hi - v) for v in t])
        widths = [max(gap[max(i - 1, 0)], gap[min(i, len(gap) - 1)]) for i in range(len(t))]
        at = np.flatnonzero(have)[order]
        mean[at], deviation[at] = t[order], np.clip(widths, (p.hi - p.lo) / min(100, 2 + len(t)), p.hi - p.lo)
        parameters.append((mean, deviation))
    return w / w.sum(), parameters


def cells(p, mean, deviation):
    """Probabilities of a whole number's values, a row per kernel."""
    mass = np.diff(ndtr((p.edges()[None, :] - mean[:, None]) / deviation[:, None]), axis=1)
    return mass / mass.sum(1, keepdims=True)


def log_density(estimate, x):
    w, parameters = estimate
    log = np.log(w)
    for p, k, v in zip(SPACE, parameters, x):
        if np.isnan(v):
            continue
        if p.kind == "choice":
            log = log + np.log(k[:, int(v)])
        elif p.kind == "int":
            log = log + np.log(cells(p, *k)[:, int(v - p.low)] + 1e-300)
        else:
            mean, deviation = k
            mass = ndtr((p.hi - mean) / deviation) - ndtr((p.lo - mean) / deviation)
            log = log - 0.5 * ((p.t(v) - mean) / deviation) ** 2 - np.log(deviation * mass)
    return np.logaddexp.reduce(log)


def draw(estimate, u):
    w, parameters = estimate
    pick = lambda table, share: min(int((share >= np.cumsum(table)).sum()), len(table) - 1)
    which = pick(w, u[0])
    x = []
    for p, k, share in zip(SPACE, parameters, u[1:]):
        if p.kind == "choice":
            x.append(float(pick(k[which], share)))
        elif p.kind == "int":
            x.append(float(pick(cells(p, *k)[which], share) + p.low))
        else:
            mean, deviation = k[0][which], k[1][which]
            a, b = ndtr((p.lo - mean) / deviation), ndtr((p.hi - mean) / deviation)
            x.append(p.value(np.clip(mean + deviation * ndtri(a + share * (b - a)), p.lo, p.hi)))
    return settled(x)


def tpe_proposals(seed, trial, X, y, pending, n):
    """The n candidates with the largest ratio of densities, the best first."""
    order = sorted(range(len(y)), key=lambda i: (-y[i], i))
    good = min(int(np.ceil(0.1 * len(y))), 25)
    below, above = kernels(X[sorted(order[:good])]), kernels(np.vstack([X[sorted(order[good:])], pending]))
    u = uniform(seed, "tpe", trial, 0, 24 * (len(SPACE) + 1)).reshape(24, -1)
    candidates = [draw(below, row) for row in u]
    ratio = [log_density(below, x) - log_density(above, x) for x in candidates]
    return [candidates[i] for i in np.argsort(-np.array(ratio), kind="stable")[:n]]


def tpe():
    X, y = example(43)
    more = example(4, 60)[0]
    show("TPE_DENSITIES", [log_density(kernels(X), x) for x in more])
    show("TPE_FEW", [log_density(kernels(X[:2]), x) for x in more] + [log_density(kernels(X[:1]), x) for x in more])
    rows = tpe_proposals(3, 47, X, y, more, 3)
    print("TPE_PROPOSALS: " + ", ".join("[" + ", ".join("None" if np.isnan(v) else f"Some({v!r})" for v in map(float, row)) + "]" for row in rows))


if __name__ == "__main__":
    for section in sys.argv[1:] or ["stream", "normal", "improvement", "sobol", "cholesky", "gp", "tpe"]:
        globals()[section]()
