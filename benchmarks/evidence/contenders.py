"""The optimizers, each with the rate around which it is tuned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras_optim


@dataclass(frozen=True)
class Contender:
    """A row of the table."""

    name: str
    rate: float
    """The middle of the grid; that of our constructors, but for the reasons below."""
    make: Callable[[int], Any]
    """Makes an optimizer for a training of so many steps."""
    tuned: bool = True
    decays: bool = True
    """Whether the rate falls to zero after the warmup."""
    policy: str = "float32"
    """Keras's dtype policy of the model."""


BLOCK = 128
"""The largest side of a block, so that no eigenvectors of 784 x 784 are wanted."""


def _ademamix(steps: int) -> Any:
    return keras_optim.AdEMAMix(beta_3=0.99, alpha_warmup=steps, beta_3_warmup=steps)


def _around_adamw(wrapper: Any) -> Callable[[int], Any]:
    return lambda _: wrapper(keras_optim.AdamW(weight_decay=None))


BASELINE = "AdamW"
CONTENDERS = {
    row.name: row
    for row in (
        Contender(BASELINE, 1e-3, lambda _: keras_optim.AdamW(weight_decay=None)),
        Contender("Muon", 1e-3, lambda _: keras_optim.Muon(weight_decay=None)),
        Contender("SOAP", 3e-3, lambda _: keras_optim.SOAP(block_size=BLOCK)),
        Contender("Shampoo", 1e-3, lambda _: keras_optim.Shampoo(block_size=BLOCK)),
        Contender("AdEMAMix", 1e-3, _ademamix),
        Contender(
            "ScheduleFreeAdamW", 2.5e-3, lambda _: keras_optim.ScheduleFreeAdamW(), decays=False
        ),
        Contender("SAM(AdamW)", 1e-3, _around_adamw(keras_optim.SAM)),
        Contender("ASAM(AdamW)", 1e-3, _around_adamw(keras_optim.ASAM)),
        Contender("GSAM(AdamW)", 1e-3, _around_adamw(keras_optim.GSAM)),
        Contender("LookSAM(AdamW)", 1e-3, _around_adamw(keras_optim.LookSAM)),
        # 1e-4 is for language models; the authors advise a rate somewhat below AdamW's.
        Contender("SophiaG", 1e-3, lambda _: keras_optim.SophiaG(seed=0)),
        Contender("SophiaH", 1e-3, lambda _: keras_optim.SophiaH(seed=0)),
        # 0.15 is for residual networks, with a Hessian averaged over a kernel's window.
        Contender("AdaHessian", 1e-2, lambda _: keras_optim.AdaHessian(seed=0)),
        Contender("Prodigy, untuned", 1.0, lambda _: keras_optim.Prodigy(), tuned=False),
        Contender(
            "AdamW, untuned", 1e-3, lambda _: keras_optim.AdamW(weight_decay=None), tuned=False
        ),
    )
}
WARMUP = 0.05
"""Share of the steps in which the rate grows from zero."""


def schedule(contender: Contender, steps: int) -> list[float]:
    """Return the multiple of the rate in each step: it grows, then falls in a straight line."""
    warm = max(1, round(WARMUP * steps))
    after = [1 - k / (steps - warm) if contender.decays else 1.0 for k in range(steps - warm)]
    return [(k + 1) / warm for k in range(warm)] + after
