"""Our training step beside PyTorch's, eager and compiled, on one GPU: each contender is a process that works when it is asked."""

import importlib.util
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from . import gpu_setting, setting, steps
from .gpu_setting import Broken

ROUNDS, ROUND_MS = 15, 400
# Compiling a net takes PyTorch a minute or two.
START_S, ANSWER_S = 240, 60
PRODUCT_FLOP, PRODUCTS = 2 * 8192**3, 200
OURS, EAGER, COMPILED = "umlaut", "PyTorch eager", "torch.compile"
FAKES = {OURS: (9.0, 3000), EAGER: (12.0, 6000), COMPILED: (10.0, 5000), "peak": (1.4, 500)}


@dataclass
class Work:
    base: int
    levels: int
    batch: int
    size: int

    def numbers(self):
        return [self.base, self.levels, self.batch, self.size]

    def flop(self):
        """Of a step: the products and sums of all convolutions, backward counted as twice forward, as `umlaut summary` does."""
        widths = [self.base << level for level in range(self.levels)]
        pixels = [(self.size >> level) ** 2 for level in range(self.levels)]
        total = pixels[0] * widths[0] * 2
        for below, wide, area in zip([3, *widths], widths, pixels):
            total += 9 * area * (below * wide + wide * wide)
        for wide, area in zip(widths[:-1], pixels):
            # Up from twice the width, then a block over the skip and what came up.
            total += 9 * area * (2 * wide * wide + 2 * wide * wide + wide * wide)
        return 2 * 3 * total * self.batch


class Contender(steps.Contender):
    """Its answers are one number each, or it is ended."""

    def __init__(self, name, command, environment):
        self.took, self.megabytes, self.on_gpu = [], None, None
        before = used()
        super().__init__(name, command, environment)
        try:
            self.number("steps 3", START_S)
        except Broken:
            self.end()
            raise
        after = used()
        self.on_gpu = after - before if before is not None and after is not None else None

    def number(self, line, seconds=ANSWER_S):
        watch = threading.Timer(seconds, self.kill)
        watch.start()
        try:
            answer = self.ask(line)
        except (RuntimeError, ValueError) as problem:
            lines = str(problem).strip().splitlines()[-15:]
            raise Broken(f"{self.name}, asked for `{line}` (at most {seconds} s): " + "\n".join(lines)) from None
        finally:
            watch.cancel()
        if len(answer) != 1:
            raise Broken(f"{self.name} answers `{line}` with {answer}, not with one number")
        return answer[0]

    def kill(self):
        """With what it has started, where it leads a group: a child that lived on would keep its output open."""
        try:
            leads = os.getpgid(self.process.pid) == self.process.pid
            os.killpg(self.process.pid, signal.SIGKILL) if leads else self.process.kill()
        except ProcessLookupError:
            pass

    def end(self):
        try:
            self.process.stdin.close()
            self.process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def milliseconds(self):
        return statistics.median(self.took)


def used():
    """MB of the GPU's memory in use by all processes, contexts and code included."""
    values = gpu_setting.nvidia_smi("memory.used")
    return int(values[0]) * 2**20 / 1e6 if values and values[0].isdigit() else None


def start(name, precision, work, device, dry):
    if dry:
        command, environment = [sys.executable, setting.BENCH / "gpu_fake.py", "serve", *FAKES[name]], None
    elif name == OURS:
        command = [gpu_setting.binary("bench_step"), "train", precision, *work.numbers(), device]
        environment = gpu_setting.environment()
    else:
        if importlib.util.find_spec("torch") is None:
            raise Broken(f"{sys.executable} has no torch; run this script with a Python that has")
        words = ["peak"] if name == "peak" else [{EAGER: "eager", COMPILED: "compile"}[name], precision, *work.numbers()]
        command, environment = [sys.executable, setting.BENCH / "gpu_torch.py", *words, device], None
    return Contender(name, command, environment)


def measure(contenders, clock):
    """Fills in what a step took of each, in each round, and its memory; the steps of the nets in a round."""
    nets = [contender.number("steps 5") for contender in contenders if contender.name != "peak"]
    count = max(2, min(400, round(ROUND_MS / max(min(nets), 1e-3))))
    for number in range(ROUNDS):
        clock.left()
        # Who comes after whom changes from round to round.
        turn = number % len(contenders)
        for contender in contenders[turn:] + contenders[:turn]:
            many = PRODUCTS if contender.name == "peak" else count
            contender.took.append(contender.number(f"steps {many}"))
    for contender in contenders:
        contender.megabytes = contender.number("memory")
    return count


def row(contender, work, peak, eager):
    seconds = contender.milliseconds() / 1e3
    rate = work.flop() / seconds
    cells = [contender.name, f"{seconds * 1e3:.2f}", f"{min(contender.took):.2f}-{max(contender.took):.2f}"]
    cells += [f"{work.batch / seconds:.0f}", f"{rate / 1e12:.0f}", f"{rate / peak:.0%}" if peak else "?"]
    cells += [f"{contender.megabytes:.0f}", "?" if contender.on_gpu is None else f"{contender.on_gpu:.0f}"]
    return [*cells, f"{seconds * 1e3 / eager.milliseconds():.2f}" if eager else "?"]


HEADER = ["", "ms/step", "rounds", "images/s", "TFLOP/s", "of bf16 peak", "memory MB", "on the GPU MB", "to eager"]


def judge(report, by_name, work, precision):
    """Time and memory against PyTorch's, where both were measured; the limits are for bf16."""
    ours, rivals = by_name.get(OURS), [by_name[name] for name in (EAGER, COMPILED) if name in by_name]
    if ours is None or not rivals or precision != "bf16":
        return
    note = "" if work == Work(64, 5, 16, 224) else "a smaller net"
    for rival, limit in ((EAGER, "step, against PyTorch eager"), (COMPILED, "step, against torch.compile")):
        if rival in by_name:
            report.judge(limit, ours.milliseconds() / by_name[rival].milliseconds(), note)
    leaner = min(rivals, key=lambda rival: rival.megabytes)
    report.judge("device memory", ours.megabytes / leaner.megabytes, f"against {leaner.name}" + (f", {note}" if note else ""))


def run(report, clock, work, precisions, device, dry):
    """A table for each precision; Broken in the end if a contender did not take part."""
    problems = [problem for precision in precisions for problem in compare(report, clock, work, precision, device, dry)]
    if problems:
        raise Broken("\n".join(problems))


def compare(report, clock, work, precision, device, dry):
    contenders, problems = [], []
    try:
        # A processor takes seconds for one product.
        for name in (OURS, EAGER, COMPILED) + (("peak",) if device != "cpu" else ()):
            try:
                began = time.monotonic()
                contenders.append(start(name, precision, work, device, dry))
                print(f"{name}, {precision}: ready after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            except Broken as problem:
                problems.append(str(problem))
        if all(contender.name == "peak" for contender in contenders):
            return problems
        count = measure(contenders, clock)
        by_name = {contender.name: contender for contender in contenders}
        product = by_name.pop("peak", None)
        peak = PRODUCT_FLOP / product.milliseconds() * 1e3 if product else None
        show(report, work, precision, by_name, peak, count)
        judge(report, by_name, work, precision)
    finally:
        for contender in contenders:
            contender.end()
    return problems


def show(report, work, precision, by_name, peak, count):
    title = f"\n## Training step, {precision}: base {work.base}, {work.levels} levels, batch {work.batch}, {work.size}²\n\n"
    title += f"Medians of {ROUNDS} rounds in turns, each {count} steps enqueued back to back; {work.flop() / 1e12:.2f} TFLOP a step"
    title += f"; peak of bf16 products {peak / 1e12:.0f} TFLOP/s.\n" if peak else ".\n"
    report.say(title)
    report.say(setting.table(HEADER, [row(contender, work, peak, by_name.get(EAGER)) for contender in by_name.values()]))
    numbers = {c.name: {"ms": c.took, "memory_mb": c.megabytes, "on_gpu_mb": c.on_gpu} for c in by_name.values()}
    report.keep(f"step {precision}", {"flop": work.flop(), "peak_flop_s": peak, "steps_a_round": count, "contenders": numbers})
