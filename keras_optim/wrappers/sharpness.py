"""The parent of the wrappers that step with the gradient uphill, at the edge of a small ball."""

from keras import ops

from keras_optim.optimizer import Slots, Tensor
from keras_optim.wrappers.wrapper import Wrapper

TINY = 1e-12


class SharpnessAware(Wrapper):
    """Abstract parent of SAM and its relatives: they say how long each axis of the ball is."""

    second = "gradient"
    elementwise = False

    rho: float

    def stretch(self, x: Tensor) -> Tensor:
        """The length of the axes of the ball around `x`, as multiples of `rho`."""
        raise NotImplementedError(f"{type(self).__name__} must define `stretch`.")

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> dict[str, Tensor]:
        slope = ops.sum(ops.square(self.stretch(x) * g))
        return {**self.inner.measure(g, x, s, t, lr), "slope": slope}

    def pool(self, totals: dict[str, Tensor], s: Slots, t: Tensor, lr: Tensor) -> dict[str, Tensor]:
        slope = ops.sqrt(totals["slope"]) + TINY
        return {**self.inner.pool(totals, s, t, lr), "slope": slope}

    def probe(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> Tensor:
        return self.rho * ops.square(self.stretch(x)) * (g / s["slope"])

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        return self.inner.step(g, x, s, t, lr)
