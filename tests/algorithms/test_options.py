"""Options of Keras together, against the same things done by hand in their order.

On PyTorch every combination, elsewhere each pair of options; optimizers take turns, each comes.
"""

import itertools

import numpy as np
import pytest

from tests.conftest import BACKEND
from tests.support.catalog_cases import EVERY, make
from tests.support.covering import pairwise
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    stepping,
    tensor,
    variables,
)

OPTIONS = {
    "clipping": (None, "clipnorm", "global_clipnorm", "clipvalue"),
    "weight_decay": (0.0, 0.1),
    "use_ema": (False, True),
    "gradient_accumulation_steps": (None, 2),
    "loss_scale_factor": (None, 1024.0),
}
MOMENTUM, BOUND = 0.75, 0.5
STEPS, VALUES = gradients(steps=6), starts()

if BACKEND == "torch":
    ROWS = [dict(zip(OPTIONS, values)) for values in itertools.product(*OPTIONS.values())]
else:
    ROWS = pairwise(OPTIONS)
PLAIN = [name for name in EVERY if not make(name).averaging]  # others refuse `use_ema`
TURNS = max(len(PLAIN), len(ROWS))
CASES = [(PLAIN[i % len(PLAIN)], ROWS[i % len(ROWS)]) for i in range(TURNS)]


def clipped(gs, option):
    """Return the gradients of a step as an option leaves them."""
    if option == "clipvalue":
        return [np.clip(g, -BOUND, BOUND) for g in gs]
    if option == "clipnorm":
        return [g * min(1.0, BOUND / np.linalg.norm(g)) for g in gs]
    if option == "global_clipnorm":
        norm = np.sqrt(sum(np.sum(g**2) for g in gs))
        return [g * min(1.0, BOUND / norm) for g in gs]
    return gs


def by_hand(name, row):
    """Return the weights after each gradient, and the averages at the end."""
    period = row["gradient_accumulation_steps"] or 1
    means = [
        [np.mean(g, axis=0) for g in zip(*STEPS[i : i + period], strict=True)]
        for i in range(0, len(STEPS), period)
    ]
    steps = [clipped(gs, row["clipping"]) for gs in means]
    ends = run(make(name, weight_decay=row["weight_decay"]), VALUES, steps)
    path, averages = [], VALUES
    for i in range(len(STEPS)):
        done = (i + 1) // period
        path.append(ends[done - 1] if done else VALUES)
        momentum = MOMENTUM if i // period else 0.0
        averages = [
            momentum * a + (1 - momentum) * x for a, x in zip(averages, path[-1], strict=True)
        ]
    return path, averages


def ours(name, row):
    """Return the same of an optimizer with these options."""
    options = {**row, "ema_momentum": MOMENTUM}
    if clipping := options.pop("clipping"):
        options[clipping] = BOUND
    optimizer, xs, path = make(name, **options), variables(VALUES), []
    step = stepping(optimizer, xs)
    for gs in STEPS:
        step([tensor((row["loss_scale_factor"] or 1.0) * g) for g in gs])
        path.append(numbers(xs))
    optimizer.finalize_variable_values(xs)
    return path, numbers(xs)


@pytest.mark.parametrize(("name", "row"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
def test_options_together(name, row):
    (path, averages), (expected, means) = ours(name, row), by_hand(name, row)
    assert difference(path, expected) < 1e-5
    assert difference([averages], [means if row["use_ema"] else expected[-1]]) < 1e-5
    assert difference(path[-1:], [VALUES]) > 1e-4


def test_each_optimizer_and_each_pair_of_options_comes():
    assert {name for name, _ in CASES} == set(PLAIN)
    met = [row for _, row in CASES]
    for one, other in itertools.combinations(OPTIONS, 2):
        found = {(row[one], row[other]) for row in met}
        assert found == set(itertools.product(OPTIONS[one], OPTIONS[other]))
