"""Measured facts of a row: parity with references and libraries, the cost of a step."""

import functools
import json
import re
from dataclasses import dataclass, field
from typing import Any

from docs.site import places
from keras_optim.catalog import Row

LIBRARIES = {
    "keras": "Keras",
    "torch": "torch.optim",
    "optax": "optax",
    "pytorch_optimizer": "pytorch-optimizer",
}
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}


def read(name: str) -> Any:
    """Read a JSON file of `docs/`; an empty one if there is none."""
    file = places.DOCS / name
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


@functools.cache
def parity_figures() -> dict[str, Any]:
    """Read `docs/parity.json`."""
    found: dict[str, Any] = read("parity.json")
    return found


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of the libraries that were compared, by name, from `docs/parity.md`."""
    page = places.page("parity.md")
    text = page.read_text(encoding="utf-8") if page else ""
    line = re.search(r"Versions: ([^\n]*)\.\n", text)
    pairs = (part.rsplit(" ", 1) for part in (line[1].split(", ") if line else []))
    return {pair[0]: pair[1] for pair in pairs}


@dataclass
class Parity:
    """Largest differences of a row from its paper, from libraries, and from others by its name."""

    paper: str = ""
    single: dict[str, str] = field(default_factory=dict)
    libraries: list[tuple[str, str, str]] = field(default_factory=list)
    differing: list[tuple[str, str]] = field(default_factory=list)


def parity(row: Row) -> Parity:
    """Return the parity of a row: the worst of the three backends.

    >>> from keras_optim.catalog import find
    >>> [name for name, _, _ in parity(find("adagrad")).libraries]
    ['Keras', 'optax', 'torch.optim']
    """
    figures = parity_figures()
    found = Parity()
    if all(row.name in figures[backend]["float64"] for backend in BACKENDS):
        found.paper = _power(max(figures[backend]["float64"][row.name] for backend in BACKENDS))
        found.single = {
            BACKENDS[backend]: _power(figures[backend]["float32"][row.name]) for backend in BACKENDS
        }
    best: dict[tuple[str, str], int] = {}
    for label in figures["torch"]["libraries"]:
        if not _is_of(label, row):
            continue
        library = label.rpartition(", ")[2]
        worst = max(figures[backend]["libraries"][label] for backend in BACKENDS)
        key = (LIBRARIES.get(library, library), versions().get(library.replace("_", "-"), ""))
        best[key] = max(best.get(key, -17), worst)
    found.libraries = [
        (name, version, _power(worst)) for (name, version), worst in sorted(best.items())
    ]
    for label, value in figures["torch"]["differing"].items():
        if _is_of(label, row):
            found.differing.append((_named(label), f"{value:g}"))
    return found


def _named(label: str) -> str:
    """Return the name of a peer that differs, such as `optax` or `optax (muon Nesterov)`."""
    case, _, library = label.rpartition(", ")
    library = LIBRARIES.get(library, library.replace("pytorch_optimizer", "pytorch-optimizer"))
    return f"{library} ({case})" if " " in case else library


def _is_of(label: str, row: Row) -> bool:
    """Return whether a label such as `mars, optax` or `cautious around Lion, keras` is a row's."""
    word = re.match(r"\w+", label)
    return bool(word) and word[0].lower() == row.name if word else False


def _power(exponent: int) -> str:
    return "0" if exponent <= -17 else f"1e{exponent}"


@functools.cache
def costs() -> dict[str, Any]:
    """Read `docs/cost.json`: the times of steps, relative to Adam's."""
    found: dict[str, Any] = read("cost.json")
    return found


COST = """\
Columns with a backend's name are the processor time of the update alone, divided by that of Adam.
The weights are those of a small transformer, {weights} million in {tensors} tensors. Both take
turns in one process, on {machine}; a ratio is the median of {rounds} turns. Adam takes {adams}.
Adam beside itself was at {noise}. Measured again on another day, ratios differed by up to two
fifths, and those of matrix methods by up to a factor of two, probably because Adam's own step waits
for memory: read sizes out of them, not places.
Wrappers go around Adam. Roots and eigenvectors are part of the time, in the steps that compute
them; second gradients and Hessian products are not.

On several cores or a GPU the ratios are others: [what a step costs](../performance.md). To measure
again: `python -m benchmarks.step_cost.every`.
"""


def cost_text() -> str:
    """Return how the times of steps were measured; nothing if they were not."""
    found = costs()
    if not found:
        return ""
    weights, tensors = found["workload"]["weights"], found["workload"]["tensors"]
    adams = ", ".join(
        f"{entry['adam_milliseconds']:.2g} ms on {BACKENDS[name]} {entry['version']}"
        for name, entry in found["backends"].items()
    )
    itself = (
        f"{shown(entry['ratios']['adam'])} on {BACKENDS[name]}"
        for name, entry in found["backends"].items()
    )
    [entry, *_] = found["backends"].values()
    return COST.format(
        weights=f"{weights / 1e6:.2g}",
        tensors=tensors,
        adams=adams,
        noise=", ".join(itself),
        **entry,
    )


def shown(ratio: float) -> str:
    """Return a ratio with two digits.

    >>> shown(0.914), shown(1.25), shown(231.3)
    ('0.91', '1.2', '230')
    """
    return f"{float(f'{ratio:.2g}'):g}"


def cost(row: Row) -> dict[str, float]:
    """Return the time of a step of a row, divided by that of Adam, by backend."""
    backends = costs().get("backends", {})
    return {
        BACKENDS[name]: backends[name]["ratios"][row.name]
        for name in BACKENDS
        if row.name in backends.get(name, {}).get("ratios", {})
    }
