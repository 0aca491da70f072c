"""StableAdamW: AdamW whose rate falls while gradients are larger than expected."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    WeightDecay,
)
from keras_optim.numerics import larger, mean, unbias
from keras_optim.optimizer import Slots, Tensor


class StableAdamW(Moments):
    r"""AdamW with the update clipping of Adafactor, against spikes of the loss.

    $$
    \begin{aligned}
    \rho_t &= \sqrt{\operatorname{mean}\bigl(g_t^2 / \max(\hat v_t, \epsilon^2)\bigr)}, \qquad
    \eta_t = \eta / \max(1, \rho_t) \\
    x_t &= (1 - \eta_t\lambda)\, x_{t-1} - \eta_t\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
    \end{aligned}
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam, and a mean over each variable. Where gradients suddenly
    grow, $\hat v_t$ is out of date and Adam's step too long; in large vision-language models
    such steps of the first layers came before spikes of the loss. With this rule these models
    trained without clipping of the gradient: leave `global_clipnorm` off. The rate of AdamW suits.

    As here: torch-optimi; pytorch-optimizer with `kahan_sum=False`, which matters in half precision
    only. The decay has the clipped rate, as in the paper. Keras and optax have no StableAdamW.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        weight_decay: >= 0 or `None`, multiplied by the clipped rate. Default 0.01.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.99.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: how far a gradient that is 100 times as large as those before it moves a weight.

    >>> import numpy as np, keras, keras_optim
    >>> for rule in (keras_optim.AdamW, keras_optim.StableAdamW):
    ...     x = keras.Variable([0.0])
    ...     optimizer = rule(0.1, weight_decay=0.0, beta_2=0.99)
    ...     for g in [1.0] * 50:
    ...         optimizer.apply([np.array([g], "float32")], [x])
    ...     before = float(x.numpy()[0])
    ...     optimizer.apply([np.array([-100.0], "float32")], [x])
    ...     print(round(float(x.numpy()[0]) - before, 3))
    0.058
    0.009

    Reference:
        Wortsman, Dettmers, Zettlemoyer, Morcos, Farhadi, Schmidt, "Stable and low-precision
        training for large-scale vision-language models", NeurIPS 2023,
        https://arxiv.org/abs/2304.13013
    """

    memory = 2
    scale_invariant = True
    elementwise = False

    def __init__(  # type: ignore[misc]  # weight_decay, an option elsewhere, is an argument
        self,
        learning_rate: LearningRate = 1e-3,
        weight_decay: WeightDecay = 0.01,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.99,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay=weight_decay, **kwargs
        )

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """The decay and the update, both with the clipped rate."""
        m, v = self.averages(g, s)
        size = ops.sqrt(unbias(v, self.beta_2, t))
        relative = g / larger(size, self.epsilon)
        rate = lr / larger(ops.sqrt(mean(relative * relative)), 1.0)
        return super().step(g, x, {**s, "moments": (m, v, size)}, t, rate)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v, size = s["moments"]
        change = -unbias(lr, self.beta_1, t) * m / (size + self.epsilon)
        return change, {"momentum": m, "velocity": v}
