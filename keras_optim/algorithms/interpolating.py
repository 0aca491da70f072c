"""Schedule-Free averaging, which the wrapper and the algorithms of that name share."""

from typing import Any

from keras import ops

from keras_optim.decay_options import DecayOptions
from keras_optim.formatting import shown
from keras_optim.numerics import larger
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class Interpolating(DecayOptions):
    """Abstract parent: a fast iterate, the mean of it, and weights between the two.

    The rule moves the fast iterate `z`; `x` is its weighted mean, for evaluation; the weights in
    the model are `y = beta * x + (1 - beta) * z`. Kept is the drift `z - x`: from it follow
    `x = y - (1 - beta) * drift` and `z = y + beta * drift`. So they follow weights that are loaded
    or set, and no starting value is needed.
    """

    shared = {"largest_rate": 0.0, "averaged": 0.0}
    non_negative = ("largest_rate", "averaged")

    constrains = True

    r: float
    weight_lr_power: float

    def _check_decay(self, name: str, value: Any) -> None:
        if name == "corrected_weight_decay" and value:
            raise ValueError(
                f"{type(self).__name__}: `{name}` follows a schedule of the rate, in whose place "
                f"the mean of the weights is here. Received: {name}={shown(value)}"
            )
        super()._check_decay(name, value)

    def interpolation(self) -> float:
        """The share of the mean in the weights, `beta` of the paper."""
        raise NotImplementedError(f"{type(self).__name__} must define `interpolation`.")

    def weighed(self, s: Slots, t: Tensor, rate: Tensor) -> tuple[Tree, Tree]:
        """The new shared state, and the share `c` of this step's `z` in the mean.

        The weight of step t is `t**r * largest_rate**weight_lr_power`. Kept is not the sum of all
        weights but `averaged`, that sum over the last weight: with equal weights, a count of steps.
        """
        largest = larger(s["largest_rate"], rate)
        moves = largest > 0.0
        before = s["averaged"]
        if self.weight_lr_power:
            ratio = s["largest_rate"] / ops.where(moves, largest, ops.ones_like(largest))
            before = before * ratio**self.weight_lr_power
        if self.r:
            now = ops.cast(t, before.dtype)
            before = before * ((now - 1.0) / now) ** self.r
        averaged, share = before + 1.0, 1.0 / (before + 1.0)
        if self.weight_lr_power:  # no weight as long as the rate is zero
            averaged = ops.where(moves, averaged, before)
            share = ops.where(moves, share, ops.zeros_like(share))
        return {"largest_rate": largest, "averaged": averaged}, {"share": share}

    def fast(self, x: Tensor, s: Slots) -> Tensor:
        """The fast iterate `z`, from the weights in the model."""
        return x + self.interpolation() * s["drift"]

    def constrained(self, step: Tensor, z: Tensor, s: Slots) -> Tensor:
        """The step of `z` that keeps it within the constraint of the variable, if it has one."""
        within = s["stored"] and s["stored"].unrounded()
        return within(z + step) - z if within else step

    def interpolated(self, step: Tensor, s: Slots) -> tuple[Tensor, Tensor]:
        """The change of the weights in the model and the new drift, when `z` moves by `step`."""
        beta, share = self.interpolation(), s["share"]
        weight = 1.0 - beta + beta * share
        change = beta * share * s["drift"] + weight * step
        return change, (1.0 - share) * (s["drift"] + step)

    def evaluate(self, x: Tensor, s: Slots) -> Tensor:
        return self.stored(x - (1.0 - self.interpolation()) * s["drift"], s)

    def settle(self, x: Tensor, s: Slots) -> Slots:
        return {**super().settle(x, s), "drift": ops.zeros_like(x)}
