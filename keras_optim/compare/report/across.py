"""Figures across workloads: performance profile, ranks, memory."""

import math
from collections.abc import Iterator
from functools import partial

from keras_optim.compare.analysis.profiles import profile
from keras_optim.compare.analysis.ranks import ranks
from keras_optim.compare.analysis.selection import independent
from keras_optim.compare.report import data, line_figures, row_figures
from keras_optim.compare.report.line_figures import Lines
from keras_optim.compare.report.picture import Picture
from keras_optim.compare.report.view import NAMED, View


def across(view: View) -> Iterator[Picture]:
    """List the figures across workloads."""
    for make in (_profile, _heatmap, _difference, _memory):
        if picture := make(view):
            yield picture


def _profile(view: View) -> Picture | None:
    names = independent(view.comparison)
    aimed = [name for name in names if view.comparison.subjects[name].target is not None]
    found = profile(view.comparison)
    if len(aimed) < 2 or not found.problems:
        return None
    order = sorted(found.shares, key=lambda label: -found.area(label))
    named = order[:NAMED]
    if view.baseline in order[NAMED:]:
        named[-1] = view.baseline
    points = {label: list(zip(found.taus, found.shares[label], strict=True)) for label in order}
    lines = Lines(
        "share of the problems", "steps as a multiple of the fastest", points, axis="linear"
    )
    title = "Performance profile"
    subtitle = f"{found.problems} problems: {len(aimed)} workloads, each with each seed"
    return Picture(
        "performance_profile",
        title,
        "Share of the problems (a workload with a seed) whose target an optimizer reaches within a "
        "multiple of the steps of the fastest. On the left: how often it is the fastest.",
        f"Stairs of the share of solved problems, a line for each optimizer, highest: {order[0]}",
        partial(line_figures.performance_profile, view, title, subtitle, lines, named),
    )


def _heatmap(view: View) -> Picture | None:
    if len(independent(view.comparison)) < 2 or not view.comparison.runs:
        return None
    found = ranks(view.comparison)
    columns = zip(found.optimizers, found.table.T, strict=True)
    table = {label: dict(zip(found.blocks, column, strict=True)) for label, column in columns}
    title = "Ranks on each workload"
    subtitle = "1 is the best; rows by their mean rank"
    return Picture(
        "rank_heatmap",
        title,
        "Rank of each optimizer on each workload; 1 is the best. Neighbours often are not "
        "distinguishable: see the verdicts in the tables.",
        f"Ranks of the optimizers on each workload, on top {found.optimizers[0]}",
        partial(row_figures.rank_heatmap, view, title, subtitle, table),
    )


def _difference(view: View) -> Picture | None:
    if len(independent(view.comparison)) < 3 or not view.comparison.runs:
        return None
    found = ranks(view.comparison)
    if not math.isfinite(found.critical_difference):
        return None
    title = "Mean ranks and their critical difference"
    subtitle = (
        f"{len(found.blocks)} workloads; difference of Nemenyi {found.critical_difference:.2f}"
    )
    return Picture(
        "critical_difference",
        title,
        "Mean rank over the workloads. A line from a dot is as long as Nemenyi's critical "
        "difference at 5 %: the dots above it are not distinguishable from its own. The grey "
        "band is that of the best.",
        f"Mean ranks, a row for each optimizer, on top {found.optimizers[0]}",
        partial(
            row_figures.critical_difference,
            view,
            title,
            subtitle,
            found.averages,
            found.critical_difference,
        ),
    )


def _memory(view: View) -> Picture | None:
    workload = max(
        view.comparison.subjects, key=lambda name: len(data.state_shares(view, name)), default=None
    )
    if not workload or not (shares := data.state_shares(view, workload)):
        return None
    title = "Memory of the optimizers"
    subtitle = f"state on {workload}"
    if len(shares) > row_figures.ROWS:
        subtitle += f"; the {row_figures.ROWS} best of {len(shares)}"
        kept = [label for label in view.orders[workload] if label in shares][: row_figures.ROWS]
        shares = {label: share for label, share in shares.items() if label in kept}
    return Picture(
        "optimizer_memory",
        title,
        f"Bytes of optimizer state for each byte of weights, measured on {workload}.",
        "Bars of the memory, a row for each optimizer, the smallest first",
        partial(row_figures.memory, view, title, subtitle, shares),
    )
