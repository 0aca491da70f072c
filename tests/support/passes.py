"""Steps of any optimizer of ours on given gradients, with the second pass of those that need one.

Gradients alone are those of a linear loss: the same at all weights.
"""

import keras_optim

LOSS = 5.0
"""The loss of each step, for those that see it."""


def apply(optimizer, gs, xs=None, second=None):
    """One step in place; of a loss that is not linear, `second` computes the gradients."""
    optimizer.apply(gs, xs, **_needed(optimizer, second or (lambda: list(gs))))


def curved(gs, xs):
    """Gradients that are `gs` at the weights as they are now, and change with them."""
    starts = [x.numpy() for x in xs]
    return lambda: [g if g is None else g + (x - a) for g, x, a in zip(gs, xs, starts, strict=True)]


def stateless_apply(optimizer, state, gs, values):
    """One step without changing anything: new values, new state."""
    return optimizer.stateless_apply(state, gs, values, **_needed(optimizer, lambda _: list(gs)))


def ready(model):
    """`model`, whose `fit` makes as many passes as its optimizer needs."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    plain = optimizer.second == "none" and not optimizer.sees_loss
    return model if plain else keras_optim.two_pass(model)


def _needed(optimizer, second):
    loss = {"loss": LOSS} if optimizer.sees_loss else {}
    return loss if optimizer.second == "none" else {**loss, "second": second}
