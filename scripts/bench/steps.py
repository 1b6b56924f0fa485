"""Times steps of several contenders in turns, so that all see the same machine: each is a process that does a step when asked."""

import itertools
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from . import rivals, setting

WARM_UP = 3
# What takes longer ends after so many seconds, but not before so many rounds.
LIMIT_S, ENOUGH = 240, 8
# After a pause threads are woken on one processor and only then spread, which takes milliseconds; so of a shorter step two are done in a turn,
# and the second counts.
SHORT_MS = 100
# A round in which a contender takes longer than this many of its own medians was disturbed; so many must be left.
DISTURBED, LEAST = 1.5, 3


@dataclass
class Work:
    mode: str  # train | infer
    base: int
    batch: int
    size: int
    ours: list  # precisions of umlaut
    torch: str  # precision of the rivals
    levels: int = 5

    def numbers(self):
        return [self.base, self.levels, self.batch, self.size]

    def title(self):
        kind = {"train": "training step", "infer": "inference"}[self.mode]
        return f"{kind}, base {self.base}, batch {self.batch}, {self.size}², {self.torch}"


STEP = [
    Work("train", 64, 1, 224, ["f32"], "f32"),
    Work("train", 16, 4, 128, ["f32"], "f32"),
    Work("train", 8, 4, 64, ["f32"], "f32"),
    Work("train", 32, 2, 256, ["f32"], "f32"),
    Work("train", 64, 1, 224, ["bf16"], "bf16"),
    Work("train", 16, 4, 128, ["bf16"], "bf16"),
]
INFER = [
    Work("infer", 64, 1, 512, ["f32"], "f32"),
    Work("infer", 16, 1, 256, ["f32"], "f32"),
    Work("infer", 64, 1, 512, ["bf16"], "bf16"),
    Work("infer", 16, 1, 256, ["bf16"], "bf16"),
]


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

    def median(self, part=slice(None)):
        """Of some of the numbers of each step, or of whole steps."""
        return statistics.median(sum(step[part]) for step in self.steps)


def started(commands, environment, title):
    """Those of the contenders that do a first step, in which some compile."""
    for name, command in commands:
        contender = Contender(name, command, environment)
        try:
            contender.ask()
            yield contender
        except RuntimeError as refusal:
            print(f"{title}: {name} skipped, {rivals.last(str(refusal))}", file=sys.stderr)
            contender.end()


def ours(work):
    """Names and commands of umlaut in each precision."""
    for precision in work.ours:
        yield f"umlaut {precision}", [setting.STEP, work.mode, precision, *work.numbers()]


def measure(contenders, rounds, warm_up=WARM_UP):
    """Fills in `steps` of each; the number of rounds, and of those dropped."""
    begun = time.monotonic()
    for number in range(warm_up + rounds):
        if number >= warm_up + ENOUGH and time.monotonic() - begun > LIMIT_S:
            rounds = number - warm_up
            break
        # Who comes after whom changes from round to round.
        for contender in itertools.islice(itertools.cycle(contenders), number, number + len(contenders)):
            times = contender.ask()
            if sum(times) < SHORT_MS:
                times = contender.ask()
            if number >= warm_up:
                contender.steps.append(times)
            # The other side's idle threads go to sleep.
            time.sleep(0.01)
    limits = [DISTURBED * contender.median() for contender in contenders]
    fine = [all(sum(c.steps[i]) <= limit for c, limit in zip(contenders, limits)) for i in range(rounds)]
    if fine.count(True) < min(LEAST, rounds):
        print("most rounds were disturbed; all of them are kept", file=sys.stderr)
        return rounds, 0
    for contender in contenders:
        contender.steps = [step for step, kept in zip(contender.steps, fine) if kept]
    return rounds, fine.count(False)


def run(work, threads, rounds):
    """Prints a table of the work; the result, or None where nothing can be compared."""
    for_ours, for_rivals = setting.environment(threads)
    contenders = []
    with tempfile.TemporaryDirectory(prefix="umlaut-bench-") as folder:
        try:
            contenders += started(ours(work), for_ours, work.title())
            own = len(contenders)
            if own == 0:
                return None
            contenders += started(rivals.pytorch(work, threads), for_rivals, work.title())
            others = rivals.exported(work, threads, pathlib.Path(folder), for_rivals)
            contenders += started(others, for_rivals, work.title())
            if len(contenders) == own:
                return None
            rounds, dropped = measure(contenders, rounds)
            memory = {contender.name: contender.ask("memory")[0] for contender in contenders}
        finally:
            for contender in contenders:
                contender.end()
    fastest = min(contenders[own:], key=Contender.median)
    # umlaut updates within the backward pass.
    parts = {"forward": slice(1), "backward, update": slice(1, None)} if work.mode == "train" else {}

    def row(contender):
        times = [*map(contender.median, parts.values()), contender.median()]
        ratio = contender.median() / fastest.median()
        return [contender.name, *(f"{ms:.1f}" for ms in times), f"{ratio:.2f}", f"{memory[contender.name]:.0f}"]

    def kept(contender):
        return {"name": contender.name, "time": round(contender.median(), 3), "mb": memory[contender.name]}

    print(f"\n{work.title()}: medians in ms of {rounds - dropped} rounds, {dropped} disturbed ones dropped\n")
    print(setting.table(["", *parts, "step", "ratio", "peak MB"], [row(contender) for contender in contenders]), flush=True)
    results = [kept(contender) for contender in contenders]
    return {"title": work.title(), "unit": "ms", "ours": results[:own], "rivals": results[own:]}
