"""Figures across workloads: performance profile, ranks, memory."""

from collections.abc import Iterator
from functools import partial

from keras_optim.compare.report import data, line_figures, row_figures
from keras_optim.compare.report.line_figures import Lines
from keras_optim.compare.report.picture import Picture
from keras_optim.compare.report.view import NAMED, View

TAU = 4.0
"""The longest time of a profile, as a multiple of the fastest."""


def across(view: View) -> Iterator[Picture]:
    """List the figures across workloads."""
    for make in (_profile, _heatmap, _difference, _memory):
        if picture := make(view):
            yield picture


def _profile(view: View) -> Picture | None:
    points = data.profile(view, TAU)
    if not points:
        return None
    order = sorted(points, key=lambda label: -sum(y for _, y in points[label]))
    named = order[:NAMED]
    if view.baseline in order[NAMED:]:
        named[-1] = view.baseline
    lines = Lines("share of the workloads", "multiple of the fastest", points, axis="linear")
    title = "Performance profile"
    subtitle = "share of the workloads whose target is reached within a multiple of the fastest"
    return Picture(
        "performance_profile",
        title,
        "Share of the workloads whose target an optimizer reaches within a multiple of the time "
        "(epochs) of the fastest. Higher is better; on the left, how often it is the fastest.",
        "Stairs of the share of solved workloads, a line for each optimizer",
        partial(line_figures.performance_profile, view, title, subtitle, lines, named),
    )


def _heatmap(view: View) -> Picture | None:
    ranks = data.ranks(view)
    if not ranks:
        return None
    title = "Ranks on each workload"
    subtitle = "1 is the best; rows by their mean rank"
    return Picture(
        "rank_heatmap",
        title,
        "Rank of each optimizer on each workload by its mean score; 1 is the best. "
        "Neighbours often cannot be told apart: see the verdicts in the tables.",
        "Table of ranks, a row for each optimizer and a column for each workload",
        partial(row_figures.rank_heatmap, view, title, subtitle, ranks),
    )


def _difference(view: View) -> Picture | None:
    return None


def _memory(view: View) -> Picture | None:
    workload = max(
        view.comparison.subjects, key=lambda name: len(data.state_shares(view, name)), default=None
    )
    shares = data.state_shares(view, workload) if workload else {}
    if not shares:
        return None
    title = "Memory of the optimizers"
    subtitle = f"state on {workload}"
    return Picture(
        "optimizer_memory",
        title,
        f"Bytes of optimizer state for each byte of weights, measured on {workload}.",
        "Bars of the memory, a row for each optimizer, the smallest first",
        partial(row_figures.memory, view, title, subtitle, shares),
    )
