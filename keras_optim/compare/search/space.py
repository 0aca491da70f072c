"""Search space of an optimizer: relative to its own values, by one rule for all optimizers.

An optimizer of Keras declares no ranges, so there a few hyper-parameters are known by name. One
without a learning rate has no such dimension, and an empty space leaves nothing to tune. The rate
of rate-free ones, such as Prodigy, DoG and COCOB, is a factor of 1, searched as any rate.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import keras

from keras_optim import keras_private
from keras_optim.arguments import hyperparameters
from keras_optim.arguments.ranges import Decay, Epsilon, NonNegative, Range
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.search import relative
from keras_optim.compare.search.dimensions import Choice, Dimension, Number, Space, rounded
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer

LEFT_OUT = frozenset({"xi", "rho_min", "min_learning_rate", "max_learning_rate"})
"""Numbers that `"all"` leaves out, because a constructor bounds them by another number."""
_GUARD = get_args(Epsilon)[1].low
"""The lower bound of epsilons, under any name."""
KERAS_RANGES: Mapping[str, Any] = {
    "weight_decay": NonNegative,
    "momentum": Decay,
    "beta_1": Decay,
    "beta_2": Decay,
    "rho": Decay,
}
"""Known hyper-parameters of Keras's optimizers."""


@dataclass(frozen=True)
class _Place:
    """Hyper-parameter of an optimizer, or of one inside of it."""

    prefix: str
    name: str
    own: Any
    hint: Any
    """The annotation of the constructor."""

    @property
    def key(self) -> str:
        """The name in a space."""
        return f"{self.prefix}{self.name}"


def describe(names: Sequence[str] | Literal["all"] = ("learning_rate",)) -> str:
    """Return the rule of the search space in a phrase, the same for all optimizers.

    >>> print(describe())
    learning_rate within 1.5 decades of each optimizer's own, on a log scale
    """
    which = "every declared real number" if names == "all" else _listed(names)
    rate = f"within {relative.RATE:g} decades"
    if which == "learning_rate":
        return f"{which} {rate} of each optimizer's own, on a log scale"
    low, high = relative.IF_OFF
    return (
        f"{which}, relative to each optimizer's own values and on log scales: the learning rate "
        f"{rate}, another number within {relative.NUMBER:g}, a decay rate within "
        f"{relative.DECAY:g} in its distance from 1, each cut at its declared range; "
        f"a number that is off {low:g} to {high:g}, or off"
    )


def space(optimizer: Any, names: Sequence[str] | Literal["all"] = ("learning_rate",)) -> Space:
    """Return the dimensions of an optimizer, by hyper-parameter.

    A name that the optimizer does not have is left out, so that the same names serve several
    optimizers; `check_names` finds those that none has. A wrapper passes names on: `beta_1` of the
    optimizer inside is `inner.beta_1`, its learning rate is the wrapper's own.

    Args:
        optimizer: One of keras_optim or Keras, not changed.
        names: Hyper-parameters; `"all"` means the learning rate and every declared real number that
            is not `None`, except for epsilons and the options of every optimizer.

    Raises:
        ValueError: a hyper-parameter holds no number or choice; the text names it.

    Example:

    >>> import keras_optim
    >>> for name, dimension in space(keras_optim.Adam(), "all").items():
    ...     print(name, dimension)
    learning_rate 3.16e-05 to 0.0316 on a log scale
    beta_1 0.684 to 0.9684 by the distance from 1 on a log scale
    beta_2 0.99684 to 0.999684 by the distance from 1 on a log scale
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    found: dict[str, Dimension] = {}
    if (names == "all" or "learning_rate" in names) and (rate := _rate(optimizer)) is not None:
        found["learning_rate"] = rate
    for place in _places(optimizer):
        named = place.name in names or place.key in names
        if _in_all(place) if names == "all" else named:
            found[place.key] = _dimension(place)
    return found


def check_names(optimizers: Sequence[Any], names: Sequence[str]) -> None:
    """Raise a UsageError for a name that no optimizer has."""
    known = {"learning_rate"}
    for optimizer in optimizers:
        for place in _places(getattr(optimizer, "inner_optimizer", optimizer)):
            known |= {place.key, place.name}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or sorted(known)[:10]
            raise UsageError(
                f"no optimizer has the hyper-parameter {name!r}. Did you mean: {', '.join(near)}?"
            )


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _rate(optimizer: Any) -> Number | None:
    """Return the dimension of the learning rate; `None` without one."""
    rate = keras_private.rate_or_none(optimizer)
    if rate is None:
        return None
    if not isinstance(rate, keras.Variable):  # a schedule or a callable
        return Number(1.0, *relative.around(1.0, relative.RATE), multiple=True)
    value = rounded(float(keras.ops.convert_to_numpy(rate.value)), 6)
    dimension = relative.number(value, float, Range(0), relative.RATE)
    assert dimension is not None
    return dimension


def _places(optimizer: Any, prefix: str = "", decay: bool = True) -> Iterator[_Place]:
    """Yield the hyper-parameters except for the learning rate; `decay` tells whether weight decay
    belongs to this layer, because the wrapper outside took it over from the optimizer inside.
    """
    if not isinstance(optimizer, Optimizer):
        for name, hint in KERAS_RANGES.items():
            if hasattr(optimizer, name):
                yield _Place(prefix, name, getattr(optimizer, name), hint)
        return
    constructor, inherited = type(optimizer).__init__, getattr(optimizer, "_inherited", ())
    hints = hyperparameters.declared(constructor)
    for name in dict.fromkeys((*hyperparameters.own_parameters(constructor), "weight_decay")):
        here = decay and name not in inherited if name == "weight_decay" else True
        if here and name not in ("inner", "learning_rate"):
            yield _Place(prefix, name, getattr(optimizer, name), hints[name])
    inner = vars(optimizer).get("inner")
    if inner is not None:
        yield from _places(inner, f"{prefix}inner.", decay and "weight_decay" in inherited)


def _in_all(place: _Place) -> bool:
    """Return whether `"all"` holds a hyper-parameter."""
    limits = relative.limits(place.hint, float)
    return (
        isinstance(place.own, int | float)
        and not isinstance(place.own, bool)
        and limits is not None
        and limits.low != _GUARD
        and "epsilon" not in place.name
        and place.name not in LEFT_OUT
        and relative.number(place.own, float, limits, relative.NUMBER) is not None
    )


def _dimension(place: _Place) -> Dimension:
    """Return the dimension of a hyper-parameter.

    Raises:
        ValueError: it has none.
    """
    own, hint = place.own, place.hint
    choices = relative.choices(hint)
    if own in choices and not (own is None and choices == (None,)):
        return Choice(own, choices)
    for kind in (float, int):
        limits = relative.limits(hint, kind)
        if limits is not None and (own is None or isinstance(own, int | float)):
            dimension = relative.number(own, kind, limits, relative.NUMBER)
            if dimension is not None:
                return dimension
    raise ValueError(f"{place.key} cannot be searched. It holds {shown(own)}")
