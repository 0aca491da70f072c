"""Steps of any optimizer of ours on given gradients, with the second pass of those that need one.

Gradients alone are those of a linear loss: the same at all weights.
"""

import keras_optim


def apply(optimizer, gs, xs=None, second=None):
    """One step in place; of a loss that is not linear, `second` computes the gradients."""
    optimizer.apply(gs, xs, **_needed(optimizer, second or (lambda: list(gs))))


def stateless_apply(optimizer, state, gs, values):
    """One step without changing anything: new values, new state."""
    return optimizer.stateless_apply(state, gs, values, **_needed(optimizer, lambda _: list(gs)))


def ready(model):
    """`model`, whose `fit` makes as many passes as its optimizer needs."""
    return model if model.optimizer.second == "none" else keras_optim.two_pass(model)


def _needed(optimizer, second):
    return {} if optimizer.second == "none" else {"second": second}
