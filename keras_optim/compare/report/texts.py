"""Sentences of a report: the answer, the rule of its claims, and how it was made."""

from collections.abc import Sequence

from keras_optim.compare.analysis.claims import RULE
from keras_optim.compare.analysis.columns import shown
from keras_optim.compare.analysis.recommend import Answer, best
from keras_optim.compare.comparison import Subject
from keras_optim.compare.report.view import View
from keras_optim.formatting import counted


def title(view: View) -> str:
    """Return the title of the report."""
    workloads = tuple(view.comparison.subjects)
    where = workloads[0] if len(workloads) == 1 else counted(len(workloads), "workload")
    return f"{counted(len(view.comparison.optimizers), 'optimizer')} on {where}"


def summary(view: View) -> str:
    """Describe the conditions in a line."""
    setting = view.comparison.setting
    parts = (
        counted(len(view.comparison.runs), "run"),
        counted(len(setting.seeds), "judging seed"),
        f"tuning: {setting.tune}",
        setting.backend,
        setting.machine,
        setting.date,
    )
    return " · ".join(filter(None, parts))


def answer(view: View) -> Sequence[str]:
    """Say which optimizer is the best, and how sure that is; then the same for each workload."""
    comparison = view.comparison
    if not comparison.runs:
        return ("No run has ended yet.",)
    found = best(comparison)
    lines = [f"{_first(view, found)}.", found.sure]
    for workload, values in found.hyperparameters.items():
        chosen = shown(values, "")
        if len(comparison.subjects) == 1:
            return (*lines, f"{found.name} ran with {chosen}.")
        lines.append(f"{workload} ({found.name} with {chosen}): {best(comparison, [workload])}")
    return lines


def _first(view: View, found: Answer) -> str:
    """Say the answer in a few words, and no more than the seeds allow."""
    rows = [row for table in view.rows.values() for row in table]
    if all(row.misses == row.seeds for row in rows):
        return "No optimizer reached the end of its training"
    if not any(row.verdict == "best" for row in rows):
        return f"Best score: {found.name}; too few seeds to tell chance"
    return f"Best: {found.name}" + (f", tied with {listed(found.tied)}" if found.tied else "")


def listed(names: Sequence[str], most: int = 5) -> str:
    """Write names as a list, and the number of those beyond the first few.

    >>> listed(("a", "b", "c")), listed("abcdefgh", 3)
    ('a, b and c', 'a, b, c and 5 more')
    """
    more = [f"{len(names) - most} more"] if len(names) > most else []
    words = [*names[:most], *more]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def rule() -> Sequence[str]:
    """Explain when one optimizer counts as better than another."""
    return (RULE,)


def workload(subject: Subject) -> Sequence[str]:
    """Describe a workload."""
    sizes = (("training", subject.train), ("held-out", subject.validation), ("test", subject.test))
    known = [f"{count:,} {name}" for name, count in sizes if count is not None]
    batch = f"batch {subject.batch_size}" if subject.batch_size else "batches of its own"
    better = "higher" if subject.higher else "lower"
    epochs = counted(subject.epochs, "epoch")
    lines = [
        f"{', '.join(known)} examples; {epochs}; {batch}." if known else f"{epochs}; {batch}.",
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
    tested = any(subject.test is not None for subject in view.comparison.subjects.values())
    once = "; only these runs see the test set" if tested else ""
    quiet = "one run at a time, no other load" if setting.quiet else "not quiet: do not trust times"
    facts = (
        ("Budget and search space", setting.budget),
        ("Tuning", f"{setting.tune}; seed {setting.tuning_seed}, chosen on held-out data"),
        ("Judging", f"seeds {seeds}{once}"),
        ("Backend", f"{setting.backend}, {setting.precision}"),
        ("Versions", ", ".join(f"{name} {v}" for name, v in sorted(setting.versions.items()))),
        ("Machine", f"{setting.machine}; {quiet}"),
        ("Command", setting.command),
        ("Date", setting.date),
    )
    return [(name, value) for name, value in facts if value]
