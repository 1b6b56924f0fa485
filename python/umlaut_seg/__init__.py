"""Results of umlaut as pandas tables: `runs`, `epochs` and `images` of a directory such as results/quickstart.

The program itself is `umlaut`, or `python -m umlaut_seg`. pandas is imported only when a table is read. All tables have the column
`run`, by which they can be merged.
"""

from __future__ import annotations

import csv
import io
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    import pandas

__all__ = ["epochs", "images", "runs"]

# Columns of words: a sample that is called 06 or NA keeps its name.
_WORDS = ("run", "group", "status", "cause", "part", "image", "class")
# What a spreadsheet takes for the beginning of a formula; umlaut writes a single quote before it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def runs(experiment: Union[str, PathLike[str]]) -> pandas.DataFrame:
    """One row per run, as in summary.csv: swept values, status, scores of the best epoch and of the test split."""
    return _table(_file(Path(experiment), "summary.csv"))


def epochs(experiment: Union[str, PathLike[str]]) -> pandas.DataFrame:
    """One row per run and epoch: the metrics.csv of all planned runs that have begun."""
    return _of_runs(Path(experiment), "metrics.csv")


def images(experiment: Union[str, PathLike[str]]) -> pandas.DataFrame:
    """One row per run, image and class: the per_image.csv of all planned runs that have one; `part` is val or test."""
    return _of_runs(Path(experiment), "per_image.csv")


def _file(experiment: Path, name: str) -> Path:
    if not (path := experiment / name).is_file():
        raise FileNotFoundError(f"{path}: no such file; name the directory of an experiment, such as results/quickstart")
    return path


def _table(path: Path) -> pandas.DataFrame:
    import pandas

    text = path.read_text(encoding="utf-8")
    # A row that a running process has only begun is no row yet.
    text = text[: text.rfind("\n") + 1]
    header = next(csv.reader(io.StringIO(text)), [])
    if not header:
        return pandas.DataFrame()
    words = [name for name in header if name in _WORDS]
    missing = {name: ["", "NaN"] for name in header if name not in words}
    table = pandas.read_csv(
        io.StringIO(text), dtype={name: str for name in words}, keep_default_na=False, na_values=missing
    )
    for name in words:
        table[name] = table[name].map(_unquoted)
    return table


def _unquoted(word: str) -> str:
    return word[1:] if word.startswith("'") and word.lstrip("'").startswith(_FORMULA) else word


def _of_runs(experiment: Path, name: str) -> pandas.DataFrame:
    import pandas

    # A directory may have another readable beginning than the plan: the hash at the end counts.
    places = {path.name.rsplit("-", 1)[-1]: path for path in experiment.glob("runs/*") if not path.name.startswith(".")}
    tables = []
    for run in _table(_file(experiment, "plan.csv"))["run"]:
        place = places.get(run.rsplit("-", 1)[-1])
        if place is not None and (place / name).is_file():
            table = _table(place / name)
            table.insert(0, "run", place.name)
            tables.append(table)
    return pandas.concat(tables, ignore_index=True) if tables else pandas.DataFrame({"run": []})
