"""Half precision in NumPy: neighbours, rounding at random by bits, and the bits themselves.

Written from the definitions in `keras_optim/rounding.py`, with unsigned integers and exact sums.
"""

import hashlib

import ml_dtypes
import numpy as np

KINDS = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
LARGEST = {"bfloat16": float(ml_dtypes.finfo(ml_dtypes.bfloat16).max), "float16": 65504.0}
GOLDEN, FIRST, SECOND, ZERO = np.uint32([0x9E3779B9, 0x7FEB352D, 0x846CA68B, 0])


def nearest(x, dtype):
    """Round to nearest even."""
    with np.errstate(over="ignore"):
        return np.asarray(x, "float32").astype(KINDS[dtype]).astype("float64")


def neighbours(x, dtype):
    """Return the largest number of `dtype` that is not above `x`, and the smallest not below."""
    x = np.asarray(x, "float32")
    near = x.astype(KINDS[dtype])
    size = near.view(np.uint16) & 0x7FFF
    sign = near.view(np.uint16) & 0x8000
    inward = ((np.maximum(size, 1) - 1) | sign).astype(np.uint16).view(KINDS[dtype])
    outward = ((size + 1) | (np.signbit(x).astype(np.uint16) << 15)).astype(np.uint16)
    outward = outward.view(KINDS[dtype])
    exact, wide = x.astype("float64"), near.astype("float64")
    too_far = np.abs(wide) > np.abs(exact)
    low = np.where(too_far, inward.astype("float64"), wide)
    high = np.where(too_far, wide, outward.astype("float64"))
    high = np.where(wide == exact, wide, high)
    return low, high


def mixed(h, key=ZERO):
    with np.errstate(over="ignore"):
        h = (h ^ (h >> np.uint32(16))) * FIRST
        h = ((h ^ (h >> np.uint32(15))) + key) * SECOND
    return h ^ (h >> np.uint32(16))


def bits(seed, name, t, number, count):
    """Return the random bits of the first `count` elements."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    a, b = np.frombuffer(digest[:8], "<u4")
    with np.errstate(over="ignore"):
        first = mixed(mixed(np.uint32(t) + a) ^ (np.uint32(number) * GOLDEN))
        second = mixed(first ^ b)
        return mixed(np.arange(count, dtype="uint32") * GOLDEN + first, second)


def at_random(x, dtype, random):
    """Go away from zero if the random fraction is below the distance from the inner neighbour."""
    x = np.asarray(x, "float32")
    if not np.isfinite(x).all() or np.abs(x).max(initial=0.0) > LARGEST[dtype]:
        raise ValueError("finite numbers only")
    low, high = neighbours(x, dtype)
    gap = np.where(high == low, 1.0, high - low)
    share = (x.astype("float64") - low) / gap
    kept = {"bfloat16": 16, "float16": 24}[dtype]
    fraction = (random >> np.uint32(32 - kept)).astype("float64") / 2.0**kept
    # For bfloat16 the bits are added, and carry; else they are compared.
    up = fraction + share >= 1.0 if dtype == "bfloat16" else fraction < share
    return np.where(up & (high != low), high, low).reshape(x.shape)
