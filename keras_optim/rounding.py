"""Rounding of single precision to half, at random or to nearest.

Stochastic rounding goes up or down with the probabilities that make its mean the number itself. So
a moving average keeps changes that are smaller than half a unit in its last place. The random bits
are a function of a seed, the step, the variable and the element: a hash (lowbias32 with a second
key, in 32-bit integers). They need no state, and are the same bits on each backend, on one device
or several, and after a resumed training.
"""

import functools
import hashlib
import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_optim.tensors import BACKEND, bitcast

Tensor = Any
Stream = tuple[int, int]
"""Two numbers below 2**32 that choose a sequence of random bits."""

_SIGN, _EXPONENT, _STEP = -(2**31), 0x7F800000, 1 << 23
_LARGEST = {"bfloat16": 255 * 2.0**120, "float16": 65504.0}
"""The largest finite number of each dtype; beyond it, rounding is to nearest."""


@functools.cache
def stream(seed: int, name: str) -> Stream:
    """Return the stream of random bits for a seed and a name.

    >>> stream(0, "momentum") == stream(0, "momentum"), stream(0, "a") == stream(1, "a")
    (True, False)
    """
    found = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(found[:4], "little"), int.from_bytes(found[4:8], "little")


def places(shape: Sequence[int], rows: Tensor | None = None) -> Tensor:
    """Return the number of each element of an array, counted row by row, modulo 2**32.

    Args:
        shape: Of the array; its first length is not used if `rows` are given.
        rows: The numbers of the rows that are present; `None`: all.

    >>> ops.convert_to_numpy(places((2, 3))).tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    found = ops.zeros([1] * len(shape), "int32")
    for axis in range(len(shape)):
        along = ops.arange(shape[axis], dtype="int32") if axis or rows is None else rows
        along = ops.reshape(
            ops.cast(along, "int32"), [-1 if a == axis else 1 for a in _axes(shape)]
        )
        found = found + along * _signed(math.prod(shape[axis + 1 :]))
    return found


def random_bits(at: Stream, t: Tensor, number: Tensor, places: Tensor) -> Tensor:
    """Return 32 random bits for each element, as int32.

    Args:
        at: The stream.
        t: The step.
        number: Of the variable.
        places: Of the elements, see `places`.
    """
    step, number = (ops.cast(ops.convert_to_tensor(v), "int32") for v in (t, number))
    first = _mixed(ops.bitwise_xor(_mixed(step + _signed(at[0])), number * _GOLDEN))
    second = _mixed(ops.bitwise_xor(first, _signed(at[1])))
    return _mixed(places * _GOLDEN + first, second)


def rounded(
    x: Tensor, dtype: str, at: Stream, t: Tensor, number: Tensor, places: Tensor | None = None
) -> Tensor:
    """Round `x` at random by the bits of `random_bits`, and return it in `dtype`.

    On PyTorch this is one operation, so that a kernel can be traced from it.
    """
    if BACKEND == "torch":
        return _of_torch(dtype)(x, _integer(t), _integer(number), *at, places)
    return _rounded(x, dtype, at, t, number, places)


def _rounded(
    x: Tensor, dtype: str, at: Stream, t: Tensor, number: Tensor, where: Tensor | None
) -> Tensor:
    where = places(x.shape) if where is None else where
    return stochastic(ops.cast(x, "float32"), dtype, random_bits(at, t, number, where))


def _integer(value: Any) -> Tensor:
    return ops.convert_to_tensor(value, None if hasattr(value, "dtype") else "int32")


@functools.cache
def _of_torch(dtype: str) -> Any:
    """Return the operation `keras_optim::to_bfloat16` or `keras_optim::to_float16` of PyTorch."""
    import torch

    def implemented(x: Any, t: Any, number: Any, a: int, b: int, places: Any = None) -> Any:
        if x.device.type == "meta":
            return x.to(getattr(torch, dtype))
        return _rounded(x, dtype, (a, b), t, number, places)

    name, arguments = f"to_{dtype}", "Tensor x, Tensor t, Tensor number, int a, int b"
    _library().define(f"{name}({arguments}, Tensor? places=None) -> Tensor")
    _library().impl(name, implemented, "CompositeExplicitAutograd")
    return getattr(torch.ops.keras_optim, name).default


@functools.cache
def _library() -> Any:
    """Return the library of operations that PyTorch calls by the name of this package."""
    import torch

    return torch.library.Library("keras_optim", "FRAGMENT")


def stochastic(x: Tensor, dtype: str, bits: Tensor) -> Tensor:
    """Round `x` of single precision at random to a neighbour in `dtype`, and return it as that.

    Numbers that `dtype` holds stay as they are. So do infinities and NaN. Numbers beyond the
    largest finite one are rounded to nearest.

    Args:
        x: In float32.
        dtype: `"bfloat16"` or `"float16"`.
        bits: Random bits, as int32.

    >>> near_one = ops.array([1.0, 1.0 + 2.0**-8])
    >>> ups = [stochastic(near_one, "bfloat16", ops.array(b, "int32")) for b in (0, -1)]
    >>> [ops.convert_to_numpy(ops.cast(x, "float32")).tolist() for x in ups]
    [[1.0, 1.0], [1.0, 1.0078125]]
    """
    size = ops.abs(x)
    found = _random_bfloat16(x, bits) if dtype == "bfloat16" else _random_float16(x, size, bits)
    return ops.cast(ops.where(size <= _LARGEST[dtype], found, x), dtype)


def nearest(x: Tensor, dtype: str) -> Tensor:
    """Round `x` of single precision to nearest, and return it in its own dtype.

    (Casts to `dtype` and back may be left out by XLA.)

    >>> float(nearest(ops.array(1.0 + 2.0**-8 + 2.0**-20), "bfloat16"))
    1.0078125
    """
    if BACKEND == "torch":
        return ops.cast(ops.cast(x, dtype), x.dtype)
    bits, size = bitcast(x, "int32"), ops.abs(x)
    if dtype == "bfloat16":
        even = ops.bitwise_and(_shifted(bits, 16), 1)
        found = _cut(bits + 0x7FFF + even)
        return ops.where(ops.isfinite(x), found, x)
    unit = _unit(bits)
    found = _signed_as(ops.round(size / unit) * unit, bits)
    return ops.where(size < 65520.0, found, ops.where(ops.isnan(x), x, x * math.inf))


def _random_bfloat16(x: Tensor, bits: Tensor) -> Tensor:
    """Add random bits below the last one that is kept, and cut them off."""
    return _cut(bitcast(x, "int32") + _shifted(bits, 16))


def _cut(bits: Tensor) -> Tensor:
    """Return the number of float32 with these bits, without those that bfloat16 lacks."""
    return bitcast(ops.bitwise_and(bits, ~0xFFFF), "float32")


def _random_float16(x: Tensor, size: Tensor, bits: Tensor) -> Tensor:
    """Round the multiple of the unit in the last place: it has bounds, unlike the exponents."""
    whole = bitcast(x, "int32")
    unit = _unit(whole)
    multiple = size / unit
    low = ops.floor(multiple)
    random = ops.cast(_shifted(bits, 8), "float32") * 2.0**-24
    up = ops.cast(random < multiple - low, "float32")
    return _signed_as((low + up) * unit, whole)


def _unit(bits: Tensor) -> Tensor:
    """Return the unit in the last place that float16 has near a number of float32."""
    exponent = ops.bitwise_and(bits, _EXPONENT) - 10 * _STEP
    least = 103 * _STEP  # 2**-24
    return bitcast(ops.where(exponent > least, exponent, ops.full_like(exponent, least)), "float32")


def _signed_as(size: Tensor, bits: Tensor) -> Tensor:
    sign = ops.bitwise_and(bits, _SIGN)
    return bitcast(ops.bitwise_or(bitcast(size, "int32"), sign), "float32")


def _mixed(h: Tensor, key: Tensor | int = 0) -> Tensor:
    """Return a hash of 32 bits in which each bit of `h` counts; `key` is added half-way."""
    h = ops.bitwise_xor(h, _shifted(h, 16)) * 0x7FEB352D
    h = (ops.bitwise_xor(h, _shifted(h, 15)) + key) * _signed(0x846CA68B)
    return ops.bitwise_xor(h, _shifted(h, 16))


def _shifted(h: Tensor, by: int) -> Tensor:
    """Shift to the right, as unsigned numbers."""
    return ops.bitwise_and(ops.right_shift(h, by), (1 << (32 - by)) - 1)


def _signed(number: int) -> int:
    """Return the int32 that has the same 32 bits."""
    return (number + 2**31) % 2**32 - 2**31


def _axes(shape: Sequence[int]) -> range:
    return range(len(shape))


_GOLDEN = _signed(0x9E3779B9)
