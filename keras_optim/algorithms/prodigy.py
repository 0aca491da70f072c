"""Prodigy: Adam that estimates its learning rate from the distance to the start."""

import math
from typing import Annotated, Any, Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    Period,
    Positive,
    Range,
)
from keras_optim.numerics import bias, bounded, estimated, finite_or, larger, smaller
from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree


class Prodigy(Moments):
    r"""Adam whose rate is an estimate $d$ of the distance from the start to a solution.

    $$
    \begin{aligned}
    r_t &= \sqrt{\beta_2}\, r_{t-1}
        + \tfrac{d_{t-1}}{d_0} \eta d_{t-1} \langle g_t, x_0 - x_{t-1} \rangle &
    s_t &= \sqrt{\beta_2}\, s_{t-1} + \tfrac{d_{t-1}}{d_0} \eta d_{t-1}\, g_t \\
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, d_{t-1} g_t &
    v_t &= \beta_2 v_{t-1} + (1-\beta_2)\, d_{t-1}^2 g_t^2 \\
    d_t &= \max\left(d_{t-1},\, c\, \frac{r_t}{\lVert s_t \rVert_1}\right) &
    x_t &= x_{t-1} - \eta d_{t-1} \left( \frac{m_t}{\sqrt{v_t} + d_t \epsilon}
        + \lambda x_{t-1} \right)
    \end{aligned}
    $$

    Inner product and norm go over all variables. The estimate $d$ grows from `d0`, usually within
    the first hundred steps, and never falls. So leave `learning_rate` at 1, and let a schedule
    bring it to zero at the end: cosine annealing without restarts is the authors' advice. With a
    warmup set `safeguard_warmup=True`, because the small first rates would raise the estimate. If
    training diverges, lower `d_coef` (0.5); if it hardly moves, raise it (2). For diffusion models
    and transformers the authors use `use_bias_correction=True` and weight decay 0.01.

    `weight_decay` is decoupled, and multiplied by the estimated rate. `LogTraining` logs the
    estimate as `estimated_rate`. Kept is the offset $x_0 - x$, so the start follows weights that
    are loaded or set. As here: prodigyopt and pytorch-optimizer. optax.contrib always corrects the
    bias. Keras has no Prodigy.

    Args:
        learning_rate: >= 0, or a schedule: a factor of the estimated rate. Default 1.0.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root, times the estimate. Default 1e-8.
        beta_3: In [0, 1), decay of the sums behind the estimate; `None` is the root of `beta_2`.
            Default `None`.
        use_bias_correction: Whether the rate has Adam's bias correction. Default `False`.
        safeguard_warmup: Whether the learning rate is left out of the denominator of the estimate,
            so that a warmup does not raise it. Default `False`.
        d0: >= 1e-12, the first estimate; smaller than any useful rate. Default 1e-6.
        d_coef: > 0, factor of the estimate. Default 1.0.
        growth_rate: >= 1, or `None`: the estimate grows by no more than this factor a step.
            Default `None`.
        slice_p: >= 1, estimate from every `slice_p`-th weight; 11 saves nearly two of four numbers
            for each weight. On PyTorch the step is then not native. Default 1.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: from steps of a millionth to most of the way, in a hundred steps.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([10.0])
    >>> optimizer = keras_optim.Prodigy()
    >>> for _ in range(100):
    ...     optimizer.apply([np.sign(x.numpy())], [x])
    >>> print(x.numpy().round(1))
    [1.9]

    Reference:
        Mishchenko, Defazio, "Prodigy: an expeditiously adaptive parameter-free learner", ICML 2024,
        https://arxiv.org/abs/2306.06101
    """

    slots: tuple[str, ...] = ("momentum", "velocity", "offset", "gradient_sum")
    shared = {"d": 1e-6, "numerator": 0.0}
    non_negative = ("d",)
    memory = 4
    scale_invariant = True
    elementwise = False
    joint = True
    estimate = "d"
    couples_decay = 0
    trial_rate = 1.0
    trial_arguments = {"d0": 0.01}
    trial_variants = ({"growth_rate": 1.5, "safeguard_warmup": True},)

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        *,
        beta_3: Decay | None = None,
        use_bias_correction: bool = False,
        safeguard_warmup: bool = False,
        d0: Annotated[float, Range(1e-12)] = 1e-6,
        d_coef: Positive = 1.0,
        growth_rate: Annotated[float, Range(1)] | None = None,
        slice_p: Period = 1,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.beta_3 = beta_3
        self.use_bias_correction = use_bias_correction
        self.safeguard_warmup = safeguard_warmup
        self.d0 = d0
        self.d_coef = d_coef
        self.growth_rate = growth_rate
        self.slice_p = slice_p
        self.shared = {"d": d0, "numerator": 0.0}
        if growth_rate is not None:
            self.shared = {**self.shared, "d_max": d0}
        if slice_p > 1:
            self.slots = ("momentum", "velocity")

    def init(self, x: Tensor) -> Slots:
        if self.slice_p == 1:
            return {}
        return dict.fromkeys(("offset", "gradient_sum"), ops.zeros_like(self._part(x)))

    def _part(self, x: Any) -> Any:
        """The weights that the estimate looks at."""
        return x if self.slice_p == 1 else ops.reshape(x, (-1,))[:: self.slice_p]

    def _rate(self, d: Tensor, t: Tensor, lr: Tensor) -> Tensor:
        if not self.use_bias_correction:
            return d * lr
        return d * lr * ops.sqrt(bias(self.beta_2, t, like=lr)) / bias(self.beta_1, t, like=lr)

    @property
    def _beta_3(self) -> float:
        return math.sqrt(self.beta_2) if self.beta_3 is None else self.beta_3

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        d, part = s["d"], self._part(g)
        rate = self._rate(d, t, lr)
        weight = d / self.d0 * (d if self.safeguard_warmup else rate)
        drawn = self._beta_3 * s["gradient_sum"] + weight * part
        product = d / self.d0 * rate * ops.sum(part * s["offset"])
        return {"product": product, "length": ops.sum(ops.abs(drawn))}, {"drawn": drawn}

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        d = s["d"]
        numerator = finite_or(self._beta_3 * s["numerator"] + sums["product"], s["numerator"])
        found = estimated(self.d_coef * numerator, sums["length"], d)
        new = {"numerator": numerator, "d": larger(found, d)}
        if self.growth_rate is not None:
            first = ops.where(d <= ops.cast(self.d0, d.dtype), larger(found, d), d)
            largest = larger(found, s["d_max"])
            new |= {"d": smaller(first * self.growth_rate, largest), "d_max": largest}
        return new, {"before": d}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        d = s["before"]
        m, v = self.averages(d * g, s)
        denominator = ops.sqrt(v) + larger(s["d"] * self.epsilon, 1.2e-38)
        direction = bounded(m / denominator)
        if decay := s["weight_decay"]:
            direction = direction + decay * x
        change = -self._rate(d, t, lr) * direction
        offset = s["offset"] - self._part(self.moved(change, x, s))
        return change, {
            "momentum": m, "velocity": v, "offset": offset, "gradient_sum": s["drawn"]
        }  # fmt: skip

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without the usual decay: `update` has it, at the estimated rate."""
        return self.update(g, x, s, t, lr)
