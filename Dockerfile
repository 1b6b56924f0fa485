# umlaut in a container: for CPUs by default, for NVIDIA GPUs with `--target cuda`.
#
#     docker build -t umlaut .
#     docker build -t umlaut:cuda --target cuda .
#     docker run --rm -v "$PWD:/work" -u "$(id -u):$(id -g)" umlaut run --example quickstart
#     docker run --rm --gpus all -v "$PWD:/work" -u "$(id -u):$(id -g)" umlaut:cuda run --example quickstart

FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --release --locked --bin umlaut

# NVIDIA's run-time compiler, cuDNN and cuBLASLt alone, from Python's wheels, as pyproject.toml's extra `cuda` has them. What serves
# nothing here stays behind: attention and recurrent nets of cuDNN, and all of cuBLAS but cuBLASLt.
FROM python:3.12-slim-bookworm AS libraries
RUN pip install --no-cache-dir --no-deps --target /wheels \
        'nvidia-cuda-nvrtc==13.0.*' 'nvidia-cudnn-cu13>=9.19,<10' 'nvidia-cublas==13.1.*' \
    && mkdir /cuda-libs \
    && find /wheels -name 'lib*.so.*' ! -name '*_adv*' ! -name '*.alt.*' ! -name 'libcublas.so*' ! -name 'libnvblas*' \
        -exec mv {} /cuda-libs/ ';'

# glibc, libgcc and libstdc++, which NVIDIA's libraries want, and a shell for nobody.
FROM gcr.io/distroless/cc-debian12 AS base
COPY --from=build /source/target/release/umlaut /opt/umlaut/umlaut
COPY --from=build /source/LICENSE /source/LICENSE-APACHE /source/LICENSE-MIT /opt/umlaut/
WORKDIR /work
ENV HOME=/tmp
ENTRYPOINT ["/opt/umlaut/umlaut"]
CMD ["help"]

FROM base AS cuda
# umlaut looks in cuda-libs/ beside itself; the driver comes from the host, by NVIDIA's container toolkit.
COPY --from=libraries /cuda-libs /opt/umlaut/cuda-libs
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

# What is built where no target is named.
FROM base
