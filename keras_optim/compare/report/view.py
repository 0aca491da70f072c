"""View of a comparison: its runs by workload and optimizer, best first, with their styles."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from keras_optim.compare.analysis.table import Row, baseline, rows
from keras_optim.compare.comparison import Comparison
from keras_optim.compare.report.names import shorts
from keras_optim.compare.report.palette import Style, styles
from keras_optim.compare.runs import Run

NAMED = 8
"""The most curves of a figure that have a name; more cannot be told apart."""


@dataclass(frozen=True)
class View:
    """Runs, order and styles that the figures of a comparison share."""

    comparison: Comparison

    @cached_property
    def styles(self) -> dict[str, Style]:
        """The style of each optimizer."""
        return styles(self.comparison.optimizers)

    @cached_property
    def short(self) -> dict[str, str]:
        """The label of each optimizer, shortened for figures."""
        return shorts(self.comparison.optimizers)

    @cached_property
    def _runs(self) -> dict[tuple[str, str, str], list[Run]]:
        groups: dict[tuple[str, str, str], list[Run]] = {}
        for run in self.comparison.runs:
            key = (run.spec.workload, run.spec.optimizer, run.spec.stage)
            groups.setdefault(key, []).append(run)
        return groups

    def runs(
        self, workload: str, label: str, stage: Literal["tuning", "judging"] = "judging"
    ) -> Sequence[Run]:
        """Return the runs of one optimizer on one workload."""
        return self._runs.get((workload, label, stage), ())

    def trained(self, workload: str, label: str) -> list[Run]:
        """Return the judging runs that have a curve: those that did not fail."""
        return [run for run in self.runs(workload, label) if run.state != "failed" and run.epochs]

    def present(self, workload: str) -> list[str]:
        """List the optimizers with a curve on a workload, the best first."""
        order = self.orders[workload]
        return [label for label in order if self.trained(workload, label)]

    @cached_property
    def orders(self) -> dict[str, list[str]]:
        """The optimizers of each workload, the best first."""
        return {name: [row.optimizer for row in found] for name, found in self.rows.items()}

    @cached_property
    def rows(self) -> dict[str, tuple[Row, ...]]:
        """The rows of the table of each workload, the best first."""
        return {name: rows(self.comparison, name) for name in self.comparison.subjects}

    def named(self, workload: str) -> list[str]:
        """List the optimizers whose curves have a name: the best, and the baseline."""
        present = self.present(workload)
        best = present[:NAMED]
        if self.baseline in present[NAMED:]:
            best[-1] = self.baseline
        return best

    @cached_property
    def baseline(self) -> str:
        """The optimizer with which the others are compared."""
        return baseline(self.comparison)
