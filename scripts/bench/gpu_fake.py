"""What `bench_gpu --dry-run` measures instead: processes that answer and write as the real ones do, with made-up numbers.

    python scripts/bench/gpu_fake.py serve MILLISECONDS MEGABYTES
    python scripts/bench/gpu_fake.py umlaut run FILE --results DIR … | selftest …
"""

import pathlib
import re
import sys
import time
import tomllib


def serve(milliseconds, megabytes):
    for line in sys.stdin:
        match line.split():
            case ["steps", count]:
                time.sleep(0.001)
                print(milliseconds if int(count) > 0 else 0, flush=True)
            case ["memory"]:
                print(megabytes, flush=True)
            case _:
                sys.exit(f"gpu_fake.py: no such request: {line.strip()}")


def run(file, *words):
    """Leaves the files of finished runs that the benchmark looks at."""
    experiment = tomllib.loads(pathlib.Path(file).read_text())
    results = pathlib.Path(words[words.index("--results") + 1]) / experiment["name"]
    training = experiment["training"]
    together = "--jobs-per-device" in words and words[words.index("--jobs-per-device") + 1] == "auto"
    for seed in training["seeds"]:
        time.sleep(0.005 if together else 0.02)
        folder = results / "runs" / f"seed-{seed}"
        folder.mkdir(parents=True)
        epochs = range(1, training["epochs"] + 1)
        (folder / "metrics.csv").write_text("epoch,val_dice\n" + "".join(f"{epoch},0.5\n" for epoch in epochs))
        (folder / "timing.csv").write_text("epoch,elapsed_s\n" + "".join(f"{epoch},0.01\n" for epoch in epochs))
    (results / "charts").mkdir()
    (results / "charts" / "loss.svg").write_text("<svg/>")
    (results / "summary.csv").write_text("run,val_dice\nseed-1,0.5\n")


def umlaut(verb, *words):
    if verb == "run":
        run(*words)
    elif verb == "selftest" and re.fullmatch(r"f32|tf32|bf16", words[words.index("--precision") + 1]):
        print("a made-up self-test")
    else:
        sys.exit(f"gpu_fake.py: not made for {verb} {words}")


if __name__ == "__main__":
    {"serve": serve, "umlaut": umlaut}[sys.argv[1]](*sys.argv[2:])
