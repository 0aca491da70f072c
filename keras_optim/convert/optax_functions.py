"""Conversion from and to optax. Only a conversion imports JAX and optax."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_optim import keras_private
from keras_optim.convert import states
from keras_optim.convert.counterparts import Array
from keras_optim.convert.optax_rows import LIBRARY
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer


def from_optax(algorithm: str, state: Any, variables: Sequence[Any], **arguments: Any) -> Optimizer:
    """Convert a transformation of optax to our optimizer, for `variables`.

    The state names neither the function nor most of its arguments, so give both:
    `from_optax("adamw", state, variables, learning_rate=1e-3, weight_decay=0.1)`. Arguments that
    you leave out have optax's defaults. With `optax.inject_hyperparams` all numbers are in the
    state.

    Args:
        algorithm: Name of the function, `"adamw"`.
        state: The state of the transformation.
        variables: The Keras variables, in the order of `jax.tree.leaves(params)`. They must have
            the weights already, because the conversion does not change these.
        **arguments: Of that function. `learning_rate` may be a schedule of Keras; `mask` must be
            a tree of truth values.

    Returns:
        An optimizer of keras_optim, built for `variables`.

    Raises:
        TypeError: the function has no such argument.
        ValueError: it has no counterpart here, or does not fit the variables; the message names
            the reason.
    """
    import jax
    import optax

    LIBRARY.rows_of(algorithm)
    fields = list(_fields(state))
    arguments = {**dict(_hyperparameters(fields)), **arguments}
    rate = arguments.get("learning_rate")
    if callable(rate) and not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        raise ValueError(
            f"{algorithm} of optax cannot be converted: `learning_rate` is a function of the step. "
            "Give a number, or a schedule of Keras."
        )
    signature = inspect.signature(getattr(optax, algorithm))
    bound = signature.bind(**arguments)
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    mask = arguments.pop("mask", None)
    row, config = LIBRARY.read(algorithm, arguments)
    variables = list(variables)

    kept: dict[str, list[Array]] = {}
    counts, started = [], False
    for owner, name, value in fields:
        leaves = jax.tree.leaves(value)
        if name == "count":
            counts += [int(count) for count in leaves]
        elif name == "is_initial_step":
            started = not leaves[0]
        elif name in row.slots:
            states.check_lengths("from_optax", variables, leaves)
            kept[name] = leaves
        elif leaves and name != "hyperparams":
            raise ValueError(
                f"{algorithm} of optax cannot be converted: the state holds `{name}` "
                f"({owner}), which optax.{algorithm} does not keep."
            )
    ours = row.ours(**config)
    needed = {n for n, slot in row.slots.items() if getattr(slot, "ours", slot) in ours.slots}
    if missing := sorted(needed - set(kept)):
        raise ValueError(
            f"{algorithm} of optax cannot be converted: the state has no `{missing[0]}`. Does it "
            "come from this function, with these arguments?"
        )
    if mask is not None:
        states.exempt(ours, variables, _truths(mask, variables))
    ours.build(variables)
    arrays = [
        {n: np.asarray(leaves[i]) for n, leaves in kept.items()} for i in range(len(variables))
    ]
    if len(set(counts)) > 1:
        raise ValueError(
            f"{algorithm} of optax cannot be converted: it has several counts, {counts}."
        )
    states.take(row, ours, arrays, max(counts, default=int(started)))
    return ours


def to_optax(optimizer: Optimizer, params: Any) -> tuple[Any, Any]:
    """Convert our optimizer to a transformation of optax and its state.

    This is the reverse of `from_optax`. A schedule becomes its present rate, and a warning says so.

    Args:
        optimizer: One of keras_optim, built; not a wrapper.
        params: A tree of arrays. Its leaves are the variables' values, in their order.

    Returns:
        The transformation, and its state for `params`.

    Raises:
        ValueError: it is not built, has no counterpart there, or does not fit `params`.
    """
    import jax
    import jax.numpy as jnp
    import optax

    states.check_built("to_optax", optimizer)
    row, arguments = LIBRARY.write(optimizer, optimizer, states.present_rate("to_optax", optimizer))
    leaves, tree = jax.tree.flatten(params)
    variables = keras_private.trainable_variables(optimizer)
    states.check_lengths("to_optax", variables, leaves)
    for leaf, variable in zip(leaves, variables, strict=True):
        if tuple(np.shape(leaf)) != tuple(variable.shape):
            raise ValueError(
                f"to_optax: the leaf for {variable.path} must have the shape "
                f"{tuple(variable.shape)}. Received: shape {np.shape(leaf)}. Are they in the order "
                "of the variables?"
            )
    decayed = [c["decayed"] for c in states.constants_of(optimizer)]
    if not all(decayed) and arguments.get("weight_decay"):
        arguments["mask"] = tree.unflatten(decayed)
    transformation = getattr(optax, row.theirs)(**arguments)
    given, count = states.give(row, optimizer), states.count_of(optimizer)

    def filled(node: Any) -> Any:
        if hasattr(node, "_fields"):
            changes = {}
            for name in node._fields:
                old = getattr(node, name)
                if name == "count":
                    changes[name] = jnp.asarray(count, old.dtype)
                elif name == "is_initial_step":
                    changes[name] = jnp.asarray(count == 0)
                elif name in row.slots and given and name in given[0]:
                    new = [s[name] for s in given]
                    changes[name] = tree.unflatten(
                        [
                            jnp.asarray(n, o.dtype)
                            for n, o in zip(new, jax.tree.leaves(old), strict=True)
                        ]
                    )
                else:
                    changes[name] = filled(old)
            return node._replace(**changes)
        return tuple(map(filled, node)) if type(node) is tuple else node

    return transformation, filled(transformation.init(params))


def _fields(node: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield the fields of all named tuples of a state: owner, name, value."""
    for name in getattr(node, "_fields", ()):
        if name == "inner_state":
            yield from _fields(getattr(node, name))
        else:
            yield type(node).__name__, name, getattr(node, name)
    if type(node) in (tuple, list):
        for part in node:
            yield from _fields(part)


def _hyperparameters(fields: Sequence[tuple[str, str, Any]]) -> Iterator[tuple[str, Any]]:
    for _, name, value in fields:
        if name == "hyperparams":
            yield from ((key, np.asarray(number).item()) for key, number in value.items())


def _truths(mask: Any, variables: Sequence[Any]) -> list[bool]:
    import jax

    leaves = jax.tree.leaves(mask)
    if callable(mask) or len(leaves) != len(variables):
        raise ValueError(
            "from_optax: `mask` must be a tree with one truth value for each variable. "
            f"Received: {shown(mask)}"
        )
    return [bool(leaf) for leaf in leaves]
