"""Parity of every algorithm with its paper and with other libraries: `docs/parity.md`.

`KERAS_BACKEND=torch python -m tests.tools.parity` measures on that backend the algorithms without a
figure in `docs/parity.json` (with `--all`: everything). It writes the page when all backends are
complete. `python -m tests.tools.refresh` does the same.
"""

import importlib
import json
import math
import pathlib
import sys

import numpy as np

DOCS = pathlib.Path(__file__).parents[2] / "docs"
BACKENDS = ("jax", "tensorflow", "torch")
TITLES = {"keras": "Keras", "optax": "optax", "torch": "torch.optim"}
TITLES["pytorch_optimizer"] = "pytorch-optimizer"


def title(label):
    """Return the name of the library of a peer."""
    library = label.rpartition(", ")[2]
    return TITLES.get(library, library)


def kept():
    """Read the figures of the page, by backend, kind and name."""
    return json.loads((DOCS / "parity.json").read_text())


def assert_as_on_the_page(kind, name, value):
    """Assert that the figure is at most a power of ten above the one on the page."""
    import keras

    figure = kept()[keras.backend.backend()][kind][name]
    assert power_of_ten(value) <= max(figure, -15) + 1, (kind, name, value)


def peer_difference(label):
    """Return the largest difference between our trajectory and the stored one of a library."""
    import keras_optim
    from keras_optim.catalog import WRAPPERS, find
    from tests.peers.libraries import KEPT
    from tests.peers.table import EVERY
    from tests.peers.trajectories import stored
    from tests.support.trajectories import run

    peer, paths = EVERY[label], stored()[0][label]
    worst = 0.0
    for shape, theirs in zip(peer.shapes, paths, strict=True):
        x, gradients, rates = peer.inputs(shape)
        arguments = dict(peer.hyperparameters)
        if find(peer.algorithm) in WRAPPERS:
            inner = arguments.pop("inner", keras_optim.SGD)  # a function, for a new one each time
            arguments["inner"] = inner(
                **{n: arguments.pop(n) for n in ("momentum",) if n in arguments}
            )
        optimizer = keras_optim.get(peer.algorithm, **arguments)
        ours = run(optimizer, [x], [[g] for g in gradients], rates, "float64")
        for step, there in zip(KEPT, theirs, strict=True):
            worst = max(worst, np.max(np.abs(ours[step][0] - there)))
    return float(worst)


def reference_difference(name, dtype):
    """Return the largest difference from the reference, in float32 relative to its maximum."""
    import keras_optim
    from tests.support.trajectories import RATES, difference, expected, gradients, run, starts

    worst, module = 0.0, importlib.import_module(f"tests.references.{name}")
    for case in module.CASES:
        values, steps = starts(), gradients()
        rates = [float(np.float32(getattr(module, "RATE", 1.0) * r)) for r in RATES]
        reference = expected(name, case, values, steps, rates)
        compiled = dtype == "float64"  # where that differs: each way once
        path = run(keras_optim.get(name, **case), values, steps, rates, dtype, compiled=compiled)
        scale = max(np.abs(x).max() for step in reference for x in step)
        worst = max(worst, difference(path, reference) / (1.0 if dtype == "float64" else scale))
    return float(worst)


def expected():
    """Return the names that need a figure, by kind."""
    from keras_optim import catalog
    from tests.peers.table import DIFFERING, PEERS

    names = catalog.names()
    return {
        "float64": names,
        "libraries": list(PEERS),
        "differing": list(DIFFERING),
        "float32": names,
    }


def measure(known):
    """Measure the figures of this backend, rounded up to powers of ten, and keep those `known`.

    A library without a trajectory has no figure.
    """
    from tests.peers.trajectories import stored
    from tests.support.precision import double_precision

    names = expected()
    trajectories = stored()[0]
    for kind in ("libraries", "differing"):
        names[kind] = [label for label in names[kind] if label in trajectories]

    def figures(kind, of, rounded=power_of_ten):
        old = known.get(kind, {})
        return {n: old[n] if n in old else rounded(of(n)) for n in names[kind]}

    with double_precision():
        paper = figures("float64", lambda name: reference_difference(name, "float64"))
        libraries = figures("libraries", peer_difference)
        differing = figures("differing", peer_difference, one_digit)
    single = figures("float32", lambda name: reference_difference(name, "float32"))
    return {"float64": paper, "libraries": libraries, "differing": differing, "float32": single}


def power_of_ten(value):
    """Return the exponent of the smallest power of ten that is not below `value`; at least -17."""
    return max(math.ceil(math.log10(value)), -17) if value > 0 else -17


def one_digit(value):
    """Round a difference to one digit."""
    return float(f"{value:.0e}")


def page(figures, versions):
    """Return the Markdown page."""
    from keras_optim import catalog
    from tests.peers.table import DIFFERING, PEERS

    lines = [
        "# Parity",
        "",
        "How far each algorithm is from its paper and from other libraries: the largest",
        "absolute difference of any weight in 50 steps with fixed random gradients, on a scalar,",
        "a vector, a matrix and a 4-D tensor, with rates that change and hyper-parameters off",
        "their defaults (epsilon 1e-2). Figures are rounded up to a power of ten. The bar",
        "is 1e-10 in float64 and 1e-5, relative to the largest weight, in float32.",
        "",
        "*Paper*: its equations in plain NumPy, float64, the worst of the three backends.",
        "*Libraries*: float64, the worst of the three backends, where settings exist under which",
        "the library is that of the paper; what has to be set or undone stands in",
        "`tests/references/`. Versions: "
        + ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
        + ".",
        "",
        "*Others that differ*: libraries with another rule under that name, in float64, under the",
        "settings that come nearest; the reference says where they part (`DIFFERING`). To measure",
        "again: `python -m tests.peers`, then `pytest tests/docs/test_peers.py`.",
        "",
        "Written by `python -m tests.tools.refresh`, once on each backend; a test compares it.",
        "",
        "| algorithm | paper | libraries | others that differ | float32 JAX | float32 TensorFlow "
        "| float32 PyTorch |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in catalog.ALGORITHMS:
        worst = max(figures[b]["float64"][row.name] for b in BACKENDS)
        labels = [label for label in PEERS if PEERS[label].algorithm == row.name]
        best = {}
        for label in labels:
            figure = max(figures[b]["libraries"][label] for b in BACKENDS)
            best[title(label)] = max(best.get(title(label), -17), figure)
        libraries = ", ".join(f"{library} 1e{figure}" for library, figure in best.items())
        libraries = libraries or "none"
        differing = ", ".join(
            f"{title(label)} {figures['torch']['differing'][label]:.0e}"
            for label in DIFFERING
            if DIFFERING[label].algorithm == row.name
        )
        single = " | ".join(f"1e{figures[b]['float32'][row.name]}" for b in BACKENDS)
        cells = f"| `{row.algorithm.__name__}` | 1e{worst} | {libraries} | {differing} | {single} |"
        lines.append(cells.replace("1e-17", "0"))
    return "\n".join(lines) + "\n"


def main(arguments):
    """Measure, keep the figures, and write the page once all three backends are measured."""
    import keras

    from tests.peers.trajectories import stored

    backend, file = keras.backend.backend(), DOCS / "parity.json"
    figures = json.loads(file.read_text()) if file.exists() else {}
    figures[backend] = measure({} if "--all" in arguments else figures.get(backend, {}))
    file.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    if missing := incomplete(figures):
        print(f"docs/parity.md waits for figures of {missing}")
    else:
        (DOCS / "parity.md").write_text(page(figures, stored()[1]))


def incomplete(figures):
    """Return the names that have no figure yet, by backend."""
    found = {}
    for backend in BACKENDS:
        measured = figures.get(backend, {})
        names = {
            n for kind, ns in expected().items() for n in set(ns) ^ set(measured.get(kind, ()))
        }
        if names:
            found[backend] = sorted(names)
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
