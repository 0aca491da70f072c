"""The weights to test with, in the place of those that are trained, and back again.

`Optimizer.evaluate` says what the former are. Whatever tests or saves a model swaps them in; the
trained weights, and the state that goes with them, wait in copies and come back bit by bit.
"""

from typing import Any

from keras import ops

from keras_optim import running


def swapped(optimizer: Any) -> bool:
    """Whether other weights than those that are trained stand in the model."""
    return bool(optimizer.built and optimizer._plan.kept)


def swap_in(optimizer: Any) -> None:
    """Put the weights to test with into the model. Does nothing where they are there already.

    The state is made to fit them, so that what is saved meanwhile can be trained on.
    """
    if not optimizer.built or swapped(optimizer):
        return
    kept, new = optimizer._plan.kept, []
    with running.no_gradients():
        for i, variable in enumerate(optimizer._trainable_variables):
            state = running.state_of(optimizer, i)
            value = optimizer.evaluate(running.widened(variable), state) if state else None
            if value is None:
                continue
            slots = optimizer._plan.states[i]
            settled = optimizer.settle(running.widened(variable), state)
            targets = [(variable, value), *((slots[n], v) for n, v in settled.items())]
            kept += [(target, ops.copy(running.tensor(target))) for target, _ in targets]
            new += targets
        _assign(optimizer, new)


def swap_out(optimizer: Any) -> None:
    """Put the weights that are trained back, where others were swapped in."""
    if swapped(optimizer):
        with running.no_gradients():
            _assign(optimizer, optimizer._plan.kept)
        optimizer._plan.kept.clear()


def finish(optimizer: Any) -> None:
    """Make the weights to test with the weights."""
    swap_in(optimizer)
    if optimizer.built:
        optimizer._plan.kept.clear()


def _assign(optimizer: Any, targets: list[tuple[Any, Any]]) -> None:
    for target, value in targets:
        optimizer.assign(target, ops.cast(value, target.dtype))
