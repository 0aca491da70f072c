"""The whole `apply` of an optimizer as one native call: PyTorch, dense tensors, on CPU or CUDA.

What Keras does around the rule (loss scale, accumulation, clipping, moving average, the count of
steps) is written here a second time, as one pure function of one variable, so that all of it
becomes one loop. Whatever cannot be done so goes Keras's own way.

The environment variable `KERAS_OPTIM_TORCH` chooses, when an optimizer makes its first step:

* `auto` (as without it): natively where that is possible, else as `eager`,
* `native`: natively, or an error that says why not,
* `eager`: the rule runs operation by operation.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import torch
from keras import ops
from keras.src.backend.common.stateless_scope import in_stateless_scope

from keras_optim import native, rows, running

Tensor = Any
Tensors = Mapping[str, Tensor]
SETTING = "KERAS_OPTIM_TORCH"
_SLOT, _SCALAR = "slot_", "scalar_"
_log = logging.getLogger("keras_optim")
_told: set[str] = set()


class Fused:
    """The native steps of a built optimizer. Copies are empty: what it holds are addresses."""

    def __init__(self) -> None:
        self.steps: dict[bool, Step | None] = {}

    def __deepcopy__(self, memo: Any) -> "Fused":
        return Fused()

    def __reduce__(self) -> Any:
        return Fused, ()

    def forget(self) -> None:
        """Begin anew at the next step: something that was fixed has changed."""
        self.steps.clear()

    def apply(self, optimizer: Any, grads: Sequence[Any], variables: Sequence[Any] | None) -> bool:
        """Make the step of `optimizer`, and say whether it was made.

        Raises:
            RuntimeError: it cannot be made natively, and the environment variable wants that.
        """
        if torch.compiler.is_compiling() or in_stateless_scope():
            return False
        if optimizer.by_rows and any(getattr(g, "is_sparse", False) for g in grads):
            return False  # the few rows alone are faster
        period = optimizer.gradient_accumulation_steps
        full = not period or (int(optimizer._iterations._value) + 1) % period == 0
        if full not in self.steps:
            self.steps[full] = begin(optimizer, full)
        step = self.steps[full]
        return step is not None and step.apply(grads, variables)


def begin(optimizer: Any, full: bool) -> "Step | None":
    """The step that is made natively, if there is one.

    Args:
        optimizer: Built.
        full: Whether the weights change, or the gradient is only accumulated.
    """
    setting = os.environ.get(SETTING, "auto")
    if setting not in ("auto", "native", "eager"):
        raise ValueError(f"{SETTING} must be auto, native or eager. Received: {setting!r}")
    if setting == "eager":
        return None
    title = type(optimizer).__name__
    try:
        return Step(optimizer, full)
    except native.Refused as reason:
        _log.debug("%s: the rule runs operation by operation: %s", title, reason)
        problem: Exception = reason
    except native.BuildError as reason:
        if setting == "auto" and not _told:
            _told.add(title)
            _log.warning("keras_optim: rules run operation by operation, slowly: %s", reason)
        problem = reason
    if setting == "native":
        raise RuntimeError(f"{title}: {SETTING}=native, but: {problem}") from problem
    return None


class Step:
    """One native step of an optimizer, for whichever of its variables have gradients.

    Raises:
        native.Refused: there is none.
        native.BuildError: no compiler.
    """

    def __init__(self, optimizer: Any, full: bool):
        _refuse_what_is_overridden(optimizer)
        self.optimizer = optimizer
        self.variables = list(optimizer._trainable_variables)
        self.index = {id(v): i for i, v in enumerate(self.variables)}
        self.kept = [_kept(optimizer, i) for i in range(len(self.variables))]
        self.shared = {f"{_SCALAR}{name}": v for name, v in optimizer._plan.shared.items()}
        self.shared["iterations"] = optimizer._iterations
        self.schedule = not isinstance(optimizer._learning_rate, keras.Variable)
        self.rate = optimizer._learning_rate._value if not self.schedule else self._scheduled()
        self.calls: dict[tuple[int, ...], _Bound] = {}
        arrays = [_values(kept) for kept in self.kept]
        for item in arrays:
            for name, value in item.items():
                native.check(name, value)
        self.kernel = native.Kernel(
            _function(optimizer, full),
            [{"g": item["x"], **item} for item in arrays],
            running.constants_of(optimizer, range(len(arrays))),
            {**_values(self.shared), "rate": self.rate},
            leading="g",
        )

    def apply(self, grads: Sequence[Any], variables: Sequence[Any] | None) -> bool:
        """Make it, unless variables or gradients are not of the kind that can be done."""
        if variables is None:
            variables = self.variables
        if not (isinstance(grads, list | tuple) and isinstance(variables, list | tuple)):
            return False
        key = tuple(map(id, variables))
        if len(grads) != len(key):
            return False
        if any(g is None for g in grads):
            if all(g is None for g in grads) or not set(key) <= set(self.index):
                return False
            grads, variables = self.optimizer._filter_empty_gradients(grads, variables)
            key = tuple(map(id, variables))
        bound = self.calls.get(key)
        if bound is None:
            if not set(key) <= set(self.index) or len(set(key)) < len(key) or not key:
                return False
            if self.optimizer.use_ema and len(set(key)) < len(self.variables):
                return False  # averages move without a gradient too
            if len(self.calls) > 50:
                self.calls.clear()
            bound = self.calls[key] = _Bound(self, [self.index[i] for i in key])
        if self.schedule:
            self.rate.copy_(self._scheduled())
        return bound.apply(grads)

    def _scheduled(self) -> Tensor:
        return running.tensor(self.optimizer._get_current_learning_rate())


class _Bound:
    """A step of some of the variables: their addresses, looked after."""

    def __init__(self, step: Step, indices: list[int]):
        self.step = step
        self.indices = indices
        self.variables = [step.variables[i] for i in indices]
        self.constrained = [v for v in self.variables if v.constraint is not None]
        self.holders = [v for i in indices for v in step.kept[i].values()]
        self.holders += step.shared.values()
        self.addresses: list[int] = []
        self.dtypes: list[Any] = []
        self.used: set[int] = set()
        self.device = -1
        self.call: native.Call | None = None

    def apply(self, grads: Sequence[Any]) -> bool:
        tensors = [v._value for v in self.holders]
        if [t.data_ptr() for t in tensors] != self.addresses or (
            [t.dtype for t in tensors] != self.dtypes
        ):
            self._bind(tensors)
        if self.call is None:
            return False
        found = self._found(grads)
        if not found:
            if not all(map(_convertible, grads)):
                return False
            grads = [_plain(g, self.xs[0].dtype) for g in grads]
            found = self._found(grads)
            if not found:
                return False
        self.call(found)
        torch.autograd.graph.increment_version(self.xs)
        for v in self.constrained:
            v.assign(v.constraint(v))
        return True

    def _found(self, grads: Sequence[Any]) -> list[int]:
        """Where the gradients are; nothing, if one is not as the kernel wants it."""
        dtype, device = self.xs[0].dtype, self.device
        try:
            found = [
                g.data_ptr()
                for g, shape in zip(grads, self.shapes, strict=True)
                if type(g) is torch.Tensor
                and g.dtype is dtype
                and g.get_device() == device
                and g.shape == shape
                and g.is_contiguous()
            ]
        except RuntimeError:  # a sparse tensor has no such thing
            return []
        return found if len(found) == len(grads) and self.used.isdisjoint(found) else []

    def _bind(self, tensors: list[Tensor]) -> None:
        step = self.step
        self.addresses = [t.data_ptr() for t in tensors]
        self.dtypes = [t.dtype for t in tensors]
        self.used = {t.data_ptr() for t in tensors if t.numel()}
        self.xs = [v._value for v in self.variables]
        self.device = self.xs[0].get_device()
        self.shapes = [x.shape for x in self.xs]
        try:
            self.call = step.kernel.bind(
                self.indices,
                [_values(step.kept[i]) for i in self.indices],
                {**_values(step.shared), "rate": step.rate},
            )
        except native.Refused:
            self.call = None


def _kept(optimizer: Any, i: int) -> dict[str, Any]:
    """The Keras variables that belong to the variable with index `i`."""
    x = optimizer._trainable_variables[i]
    if getattr(x, "overwrite_with_gradient", False):
        raise native.Refused(f"{x.path} is overwritten with its gradient")
    kept = {"x": x, **{f"{_SLOT}{n}": v for n, v in optimizer._plan.states[i].items()}}
    if optimizer.use_ema:
        kept["average"] = optimizer._model_variables_moving_average[i]
    if optimizer.gradient_accumulation_steps:
        kept["accumulator"] = optimizer._accumulated_gradients[i]
    return kept


def _values(holders: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: v._value for name, v in holders.items()}


def _convertible(g: Any) -> bool:
    if isinstance(g, torch.Tensor):
        return bool(g.is_floating_point())
    return isinstance(g, np.ndarray) and g.dtype.kind == "f"


def _plain(g: Any, dtype: Any) -> Tensor:
    """A gradient of another kind, or in a variable's memory, as a plain one of its own."""
    g = rows.dense(running.tensor(g)).detach().to(dtype)
    return g.clone(memory_format=torch.contiguous_format)


def _refuse_what_is_overridden(optimizer: Any) -> None:
    """A subclass may go another way through Keras's `apply`, or norms be wanted; then so do we."""
    from keras_optim.base import Optimizer

    if optimizer._recording and optimizer._recording.layers:
        raise native.Refused("norms are recorded by layer")
    names = (
        *("_clip_gradients", "_clip_by_norm", "_backend_update_step", "_apply_weight_decay"),
        *("_backend_apply_gradients", "_filter_empty_gradients", "assign", "iterations"),
        *("_get_current_learning_rate", "_update_model_variables_moving_average"),
    )
    for name in names:
        if getattr(type(optimizer), name) is not getattr(Optimizer, name):
            raise native.Refused(f"{type(optimizer).__name__} has its own `{name}`")


# ---- Keras's `apply` of one variable, as a pure function


def _function(optimizer: Any, full: bool) -> native.Function:
    period = optimizer.gradient_accumulation_steps or 1

    def apply(
        arrays: Tensors, shared: Tensors, constants: dict[str, Any], total: Any
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
            scalars = _named(shared, _SCALAR)
            if optimizer._recording:
                norm = ops.sqrt(total(ops.sum(ops.square(ops.cast(g, "float32")))))
                scalars["recorded_gradient_norm"] = norm
            [x], [slots], scalars = running.step_all(
                optimizer,
                [_clipped(optimizer, g, total)],
                [x],
                [_named(arrays, _SLOT)],
                scalars,
                count + 1,
                shared["rate"],
                [constants],
                total,
            )
            new_arrays |= {f"{_SLOT}{name}": slots[name] for name in _named(arrays, _SLOT)}
            new_shared |= {f"{_SCALAR}{name}": scalars[name] for name in _named(shared, _SCALAR)}
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
    [g] = keras.optimizers.Optimizer._clip_gradients(optimizer, [g])
    return g


def _averaged(optimizer: Any, x: Tensor, average: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    started = ops.cast(ops.not_equal(count, 0), x.dtype)
    momentum = started * optimizer.ema_momentum
    average = momentum * average + (1 - momentum) * x
    if period := optimizer.ema_overwrite_frequency:
        x = ops.where((count + 1) % period == 0, average, x)
    return x, average
