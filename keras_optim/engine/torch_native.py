"""The whole `apply` of an optimizer as one native call: PyTorch, dense tensors, on CPU or CUDA.

The function is that of `pipeline`; anything unsupported falls back to Keras. A kernel knows its
tensors by their addresses, so each step looks after them: what is not proved to be as it was when
the addresses were taken is bound again, or falls back to Keras as well.

The environment variable `KERAS_OPTIM_TORCH` chooses, when an optimizer makes its first step:

* `auto` (as without it): natively where that is possible, else as `eager`,
* `native`: natively, or an error that says why not,
* `eager`: the rule runs operation by operation.
"""

import bisect
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import torch

from keras_optim import codegen, keras_private, tensors
from keras_optim.codegen.guards import Alike
from keras_optim.engine import optimizer_state, sparse_rows
from keras_optim.engine.pipeline import SHARED, SLOT, whole_apply

Tensor = Any
SETTING = "KERAS_OPTIM_TORCH"
_log = logging.getLogger("keras_optim")
_told: set[str] = set()


class Steps:
    """The native steps of a built optimizer. Copies are empty: what it holds are addresses.

    Args:
        base: The class whose methods a native step stands for: one that overrides them has none.
    """

    def __init__(self, base: type) -> None:
        self.base = base
        self.steps: dict[bool, Step | None] = {}

    def __deepcopy__(self, memo: Any) -> "Steps":
        return Steps(self.base)

    def __reduce__(self) -> Any:
        return Steps, (self.base,)

    def forget(self) -> None:
        """Drop the compiled steps, because a setting that is fixed in them has changed."""
        self.steps.clear()

    def apply(self, optimizer: Any, grads: Sequence[Any], variables: Sequence[Any] | None) -> bool:
        """Make the step of `optimizer`, and say whether it was made.

        Raises:
            RuntimeError: it cannot be made natively, and the environment variable wants that.
        """
        if torch.compiler.is_compiling() or keras_private.in_stateless_scope():
            return False
        if optimizer.by_rows and any(getattr(g, "is_sparse", False) for g in grads):
            return False  # the few rows alone are faster
        period = optimizer.gradient_accumulation_steps
        full = (
            not period
            or (int(keras_private.value(keras_private.iterations(optimizer))) + 1) % period == 0
        )
        step = self.steps.get(full)
        if full not in self.steps or (step is not None and step.outdated):
            step = self.steps[full] = begin(optimizer, full, self.base)
        return step is not None and step.apply(grads, variables)


def begin(optimizer: Any, full: bool, base: type) -> "Step | None":
    """The step that is made natively, if there is one.

    Args:
        optimizer: Built.
        full: Whether the weights change, or the gradient is only accumulated.
        base: As of `Steps`.
    """
    setting = os.environ.get(SETTING, "auto")
    if setting not in ("auto", "native", "eager"):
        raise ValueError(f"{SETTING} must be auto, native or eager. Received: {setting!r}")
    if setting == "eager":
        return None
    title = type(optimizer).__name__
    try:
        return Step(optimizer, full, base)
    except codegen.Refused as reason:
        _log.debug("%s: the rule runs operation by operation: %s", title, reason)
        problem: Exception = reason
    except codegen.BuildError as reason:
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
        codegen.Refused: there is none.
        codegen.BuildError: no compiler.
    """

    def __init__(self, optimizer: Any, full: bool, base: type):
        _refuse_what_is_overridden(optimizer, base)
        self.optimizer = optimizer
        self.variables = list(keras_private.trainable_variables(optimizer))
        self.index = {id(v): i for i, v in enumerate(self.variables)}
        self.kept = [_kept(optimizer, i) for i in range(len(self.variables))]
        self.shared = {f"{SHARED}{name}": v for name, v in optimizer.state.shared.items()}
        self.shared["iterations"] = keras_private.iterations(optimizer)
        self.constraints = [v.constraint for v in self.variables]
        rate = keras_private.learning_rate(optimizer)
        self.scheduled = not isinstance(rate, keras.Variable)
        self.asked = self.scheduled and full
        """Whether each step asks a schedule or a callable for its rate."""
        self.rate = self._own_rate() if self.scheduled else keras_private.value(rate)
        self.calls: dict[tuple[int, ...], _Bound] = {}
        arrays = [_values(kept) for kept in self.kept]
        for item in arrays:
            for name, value in item.items():
                codegen.check(name, value)
        self.kernel = codegen.Kernel(
            whole_apply(optimizer, full),
            [{"g": item["x"], **item} for item in arrays],
            [vars(one) for one in optimizer_state.fixed(optimizer, range(len(arrays)))],
            {**_values(self.shared), "rate": self.rate},
            leading="g",
        )

    def apply(self, grads: Sequence[Any], variables: Sequence[Any] | None) -> bool:
        """Make the step, unless variables or gradients are of a kind that no kernel can take."""
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
            grads, variables = keras_private.with_gradients(self.optimizer, grads, variables)
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
        return bound.apply(grads)

    @property
    def outdated(self) -> bool:
        """Whether a constraint came or went since the step was made."""
        return [v.constraint for v in self.variables] != self.constraints

    def ask(self) -> None:
        """Ask for the rate of this step, once it is certain that the kernel will make it."""
        if self.asked:
            self.rate.copy_(tensors.tensor(keras_private.current_rate(self.optimizer)))

    def _own_rate(self) -> Tensor:
        """Create a tensor for the rate: what a callable returns belongs to its caller."""
        dtype = getattr(torch, tensors.widest(self.variables))
        return torch.zeros((), dtype=dtype, device=keras_private.value(self.variables[0]).device)


class _Bound:
    """A kernel bound to some of the variables, whose addresses are checked in each step."""

    def __init__(self, step: Step, indices: list[int]):
        self.step = step
        self.indices = indices
        self.variables = [step.variables[i] for i in indices]
        self.constrained = [v for v in self.variables if v.constraint is not None]
        self.holders = [v for i in indices for v in step.kept[i].values()]
        self.holders += step.shared.values()
        self.addresses: list[int] | None = None
        self.last: list[int] = []
        """The addresses of the last gradients, which overlap with no variable and no state."""
        self.sizes: list[int] = []
        self.alike: Alike
        self.gradients_alike: Alike
        self.memory: _Memory
        self.call: codegen.Call | None = None

    def apply(self, grads: Sequence[Any]) -> bool:
        tensors = list(map(keras_private.value, self.holders))
        addresses = [t.data_ptr() for t in tensors]
        if addresses != self.addresses or not self.alike(tensors):
            self._bind(tensors, addresses)
        if self.call is None:
            return False
        found = self._found(grads)
        if found is None:
            if not all(map(self._convertible, grads)):
                return False
            grads = [_plain(g, x) for g, x in zip(grads, self.xs, strict=True)]
            found = self._found(grads)
            if found is None:
                return False
        self.step.ask()
        self.call(found)
        torch.autograd.graph.increment_version(self.xs)
        for v in self.constrained:
            v.assign(v.constraint(v))
        return True

    def _found(self, grads: Sequence[Any]) -> list[int] | None:
        """Where the gradients are; `None`, if one is not as the kernel wants it."""
        if not self.gradients_alike(grads):
            return None
        found = [g.data_ptr() for g in grads]
        if found == self.last or all(map(self.memory.apart, found, self.sizes)):
            self.last = found
            return found
        return None

    def _convertible(self, g: Any) -> bool:
        if isinstance(g, torch.Tensor):
            return bool(g.is_floating_point() and g.device == self.xs[0].device)
        return isinstance(g, np.ndarray) and g.dtype.kind == "f"

    def _bind(self, tensors: list[Tensor], addresses: list[int]) -> None:
        step = self.step
        self.addresses, self.alike, self.last = addresses, Alike(tensors), []
        self.memory = _Memory(tensors)
        self.xs = list(map(keras_private.value, self.variables))
        self.sizes = [x.numel() * x.element_size() for x in self.xs]
        self.call = None
        try:
            if self.memory.overlap:
                raise codegen.Refused("tensors share their memory")
            self.call = step.kernel.bind(
                self.indices,
                [_values(step.kept[i]) for i in self.indices],
                {**_values(step.shared), "rate": step.rate},
            )
        except codegen.Refused:
            return
        self.gradients_alike = Alike([x.detach() for x in self.xs])


class _Memory:
    """The ranges of memory that tensors occupy."""

    def __init__(self, tensors: Sequence[Tensor]):
        places = [(t.data_ptr(), t.numel() * t.element_size()) for t in tensors]
        taken = sorted((start, start + size) for start, size in places if size)
        self.starts = [start for start, _ in taken]
        self.ends = [end for _, end in taken]
        self.overlap = any(map(int.__gt__, self.ends, self.starts[1:]))
        """Whether two of the ranges overlap."""

    def apart(self, address: int, size: int) -> bool:
        """Whether `size` bytes from `address` exist and overlap with none of the ranges."""
        if not (address and size):
            return not size
        before = bisect.bisect_left(self.starts, address + size)
        return not before or self.ends[before - 1] <= address


def _calls(optimizer: Any) -> int:
    """Return how often `apply` has been called, this call included."""
    return int(keras_private.value(keras_private.iterations(optimizer))) + 1


def _kept(optimizer: Any, i: int) -> dict[str, Any]:
    """The Keras variables that belong to the variable with index `i`."""
    x = keras_private.trainable_variables(optimizer)[i]
    if getattr(x, "overwrite_with_gradient", False):
        raise codegen.Refused(f"{x.path} is overwritten with its gradient")
    kept = {"x": x, **{f"{SLOT}{n}": v for n, v in optimizer.state.slots[i].items()}}
    if optimizer.use_ema:
        kept["average"] = keras_private.averages(optimizer)[i]
    if optimizer.gradient_accumulation_steps:
        kept["accumulator"] = keras_private.accumulators(optimizer)[i]
    return kept


def _values(holders: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: keras_private.value(v) for name, v in holders.items()}


def _plain(g: Any, x: Tensor) -> Any:
    """Copy a gradient into a plain tensor of its own; one of another shape is returned as it is."""
    g = sparse_rows.dense(tensors.tensor(g)).detach()
    if g.shape != x.shape:
        return g
    return torch.empty(x.shape, dtype=x.dtype, device=x.device).copy_(g)


def _refuse_what_is_overridden(optimizer: Any, base: type) -> None:
    """A subclass may go another way through Keras's `apply`, or norms be wanted; then so do we."""
    if optimizer._recording and optimizer._recording.layers:
        raise codegen.Refused("norms are recorded by layer")
    for name in (*keras_private.HOOKS, *keras_private.OWN_HOOKS):
        if getattr(type(optimizer), name) is not getattr(base, name):
            raise codegen.Refused(f"{type(optimizer).__name__} has its own `{name}`")
