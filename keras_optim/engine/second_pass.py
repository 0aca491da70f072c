"""The second pass of a step: another gradient, at weights that the rule chooses from the first.

A rule with `second = "gradient"` runs twice. First `measure`, `pool` and `probe` see the gradient
at the weights and choose an offset. Then the whole step sees the gradient at the weights plus the
offset. A function that computes it comes from the step of a model (`offering`), or from a loop of
the user's own (`apply(..., second=function)`).
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private
from keras_optim.differentiation import recording_gradients
from keras_optim.engine import combining, distribution, sparse_rows, validation
from keras_optim.engine.optimizer_state import fixed, shared_now
from keras_optim.engine.rule import step_all
from keras_optim.tensors import (
    Tensor,
    no_gradients,
    saturated,
    shaped,
    tensor,
    tensors,
    unconverted,
    widened,
)
from keras_optim.trees import Tree

Gradients = Callable[[Sequence[Any], Sequence[Any], Sequence[Tensor]], Sequence[Any]]
"""A function of the first gradients, their variables and a value for each, for the gradients
there."""


@dataclass(frozen=True)
class Offer:
    """Functions of a batch for second passes."""

    gradients: Gradients
    """Gradients at other weights."""
    products: Callable[[Sequence[Any], Sequence[Tensor]], Sequence[Any]]
    """A function of variables and a direction for each, for the Hessian times these."""
    sampled: Callable[[Sequence[Any], tuple[int, Tensor]], Sequence[Any]]
    """A function of variables and of a seed and the step, for the gradients of the mean loss for
    labels drawn from the model, times the root of their number."""


_offered: contextvars.ContextVar[Offer | None] = contextvars.ContextVar(
    "second passes", default=None
)


@contextlib.contextmanager
def offering(offer: Offer) -> Iterator[None]:
    """Offer second passes to the steps inside."""
    token = _offered.set(offer)
    try:
        yield
    finally:
        _offered.reset(token)


def offer_of(function: Callable[..., Sequence[Any]]) -> Offer:
    """Return an offer, from a function of values, of directions, or of nothing."""
    return Offer(
        gradients=lambda _, variables, values: function(values),
        products=lambda variables, directions: function(directions),
        sampled=lambda variables, seed: function(),
    )


def given(function: Callable[..., Sequence[Any]] | None) -> contextlib.AbstractContextManager[None]:
    """Offer a function to the steps inside, unless it is `None`."""
    return contextlib.nullcontext() if function is None else offering(offer_of(function))


def offered() -> Offer | None:
    """Return the offer of the model whose step this is."""
    return _offered.get()


def second_gradients(
    optimizer: Any, grads: Any, variables: Any, second: Callable[[], Any] | None
) -> Sequence[Any]:
    """Return the gradients that `optimizer` steps with, from those of the first pass.

    Args:
        optimizer: One that needs a second pass.
        grads: The gradients at the weights.
        variables: Their variables, or `None`: all for which the optimizer was built.
        second: Returns the gradients at the weights that the variables have when it is called;
            `None`: a model offers them.

    Raises:
        ValueError: nobody offers them; or they lack one that the first gradients have.
    """
    offer = offered()
    at = _assigning(optimizer, second) if second else (offer.gradients if offer else None)
    if at is None:
        raise ValueError(missing(optimizer))
    if variables is None and not optimizer.built:
        return grads  # Keras raises an error
    grads, variables = begun(optimizer, grads, variables)
    if all(g is None for g in grads):
        return grads
    rule = combining.rule_of(optimizer)
    if rule is None:
        return _second(optimizer, grads, variables, at)
    if rule.second_period > 1:
        look = functools.partial(_second, optimizer, grads, variables, at)
        return combining.rarely_combined(optimizer, grads, variables, look)
    seconds = _second(optimizer, grads, variables, at)
    return combining.combined(optimizer, grads, seconds, variables)


def _second(optimizer: Any, grads: Any, variables: Any, at: Gradients) -> list[Any]:
    """Return the gradients at the weights that the rule chooses, from the function for them."""
    title = type(optimizer).__name__
    with no_gradients():
        points = probed(optimizer, grads, variables)
    seconds = validation.checked_gradients(title, at(grads, variables, points), variables)
    for first, g, variable in zip(grads, seconds, variables, strict=True):
        if first is not None and g is None:
            raise ValueError(
                f"{title}: the second pass has no gradient of {variable.path}, which has one in "
                "the first. Both must compute the same loss, from the Keras variables."
            )
    return [None if first is None else g for first, g in zip(grads, seconds, strict=True)]


def begun(optimizer: Any, grads: Any, variables: Any) -> tuple[list[Any], list[Any]]:
    """Check gradients and variables of a step, and build `optimizer` if this is its first.

    Raises:
        TypeError, ValueError: as `Optimizer.apply`.
    """
    title = type(optimizer).__name__
    if variables is None:
        variables = keras_private.trainable_variables(optimizer)
    variables = validation.checked_variables(title, "trainable_variables", variables)
    grads = validation.checked_gradients(title, grads, variables)
    validation.built_for(optimizer, variables)
    keras_private.check_known(optimizer, variables)
    return grads, variables


@unconverted
def probed(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any]) -> list[Tensor]:
    """Return the weights at which `optimizer` wants the second gradients; change no variable."""
    points = [tensor(v) for v in variables]
    moving = [
        i
        for i, (g, v) in enumerate(zip(grads, variables, strict=True))
        if g is not None and not keras_private.takes_its_gradient(optimizer, v)
    ]
    places = [keras_private.index_of(optimizer, variables[i]) for i in moving]
    scale = optimizer.loss_scale_factor
    dense = [shaped(sparse_rows.dense(grads[i]), variables[i]) for i in moving]
    dense = dense if scale is None else [widened(g) / scale for g in dense]
    state = optimizer.state
    offsets, *_ = step_all(
        _Probing(optimizer),
        distribution.summed(optimizer, dense),
        [points[i] for i in moving],
        [tensors(state.slots[i]) for i in places],
        shared_now(optimizer, asking=False),
        saturated(tensor(optimizer.iterations) + 1),
        tensor(keras_private.rate_now(optimizer, keras_private.learning_rate(optimizer), False)),
        fixed(optimizer, places),
    )
    for i, offset in zip(moving, offsets, strict=True):
        x = points[i]
        points[i] = (
            x + offset if x.dtype == offset.dtype else ops.cast(widened(x) + offset, x.dtype)
        )
    return points


class _Probing:
    """A rule that moves the weights by the offset of another one."""

    _recording = None  # the step that follows is recorded

    def __init__(self, rule: Any):
        self.measure, self.pooled, self.probe = rule.measure, rule.pooled, rule.probe
        self.shared_starts = rule.shared_starts

    def together(self, gs: Sequence[Tensor], ss: Sequence[Tree], t: Tensor) -> Sequence[Tree]:
        """Return the states as they are: no step of the rule follows."""
        return ss

    def step(self, g: Tensor, x: Tensor, s: Tree, *others: Tensor) -> tuple[Tensor, Tree]:
        """Return the offset, and the state as it is."""
        return self.probe(g, x, s, *others), s


def _assigning(optimizer: Any, function: Callable[[], Any]) -> Gradients:
    """Return a function that calls `function` while the variables hold the values."""

    def gradients(_: Any, variables: Sequence[Any], values: Sequence[Tensor]) -> Any:
        # No `return` inside of `with`, which TensorFlow's AutoGraph loses.
        with _holding(optimizer, variables, values), recording_gradients():
            found = function()
        return found

    return gradients


@contextlib.contextmanager
def _holding(optimizer: Any, variables: Sequence[Any], values: Sequence[Tensor]) -> Iterator[None]:
    """Let variables hold other values inside, and restore their own afterwards."""
    with no_gradients():
        before = [ops.copy(tensor(v)) for v in variables]
        distribution.assign(optimizer, list(zip(variables, values, strict=True)))
    try:
        yield
    finally:
        with no_gradients():
            distribution.assign(optimizer, list(zip(variables, before, strict=True)))


def refuse_plain(optimizer: Any, model: Any) -> None:
    """Raise a ValueError if `optimizer` needs a second pass, and the model has Keras's step."""
    plain = getattr(model.train_step, "__func__", None) is keras.Model.train_step
    if optimizer.second != "none" and plain:
        raise ValueError(missing(optimizer))


_NEEDS = {
    "gradient": (
        "each step needs a second gradient",
        "function() returns the gradients at the weights that the variables have when it is called",
    ),
    "hessian_product": (
        "steps need Hessian products",
        "function(directions) returns the Hessian times one tensor for each variable, such as "
        "keras_optim.hessian_products(loss, variables)",
    ),
    "sampled_gradient": (
        "steps need a gradient for labels that are drawn from the model",
        "function() returns it, times the root of the number of labels",
    ),
}


def missing(optimizer: Any) -> str:
    """Return the message for a step without the second pass that it needs."""
    need, function = _NEEDS[optimizer.second]
    return (
        f"{type(optimizer).__name__}: {need}, which a plain Keras model does not compute. "
        "Add one line before `fit`: keras_optim.two_pass(model). In a training loop of your own, "
        f"write optimizer.apply(gradients, variables, second=function), where {function}."
    )
