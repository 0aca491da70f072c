"""Sentences of a report: the answer, the rule of its claims, and how it was made."""

from collections.abc import Sequence

from keras_optim.compare.comparison import Subject
from keras_optim.compare.report.view import View


def title(view: View) -> str:
    """Return the title of the report."""
    workloads = tuple(view.comparison.subjects)
    where = workloads[0] if len(workloads) == 1 else f"{len(workloads)} workloads"
    count = len(view.comparison.optimizers)
    return f"{count} {'optimizers' if count > 1 else 'optimizer'} on {where}"


def summary(view: View) -> str:
    """Describe the conditions in a line."""
    setting = view.comparison.setting
    count = len(setting.seeds)
    parts = (
        f"{len(view.comparison.runs)} runs",
        f"{count} judging {'seeds' if count != 1 else 'seed'}",
        f"tuning: {setting.tune}",
        setting.backend,
        setting.machine,
        setting.date,
    )
    return " · ".join(filter(None, parts))


def answer(view: View) -> Sequence[str]:
    """Say which optimizer is the best, and how sure that is."""
    lines = []
    for name in view.comparison.subjects:
        lines.append(f"{name}: best is {view.orders[name][0]}.")
    return lines


def rule(view: View) -> Sequence[str]:
    """Explain when one optimizer counts as better than another."""
    return ("",)


def workload(subject: Subject) -> Sequence[str]:
    """Describe a workload."""
    sizes = (("training", subject.train), ("held-out", subject.validation), ("test", subject.test))
    known = [f"{count:,} {name}" for name, count in sizes if count is not None]
    batch = f"batch {subject.batch_size}" if subject.batch_size else "batches of its own"
    better = "higher" if subject.higher else "lower"
    lines = [
        f"{', '.join(known)} examples; {subject.epochs} epochs; {batch}."
        if known
        else f"{subject.epochs} epochs; {batch}.",
        f"Ranked by {subject.judge} ({better} is better) on "
        + (
            "the test set, at the epoch with the best held-out value."
            if subject.test is not None
            else "held-out data, because there is no test set. Tuning chose by the same data, so "
            "these values are too good."
        ),
    ]
    if subject.target is not None:
        lines[1] += f" Target: {subject.target:g} on held-out data."
    return lines


def how(view: View) -> Sequence[tuple[str, str]]:
    """List the facts with which a reader can make the results again."""
    setting = view.comparison.setting
    seeds = ", ".join(map(str, setting.seeds)) or "none"
    quiet = "one run at a time, no other load" if setting.quiet else "not quiet: do not trust times"
    facts = (
        ("Budget and search space", setting.budget),
        ("Tuning", f"{setting.tune}; seed {setting.tuning_seed}, chosen on held-out data"),
        ("Judging", f"seeds {seeds}; the test set is used once, by these runs"),
        ("Backend", f"{setting.backend}, {setting.precision}"),
        ("Versions", ", ".join(f"{name} {v}" for name, v in sorted(setting.versions.items()))),
        ("Machine", f"{setting.machine}; {quiet}"),
        ("Command", setting.command),
        ("Date", setting.date),
    )
    return [(name, value) for name, value in facts if value]
