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
from keras_optim.engine.optimizer_state import (
    Fixed,
    shared_names,
    slot_names,
    with_options,
)
from keras_optim.engine.storing import stored_by
from keras_optim.trees import flattened

PLAIN = "plain subclass"
"""Our rule in Keras's usual form."""
KERAS = {
    "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "adagrad": "Adagrad", "rmsprop": "RMSprop",
    "adadelta": "Adadelta", "adamax": "Adamax", "nadam": "Nadam", "lion": "Lion", "lamb": "Lamb",
    "adafactor": "Adafactor", "ftrl": "Ftrl", "muon": "Muon",
}  # fmt: skip


ARGUMENTS = {"muon": {"output_layer": None}, "dog": {"gamma": None}}
"""Arguments with which ours does the same as the others: all matrices are hidden; no average."""


def of(name: str) -> dict[str, Build]:
    """Find the contenders of this backend for the catalog's `name`, ours first."""
    found: dict[str, Build] = {key: _keras(make) for key, make in keras_optimizers(name).items()}
    if name == "muon":
        found[f"{OURS}, bfloat16"] = _keras(lambda: ours(name, ns_dtype="bfloat16"))
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
    if not flattened(ours(name).shared_starts(), shared_names(ours(name))):
        found[PLAIN] = lambda: PlainSubclass(ours(name))
    return found


def ours(name: str, **arguments: Any) -> keras_optim.Optimizer:
    """Create our optimizer from a name such as `adam` or `lookahead(adam)`."""
    outer, _, inner = name.rstrip(")").partition("(")
    if inner:
        return keras_optim.get(outer, inner=keras_optim.get(inner))
    return keras_optim.get(name, **{**ARGUMENTS.get(name, {}), **arguments})


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
        specs = [VariableSpec(v.path, tuple(v.shape)) for v in variables]
        self.states, self.fixed = [], []
        for variable, constants in zip(variables, self.rule.constants(specs), strict=True):
            starts = self.rule.slot_starts(keras.ops.convert_to_tensor(variable), constants)
            names = slot_names(starts)
            slots = {}
            for name, value in flattened(starts, names).items():
                shape = variable.shape if value is None else value.shape
                slots[name] = self.add_variable(shape, name=name)
                if value is not None:
                    slots[name].assign(value)
            self.states.append(slots)
            decay, stored = self.rule.weight_decay, stored_by(self.rule, variable)
            constants = with_options(self.rule, constants, decay, variable.path, stored)
            self.fixed.append(Fixed(names, constants))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        rate = keras.ops.cast(learning_rate, variable.dtype)
        index = self._get_variable_index(variable)
        slots, fixed = self.states[index], self.fixed[index]
        s = fixed.state({name: keras.ops.convert_to_tensor(slot) for name, slot in slots.items()})
        x = keras.ops.convert_to_tensor(variable)
        change, new = self.rule.step(gradient, x, s, self.iterations + 1, rate)
        self.assign_add(variable, change)
        for name, value in flattened(new, fixed.names).items():
            self.assign(slots[name], value)


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
