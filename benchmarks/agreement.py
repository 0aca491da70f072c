"""Agreement of the backends: `python -m benchmarks.agreement FOLDER FOLDER ...`.

Each folder holds the results of one comparison on another backend, with the same optimizers, fixed
rates (`--tune none`) and seeds. Prints a Markdown table: the loss on held-out data at the last
epoch of the first seed on each backend, the largest relative difference over all seeds, and the
test scores.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from keras_optim.compare.comparison import Comparison
from keras_optim.compare.process import endings
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.process.flags import Parser
from keras_optim.compare.runs import Run
from keras_optim.compare.store import load

ROUNDING = 1e-5
"""Differences of which the files, with their six digits, tell nothing."""


def parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    parser = Parser(prog="python -m benchmarks.agreement", allow_abbrev=False)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    return parser


def rows(comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Return the cells of a row for each workload and optimizer that all comparisons have.

    Raises:
        UsageError: the comparisons have no run in common.
    """
    each = [_judged(comparison) for comparison in comparisons]
    keys = [key for key in each[0] if all(key in other for other in each)]
    if not keys:
        raise UsageError("the folders have no workload, optimizer, seed and rate in common")
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for key in keys:
        found.setdefault(key[:2], []).append(key)
    lines = []
    for (workload, optimizer), same in found.items():
        judge = comparisons[0].subjects[workload].judge
        losses = [[_final_loss(runs[key]) for runs in each] for key in same]
        scores = [sum(runs[key].test.get(judge, math.nan) for key in same) for runs in each]
        lines.append(
            [
                workload,
                optimizer,
                *(f"{loss:.5f}" for loss in losses[0]),
                _size(max(map(spread, losses))),
                *(f"{score / len(same):.4f}" for score in scores),
            ]
        )
    return lines


def _size(share: float) -> str:
    """Write a difference; files keep six digits."""
    return f"{share:.0e}" if share > ROUNDING else "-"


def spread(values: Sequence[float]) -> float:
    """Return the largest distance of two values as a share of the largest value.

    >>> spread([1.0, 2.0, 1.5])
    0.5
    """
    return (max(values) - min(values)) / max(abs(value) for value in values)


def _judged(comparison: Comparison) -> dict[tuple[str, ...], Run]:
    return {
        (
            run.spec.workload,
            run.spec.optimizer,
            str(run.spec.seed),
            str(sorted(run.spec.hyperparameters.items())),
        ): run
        for run in comparison.runs
        if run.spec.stage == "judging" and run.state == "done"
    }


def _final_loss(run: Run) -> float:
    return float(run.epochs["val_loss"][-1])


def table(comparisons: Sequence[Comparison]) -> str:
    """Return the Markdown table."""
    backends = [comparison.setting.backend for comparison in comparisons]
    heads = [
        "workload",
        "optimizer",
        *(f"held-out loss, {name}" for name in backends),
        "largest difference",
        *(f"test score, {name}" for name in backends),
    ]
    lines = [heads, ["---"] * len(heads), *rows(comparisons)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def compare(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    folders = parser().parse_args(arguments).folders
    print_table = Console(highlight=False).print
    print_table(table([load(folder) for folder in folders]), soft_wrap=True, markup=False)


def main() -> int:
    """Compare; return the exit status."""
    return endings.ended("agreement", compare)


if __name__ == "__main__":
    endings.program("agreement", main)
