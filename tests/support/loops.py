"""Loops of many steps of an optimizer in one call, compiled if the backend can."""

import keras
from keras import ops

from tests.support.passes import apply, stateless_apply

BACKEND = keras.backend.backend()


def repeat(optimizer, xs, gradients, steps):
    """Apply `gradients(t, xs)` for `t` from 1 to `steps`; `xs` are variables, changed in place."""
    optimizer.build(xs)
    {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[BACKEND](
        optimizer, xs, gradients, steps
    )


def _jax(optimizer, xs, gradients, steps):
    import jax

    @jax.jit
    def loop(values, state):
        def step(t, both):
            values, state = both
            return stateless_apply(optimizer, state, gradients(t, values), values)

        return jax.lax.fori_loop(1, steps + 1, step, (values, state))

    values, state = loop([x.value for x in xs], [v.value for v in optimizer.variables])
    for variable, value in zip((*xs, *optimizer.variables), (*values, *state), strict=True):
        variable.assign(value)


def _tensorflow(optimizer, xs, gradients, steps):
    import tensorflow as tf

    @tf.function
    def loop():
        for t in tf.range(1, steps + 1):
            apply(optimizer, gradients(t, [tf.convert_to_tensor(x.value) for x in xs]), xs)

    loop()


def _torch(optimizer, xs, gradients, steps):
    for t in range(1, steps + 1):
        gs = gradients(ops.convert_to_tensor(t), [x.value.detach() for x in xs])
        apply(optimizer, gs, xs)
