"""Report as Markdown: answer, tables, and how it was made."""

from keras_optim.compare.comparison import Comparison
from keras_optim.compare.report import tables, texts
from keras_optim.compare.report.tables import escaped
from keras_optim.compare.report.view import View


def markdown(comparison: Comparison) -> str:
    """Write the report of a comparison as Markdown."""
    view = View(comparison)
    parts = [f"# {escaped(texts.title(view))}", escaped(texts.summary(view))]
    parts += [escaped(line) for line in texts.answer(view)]
    for subject in comparison.subjects.values():
        parts.append(f"## {escaped(subject.name)}")
        parts += [escaped(line) for line in texts.workload(subject)]
        parts.append(tables.summary(view, subject).markdown())
    parts += ["## The rule of the claims", *(escaped(line) for line in texts.rule())]
    facts = [f"* {escaped(name)}: {escaped(value)}" for name, value in texts.how(view)]
    parts += ["## How it was made", "\n".join(facts)]
    for table in tables.misses(view):
        parts += [f"## Failed and diverged: {table.title}", table.markdown()]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"
