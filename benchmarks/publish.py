"""Published results: `python -m benchmarks.publish NAME TUNED [DEFAULTS] --to docs/results`.

TUNED and DEFAULTS are results folders of one comparison, tuned and with `--tune none`. Writes
report and tables under NAME, and the figures that compare all optimizers, and the tables of
`index.md` between the marks with that name. The command that they name is without the folders of
the machine that it ran on.
"""

import argparse
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from keras_optim.compare.analysis.table import Row, rows
from keras_optim.compare.comparison import Comparison, Subject
from keras_optim.compare.files import write_file
from keras_optim.compare.process import endings
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.process.flags import Parser
from keras_optim.compare.report import csv_tables, writing
from keras_optim.compare.report.view import View
from keras_optim.compare.store import load

PAGE = "index.md"
START, END = "<!-- {}: written by benchmarks.publish -->", "<!-- end -->"
SHOWN = 10
"""Optimizers of each table, the best ones; the files have all."""
KNOWN = ("sgd", "adam", "adamw", "lion", "muon", "soap", "schedulefreeadamw", "prodigy")
"""Optimizers that each table shows, wherever they rank."""
ACROSS = ("performance_profile", "rank_heatmap", "optimizer_memory")
FOLDERS = ("--data-dir", "--graph-directory")
"""Flags that name folders of a machine."""
OF_WORKLOADS = ("accuracy", "loss", "lr_sensitivity", "time_to_target")


def parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    parser = Parser(prog="python -m benchmarks.publish", allow_abbrev=False)
    add = parser.add_argument
    add("name", metavar="NAME", help="of the files, and of the marks in the page")
    add("tuned", type=Path, metavar="TUNED", help="results folder of a tuned comparison")
    add("defaults", type=Path, nargs="?", metavar="DEFAULTS", help="the same with --tune none")
    add("--to", type=Path, default=Path("docs/results"), metavar="FOLDER")
    return parser


def tables(tuned: Comparison, defaults: Comparison | None) -> str:
    """Return the tables of all workloads as Markdown."""
    lines = []
    for name, subject in tuned.subjects.items():
        found = [row for row in rows(tuned, name) if row.seeds]  # others were not run
        other = {}
        if defaults is not None and name in defaults.subjects:
            other = {row.optimizer: row for row in rows(defaults, name) if row.seeds}
        lines += ["", f"### {name}", "", _facts(subject, found), ""]
        lines += _table(subject, found, other)
        lines += ["", f"![{subject.judge} of all optimizers on {name}](plots/accuracy_{name}.png)"]
    return "\n".join(lines)


def _facts(subject: Subject, found: Sequence[Row]) -> str:
    equal = sum(row.verdict in ("best", "tied") for row in found)
    return (
        f"{subject.train or 0:,} training, {subject.validation or 0:,} held-out and "
        f"{subject.test or 0:,} test examples, {subject.epochs} epochs, batches of "
        f"{subject.batch_size}. {len(found)} optimizers, of which {equal} share the first place: "
        "the seeds do not tell them apart."
    )


def _table(subject: Subject, found: Sequence[Row], defaults: dict[str, Row]) -> list[str]:
    heads = ["place", "optimizer", f"test {subject.judge}", "verdict", "learning rate"]
    heads += ["epochs to target"] + (["with defaults"] if defaults else [])
    lines = [_line(heads), _line(["---"] * len(heads))]
    for row in found:
        if row.place > SHOWN and row.optimizer not in KNOWN:
            continue
        rate = row.hyperparameters.get("learning_rate")
        cells = [
            str(row.place),
            f"`{row.optimizer}`",
            _score(row),
            row.verdict,
            f"{rate:.3g}" if rate is not None else "-",
            f"{row.epochs_to_target:g}" if row.epochs_to_target < 1e9 else "never",
        ]
        if defaults:
            cells.append(_score(defaults[row.optimizer]) if row.optimizer in defaults else "-")
        lines.append(_line(cells))
    return lines


def _score(row: Row) -> str:
    """Return mean and half the width of the 95 % interval."""
    half = (row.interval[1] - row.interval[0]) / 2
    missed = f", {row.misses} missed" if row.misses else ""
    return f"{row.mean:.3f} ± {half:.3f}{missed}" if half == half else f"{row.mean:.3f}{missed}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def written(page: str, name: str, text: str) -> str:
    """Return the page with `text` between the marks of a name.

    Raises:
        UsageError: the page has no marks.
    """
    before, start, rest = page.partition(START.format(name))
    _, end, after = rest.partition(END)
    if not (start and end):
        raise UsageError(f"{PAGE} has no lines {START.format(name)} and {END}")
    return f"{before}{start}\n{text}\n\n{END}{after}"


def shareable(comparison: Comparison) -> Comparison:
    """Return the comparison as one of a command without folders, which others do not have."""
    words = shlex.split(comparison.setting.command)
    kept = [w for at, w in enumerate(words) if not {w, *words[at - 1 : at]} & {*FOLDERS}]
    return replace(comparison, setting=replace(comparison.setting, command=shlex.join(kept)))


def publish(arguments: Sequence[str] | None = None) -> None:
    """Copy files, and write the page."""
    options = parser().parse_args(arguments)
    tuned = shareable(load(options.tuned))
    defaults = shareable(load(options.defaults)) if options.defaults else None
    page = options.to / PAGE
    text = written(page.read_text(encoding="utf-8"), options.name, tables(tuned, defaults))
    with tempfile.TemporaryDirectory() as folder:
        drawn = writing.write(tuned, Path(folder)).parent
        _publish(drawn, tuple(tuned.subjects), options.name, options.to)
    if defaults is not None:
        summary = csv_tables.tables(View(defaults))["summary"]
        write_file(options.to / f"{options.name}-defaults.csv", summary)
    page.write_text(text, encoding="utf-8")


def _publish(drawn: Path, workloads: Sequence[str], label: str, to: Path) -> None:
    """Copy those files of a report that are published."""
    plots = to / "plots"
    plots.mkdir(exist_ok=True)
    for name in ACROSS:
        _copy(drawn / "plots" / f"{name}.png", plots / f"{name}_{label}.png")
    for name in (f"{kind}_{workload}" for kind in OF_WORKLOADS for workload in workloads):
        _copy(drawn / "plots" / f"{name}.png", plots / f"{name}.png")
    for name in ("report.md", "tables/summary.csv", "tables/runs.csv"):
        _copy(drawn / name, to / f"{label}-{Path(name).name}")


def _copy(path: Path, to: Path) -> None:
    """Copy a file; a figure for which there were no numbers does not exist."""
    if path.exists():
        shutil.copyfile(path, to)


def main() -> int:
    """Publish; return the exit status."""
    return endings.ended("publish", publish)


if __name__ == "__main__":
    endings.program("publish", main)
