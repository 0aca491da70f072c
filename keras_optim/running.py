"""How a rule is run: one pure function of all tensors, read from and written to variables here.

`step_all` is the whole update of a model, out of place. JAX traces it into the train step, where
XLA fuses it; PyTorch runs it in one call over all variables, so that it can be compiled as one;
TensorFlow runs it in the graph and, under `tf.distribute`, once per device after the all-reduce.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from keras_optim import recording

Tensor = Any
_BACKEND = keras.backend.backend()


@dataclass(frozen=True)
class Plan:
    """What an optimizer keeps once it is built; lists are aligned with its variables."""

    states: list[dict[str, Any]]
    """The slots of each variable."""
    shared: dict[str, Any]
    """Scalars of all variables together."""
    constants: list[dict[str, Any]]
    """What was decided for each variable when the optimizer was built."""
    kept: list[tuple[Any, Tensor]] = field(default_factory=list)
    """Variables in which others than the trained values stand, with copies of these."""


def step_all(
    rule: Any,
    gs: Sequence[Tensor],
    xs: Sequence[Tensor],
    states: Sequence[dict[str, Tensor]],
    shared: dict[str, Tensor],
    t: Tensor,
    lr: Tensor,
    constants: Sequence[dict[str, Any]],
) -> tuple[list[Tensor], list[dict[str, Tensor]], dict[str, Tensor]]:
    """One step of `rule` on all variables: new values, new slots, new shared scalars. Pure.

    Gradients, variables and slots are raised to float32 where they are narrower; what is
    narrower is cast back when it is stored.
    """
    gs, xs = [widened(g, like=x) for g, x in zip(gs, xs, strict=True)], [widened(x) for x in xs]
    rates = [ops.cast(lr, x.dtype) for x in xs]

    def state(i: int) -> dict[str, Any]:
        return whole_state(states[i], shared, constants[i], like=xs[i])

    totals: dict[str, Tensor] = {}
    for i, (g, x, rate) in enumerate(zip(gs, xs, rates, strict=True)):
        for name, value in rule.measure(g, x, state(i), t, rate).items():
            totals[name] = totals[name] + value if name in totals else value
    shared = {**shared, **rule.pool(totals, shared, t, widened(lr))}

    new_xs, new_states = [], []
    for i, (g, x, rate) in enumerate(zip(gs, xs, rates, strict=True)):
        new_x, new_state = rule.step(g, x, state(i), t, rate)
        new_xs.append(new_x)
        new_states.append(new_state)
    if recording.STEPS in shared:
        shared = {**shared, **recording.noted(shared, xs, new_xs, lr)}
    return new_xs, new_states, shared


def whole_state(
    slots: dict[str, Tensor], shared: dict[str, Tensor], constants: dict[str, Any], like: Tensor
) -> dict[str, Any]:
    """The dict `s` of a variable: all that a rule may look at."""
    scalars = {name: ops.cast(value, like.dtype) for name, value in shared.items()}
    return {**slots, **scalars, **constants}


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


def run(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
    """One step of `optimizer` on its `variables`, in place, on the backend at hand."""
    plan = optimizer._plan
    indices = [optimizer._get_variable_index(v) for v in variables]
    decay = optimizer.weight_decay or 0.0
    constants = [
        {**c, "weight_decay": decay if c["decayed"] else 0.0}
        for c in (plan.constants[i] for i in indices)
    ]

    def advance(gs: Any, xs: Any, states: Any, shared: Any, t: Tensor, lr: Tensor) -> None:
        new_xs, new_states, new_shared = step_all(
            optimizer,
            gs,
            [tensor(x) for x in xs],
            [_tensors(state) for state in states],
            _tensors(shared),
            t,
            lr,
            constants,
        )
        for x, new_x in zip(xs, new_xs, strict=True):
            optimizer.assign(x, new_x)
        for state, new_state in zip((*states, shared), (*new_states, new_shared), strict=True):
            for name, variable in state.items():
                optimizer.assign(variable, new_state[name])

    everything = (
        grads,
        variables,
        [plan.states[i] for i in indices],
        plan.shared,
        tensor(optimizer.iterations) + 1,
        tensor(learning_rate),
    )
    if _BACKEND == "tensorflow" and _tf().distribute.has_strategy():
        _on_each_device(optimizer, advance, everything)
        return
    with no_gradients():
        advance(*everything)


def _on_each_device(optimizer: Any, advance: Any, everything: tuple[Any, ...]) -> None:
    """Run `advance` on every device of the strategy, with the gradients summed over replicas."""
    tf = _tf()
    grads, variables, states, shared, t, lr = everything
    xs = [_native(v) for v in variables]
    pairs = optimizer._all_reduce_sum_gradients(zip(grads, xs, strict=True))
    grads = [g for g, _ in pairs]
    states = [{name: _native(v) for name, v in state.items()} for state in states]
    shared = {name: _native(v) for name, v in shared.items()}

    def merged(distribution: Any, *args: Any) -> None:
        # One update call for all variables: inside it everything is local to a device.
        distribution.extended.update(
            xs[0], lambda _, *local: advance(*local), args=args, group=False
        )

    tf.__internal__.distribute.interim.maybe_merge_call(
        merged, optimizer._distribution_strategy, grads, xs, states, shared, t, lr
    )


def wide(dtype: str | None) -> str | None:
    """The dtype of arithmetic and state for a variable: at least float32."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


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

    (`ops.convert_to_tensor` alone hands a Keras variable back as it is on TensorFlow.)
    """
    return ops.convert_to_tensor(_native(value))


def dense(gradient: Any) -> Any:
    """A sparse gradient as a dense one, rows that occur twice added up; others unchanged."""
    if _BACKEND == "tensorflow" and isinstance(gradient, _tf().IndexedSlices):
        return _tf().convert_to_tensor(gradient)
    if _BACKEND == "torch" and getattr(gradient, "is_sparse", False):
        return gradient.to_dense()
    if _BACKEND == "jax" and hasattr(gradient, "todense"):
        return gradient.todense()
    return gradient


def _tensors(state: dict[str, Any]) -> dict[str, Tensor]:
    return {name: tensor(variable) for name, variable in state.items()}


def _native(variable: Any) -> Any:
    return variable.value if isinstance(variable, keras.Variable) else variable


def _tf() -> Any:
    import tensorflow

    return tensorflow
