"""Steps of libraries that are not for Keras: torch.optim, pytorch-optimizer, optax."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.step_cost.device import on_gpu

Step = Callable[[], Any]
Build = Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], Step]
COMPILED = "torch.optim compiled"
"""The name of the contender that takes minutes to start."""

TORCH = {
    "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "adagrad": "Adagrad", "rmsprop": "RMSprop",
    "adadelta": "Adadelta", "adamax": "Adamax", "nadam": "NAdam", "radam": "RAdam",
    "rprop": "Rprop",
}  # fmt: skip
OPTIONS = {"shampoo": {"preconditioning_compute_steps": 10}}
"""Where the defaults of pytorch-optimizer differ from ours in the work that a step takes."""
SCHEDULE_FREE = {
    "schedulefreesgd": "SGDScheduleFree", "schedulefreeadamw": "AdamWScheduleFree",
    "schedulefreeradam": "RAdamScheduleFree",
}  # fmt: skip
FUSED = ("sgd", "adam", "adamw", "adagrad")
OPTAX = {
    "sgd": "sgd", "adam": "adam", "adamw": "adamw", "adagrad": "adagrad", "rmsprop": "rmsprop",
    "adadelta": "adadelta", "adamax": "adamax", "nadam": "nadam", "lion": "lion", "lamb": "lamb",
    "radam": "radam", "yogi": "yogi", "adabelief": "adabelief", "lars": "lars",
    "novograd": "novograd", "fromage": "fromage", "rprop": "rprop", "adafactor": "adafactor",
}  # fmt: skip
CONTRIB = {
    **{
        name: name
        for name in ("ademamix", "adopt", "cocob", "dog", "dowg", "madgrad", "muon", "prodigy")
    },
    "schedulefreesgd": "schedule_free_sgd", "schedulefreeadamw": "schedule_free_adamw",
    "simplifiedademamix": "simplified_ademamix", "mechanic(adam)": "mechanize",
}  # fmt: skip
"""In `optax.contrib`."""


def of_torch(name: str) -> dict[str, Build]:
    """Find the contenders of PyTorch for the catalog's `name`."""
    import torch

    device = "cuda" if on_gpu() else "cpu"

    def build(make: Callable[[Any], Any], compiled: bool = False) -> Build:
        def with_values(starts: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> Step:
            parameters = [torch.nn.Parameter(torch.tensor(x, device=device)) for x in starts]
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = torch.tensor(gradient, device=device)
            step: Step = make(parameters).step
            if not compiled:
                return step
            torch.compiler.reset()  # else it runs uncompiled beyond the limit of recompilations
            return torch.compile(step)

        return with_values

    found: dict[str, Build] = {}
    if name in TORCH:
        cls = getattr(torch.optim, TORCH[name])
        found["torch.optim loop"] = build(lambda p: cls(p, foreach=False))
        found["torch.optim foreach"] = build(lambda p: cls(p, foreach=True))
        found[COMPILED] = build(lambda p: cls(p, foreach=True), compiled=True)
    if name in FUSED:
        found["torch.optim fused"] = build(lambda p: cls(p, fused=True))
    if name in SCHEDULE_FREE:
        with contextlib.suppress(ImportError):
            found["schedulefree"] = build(_in_training(SCHEDULE_FREE[name]))
        return found
    if name == "muon":
        found["torch.optim"] = build(_torch_muon)
    try:
        import pytorch_optimizer
    except ImportError:
        return found
    if name == "muon":
        found["pytorch-optimizer"] = build(
            lambda p: pytorch_optimizer.Muon(
                [{"params": some, "use_muon": hidden} for hidden, some in _by_axes(p) if some]
            )
        )
        return found
    known = {key.lower(): value for key, value in vars(pytorch_optimizer).items()}
    outer, _, inner = name.rstrip(")").partition("(")
    if name == "lookahead(adam)":
        found["pytorch-optimizer"] = build(
            lambda p: pytorch_optimizer.Lookahead(torch.optim.Adam(p, fused=True))
        )
    elif not inner and name not in TORCH and isinstance(known.get(outer), type):
        found["pytorch-optimizer"] = build(lambda p: known[outer](p, **OPTIONS.get(name, {})))
    return found


def _in_training(name: str) -> Callable[[Any], Any]:
    """Return a function that creates an optimizer of the package schedulefree."""
    import schedulefree

    def make(parameters: Any) -> Any:
        optimizer = getattr(schedulefree, name)(parameters)
        optimizer.train()
        return optimizer

    return make


class _Both:
    """Steps of several optimizers as one."""

    def __init__(self, optimizers: Sequence[Any]):
        self.optimizers = optimizers

    def step(self) -> None:
        """Step each."""
        for optimizer in self.optimizers:
            optimizer.step()


def _by_axes(parameters: Sequence[Any]) -> list[tuple[bool, list[Any]]]:
    """Return matrices and others, each with whether they are matrices."""
    return [(two, [p for p in parameters if (p.ndim == 2) is two]) for two in (True, False)]


def _torch_muon(parameters: Sequence[Any]) -> _Both:
    """Create Muon of torch.optim, which takes matrices alone and in bfloat16, and AdamW beside."""
    import torch

    (_, matrices), (_, others) = _by_axes(parameters)
    rest = [torch.optim.AdamW(others, fused=True)] if others else []
    return _Both([torch.optim.Muon(matrices), *rest] if matrices else rest)


def optax(name: str) -> dict[str, Build]:
    """Find optax under jit: with buffers donated, as in Keras, and as in its documentation."""
    if name not in (*OPTAX, *CONTRIB):
        return {}
    import jax
    import optax

    def rule_of_optax() -> Any:
        if name in OPTAX:
            return getattr(optax, OPTAX[name])(1e-3)
        given = optax.adam(1e-3) if name == "mechanic(adam)" else 1e-3
        return getattr(optax.contrib, CONTRIB[name])(given)

    def build(donated: tuple[int, ...]) -> Build:
        def with_values(starts: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> Step:
            rule = rule_of_optax()
            xs = [jax.numpy.asarray(x) for x in starts]
            gs = [jax.numpy.asarray(g) for g in gradients]

            def pure(xs: Any, state: Any, gs: Any) -> Any:
                updates, state = rule.update(gs, state, xs)
                return optax.apply_updates(xs, updates), state

            compiled = jax.jit(pure, donate_argnums=donated)
            kept = [
                xs,
                jax.tree.map(lambda a: jax.numpy.array(a), rule.init(xs)),
            ]  # not donated twice

            def step() -> Any:
                kept[:] = compiled(*kept, gs)
                return jax.block_until_ready(kept)

            return step

        return with_values

    return {"optax": build((0, 1)), "optax, not donated": build(())}
