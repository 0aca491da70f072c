"""What classes claim of themselves (memory, invariances), measured; a claim not made is false.

That paths are the same on each backend is held by `test_reference.py`.
"""

import keras
import numpy as np
import pytest

from keras_optim.arguments import hyperparameters
from keras_optim.catalog import ALGORITHMS, WRAPPERS
from tests.conftest import one_backend
from tests.support.catalog_cases import make, rule_of, variants
from tests.support.passes import curved
from tests.support.trajectories import difference, run

pytestmark = one_backend
RANDOM = np.random.default_rng(3)
STARTS = [RANDOM.normal(size=(4, 3)), RANDOM.normal(size=5)]
ROTATIONS = [np.linalg.qr(RANDOM.normal(size=(x.size, x.size)))[0] for x in STARTS]
SAME, OTHER = 1e-4, 5e-3
"""Relative to the length of the path: what counts as the same path, and as another."""


def gradients():
    """Steps of size 0.5 to 2; every other one stands at right angles to each column, as for
    weights before a normalisation (which SGDP and AdamP look for).
    """
    steps = []
    for i in range(12):
        gs = []
        for x in STARTS:
            g = RANDOM.uniform(0.5, 2, x.shape) * RANDOM.choice([-1, 1], x.shape)
            if i % 2:
                g = g - x * np.sum(g * x, axis=0) / np.sum(x * x, axis=0)
            gs.append(g)
        steps.append(gs)
    return steps


STEPS = gradients()


def rotated(values):
    return [(q @ v.ravel()).reshape(v.shape) for q, v in zip(ROTATIONS, values, strict=True)]


def small_epsilon(name):
    """The algorithm with a rate and constants that no gradient here is comparable to."""
    parameters = set(hyperparameters.own_parameters(type(make(name)).__init__))
    constants = parameters & {"epsilon", "initial_accumulator_value"}
    return make(name, learning_rate=rate_of(rule_of(name)), **dict.fromkeys(constants, 1e-12))


def rate_of(rule):
    """A small rate; but one at which estimates grow, for a rule that estimates."""
    return rule.trial_rate if rule.joint else 1e-3


@pytest.mark.parametrize("row", ALGORITHMS, ids=lambda row: row.name)
def test_invariances(row, float64):
    def path_of(starts, steps):
        return run(small_epsilon(row.name), starts, steps, dtype="float64")

    path = path_of(STARTS, STEPS)
    length = difference(path, [STARTS] * len(STEPS))

    def holds(other, expected):
        distance = difference(other, expected) / length
        assert distance < SAME or distance > OTHER, f"{distance} is neither"
        return distance < SAME

    scales = (64, 1 / 64)  # some rules have a bound on one side
    scaled = [path_of(STARTS, [[a * g for g in gs] for gs in STEPS]) for a in scales]
    assert all(holds(each, path) for each in scaled) == row.algorithm.scale_invariant
    turned = path_of(rotated(STARTS), [rotated(gs) for gs in STEPS])
    assert holds(turned, [rotated(xs) for xs in path]) == row.algorithm.rotation_equivariant

    moves = [
        np.abs(new - old)
        for before, after in zip([STARTS, *path], path, strict=False)
        for old, new in zip(before, after, strict=True)
    ]
    unequal = max(np.ptp(move) / max(move.max(), 1e-300) for move in moves)
    assert (unequal < 1e-6) == row.algorithm.sign_based


@pytest.mark.parametrize("row", [*ALGORITHMS, *WRAPPERS], ids=lambda row: row.name)
def test_elementwise(row, float64):
    """Whether a weight goes, among others, the way it goes alone, with each of its variants."""
    needed = {k: v for k, v in row.algorithm.trial_arguments.items() if v != 0.0}  # it is on

    def path_of(case, starts, steps):
        if row in WRAPPERS:
            optimizer = row.algorithm(
                make("sgd", learning_rate=1e-3, momentum=0.9), **needed, **case
            )
        else:
            rate = rate_of(row.algorithm)
            optimizer = row.algorithm(learning_rate=rate, **needed, **case)
        return run(optimizer, starts, steps, dtype="float64", second=curved)

    def alike(case):
        together = [xs[0][1, 1] for xs in path_of(case, STARTS, steps)]
        alone = path_of(case, [STARTS[0][1:2, 1]], [[gs[0][1:2, 1]] for gs in steps])
        return np.allclose(together, np.ravel(alone), rtol=1e-9, atol=0)

    steps = [[g.copy() for g in gs] for gs in STEPS]
    steps[3][0][2, 0] = np.inf
    assert all(map(alike, variants(row.name))) == row.algorithm.elementwise


@pytest.mark.parametrize("row", [*ALGORITHMS, *WRAPPERS], ids=lambda row: row.name)
def test_memory(row):
    """Numbers kept for each weight of a large matrix; of a wrapper, what it adds to Adam's."""
    wrapper = row in WRAPPERS
    optimizer = row.algorithm(*[make("adam")] * wrapper, **row.algorithm.trial_arguments)
    x = keras.Variable(np.zeros((100, 100), "float32"))
    optimizer.build([x])
    kept = sum(int(np.prod(v.shape)) for v in optimizer.variables) / (100 * 100)
    assert abs(kept - 2 * wrapper - row.algorithm.memory) < 0.05
