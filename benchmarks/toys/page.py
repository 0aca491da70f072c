"""Table of `docs/toys.md`: the featured optimizers on each function."""

import re
from collections.abc import Mapping
from pathlib import Path as File

from benchmarks.toys.contenders import FEATURED
from benchmarks.toys.functions import FUNCTIONS
from benchmarks.toys.paths import Path

BEGIN, END = "<!-- made by `toys --write` -->", "<!-- end -->"


def table(found: Mapping[str, Mapping[str, Path]]) -> str:
    """Return the step from which each optimizer stays within 0.001, or else its last value.

    Args:
        found: Paths by function and optimizer.
    """
    labels = [label for label in FEATURED if all(label in each for each in found.values())]
    lines = [
        f"| function | {' | '.join(f'`{label}`' for label in labels)} | all |",
        "|---|" + "---|" * (len(labels) + 1),
    ]
    for name, each in found.items():
        function = FUNCTIONS[name]
        solved = sum(path.solved is not None for path in each.values())
        cells = " | ".join(_cell(each[label]) for label in labels)
        lines.append(
            f"| {function.title}, {function.steps} steps | {cells} | {solved} of {len(each)} |"
        )
    return "\n".join(
        [
            BEGIN,
            "A number is the first step from which the value stays within 0.001 of the lowest, for "
            "at least the",
            "last tenth of the steps. Where it does not, the value at the end is in brackets. The "
            "last column counts",
            "all optimizers.",
            "",
            *lines,
            END,
        ]
    )


def fill(file: File, found: Mapping[str, Mapping[str, Path]]) -> None:
    """Put the table into the page."""
    text = file.read_text(encoding="utf-8")
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    new = re.sub(pattern, lambda _: table(found), text, count=1, flags=re.DOTALL)
    file.write_text(new, encoding="utf-8")


def _cell(path: Path) -> str:
    if path.solved is not None:
        return str(path.solved)
    return "diverged" if path.value is None else f"({path.value:.2g})"
