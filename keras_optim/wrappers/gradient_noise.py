"""Gradient noise that fades, the same again after a resumed training."""

from collections.abc import Sequence
from typing import Annotated, Unpack

import keras
from keras import ops

from keras_optim.arguments.ranges import NonNegative, Range, WrapperOptions
from keras_optim.contract import VariableSpec
from keras_optim.engine import distribution, seeds
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import Tree
from keras_optim.wrappers.wrapper import GradientTransform


class GradientNoise(GradientTransform):
    r"""Add normal noise to the gradient, less and less of it.

    $$
    g_t \leftarrow g_t + \mathcal N(0, \sigma_t^2), \qquad \sigma_t^2 = \frac{\eta}{t^\gamma}
    $$

    Helps very deep or badly conditioned networks to leave a poor start, and explores early in
    training. The paper tries $\eta$ = 0.01, 0.3 and 1, with $\gamma$ = 0.55 throughout. Its steps
    count from 0 and stand in the formula as $1 + t$: the same.

    The noise is a function of seed, variable and step, without state. So a resumed training sees
    the noise that it would have seen, and each step of a compiled loop sees different noise.
    Backends draw different numbers from one seed.

    Args:
        inner: An optimizer of keras_optim, not built.
        eta: >= 0, $\eta$: variance of the noise at the first step. Default 0.01.
        gamma: >= 0, $\gamma$: how fast it fades. Default 0.55.
        seed: An integer from 0 to 2**64 - 1, or `None`: drawn once, from Python's `random`, and
            kept in the configuration. Default `None`.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: no `seed` is given, and several processes train one model.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable(np.zeros(10000, "float32"))
    >>> optimizer = keras_optim.GradientNoise(keras_optim.SGD(1.0), eta=0.25, seed=0)
    >>> optimizer.apply([np.zeros(10000, "float32")], [x])
    >>> print(x.numpy().std().round(1))
    0.5

    Reference:
        Neelakantan et al., "Adding gradient noise improves learning for very deep networks", 2015,
        https://arxiv.org/abs/1511.06807
    """

    elementwise = False
    no_kernel = "random numbers"
    trial_arguments = {"eta": 0.0, "seed": 1}

    def __init__(
        self,
        inner: Optimizer,
        eta: NonNegative = 0.01,
        gamma: NonNegative = 0.55,
        seed: Annotated[int, Range(0, 2**64 - 1)] | None = None,
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self.eta = eta
        self.gamma = gamma
        self.seed = seeds.chosen("GradientNoise", seed)

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        inner = super().constants(variables)
        drawn = seeds.spread(self.seed, len(variables))
        return [{**c, "seed": seed} for c, seed in zip(inner, drawn, strict=True)]

    def transform(self, g: Tensor, x: Tensor, s: Slots, t: Tensor) -> Tensor:
        log_t = ops.log(ops.cast(t, g.dtype))
        deviation = self.eta**0.5 * ops.exp(-0.5 * self.gamma * log_t)
        dtype = keras.backend.standardize_dtype(g.dtype)
        noise = keras.random.normal(
            tuple(g.shape), dtype=dtype, seed=seeds.SeedOfStep(s["seed"], t)
        )
        return g + deviation * distribution.alike(g, noise)
