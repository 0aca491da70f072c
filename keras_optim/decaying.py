"""Weight decay as a part of each step of a rule."""

from typing import Any

from keras import ops

from keras_optim.numerics import larger, ratio, sign
from keras_optim.trees import Tree

Tensor = Any
Slots = dict[str, Tensor]

LARGEST_RATE = "largest_rate"
"""The name of the shared state of a rule with corrected weight decay."""


class Decaying:
    """Abstract parent of `keras_optim.contract.Rule`: decay around `update`.

    For the options of weight decay see `keras_optim.Optimizer`.
    """

    cautious_weight_decay: bool = False
    corrected_weight_decay: list[str] | None = None
    max_learning_rate: float | None = None
    """The largest rate, for corrected weight decay; `None`: the largest so far."""

    _corrected_by = "corrected_weight_decay"
    """The name of the argument for `corrected_weight_decay`."""

    # ---- functions of an algorithm, see `keras_optim.contract`

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Return the change of `x`, and the new value of all its slots."""
        raise NotImplementedError(f"{type(self).__name__} must define `update`.")

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        """Return new values of the shared state, and values that are seen in this step only."""
        raise NotImplementedError(f"{type(self).__name__} must define `pool`.")

    # ---- functions that the engine and wrappers call

    def stored(self, x: Tensor, s: Slots) -> Tensor:
        """Return the value that the variable will hold for `x`: rounded, and constrained.

        State that refers to the weights, such as an average, must refer to these.
        """
        return x if s["stored"] is None else s["stored"](x)

    def moved(self, change: Tensor, x: Tensor, s: Slots) -> Tensor:
        """Return the change of the stored value, when `change` is added to `x`."""
        if s["stored"] is None:
            return change
        if s["decay"] is None:
            return self.stored(x + change, s) - x
        before, decayed = s["decay"](change)  # added in this order when it is written
        return self.stored(before + (decayed + change), s) - (before + decayed)

    def decayed(self, x: Tensor, s: Slots, lr: Tensor, change: Tensor) -> Tensor:
        """Return the change of `x` by decoupled weight decay, beside the `change` by the rule.

        Only cautious decay looks at `change`: it leaves out the weights that `change` lengthens.
        """
        decayed = -lr * s["weight_decay"] * x
        if s.get("corrected"):
            decayed = s["share_of_largest_rate"] * decayed
        if not self.cautious_weight_decay:
            return decayed
        return ops.where(sign(change) * sign(x) <= 0.0, decayed, ops.zeros_like(x))

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Apply decoupled weight decay, then `update`. The engine and wrappers call this.

        Cautious decay looks at the change by `update`, which therefore starts before the decay.
        """
        if not s["weight_decay"]:
            return self.update(g, x, s, t, lr)
        if self.cautious_weight_decay:
            s = {**s, "decay": lambda change: (x, self.decayed(x, s, lr, change))}
            change, new = self.update(g, x, s, t, lr)
            return self.decayed(x, s, lr, change) + change, new
        decayed = self.decayed(x, s, lr, None)
        s = {**s, "decay": lambda _: (x, decayed)}
        change, new = self.update(g, x + decayed, s, t, lr)
        return decayed + change, new

    @property
    def notes_largest_rate(self) -> bool:
        """Whether the largest rate is part of its shared state."""
        return self.corrected_weight_decay is not None

    def pooled(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        """Call `pool`, and note the largest rate. The engine and wrappers call this."""
        shared, seen = self.pool(sums, s, t, lr)
        if not self.notes_largest_rate:
            return shared, seen
        largest = larger(s[LARGEST_RATE], lr)
        most = 0.0 * largest + (self.max_learning_rate or largest)
        return {**shared, LARGEST_RATE: largest}, {**seen, "share_of_largest_rate": ratio(lr, most)}
