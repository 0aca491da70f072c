"""Running an optimizer on given gradients, one step after the other."""

import importlib

import keras
import numpy as np

from keras_optim.tensors import widened

SHAPES = ((), (5,), (4, 3), (3, 2, 4, 5))
STEPS = 50
RATES = tuple(0.05 * (1 + t % 3) for t in range(STEPS))  # changes from step to step


def gradients(shapes=SHAPES, steps=STEPS, seed=1):
    """Random gradients, `steps` lists of one array per shape, exact in single precision."""
    random = np.random.default_rng(seed)
    return [
        [random.normal(size=s).astype("float32").astype("float64") for s in shapes]
        for _ in range(steps)
    ]


def starts(shapes=SHAPES, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=s).astype("float32").astype("float64") for s in shapes]


def variables(values, dtype="float32"):
    return [keras.Variable(v, dtype=dtype, name=f"x{i}") for i, v in enumerate(values)]


def run(optimizer, values, steps, rates=None, dtype="float32", compiled=False):
    """The values of all variables after each step: one list of float64 arrays per step."""
    xs = variables(values, dtype)
    step = stepping(optimizer, xs) if compiled else lambda gs: optimizer.apply(gs, xs)
    path = []
    for i, gs in enumerate(steps):
        if rates is not None:
            optimizer.learning_rate = rates[i]
        step([tensor(g, dtype) for g in gs])
        path.append(numbers(xs))
    return path


def stepping(optimizer, xs):
    """Make a function of gradients that makes a step: on JAX a compiled one, of many the faster."""
    optimizer.build(xs)
    if keras.backend.backend() != "jax":
        return lambda gs: optimizer.apply(gs, xs)
    import jax

    compiled = jax.jit(optimizer.stateless_apply)

    def step(gs):
        new = compiled([v.value for v in optimizer.variables], gs, [x.value for x in xs])
        for variable, value in zip((*xs, *optimizer.variables), (*new[0], *new[1]), strict=True):
            variable.assign(value)

    return step


def expected(name, case, values, steps, rates=RATES):
    """The path that the NumPy reference takes, for all variables."""
    generator = getattr(importlib.import_module(f"tests.references.{name}"), name)
    paths = [
        list(generator(x, [gs[i] for gs in steps], rates, **case)) for i, x in enumerate(values)
    ]
    return [list(step) for step in zip(*paths, strict=True)]


def numbers(xs):
    """The values of variables, as float64 arrays."""
    return [np.array(keras.ops.convert_to_numpy(widened(x)), "float64") for x in xs]


def tensor(g, dtype="float32"):
    return None if g is None else keras.ops.convert_to_tensor(g, dtype=dtype)


def difference(a, b):
    """The largest absolute difference between two paths."""
    return max(
        np.max(np.abs(x - y), initial=0.0)
        for p, q in zip(a, b, strict=True)
        for x, y in zip(p, q, strict=True)
    )
