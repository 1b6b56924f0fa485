#!/usr/bin/env bash
set -euo pipefail

usage() {
  cat <<'END'
Builds umlaut for NVIDIA GPUs on a machine that need not have one, checks its kernels, and packs it for a machine that has.

    scripts/build_cuda.sh [--with-libs]

    --with-libs   pack the libraries of CUDA too (about 1 GB unpacked), for a machine without Python's wheels of them
    --help        show this

Without --with-libs the archive is a few MB, and the other machine must have the libraries: in PyTorch for CUDA 13, or by
pip install 'nvidia-cuda-nvrtc==13.0.*' nvidia-cudnn-cu13==9.19.0.56 nvidia-cublas==13.1.0.3

Wanted here: Rust, Python 3 with pip, xz, about 3 GB of disk; for the first time also the network, for up to 1 GB of wheels. No CUDA
toolkit, no driver, no root. Made:

    .cuda/lib                  NVIDIA's run-time compiler (NVRTC 13.0), cuDNN 9.19 and cuBLASLt 13.1, from Python's wheels
    target/release/umlaut      and target/release/examples/bench_step; the same binary serves machines without a GPU
    target/umlaut-cuda.tar.xz  both, experiments/ and scripts/bench_gpu with what it needs

CARGO_TARGET_DIR is heeded. All kernels are compiled for compute capability 8.0 and 9.0; any error ends the script with a status other
than 0. On the machine with the GPU: tar xf umlaut-cuda.tar.xz && umlaut-cuda/scripts/bench_gpu
END
}

with_libs=false
for word in "$@"; do
  case "$word" in
    --with-libs) with_libs=true ;;
    -h | --help) usage && exit ;;
    *) echo "build_cuda.sh: no such option: $word; see --help" >&2 && exit 2 ;;
  esac
done
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home=$PWD target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
for program in cargo python3 tar xz; do
  command -v "$program" >/dev/null || { echo "build_cuda.sh: $program is missing" >&2; exit 1; }
done

# 13.0 because a driver of the 580 series serves no newer CUDA; the cuDNN is the one that PyTorch 2.11 pins, and cuBLAS is that of its
# CUDA: cuDNN ends the process where it does not find libcublasLt.so.13, though convolutions have no use for it.
nvrtc='nvidia-cuda-nvrtc==13.0.*' cudnn='nvidia-cudnn-cu13==9.19.0.56' cublas='nvidia-cublas==13.1.0.3'
stamp="$nvrtc $cudnn $cublas"
if [[ "$(cat .cuda/ready 2>/dev/null)" != "$stamp" ]]; then
  echo "fetching $stamp into .cuda/" >&2
  rm -rf .cuda/wheels .cuda/lib
  mkdir -p .cuda/lib
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --only-binary=:all: --root-user-action=ignore \
    --target .cuda/wheels "$nvrtc" "$cudnn" "$cublas"
  # Found by their sonames, all in one directory: what cuDNN opens, it looks for beside itself. Its _adv part (attention, recurrent
  # nets), NVRTC's .alt variant, and of cuBLAS all but cuBLASLt serve nothing here.
  find .cuda/wheels -name 'lib*.so.*' ! -name '*_adv*' ! -name '*.alt.*' ! -name 'libcublas.so*' ! -name 'libnvblas*' \
    -exec ln -sr {} .cuda/lib/ ';'
  for soname in libnvrtc.so.13 libnvrtc-builtins.so.13.0 libcublasLt.so.13 libcudnn.so.9 libcudnn_cnn.so.9; do
    [[ -e ".cuda/lib/$soname" ]] || { echo "build_cuda.sh: the wheels hold no $soname" >&2; exit 1; }
  done
  echo "$stamp" >.cuda/ready
fi

cargo build --release --locked --bin umlaut --example bench_step
export UMLAUT_CUDA_LIBS="$home/.cuda/lib"
"$target/release/umlaut" selftest --kernels
# Found where cuDNN will look for it; needs no GPU.
"$target/release/umlaut" selftest --layer cublaslt

# One folder, so that unpacking litters nothing.
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
packed="$staging/umlaut-cuda"
mkdir -p "$packed/scripts/bench"
cp "$target/release/umlaut" "$target/release/examples/bench_step" "$packed/"
cp -r experiments "$packed/"
cp scripts/bench_gpu scripts/unet_torch.py "$packed/scripts/"
cp scripts/bench/*.py "$packed/scripts/bench/"
if $with_libs; then
  # umlaut looks in cuda-libs/ beside itself.
  mkdir "$packed/cuda-libs"
  cp -L .cuda/lib/* "$packed/cuda-libs/"
fi
# Symbols are kept for backtraces, debug information is not.
if command -v strip >/dev/null; then strip --strip-debug "$packed/umlaut" "$packed/bench_step"; fi
# NVIDIA's libraries hold compressed code already: more than the least effort takes minutes and gains little.
level=6
if $with_libs; then level=1; fi
XZ_OPT="-$level -T0" tar -C "$staging" --owner=0 --group=0 -cJf "$target/umlaut-cuda.tar.xz.part" umlaut-cuda
mv "$target/umlaut-cuda.tar.xz.part" "$target/umlaut-cuda.tar.xz"
du -h "$target/umlaut-cuda.tar.xz"
