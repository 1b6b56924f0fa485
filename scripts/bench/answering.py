"""What the servers of steps in Python have in common: the lines in and out that scripts/bench_step.rs has too."""

import sys


def peak_memory():
    """The largest resident set of this process so far, in MB."""
    with open("/proc/self/status") as status:
        kib = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kib) * 1024 / 1e6


def serve(step):
    """Answers every line of standard input; `step` returns the points in time between its parts."""
    for line in sys.stdin:
        if line.strip() == "memory":
            print(f"{peak_memory():.0f}", flush=True)
        else:
            times = step()
            print(*(f"{(b - a) * 1e3:.2f}" for a, b in zip(times, times[1:])), flush=True)
