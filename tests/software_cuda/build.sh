#!/bin/sh
# Builds the software CUDA: libcuda.so.1, libnvrtc.so.13, libcublasLt.so.13 and libcudnn.so.9 in the folder OUT_DIR.
#   tests/software_cuda/build.sh OUT_DIR      the compiler is $CXX, else c++
set -eu
out=${1:?usage: build.sh OUT_DIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")"

library() { # SONAME SOURCE... [FLAG...]
    soname=$1
    shift
    ${CXX:-c++} -std=c++17 -O2 -ffp-contract=off -Wall -Wextra -fPIC -shared -fvisibility=hidden -Wl,-soname,"$soname" "$@" -o "$out/$soname"
}

library libnvrtc.so.13 nvrtc.cpp &
nvrtc=$!
library libcublasLt.so.13 cublaslt.cpp
library libcuda.so.1 device.cpp streams.cpp memory.cpp module.cpp launch.cpp -ldl -lpthread
library libcudnn.so.9 -O3 cudnn.cpp convolution.cpp "$out/libcuda.so.1" -ldl -Wl,-rpath,'$ORIGIN'
wait $nvrtc
