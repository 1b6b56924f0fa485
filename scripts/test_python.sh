#!/usr/bin/env bash
set -euo pipefail

usage() {
  cat <<'HELP'
Tests the Python package in a virtual environment of its own, target/python-tests.

    scripts/test_python.sh [WHEEL]

With a WHEEL it is installed, its program started as `umlaut` and as `python -m umlaut_seg`, and the first epoch of the quickstart trained from an empty
folder, to its report, with nothing set but PATH and an empty home; without one the package's sources are tested. Wanted:
Python 3.9 or later with venv; the network for the first time, for pandas. Where pandas cannot be installed its tests skip, saying so.
HELP
}

case "${1:-}" in
  -h | --help) usage && exit ;;
  -*) echo "test_python.sh: no such option: $1; see --help" >&2 && exit 2 ;;
esac
wheel=${1:+$(realpath "$1")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v python3 >/dev/null || { echo "skipped: python3 is missing" >&2; exit 0; }
environment="$(realpath -m "${CARGO_TARGET_DIR:-target}")/python-tests"
python="$environment/bin/python"
[[ -x "$python" ]] || python3 -m venv "$environment"
pip() { "$python" -m pip --disable-pip-version-check --quiet "$@"; }
"$python" -c 'import pandas' 2>/dev/null || pip install 'pandas>=2' || echo "skipped: pandas cannot be installed, so its tests skip" >&2

if [[ -n "$wheel" ]]; then
  pip install --force-reinstall --no-deps "$wheel"
  # From another directory, so that nothing of the sources is meant.
  version=$(cd / && "$environment/bin/umlaut" --version)
  again=$(cd / && "$python" -m umlaut_seg --version)
  [[ -n "$version" && "$version" == "$again" ]] || { echo "test_python.sh: $version is not $again" >&2; exit 1; }
  echo "$version, also as python -m umlaut_seg"
  empty=$(mktemp -d)
  trap 'rm -rf "$empty"' EXIT
  mkdir "$empty/home"
  (cd "$empty" && env -i HOME="$empty/home" PATH=/usr/bin:/bin "$environment/bin/umlaut" -q run --example quickstart --device cpu \
    --set training.epochs=1 --set dataset.synthetic.count=24 --set 'training.seeds=[1]')
  [[ -s "$empty/results/quickstart/report.html" ]] || { echo "test_python.sh: the quickstart left no report" >&2; exit 1; }
  echo "the quickstart's first epoch, from an empty folder"
else
  export PYTHONPATH="$PWD/python"
fi
"$python" -B -m unittest discover --start-directory tests/python --verbose
