"""Adafactor: the second moment of a matrix from its row and column means."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.arguments.ranges import (
    Epsilon,
    KerasOptions,
    LearningRate,
    NonNegative,
    Positive,
    Range,
)
from keras_optim.numerics import between, larger, mean, over_factored_root, smaller
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Adafactor(Optimizer):
    r"""Adaptive rates in sublinear memory: rows plus columns instead of rows times columns.

    $$
    \begin{aligned}
    \hat\beta_t &= 1 - t^{\,c}, \qquad q_t = g_t^2 + \epsilon_1 \\
    R_t &= \hat\beta_t R_{t-1} + (1-\hat\beta_t) \operatorname{mean}_{\text{columns}}(q_t), \qquad
    C_t = \hat\beta_t C_{t-1} + (1-\hat\beta_t) \operatorname{mean}_{\text{rows}}(q_t) \\
    u_t &= g_t \big/ \sqrt{R_t C_t / \operatorname{mean}(R_t)}, \qquad
    \rho_t = \min(\eta, 1/\sqrt t) \\
    x_t &= x_{t-1} - \max(\epsilon_2, \operatorname{rms}(x_{t-1}))\, \rho_t\,
        \frac{u_t}{\max(1, \operatorname{rms}(u_t) / d)}
    \end{aligned}
    $$

    with $c$ = `beta_2_decay` and $d$ = `clip_threshold`. Made for large language models: a matrix
    of n by m keeps n + m numbers, where Adam keeps 2 n m. Of a kernel with more axes the last two
    are factored; scalars and vectors keep a full second moment. Steps are relative to
    the size of the weights, so the default rate fits most models. For a rate of your own, as in
    T5's fine-tuning: `Adafactor(schedule, relative_step=False)`; for Adam-like absolute
    steps also `scale_parameter=False`.

    Differs from `keras.optimizers.Adafactor`, which keeps a full second moment beside the factors
    (saving nothing), caps the rate at $1/\sqrt t$ even with `relative_step=False`, and defaults to
    a rate of 0.001. `torch.optim.Adafactor` has `epsilon_1` as a floor under the second moment,
    not added to the square; `optax.adafactor` factors only axes of 128 and more. `weight_decay` is
    multiplied by `learning_rate` and applied first; torch also decays first, but measures the
    size of `x` before it.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        beta_2_decay: <= 0, exponent of the decay rate. Default -0.8.
        epsilon_1: >= 1e-30, added to the squared gradient. Default 1e-30.
        epsilon_2: >= 0, smallest size that weights are taken for. Default 1e-3.
        clip_threshold: > 0, largest root mean square of $u$. Default 1.
        relative_step: Cap the rate at $1/\sqrt t$. Default `True`.
        scale_parameter: Multiply by the size of the weights. Default `True`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the state of a matrix of 100 by 50.

    >>> import keras, keras_optim
    >>> optimizer = keras_optim.Adafactor()
    >>> optimizer.build([keras.Variable(keras.ops.ones((100, 50)))])
    >>> [tuple(v.shape) for v in optimizer.variables[2:]]
    [(100, 1), (1, 50)]

    Reference:
        Shazeer, Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML 2018,
        https://arxiv.org/abs/1804.04235
    """

    slots = ("rows",)
    scale_invariant = True
    elementwise = False

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        beta_2_decay: Annotated[float, Range(high=0)] = -0.8,
        epsilon_1: Epsilon = 1e-30,
        epsilon_2: NonNegative = 1e-3,
        clip_threshold: Positive = 1.0,
        relative_step: bool = True,
        *,
        scale_parameter: bool = True,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step
        self.scale_parameter = scale_parameter

    def init(self, x: Tensor) -> Slots:
        shape = tuple(x.shape)
        if len(shape) < 2:
            return {}
        return {
            "rows": ops.zeros((*shape[:-1], 1), x.dtype),
            "columns": ops.zeros((*shape[:-2], 1, shape[-1]), x.dtype),
        }

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        t = ops.cast(t, x.dtype)
        new = t**self.beta_2_decay
        within = between(g, -1e15, 1e15)  # so that sums of squares are finite
        share = within * within + self.epsilon_1
        if len(x.shape) < 2:
            rows = (1.0 - new) * s["rows"] + new * share
            u, slots = g / ops.sqrt(rows), {"rows": rows}
        else:
            rows = (1.0 - new) * s["rows"] + new * mean(share, -1)
            columns = (1.0 - new) * s["columns"] + new * mean(share, -2)
            slots = {"rows": rows, "columns": columns}
            u = over_factored_root(g, rows, columns)
        u = u / larger(ops.sqrt(mean(u * u)) / self.clip_threshold, 1.0)
        rate = smaller(lr, 1.0 / ops.sqrt(t)) if self.relative_step else lr
        if self.scale_parameter:
            rate = rate * larger(ops.sqrt(mean(x * x)), self.epsilon_2)
        return -rate * u, slots

    def read_older(self, slots: Slots, shape: tuple[int, ...]) -> Slots:
        """Vectors had an unused number beside their squares."""
        return slots if len(shape) > 1 else {n: v for n, v in slots.items() if n != "columns"}
