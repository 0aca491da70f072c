"""What MoMo and MoMoAdam have in common: a model of the loss, made of past losses and gradients."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import KerasOptions, LearningRate
from keras_optim.numerics import ema, estimated, finite_or, larger, smaller
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import Tree


class LossModel(Optimizer):
    """Abstract parent: the length of the step at which the model of the loss meets its bound.

    Weight decay is proximal, with the learning rate: the new weights are divided by
    `1 + rate * decay`.
    """

    slots: tuple[str, ...] = ("momentum",)
    elementwise = False
    joint = True
    sees_loss = True
    couples_decay = 0
    trial_rate = 0.1
    trial_variants = ({"adapt_lower_bound": True},)

    def __init__(
        self,
        learning_rate: LearningRate,
        lower_bound: float,
        adapt_lower_bound: bool,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.lower_bound = lower_bound
        self.adapt_lower_bound = adapt_lower_bound
        self.shared = {"loss": 0.0, "loss_mean": 0.0, "product_mean": 0.0, "bound": lower_bound}

    @property
    def _decay(self) -> float:
        """The decay of all means."""
        raise NotImplementedError(f"{type(self).__name__} must define `_decay`.")

    @property
    def _from_zero(self) -> bool:
        """Whether means begin at zero, and are corrected for that."""
        return True

    def mean(self, before: Tensor, new: Tensor, t: Tensor) -> Tensor:
        """The moving average; without correction it begins at the first value."""
        average = ema(before, new, self._decay)
        return average if self._from_zero else ops.where(t == 1, new, average)

    def share(self, t: Tensor, like: Tensor) -> Tensor:
        """The share of data in a moving average."""
        raise NotImplementedError(f"{type(self).__name__} must define `share`.")

    def sums(self, g: Tensor, d: Tensor, step: Tensor, x: Tensor, s: Slots, lr: Tensor) -> Tree:
        """The sums of a variable, from the mean `d` of the gradient and the direction `step`."""
        shrinking = 1.0 + lr * s["weight_decay"]
        along, length = ops.sum(d * x), ops.sum(d * step)
        return {
            "product": ops.sum(g * x),
            "along": along,
            "length": length,
            "along_shrunk": along / shrinking,
            "length_shrunk": length / shrinking,
        }

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        share, bound = self.share(t, like=s["loss"]), s["bound"]
        loss = finite_or(self.mean(s["loss_mean"], s["loss"], t), s["loss_mean"])
        product = finite_or(self.mean(s["product_mean"], sums["product"], t), s["product_mean"])
        height = loss + (sums["along_shrunk"] - product)
        if self.adapt_lower_bound:
            reset = larger(height / (2.0 * share), ops.full_like(bound, self.lower_bound))
            bound = ops.where(height < share * bound, reset, bound)
        height = height - share * bound
        zero = ops.zeros_like(height)
        longest = ops.cast(lr, height.dtype) / share
        tau = estimated(larger(finite_or(height, zero), zero), sums["length_shrunk"], zero)
        tau = smaller(tau, longest)
        if self.adapt_lower_bound:
            there = loss + (sums["along"] - product) - 0.5 * tau * sums["length"]
            found = larger(there / share, ops.full_like(bound, self.lower_bound))
            bound = finite_or(found, bound)
        shared = {"loss": s["loss"], "loss_mean": loss, "product_mean": product, "bound": bound}
        return shared, {"tau": tau}

    def moved_to(self, step: Tensor, x: Tensor, s: Slots, lr: Tensor) -> Tensor:
        """The change of `x`, after the proximal decay."""
        change = -s["tau"] * step
        if decay := s["weight_decay"]:
            change = (change - lr * decay * x) / (1.0 + lr * decay)
        return change

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without the usual decay: `moved_to` has it."""
        return self.update(g, x, s, t, lr)
