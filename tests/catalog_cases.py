"""The optimizers that tests go over: every catalog row, and every wrapper around one of them."""

import keras_optim
from keras_optim.catalog import ALGORITHMS, WRAPPERS

NAMES = [row.name for row in ALGORITHMS]
# Lookahead goes around every algorithm; what the others add does not depend on which is inside.
WRAPPED = [
    f"{row.name}({name})"
    for row in WRAPPERS
    for name in (NAMES if row.name == "lookahead" else ("adam", "nadam"))
]
EVERY = NAMES + WRAPPED
SOME = [*NAMES, *(f"{row.name}(adam)" for row in WRAPPERS)]
"""For what a wrapper passes on without regard to which algorithm is inside."""

# Options that change an optimizer's state, tried beside the defaults.
VARIANTS = {
    "sgd": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "rmsprop": [{"momentum": 0.9, "centered": True}],
}

# What a wrapper cannot do without, or would be random with: so that it changes nothing.
NEEDED = {
    "swa": {"start_step": 2},
    "ratemultipliers": {"multipliers": {".": 1.0}},
    "gradientnoise": {"eta": 0.0},
}


def make(name, /, **arguments):
    """`"adam"`, or `"lookahead(adam)"`; `arguments` go to the inner one."""
    outer, _, inner = name.rstrip(")").partition("(")
    if inner:
        return keras_optim.get(
            outer, inner=keras_optim.get(inner, **arguments), **NEEDED.get(outer, {})
        )
    return keras_optim.get(name, **arguments)
