"""Gallery: the figures of a comparison that make sense, each with its name, caption and text."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from keras_optim.compare.analysis import scores
from keras_optim.compare.analysis.sensitivity import sensitivity
from keras_optim.compare.analysis.targets import reached
from keras_optim.compare.comparison import Subject
from keras_optim.compare.report import across, curve_figures, data, line_figures, row_figures
from keras_optim.compare.report.axes_style import finite
from keras_optim.compare.report.line_figures import Lines
from keras_optim.compare.report.names import file_name
from keras_optim.compare.report.panel_figures import optimizer_figure
from keras_optim.compare.report.picture import Picture
from keras_optim.compare.report.view import View


def gallery(view: View) -> Iterator[Picture]:
    """List all figures, those of a workload one after another, then those across workloads."""
    names: Counter[str] = Counter()
    for picture in _all(view):
        place = picture.name.lower()  # for file systems to which case is the same
        names[place] += 1
        count = names[place]  # an optimizer may be called like a metric
        name = picture.name if count == 1 else f"{picture.name}-{count}"
        yield replace(picture, name=name)


def _all(view: View) -> Iterator[Picture]:
    for subject in view.comparison.subjects.values():
        yield from of_workload(view, subject)
        yield from of_optimizers(view, subject)
    yield from across.across(view)


def of_workload(view: View, subject: Subject) -> Iterator[Picture]:
    """List the figures of all optimizers of a workload."""
    if view.present(subject.name):
        yield from _curves(view, subject)
    for make in (_sensitivity, _target, _batch_sizes):
        if picture := make(view, subject):
            yield picture


def of_optimizers(view: View, subject: Subject) -> Iterator[Picture]:
    """List the figures of each optimizer on a workload."""
    for label in view.present(subject.name):
        yield Picture(
            file_name(label, subject.name),
            f"{subject.name}: {label}",
            "Training and held-out values of one optimizer, all seeds.",
            f"Curves of {label} on {subject.name} over the epochs",
            partial(optimizer_figure, view, subject, label),
            subject.name,
            label,
        )


def _curves(view: View, subject: Subject) -> Iterator[Picture]:
    best = ", ".join(view.short[label] for label in view.named(subject.name))
    for metric in subject.metrics:
        yield Picture(
            file_name(metric.name, subject.name),
            f"{subject.name}: {metric.name}",
            f"{metric.name.capitalize()} in training and on held-out data: median over the seeds, "
            "with the band from the first to the third quartile.",
            f"Curves of the {metric.name} on {subject.name} over the epochs; named: {best}",
            partial(curve_figures.metric_figure, view, subject, metric),
            subject.name,
        )
    for name, heading in curve_figures.NORMS.items():
        if any(run.steps.get(name) is not None for run in view.comparison.runs):
            yield Picture(
                file_name({"gradient_norm": "grad_norm"}.get(name, name), subject.name),
                f"{subject.name}: {heading}",
                f"The {heading} in each step, on a logarithmic axis.",
                f"Curves of the {heading} on {subject.name} over the epochs; named: {best}",
                partial(curve_figures.norm_figure, view, subject, name),
                subject.name,
            )


def _sensitivity(view: View, subject: Subject) -> Picture | None:
    curves = sensitivity(view.comparison, subject.name)
    points = {
        label: list(zip(curves[label].rates, curves[label].values, strict=True))
        for label in view.orders[subject.name]
        if curves[label].rates
    }
    if not any(len(values) > 1 for values in points.values()):
        return None
    named = [label for label in view.named(subject.name) if label in points] or list(points)[:8]
    chosen = {
        label: float(values.get("learning_rate", np.nan))
        for (workload, label), values in view.comparison.chosen.items()
        if workload == subject.name
    }
    heading = f"best held-out {subject.judge} of a tuning run"
    lines = Lines(heading, "learning rate", points, subject.higher)
    title = f"{subject.name}: sensitivity to the learning rate"
    subtitle = "one seed; a ring marks the chosen rate, a cross a run that diverged or failed"
    return Picture(
        file_name("lr_sensitivity", subject.name),
        title,
        "Tuning value over the learning rate. A flat curve forgives a wrong rate. A ring marks "
        "the chosen rate, a cross at the edge a run that diverged or failed.",
        f"Lines of the {heading} over the learning rate on {subject.name}",
        partial(line_figures.lr_sensitivity, view, title, subtitle, lines, named, chosen),
        subject.name,
    )


def _target(view: View, subject: Subject) -> Picture | None:
    if subject.target is None or not view.present(subject.name):
        return None
    epochs = data.target_epochs(view, subject)
    title = f"{subject.name}: epochs to held-out {subject.judge} {subject.target:g}"
    subtitle = "a dot for each seed, a bar at the median"
    return Picture(
        file_name("time_to_target", subject.name),
        title,
        f"First epoch with a held-out {subject.judge} of {subject.target:g}: a dot for each seed, "
        "a bar at the median. A seed that never gets there counts as missed.",
        f"Epochs to the target on {subject.name}, a row for each optimizer, the fastest first",
        partial(row_figures.time_to_target, view, title, subtitle, epochs, subject.epochs),
        subject.name,
    )


def _batch_sizes(view: View, subject: Subject) -> Picture | None:
    family = data.variants(view, subject)
    if len(family) < 2 or subject.variant_of is not None:
        return None
    named = view.named(subject.name)
    if not named:
        return None
    panels = [_scores_of_sizes(view, family)]
    if subject.target is not None:
        panels += _costs_of_sizes(view, family)
    title = f"{subject.name}: batch sizes"
    subtitle = "medians over the seeds; each batch size was tuned by itself"
    return Picture(
        file_name("batch_sizes", subject.name),
        title,
        "The same workload with other batch sizes: score, and the steps, examples and seconds to "
        "the target. A cross marks an optimizer that missed it.",
        f"Lines over the batch size on {subject.name}",
        partial(line_figures.batch_sizes, view, title, subtitle, panels, named),
        subject.name,
    )


def _scores_of_sizes(view: View, family: list[Subject]) -> Lines:
    points = {
        label: [
            (float(s.batch_size or 0), data.median(finite([scores.score(r, s) for r in runs])))
            for s in family
            if (runs := view.runs(s.name, label))
        ]
        for label in view.comparison.optimizers
    }
    first = family[0]
    where = "test" if first.test is not None else "held-out"
    return Lines(f"{where} {first.judge}", "batch size", points, first.higher)


def _costs_of_sizes(view: View, family: list[Subject]) -> list[Lines]:
    """Make the panels of steps, examples and seconds to the target."""
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for label in view.comparison.optimizers:
        for s in family:
            runs = view.runs(s.name, label)
            size = float(s.batch_size or 0)
            times = [reached(run, s) for run in runs]
            steps = data.median([time.steps for time in times])
            seconds = data.median([time.seconds for time in times])
            values = {"steps": steps, "examples": steps * size, "seconds": seconds}
            for name, value in values.items():
                panels.setdefault(name, {}).setdefault(label, []).append((size, value))
    return [
        Lines(f"{name} to the target", "batch size", points, axis="logarithmic")
        for name, points in panels.items()
    ]
