"""One template per library: run its version of an algorithm on given gradients.

The libraries are imported when a template runs, so the table of peers can be read without them.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.support.precision import x64

STEPS = 50
KEPT = (0, 1, 2, 3, 5, 9, 19, 29, 39, 49)
"""The steps that are compared, to keep the file of trajectories small."""


@dataclass(frozen=True)
class Peer:
    """A reference with its hyper-parameters, and another library's run of the same algorithm."""

    reference: str
    hyperparameters: dict
    run: Callable  # (x, gradients, learning_rates) -> list of x
    shapes: tuple = ((), (3,), (4, 3), (2, 2, 2, 3))
    constant_rate: bool = False
    """Where the library cannot change the rate, or changes it differently."""
    rate: float = 1 / 16
    """The constant one."""
    from_zero: bool = False
    """Where the library is right for weights that start at zero only."""
    gradients: Callable = list
    """What is done to the random gradients before both get them."""
    bar: float = 1e-10
    """The largest difference in float64, with the reason beside it where it is not 1e-10."""

    @property
    def algorithm(self):
        """The name in the catalogue."""
        return self.reference

    def inputs(self, shape):
        """Start, gradients and rates for a variable of this shape."""
        random = np.random.default_rng(len(shape))
        x, gradients = random.normal(size=shape), list(random.normal(size=(STEPS, *shape)))
        rates = [self.rate if self.constant_rate else (8 - t % 7) / 128 for t in range(STEPS)]
        x = np.zeros(shape) if self.from_zero else np.asarray(x)
        return x, [np.asarray(g) for g in self.gradients(gradients)], rates

    def paths(self):
        """The library's values after each of `KEPT` steps: an array for each shape."""
        paths = []
        for shape in self.shapes:
            path = np.stack(self.run(*self.inputs(shape)))
            assert len(path) == STEPS and np.all(np.isfinite(path)), self
            paths.append(path[list(KEPT)])
        return paths


def torch_like(name, **arguments):
    """An optimizer with torch's interface: the name of its class, or a function that builds one."""

    def run(x, gradients, learning_rates):
        import torch

        previous = torch.get_default_dtype()
        # NAdam keeps its product of momenta in the default dtype.
        torch.set_default_dtype(torch.float64)
        try:
            p = torch.nn.Parameter(torch.tensor(x))
            make = pkgutil.resolve_name(name) if isinstance(name, str) else name
            optimizer, xs = make([p], lr=learning_rates[0], **arguments), []
            for g, lr in zip(gradients, learning_rates):
                optimizer.param_groups[0]["lr"] = lr
                p.grad = torch.tensor(g)
                optimizer.step()
                xs.append(p.detach().numpy().copy())
        finally:
            torch.set_default_dtype(previous)
        return xs

    return run


def optax_like(make):
    """A function from a learning rate (a schedule) to an optax transformation."""

    def run(x, gradients, learning_rates):
        import jax
        import jax.numpy as jnp
        import optax

        with x64():
            rates = jnp.asarray(learning_rates)
            transformation = make(optax, lambda count: rates[count])
            x = jnp.asarray(x)
            state, update, xs = transformation.init(x), jax.jit(transformation.update), []
            for g in gradients:
                step, state = update(jnp.asarray(g), state, x)
                x = optax.apply_updates(x, step)
                xs.append(np.asarray(getattr(x, "fast", x)))
        return xs

    return run


def keras_like(name, **arguments):
    """A Keras optimizer, in float64, on JAX: on PyTorch some of its arithmetic is float32."""

    def run(x, gradients, learning_rates):
        import keras

        if keras.backend.backend() != "jax":
            raise ImportError("Keras's own optimizers are run with KERAS_BACKEND=jax")
        keras.config.set_floatx("float64")
        with x64():
            variable = keras.Variable(x, dtype="float64")
            optimizer = pkgutil.resolve_name(name)(learning_rate=learning_rates[0], **arguments)
            xs = []
            for g, lr in zip(gradients, learning_rates):
                optimizer.learning_rate = lr
                optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float64")], [variable])
                xs.append(np.array(keras.ops.convert_to_numpy(variable.value)))
        keras.config.set_floatx("float32")
        return xs

    return run
