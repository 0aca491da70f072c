"""How a rule is run: one pure function of all tensors, read from and written to variables here.

`step_all` is the whole update of a model, out of place. JAX traces it into the train step, where
XLA fuses it; PyTorch runs it in one call over all variables, so that it can be compiled as one;
TensorFlow runs it in the graph and, under `tf.distribute`, once per device after the all-reduce.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from keras_optim import callers, distribution, recording, rows
from keras_optim.turns import Turns

Tensor = Any
_BACKEND = keras.backend.backend()
HALF = ("float16", "bfloat16")
_COUNTS_IN_32_BITS = keras.backend.standardize_dtype("int") == "int32"


@dataclass(frozen=True)
class Stored:
    """What a variable holds after an assignment: the value rounded, and within its constraint."""

    dtype: str
    constraint: Callable[[Tensor], Tensor] | None

    def __call__(self, x: Tensor) -> Tensor:
        """The stored value of `x`, in the dtype of `x`."""
        kept = ops.cast(x, self.dtype)
        if self.dtype in HALF and _BACKEND == "jax":
            # XLA may leave out a cast to a narrower dtype and back.
            kept = _jax().lax.optimization_barrier(kept)
        return ops.cast(kept if self.constraint is None else self.constraint(kept), x.dtype)

    def __hash__(self) -> int:
        return hash((self.dtype, id(self.constraint)))


def stored_by(variable: Any) -> Stored | None:
    """How `variable` stores a value; `None`: as it is."""
    dtype = keras.backend.standardize_dtype(variable.dtype)
    constraint = getattr(variable, "constraint", None)
    return Stored(dtype, constraint) if constraint is not None or dtype in HALF else None


@dataclass(frozen=True)
class Plan:
    """What an optimizer keeps once it is built; lists are aligned with its variables."""

    states: list[dict[str, Any]]
    """The slots of each variable."""
    shared: dict[str, Any]
    """Scalars of all variables together."""
    constants: list[dict[str, Any]]
    """What was decided for each variable when the optimizer was built."""
    kept: dict[str, Any] = field(default_factory=dict)
    """What is trained, by its names in a file, while other weights are in the model: `swapping`."""
    fused: Any = field(default_factory=lambda: _fused().Fused() if _BACKEND == "torch" else None)
    """On PyTorch: the whole `apply` as one native call, where that is possible."""


def step_all(
    rule: Any,
    gs: Sequence[Tensor],
    xs: Sequence[Tensor],
    states: Sequence[dict[str, Tensor]],
    shared: dict[str, Tensor],
    t: Tensor,
    lr: Tensor,
    constants: Sequence[dict[str, Any]],
    total: Callable[[Tensor], Tensor] = lambda value: value,
) -> tuple[list[Tensor], list[dict[str, Tensor]], dict[str, Tensor]]:
    """One step of `rule` on all variables: new values, new slots, new shared scalars. Pure.

    Gradients, variables and slots are raised to float32 where they are narrower; what is
    narrower is cast back when it is stored. Where the lists hold one variable of many, `total`
    sums a number over all of them.
    """
    gs, xs = [widened(g, like=x) for g, x in zip(gs, xs, strict=True)], [widened(x) for x in xs]
    rates = [ops.cast(lr, x.dtype) for x in xs]

    def state(i: int) -> dict[str, Any]:
        return whole_state(states[i], shared, constants[i], like=xs[i])

    totals: dict[str, Tensor] = {}
    for i, (g, x, rate) in enumerate(zip(gs, xs, rates, strict=True)):
        for name, value in rule.measure(g, x, state(i), t, rate).items():
            totals[name] = totals[name] + value if name in totals else value
    totals = {name: total(value) for name, value in totals.items()}
    shared = {**shared, **rule.pool(totals, shared, t, widened(lr))}

    new_xs, new_states, turns = list(xs), list(states), Turns()
    for i in reversed(range(len(xs))):
        with turns.of(xs[i], states[i]):
            new_xs[i], new_states[i] = rule.step(gs[i], xs[i], state(i), t, rates[i])
        turns.end(xs[i], new_xs[i])
    if recording.STEPS in shared:
        shared = {**shared, **recording.noted(rule._recording, shared, xs, new_xs, lr, total)}
    return new_xs, new_states, shared


def whole_state(
    slots: dict[str, Tensor], shared: dict[str, Tensor], constants: dict[str, Any], like: Tensor
) -> dict[str, Any]:
    """The dict `s` of a variable: all that a rule may look at."""
    scalars = {name: ops.cast(value, like.dtype) for name, value in shared.items()}
    return {**slots, **scalars, **constants}


def constants_of(optimizer: Any, indices: Sequence[int]) -> list[dict[str, Any]]:
    """What is decided for each of the variables with these indices, weight decay included."""
    decay, variables = optimizer.weight_decay or 0.0, optimizer._trainable_variables
    return [
        {**c, "weight_decay": decay if c["decayed"] else 0.0, "stored": stored_by(variables[i])}
        for c, i in ((optimizer._plan.constants[i], i) for i in indices)
    ]


def state_of(optimizer: Any, i: int) -> dict[str, Any]:
    """The dict `s` of the variable with index `i`, between two steps; empty if it has no slots."""
    plan, x = optimizer._plan, widened(optimizer._trainable_variables[i])
    if not plan.states[i]:
        return {}
    return whole_state(_tensors(plan.states[i]), _tensors(plan.shared), plan.constants[i], like=x)


def no_gradients() -> contextlib.AbstractContextManager[Any]:
    """Where PyTorch does not record what is computed."""
    if _BACKEND != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def fused(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any] | None) -> bool:
    """Make the whole step as one native call, where the backend has one; whether it was made."""
    plan = optimizer._plan
    return plan.fused is not None and plan.fused.apply(optimizer, grads, variables)


def eagerly() -> contextlib.AbstractContextManager[Any]:
    """Where an assignment happens now, even while TensorFlow traces a function."""
    return _tf().init_scope() if _BACKEND == "tensorflow" else contextlib.nullcontext()


def run(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
    """One step of `optimizer` on its `variables`, in place, on the backend at hand."""
    plan = optimizer._plan
    indices = [optimizer._get_variable_index(v) for v in variables]
    constants = constants_of(optimizer, indices)

    states = [plan.states[i] for i in indices]

    def read(variable: Any, gradient: Any) -> Tensor:
        few = isinstance(gradient, rows.Rows)
        return rows.take(_native(variable), gradient) if few else tensor(variable)

    with no_gradients():
        old_xs = [read(x, g) for x, g in zip(variables, grads, strict=True)]
        old_states = [
            {name: read(v, g) for name, v in state.items()}
            for state, g in zip(states, grads, strict=True)
        ]
        old_shared = _tensors(plan.shared)
        new_xs, new_states, new_shared = step_all(
            optimizer,
            [g.values if isinstance(g, rows.Rows) else g for g in grads],
            old_xs,
            old_states,
            old_shared,
            saturated(tensor(optimizer.iterations) + 1),
            tensor(learning_rate),
            constants,
        )
        whole = [(v, old_shared[name], new_shared[name]) for name, v in plan.shared.items()]
        for i, (gradient, x) in enumerate(zip(grads, variables, strict=True)):
            triples = [(x, old_xs[i], new_xs[i])]
            triples += [(v, old_states[i][n], new_states[i][n]) for n, v in states[i].items()]
            if isinstance(gradient, rows.Rows):
                for variable, _, value in triples:
                    rows.put(variable, gradient, value)
            else:
                whole += triples
        distribution.assign(optimizer, whole)


def unshare(variables: Sequence[Any]) -> None:
    """Give each of `variables` memory of its own.

    On JAX a variable assigned to another shares its buffer, and a train step donates both.
    """
    if _BACKEND == "jax":
        for variable in variables:
            variable.assign(ops.copy(variable.value))


def refuse_another_model(optimizer: Any) -> None:
    """Raise a ValueError where the JAX trainer fetches the state for another model's variables.

    That trainer hands over values, not variables, so a second model would train with the moments
    of the first. Asking the caller here is the last chance before it clears the model's weights.
    """
    if _BACKEND != "jax" or not optimizer.built:
        return
    model = callers.model_that_fetches()
    if model is not None:
        optimizer._check_variables_are_known(model.trainable_variables)


def purged(variables: Sequence[Any]) -> bool:
    """Whether the JAX trainer holds the values: it takes them away before the first step."""
    return _BACKEND == "jax" and any(v._value is None for v in variables)


def shaped(gradient: Any, variable: Any) -> Any:
    """`gradient`; TensorFlow is told that it has the shape of its variable.

    While it traces, it may not know a length: of the gradient of a kernel on sequences, say.
    """
    if _BACKEND == "tensorflow" and _tf().is_symbolic_tensor(gradient):
        gradient.set_shape(variable.shape)
    return gradient


def saturated(count: Tensor) -> Tensor:
    """`count` after an addition of 1, or the largest integer of its kind where that wrapped."""
    if not _COUNTS_IN_32_BITS:
        return count
    return ops.where(count < 0, 2**31 - 1, count)


def saturate(count: Any) -> None:
    """The same for a variable: what runs for two thousand million steps must not begin anew."""
    if _COUNTS_IN_32_BITS:
        count.assign(saturated(tensor(count)))


def wide(dtype: str | None) -> str | None:
    """The dtype of arithmetic and state for a variable: at least float32."""
    return "float32" if dtype in HALF else dtype


def widest(variables: Sequence[Any]) -> str:
    """The widest dtype of arithmetic among `variables`: float32 or float64."""
    dtypes = {keras.backend.standardize_dtype(v.dtype) for v in variables}
    return "float64" if "float64" in dtypes else "float32"


def widened(value: Any, like: Tensor | None = None) -> Tensor:
    """`value` as a tensor of at least float32, or of the wide dtype of `like`."""
    value = tensor(value)
    dtype = keras.backend.standardize_dtype(value.dtype)
    target = wide(keras.backend.standardize_dtype((value if like is None else like).dtype))
    return value if dtype == target else ops.cast(value, target)


def tensor(value: Any) -> Tensor:
    """The value of a Keras or native variable, or of anything array-like, as a plain tensor.

    (`ops.convert_to_tensor` alone hands variables back as they are on TensorFlow.)
    """
    value = _native(value)
    if _BACKEND == "tensorflow" and isinstance(value, _tf().Variable):
        return _tf().convert_to_tensor(value)
    return ops.convert_to_tensor(value)


def _tensors(state: dict[str, Any]) -> dict[str, Tensor]:
    return {name: tensor(variable) for name, variable in state.items()}


def _native(variable: Any) -> Any:
    return variable.value if isinstance(variable, keras.Variable) else variable


def _fused() -> Any:
    from keras_optim import fused

    return fused


def _jax() -> Any:
    import jax

    return jax


def _tf() -> Any:
    import tensorflow

    return tensorflow
