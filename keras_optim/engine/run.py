"""One step of an optimizer: it reads variables, runs the rule, and writes variables."""

from collections.abc import Callable, Sequence
from typing import Any

from keras_optim import callers, keras_private
from keras_optim.engine import (
    curvature,
    distribution,
    second_pass,
    seen_loss,
    sparse_rows,
    validation,
)
from keras_optim.engine.optimizer_state import fixed, shared_now
from keras_optim.engine.rule import step_all
from keras_optim.rounding import places
from keras_optim.tensors import (
    BACKEND,
    Tensor,
    native_value,
    no_gradients,
    saturate,
    saturated,
    shaped,
    tensor,
    widened,
)

if BACKEND == "torch":
    from keras_optim.engine.torch_native import Steps
if BACKEND == "jax":
    from keras_optim.engine import jax_steps


def native_steps(base: type) -> Any:
    """Return the compiled steps of a new optimizer, or `None` if the backend has none.

    Args:
        base: The class whose methods the compiled steps replace.
    """
    return Steps(base) if BACKEND == "torch" else None


def apply(
    optimizer: Any,
    base: type,
    grads: Sequence[Any],
    variables: Sequence[Any] | None,
    through_keras: Callable[..., None],
    second: Callable[..., Sequence[Any]] | None = None,
) -> None:
    """Make one step: natively on PyTorch, by the pipeline on JAX, else through Keras.

    Args:
        optimizer: Built, or to be built for `variables`.
        base: See `native_steps`.
        grads: The gradients that its `apply` got.
        variables: The variables that it got; `None`: all for which it is built.
        through_keras: Keras's `apply`.
        second: The function for a second pass that it got.
    """
    if optimizer.second == "gradient":
        grads = second_pass.second_gradients(optimizer, grads, variables, second)
    elif optimizer.second != "none":
        curvature.observe(optimizer, grads, variables, second)
    if optimizer.built and _natively(optimizer, grads, variables):
        return
    title = type(optimizer).__name__
    known = keras_private.trainable_variables(optimizer) if optimizer.built else None
    if variables is not None:
        known = variables = validation.checked_variables(title, "trainable_variables", variables)
    if known is not None:
        grads = validation.checked_gradients(title, grads, known)
    if variables and not optimizer.built:
        validation.built_for(optimizer, variables)
        if _natively(optimizer, grads, variables):
            return
    if optimizer.built:
        known = variables or keras_private.trainable_variables(optimizer)
        keras_private.check_known(optimizer, known)
        grads = [
            shaped(sparse_rows.gathered(optimizer, g, v), v)
            for g, v in zip(grads, known, strict=True)
        ]
        if _at_once(optimizer, base, grads, known):
            return
    if optimizer.gradient_accumulation_steps:  # in the type of the accumulators
        grads = [g if g is None else widened(g) for g in grads]
    through_keras(grads, variables)
    saturate(keras_private.iterations(optimizer))


def _natively(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any] | None) -> bool:
    """Make the whole `apply` in one native call, and return whether it could."""
    native = optimizer.state.native
    return native is not None and native.apply(optimizer, grads, variables)


def _at_once(optimizer: Any, base: type, grads: Sequence[Any], variables: Sequence[Any]) -> bool:
    """Make the whole `apply` by the pipeline, and return whether it could: on JAX, if dense."""
    if BACKEND != "jax" or any(isinstance(g, sparse_rows.Rows) for g in grads):
        return False
    return jax_steps.apply(optimizer, base, grads, variables)


def run(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
    """Make one step of `optimizer` on its `variables`, in place."""
    state = optimizer.state
    indices = [keras_private.index_of(optimizer, v) for v in variables]
    states = [state.slots[i] for i in indices]

    def read(variable: Any, gradient: Any) -> Tensor:
        few = isinstance(gradient, sparse_rows.Rows)
        return sparse_rows.take(native_value(variable), gradient) if few else tensor(variable)

    with no_gradients():
        old_xs = [read(x, g) for x, g in zip(variables, grads, strict=True)]
        old_states = [
            {name: read(v, g) for name, v in slots.items()}
            for slots, g in zip(states, grads, strict=True)
        ]
        old_shared = shared_now(optimizer)
        changes, written, new_states, new_shared = step_all(
            optimizer,
            [g.values if isinstance(g, sparse_rows.Rows) else g for g in grads],
            old_xs,
            old_states,
            old_shared,
            saturated(tensor(optimizer.iterations) + 1),
            tensor(learning_rate),
            fixed(optimizer, indices),
            places=[
                (
                    i,
                    places(tuple(x.shape), rows=g.indices)
                    if isinstance(g, sparse_rows.Rows)
                    else None,
                )
                for i, x, g in zip(indices, variables, grads, strict=True)
            ],
        )
        values = [
            (v, new_shared[name])
            for name, v in state.shared.items()
            if new_shared[name] is not old_shared[name]
        ]
        for i, (gradient, x) in enumerate(zip(grads, variables, strict=True)):
            old, kept = old_states[i], new_states[i] | written[i]
            new = [(v, kept[name]) for name, v in states[i].items() if kept[name] is not old[name]]
            few = isinstance(gradient, sparse_rows.Rows)
            if written[i]:
                new.append((x, written[i]["x"]))
            elif few or not distribution.add(optimizer, x, changes[i]):
                new.append((x, widened(old_xs[i]) + changes[i]))
            if few:
                for variable, value in new:
                    sparse_rows.put(variable, gradient, value)
            else:
                values += new
        distribution.assign(optimizer, values)


def refuse_another_model(optimizer: Any) -> None:
    """Raise a ValueError if the JAX trainer fetches the state for a model that cannot train.

    That trainer hands over values, not variables, so a second model would train with the moments
    of the first. Another reason is a step without the second pass or the loss that it needs. This
    is the last chance to refuse, because the trainer then clears the model's weights.
    """
    if BACKEND != "jax" or not optimizer.built:
        return
    model = callers.model_that_fetches()
    if model is not None:
        keras_private.check_known(optimizer, model.trainable_variables)
        second_pass.refuse_plain(optimizer, model)
        seen_loss.refuse_plain(optimizer, model)
