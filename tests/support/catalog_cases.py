"""The optimizers that tests go over: every catalog row, and every wrapper around one of them."""

import keras_optim
from keras_optim.catalog import ALGORITHMS, WRAPPERS

NAMES = [row.name for row in ALGORITHMS]
EVERY = [*NAMES, *(f"{row.name}(adam)" for row in WRAPPERS)]

# Options that change an optimizer's state, tried beside the defaults.
VARIANTS = {
    "sgd": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "rmsprop": [{"momentum": 0.9, "centered": True}],
    "aggmo": [{"betas": [0.9]}],
    "ftrl": [
        {"l1_regularization_strength": 0.01},
        {"l2_shrinkage_regularization_strength": 0.01},
    ],
    "sm3": [{"momentum": 0.0}],
    "swats": [{"epsilon": 1e-3}],
}

# Weights shrink without a gradient: by default decay, or as part of the rule.
SHRINKING = ("adamw", "fromage")

# Weight decay that is part of the direction, by the paper, and so inside its trust ratio; and the
# axes that a variable needs for it to show (of a scalar only Lamb's sign is left).
COUPLED = {"lamb": 1, "lars": 2}

# Where 0.01 is no reasonable rate for a small network: the paper's is 1; it warms up slowly.
RATES = {"adadelta": 1.0, "adamod": 1.0}
# What a wrapper cannot do without, or would be random with: so that it changes nothing.
NEEDED = {
    "swa": {"start_step": 2},
    "ratemultipliers": {"multipliers": {".": 1.0}},
    "lazyrows": {"var_names": ["."]},
    "gradientnoise": {"eta": 0.0, "seed": 0},
}


def make(name, /, **arguments):
    """`"adam"`, or `"lookahead(adam)"`; `arguments` go to the inner one."""
    outer, _, inner = name.rstrip(")").partition("(")
    if inner:
        return keras_optim.get(
            outer, inner=keras_optim.get(inner, **arguments), **NEEDED.get(outer, {})
        )
    return keras_optim.get(name, **arguments)
