"""Gradients of a step that combine the first and the second gradient, as in GSAM and LookSAM.

Both are sums of these two vectors over all variables. So a rule gives two factors, from the inner
products of the vectors.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_optim import keras_private
from keras_optim.contract import layers
from keras_optim.engine import distribution, sparse_rows
from keras_optim.numerics import either, larger
from keras_optim.tensors import (
    Tensor,
    no_gradients,
    saturated,
    shaped,
    tensor,
    unconverted,
    widened,
)
from keras_optim.trees import INNER

Gradients = Sequence[Any]


def rule_of(optimizer: Any) -> Any:
    """Return the rule of `optimizer`, or inside of it, that combines two gradients, or `None`."""
    return next((rule for rule in layers(optimizer) if rule.combines), None)


def combined(optimizer: Any, firsts: Gradients, seconds: Gradients, variables: Any) -> list[Any]:
    """Return the gradients of the step, from both passes."""
    with no_gradients():
        return _combined(optimizer, firsts, seconds, variables)


@unconverted
def _combined(optimizer: Any, firsts: Gradients, seconds: Gradients, variables: Any) -> list[Any]:
    moving = _moving(optimizer, firsts, variables)
    one, other = (_dense(gs, moving, variables) for gs in (firsts, seconds))
    shares = rule_of(optimizer).shares(*_products(optimizer, one, other))
    new = iter(_mixed(shares, one, other, [g.dtype for g in one]))
    return [next(new) if i in moving else g for i, g in enumerate(seconds)]


def rarely_combined(
    optimizer: Any, firsts: Gradients, variables: Any, second: Callable[[], Gradients]
) -> list[Any]:
    """Return the gradients of the step; only every few steps, `second` computes the second ones.

    Between them, the rule takes the first gradients and the slot `ascent`, which it kept then.
    """
    distribution.check_replicas(
        type(optimizer).__name__, "replicas cannot leave a second gradient out"
    )
    with no_gradients():
        return _rarely_combined(optimizer, firsts, variables, second)


@unconverted
def _rarely_combined(
    optimizer: Any, firsts: Gradients, variables: Any, second: Callable[[], Gradients]
) -> list[Any]:
    rule, moving = rule_of(optimizer), _moving(optimizer, firsts, variables)
    one = _dense(firsts, moving, variables)
    indices = [keras_private.index_of(optimizer, variables[i]) for i in moving]
    slots = [_slot(optimizer, rule, i) for i in indices]
    kinds, kept_kinds = [g.dtype for g in one], [s.dtype for s in slots]

    def named(gradients: Sequence[Tensor], kept: Sequence[Tensor]) -> dict[str, Tensor]:
        found = {f"gradient {i}": g for i, g in enumerate(gradients)}
        return {**found, **{f"kept {i}": k for i, k in enumerate(kept)}}

    def looked() -> dict[str, Tensor]:
        other = _dense(second(), moving, variables)
        products = _products(optimizer, one, other)
        kept = _mixed(rule.kept_shares(*products), one, other, kept_kinds)
        return named(_mixed(rule.shares(*products), one, other, kinds), kept)

    def reused() -> dict[str, Tensor]:
        kept = [tensor(slot) for slot in slots]
        shares = rule.reused_shares(*_products(optimizer, one, kept))
        return named(_mixed(shares, one, kept, kinds), kept)

    t = saturated(tensor(optimizer.iterations) + 1)
    due = (t - 1) % rule.second_period == 0
    new = either(due, looked, reused, list(named(one, slots)))
    kept = [(slot, new[f"kept {i}"]) for i, slot in enumerate(slots)]
    distribution.assign(optimizer, kept)
    found = iter([new[f"gradient {i}"] for i in range(len(moving))])
    return [next(found) if i in moving else g for i, g in enumerate(firsts)]


def _moving(optimizer: Any, grads: Gradients, variables: Any) -> list[int]:
    """Return the places of the variables that have a gradient and are not overwritten with it."""
    return [
        i
        for i, (g, v) in enumerate(zip(grads, variables, strict=True))
        if g is not None and not keras_private.takes_its_gradient(optimizer, v)
    ]


def _dense(grads: Gradients, places: Sequence[int], variables: Any) -> list[Tensor]:
    return [shaped(sparse_rows.dense(grads[i]), variables[i]) for i in places]


def _products(
    optimizer: Any, one: Sequence[Tensor], other: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the inner product of two vectors and their squared lengths, over all replicas.

    Both are divided by their largest number first, so that no square overflows. Shares do not
    depend on that.
    """
    one, other = ([widened(g) for g in distribution.summed(optimizer, gs)] for gs in (one, other))
    dtype = one[0].dtype
    largest = ops.ones((), dtype) * 1e-30
    for g in (*one, *other):
        if 0 not in g.shape:
            largest = larger(largest, ops.cast(ops.max(ops.abs(g)), dtype))

    def product(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        sizes = [ops.cast(largest, x.dtype) for x in a]
        parts = [ops.sum((x / m) * (y / m)) for x, y, m in zip(a, b, sizes, strict=True)]
        return functools.reduce(operator.add, [ops.cast(part, dtype) for part in parts])

    return product(one, other), product(one, one), product(other, other)


def _mixed(
    shares: tuple[Any, Any], one: Sequence[Tensor], other: Sequence[Tensor], dtypes: Sequence[Any]
) -> list[Tensor]:
    def times(share: Any, x: Tensor) -> Tensor:
        return (share if isinstance(share, float) else ops.cast(share, x.dtype)) * x

    return [
        ops.cast(times(shares[0], widened(a)) + times(shares[1], widened(b)), dtype)
        for a, b, dtype in zip(one, other, dtypes, strict=True)
    ]


def _slot(optimizer: Any, rule: Any, i: int) -> Any:
    """Return the variable of the slot `ascent` of `rule` for the variable with index `i`."""
    names, layer = optimizer.state.slot_names[i], optimizer
    while layer is not rule:
        names, layer = names[INNER], layer.inner
    return optimizer.state.slots[i][names["ascent"]]
