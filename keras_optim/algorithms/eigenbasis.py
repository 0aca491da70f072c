"""The parent of rules that scale the momentum in the eigenbases of Kronecker statistics."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.blockwise import Blockwise, Directed
from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate, Period, Range
from keras_optim.matrix import (
    block_shape,
    eigenvectors,
    is_matrix,
    power_step,
    transposed,
    turned,
)
from keras_optim.numerics import bounded, either
from keras_optim.optimizer import Slots, Tensor
from keras_optim.tensors import plus_product

SIDES = ("left", "right")
BASES = ("left_basis", "right_basis")
STATISTICS = ("left_statistic", "right_statistic")


class Eigenbasis(Blockwise):
    """Abstract parent of SOAP, KLShampoo and SPlus.

    A kernel is the matrix of its inputs and outputs, cut into blocks. Each block has a statistic
    of its rows and one of its columns, their eigenvectors, and its `rotated` slots: numbers for
    each pair of eigenvectors. These follow when the bases are computed again.

    A child writes `scaled` and `vector`. It may write `due`, `reordered` and `basis`.
    """

    slots: tuple[str, ...] = ("momentum",)
    rotated: tuple[str, ...] = ("momentum",)
    exact_slots = ("left_statistic", "right_statistic", "left_basis", "right_basis")
    no_kernel = "products and eigenvectors of matrices"

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        refresh_period: Period = 10,
        block_size: Annotated[int, Range(1)] = 1024,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.refresh_period = refresh_period
        self.block_size = block_size
        self.stacked = (*self.rotated, *STATISTICS, *BASES)

    def init(self, x: Tensor) -> Slots:
        if not is_matrix(x):
            return {}
        down, across, height, width = block_shape(tuple(x.shape), self.block_size)
        slots = {name: ops.zeros((down * across, height, width), x.dtype) for name in self.rotated}
        for side, n in zip(SIDES, (height, width), strict=True):
            slots[f"{side}_statistic"] = ops.zeros((down * across, n, n), x.dtype)
            slots[f"{side}_basis"] = self.first_basis(slots[f"{side}_statistic"])
        return slots

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        direction, new = self.directed(g, s, t)
        return -lr * direction, new

    def stepped(self, g: Tensor, s: Slots, t: Tensor) -> Directed:
        direction, new = self.scaled(g, s, t)
        step = s["left_basis"] @ bounded(direction) @ transposed(s["right_basis"])
        kept = {name: s[name] for name in BASES} | {name: new[name] for name in self.rotated}
        turned = either(self.due(t), lambda: self.refreshed(kept, new), lambda: kept, list(kept))
        return step, {**new, **turned}

    def first_basis(self, zeros: Tensor) -> Tensor:
        """Return the bases before the first refresh: zeros, in which no gradient is seen."""
        return zeros

    def due(self, t: Tensor) -> Tensor:
        """Return whether the bases are computed again at the end of this step."""
        return (t - 1) % self.refresh_period == 0

    def refreshed(self, kept: Slots, new: Slots) -> Slots:
        """Return new bases, and the momentum in them."""
        kept = self.reordered(kept, new)
        old = [kept[name] for name in BASES]
        bases = [self.basis(new[name], basis) for name, basis in zip(STATISTICS, old, strict=True)]
        turns = [transposed(a) @ b for a, b in zip(old, bases, strict=True)]
        return {
            **kept,
            **dict(zip(BASES, bases, strict=True)),
            "momentum": turned(kept["momentum"], *turns),
        }

    def reordered(self, kept: Slots, new: Slots) -> Slots:
        """Return the bases and slots, with eigenvectors in another order."""
        return kept

    def basis(self, statistic: Tensor, old: Tensor) -> Tensor:
        """Return the new basis of one side; one of zeros counts as none."""
        none = ops.all(old == 0.0, axis=(-1, -2), keepdims=True)
        found = either(
            ops.any(none),
            lambda: {"basis": eigenvectors(statistic)},
            lambda: {"basis": old},
            ["basis"],
        )
        return ops.where(none, found["basis"], power_step(statistic, old))

    def scaled(self, g: Tensor, s: Slots, t: Tensor) -> tuple[Tensor, Slots]:
        """Return the direction of each block, in its bases, and the new value of its slots."""
        raise NotImplementedError(f"{type(self).__name__} must define `scaled`.")


def statistics(g: Tensor, s: Slots, decay: float) -> Slots:
    """Return the moving averages of `g @ g.T` and `g.T @ g`."""
    sides = zip(STATISTICS, (g, transposed(g)), strict=True)
    return {name: plus_product(decay, s[name], 1.0 - decay, a, transposed(a)) for name, a in sides}
