"""Results in a JSON file, to which each work adds, and the tables of README.md and the guide, which are made of that file alone.

The file has the machine, and by title what was measured: `unit`, `ours` and `rivals`, each with name, time and, of steps, peak memory.
"""

import json
import re
import sys
import textwrap

from . import rivals, setting, steps

KEPT = setting.TARGET / "bench.json"
README, GUIDE = setting.HOME / "README.md", setting.HOME / "src" / "guide" / "speed.md"
BETWEEN = re.compile(r"(?<=<!-- bench: begin -->\n).*(?=<!-- bench: end -->)", re.DOTALL)
TITLES = [work.title() for work in steps.STEP + steps.INFER]


def opened(file, machine):
    """What the file has so far; ends the program where that is of another machine or version."""
    kept = json.loads(file.read_text()) if file.exists() else {"machine": machine, "results": {}}
    if kept["machine"] != machine:
        was, now = setting.said(kept["machine"]), setting.said(machine)
        sys.exit(f"{file} has results of\n  {was}\nand this is\n  {now}\nRemove it, or name another with --json.")
    return kept


def keep(file, kept, result):
    """Puts a result in place of an earlier one of its title, and the file in place of the earlier file."""
    kept["results"][result["title"]] = {key: value for key, value in result.items() if key != "title"}
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    beside.replace(file)


def in_order(results):
    """Titles and results: steps as steps.py lists them, then whole runs."""
    rank = {title: number for number, title in enumerate(TITLES)}
    return sorted(results.items(), key=lambda item: rank.get(item[0], len(rank)))


def said(time, unit):
    return f"{time:.{0 if time >= 100 else 1}f} {unit}"


def fastest(contenders):
    return min(contenders, key=lambda contender: contender["time"])


def short(results):
    """A row per work: umlaut in the precision of its rivals, and the fastest of these."""
    rows = []
    for title, result in in_order(results):
        own, rival = result["ours"][0], fastest(result["rivals"])
        times = [said(contender["time"], result["unit"]) for contender in (own, rival)]
        name = ", ".join(part for part in rival["name"].split(", ") if part not in rivals.LAYOUTS)
        rows.append([title, times[0], f"{times[1]}, {name}", f"{own['time'] / rival['time']:.2f}"])
    return setting.table(["work", "umlaut", "fastest rival", "ratio"], rows)


def long(results):
    """A row per work and precision of umlaut; of a rival's layouts the faster one."""
    kinds = [kind for kind in rivals.KINDS if any(of_kind(result, kind) for result in results.values())]
    rows = []
    for title, result in in_order(results):
        rival = fastest(result["rivals"])
        theirs = [of_kind(result, kind) for kind in kinds]
        cells = [said(fastest(some)["time"], result["unit"]) if some else "–" for some in theirs]
        for own in result["ours"]:
            name = title if own is result["ours"][0] else f"the same in {own['name'].split()[-1]}"
            memory = f"{own['mb']:.0f} of {rival['mb']:.0f} MB" if "mb" in own else "–"
            rows.append([name, said(own["time"], result["unit"]), *cells, f"{own['time'] / rival['time']:.2f}", memory])
    return setting.table(["work", "umlaut", *kinds, "ratio", "peak memory"], rows)


def of_kind(result, kind):
    return [rival for rival in result["rivals"] if rivals.kind(rival["name"]) == kind]


def write(file):
    """Puts the tables between the marks of README.md and the guide."""
    if not file.exists():
        sys.exit(f"{file}: nothing has been measured yet")
    kept = json.loads(file.read_text())
    machine = textwrap.fill(f"Measured on {setting.said(kept['machine'])}:", 100, break_long_words=False, break_on_hyphens=False)
    for document, table in ((README, short), (GUIDE, long)):
        text = document.read_text()
        if len(BETWEEN.findall(text)) != 1:
            sys.exit(f"{document}: the marks `<!-- bench: begin -->` and `<!-- bench: end -->` are wanted once")
        document.write_text(BETWEEN.sub(lambda _: f"{machine}\n\n{table(kept['results'])}\n\n", text))
        print(f"written: {document}", file=sys.stderr)
