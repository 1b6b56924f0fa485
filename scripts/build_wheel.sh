#!/usr/bin/env bash
set -euo pipefail

usage() {
  cat <<'HELP'
Builds umlaut's wheel for Python's package managers, and checks its size.

    scripts/build_wheel.sh [--dev] [OUT_DIR]      the wheel goes to OUT_DIR, by default dist/

--dev takes the program that tests are built with, fast and of this system alone: such a wheel is for trying how one is installed.

Wanted: Rust and Python 3 with venv; the network for the first time, for maturin and zig, which go into target/wheel-tools. Zig links
against glibc 2.17, so that the wheel is a manylinux2014 one and serves every Linux since 2014 on such a processor. CARGO_TARGET_DIR is heeded. On
another system the wheel is one of that system, by its own compiler.
HELP
}

profile=release
case "${1:-}" in
  -h | --help) usage && exit ;;
  --dev) profile=dev && shift ;;
  -*) echo "build_wheel.sh: no such option: $1; see --help" >&2 && exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$(realpath -m "${1:-dist}") target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
for program in cargo python3; do
  command -v "$program" >/dev/null || { echo "build_wheel.sh: $program is missing" >&2; exit 1; }
done

needed='maturin==1.16.* ziglang==0.17.*' tools="$target/wheel-tools"
if [[ "$(cat "$tools/ready" 2>/dev/null)" != "$needed" ]]; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  # shellcheck disable=SC2086
  "$tools/bin/pip" install --quiet --disable-pip-version-check $needed
  echo "$needed" >"$tools/ready"
fi
portable=()
[[ $profile == dev ]] || case "$(uname -sm)" in "Linux x86_64" | "Linux aarch64") portable=(--zig --compatibility manylinux2014) ;; esac
PATH="$tools/bin:$PATH" CARGO_TARGET_DIR="$target" maturin build --profile "$profile" --out "$out" "${portable[@]}"

# More would not be one minute on a slow line.
most=$((15 * 1000 * 1000))
wheel=$(ls -t "$out"/umlaut_seg-*.whl | head -1)
size=$(wc -c <"$wheel")
echo "$wheel: $((size / 1000)) kB"
if [[ $profile == release ]] && ((size > most)); then echo "build_wheel.sh: more than $((most / 1000)) kB" >&2 && exit 1; fi
