"""SWATS: Adam that measures SGD's rate, then switches to it."""

from typing import Unpack

from keras import ops

from keras_optim.algorithms.moments import Moments
from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import bias, bounded, ema, root, unbias
from keras_optim.optimizer import Slots, Tensor


class SWATS(Moments):
    r"""Begins as Adam and switches to SGD by itself, at a rate that it finds.

    $$
    d_t = \frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\, \frac{m_t}{\sqrt{v_t} + \epsilon}, \qquad
    \gamma_t = \frac{d_t^\top d_t}{d_t^\top g_t}, \qquad
    \lambda_t = \beta_2 \lambda_{t-1} + (1-\beta_2)\, \gamma_t, \qquad
    \hat\lambda_t = \frac{\lambda_t}{1-\beta_2^t}
    $$

    with $m_t$, $v_t$ as in Adam. $\eta \gamma_t$ is the rate at which an SGD step, projected on
    Adam's step $\eta d_t$, would be as long. Once it has settled, $t > 1$ and
    $\eta\, |\hat\lambda_t - \gamma_t| < \epsilon$ and $\hat\lambda_t > 0$, the rest is SGD with
    $\Lambda = \hat\lambda_t$ and $b = 0$:

    $$
    b_t = \beta_1 b_{t-1} + g_t, \qquad x_t = x_{t-1} - \eta\, (1-\beta_1)\, \Lambda\, b_t
    $$

    There is nothing to tune beyond Adam's `learning_rate`; a larger `epsilon` switches earlier.
    Each variable switches by itself (the paper: all at once); `sgd_ratio` in its state is then
    $\Lambda$, and 0 before.

    Averaged are ratios to the learning rate, so that a schedule goes on working before and after
    the switch; at a constant rate this is the paper, which keeps the product $\eta\Lambda$ for
    ever. The paper does not ask for $\hat\lambda_t > 0$, and could go uphill. In pytorch-optimizer
    the tolerance is relative plus 1e-8. Keras has no SWATS.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient; momentum of SGD. Default 0.9.
        beta_2: In [0, 1), decay of the means of its square and of the rate. Default 0.999.
        epsilon: >= 1e-30, added to the root; and the tolerance of the switch. Default 1e-9.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: gradients of 1 tell Adam's rate, 0.5; then a gradient of 20 gives a longer step.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.SWATS(learning_rate=0.5, beta_2=0.5, epsilon=1e-6)
    >>> for g in (1.0, 1.0, 20.0):
    ...     optimizer.apply([np.array([g], "float32")], [x])
    ...     print(x.numpy().round(4))
    [-0.5]
    [-1.]
    [-2.]

    Reference:
        Keskar, Socher, "Improving generalization performance by switching from Adam to SGD", 2017,
        https://arxiv.org/abs/1712.07628
    """

    slots = ("momentum", "velocity", "ratio", "sgd_ratio")
    memory = 2
    scale_invariant = True
    elementwise = False
    trial_variants = ({"epsilon": 1e-3},)

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        epsilon: Epsilon = 1e-9,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def init(self, x: Tensor) -> Slots:
        return dict.fromkeys(("ratio", "sgd_ratio"), ops.zeros((), x.dtype))

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        d = ops.sqrt(bias(self.beta_2, t, like=x)) * unbias(m, self.beta_1, t)
        d = bounded(d / root(v, self.epsilon))

        along = ops.sum(d * g)
        known = along != 0.0
        ratio = bounded(ops.sum(d * d) / ops.where(known, along, ops.ones_like(along)))
        average = ops.where(known, ema(s["ratio"], ratio, self.beta_2), s["ratio"])
        found = unbias(average, self.beta_2, t)
        settled = (lr > 0.0) & (lr * ops.abs(found - ratio) < self.epsilon)
        settles = (t > 1) & known & settled & (found > 0.0)

        is_sgd = s["sgd_ratio"] > 0.0
        b = self.beta_1 * s["momentum"] + g
        direction = ops.where(is_sgd, (1.0 - self.beta_1) * s["sgd_ratio"] * b, d)
        as_adam = {
            "momentum": ops.where(settles, ops.zeros_like(m), m),
            "velocity": v,
            "ratio": average,
            "sgd_ratio": ops.where(settles, found, s["sgd_ratio"]),
        }
        as_sgd = {**s, "momentum": b}
        new = {name: ops.where(is_sgd, as_sgd[name], as_adam[name]) for name in as_adam}
        return -lr * direction, new
