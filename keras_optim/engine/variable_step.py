"""One variable in one step: its state as a rule sees it, and its new values as they are kept."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from keras_optim.engine.optimizer_state import Fixed
from keras_optim.engine.storing import COMPENSATION, Now, Stored, at_random, valid
from keras_optim.tensors import Tensor, widened
from keras_optim.trees import Tree, flattened, mapped

Slots = Mapping[str, Tensor]


class VariableStep:
    """A variable in one step.

    Args:
        fixed: Its names and constants.
        x: Its value, in the precision of the update.
        slots: The values of its slots as they are kept, by flat names.
        t: The step.
        number: Its place among the variables of the optimizer.
        places: The numbers of its elements, if not all are present.
    """

    def __init__(
        self, fixed: Fixed, x: Tensor, slots: Slots, t: Tensor, number: Any, places: Tensor | None
    ):
        self.fixed, self.x, self.kept = fixed, x, slots
        self.slots = {name: widened(value, like=x) for name, value in slots.items()}
        stored: Stored | None = fixed.constants["stored"]
        self.special = stored is not None and stored.special
        compensation = self.slots.get(COMPENSATION)
        if stored is not None and compensation is not None:
            compensation = valid(compensation, x, stored.dtype)
        self.now = Now(t, number, places, compensation)
        self.stored = stored.at(self.now) if stored is not None and self.special else None

    def state(self, *others: Tree) -> Tree:
        """Return the dict `s` that the rule sees."""
        state = self.fixed.state(self.slots, *others)
        return mapped(self._bound, state) if self.special else state

    def _bound(self, leaf: Any) -> Any:
        special = isinstance(leaf, Stored) and leaf.special
        return leaf.at(self.now) if special else leaf

    def new_slots(self, tree: Tree) -> dict[str, Tensor]:
        """Return the new values of the slots as they are kept: those that stay are the same."""
        new = dict(self.kept)
        for name, value in flattened(tree, self.fixed.names).items():
            if value is self.slots[name]:
                continue
            at = self.fixed.streams.get(name)
            new[name] = value if at is None else at_random(value, "bfloat16", at, self.now)
        return new

    def written(self, change: Tensor) -> dict[str, Tensor]:
        """Return the new weight `x`, and its compensation; nothing if rounding is to nearest."""
        if self.stored is None:
            return {}
        value = self.x + change
        new = {"x": self.stored.rounded(value)}
        if COMPENSATION in self.kept:
            new[COMPENSATION] = self.stored.lost(value)
        return new


def sum_of(x: Tensor, change: Tensor) -> Tensor:
    """Return a weight after its change, in its own dtype, rounded to nearest."""
    return ops.cast(x + change, x.dtype)
