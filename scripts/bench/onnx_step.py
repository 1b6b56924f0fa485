"""A server of forward passes of an ONNX file, the counterpart of scripts/bench_step.rs and with the same lines in and out.

    python scripts/bench/onnx_step.py onnxruntime|openvino f32|bf16 FILE THREADS

A line `memory` on standard input is answered by the largest resident set so far, in MB; any other line by the milliseconds of a pass.
"""

import sys
import time

import numpy
from answering import serve


def by_onnxruntime(precision, file, threads):
    """A function that does a pass."""
    import onnxruntime

    if precision != "f32":
        sys.exit("ONNX Runtime has no bf16 on CPUs")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Its idle threads go to sleep instead of taking the processor from whoever comes next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    images = {given.name: numpy.random.default_rng(1).random(given.shape, dtype=numpy.float32)}
    return lambda: session.run(None, images)


def by_openvino(precision, file, threads):
    """A function that does a pass."""
    import openvino

    core = openvino.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        sys.exit("OpenVINO has no bf16 on this CPU")
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(file, "CPU", settings).create_infer_request()
    tensor = request.get_input_tensor()
    tensor.data[:] = numpy.random.default_rng(1).random(tensor.data.shape, dtype=numpy.float32)
    return lambda: request.infer(share_outputs=True)


def main():
    runtime, precision, file, threads = sys.argv[1:]
    forward = {"onnxruntime": by_onnxruntime, "openvino": by_openvino}[runtime](precision, file, int(threads))

    def step():
        start = time.perf_counter()
        forward()
        return [start, time.perf_counter()]

    serve(step)


if __name__ == "__main__":
    main()
