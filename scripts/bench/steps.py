"""Times steps of several contenders in turns, so that all see the same machine: each is a process that does a step when asked."""

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from . import setting

WARM_UP = 3
# A round in which a contender takes longer than this many of its own medians was disturbed.
DISTURBED = 1.5


@dataclass
class Work:
    mode: str  # train | infer
    base: int
    batch: int
    size: int
    ours: list  # precisions of umlaut
    torch: str  # precision of PyTorch
    levels: int = 5

    def title(self):
        kind = {"train": "training step", "infer": "inference"}[self.mode]
        return f"{self.torch} {kind}, base {self.base}, batch {self.batch}, {self.size}²"


STEP = [
    Work("train", 64, 1, 224, ["f32", "f32_fast"], "f32"),
    Work("train", 16, 4, 128, ["f32", "f32_fast"], "f32"),
    Work("train", 64, 1, 224, ["bf16"], "bf16"),
    Work("train", 16, 4, 128, ["bf16"], "bf16"),
]
INFER = [Work("infer", 64, 1, 512, ["f32"], "f32")]


class Contender:
    def __init__(self, name, command, environment):
        self.name, self.steps = name, []
        self.errors = tempfile.TemporaryFile("w+")
        pipe = subprocess.PIPE
        command = [str(word) for word in command]
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.errors, env=environment, text=True, bufsize=1
        )

    def ask(self, line="step"):
        """The numbers of the answer; RuntimeError if the process has ended, with what it said."""
        try:
            self.process.stdin.write(line + "\n")
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.process.wait()
            self.errors.seek(0)
            raise RuntimeError(self.errors.read().strip() or f"{self.name} ended with status {self.process.returncode}")
        return [float(x) for x in answer.split()]

    def end(self):
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def median(self, part=None):
        """Of a part of the steps, or of whole steps."""
        return statistics.median(sum(step) if part is None else step[part] for step in self.steps)


def ours(work, environment):
    """umlaut in each precision that this build has."""
    for precision in work.ours:
        numbers = [work.base, work.levels, work.batch, work.size]
        contender = Contender(f"umlaut {precision}", [setting.STEP, work.mode, precision, *numbers], environment)
        try:
            contender.ask()
            yield contender
        except RuntimeError as refusal:
            print(f"{work.title()}: left out, {refusal}", file=sys.stderr)
            contender.end()


def pytorch(work, threads, environment):
    for layout in ("contiguous", "channels_last"):
        command = [sys.executable, setting.BENCH / "torch_step.py", work.mode, work.torch, layout]
        numbers = [work.base, work.levels, work.batch, work.size, threads]
        yield Contender(f"PyTorch {work.torch}, {layout}", command + numbers, environment)


def measure(contenders, rounds):
    """Fills in `steps` of each; the number of rounds dropped."""
    for number in range(WARM_UP + rounds):
        # Who comes after whom changes from round to round.
        for contender in itertools.islice(itertools.cycle(contenders), number, number + len(contenders)):
            times = contender.ask()
            if number >= WARM_UP:
                contender.steps.append(times)
            # The other side's idle threads go to sleep.
            time.sleep(0.01)
    limits = [DISTURBED * contender.median() for contender in contenders]
    fine = [all(sum(c.steps[i]) <= limit for c, limit in zip(contenders, limits)) for i in range(rounds)]
    for contender in contenders:
        contender.steps = [step for step, kept in zip(contender.steps, fine) if kept]
    return fine.count(False)


def run(work, threads, rounds):
    """Prints a table of the work; rows for the summary."""
    for_ours, for_torch = setting.environment(threads)
    contenders = list(ours(work, for_ours))
    try:
        if not contenders:
            return []
        rivals = list(pytorch(work, threads, for_torch))
        contenders += rivals
        dropped = measure(contenders, rounds)
        memory = {contender.name: contender.ask("memory")[0] for contender in contenders}
    finally:
        for contender in contenders:
            contender.end()
    fastest = min(rivals, key=Contender.median)
    parts = ["forward", "backward", "optimizer"] if work.mode == "train" else []

    def row(contender):
        times = [*(contender.median(part) for part in range(len(parts))), contender.median()]
        ratio = contender.median() / fastest.median()
        return [contender.name, *(f"{ms:.1f}" for ms in times), f"{ratio:.2f}", f"{memory[contender.name]:.0f}"]

    def summary(contender):
        times = contender.median(), fastest.median()
        peaks = memory[contender.name], memory[fastest.name]
        names = f"{work.title()}, {contender.name}", fastest.name.split(", ")[1]
        compared = [f"{times[0]:.0f}", f"{times[1]:.0f} ({names[1]})", f"**{times[0] / times[1]:.2f}**"]
        return [names[0], *compared, f"{peaks[0]:.0f}", f"{peaks[1]:.0f}", f"{peaks[0] / peaks[1]:.2f}"]

    print(f"\n{work.title()}: medians in ms of {rounds - dropped} rounds, {dropped} disturbed ones dropped\n")
    print(setting.table(["", *parts, "step", "ratio", "peak MB"], [row(contender) for contender in contenders]), flush=True)
    return [summary(contender) for contender in contenders if contender not in rivals]


SUMMARY = ["", "umlaut ms", "fastest PyTorch ms", "ratio", "umlaut peak MB", "PyTorch peak MB", "ratio"]
