"""Steps of an optimizer on one variable, from gradients that are given as a formula."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

Gradient = Callable[[Any, Any], Any]
"""Function of the number of the step, from 1, and of the variable's value."""


def stepped(
    optimizer: keras.optimizers.Optimizer, variable: keras.Variable, gradient: Gradient, steps: int
) -> Any:
    """Return the values of a variable after each step, that before the first included.

    On JAX, all steps are one compiled loop; elsewhere each is a call of `apply`, which is slower.

    Args:
        optimizer: New. The variable's constraint acts after each step.
        variable: Holds the start.
        gradient: The gradient before step `t`, written in `keras.ops`.
        steps: Their number, >= 1.

    Returns:
        An array of shape (steps + 1, *shape of the variable).

    Example:

    >>> x = keras.Variable([4.0])
    >>> stepped(keras.optimizers.SGD(0.25), x, lambda t, value: 2 * value, 2).tolist()
    [[4.0], [2.0], [1.0]]
    """
    optimizer.build([variable])
    start = np.array(ops.convert_to_numpy(variable), dtype="float64")
    scan = keras.backend.backend() == "jax"
    values = (_scanned if scan else _called)(optimizer, variable, gradient, steps)
    return np.concatenate([start[None], values])


def _scanned(optimizer: Any, variable: Any, gradient: Gradient, steps: int) -> Any:
    import jax
    import jax.numpy as jnp

    def one(carry: Any, t: Any) -> Any:
        value, state = carry
        [value], state = optimizer.stateless_apply(state, [gradient(t, value)], [value])
        return (value, state), value

    begin = (variable.value, [v.value for v in optimizer.variables])
    count = jnp.arange(1, steps + 1, dtype="int32")
    _, values = jax.jit(lambda carry: jax.lax.scan(one, carry, count))(begin)
    return np.asarray(values, dtype="float64")


def _called(optimizer: Any, variable: Any, gradient: Gradient, steps: int) -> Any:
    def one(t: Any) -> None:
        value = ops.copy(variable.value)
        optimizer.apply([gradient(t, value)], [variable])

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        one = tf.function(one)
    values = []
    for t in range(1, steps + 1):
        one(ops.convert_to_tensor(t, "int32"))
        values.append(np.array(ops.convert_to_numpy(variable.value), dtype="float64"))
    return np.stack(values)
