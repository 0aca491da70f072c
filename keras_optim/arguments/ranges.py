"""Annotations of hyper-parameters: ranges of numbers, and the options of every optimizer."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, TypedDict

from keras.optimizers.schedules import LearningRateSchedule


@dataclass(frozen=True)
class Range:
    """The numbers a hyper-parameter may take: finite, from `low` to `high`.

    Args:
        low: Smallest number.
        high: Largest number; infinity means no upper limit.
        open: Which ends are excluded: `"none"`, `"left"`, `"right"` or `"both"`.

    Example:

    >>> str(Range(0, 1, open="right"))
    'in [0, 1)'
    >>> 1.0 in Range(0, 1, open="right")
    False
    """

    low: float = -math.inf
    high: float = math.inf
    open: Literal["none", "left", "right", "both"] = "none"

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open in ("left", "both") else value >= self.low
        below = value < self.high if self.open in ("right", "both") else value <= self.high
        return above and below and (isinstance(value, int) or math.isfinite(value))

    def __str__(self) -> str:
        if self.high == math.inf:
            sign = ">" if self.open in ("left", "both") else ">="
            return "" if self.low == -math.inf else f"{sign} {self.low:g}"
        if self.low == -math.inf:
            sign = "<" if self.open in ("right", "both") else "<="
            return f"{sign} {self.high:g}"
        left = "(" if self.open in ("left", "both") else "["
        right = ")" if self.open in ("right", "both") else "]"
        return f"in {left}{self.low:g}, {self.high:g}{right}"


Decay = Annotated[float, Range(0, 1, open="right")]
"""Decay rate of an exponential moving average, in [0, 1)."""
Fraction = Annotated[float, Range(0, 1)]
"""A share, in [0, 1]."""
Positive = Annotated[float, Range(0, open="left")]
NonNegative = Annotated[float, Range(0)]
Epsilon = Annotated[float, Range(1e-30)]
"""Guards a division; at least 1e-30, which single precision still holds."""
Period = Annotated[int, Range(1)]
"""A number of steps, at least 1."""
Steps = Annotated[int, Range(0)]
"""A number of steps; none is allowed."""
LearningRate: TypeAlias = Annotated[float, Range(0)] | LearningRateSchedule | Callable[[], Any]
"""A number >= 0, a Keras schedule, or a callable without arguments that returns the rate."""

WeightDecay: TypeAlias = NonNegative | dict[str, NonNegative] | None
"""A number >= 0, or numbers by patterns over the paths of variables, or none."""

Where: TypeAlias = str | list[Any] | Callable[..., bool] | None
"""A description of variables, see `keras_optim.variables.choosing`: a pattern over their paths, a
list of patterns and variables, a function of path and shape, or none."""


class KerasOptions(TypedDict, total=False):
    """Options of every algorithm: those of `keras.optimizers.Optimizer`, and ours of weight decay
    and of the precision in which state and weights are kept.

    All default to off.
    """

    weight_decay: WeightDecay
    cautious_weight_decay: bool
    corrected_weight_decay: list[str] | None
    clipnorm: Positive | None
    clipvalue: Positive | None
    global_clipnorm: Positive | None
    use_ema: bool
    ema_momentum: Fraction
    ema_overwrite_frequency: Period | None
    loss_scale_factor: Positive | None
    gradient_accumulation_steps: Annotated[int, Range(2)] | None
    state_dtype: Literal["bfloat16"] | None
    weight_rounding: Literal["nearest", "stochastic", "kahan"]
    rounding_seed: Annotated[int, Range(0, 2**32 - 1)]
    name: str | None


class WrapperOptions(KerasOptions, total=False):
    """The options of a wrapper: those of every optimizer, and the rate."""

    learning_rate: LearningRate


DECAY_OPTIONS = ("cautious_weight_decay", "corrected_weight_decay")
"""Options of weight decay that Keras does not have. The innermost rule keeps them."""

OWN_OPTIONS = frozenset(KerasOptions.__annotations__) - {"name", *DECAY_OPTIONS}
"""The options that an optimizer gives up when it is wrapped."""

PRECISION: Mapping[str, Any] = {
    "state_dtype": None,
    "weight_rounding": "nearest",
    "rounding_seed": 0,
}
"""Options of precision, which Keras does not have either, and their defaults."""

OPTION_DEFAULTS: Mapping[str, Any] = {
    **dict.fromkeys(KerasOptions.__annotations__),
    "cautious_weight_decay": False,
    "use_ema": False,
    "ema_momentum": 0.99,
    **PRECISION,
}
