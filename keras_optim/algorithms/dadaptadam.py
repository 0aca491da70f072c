"""DAdaptAdam: Adam that estimates its learning rate by D-Adaptation."""

import math
from typing import Annotated, Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, Range
from keras_optim.numerics import bias, bounded, ema, estimated, finite_or, larger, smaller
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class DAdaptAdam(Moments):
    r"""Adam whose rate is a lower bound $d$ of the distance from the start to a solution.

    $$
    \begin{aligned}
    r_t &= \sqrt{\beta_2}\, r_{t-1} + (1-\sqrt{\beta_2})\, \eta d_{t-1} \left\langle g_t,
        \frac{s_{t-1}}{\sqrt{v_{t-1}} + \epsilon} \right\rangle &
    s_t &= \sqrt{\beta_2}\, s_{t-1} + (1-\sqrt{\beta_2})\, \eta d_{t-1}\, g_t \\
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, \eta d_{t-1}\, g_t &
    v_t &= \beta_2 v_{t-1} + (1-\beta_2)\, g_t^2 \\
    d_t &= \max\left(d_{t-1},\, \frac{r_t}{(1-\sqrt{\beta_2}) \lVert s_t \rVert_1}\right) &
    x_t &= (1 - \eta d_{t-1} \lambda)\, x_{t-1} - \frac{m_t}{\sqrt{v_t} + \epsilon}
    \end{aligned}
    $$

    Inner product and norm go over all variables. The estimate grows from `d0` and never falls;
    leave `learning_rate` at 1, with the schedule that the problem would have otherwise. By the same
    first author, `keras_optim.Prodigy` estimates faster and is the one to try first; this one needs
    a number less for each weight. It may overshoot at first: if training diverges, lower the rate
    (0.3), or set `growth_rate` to 1.02, which is a warmup.

    `weight_decay` is decoupled, and multiplied by the estimated rate. `LogTraining` logs the
    estimate as `estimated_rate`. As here: dadaptation with `decouple=True`, pytorch-optimizer.
    optax.contrib always corrects the bias. Keras has no D-Adaptation.

    Args:
        learning_rate: >= 0, or a schedule: a factor of the estimated rate. Default 1.0.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        use_bias_correction: Whether the rate has Adam's bias correction. Default `False`.
        d0: >= 1e-12, the first estimate; smaller than any useful rate. Default 1e-6.
        growth_rate: >= 1, or `None`: the estimate grows by no more than this factor a step.
            Default `None`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: from steps of a millionth to the solution and a little beyond, in twenty steps.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([10.0])
    >>> optimizer = keras_optim.DAdaptAdam()
    >>> for _ in range(20):
    ...     optimizer.apply([x.numpy()], [x])
    >>> print(x.numpy().round(1))
    [-0.2]

    Reference:
        Defazio, Mishchenko, "Learning-rate-free learning by D-Adaptation", ICML 2023,
        https://arxiv.org/abs/2301.07733
    """

    slots = ("momentum", "velocity", "gradient_mean")
    shared = {"d": 1e-6, "numerator": 0.0}
    non_negative = ("d",)
    memory = 3
    scale_invariant = True
    elementwise = False
    joint = True
    estimate = "d"
    couples_decay = 0
    trial_rate = 0.3
    trial_arguments = {"d0": 0.01}
    trial_variants = ({"use_bias_correction": True},)

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        *,
        use_bias_correction: bool = False,
        d0: Annotated[float, Range(1e-12)] = 1e-6,
        growth_rate: Annotated[float, Range(1)] | None = None,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.use_bias_correction = use_bias_correction
        self.d0 = d0
        self.growth_rate = growth_rate
        self.shared = {"d": d0, "numerator": 0.0}

    def rate(self, d: Tensor, t: Tensor, lr: Tensor) -> Tensor:
        """The rate of the step, with Adam's bias correction."""
        if not self.use_bias_correction:
            return d * lr
        return d * lr * ops.sqrt(bias(self.beta_2, t, like=lr)) / bias(self.beta_1, t, like=lr)

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        rate = self.rate(s["d"], t, lr)
        weighted = bounded(s["gradient_mean"] / (ops.sqrt(s["velocity"]) + self.epsilon))
        mean = ema(s["gradient_mean"], rate * g, math.sqrt(self.beta_2))
        sums = {"product": rate * ops.sum(g * weighted), "length": ops.sum(ops.abs(mean))}
        return sums, {"mean": mean}

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        d, decay = s["d"], math.sqrt(self.beta_2)
        numerator = finite_or(ema(s["numerator"], sums["product"], decay), s["numerator"])
        found = estimated(numerator, (1.0 - decay) * sums["length"], d)
        if self.growth_rate is not None:
            found = smaller(found, d * self.growth_rate)
        return {"d": larger(found, d), "numerator": numerator}, {"before": d}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        rate = self.rate(s["before"], t, lr)
        m = ema(s["momentum"], rate * g, self.beta_1)
        v = ema(s["velocity"], g * g, self.beta_2)
        change = -bounded(m / (ops.sqrt(v) + self.epsilon))
        if decay := s["weight_decay"]:
            change = change - rate * decay * x
        return change, {"momentum": m, "velocity": v, "gradient_mean": s["mean"]}

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without the usual decay: `update` has it, at the estimated rate."""
        return self.update(g, x, s, t, lr)
