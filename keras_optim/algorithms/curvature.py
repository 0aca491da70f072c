"""What rules that look at the curvature have in common: when, and along which random direction."""

from collections.abc import Sequence
from typing import Annotated, Unpack

import keras
from keras import ops

from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    Period,
    Positive,
    Range,
)
from keras_optim.contract import VariableSpec
from keras_optim.engine import distribution, seeds
from keras_optim.numerics import between, ema, larger
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import Tree

Seed = Annotated[int, Range(0, 2**64 - 1)] | None


class Curvature(Optimizer):
    """Abstract parent: every `refresh_period` steps it sees the curvature of the batch."""

    elementwise = False  # through the curvature
    trial_arguments = {"seed": 1}

    def __init__(
        self,
        learning_rate: LearningRate,
        refresh_period: Period,
        seed: Seed,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.refresh_period = refresh_period
        self.seed = seeds.chosen(type(self).__name__, seed)

    @property
    def second_period(self) -> int:  # type: ignore[override]
        """Steps from one look at the curvature to the next."""
        return self.refresh_period

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        own = super().constants(variables)
        drawn = seeds.spread(self.seed, len(variables))
        return [{**c, "seed": seed} for c, seed in zip(own, drawn, strict=True)]

    def hessian_direction(self, x: Tensor, s: Slots, t: Tensor) -> Tensor:
        """1 or -1 for each weight, at random: the mean of `z * (H z)` is the diagonal of `H`."""
        source = seeds.SeedOfStep(s["seed"], t)
        dtype = keras.backend.standardize_dtype(x.dtype)
        drawn = distribution.alike(
            x, keras.random.uniform(tuple(x.shape), dtype=dtype, seed=source)
        )
        return ops.where(drawn < 0.5, -ops.ones_like(x), ops.ones_like(x))


class Sophia(Curvature):
    """Abstract parent of SophiaG and SophiaH: momentum over the curvature, clipped."""

    slots = ("momentum", "hessian")
    observed = ("hessian",)
    memory = 2
    trial_arguments = {"seed": 1, "gamma": 1.0}

    def __init__(
        self,
        learning_rate: LearningRate,
        beta_1: Decay,
        beta_2: Decay,
        gamma: Positive,
        epsilon: Epsilon,
        refresh_period: Period,
        seed: Seed,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, refresh_period, seed, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.gamma = gamma
        self.epsilon = epsilon

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m = ema(s["momentum"], g, self.beta_1)
        step = between(m / larger(self.gamma * s["hessian"], self.epsilon), -1.0, 1.0)
        return -lr * step, {"momentum": m, "hessian": s["hessian"]}
