"""Arithmetic that update rules share: each operation a verb with its formula.

Decay rates are Python floats, and `1 - decay` is computed in double precision. Bias corrections go
through `expm1`, because `1 - beta**t` loses the last digits in single precision: at beta = 0.999
and t = 1 it is wrong by 1e-5.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_optim.tensors import BACKEND, known

Tensor = Any
_SIGN_OF_NAN_IS_ZERO = BACKEND == "torch"


def ema(average: Tensor, value: Tensor, decay: float) -> Tensor:
    """Return the exponential moving average `decay * average + (1 - decay) * value`.

    The form `average + (1 - decay) * (value - average)` would turn an infinite average into NaN.
    This form leaves it infinite, so the weights stay as they are.

    >>> float(ema(1.0, 2.0, decay=0.75)), ema(float("inf"), 1.0, decay=0.5)
    (1.25, inf)
    """
    return decay * average + (1.0 - decay) * value


def power(decay: float, t: Tensor, like: Tensor) -> Tensor:
    """Return `decay ** t` in the precision of the tensor `like`; `t` is an integer tensor.

    >>> from keras import ops
    >>> float(power(0.5, ops.convert_to_tensor(3), like=ops.ones(())))
    0.125
    """
    return ops.exp(ops.cast(t, like.dtype) * _log(decay))


def bias(decay: float, t: Tensor, like: Tensor) -> Tensor:
    """Return `1 - decay ** t`, the share of the data in a moving average that began at zero.

    >>> from keras import ops
    >>> float(bias(0.5, ops.convert_to_tensor(3), like=ops.ones(())))
    0.875
    """
    return -ops.expm1(ops.cast(t, like.dtype) * _log(decay))


def unbias(average: Tensor, decay: float, t: Tensor) -> Tensor:
    """Correct a moving average that began at zero: `average / (1 - decay ** t)`.

    >>> from keras import ops
    >>> average = ema(ops.zeros(()), ops.ones(()), decay=0.9)
    >>> round(float(unbias(average, 0.9, ops.convert_to_tensor(1))), 6)
    1.0
    """
    return average / bias(decay, t, like=average)


def decay_in_warmup(
    start: float, decay: float, steps: int | None, t: Tensor, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the decay rate at step `t`, and 1 less it, while its half-life grows linearly.

    `1 / log(rate)` goes from that of `start` to that of `decay` within `steps` steps; `None`:
    there is no warm-up. So half of the way, the half-life is the mean of both.

    >>> from keras import ops
    >>> half = decay_in_warmup(0.5, 0.5 ** (1 / 3), 4, ops.convert_to_tensor(2), ops.ones(()))
    >>> [round(float(number) ** 2, 6) for number in half][0]  # a half-life of 2
    0.5
    """
    if steps is None:
        return decay, 1.0 - decay
    done = smaller(ops.cast(t, like.dtype) / steps, 1.0)
    logarithm = 1.0 / ((1.0 - done) / _log(start) + done / _log(decay))
    return ops.exp(logarithm), -ops.expm1(logarithm)


def root(square: Tensor, epsilon: float, inside: bool = False) -> Tensor:
    """Return `sqrt(square) + epsilon`, or `sqrt(square + epsilon)`, which are never zero.

    >>> float(root(4.0, 0.5)), float(root(4.0, 5.0, inside=True))
    (2.5, 3.0)
    """
    return ops.sqrt(square + epsilon) if inside else ops.sqrt(square) + epsilon


def unbiased_root(square: Tensor, decay: float, t: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return `share` and `denominator`; their quotient is `1 / root(unbias(square), epsilon)`.

    The correction changes only `share = sqrt(1 - decay ** t)`, one number, and epsilon:
    `denominator = sqrt(square) + share * epsilon`. So it needs no division of a tensor. (The
    product `share * epsilon` stays above the smallest normal number, so that it cannot become
    zero. The share is at least `sqrt(1 - decay)`, so most epsilons need no such bound.)

    >>> from keras import ops
    >>> t = ops.convert_to_tensor(1)
    >>> share, denominator = unbiased_root(ops.full((1,), 3.0), 0.25, t, epsilon=0.5)
    >>> round(float((share / denominator)[0]), 6), round(float(1 / root(3.0 / 0.75, 0.5)), 6)
    (0.4, 0.4)
    """
    share = ops.sqrt(bias(decay, t, like=square))
    least = epsilon * math.sqrt(1.0 - decay)
    shift = epsilon * share
    return share, ops.sqrt(square) + (shift if least > 1e-37 else larger(shift, 1.2e-38))


def larger(a: Tensor, b: Tensor) -> Tensor:
    """Take the elementwise maximum of two tensors; an element is NaN if that of `b` is.

    (`ops.maximum` of Keras 3.15 rounds double precision to single on PyTorch.)

    >>> from keras import ops
    >>> ops.convert_to_numpy(larger(ops.array([1.0, 5.0]), ops.array([2.0, 3.0]))).tolist()
    [2.0, 5.0]
    """
    return ops.where(a >= b, a, _typed(b, a))


def smaller(a: Tensor, b: Tensor) -> Tensor:
    """Take the elementwise minimum of two tensors; an element is NaN if that of `b` is.

    >>> from keras import ops
    >>> ops.convert_to_numpy(smaller(ops.array([1.0, 5.0]), ops.array([2.0, 3.0]))).tolist()
    [1.0, 3.0]
    """
    return ops.where(a <= b, a, _typed(b, a))


def between(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Clamp `x` elementwise: `min(max(x, low), high)`; an element is NaN if that of `x` is.

    (`ops.clip` of Keras 3.15 has the fault of its `maximum`, see `larger`.)

    >>> from keras import ops
    >>> ops.convert_to_numpy(between(ops.array([-4.0, 1.0, 3.0]), -2.0, 2.0)).tolist()
    [-2.0, 1.0, 2.0]
    """
    return ops.where(x < low, _typed(low, x), ops.where(x > high, _typed(high, x), x))


def bounded(direction: Tensor) -> Tensor:
    """Clamp `direction` to [-1e30, 1e30], so that a rate of zero times it is zero, not NaN.

    >>> from keras import ops
    >>> ops.convert_to_numpy(0.0 * bounded(ops.array([float("inf"), -2.0]))).tolist()
    [0.0, -0.0]
    """
    return between(direction, -1e30, 1e30)


def sign(x: Tensor) -> Tensor:
    """Return -1, 0 or 1, elementwise; NaN stays NaN, so that a diverged run is seen.

    (`ops.sign` of Keras 3.15 is 0 for NaN on PyTorch.)

    >>> from keras import ops
    >>> ops.convert_to_numpy(sign(ops.array([-2.0, 0.0, float("nan")]))).tolist()
    [-1.0, 0.0, nan]
    """
    return ops.where(ops.isnan(x), x, ops.sign(x)) if _SIGN_OF_NAN_IS_ZERO else ops.sign(x)


def norm(x: Tensor) -> Tensor:
    """Return the Euclidean norm of all elements, `sqrt(sum(x ** 2))`.

    >>> from keras import ops
    >>> float(norm(ops.array([[3.0], [4.0]])))
    5.0
    """
    return ops.sqrt(ops.sum(x * x))


def ratio(a: Tensor, b: Tensor) -> Tensor:
    """Divide two numbers >= 0, `a / b`; the result is 1 if either is zero.

    >>> from keras import ops
    >>> float(ratio(ops.array(3.0), ops.array(2.0))), float(ratio(ops.array(3.0), ops.array(0.0)))
    (1.5, 1.0)
    """
    both = (a > 0.0) & (b > 0.0)
    one = ops.ones_like(b)
    return ops.where(both, a / ops.where(both, b, one), one)


def finite_or(value: Tensor, other: Tensor) -> Tensor:
    """Return `value` where it is finite, else `other`.

    >>> from keras import ops
    >>> ops.convert_to_numpy(finite_or(ops.array([1.0, float("nan")]), ops.zeros(2))).tolist()
    [1.0, 0.0]
    """
    return ops.where(ops.isfinite(value), value, other)


def estimated(numerator: Tensor, denominator: Tensor, otherwise: Tensor) -> Tensor:
    """Return `numerator / denominator`, or `otherwise` if that is no finite number.

    >>> float(estimated(3.0, 2.0, otherwise=5.0)), float(estimated(0.0, 0.0, otherwise=5.0))
    (1.5, 5.0)
    """
    positive = denominator > 0.0
    quotient = numerator / ops.where(positive, denominator, ops.ones_like(denominator))
    return ops.where(positive, finite_or(quotient, otherwise), otherwise)


def mean(x: Tensor, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Return the mean of all elements, or over some axes, which stay; 0 for an empty tensor.

    (`ops.mean` of Keras 3.15 rounds double precision to single on PyTorch and JAX.)

    >>> from keras import ops
    >>> float(mean(ops.array([1.0, 2.0]))), float(mean(ops.ones((0, 3))))
    (1.5, 0.0)
    >>> ops.convert_to_numpy(mean(ops.array([[1.0, 2.0], [3.0, 6.0]]), axis=0)).tolist()
    [[2.0, 4.0]]
    """
    if axis is None:
        return ops.sum(x) / max(math.prod(x.shape), 1)
    axes = (axis,) if isinstance(axis, int) else axis
    return ops.sum(x, axis=axis, keepdims=True) / max(math.prod(x.shape[i] for i in axes), 1)


def over_factored_root(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Divide by the root of the matrix of rank 1 that has these means of rows and of columns.

    That is `x / sqrt(rows * columns / mean(rows))`, for the last two axes. The roots come one after
    the other, because the product of a tiny row and a tiny column would be zero.

    >>> from keras import ops
    >>> rows, columns = ops.array([[1.0], [9.0]]), ops.array([[5.0, 5.0]])
    >>> ops.convert_to_numpy(over_factored_root(ops.ones((2, 2)), rows, columns) ** -1).tolist()
    [[1.0, 1.0], [3.0, 3.0]]
    """
    return x / ops.sqrt(rows) * (ops.sqrt(mean(rows, -2)) / ops.sqrt(columns))


def every(
    period: int,
    start: int,
    t: Tensor,
    compute: Callable[[], dict[str, Tensor]],
    kept: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Return `compute()` at steps `start`, `start + period`, ..., and else `kept`.

    In the other steps nothing is computed, on any backend. Both must have the same names, shapes
    and dtypes.

    >>> float(every(3, 1, ops.array(4), lambda: {"a": ops.ones(())}, {"a": ops.zeros(())})["a"])
    1.0
    """
    due = ops.logical_and(t >= start, (t - start) % period == 0)
    return either(due, compute, lambda: kept, list(kept))


def either(
    condition: Tensor,
    one: Callable[[], dict[str, Tensor]],
    other: Callable[[], dict[str, Tensor]],
    names: Sequence[str],
) -> dict[str, Tensor]:
    """Return `one()` if the condition holds, else `other()`, of which the other is not computed.

    Both must have all `names`, and for each the same shape and dtype.

    >>> tensors = lambda number: lambda: {"a": ops.full((), number)}
    >>> float(either(ops.array(2) > 1, tensors(1.0), tensors(0.0), ["a"])["a"])
    1.0
    """

    def listed(compute: Callable[[], dict[str, Tensor]]) -> Callable[[], list[Tensor]]:
        return lambda: [computed[name] for computed in [compute()] for name in names]

    condition = known(condition)
    if isinstance(condition, bool):
        return one() if condition else other()
    return dict(zip(names, ops.cond(condition, listed(one), listed(other)), strict=True))


def _typed(value: Any, like: Tensor) -> Any:
    # `ops.where` rounds a Python number to Keras's default precision on PyTorch.
    return ops.convert_to_tensor(value, like.dtype) if isinstance(value, float) else value


def _log(decay: float) -> float:
    # exp(-1e4 * t) is exactly 0 in every precision, and unlike -inf it survives 0 * log(0).
    return math.log(decay) if decay > 0.0 else -1e4
