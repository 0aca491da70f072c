"""Trajectories of an optimizer on given gradients, one step after the other."""

import importlib

import keras
import numpy as np

from keras_optim.tensors import widened
from tests.support.passes import apply, stateless_apply

SHAPES = ((), (5,), (4, 3), (3, 2, 4, 5))
STEPS = 50
RATES = tuple(0.05 * (1 + t % 3) for t in range(STEPS))  # changes from step to step


def gradients(shapes=SHAPES, steps=STEPS, seed=1):
    """Draw random gradients, `steps` lists of one array per shape, exact in single precision."""
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


def run(optimizer, values, steps, rates=None, dtype="float32", second=None, compiled=False):
    """Return the values of all variables after each step: one list of float64 arrays per step.

    `second` makes the function for a second pass, from gradients and variables.
    """
    xs = variables(values, dtype)
    step = stepping(optimizer, xs) if compiled else None
    path = []
    for i, gs in enumerate(steps):
        if rates is not None:
            optimizer.learning_rate = rates[i]
        gs = [tensor(g, dtype) for g in gs]
        if compiled:
            step(gs)
        else:
            apply(optimizer, gs, xs, second and second(gs, xs))
        path.append(numbers(xs))
    return path


def stepping(optimizer, xs):
    """Make a function of gradients that makes a step: on JAX a compiled one, of many the faster."""
    optimizer.build(xs)
    if keras.backend.backend() != "jax":
        return lambda gs: apply(optimizer, gs, xs)
    import jax

    @jax.jit
    def compiled(state, gs, values):
        return stateless_apply(optimizer, state, gs, values)

    def step(gs):
        new = compiled([v.value for v in optimizer.variables], gs, [x.value for x in xs])
        for variable, value in zip((*xs, *optimizer.variables), (*new[0], *new[1]), strict=True):
            variable.assign(value)

    return step


def expected(name, case, values, steps, rates=RATES):
    """Return the path of the NumPy reference, for all variables.

    A reference with `WHOLE = True` sums numbers over all variables, so it gets them as one vector.
    """
    module = importlib.import_module(f"tests.references.{name}")
    generator = getattr(module, name)
    if getattr(module, "WHOLE", False):
        path = generator(joined(values), [joined(gs) for gs in steps], rates, **case)
        return [split(x, values) for x in path]
    paths = [
        list(generator(x, [gs[i] for gs in steps], rates, **case)) for i, x in enumerate(values)
    ]
    return [list(step) for step in zip(*paths, strict=True)]


def joined(arrays):
    """Return the numbers of several arrays as one vector."""
    return np.concatenate([np.ravel(a) for a in arrays])


def split(vector, like):
    """Return the arrays of the shapes of `like` that `joined` made a vector of."""
    ends = np.cumsum([np.size(a) for a in like])[:-1]
    return [p.reshape(np.shape(a)) for p, a in zip(np.split(vector, ends), like, strict=True)]


def numbers(xs):
    """Return the values of variables, as float64 arrays."""
    return [np.array(keras.ops.convert_to_numpy(widened(x)), "float64") for x in xs]


def tensor(g, dtype="float32"):
    return None if g is None else keras.ops.convert_to_tensor(g, dtype=dtype)


def difference(a, b):
    """Return the largest absolute difference between two paths."""
    return max(
        np.max(np.abs(x - y), initial=0.0)
        for p, q in zip(a, b, strict=True)
        for x, y in zip(p, q, strict=True)
    )
