"""The storing of weights and slots in memory: their precision, their rounding, the constraint.

Arithmetic is in float32 or wider. A weight of half precision is rounded when it is written, to
nearest or at random, or with a compensation slot for the bits that rounding loses. Slots may be
kept in bfloat16 (`state_dtype`), always rounded at random.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import ops

from keras_optim import rounding
from keras_optim.engine import distribution
from keras_optim.numerics import finite_or
from keras_optim.rounding import Stream
from keras_optim.tensors import BACKEND, HALF, Tensor, jax, wide, widened
from keras_optim.trees import Tree

COMPENSATION = "compensation"
"""The slot of the bits that rounding a weight has lost; in bfloat16, which has all exponents."""
WEIGHT = "weight"
"""The name of the stream of random bits for a weight; slots have their flat names."""
_HALF_UNIT = {"bfloat16": (2.0**-8, 0.0), "float16": (2.0**-11, 2.0**-25)}
"""Half a unit in the last place: at most this share of a number, but at least the second one."""


@dataclass(frozen=True)
class Now:
    """The present step of one variable, from which random bits follow.

    Attributes:
        t: The step.
        number: The place of the variable among the optimizer's.
        places: The numbers of its elements, if not all are present.
        compensation: The bits that its last rounding lost, in the precision of the update.
    """

    t: Tensor
    number: Tensor
    places: Tensor | None = None
    compensation: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Stored:
    """The storing of a value in a variable: it is rounded, and brought within the constraint.

    Attributes:
        dtype: Of the variable.
        constraint: Of the variable.
        rounding: As `weight_rounding` of the optimizer.
        stream: Of the random bits.
        now: The step; `None`: between two steps, when rounding is to nearest.
    """

    dtype: str
    constraint: Callable[[Tensor], Tensor] | None
    rounding: str = "nearest"
    stream: Stream = (0, 0)
    now: Now | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Return the stored value of `x`, in the dtype of `x`."""
        kept = self.rounded(x)
        return ops.cast(kept if self.constraint is None else self.constraint(kept), x.dtype)

    def rounded(self, x: Tensor) -> Tensor:
        """Return `x` in the dtype of the variable."""
        if self.now is not None and self.rounding == "stochastic":
            return at_random(x, self.dtype, self.stream, self.now)
        if self.now is not None and self.rounding == "kahan":
            return ops.cast(rounding.nearest(self._compensated(x), self.dtype), self.dtype)
        kept = ops.cast(x, self.dtype)
        if self.dtype in HALF and BACKEND == "jax":
            # XLA may leave out a cast to a narrower dtype and back.
            kept = jax().lax.optimization_barrier(kept)
        return kept

    def lost(self, x: Tensor) -> Tensor:
        """Return the new compensation, after `x` is stored."""
        exact = self._compensated(x)
        kept = rounding.nearest(exact, self.dtype)
        found = finite_or(exact - kept, ops.zeros_like(exact))
        if self.constraint is not None:  # a weight that it moves starts again
            within = widened(self.constraint(ops.cast(kept, self.dtype)))
            found = ops.where(within == kept, found, ops.zeros_like(found))
        return ops.cast(found, "bfloat16")

    def _compensated(self, x: Tensor) -> Tensor:
        assert self.now is not None
        return x if self.now.compensation is None else x + self.now.compensation

    @property
    def special(self) -> bool:
        """Whether a weight is rounded in another way than to nearest."""
        return self.rounding != "nearest"

    def at(self, now: Now) -> "Stored":
        """Return the storing in one step."""
        return replace(self, now=now)

    def unrounded(self) -> "Stored | None":
        """Return the constraint alone, for a value that is kept in the precision of slots."""
        return self.constraint and Stored(wide(self.dtype) or "float32", self.constraint)

    def _key(self) -> tuple[Any, ...]:
        return self.dtype, id(self.constraint), self.rounding, self.stream, id(self.now)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stored) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def stored_by(optimizer: Any, variable: Any) -> Stored | None:
    """Return the function by which `variable` stores values; `None`: it stores them as they are."""
    dtype = keras.backend.standardize_dtype(variable.dtype)
    constraint = getattr(variable, "constraint", None)
    if dtype not in HALF:
        return None if constraint is None else Stored(dtype, constraint)
    seed = optimizer.rounding_seed
    return Stored(dtype, constraint, optimizer.weight_rounding, rounding.stream(seed, WEIGHT))


def streams(optimizer: Any, slots: Mapping[str, Any]) -> dict[str, Stream]:
    """Return the streams of random bits for the slots of a variable that are kept in bfloat16."""
    narrow = (n for n, v in slots.items() if v.dtype == "bfloat16" and n != COMPENSATION)
    return {name: rounding.stream(optimizer.rounding_seed, name) for name in narrow}


def narrow_slots(
    rule: Any, starts: Tree, constants: Tree, names: Tree, shape: tuple[int, ...]
) -> set[str]:
    """Return the flat names of the slots that `state_dtype` is for.

    These are the slots of the shape of their variable, of all rules, except those in the
    `exact_slots` of their rule.

    Args:
        rule: Of the variable, from the outermost one on.
        starts: The starting values of its slots; `None`: zeros of the shape of the variable.
        constants: Of the variable.
        names: The flat names.
        shape: Of the variable.
    """
    found: set[str] = set()
    for name, start in starts.items():
        if isinstance(start, dict):
            inner = rule.inside(constants)
            found |= narrow_slots(inner, start, constants[name], names[name], shape)
        elif name not in rule.exact_slots and (start is None or tuple(start.shape) == shape):
            found.add(names[name])
    return found


def at_random(x: Tensor, dtype: str, at: Stream, now: Now) -> Tensor:
    """Round `x` at random and return it in `dtype`; of a DTensor, each device does its part."""

    def rounded(x: Tensor, places: Tensor | None) -> Tensor:
        return rounding.rounded(x, dtype, at, now.t, now.number, places)

    if not distribution.is_dtensor(x):
        return rounded(x, now.places)
    places = distribution.alike(x, rounding.places(x.shape)) if now.places is None else now.places
    return distribution.on_parts(rounded, x, places)


def valid(compensation: Tensor, x: Tensor, dtype: str) -> Tensor:
    """Return the compensation of `x`, or zero where `x` was set by hand since.

    A rounding loses at most half a unit in the last place. More belongs to another weight.
    """
    share, least = _HALF_UNIT[dtype]
    most = ops.abs(x) * share
    if least:
        most = ops.where(most > least, most, ops.full_like(most, least))
    return ops.where(ops.abs(compensation) <= most, compensation, ops.zeros_like(compensation))
