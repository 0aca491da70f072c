"""Paths of an optimizer on all functions at all rates, as one compiled loop on JAX.

A Keras model has one layer, whose weights are the point, and whose output is the function. It
trains by its own train step. So second passes, losses and averages come as in any training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.toys.forms import Form, coordinates, form_of, shaped
from benchmarks.toys.functions import Function
from keras_optim import keras_private
from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.process.errors import UsageError
from keras_optim.two_pass import two_pass


@dataclass(frozen=True, eq=False)
class Walk:
    """Points and values on a function at a rate, the start included."""

    rate: float
    points: Any
    values: Any


def walks(
    contender: Contender, functions: Sequence[Function], rates: Sequence[float], fixed: Any = None
) -> list[list[Walk]]:
    """Return the walk of an optimizer on each function at each rate.

    The points are evaluation weights: those of an optimizer that averages are the average.

    Args:
        contender: The optimizer.
        functions: Their walks have their own numbers of steps.
        rates: Learning rates.
        fixed: Other hyper-parameters of the optimizer.

    Raises:
        UsageError: the backend is another than JAX.
    """
    if keras.backend.backend() != "jax":
        raise UsageError(
            "the paths are computed on JAX alone, as one compiled loop: KERAS_BACKEND=jax"
        )
    models = [_model(contender, functions, k, fixed or {}) for k in range(len(functions))]
    points = _points(models, rates, max(function.steps for function in functions))
    found = []
    for k, function in enumerate(functions):
        own = points[k * len(rates) : (k + 1) * len(rates), : function.steps + 1]
        x, y = (ops.convert_to_tensor(own[..., axis]) for axis in (0, 1))
        values = np.array(ops.convert_to_numpy(function.value(x, y)), "float64")
        each = zip(rates, own.astype("float64"), values, strict=True)
        found.append([Walk(rate, p, v) for rate, p, v in each])
    return found


class Point(keras.layers.Layer):
    """Layer whose weights are a point, and whose output is one of several functions of it."""

    def __init__(self, functions: Sequence[Function], which: int, form: Form):
        super().__init__(name="point")
        self.functions, self.form = functions, form
        start = shaped(functions[which].start, form)
        self.kernel = self.add_weight(start.shape, _constant(start), name="kernel")
        self.which = self.add_weight(
            (), _constant(which), dtype="int32", trainable=False, name="which"
        )

    def call(self, inputs: Any) -> Any:
        """Return the function's value, of the shape of the inputs."""
        x, y = coordinates(self.kernel, self.form)
        each = [lambda x, y, f=f: ops.cast(f.value(x, y), "float32") for f in self.functions]
        return 0 * inputs + ops.switch(ops.convert_to_tensor(self.which), each, x, y)


def _constant(value: Any) -> Any:
    return lambda shape, dtype=None: ops.array(value, dtype)


def _model(contender: Contender, functions: Sequence[Function], which: int, fixed: Any) -> Any:
    optimizer = contender.make(fixed)
    inputs = keras.Input((1,), batch_size=1)
    model = keras.Model(inputs, Point(functions, which, form_of(optimizer))(inputs))
    model.compile(optimizer, lambda _, value: value)
    keras_private.build_for(model, (np.zeros((1, 1), "float32"),) * 2 + (None,))
    if getattr(optimizer, "second", "none") != "none" or getattr(optimizer, "sees_loss", False):
        two_pass(model)
    return model


def _points(models: Sequence[Any], rates: Sequence[float], steps: int) -> Any:
    """Return the evaluation weights before the first step and after each, for model and rate."""
    import jax
    import jax.numpy as jnp

    from keras_optim.compare.training.evaluator import evaluation_weights

    first = models[0]
    optimizer = first.optimizer
    form, averages = form_of(optimizer), optimizer.averaging
    batch = (jnp.zeros((1, 1)), jnp.zeros((1, 1)))

    def one(state: Any) -> Any:
        _, state = first.train_step(state, batch)
        state = tuple(list(group) for group in state)
        trained, _, slots, _ = state
        [point] = evaluation_weights(first, trained, slots) if averages else trained
        return state, jnp.stack(coordinates(point, form))

    states = [_state(model, rate) for model in models for rate in rates]
    stacked = jax.tree.map(lambda *v: jnp.stack(v), *states)
    axes: Any = tuple([0] * len(group) for group in stacked)
    count = _place(optimizer, keras_private.iterations(optimizer))
    stacked[2][count], axes[2][count] = states[0][2][count], None  # so that refreshes stay rare
    mapped = jax.vmap(one, in_axes=(axes,), out_axes=(axes, 0))
    run = jax.jit(lambda state: jax.lax.scan(lambda s, _: mapped(s), state, length=steps))
    starts = np.array([coordinates(np.asarray(s[0][0]), form) for s in states])
    _, points = run(stacked)
    return np.concatenate([starts[:, None], np.swapaxes(np.asarray(points), 0, 1)], 1)


def _state(model: Any, rate: float) -> Any:
    """Return the values of all variables, with another learning rate."""
    import jax.numpy as jnp

    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    state = tuple([jnp.array(v.value) for v in group] for group in groups)
    place = _place(model.optimizer, keras_private.learning_rate(model.optimizer))
    state[2][place] = jnp.full_like(state[2][place], rate)
    return state


def _place(optimizer: Any, variable: Any) -> int:
    return next(k for k, v in enumerate(optimizer.variables) if v is variable)
