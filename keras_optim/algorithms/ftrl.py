"""Ftrl: Adagrad that leaves useless weights at exactly zero."""

from typing import Annotated, Unpack

from keras import ops

from keras_optim.arguments.ranges import KerasOptions, LearningRate, NonNegative, Range
from keras_optim.numerics import between, larger, smaller
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Ftrl(Optimizer):
    r"""Follow the regularized leader: Adagrad with exact zeros.

    $$
    \begin{aligned}
    n_t &= n_{t-1} + g_t^2, \qquad q_t = (\beta + n_t^{-p}) / \eta_t, \qquad
    z_t = r_{t-1} + g_t - q_t\, x_{t-1} \\
    x_t &= \frac{\bar z_t - z_t}{q_t + \lambda_2}, \qquad
    \bar z_t = \operatorname{clip}(z_t, -\lambda_1, \lambda_1), \qquad
    r_t = \bar z_t - \lambda_2 x_t, \qquad r_0 = 0
    \end{aligned}
    $$

    with $p$ = `learning_rate_power`. Without $\lambda_1$, $\lambda_2$ it is Adagrad. With
    $\lambda_1$ a weight is exactly zero until the sum of its gradients speaks clearly: made for
    linear models of sparse features (click-through rates), where it gives small models that predict
    as well. `beta = 1` seldom needs a change; sweep the rate from 0.01 to 1.

    It is FTRL-Proximal of the paper, $\arg\min_x g_{1:t} x + \frac12 \sum_s (q_s - q_{s-1})(x -
    x_s)^2 + \lambda_1 |x| + \frac{\lambda_2}{2} x^2$, in terms of the current weights ($r$ takes
    the place of $z$), so that they may start anywhere, follow a schedule, and be loaded, set or
    decayed. From zeros and with a constant rate it is the paper's Algorithm 1.

    Differs from `keras.optimizers.Ftrl` (and pytorch-optimizer), which keeps $z$: there starting
    weights fade at the first step, by `(beta + n_0**-p) / (beta + n_1**-p)`, and all weights shrink
    when the rate falls. Its `l2_regularization_strength` is half of ours, and its defaults are
    `initial_accumulator_value=0.1, beta=0.0, learning_rate=0.001`; with these and weights that
    start at zero both agree.

    `l2_shrinkage_regularization_strength` ($\lambda_s$, as in Keras) adds $2 \lambda_s x_{t-1}$ to
    the gradient everywhere but in $n_t$: the penalty $\lambda_s \lVert x \rVert^2$ in the loss, but
    rates do not fall with it.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.1.
        learning_rate_power: <= 0; 0 is a rate that does not fall. Default -0.5.
        initial_accumulator_value: >= 0, where the sum of squares starts. Default 0.
        l1_regularization_strength: >= 0, $\lambda_1$. Default 0.
        l2_regularization_strength: >= 0, $\lambda_2$. Default 0.
        l2_shrinkage_regularization_strength: >= 0, $\lambda_s$. Default 0.
        beta: >= 0, keeps the first steps short. Default 1.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: a clear gradient moves a weight, a faint one leaves it at zero.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.Ftrl(learning_rate=1.0, l1_regularization_strength=0.5)
    >>> for _ in range(3):
    ...     optimizer.apply([np.array([-1.0, -0.1], "float32")], [x])
    >>> print(x.numpy().round(2))
    [1.03 0.  ]

    Reference:
        McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013,
        https://research.google/pubs/ad-click-prediction-a-view-from-the-trenches/
    """

    slots = ("accumulator", "residue")
    memory = 2
    trial_variants = (
        {"l1_regularization_strength": 0.01},
        {"l2_shrinkage_regularization_strength": 0.01},
    )

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        learning_rate_power: Annotated[float, Range(high=0)] = -0.5,
        initial_accumulator_value: NonNegative = 0.0,
        l1_regularization_strength: NonNegative = 0.0,
        l2_regularization_strength: NonNegative = 0.0,
        l2_shrinkage_regularization_strength: NonNegative = 0.0,
        beta: NonNegative = 1.0,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        self.shrinks = bool(l1_regularization_strength or l2_shrinkage_regularization_strength)

    def init(self, x: Tensor) -> Slots:
        return {"accumulator": ops.full_like(x, self.initial_accumulator_value)}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        n, r = s["accumulator"] + g * g, s["residue"]
        if shrinkage := self.l2_shrinkage_regularization_strength:
            g = g + 2.0 * shrinkage * x
        q = (self.beta + n**-self.learning_rate_power) / larger(lr, 1e-20)
        q = smaller(q, 1e30)  # where the rate is zero
        seen = q > 0.0  # without beta, a weight that never had a gradient stays where it is
        z = r + g - q * x
        clipped = between(z, -l1, l1)
        # As in the formula, but a step: exactly none where there is nothing to do.
        step = (r + g - clipped + l2 * x) / ops.where(seen, q + l2, ops.ones_like(q))
        change = ops.where(ops.abs(z) <= l1, -x, -step)  # to zero exactly; NaN stays
        change = ops.where(seen, change, ops.zeros_like(x))
        residue = ops.where(seen, clipped - l2 * (x + change), r)
        moved = self.moved(change, x, s)
        if moved is not change:  # the sum of gradients goes on from the weights that are played
            residue = residue + ops.where(seen, q * (moved - change), ops.zeros_like(x))
        return change, {"accumulator": n, "residue": residue}
