"""The loss in the step, for rules that see it.

A rule with `sees_loss` finds the loss of its gradients in the shared state `loss`. The step of a
model offers it (`keras_optim.two_pass`), or a loop of the user's own gives it
(`apply(..., loss=value)`). It is the loss before scaling. While gradients are accumulated, it is
the mean over their batches.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private
from keras_optim.engine import distribution, validation
from keras_optim.tensors import Tensor, no_gradients, tensor

LOSS = "loss"

_offered: contextvars.ContextVar[Callable[[], Tensor] | None] = contextvars.ContextVar(
    "loss", default=None
)


@contextlib.contextmanager
def offering(loss: Callable[[], Tensor]) -> Iterator[None]:
    """Offer the loss to the steps inside."""
    token = _offered.set(loss)
    try:
        yield
    finally:
        _offered.reset(token)


def given(loss: Any) -> contextlib.AbstractContextManager[None]:
    """Offer the value of a loss to the steps inside, unless it is `None`."""
    return contextlib.nullcontext() if loss is None else offering(lambda: loss)


def note(optimizer: Any, loss: Any, variables: Sequence[Any] | None) -> None:
    """Write the loss of this step into the shared state of the rules that see it.

    Args:
        optimizer: One that sees the loss.
        loss: The loss before scaling, a number; `None`: a model offers it.
        variables: The variables of the step, for which it is built if it is not.

    Raises:
        ValueError: nobody offers the loss, or it is no single number; or each of several replicas
            has a loss of its own.
    """
    title = type(optimizer).__name__
    offered = _offered.get()
    if loss is None and offered is None:
        raise ValueError(missing(title))
    distribution.check_one_loss(title)
    if variables is not None and not optimizer.built:
        variables = validation.checked_variables(title, "trainable_variables", variables)
        validation.built_for(optimizer, variables)
    if not optimizer.built:
        return  # Keras raises an error
    with no_gradients():
        value = offered() if loss is None and offered else loss
        for rule, names in optimizer.state.owners:
            if LOSS not in names or not type(rule).sees_loss:
                continue
            kept = optimizer.state.shared[names[LOSS]]
            now = ops.convert_to_tensor(value, kept.dtype)
            if shape := tuple(now.shape):
                raise ValueError(f"{title}: `loss` must be one number. Received: shape {shape}")
            if period := optimizer.gradient_accumulation_steps:
                count = ops.cast(tensor(keras_private.iterations(optimizer)) % period, kept.dtype)
                now = tensor(kept) + (now - tensor(kept)) / (count + 1.0)
            kept.assign(now)


def refuse_plain(optimizer: Any, model: Any) -> None:
    """Raise a ValueError if `optimizer` sees the loss, and the model has Keras's step."""
    plain = getattr(model.train_step, "__func__", None) is keras.Model.train_step
    if optimizer.sees_loss and plain:
        raise ValueError(missing(type(optimizer).__name__))


def missing(title: str) -> str:
    """Return the message for a step without the loss that it needs."""
    return (
        f"{title}: each step needs the loss, which a plain Keras model does not hand over. Add one "
        "line before `fit`: keras_optim.two_pass(model). In a training loop of your own, write "
        "optimizer.apply(gradients, variables, loss=value), with the loss before any scaling."
    )
