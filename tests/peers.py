"""The independent libraries that the NumPy references are held against, row by row.

Run it (`python tests/peers.py`) to print the largest difference of each row.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Peer:
    """A reference with its hyper-parameters, and another library's run of the same algorithm."""

    reference: str
    hyperparameters: dict
    run: Callable  # (x, gradients, learning_rates) -> list of x
    shapes: tuple = ((), (5,), (4, 3), (3, 3, 2, 4))
    constant_rate: bool = (
        False  # where the library cannot change the rate, or changes it differently
    )
    gradients: Callable = list  # what is done to the random gradients before both get them


def torch_like(name, **arguments):
    """An optimizer with torch's interface: the name of its class, or a function that builds one."""

    def run(x, gradients, learning_rates):
        import torch

        previous = torch.get_default_dtype()
        torch.set_default_dtype(
            torch.float64
        )  # NAdam keeps its product of momenta in the default dtype
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

        with jax.enable_x64(True):
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
    """A Keras optimizer, in float64; give it numbers exact in float32, to which it rounds some on TensorFlow."""

    def run(x, gradients, learning_rates):
        import keras

        previous = keras.config.floatx()
        keras.config.set_floatx("float64")
        try:
            variable = keras.Variable(x, dtype="float64")
            optimizer = pkgutil.resolve_name(name)(learning_rate=learning_rates[0], **arguments)
            xs = []
            for g, lr in zip(gradients, learning_rates):
                optimizer.learning_rate = lr
                optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float64")], [variable])
                xs.append(np.array(keras.ops.convert_to_numpy(variable)))
        finally:
            keras.config.set_floatx(previous)
        return xs

    return run


def torch_lookahead(x, gradients, learning_rates):
    """pytorch_optimizer's Lookahead takes an optimizer, not parameters."""
    import pytorch_optimizer
    import torch

    p = torch.nn.Parameter(torch.tensor(x))
    optimizer = pytorch_optimizer.Lookahead(
        torch.optim.SGD([p], lr=1.0, momentum=0.7), k=4, alpha=0.3
    )
    xs = []
    for g, lr in zip(gradients, learning_rates):
        optimizer.param_groups[0]["lr"] = lr
        p.grad = torch.tensor(g)
        optimizer.step()
        xs.append(p.detach().numpy().copy())
    return xs


def optax_lookahead(x, gradients, learning_rates):
    """optax.lookahead works on pairs of fast and slow parameters."""
    import jax
    import jax.numpy as jnp
    import optax

    with jax.enable_x64(True):
        rates, xs = jnp.asarray(learning_rates), []
        transformation = optax.lookahead(optax.sgd(lambda count: rates[count], 0.7), 4, 0.3)
        x = optax.LookaheadParams.init_synced(jnp.asarray(x))
        state, update = transformation.init(x), jax.jit(transformation.update)
        for g in gradients:
            step, state = update(jnp.asarray(g), state, x)
            x = optax.apply_updates(x, step)
            xs.append(np.asarray(x.fast))
    return xs


_B = dict(beta_1=0.8, beta_2=0.95)
_BE = dict(**_B, epsilon=1e-2)
_TORCH_BE = dict(betas=(0.8, 0.95), eps=1e-2)
_OPTAX_BE = dict(b1=0.8, b2=0.95, eps=1e-2)
_S = dict(initial_accumulator_value=0.2, epsilon=1e-2)
_RMS = dict(rho=0.8, momentum=0.6, epsilon=1e-2)
_TORCH_RMS = dict(alpha=0.8, momentum=0.6, eps=1e-2)

PEERS = {
    "sgd, torch": Peer("sgd", dict(momentum=0.0, nesterov=False), torch_like("torch.optim.SGD")),
    "sgd momentum, torch": Peer(
        "sgd", dict(momentum=0.7, nesterov=False), torch_like("torch.optim.SGD", momentum=0.7)
    ),
    "sgd momentum, optax": Peer(
        "sgd", dict(momentum=0.7, nesterov=False), optax_like(lambda o, lr: o.sgd(lr, 0.7))
    ),
    "sgd momentum, keras": Peer(  # its momentum buffer holds the rate
        "sgd",
        dict(momentum=0.75, nesterov=False),
        keras_like("keras.optimizers.SGD", momentum=0.75),
        constant_rate=True,
    ),
    "sgd nesterov, torch": Peer(
        "sgd",
        dict(momentum=0.7, nesterov=True),
        torch_like("torch.optim.SGD", momentum=0.7, nesterov=True),
    ),
    "sgd nesterov, optax": Peer(
        "sgd", dict(momentum=0.7, nesterov=True), optax_like(lambda o, lr: o.sgd(lr, 0.7, True))
    ),
    "adagrad, torch": Peer(
        "adagrad",
        dict(**_S, epsilon_inside_sqrt=False),
        torch_like("torch.optim.Adagrad", initial_accumulator_value=0.2, eps=1e-2),
    ),
    "adagrad inside, optax": Peer(
        "adagrad",
        dict(**_S, epsilon_inside_sqrt=True),
        optax_like(lambda o, lr: o.adagrad(lr, 0.2, eps=1e-2)),
    ),
    "adagrad inside, keras": Peer(
        "adagrad",
        dict(initial_accumulator_value=0.25, epsilon=1 / 64, epsilon_inside_sqrt=True),
        keras_like("keras.optimizers.Adagrad", initial_accumulator_value=0.25, epsilon=1 / 64),
    ),
    "rmsprop, torch": Peer(
        "rmsprop", dict(**_RMS, centered=False), torch_like("torch.optim.RMSprop", **_TORCH_RMS)
    ),
    "rmsprop centered, torch": Peer(
        "rmsprop",
        dict(**_RMS, centered=True),
        torch_like("torch.optim.RMSprop", centered=True, **_TORCH_RMS),
    ),
    "rmsprop, optax": Peer(
        "rmsprop",
        dict(**_RMS, centered=False),
        optax_like(
            lambda o, lr: o.rmsprop(lr, decay=0.8, eps=1e-2, momentum=0.6, eps_in_sqrt=False)
        ),
        constant_rate=True,  # its momentum buffer holds the rate
    ),
    "rmsprop centered, optax": Peer(
        "rmsprop",
        dict(rho=0.8, momentum=0.0, epsilon=1e-2, centered=True),
        optax_like(
            lambda o, lr: o.rmsprop(lr, decay=0.8, eps=1e-2, centered=True, eps_in_sqrt=False)
        ),
    ),
    "adam, torch": Peer("adam", _BE, torch_like("torch.optim.Adam", **_TORCH_BE)),
    "adam, optax": Peer("adam", _BE, optax_like(lambda o, lr: o.adam(lr, **_OPTAX_BE))),
    "amsgrad, torch": Peer(
        "amsgrad", _BE, torch_like("torch.optim.Adam", amsgrad=True, **_TORCH_BE)
    ),
    "adamw, torch": Peer(
        "adamw",
        dict(**_BE, weight_decay=0.1),
        torch_like("torch.optim.AdamW", weight_decay=0.1, **_TORCH_BE),
    ),
    "adamw, optax": Peer(
        "adamw",
        dict(**_BE, weight_decay=0.1),
        optax_like(lambda o, lr: o.adamw(lr, weight_decay=0.1, **_OPTAX_BE)),
    ),
    "nadam, torch": Peer(
        "nadam",
        dict(**_BE, momentum_decay=0.3),
        torch_like("torch.optim.NAdam", momentum_decay=0.3, **_TORCH_BE),
    ),
    "radam, torch": Peer(
        "radam", dict(**_BE, sma_threshold=5.0), torch_like("torch.optim.RAdam", **_TORCH_BE)
    ),
    "radam 4, pytorch_optimizer": Peer(
        "radam",
        dict(**_BE, sma_threshold=4.0),
        torch_like(
            "pytorch_optimizer.RAdam", n_sma_threshold=4, degenerated_to_sgd=True, **_TORCH_BE
        ),
    ),
    "radam, optax": Peer(  # epsilon after the bias correction: only a tiny one agrees
        "radam",
        dict(**_B, epsilon=1e-15, sma_threshold=5.0),
        optax_like(lambda o, lr: o.radam(lr, b1=0.8, b2=0.95, eps=1e-15)),
    ),
    "adabelief, pytorch_optimizer": Peer(
        "adabelief", _BE, torch_like("pytorch_optimizer.AdaBelief", **_TORCH_BE)
    ),
    "adabelief, optax": Peer(
        "adabelief", _BE, optax_like(lambda o, lr: o.adabelief(lr, eps_root=1e-2, **_OPTAX_BE))
    ),
    "lookahead, pytorch_optimizer": Peer(
        "lookahead", dict(sync_period=4, slow_step_size=0.3, momentum=0.7), torch_lookahead
    ),
    "lookahead, optax": Peer(
        "lookahead", dict(sync_period=4, slow_step_size=0.3, momentum=0.7), optax_lookahead
    ),
}


def largest_difference(peer, package="references", steps=50):
    """Run reference and peer on equal random gradients of each shape; the largest absolute difference of any x."""
    reference = getattr(importlib.import_module(f"{package}.{peer.reference}"), peer.reference)
    difference = 0.0
    for shape in peer.shapes:
        random = np.random.default_rng(len(shape))
        x, gradients = random.normal(size=shape), list(random.normal(size=(steps, *shape)))
        x, gradients = np.asarray(x), [np.asarray(g) for g in peer.gradients(gradients)]
        rates = [1 / 16 if peer.constant_rate else (8 - t % 7) / 128 for t in range(steps)]
        ours = list(reference(x, gradients, rates, **peer.hyperparameters))
        theirs = peer.run(x, gradients, rates)
        assert len(ours) == len(theirs) == steps and np.all(np.isfinite(theirs)), peer
        assert np.abs(np.stack(ours) - x).max() > 1e-3, "nothing moved"
        difference = max(difference, np.abs(np.stack(ours) - np.stack(theirs)).max())
    return difference


if __name__ == "__main__":
    for label, peer in PEERS.items():
        print(f"{label:35s} {largest_difference(peer):.1e}", flush=True)
