"""Descriptions of optimizers and schedules in one line, for `repr` and for messages."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from keras_optim import keras_private
from keras_optim.arguments import hyperparameters, ranges
from keras_optim.formatting import call, shown


def described(optimizer: Any) -> str:
    """Describe an optimizer as a call: its rate, and the arguments that are not defaults.

    It never fails, in any state of the optimizer.

    >>> import keras_optim
    >>> described(keras_optim.EMA(keras_optim.AdamW(3e-4, weight_decay=0.1), decay=0.99))
    'EMA(AdamW(learning_rate=0.0003, weight_decay=0.1), decay=0.99)'
    """
    given_up = getattr(optimizer, "_wrapped_by", None) and not optimizer._keeps_rate
    return _with_rate(optimizer, None if given_up else _Text(_rate_of(optimizer)))


def brief(optimizer: Any) -> str:
    """Describe an optimizer as a call, without a rate that is the default of its class.

    >>> import keras_optim
    >>> brief(keras_optim.SGD(momentum=0.9)), brief(keras_optim.EMA(keras_optim.AdamW(3e-4)))
    ('SGD(momentum=0.9)', 'EMA(AdamW(learning_rate=0.0003))')
    """
    innermost = optimizer
    while vars(innermost).get("inner") is not None:
        innermost = innermost.inner
    default = hyperparameters.defaults(type(innermost).__init__).get("learning_rate")
    given = keras_private.rate_or_none(optimizer)
    usual = isinstance(default, float) and rate(given) == rate(np.float32(default))
    return _with_rate(optimizer, None) if usual else described(optimizer)


def rate(value: Any) -> str:
    """Describe a rate: a number in as few digits as it needs, a schedule by its arguments.

    >>> rate(np.float32(0.1)), rate(keras.optimizers.schedules.CosineDecay(0.1, 10, alpha=0.5))
    ('0.1', 'CosineDecay(initial_learning_rate=0.1, decay_steps=10, alpha=0.5, warmup_steps=0)')
    """
    if isinstance(value, keras.Variable):
        try:
            return str(keras.ops.convert_to_numpy(value.value)[()])
        except Exception:  # a trace has no number; on JAX, a train step may hold the memory
            return "..."
    if isinstance(value, LearningRateSchedule):
        return schedule(value)
    return str(value) if isinstance(value, float | np.floating) else shown(value)


def schedule(value: LearningRateSchedule) -> str:
    """Describe a schedule, ours or Keras's, as a call."""
    try:
        if hasattr(type(value), "rate"):
            named = list(_changed(value))
        else:
            named = [(n, v) for n, v in value.get_config().items() if n != "name" and v is not None]
    except Exception:  # a user's class, half constructed or without a configuration
        return f"{type(value).__name__}(...)"
    return call(type(value).__name__, [], named)


def instead(owner: str, value: Any, base: type) -> str:
    """Return advice for a `value` that is no optimizer of keras_optim.

    It searches the classes derived from `base`, not the catalogue, because a module that imports
    the catalogue depends on the code of every algorithm.
    """
    if isinstance(value, keras.optimizers.LossScaleOptimizer):
        return f". Put the LossScaleOptimizer around {owner}, not into it"
    if isinstance(value, type):
        name = value.__name__ if issubclass(value, keras.optimizers.Optimizer) else ""
    elif isinstance(value, str):
        name = value.lower()
    else:
        name = type(value).__name__ if isinstance(value, keras.optimizers.Optimizer) else ""
    ours = {cls.__name__.lower(): cls.__name__ for cls in _derived(base)}.get(name.lower())
    return f". Write `keras_optim.{ours}(...)`" if ours else ""


def _derived(base: type) -> Iterator[type]:
    classes: list[type] = base.__subclasses__()
    for cls in classes:
        if cls.__module__.startswith("keras_optim."):
            yield cls
        yield from _derived(cls)


class _Text(str):
    """A text whose `repr` has no quotes."""

    def __repr__(self) -> str:
        return str(self)


def _rate_of(optimizer: Any) -> str:
    return rate(keras_private.rate_or_none(optimizer))


def _with_rate(optimizer: Any, learning_rate: Any) -> str:
    inner = vars(optimizer).get("inner")
    first = [] if inner is None else [_with_rate(inner, learning_rate)]
    named = [n for n in _changed(optimizer) if n[0] not in ("inner", "learning_rate")]
    if inner is None and learning_rate is not None:
        named = [("learning_rate", learning_rate), *named]
    inherited = {n: getattr(inner, n, None) for n in vars(optimizer).get("_inherited", ())}
    named += [
        (name, value)
        for name, value in _options(optimizer)
        if name not in dict(named) and not (name in inherited and inherited[name] == value)
    ]
    return call(type(optimizer).__name__, first, named)


def _changed(made: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arguments of the constructor that differ from their defaults."""
    defaults = hyperparameters.defaults(type(made).__init__)
    for name, default in defaults.items():
        value = vars(made).get(name, default)
        value = hyperparameters.plain(value)
        if isinstance(value, LearningRateSchedule):
            yield name, _Text(schedule(value))
        elif value != hyperparameters.plain(default):
            yield name, value


def _options(optimizer: Any) -> Iterator[tuple[str, Any]]:
    own = hyperparameters.defaults(type(optimizer).__init__)
    for name, default in ranges.OPTION_DEFAULTS.items():
        value = vars(optimizer).get(name, default)
        if name != "name" and name not in own and value != default:
            yield name, value
