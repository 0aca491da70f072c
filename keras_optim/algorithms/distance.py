"""What DoG, LDoG and DoWG have in common: the distance from the start, and L2 regularisation."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.arguments.ranges import Epsilon, KerasOptions, LearningRate, NonNegative, Range
from keras_optim.formatting import shown
from keras_optim.numerics import finite_or, larger
from keras_optim.optimizer import Optimizer, Slots, Tensor


class FromStart(Optimizer):
    """Abstract parent: keeps the offset of the start, $x_0 - x$; weight decay is in the gradient.

    A decay of its own would be multiplied by `learning_rate`, which is 1 here, and not by the
    estimated rate.
    """

    slots: tuple[str, ...] = ("offset",)
    memory: float = 1
    scale_invariant = True
    rotation_equivariant = True
    elementwise = False
    couples_decay = 0
    trial_rate = 1.0

    def regularised(self, g: Tensor, x: Tensor, s: Slots) -> Tensor:
        """The gradient with that of the weight decay."""
        return g + decay * x if (decay := s["weight_decay"]) else g

    def offset(self, change: Tensor, x: Tensor, s: Slots) -> Tensor:
        """The offset after the change."""
        return s["offset"] - self.moved(change, x, s)

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without the usual decay: `regularised` has it."""
        return self.update(g, x, s, t, lr)


class Averaged(FromStart):
    """Abstract parent of DoG and LDoG: an average of the weights, for evaluation."""

    slots: tuple[str, ...] = ("offset", "lag")
    memory = 2
    trial_arguments = {"reps_rel": 0.01}
    trial_variants = ({"gamma": None},)

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        reps_rel: Annotated[float, Range(1e-12)] = 1e-6,
        gamma: NonNegative | None = 8.0,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        if gamma is not None and self.use_ema:
            raise ValueError(
                f"{type(self).__name__}: `use_ema` would average a second time; leave it off, or "
                f"set `gamma=None`. Received: use_ema=True, gamma={shown(gamma)}"
            )
        self.reps_rel = reps_rel
        self.gamma = gamma
        self.epsilon = epsilon
        if gamma is None:
            self.slots = ("offset",)

    def distance(self, before: Tensor, offset: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """The largest distance so far, from the sums of squares of offset and weights."""
        now = ops.sqrt(offset)
        first = self.reps_rel * (1.0 + ops.sqrt(x))
        return ops.where(t == 1, finite_or(first, now), larger(finite_or(now, before), before))

    def squares(self, before: Tensor, new: Tensor) -> Tensor:
        """The sum of squared gradients; without those that are not a number."""
        total = before + new
        return ops.where(ops.isnan(total), before, total)

    def step_size(self, distance: Tensor, squares: Tensor, before: Tensor) -> Tensor:
        """The rate; that of before, which is 0, while no gradient is known."""
        return ops.where(squares > 0.0, distance / ops.sqrt(squares + self.epsilon), before)

    def averaged(
        self, change: Tensor, x: Tensor, s: Slots, t: Tensor, **slots: Tensor
    ) -> tuple[Tensor, Slots]:
        """The change and all slots, the lag of the average among them."""
        new = {**slots, "offset": self.offset(change, x, s)}
        if self.gamma is not None:
            t = ops.cast(t, x.dtype)
            kept = (t - 1.0) / (t + self.gamma)
            new["lag"] = kept * (s["lag"] - self.moved(change, x, s))
        return change, new

    def evaluate(self, x: Tensor, s: Slots) -> Tensor | None:
        return None if self.gamma is None else x + s["lag"]

    def settle(self, x: Tensor, s: Slots) -> Slots:
        if self.gamma is None:
            return {}
        return {"lag": ops.zeros_like(x), "offset": s["offset"] - s["lag"]}

    @property
    def averaging(self) -> bool:
        """Whether the evaluation weights differ from the training weights."""
        return self.gamma is not None
