"""Page of an optimizer, from its class, its row in the catalogue and its measurements."""

import inspect
from collections.abc import Callable

import keras

from docs.site import advice, drawings, examples, measured, migrations, places
from docs.site.bibliography import Paper, papers, titled
from docs.site.docstrings import Documented, documented
from docs.site.markdown import definitions, escaped, fence, inside, table
from docs.site.rows import CLAIMS, FAMILIES, claims, memory, title, tuning, wraps
from docs.site.signatures import signature
from docs.site.texts import Texts, sorted_texts
from keras_optim import catalog
from keras_optim.catalog import Row

SECTIONS = (
    "Formula",
    "When to use it, and how to tune it",
    "In a model",
    "Path on two functions",
    "Properties",
    "Parity",
    "Differences from other libraries",
    "Paper",
    "Arguments",
)
"""Headings of a page, in their order."""


def page(row: Row) -> str:
    """Return the Markdown of a page."""
    found = documented(row.algorithm)
    texts = sorted_texts(found)
    write: dict[str, Callable[[], str]] = {
        "Formula": lambda: "\n\n".join(texts.formula),
        "When to use it, and how to tune it": lambda: _advice(row, texts),
        "In a model": lambda: _code(row, found),
        "Path on two functions": lambda: drawings.paths(row),
        "Properties": lambda: _properties(row),
        "Parity": lambda: _parity(row),
        "Differences from other libraries": lambda: _others(row, texts),
        "Paper": lambda: _papers(row, found),
        "Arguments": lambda: _arguments(row, found),
    }
    same = found.summary.rstrip(".") == row.idea.rstrip(".")
    parts = [f"# {title(row)}", inside("idea", row.idea), _facts(row)]
    parts += [] if same else [escaped(found.summary)]
    for heading in SECTIONS:
        if text := write[heading]():
            parts += [f"## {heading}", text]
    return "\n\n".join(parts) + "\n"


def _advice(row: Row, texts: Texts) -> str:
    return "\n\n".join(filter(None, [advice.for_whom(row), *texts.advice]))


def _facts(row: Row) -> str:
    family, _ = FAMILIES[row.family]
    invariant = ", ".join(claims(row)) or "no claim"
    ratios = measured.cost(row)
    times = ", ".join(f"{measured.shown(ratio)} {backend}" for backend, ratio in ratios.items())
    more = "" if row.algorithm.second == "none" else "; and a second pass"
    facts = [
        f"**Family** [{family}](families/{row.family}.md)",
        f"**Year** {row.year}",
        f"**Numbers per weight** {memory(row)}",
        f"**Unaffected by** {invariant}",
        f"**Tuning** {tuning(row)}",
        *([f"**Update, of Adam's** {times}{more}"] if times else []),
    ]
    return inside("facts", "\n".join(f"* {fact}" for fact in facts))


def _code(row: Row, found: Documented) -> str:
    parts = [fence(examples.example(row), "python")]
    if found.example:
        title = f": {found.example_title}" if found.example_title else ", on numbers that show it."
        parts += [f"A step by hand{escaped(title)}", fence(found.example, "pycon")]
    return "\n\n".join(parts)


def _properties(row: Row) -> str:
    kept = memory(row)
    unit = "number" if kept.lstrip("+") == "1" else "numbers"
    around = " beside those of the optimizer inside" if wraps(row) else ""
    lines = []
    for fact, name, sentence in CLAIMS:
        holds = bool(getattr(row.algorithm, fact))
        lines.append([name, "yes" if holds else "no claim", sentence])
    text = table(["property", "holds", "meaning"], lines)
    if wraps(row):
        text = "A wrapper has those properties of the optimizer inside that its formula keeps."
    state = f"**Memory**: {kept} {unit} for each weight{around}."
    if row in catalog.COMBINATIONS:
        state = "**Memory**: that of its rules."
        text = "Each variable has the properties of its rule."
    if row.algorithm.second == "gradient":
        state += " Each step that looks ahead takes a second gradient."
    return "\n\n".join([state, _cost(row), text])


def _cost(row: Row) -> str:
    ratios = measured.cost(row)
    if not ratios:
        return (
            "**Cost of a step**: see [what a step costs](../performance.md). "
            "For this one, no ratio is measured yet."
        )
    times = ", ".join(f"{measured.shown(ratio)} on {backend}" for backend, ratio in ratios.items())
    of = "around Adam" if wraps(row) else "alone"
    return (
        f"**Cost of a step** {of}, divided by that of Adam: {times}. It is the update alone, "
        f"without the gradient ([how it was measured](index.md#cost-of-a-step))."
    )


def _parity(row: Row) -> str:
    found = measured.parity(row)
    parts = []
    if found.paper:
        single = ", ".join(f"{value} on {backend}" for backend, value in found.single.items())
        parts.append(
            f"From its paper, written in NumPy: at most {found.paper} in double precision on the "
            f"three backends; in single precision {single}."
        )
    else:
        parts.append(_tests(row))
    if found.libraries:
        lines = [[name, version, worst] for name, version, worst in found.libraries]
        parts.append(table(["library", "version", "largest difference"], lines))
        parts.append(
            "Double precision, 50 steps, under settings that make the library that of the paper."
        )
    elif row.no_peer:
        parts.append(f"No other library is compared, because {row.no_peer}.")
    if found.differing:
        names = "; ".join(f"{label}: {value}" for label, value in found.differing)
        parts.append(f"With another rule under its name: {names}.")
    parts.append("[How parity is measured](../parity.md).")
    return "\n\n".join(parts)


def _tests(row: Row) -> str:
    file = f"tests/references/{row.name}.py"
    if (places.ROOT / file).exists():
        return f"Tests compare it on each backend with its paper, written in NumPy: `{file}`."
    return "Tests on each backend hold it to its formula: `tests/wrappers/`."


def _others(row: Row, texts: Texts) -> str:
    parts = list(texts.others)
    if rows := migrations.of(title(row)):
        lines = [[m.library, m.theirs, m.ours, m.change] for m in rows]
        parts.append("In place of a class or a function of another library:")
        parts.append(table(["library", "name", "here", "what changes"], lines))
    if not parts:
        parts.append("The documentation of the class names no difference.")
    if not hasattr(keras.optimizers, title(row)) and "Keras" not in " ".join(parts):
        parts.append(f"Keras has no {title(row)}.")
    return "\n\n".join(parts)


def _papers(row: Row, found: Documented) -> str:
    lines: list[Paper] = papers(found.reference)
    return "\n".join(f"* {titled(paper).markdown}" for paper in lines)


def _arguments(row: Row, found: Documented) -> str:
    parts = [fence(signature(row.algorithm), "python"), definitions(found.arguments)]
    if found.raises:
        parts += ["**Raises**", definitions(found.raises)]
    module = inspect.getmodule(row.algorithm)
    path = module.__name__.replace(".", "/") if module else ""
    parts.append(f'Source: `{path}.py`. By name: `keras_optim.get("{row.name}")`.')
    return "\n\n".join(parts)
