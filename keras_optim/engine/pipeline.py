"""The `apply` of Keras for one variable as a pure function, on PyTorch.

Loss scale, accumulation, clipping, the rule, the moving average and the count of steps are written
here a second time, so that a kernel can be made of all of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from keras_optim import keras_private
from keras_optim.engine import rule
from keras_optim.engine.optimizer_state import Fixed

Tensor = Any
Tensors = Mapping[str, Tensor]
Function = Callable[[Tensors, Tensors, Any, Any], tuple[Mapping[str, Any], Mapping[str, Any]]]
SLOT, SHARED = "slot_", "shared_"
"""Before the names of slots among the arrays, and of shared state among what is shared."""


def whole_apply(optimizer: Any, full: bool) -> Function:
    """The pure function of one variable.

    Args:
        optimizer: Built.
        full: Whether the weights change, or the gradient is only accumulated.
    """
    period = optimizer.gradient_accumulation_steps or 1

    def apply(
        arrays: Tensors, shared: Tensors, fixed: dict[str, Any], total: Any
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        new_arrays, new_shared = dict(arrays), dict(shared)
        g, x, iterations = arrays["g"], arrays["x"], shared["iterations"]
        count = iterations // period if period > 1 else iterations
        if optimizer.loss_scale_factor is not None:
            g = g / optimizer.loss_scale_factor
        if period > 1:
            g = g + arrays["accumulator"]
            new_arrays["accumulator"] = ops.zeros_like(g) if full else g
            g = g / period
        if full:
            own = _named(shared, SHARED)
            if optimizer._recording:
                norm = ops.sqrt(total(ops.sum(ops.square(ops.cast(g, "float32")))))
                own["recorded_gradient_norm"] = norm
            [change], [slots], own = rule.step_all(
                optimizer,
                [_clipped(optimizer, g, total)],
                [x],
                [_named(arrays, SLOT)],
                own,
                count + 1,
                shared["rate"],
                [Fixed(**fixed)],
                total,
            )
            x = x + change
            new_arrays |= {f"{SLOT}{name}": slots[name] for name in _named(arrays, SLOT)}
            new_shared |= {f"{SHARED}{name}": own[name] for name in _named(shared, SHARED)}
        if optimizer.use_ema:
            x, new_arrays["average"] = _averaged(optimizer, x, arrays["average"], count)
        new_arrays["x"] = x
        new_shared["iterations"] = ops.minimum(iterations, 2**31 - 2) + 1
        return new_arrays, new_shared

    return apply


def _named(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


def _clipped(optimizer: Any, g: Tensor, total: Any) -> Tensor:
    if optimizer.global_clipnorm and not optimizer.clipnorm:
        norm, longest = ops.sqrt(total(ops.sum(ops.square(g)))), optimizer.global_clipnorm
        scale = longest * ops.minimum(1.0 / norm, 1.0 / longest)
        return g * (scale + (norm - norm))  # NaN for a norm that is not finite, as in Keras
    [g] = keras_private.clipped(optimizer, [g])
    return g


def _averaged(optimizer: Any, x: Tensor, average: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    started = ops.cast(ops.not_equal(count, 0), x.dtype)
    momentum = started * optimizer.ema_momentum
    average = momentum * average + (1 - momentum) * x
    if period := optimizer.ema_overwrite_frequency:
        x = ops.where((count + 1) % period == 0, average, x)
    return x, average
