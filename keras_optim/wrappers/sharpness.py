"""The parent of the wrappers that step with the gradient uphill, at the edge of a small ball."""

from keras import ops

from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree
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

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        sums, carry = super().measure(g, x, s, t, lr)
        return {**sums, "slope": ops.sum(ops.square(self.stretch(x) * g))}, carry

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        shared, seen = super().pool(sums, s, t, lr)
        return shared, {**seen, "slope": ops.sqrt(sums["slope"]) + TINY}

    def probe(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> Tensor:
        return self.rho * ops.square(self.stretch(x)) * (g / s["slope"])

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change, new = self.inner.step(g, x, s["inner"], t, lr)
        return change, {"inner": new}
