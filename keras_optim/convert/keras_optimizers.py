"""Conversion from and to Keras's own optimizers."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_optim import keras_private
from keras_optim.convert import states
from keras_optim.convert.keras_rows import LIBRARY
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer

_AVERAGES = {
    "average": "_model_variables_moving_average",
    "gradient_accumulator": "_accumulated_gradients",
}


def from_keras(optimizer: keras.optimizers.Optimizer) -> Optimizer:
    """Convert an optimizer of Keras to ours: arguments, state and step count.

    Both then train the same variables, so use only one of them from then on. The options of every
    Keras optimizer are converted with their state (`use_ema`, `gradient_accumulation_steps`,
    exclusions from weight decay), and so is a schedule.

    Args:
        optimizer: One of `keras.optimizers`, built.

    Returns:
        An optimizer of keras_optim, built.

    Raises:
        ValueError: it is not built, or has no counterpart here; the message names the reason.

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
    """Convert our optimizer to one of Keras's, for the same variables.

    This is the reverse of `from_keras`.

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
    """Return the rate: a schedule unchanged, or a number."""
    rate = keras_private.learning_rate(optimizer)
    return states.rate_of(optimizer) if isinstance(rate, keras.Variable) else rate


def _numbers(lists: Mapping[str, Any], i: int) -> dict[str, np.ndarray]:
    return {n: keras.ops.convert_to_numpy(vs[i].value) for n, vs in lists.items() if vs}
