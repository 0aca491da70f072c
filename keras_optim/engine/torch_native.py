"""The whole `apply` of an optimizer as one native call: PyTorch, dense tensors, on CPU or CUDA.

The function is that of `pipeline`. Variables whose rule cannot be traced are stepped operation by
operation in the same step; any other unsupported step falls back to Keras. A kernel knows its
tensors by their addresses, so each step checks them. If they changed, the kernel is bound again,
or the step falls back to Keras.

The environment variable `KERAS_OPTIM_TORCH` chooses, when an optimizer makes its first step:

* `auto` (the default): natively if possible, else as `eager`,
* `native`: natively for all variables, or an error that says why not,
* `eager`: the rule runs operation by operation.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any

import keras
import torch

from keras_optim import codegen, keras_private, tensors
from keras_optim.engine import optimizer_state
from keras_optim.engine.pipeline import NUMBER, SHARED, holders_of, of_one_variable, whole_apply
from keras_optim.engine.torch_binding import Bound, values

Tensor = Any
SETTING = "KERAS_OPTIM_TORCH"
_log = logging.getLogger("keras_optim")
_told: set[str] = set()


class Steps:
    """The native steps of a built optimizer. Copies are empty, because steps hold addresses.

    Args:
        base: The class whose methods a native step replaces: a subclass that overrides them falls
            back.
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
        """Make the step of `optimizer`, and return whether it could.

        Raises:
            RuntimeError: there is no native step, and the environment variable requires one.
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
    """Return the native step, or `None` if there is none.

    Args:
        optimizer: Built.
        full: Whether the weights change; else the gradients are only accumulated.
        base: See `Steps`.
    """
    setting = os.environ.get(SETTING, "auto")
    if setting not in ("auto", "native", "eager"):
        raise ValueError(f"{SETTING} must be auto, native or eager. Received: {setting!r}")
    if setting == "eager":
        return None
    title = type(optimizer).__name__
    try:
        return Step(optimizer, full, base, whole=setting == "native")
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
    """One native step of an optimizer, for those of its variables that have gradients.

    Args:
        optimizer: Built.
        full: Whether the weights change; else the gradients are only accumulated.
        base: See `Steps`.
        whole: Whether the kernel must step all variables.

    Raises:
        codegen.Refused: the optimizer has no native step.
        codegen.BuildError: no compiler.
    """

    def __init__(self, optimizer: Any, full: bool, base: type, whole: bool):
        _refuse_what_is_overridden(optimizer, base)
        self.optimizer = optimizer
        self.variables = list(keras_private.trainable_variables(optimizer))
        self.index = {id(v): i for i, v in enumerate(self.variables)}
        self.fixed = optimizer_state.fixed(optimizer, range(len(self.variables)))
        self.kept = [_kept(optimizer, i, one) for i, one in enumerate(self.fixed)]
        self.shared = {f"{SHARED}{name}": v for name, v in optimizer.state.shared.items()}
        self.shared["iterations"] = keras_private.iterations(optimizer)
        self.constraints = [v.constraint for v in self.variables]
        rate = keras_private.learning_rate(optimizer)
        self.scheduled = not isinstance(rate, keras.Variable)
        self.full = full
        self.rate = self._own_rate() if self.scheduled else keras_private.value(rate)
        self.own_rates = {
            f"{SHARED}{name}": self._own_rate()
            for name in (optimizer_state.scheduled_rates(optimizer) if full else ())
        }
        """Rates of rules inside for which each step asks."""
        self.calls: dict[tuple[int, ...], Bound] = {}
        self.function = whole_apply(optimizer, full)
        arrays = [values(kept) for kept in self.kept]
        for item in arrays:
            for name, value in item.items():
                codegen.check(name, value)
        self._compile([{"g": item["x"], **item} for item in arrays], whole)

    def _compile(self, items: list[dict[str, Tensor]], whole: bool) -> None:
        """Compile a kernel for all variables, or for those whose rule can be traced."""
        function = of_one_variable(self.optimizer, self.full)
        # Each item holds its number, so that variables alike but for it share one graph.
        constants = [{**vars(one), "number": 0} for one in self.fixed]
        shared = self.shared_values()
        able: Sequence[int] = range(len(items))
        try:
            self.kernel = codegen.Kernel(function, items, constants, shared, leading="g")
        except codegen.Refused as refusal:
            able = codegen.supported(function, items, constants, shared, leading="g")
            if whole or not 0 < len(able) < len(items):
                raise
            items, constants = [items[i] for i in able], [constants[i] for i in able]
            self.kernel = codegen.Kernel(function, items, constants, shared, leading="g")
            if self.kernel.sums:
                raise codegen.Refused(
                    f"{refusal}; and others need sums over all variables"
                ) from None
            others = len(self.variables) - len(able)
            _log.debug("%d variables operation by operation: %s", others, refusal)
        self.items = {i: k for k, i in enumerate(able)}
        """The variables that the kernel steps, and their numbers there."""

    def apply(self, grads: Sequence[Any], variables: Sequence[Any] | None) -> bool:
        """Make the step, and return whether it could: not if a kernel cannot take the tensors."""
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
            kept = self.optimizer.use_ema or self.optimizer.gradient_accumulation_steps
            if kept and len(set(key)) < len(self.variables):
                return False  # averages move without a gradient too, and accumulators are emptied
            if len(self.calls) > 50:
                self.calls.clear()
            bound = self.calls[key] = Bound(self, [self.index[i] for i in key])
        return bound.apply(grads)

    @property
    def outdated(self) -> bool:
        """Whether a variable's constraint changed since the kernel was compiled."""
        return [v.constraint for v in self.variables] != self.constraints

    def ask(self) -> None:
        """Ask for the rates of this step, when it is certain that the kernel will run."""
        if not self.full:
            return
        if self.scheduled:
            self.rate.copy_(tensors.tensor(keras_private.current_rate(self.optimizer)))
        if self.own_rates:
            for name, rate in optimizer_state.scheduled_rates(self.optimizer).items():
                now = keras_private.rate_now(self.optimizer, rate)
                self.own_rates[f"{SHARED}{name}"].copy_(tensors.tensor(now))

    def shared_values(self) -> dict[str, Tensor]:
        """Return the tensors that all variables share, with the rates of the step."""
        return {**values(self.shared), "rate": self.rate, **self.own_rates}

    def _own_rate(self) -> Tensor:
        """Create a tensor for a rate, because the value of a callable belongs to its caller."""
        dtype = getattr(torch, tensors.widest(self.variables))
        return torch.zeros((), dtype=dtype, device=keras_private.value(self.variables[0]).device)


def _kept(optimizer: Any, i: int, fixed: optimizer_state.Fixed) -> dict[str, Any]:
    """Return the Keras variables that belong to the variable with index `i`."""
    x = keras_private.trainable_variables(optimizer)[i]
    if getattr(x, "overwrite_with_gradient", False):
        raise codegen.Refused(f"{x.path} is overwritten with its gradient")
    held = holders_of(optimizer, i)
    if fixed.rounds_at_random:
        held[NUMBER] = keras.Variable(i, dtype="int32", trainable=False, name=NUMBER)
    return held


def _refuse_what_is_overridden(optimizer: Any, base: type) -> None:
    """Raise `Refused` if a subclass overrides methods of `base`, or norms by layer are recorded."""
    if optimizer._recording and optimizer._recording.layers:
        raise codegen.Refused("norms are recorded by layer")
    if name := keras_private.override(optimizer, base):
        raise codegen.Refused(f"{type(optimizer).__name__} has its own `{name}`")
