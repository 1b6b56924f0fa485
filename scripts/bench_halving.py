#!/usr/bin/env python3
"""Compares successive halving with whole runs and with Optuna's pruners on learning curves: LCBench by YAHPO's surrogate, with noise laid on.
Needs numpy, optuna and onnxruntime, and `lcbench/` of https://github.com/slds-lmu/yahpo_data.

    cargo build --release --example bench_halving
    python3 scripts/bench_halving.py LCBENCH REPEATS METHOD ...    METHOD: random-full, random-halving, gp-full, gp-halving, optuna-sha, optuna-median

Four trials at a time, whole runs of 52 epochs, the first rung at 3. Printed is the regret of the recommended configuration at the end of a whole run
without noise, in percent of (best - median) of 1500 random ones, when 10 and 25 whole runs' epochs are spent: by task, then its mean over all of
them in proportion to the first method's. Optuna's pruners get the configurations of random-full in the same order. BENCH_HALVING names the program,
target/release/examples/bench_halving otherwise. KEPT names a CSV of regrets, which grows, and what it has is not computed again.
"""
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
import numpy as np
from bench_search import Kept, keep

EPOCHS, LOWEST, SLOTS, BUDGETS = 52, 3, 4, (10, 25)
TASKS = ["3945", "7593", "126026", "146212", "167168", "168330", "189354", "189906"]
# As the surrogate has them; integers and logarithms as in LCBench's own space.
NAMES = ["batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout"]
DOMAINS = ["j 16 512", "l 1e-4 1e-1", "u 0.1 0.99", "u 1e-5 1e-1", "i 1 5", "j 64 1024", "u 0 1"]
VALIDATION = 3
# Of the seed and of each validation, as shares of best - median.
SEED_SD, EPOCH_SD = 0.05, 0.05


class Task:
    def __init__(self, lcbench, task):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.model = onnxruntime.InferenceSession(str(Path(lcbench) / "model.onnx"), options)
        self.code = json.loads((Path(lcbench) / "encoding.json").read_text())["OpenML_task_id"][task]
        rng = np.random.default_rng(1)
        pool = []
        for kind, low, high in (domain.split() for domain in DOMAINS):
            low, high = float(low), float(high)
            x = np.exp(rng.uniform(np.log(low), np.log(high), 1500)) if kind in "jl" else rng.uniform(low, high, 1500)
            pool.append(np.round(x) if kind in "ij" else x)
        final = np.concatenate([self.curves(part)[:, -1] for part in np.array_split(np.array(pool).T, 15)])
        self.best, self.scale = final.max(), final.max() - np.median(final)

    def curves(self, x):
        rows = np.zeros((len(x), EPOCHS, 8), np.float32)
        rows[:, :, 0], rows[:, :, 1:] = np.arange(1, EPOCHS + 1), np.asarray(x)[:, None]
        inputs = {"x_cat": np.full((len(x) * EPOCHS, 1), self.code, np.int32), "x_cont": rows.reshape(-1, 8)}
        return self.model.run(None, inputs)[0].reshape(len(x), EPOCHS, -1)[:, :, VALIDATION].astype(float)

    def run(self, repeat, values):
        """A run's validations with noise, and what it has without at the end."""
        curve = self.curves([values])[0]
        key = hashlib.blake2b(f"{repeat} {values}".encode(), digest_size=8).digest()
        z, e = np.random.default_rng(int.from_bytes(key, "little")).standard_normal(EPOCHS + 1), np.arange(1, EPOCHS + 1)
        noise = SEED_SD * z[0] * np.minimum(1.0, e / 10) + EPOCH_SD * z[1:] * (1 + 2 * np.exp(-e / 5))
        return curve + self.scale * noise, (self.best - curve[-1]) / self.scale


def ours(task, method, repeat, budgets):
    """Regrets at the budgets, and all runs in the order of their trials."""
    sampler, kind = method.split("-")
    program = os.environ.get("BENCH_HALVING", "target/release/examples/bench_halving")
    lowest = LOWEST if kind == "halving" else EPOCHS
    numbers = [EPOCHS, lowest, SLOTS, repeat, *(EPOCHS * b for b in budgets)]
    child = subprocess.Popen([program, sampler, *map(str, numbers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    print(";".join(DOMAINS), file=child.stdin, flush=True)
    runs = []
    for line in child.stdout:
        if line.startswith("end"):
            child.stdin.close()
            return [runs[int(trial)][1] for trial in line.split()[1:]], runs
        runs.append(task.run(repeat, [float(v) for v in line.split()]))
        print(*map(repr, map(float, runs[-1][0])), file=child.stdin, flush=True)
    sys.exit(f"{program} ended")


def last(validations, epochs):
    return validations[max(0, epochs - 3):epochs].mean()


def optunas(runs, method):
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sha = optuna.pruners.SuccessiveHalvingPruner(min_resource=LOWEST, reduction_factor=3)
    study = optuna.create_study(direction="maximize", pruner=sha if method == "optuna-sha" else optuna.pruners.MedianPruner())
    steps = (3, 9, 27, EPOCHS) if method == "optuna-sha" else range(1, EPOCHS + 1)
    spent, regrets, whole, any_of = 0, [], None, None
    for number, (validations, _) in enumerate(runs):
        trial, stopped = study.ask(), False
        for epochs in steps:
            trial.report(last(validations, epochs), epochs)
            stopped = epochs < EPOCHS and trial.should_prune()
            if stopped:
                break
        while len(regrets) < len(BUDGETS) and spent + epochs > BUDGETS[len(regrets)] * EPOCHS:
            regrets.append(runs[(whole or any_of)[1]][1])
        spent += epochs
        value = last(validations, epochs)
        study.tell(trial, None if stopped else value, state=optuna.trial.TrialState.PRUNED if stopped else None)
        if not stopped and (whole is None or value > whole[0]):
            whole = value, number
        if any_of is None or value > any_of[0]:
            any_of = value, number
        if len(regrets) == len(BUDGETS):
            return regrets
    sys.exit("there are too few configurations")


def main(lcbench, repeats, methods):
    regrets = {}
    for name in TASKS:
        task, order = None, {}
        for method in methods:
            kept = Kept("lcbench/" + name, method)
            for repeat in (repeat for repeat in range(repeats) if repeat not in kept):
                task = task or Task(lcbench, name)
                if method.startswith("optuna"):
                    order.setdefault(repeat, ours(task, "random-full", repeat, [BUDGETS[-1] * EPOCHS])[1])
                    keep(kept, repeat, optunas(order[repeat], method))
                else:
                    keep(kept, repeat, ours(task, method, repeat, BUDGETS)[0])
            regrets[method, name] = np.array([kept[repeat] for repeat in range(repeats)])
            print(f"lcbench/{name:28} {method:15}", *(f"{100 * r:8.3f}" for r in regrets[method, name].mean(0)), flush=True)
    means = {method: np.mean([regrets[method, name].mean(0) for name in TASKS], 0) for method in methods}
    for method in methods:
        print(f"{method} / {methods[0]}:", *(f"{r:.3f} at {b} runs' epochs;" for r, b in zip(means[method] / means[methods[0]], BUDGETS)),
              f"mean regret {', '.join(f'{100 * r:.2f} %' for r in means[method])}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
