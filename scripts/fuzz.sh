#!/usr/bin/env bash
set -euo pipefail

usage() {
  cat <<'HELP'
Fuzzes everything that the program reads, each target for so many seconds, one after the other.

    scripts/fuzz.sh SECONDS [TARGET...]

Targets are the functions of tests/fuzz/doors.rs: plan image mask series annotation weights resume run_files report history request control; all of
them where none is named. One input may take 10 seconds, 512 MiB at once and 2 GiB in all. What is found lies in target/fuzz/found/TARGET, and the script ends with 1 and
the command that repeats it. What is learnt is kept in target/fuzz/corpus; the seeds in tests/fuzz/corpus stay as they are.
Wanted: cargo-fuzz (`cargo install cargo-fuzz`) and a C++ compiler; no nightly toolchain. The first build takes a quarter of an hour on two cores.
FUZZ_RUNS=N ends a target after N inputs. FUZZ_BUILT=1 runs what was built before.
HELP
}

case "${1:-}" in
  -h | --help) usage && exit ;;
  '' | *[!0-9]*) usage >&2 && exit 2 ;;
esac
seconds=$1 && shift
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v cargo-fuzz >/dev/null || { echo "fuzz.sh: cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 2; }
command -v c++ >/dev/null || { echo "fuzz.sh: a C++ compiler (c++) is missing, which libFuzzer is built with" >&2; exit 2; }
mapfile -t all < <(sed -n 's|^path = "targets/\(.*\)\.rs"$|\1|p' tests/fuzz/Cargo.toml)
for target in "$@"; do
  [[ " ${all[*]} " == *" $target "* ]] || { echo "fuzz.sh: no target $target; there are ${all[*]}" >&2; exit 2; }
done
targets=("$@")
(($#)) || targets=("${all[@]}")
# Without the address sanitizer: the code that reads is safe Rust, and the bounds of memory hold without.
options=(--fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none)
[[ -n "${FUZZ_BUILT:-}" ]] || for target in "${targets[@]}"; do cargo fuzz build "${options[@]}" "$target"; done
programs=target/fuzz/$(rustc -vV | sed -n 's/^host: //p')/release

# A backtrace for every error that is expected would take most of the time, and so would handing small things to other threads.
export RUST_LIB_BACKTRACE=0 RAYON_NUM_THREADS=1
# A browser that hangs up costs a Rust program an error; libFuzzer's own main leaves the signal that ends the process.
trap '' PIPE
# In memory, where there is such a place: every input becomes a file.
scratch=$(mktemp -d "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/umlaut-fuzz.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
found=0
for target in "${targets[@]}"; do
  kept=target/fuzz/corpus/$target artifacts=target/fuzz/found/$target
  mkdir -p "$kept" "$artifacts" "$scratch/$target"
  seeds=()
  for dir in "tests/fuzz/corpus/$target" "tests/fuzz/found/$target"; do [[ -d $dir ]] && seeds+=("$dir"); done
  echo "fuzz.sh: $target, $seconds s"
  TMPDIR=$scratch/$target "$programs/$target" "$kept" "${seeds[@]}" -artifact_prefix="$artifacts/" -max_total_time="$seconds" \
    -runs="${FUZZ_RUNS:--1}" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 \
    > "target/fuzz/$target.log" 2>&1 || {
    found=1
    grep -vE '^#[0-9]+' "target/fuzz/$target.log" | tail -n 40
    echo "fuzz.sh: $target broke; the input is in $artifacts. To repeat: $programs/$target $artifacts/FILE" >&2
  }
  grep -E 'cov: ' "target/fuzz/$target.log" | tail -n 1 || true
  grep -E 'stat::(number_of_executed_units|peak_rss_mb)' "target/fuzz/$target.log" || true
  rm -rf "${scratch:?}/$target"
done
exit $found
