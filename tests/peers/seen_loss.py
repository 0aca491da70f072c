"""Libraries' optimizers that see the loss, which is the same at each step."""

import pkgutil

import numpy as np

from tests.support.passes import LOSS
from tests.support.precision import x64


def torch_seeing(name, **arguments):
    """A class of torch's interface whose `step` takes the loss."""

    def run(x, gradients, learning_rates):
        import torch

        previous = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            p = torch.nn.Parameter(torch.tensor(x))
            optimizer, xs = pkgutil.resolve_name(name)([p], lr=learning_rates[0], **arguments), []
            for g in gradients:
                p.grad = torch.tensor(g)
                optimizer.step(loss=torch.tensor(LOSS))
                xs.append(p.detach().numpy().copy())
        finally:
            torch.set_default_dtype(previous)
        return xs

    return run


def optax_seeing(make):
    """A function from optax and a rate to a transformation that takes `value`."""

    def run(x, gradients, learning_rates):
        import jax.numpy as jnp
        import optax

        with x64():
            transformation, x = make(optax, learning_rates[0]), jnp.asarray(x)
            state, xs = transformation.init(x), []
            for g in gradients:
                step, state = transformation.update(
                    jnp.asarray(g), state, x, value=jnp.asarray(LOSS)
                )
                x = optax.apply_updates(x, step)
                xs.append(np.asarray(x))
        return xs

    return run
