"""The `apply` of Keras as one pure function: loss scale, accumulation, clipping, the rule, the
moving average and the count of steps.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import ops

from keras_optim import keras_private
from keras_optim.engine import norms, rule
from keras_optim.engine.optimizer_state import Fixed
from keras_optim.engine.variable_step import sum_of
from keras_optim.tensors import saturated, widened

Tensor = Any
Tensors = Mapping[str, Tensor]
Total = Callable[[Tensor], Tensor]
SLOT, SHARED = "slot_", "shared_"
"""Prefixes of the names of slots in an item, and of the rule's state in `shared`."""
NUMBER = "number"
"""The name in an item of the variable's place among all, if it is no constant."""


def whole_apply(optimizer: Any, full: bool) -> Callable[..., Any]:
    """Return the function `(items, shared, fixed, total) -> (new items, new shared)`.

    An item holds the tensors of a variable: `g`, `x`, its slots, `average` and `accumulator`.
    `shared` holds `rate`, `iterations` and the rule's shared state. `total` sums a number over all
    variables, if the items are some of many.

    Args:
        optimizer: Built.
        full: Whether the weights change; else the gradients are only accumulated.
    """
    period = optimizer.gradient_accumulation_steps or 1

    def apply(
        items: Sequence[Tensors],
        shared: Tensors,
        fixed: Sequence[Fixed],
        total: Total = lambda value: value,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        new_items, new_shared = [dict(item) for item in items], dict(shared)
        iterations = shared["iterations"]
        count = iterations // period if period > 1 else iterations
        gs = [_unscaled(optimizer, widened(item["g"])) for item in items]
        if period > 1:
            gs = [g + item["accumulator"] for g, item in zip(gs, items, strict=True)]
            for g, new in zip(gs, new_items, strict=True):
                new["accumulator"] = ops.zeros_like(g) if full else g
            gs = [g / period for g in gs]
        if full:
            own = _named(shared, SHARED)
            if optimizer._recording:
                own |= norms.of_gradients(optimizer._recording, gs, total)
            changes, written, slots, own = rule.step_all(
                optimizer,
                _clipped(optimizer, gs, total),
                [item["x"] for item in items],
                [_named(item, SLOT) for item in items],
                own,
                saturated(count + 1),
                shared["rate"],
                fixed,
                total,
                [(item.get(NUMBER, f.number), None) for item, f in zip(items, fixed, strict=True)],
            )
            for new, change, value, kept in zip(new_items, changes, written, slots, strict=True):
                new["x"] = value.pop("x") if value else sum_of(new["x"], change)
                new |= {f"{SLOT}{name}": v for name, v in (kept | value).items()}
            new_shared |= {f"{SHARED}{name}": own[name] for name in _named(shared, SHARED)}
        if optimizer.use_ema:
            for new in new_items:
                new["x"], new["average"] = averaged(optimizer, new["x"], new["average"], count)
        new_shared["iterations"] = ops.minimum(iterations, 2**31 - 2) + 1
        return new_items, new_shared

    return apply


def of_one_variable(optimizer: Any, full: bool) -> Callable[..., Any]:
    """Return the same function for one variable of many: kernels are traced from it.

    Names and constants come as a dict, see `Fixed`.
    """
    whole = whole_apply(optimizer, full)

    def apply(
        arrays: Tensors, shared: Tensors, fixed: dict[str, Any], total: Total
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        [new], new_shared = whole([arrays], shared, [Fixed(**fixed)], total)
        return new, new_shared

    return apply


def holders_of(optimizer: Any, i: int) -> dict[str, Any]:
    """Return the Keras variables whose tensors are the item of the variable with index `i`."""
    held = {"x": keras_private.trainable_variables(optimizer)[i]}
    held |= {f"{SLOT}{name}": v for name, v in optimizer.state.slots[i].items()}
    if optimizer.use_ema:
        held["average"] = keras_private.averages(optimizer)[i]
    if optimizer.gradient_accumulation_steps:
        held["accumulator"] = keras_private.accumulators(optimizer)[i]
    return held


def _named(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


def _unscaled(optimizer: Any, g: Tensor) -> Tensor:
    scale = optimizer.loss_scale_factor
    return g if scale is None else g / scale


def _clipped(optimizer: Any, gs: Sequence[Tensor], total: Total) -> Sequence[Tensor]:
    if optimizer.global_clipnorm and not optimizer.clipnorm:
        norm, longest = norms.global_norm(gs, total), optimizer.global_clipnorm
        scale = longest * ops.minimum(1.0 / norm, 1.0 / longest)
        scale = scale + (norm - norm)  # NaN for a norm that is not finite, as in Keras
        return [g * scale for g in gs]
    return keras_private.clipped(optimizer, gs)


def averaged(optimizer: Any, x: Tensor, average: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return a variable and its average after `use_ema`, in step number `count` from 0."""
    started = ops.cast(ops.not_equal(count, 0), average.dtype)
    momentum = started * optimizer.ema_momentum
    average = momentum * average + (1 - momentum) * ops.cast(x, average.dtype)
    if period := optimizer.ema_overwrite_frequency:
        x = ops.where((count + 1) % period == 0, ops.cast(average, x.dtype), x)
    return x, average
