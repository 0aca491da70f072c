"""Keras's built-in optimizers."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_optim import keras_private
from keras_optim.algorithms.adadelta import Adadelta
from keras_optim.algorithms.adafactor import Adafactor
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamax import Adamax
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.amsgrad import AMSGrad
from keras_optim.algorithms.ftrl import Ftrl
from keras_optim.algorithms.lamb import Lamb
from keras_optim.algorithms.lion import Lion
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.nadamw import NadamW
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.sgd import SGD
from keras_optim.arguments.ranges import OPTION_DEFAULTS
from keras_optim.convert import states
from keras_optim.convert.counterparts import Array, Library, Row, Slot
from keras_optim.convert.states import folded, without_axis
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer

_COMMON = {name: name for name in ("learning_rate", *OPTION_DEFAULTS) if name != "name"}
_UNDECAYED = {name: name for name in _COMMON if name != "weight_decay"}


def _same(*names: str) -> dict[str, str]:
    return {**_COMMON, **{name: name for name in names}}


_MOMENTS = _same("beta_1", "beta_2", "epsilon")
_TWO = {"_momentums": "momentum", "_velocities": "velocity"}
_THREE = {**_TWO, "_velocity_hats": "max_velocity"}
_HAT = (
    "Epsilon is added before the bias correction there: in effect it is "
    "`epsilon / sqrt(1 - beta_2**t)`, the same late in training."
)


def _quadratic(n: Array, rate: float, rule: Any) -> Array:
    return (rule.beta + n**-rule.learning_rate_power) / rate


_RESIDUE = Slot(
    "residue",
    lambda s, x, rate, rule: s["_linears"] + _quadratic(s["_accumulators"], rate, rule) * x,
    lambda s, x, rate, rule: s["residue"] - _quadratic(s["accumulator"], rate, rule) * x,
)

LIBRARY = Library(
    name="keras.optimizers",
    rows=(
        Row(
            "SGD",
            SGD,
            _same("momentum", "nesterov"),
            {"momentums": folded("momentum", "momentums", -1.0)},
            note="Equal while the rate stays: their momentum holds it.",
        ),
        Row("Adam", Adam, _MOMENTS, _TWO, fixed={"amsgrad": False}, note=_HAT),
        Row("Adam", AMSGrad, _MOMENTS, _THREE, fixed={"amsgrad": True}, note=_HAT),
        Row("AdamW", AdamW, _MOMENTS, _TWO, fixed={"amsgrad": False}, note=_HAT),
        Row("AdamW", AMSGrad, _MOMENTS, _THREE, fixed={"amsgrad": True}, note=_HAT),
        Row(
            "Adamax",
            Adamax,
            _MOMENTS,
            {"_m": "momentum", "_u": "maximum"},
            note="Epsilon is added to the maximum there, inside it here.",
        ),
        Row(
            "Nadam",
            Nadam,
            _MOMENTS,
            _TWO,
            scalars={"_u_product": "momentum_product"},
            ours_fixed={"momentum_decay": 1.0},
        ),
        Row(
            "Nadam",
            NadamW,
            _MOMENTS,
            _TWO,
            scalars={"_u_product": "momentum_product"},
            ours_fixed={"momentum_decay": 1.0},
        ),
        Row(
            "RMSprop",
            RMSprop,
            _same("rho", "momentum", "epsilon", "centered"),
            {
                "_velocities": "velocity",
                "_average_gradients": "mean",
                "_momentums": folded("momentum", "_momentums", 1.0),
            },
            note="Epsilon is inside the root there: equal where gradients are well above "
            "`sqrt(epsilon)`. Their momentum holds the rate.",
        ),
        Row(
            "Adagrad",
            Adagrad,
            _same("initial_accumulator_value", "epsilon"),
            {"_accumulators": "accumulator"},
            ours_fixed={"epsilon_inside_sqrt": True},
        ),
        Row(
            "Adadelta",
            Adadelta,
            _same("rho", "epsilon"),
            {"_accumulated_grads": "velocity", "_accumulated_delta_vars": "squared_steps"},
        ),
        Row(
            "Adafactor",
            Adafactor,
            _same("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold"),
            {"_r": without_axis("rows", "_r", -1), "_c": without_axis("columns", "_c", -2)},
            short_slots={"_v": "rows"},
            ours_fixed={"relative_step": True, "scale_parameter": True},
        ),
        Row(
            "Ftrl",
            Ftrl,
            _same(
                "learning_rate_power",
                "initial_accumulator_value",
                "l1_regularization_strength",
                "l2_regularization_strength",
                "l2_shrinkage_regularization_strength",
                "beta",
            ),
            {"_accumulators": "accumulator", "_linears": _RESIDUE},
            factors={"l2_regularization_strength": 2.0},
            note="Equal while the rate stays: where it falls, their weights shrink.",
        ),
        Row("Lion", Lion, _same("beta_1", "beta_2"), {"_momentums": "momentum"}),
        Row(
            "Lamb",
            Lamb,
            {**_UNDECAYED, "beta_1": "beta_1", "beta_2": "beta_2", "epsilon": "epsilon"},
            _TWO,
            fixed={"weight_decay": None},
        ),
    ),
    refused={
        "LossScaleOptimizer": "convert its `inner_optimizer`, and put it around ours.",
        "MultiOptimizer": "convert each of its optimizers.",
        "Muon": "its rule is not here.",
        "ScheduleFreeAdamW": "its rule is not here.",
    },
    ignored=frozenset({"name", "relative_step"}),  # their rate is capped in both cases
    advice={
        "weight_decay": "Lamb's decay is beside the ratio there and inside it here",
    },
)
_AVERAGES = {
    "average": "_model_variables_moving_average",
    "gradient_accumulator": "_accumulated_gradients",
}


def from_keras(optimizer: keras.optimizers.Optimizer) -> Optimizer:
    """Ours, for the same variables, where one of Keras's stands: arguments, state, step count.

    The variables are shared, so use one of the two from then on. Options of every Keras optimizer
    come along with their state (`use_ema`, `gradient_accumulation_steps`, exclusions from weight
    decay), and so does a schedule.

    Args:
        optimizer: One of `keras.optimizers`, built.

    Returns:
        An optimizer of keras_optim, built.

    Raises:
        ValueError: it is not built, or has no counterpart here; the message says what is in the
            way.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0])
    >>> theirs = keras.optimizers.Lion(0.25)
    >>> theirs.apply([keras.ops.array([1.0, -1.0])], [x])
    >>> ours = keras_optim.convert.from_keras(theirs)
    >>> ours.apply([np.array([1.0, -1.0], "float32")], [x])
    >>> print(x.numpy(), int(ours.iterations))
    [0.5 1.5] 2
    """
    name = type(optimizer).__name__
    if type(optimizer).__module__.partition(".")[0] != "keras":
        raise ValueError(
            f"from_keras: must be one of `keras.optimizers`. Received: {shown(optimizer)}"
        )
    arguments = {**optimizer.get_config(), "learning_rate": _rate(optimizer)}
    row, config = LIBRARY.read(name, arguments)
    states.check_built("from_keras", optimizer)
    variables = keras_private.trainable_variables(optimizer)
    ours = row.ours(**config)
    if config.get("weight_decay"):
        states.exempt(ours, variables, [keras_private.decays(optimizer, v) for v in variables])
    ours.build(variables)
    arrays = [
        _numbers({n: getattr(optimizer, n, ()) for n in row.slots_of(v)}, i)
        for i, v in enumerate(variables)
    ]
    others = {}
    for ours_name, attribute in _AVERAGES.items():
        for i, v in enumerate(getattr(optimizer, attribute, ())):
            if v is not None:
                others[f"{ours_name}.{i}"] = keras.ops.convert_to_numpy(v.value)
    if isinstance(row.scalars, Mapping):
        for theirs_name, ours_name in row.scalars.items():
            value = getattr(optimizer, theirs_name)
            others[ours_name] = keras.ops.convert_to_numpy(value.value)
    count = int(keras.ops.convert_to_numpy(keras_private.iterations(optimizer).value))
    states.take(row, ours, arrays, count, **others)
    return ours


def to_keras(optimizer: Optimizer) -> keras.optimizers.Optimizer:
    """One of Keras's where ours stands, for the same variables: the reverse of `from_keras`.

    Args:
        optimizer: One of keras_optim, built; not a wrapper.

    Returns:
        One of `keras.optimizers`, built.

    Raises:
        ValueError: it is not built, or Keras has no counterpart.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0])
    >>> ours = keras_optim.Lion(0.25)
    >>> ours.apply([np.array([1.0, -1.0], "float32")], [x])
    >>> theirs = keras_optim.convert.to_keras(ours)
    >>> type(theirs).__module__.partition(".")[0], int(theirs.iterations)
    ('keras', 1)
    """
    row, arguments = LIBRARY.write(optimizer, optimizer, _rate(optimizer))
    states.check_built("to_keras", optimizer)
    theirs = getattr(keras.optimizers, row.theirs)(**arguments)
    variables = keras_private.trainable_variables(optimizer)
    constants = states.constants_of(optimizer)
    excluded = [v for v, c in zip(variables, constants, strict=True) if not c["decayed"]]
    if excluded:
        theirs.exclude_from_weight_decay(var_list=excluded)
    theirs.build(variables)
    for i, state in enumerate(states.give(row, optimizer)):
        for name, value in state.items():
            getattr(theirs, name)[i].assign(value)
    for attribute in _AVERAGES.values():
        ours = getattr(optimizer, attribute, ())
        for a, b in zip(ours, getattr(theirs, attribute, ()), strict=True):
            if a is not None:
                b.assign(a)
    if isinstance(row.scalars, Mapping):
        for theirs_name, ours_name in row.scalars.items():
            getattr(theirs, theirs_name).assign(optimizer.state.shared[ours_name])
    keras_private.iterations(theirs).assign(keras_private.iterations(optimizer))
    return theirs


def _rate(optimizer: Any) -> Any:
    """A schedule as it is; a number."""
    rate = keras_private.learning_rate(optimizer)
    return states.rate_of(optimizer) if isinstance(rate, keras.Variable) else rate


def _numbers(lists: Mapping[str, Any], i: int) -> dict[str, np.ndarray]:
    return {n: keras.ops.convert_to_numpy(vs[i].value) for n, vs in lists.items() if vs}
