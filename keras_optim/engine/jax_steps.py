"""The whole `apply` of an optimizer on JAX: the function of `pipeline` on the values of variables.

Keras computes the rule in each step of an accumulation and then drops its results. Here a
condition leaves it out, or Python does if the count is known.
"""

from collections.abc import Sequence
from typing import Any

import jax
from keras import ops

from keras_optim import keras_private
from keras_optim.engine import distribution, optimizer_state
from keras_optim.engine.pipeline import SHARED, averaged, holders_of, whole_apply
from keras_optim.tensors import Tensor, known, saturate, tensor


def apply(optimizer: Any, base: type, grads: Sequence[Tensor], variables: Sequence[Any]) -> bool:
    """Make the step of `optimizer`, and return whether it could.

    Args:
        optimizer: Built.
        base: The class whose methods this replaces: a subclass that overrides them falls back.
        grads: Dense, in the order of the variables; `None` if a variable has none.
        variables: Known to the optimizer.
    """
    if keras_private.override(optimizer, base) or all(g is None for g in grads):
        return False
    grads, variables = keras_private.with_gradients(optimizer, grads, variables)
    grads, variables = keras_private.overwritten(optimizer, grads, variables)
    iterations = keras_private.iterations(optimizer)
    if not grads:
        iterations.assign_add(1)
        saturate(iterations)
        return True
    optimizer.on_variables(variables)
    indices = [keras_private.index_of(optimizer, v) for v in variables]
    holders = [holders_of(optimizer, i) for i in indices]
    items = [{name: tensor(v) for name, v in held.items()} for held in holders]
    due = _due(optimizer, tensor(iterations))
    own = optimizer_state.shared_now(optimizer, asking=due is not False)
    shared = {f"{SHARED}{n}": v for n, v in own.items()}
    shared["iterations"] = tensor(iterations)
    if due is not False:
        shared["rate"] = tensor(keras_private.current_rate(optimizer))
    fixed = optimizer_state.fixed(optimizer, indices)
    given = [{**item, "g": tensor(g)} for item, g in zip(items, grads, strict=True)]

    def made(full: bool) -> Any:
        new_items, new_shared = whole_apply(optimizer, full)(given, shared, fixed)
        new_items = [_alike(new, old) for new, old in zip(new_items, items, strict=True)]
        return new_items, _alike(new_shared, shared)

    if isinstance(due, bool):
        new_items, new_shared = made(due)
    else:
        new_items, new_shared = jax.lax.cond(due, lambda: made(True), lambda: made(False))
    if optimizer.use_ema:
        _average_others(optimizer, indices)
    targets = {f"{SHARED}{n}": v for n, v in optimizer.state.shared.items()}
    targets["iterations"] = iterations
    values = [(v, new_shared[n]) for n, v in targets.items() if new_shared[n] is not shared[n]]
    for held, new, old in zip(holders, new_items, items, strict=True):
        values += [(v, new[name]) for name, v in held.items() if new[name] is not old[name]]
    distribution.assign(optimizer, values)
    for variable in variables:
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))
    return True


def _due(optimizer: Any, iterations: Tensor) -> Any:
    """Whether this step changes the weights, or only accumulates; a tensor while it is traced."""
    period = optimizer.gradient_accumulation_steps
    due = not period or (iterations + 1) % period == 0
    return known(due)


def _average_others(optimizer: Any, indices: Sequence[int]) -> None:
    """Average the variables without a gradient in this step, as Keras does."""
    count = tensor(optimizer.iterations)
    variables = keras_private.trainable_variables(optimizer)
    for i, average in enumerate(keras_private.averages(optimizer)):
        if i not in indices and average is not None:
            x, new = averaged(optimizer, tensor(variables[i]), tensor(average), count)
            average.assign(new)
            variables[i].assign(x)


def _alike(new: dict[str, Tensor], old: dict[str, Tensor]) -> dict[str, Tensor]:
    """Cast new values to the dtypes of the old ones."""
    return {
        name: value if new[name] is value else ops.cast(new[name], value.dtype)
        for name, value in old.items()
    }
