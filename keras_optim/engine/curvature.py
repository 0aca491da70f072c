"""Curvature for rules that ask for it: a look at the batch's loss before the step.

A rule with `second = "hessian_product"` gets the Hessian times its `hessian_direction`; one with
`"sampled_gradient"` gets the gradient for labels that are drawn from the model. `observe` keeps
its part of them in slots, and only then the usual step begins. So the step itself, its
options and its kernels see nothing new. In the steps between, nothing of this is computed.
"""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_optim import keras_private
from keras_optim.contract import innermost
from keras_optim.engine import distribution, sparse_rows, validation
from keras_optim.engine.optimizer_state import state_of
from keras_optim.engine.second_pass import Offer, begun, missing, offer_of, offered
from keras_optim.engine.storing import Now, at_random, streams
from keras_optim.numerics import either
from keras_optim.tensors import Tensor, no_gradients, saturated, tensor, unconverted, widened
from keras_optim.trees import INNER, Tree


def observe(
    optimizer: Any, grads: Any, variables: Any, second: Callable[..., Sequence[Any]] | None
) -> None:
    """Let the rule of `optimizer` look at the curvature, if this is a step for it.

    Args:
        optimizer: One whose `second` is `"hessian_product"` or `"sampled_gradient"`.
        grads: The gradients of this step; a variable without one does not take part.
        variables: Their variables, or `None`: all for which the optimizer was built.
        second: Returns Hessian products, from directions; or gradients for drawn labels. `None`: a
            model offers them.

    Raises:
        ValueError: nobody offers them.
    """
    title = type(optimizer).__name__
    offer = offered() if second is None else offer_of(second)
    if offer is None:
        raise ValueError(missing(optimizer))
    if variables is None and not optimizer.built:
        return  # Keras raises an error
    grads, variables = begun(optimizer, grads, variables)
    distribution.check_replicas(title)
    moving = [
        i
        for i, (g, v) in enumerate(zip(grads, variables, strict=True))
        if g is not None and not keras_private.takes_its_gradient(optimizer, v)
    ]
    if moving:
        with no_gradients():
            _look(optimizer, variables, moving, offer)


@unconverted
def _look(optimizer: Any, variables: Sequence[Any], moving: list[int], offer: Offer) -> None:
    """Compute the new values of the slots of the `moving` variables, and assign them."""
    rule = innermost(optimizer)
    t = saturated(tensor(optimizer.iterations) + 1)
    due = (t - 1) % rule.second_period == 0
    if batches := optimizer.gradient_accumulation_steps:  # the last batch of a step stands for all
        due = ops.logical_and(due, (tensor(keras_private.iterations(optimizer)) + 1) % batches == 0)
    slots, states, moments = [], [], []
    targets: dict[str, Any] = {}
    for place in moving:
        i = keras_private.index_of(optimizer, variables[place])
        names, state = optimizer.state.slot_names[i], state_of(optimizer, i)
        for _ in range(_depth(optimizer)):
            names, state = names[INNER], state[INNER]
        slots.append({name: optimizer.state.slots[i][names[name]] for name in rule.observed})
        states.append(state)
        ats = streams(optimizer, {f"observed {n}": slot for n, slot in slots[-1].items()})
        moments.append((ats, Now(t, i)))
        targets |= {f"{name} {place}": slot for name, slot in slots[-1].items()}

    def looked() -> dict[str, Tensor]:
        seen = _seen(rule, variables, dict(zip(moving, states, strict=True)), t, offer)
        found: dict[str, Tensor] = {}
        for place, state, of_variable, (ats, now) in zip(
            moving, states, slots, moments, strict=True
        ):
            new = rule.observe(seen[place], widened(variables[place]), state, t)
            for name, slot in of_variable.items():
                value, at = _all_finite_or(new[name], state[name]), ats.get(f"observed {name}")
                value = value if at is None else at_random(value, "bfloat16", at, now)
                found[f"{name} {place}"] = ops.cast(value, slot.dtype)
        return found

    kept = {name: tensor(slot) for name, slot in targets.items()}
    new = either(due, looked, lambda: kept, list(kept))
    distribution.assign(optimizer, [(targets[name], value) for name, value in new.items()])


def _seen(
    rule: Any, variables: Sequence[Any], states: dict[int, Tree], t: Tensor, offer: Offer
) -> list[Tensor]:
    """Return the product or gradient of each variable, in the precision of the update."""
    if rule.second == "sampled_gradient":
        found = offer.sampled(variables, (rule.seed, t))
    else:
        directions = [ops.zeros_like(tensor(v)) for v in variables]
        for place, state in states.items():
            x = variables[place]
            directions[place] = ops.cast(rule.hessian_direction(widened(x), state, t), x.dtype)
        found = offer.products(variables, directions)
    found = validation.checked_gradients(type(rule).__name__, found, variables)
    found = [sparse_rows.dense(h) for h in found]
    return [
        ops.zeros_like(widened(v)) if h is None else widened(h, like=widened(v))
        for h, v in zip(found, variables, strict=True)
    ]


def _all_finite_or(new: Tensor, old: Tensor) -> Tensor:
    """Return an estimate, or the old one if a number of it overflowed."""
    return ops.where(ops.all(ops.isfinite(new)), new, old)


def _depth(optimizer: Any) -> int:
    depth = 0
    while (inner := getattr(optimizer, "inner", None)) is not None:
        optimizer, depth = inner, depth + 1
    return depth
