"""Estimate of the time of a comparison, in words, for `--dry-run`."""

from collections.abc import Mapping

from keras_optim.compare.comparison import Subject
from keras_optim.compare.plan import Plan
from keras_optim.compare.search import grid
from keras_optim.formatting import counted


def estimate(
    subject: Subject, plan: Plan, optimizers: int, probed: str, parts: Mapping[str, float]
) -> str:
    """Return the number of runs and the estimated time of a workload.

    Args:
        subject: The workload.
        plan: The conditions.
        optimizers: Their number.
        probed: The label of the one whose steps were timed.
        parts: Seconds of the parts of its run, see `probing`.
    """
    fewest, most = tuning_runs(plan)
    judging = optimizers * len(plan.seeds)
    low, high = optimizers * fewest, optimizers * most
    epoch = parts["steps"] * parts["step"] + parts["evaluate"]
    run = parts["begin"] + subject.epochs * epoch + parts["evaluate"]
    ends = [
        (optimizers * parts["compile"] + (tuning + judging) * run) / min(plan.jobs, optimizers)
        for tuning in (low, high)
    ]
    tuning = f"{low} to {high}" if high > low else str(low)
    return (
        f"{subject.name}: {counted(optimizers, 'optimizer')}, {tuning} tuning and {judging} "
        f"judging runs of {counted(subject.epochs, 'epoch')}\n"
        f"  about {span(*ends)} with --jobs {plan.jobs}, if all steps cost as those of {probed}: "
        f"{parts['step'] * 1000:.3g} ms, {parts['steps']:.0f} steps an epoch, "
        f"{parts['compile']:.2g} s to compile"
    )


def tuning_runs(plan: Plan) -> tuple[int, int]:
    """Return the fewest and the most tuning runs of an optimizer."""
    if plan.tune == "grid":
        return len(grid.STEPS), len(grid.STEPS) + grid.MORE
    number = plan.tune if isinstance(plan.tune, int) else 0
    return number, number


def span(low: float, high: float) -> str:
    """Write a span of seconds.

    >>> span(3.2, 4.1), span(100, 200), span(6000, 6000), span(80, 4000)
    ('3 to 4 s', '1.7 to 3.3 min', '1.7 h', '1.3 to 67 min')
    """
    size, unit = (3600.0, "h") if high > 5400 else (60.0, "min") if high > 90 else (1.0, "s")
    ends = [f"{v:.2g}" if (v := value / size) < 10 else f"{v:.0f}" for value in (low, high)]
    ends = [f"{value:.0f}" for value in (low, high)] if unit == "s" else ends
    return f"{ends[0]} {unit}" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} {unit}"
