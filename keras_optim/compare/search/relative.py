"""Rules by which a space is relative: from a value and its annotation to a dimension."""

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from keras_optim.arguments.ranges import Range
from keras_optim.compare.search.dimensions import Number, rounded

RATE = 1.5
"""Decades to each side of the own value that are searched of a learning rate."""
NUMBER = 1.0
"""The same, of another number."""
DECAY = 0.5
"""The same, of a decay rate's distance from 1."""
IF_OFF = (1e-5, 1e-1)
"""Distances that are searched of a number that is off, beside off itself."""
IF_OFF_DECAY = (1e-2, 1.0)
"""The same, of a decay rate of 0: distances from 1."""


def number(own: Any, kind: type, limits: Range, decades: float) -> Number | None:
    """Return the dimension of a number; `None` if no rule fits, as for counts that are 0."""
    if kind is int:
        return Number(own, *_cut(around(own, decades), limits), whole=True) if own else None
    share = limits.low >= 0 and limits.high == 1
    if share and (not own or own >= 0.5):
        return _decay(own, limits)
    if own and own < 0:
        return Number(own, *_cut(around(-own, decades), _mirrored(limits)), sign=-1)
    if not own and limits.low < 0:
        return None
    origin = limits.low if limits.low >= 1 else 0.0
    off = own is None or own == origin
    ends = IF_OFF if off else around(own - origin, decades)
    return Number(own, *_cut(ends, limits, origin), origin=origin, off=off)


def _decay(own: float | None, limits: Range) -> Number:
    """Return the dimension of a decay rate, by its distance from 1."""
    mirrored = Range(0.0, 1 - limits.low, open="left")
    if own == 0:
        return Number(own, *IF_OFF_DECAY, origin=1.0, sign=-1)
    if own is None or own == 1:
        return Number(own, *_cut(IF_OFF_DECAY, mirrored), origin=1.0, sign=-1, off=True)
    below_1 = Range(0.0, 1 - limits.low, open="both")
    return Number(own, *_cut(around(1 - own, DECAY), below_1), origin=1.0, sign=-1)


def around(distance: float, decades: float) -> tuple[float, float]:
    """Return the ends of so many decades to each side of a distance."""
    return rounded(distance / 10**decades), rounded(distance * 10**decades)


def _cut(ends: tuple[float, float], limits: Range, origin: float = 0.0) -> tuple[float, float]:
    """Cut distances from `origin` at the limits; each end keeps three digits and stays inside."""
    low, high = ends
    least, most = limits.low - origin, limits.high - origin
    if least > 0 and low < least:
        low = rounded(least * 1.006)
    if high > most or (high == most and limits.open in ("right", "both")):
        high = most if rounded(most) == most else rounded(most * 0.995)
        if high == most and limits.open in ("right", "both"):
            high = rounded(most * 0.999)
    return low, high


def _mirrored(limits: Range) -> Range:
    """Return the range of the negative numbers."""
    turned = {"left": "right", "right": "left"}.get(limits.open, limits.open)
    return Range(-limits.high, -limits.low, open=turned)  # type: ignore[arg-type]


def _alternatives(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        return [part for member in get_args(hint) for part in _alternatives(member)]
    return [hint]


def choices(hint: Any) -> tuple[Any, ...]:
    """Return the values of booleans and literals; `None` counts beside literals only."""
    values: list[Any] = []
    for part in _alternatives(hint):
        if part is bool:
            values += [False, True]
        elif get_origin(part) is Literal:
            values += get_args(part)
    optional = type(None) in _alternatives(hint)
    return (*values, None) if values and optional else tuple(values)


def limits(hint: Any, kind: type) -> Range | None:
    """Return the range of the numbers of a kind in an annotation; `None` without such numbers."""
    for part in _alternatives(hint):
        if get_origin(part) is Annotated and get_args(part)[0] is kind:
            return next((n for n in get_args(part)[1:] if isinstance(n, Range)), Range())
        if part is kind:
            return Range()
    return None
