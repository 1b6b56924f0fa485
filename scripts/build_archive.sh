#!/usr/bin/env bash
set -euo pipefail

usage() {
  cat <<'HELP'
Packs a release build for one kind of machine: program, licenses, README, completions and man pages, with a checksum beside it.

    scripts/build_archive.sh [--program FILE] [TARGET]

    TARGET           the kind of machine, as Rust names it [default: this one's]
    --program FILE   pack this program instead of building one

Made: dist/umlaut-VERSION-TARGET.tar.gz and the same with .sha256. CARGO_TARGET_DIR is heeded. The program must run here: it writes its own
completions and man pages. For another processor, `scripts/build_archive.sh` belongs on a machine that has it.
HELP
}

program='' machine=''
while (($#)); do
  case "$1" in
    -h | --help) usage && exit ;;
    --program) program=$(realpath "${2:?--program needs a file}") && shift ;;
    -*) echo "build_archive.sh: no such option: $1; see --help" >&2 && exit 2 ;;
    *) machine=$1 ;;
  esac
  shift
done
cd "$(dirname "${BASH_SOURCE[0]}")/.."
machine=${machine:-$(rustc -vV | sed -n 's/^host: //p')}
if [[ -z "$program" ]]; then
  cargo build --release --locked --bin umlaut --target "$machine"
  program="${CARGO_TARGET_DIR:-target}/$machine/release/umlaut"
fi

version=$("$program" --version | cut -d' ' -f2)
name="umlaut-$version-$machine"
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
packed="$staging/$name"
mkdir -p "$packed/completions" dist
install -m 755 "$program" "$packed/umlaut"
cp README.md CHANGELOG.md LICENSE LICENSE-APACHE LICENSE-MIT "$packed/"
"$program" completions bash >"$packed/completions/umlaut.bash"
"$program" completions fish >"$packed/completions/umlaut.fish"
"$program" completions zsh >"$packed/completions/_umlaut"
"$program" --quiet man "$packed/man/man1" >/dev/null

# The same bytes from the same files, whoever packs them.
when="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
if tar --version | grep -q GNU; then
  tar -C "$staging" --sort=name --owner=0 --group=0 --numeric-owner --mtime="$when" -cf - "$name" | gzip -9n >"dist/$name.tar.gz"
else
  tar -C "$staging" -czf "dist/$name.tar.gz" "$name"
fi
cd dist
if command -v sha256sum >/dev/null; then sha256sum "$name.tar.gz"; else shasum -a 256 "$name.tar.gz"; fi >"$name.tar.gz.sha256"
du -h "$name.tar.gz"
