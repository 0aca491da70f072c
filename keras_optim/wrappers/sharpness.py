"""The parent of the wrappers that step with the gradient at the edge of a small ball, uphill."""

from typing import Any

from keras import ops

from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree
from keras_optim.wrappers.wrapper import Wrapper

TINY = 1e-12


class SharpnessAware(Wrapper):
    """Abstract parent of SAM and its relatives: each stretches the ball in its own way."""

    second = "gradient"
    elementwise = False

    rho: float

    def stretched(self, v: Tensor, x: Tensor) -> Tensor:
        """Multiply each number of `v` by the length of its axis of the ball around `x`."""
        return v

    def shares(self, along: Tensor, first: Tensor, second: Tensor) -> tuple[Any, Any]:
        """Return the factors of the first and the second gradient in that of the step.

        A rule that `combines` writes this.

        Args:
            along: The inner product of the two gradients, over all variables.
            first: The squared length of the first one.
            second: The squared length of the second one.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `shares`.")

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        sums, carry = super().measure(g, x, s, t, lr)
        return {**sums, "slope": ops.sum(ops.square(self.stretched(g, x)))}, carry

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        shared, seen = super().pool(sums, s, t, lr)
        return shared, {**seen, "slope": ops.sqrt(sums["slope"]) + TINY}

    def radius(self, lr: Tensor) -> Tensor | float:
        """Return the radius of the ball at this rate."""
        return self.rho

    def probe(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> Tensor:
        return self.radius(lr) * self.stretched(self.stretched(g / s["slope"], x), x)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change, new = self.inner.step(g, x, s["inner"], t, lr)
        return change, {"inner": new}
