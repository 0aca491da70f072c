"""Contenders: implementations of one optimizer step, ours, Keras's and other libraries'.

Each is a function that builds a step from starting values and gradients. A step is a function
without arguments that returns when the work is done.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

import keras_optim
from benchmarks.step_cost import other_libraries
from benchmarks.step_cost.device import BACKEND
from benchmarks.step_cost.other_libraries import Build, Step
from benchmarks.step_cost.report import OURS
from keras_optim.contract import VariableSpec

KERAS = {
    "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "adagrad": "Adagrad", "rmsprop": "RMSprop",
    "adadelta": "Adadelta", "adamax": "Adamax", "nadam": "Nadam", "lion": "Lion", "lamb": "Lamb",
    "adafactor": "Adafactor", "ftrl": "Ftrl",
}  # fmt: skip


def of(name: str) -> dict[str, Build]:
    """Find the contenders of this backend for the catalog's `name`, ours first."""
    found: dict[str, Build] = {key: _keras(make) for key, make in keras_optimizers(name).items()}
    if BACKEND == "torch":
        found[f"{OURS}, eager"] = _eager(found[OURS])
        found |= other_libraries.of_torch(name)
    if BACKEND == "jax":
        found |= other_libraries.optax(name)
    return found


def keras_optimizers(name: str) -> dict[str, Callable[[], keras.optimizers.Optimizer]]:
    """Find the contenders that a Keras model can be compiled with."""
    found: dict[str, Callable[[], keras.optimizers.Optimizer]] = {OURS: lambda: ours(name)}
    if name in KERAS:
        found["Keras"] = lambda: getattr(keras.optimizers, KERAS[name])()
    if not ours(name).shared:
        found["plain subclass"] = lambda: PlainSubclass(ours(name))
    return found


def ours(name: str) -> keras_optim.Optimizer:
    """Create our optimizer from a name such as `adam` or `lookahead(adam)`."""
    outer, _, inner = name.rstrip(")").partition("(")
    if inner:
        return keras_optim.get(outer, inner=keras_optim.get(inner))
    return keras_optim.get(name)


class PlainSubclass(keras.optimizers.Optimizer):
    """Optimizer with the same rule in Keras's usual form: `update_step`, variable by variable."""

    def __init__(self, rule: keras_optim.Optimizer):
        super().__init__(float(np.asarray(rule.learning_rate)))
        self.rule = rule

    def build(self, variables: Sequence[Any]) -> None:
        """Create the state of the rule."""
        if self.built:
            return
        super().build(variables)
        self.states = []
        for variable in variables:
            x = keras.ops.convert_to_tensor(variable)
            starts = self.rule.slot_starts(x, {})
            like = {n: variable if value is None else value for n, value in starts.items()}
            self.states.append({n: self.add_variable(v.shape, name=n) for n, v in like.items()})
            for slot, value in starts.items():
                if value is not None:
                    self.states[-1][slot].assign(value)
        specs = [VariableSpec(v.path, tuple(v.shape)) for v in variables]
        self.constants = self.rule.constants(specs)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        rate = keras.ops.cast(learning_rate, variable.dtype)
        slots = self.states[self._get_variable_index(variable)]
        state = {name: keras.ops.convert_to_tensor(slot) for name, slot in slots.items()}
        constants = self.constants[self._get_variable_index(variable)]
        constants = {**constants, "weight_decay": self.rule.weight_decay or 0.0}
        x = keras.ops.convert_to_tensor(variable)
        change, state = self.rule.step(
            gradient, x, {**state, **constants}, self.iterations + 1, rate
        )
        self.assign_add(variable, change)
        for slot, value in state.items():
            self.assign(slots[slot], value)


# ---- through Keras, on each backend


def _keras(make: Callable[[], keras.optimizers.Optimizer]) -> Build:
    def build(starts: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> Step:
        xs = [keras.Variable(x) for x in starts]
        gs = [keras.ops.convert_to_tensor(g) for g in gradients]
        optimizer = make()
        optimizer.build(xs)
        if BACKEND == "jax":
            return _jax_step(optimizer, gs, xs)
        if BACKEND == "tensorflow":
            import tensorflow as tf

            step = tf.function(lambda: optimizer.apply(gs, xs))
            return lambda: (step(), xs[-1].numpy())
        return lambda: optimizer.apply(gs, xs)

    return build


def _jax_step(optimizer: Any, gs: Any, xs: Any) -> Step:
    import jax

    def pure(trainable: Any, state: Any, gs: Any) -> Any:
        return optimizer.stateless_apply(state, gs, trainable)

    compiled = jax.jit(pure, donate_argnums=(0, 1))
    kept = [[x.value + 0 for x in xs], [v.value + 0 for v in optimizer.variables]]

    def step() -> Any:
        kept[:] = compiled(*kept, gs)
        return jax.block_until_ready(kept)

    return step


def _eager(build: Build) -> Build:
    """Make our optimizer without native steps."""

    def eager(starts: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> Step:
        step = build(starts, gradients)
        setting = os.environ.get("KERAS_OPTIM_TORCH")
        os.environ["KERAS_OPTIM_TORCH"] = "eager"  # read in the first step
        try:
            step()
        finally:
            del os.environ["KERAS_OPTIM_TORCH"]
            if setting:
                os.environ["KERAS_OPTIM_TORCH"] = setting
        return step

    return eager
