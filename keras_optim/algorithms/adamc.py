"""AdamC: AdamW whose decay fits the schedule of the rate."""

from typing import Any, Unpack

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    Positive,
    WeightDecay,
)
from keras_optim.formatting import shown
from keras_optim.numerics import unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class AdamC(Moments):
    r"""AdamW with corrected weight decay for layers that a normalisation follows.

    $$
    x_t = x_{t-1} - \frac{\eta_t^2}{\eta_{\max}}\, \lambda\, x_{t-1}
        - \eta_t\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}
    $$

    with $\hat m_t$, $\hat v_t$ as in Adam; other variables decay as in AdamW. The weights of a
    normalised layer settle at a norm where growth by steps and decay are in balance, and the size
    of their gradients with it. With AdamW this balance moves when the rate falls, so that gradients
    grow towards the end of the training. Here it stays. Only the decay differs, and only under a
    schedule: take over the settings of AdamW. Every other optimizer with decoupled decay has the
    same as an option, `corrected_weight_decay`.

    `normalized` says which variables they are: kernels of dense and convolution layers in front of
    BatchNormalization, LayerNormalization and their like. Paths cannot tell. In transformers the
    paper means all linear layers but the last. pytorch-optimizer needs a key `normalized` in the
    parameter group, and is AdamW without it. Keras and optax have no AdamC.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        weight_decay: >= 0 or `None`, $\lambda$. Default 0.01.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        normalized: A list of patterns, searched for in the paths of variables that a normalisation
            follows; `^` is the beginning of the path or of any part of it after a `/`. `None` is
            AdamW. Default `None`.
        max_learning_rate: > 0, $\eta_{\max}$, the largest rate of the schedule, or `None`: the
            largest so far, so that a warmup decays as in AdamW. Default `None`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: when it is built, for a pattern that matches no variable.

    Example: at a tenth of the largest rate, the decay is a hundredth.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([100.0])
    >>> optimizer = keras_optim.AdamC(0.1, weight_decay=0.1, normalized=["."])
    >>> for rate in (0.1, 0.01):
    ...     before, optimizer.learning_rate = float(x.numpy()[0]), rate
    ...     optimizer.apply([np.array([0.0], "float32")], [x])
    ...     print(round(1 - float(x.numpy()[0]) / before, 4))
    0.01
    0.0001

    Reference:
        Defazio, "Why gradients rapidly increase near the end of training", 2025,
        https://arxiv.org/abs/2506.02285
    """

    shared = {"largest_rate": 0.0}
    non_negative = ("largest_rate",)
    memory = 2
    scale_invariant = True
    _corrected_by = "normalized"

    def __init__(  # type: ignore[misc]  # weight_decay, an option elsewhere, is an argument
        self,
        learning_rate: LearningRate = 1e-3,
        weight_decay: WeightDecay = 0.01,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-8,
        *,
        normalized: list[str] | None = None,
        max_learning_rate: Positive | None = None,
        **kwargs: Unpack[KerasOptions],
    ):
        if "corrected_weight_decay" in kwargs:
            raise ValueError(
                "AdamC: `corrected_weight_decay` is its argument `normalized`. "
                f"Received: corrected_weight_decay={shown(kwargs['corrected_weight_decay'])}"
            )
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay=weight_decay, **kwargs
        )
        self.normalized = normalized
        self.max_learning_rate = max_learning_rate

    @property
    def corrected_weight_decay(self) -> list[str]:
        """`normalized`, under the name that other optimizers have for it."""
        return self.normalized or []

    @corrected_weight_decay.setter
    def corrected_weight_decay(self, patterns: list[str] | None) -> None:
        self.normalized = patterns

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("corrected_weight_decay")
        return config

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        share, denominator = unbiased_root(v, self.beta_2, t, self.epsilon)
        change = -unbias(lr * share, self.beta_1, t) * m / denominator
        return change, {"momentum": m, "velocity": v}
