"""Pages over all optimizers: the table that can be filtered, and one page for each family."""

from collections.abc import Sequence

from docs.site import measured
from docs.site.markdown import inside, table
from docs.site.rows import FAMILIES, claims, memory, title, tuning
from keras_optim.catalog import Row

HEAD = """\
# All optimizers

Each name leads to its page: formula, advice, code, properties, parity and paper. *JAX*,
*TensorFlow* and *PyTorch* are the [cost of a step](#cost-of-a-step) there, as a multiple of Adam's
("-": not measured; all optimizers run on all three).
"""

TAIL = """\
*Per weight* is the numbers kept for each weight; a wrapper adds its own to those of the optimizer
inside. *Unaffected by* names the changes that leave the path as it is. Tests of the package measure
both. *Tuning* is the part that a user has to choose; "as inside" is that of the optimizer inside.
"""

COST = """\
## Cost of a step

{text}
"""


def overview(rows: Sequence[Row]) -> str:
    """Return the page with the table of all optimizers."""
    priced = any(measured.cost(row) for row in rows)
    backends = list(measured.BACKENDS.values()) if priced else []
    head = ["optimizer", "idea", "family", "year", "per weight", "unaffected by", "tuning"]
    lines = [[*_line(row), *_prices(row, backends)] for row in rows]
    text = measured.cost_text() or "It is not measured for all optimizers yet."
    parts = [
        "---\nhide-toc: true\n---",
        HEAD,
        inside("filterable", table([*head, *backends], lines)),
        TAIL,
    ]
    return "\n".join([*parts, COST.format(text=text)])


def _line(row: Row) -> list[str]:
    family, _ = FAMILIES[row.family]
    return [
        f"[{title(row)}]({row.name}.md)",
        row.idea,
        family,
        str(row.year),
        "-" if row.family == "combination" else memory(row),
        ", ".join(claims(row)) or "-",
        tuning(row),
    ]


def _prices(row: Row, backends: Sequence[str]) -> list[str]:
    ratios = measured.cost(row)
    return [measured.shown(ratios[name]) if name in ratios else "-" for name in backends]


def family(name: str, rows: Sequence[Row]) -> str:
    """Return the page of a family, with its optimizers below it in the navigation."""
    heading, text = FAMILIES[name]
    lines = [
        [f"[{title(row)}](../{row.name}.md)", str(row.year), memory(row), row.idea] for row in rows
    ]
    pages = "\n".join(f"../{row.name}" for row in rows)
    return "\n\n".join(
        [
            f"# {heading}",
            text,
            table(["optimizer", "year", "per weight", "idea"], lines),
            f"```{{toctree}}\n:hidden:\n\n{pages}\n```\n",
        ]
    )
