"""Steps whose state and weights are rounded at random, from gradients that do not depend on sums.

So every number must be the same on one device and on several, to the bit.
"""

import numpy as np
from keras import ops

import keras_optim

SHAPES = ((16, 6), (6,), ())
OPTIONS = {
    "state": {"state_dtype": "bfloat16"},
    "stochastic": {"weight_rounding": "stochastic", "state_dtype": "bfloat16"},
    "kahan": {"weight_rounding": "kahan"},
}
RANDOM = np.random.default_rng(0)
STARTS = [RANDOM.normal(size=shape).astype("float32") for shape in SHAPES]
GRADIENTS = [[RANDOM.normal(size=s).astype("float32") for s in SHAPES] for _ in range(3)]


def dtype(case):
    """Weights are in half precision if their rounding is what is tried."""
    return "float32" if case == "state" else "bfloat16"


def optimizer(case):
    return keras_optim.SGD(2.0**-6, momentum=0.5, **OPTIONS[case])


def stepped(case, xs, spread=lambda g, x: g):
    """Return all variables after a few steps; `spread` places a gradient as its variable lies."""
    rule = optimizer(case)
    rule.build(xs)
    for gs in GRADIENTS:
        given = [ops.convert_to_tensor(g, dtype=x.dtype) for g, x in zip(gs, xs, strict=False)]
        rule.apply([spread(g, x) for g, x in zip(given, xs, strict=True)], xs)
    return [*xs, *(v for slots in rule.state.slots for v in slots.values())]
