"""CAME: Adafactor with momentum, divided by its own uncertainty."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate, Positive
from keras_optim.numerics import between, ema, larger, mean, over_factored_root
from keras_optim.optimizer import Optimizer, Slots, Tensor

LEAST = 1e-37  # no root of an average is zero


class CAME(Optimizer):
    r"""Adam's quality in half of its memory: factored squares, and factored confidence.

    $$
    \begin{aligned}
    v_t &= \operatorname{fac}_{\beta_2}(g_t^2 + \epsilon_1), \qquad
    u_t = g_t / \sqrt{v_t}, \qquad
    \hat u_t = u_t / \max\bigl(1, \operatorname{rms}(u_t) / d\bigr) \\
    m_t &= \beta_1 m_{t-1} + (1-\beta_1)\, \hat u_t, \qquad
    r_t = \operatorname{fac}_{\beta_3}\bigl((\hat u_t - m_t)^2 + \epsilon_2\bigr) \\
    x_t &= x_{t-1} - \eta\, m_t / \sqrt{r_t}
    \end{aligned}
    $$

    where $\operatorname{fac}_\beta$ keeps the moving means of rows and of columns, and multiplies
    them as Adafactor does. A step is short where the update differs from its mean. The means begin
    at zero without a correction, so the first steps are about 10 rates long: warm the rate up.
    The paper trains BERT and GPT-2 as well as Adam does with it, at the same or half the rate.

    Of a kernel with more axes the last two are factored, which in Keras's layout are inputs and
    outputs (in PyTorch's, height and width). Scalars and vectors keep all squares and have no
    confidence. As here: came-pytorch of the authors, pytorch-optimizer. Keras and optax have none.

    Args:
        learning_rate: >= 0, or a schedule. Default 2e-4.
        beta_1: In [0, 1), decay of the mean of the update. Default 0.9.
        beta_2: In [0, 1), decay of the mean of the squared gradient. Default 0.999.
        beta_3: In [0, 1), decay of the mean of the uncertainty. Default 0.9999.
        epsilon_1: >= 1e-30, added to the squared gradient. Default 1e-30.
        epsilon_2: >= 1e-30, added to the uncertainty. Default 1e-16.
        clip_threshold: > 0, $d$, largest root mean square of $u$. Default 1.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the state of a matrix of 100 by 50.

    >>> import keras, keras_optim
    >>> optimizer = keras_optim.CAME()
    >>> optimizer.build([keras.Variable(keras.ops.ones((100, 50)))])
    >>> [tuple(v.shape) for v in optimizer.variables[2:]]
    [(100, 50), (100, 1), (1, 50), (100, 1), (1, 50)]

    Reference:
        Luo et al., "CAME: confidence-guided adaptive memory efficient optimization", ACL 2023,
        https://arxiv.org/abs/2307.02047
    """

    slots = ("momentum",)
    memory = 1
    scale_invariant = True
    elementwise = False

    def __init__(
        self,
        learning_rate: LearningRate = 2e-4,
        beta_1: Decay = 0.9,
        beta_2: Decay = 0.999,
        beta_3: Decay = 0.9999,
        epsilon_1: Epsilon = 1e-30,
        epsilon_2: Epsilon = 1e-16,
        clip_threshold: Positive = 1.0,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.beta_3 = beta_3
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold

    def init(self, x: Tensor) -> Slots:
        shape = tuple(x.shape)
        if len(shape) < 2:
            return {"velocity": ops.zeros_like(x)}
        shapes = {"rows": (*shape[:-1], 1), "columns": (*shape[:-2], 1, shape[-1])}
        return {
            f"{of}_{name}": ops.zeros(size, x.dtype)
            for of in ("velocity", "uncertainty")
            for name, size in shapes.items()
        }

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        within = between(g, -1e15, 1e15)  # so that sums of squares are finite
        square = within * within + self.epsilon_1
        if len(x.shape) < 2:
            v = ema(s["velocity"], square, self.beta_2)
            m = self.mean_of(g / ops.sqrt(larger(v, LEAST)), s)[1]
            return -lr * m, {"momentum": m, "velocity": v}
        squares = self.followed("velocity", square, self.beta_2, s)
        u, m = self.mean_of(over_factored_root(g, *squares.values()), s)
        away = u - m
        unsure = self.followed("uncertainty", away * away + self.epsilon_2, self.beta_3, s)
        change = -lr * over_factored_root(m, *unsure.values())
        return change, {"momentum": m, **squares, **unsure}

    def mean_of(self, u: Tensor, s: Slots) -> tuple[Tensor, Tensor]:
        """The clipped update and its moving mean."""
        u = u / larger(ops.sqrt(mean(u * u)) / self.clip_threshold, 1.0)
        return u, ema(s["momentum"], u, self.beta_1)

    def followed(self, of: str, value: Tensor, decay: float, s: Slots) -> Slots:
        """The moving means of the rows and of the columns."""
        axes = {f"{of}_rows": -1, f"{of}_columns": -2}
        return {n: larger(ema(s[n], mean(value, a), decay), LEAST) for n, a in axes.items()}
