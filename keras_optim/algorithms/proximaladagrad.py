"""ProximalAdagrad: Adagrad whose penalties act after each step, so that weights become zero."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Epsilon, KerasOptions, LearningRate, NonNegative
from keras_optim.numerics import between, root
from keras_optim.optimizer import Optimizer, Slots, Tensor


class ProximalAdagrad(Optimizer):
    r"""A step of Adagrad, then the exact minimum of the penalties near it.

    $$
    \begin{aligned}
    v_t &= v_{t-1} + g_t^2, \qquad r_t = \frac{\eta}{\sqrt{v_t} + \epsilon}, \qquad
    z_t = x_{t-1} - r_t\, g_t \\
    x_t &= \frac{\operatorname{sign}(z_t)\, \max(|z_t| - r_t \lambda_1,\, 0)}{1 + r_t \lambda_2}
    \end{aligned}
    $$

    which minimises $\frac{1}{2 r_t} (x - z_t)^2 + \lambda_1 |x| + \frac{\lambda_2}{2} x^2$. An L1
    penalty in the loss only makes weights small, as its gradient overshoots zero; here those that a
    step brings near zero are exactly zero. `keras_optim.Ftrl` compares $\lambda_1$ with the sum of
    all gradients instead of the present weight, and finds more zeros. Both suit linear models of
    sparse features. Tune `learning_rate` between 0.01 and 1, then $\lambda_1$ by factors of 10.

    A weight that never had a gradient has the largest rate, $\eta / \sqrt{v_0}$, and so shrinks
    fastest. As here: TensorFlow's `ApplyProximalAdagrad`, used by TensorFlow Addons, whose `l1`
    and `l2` are our strengths. Keras has no ProximalAdagrad.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        initial_accumulator_value: >= 0, where the sum of squares starts. Default 0.1.
        l1_regularization_strength: >= 0, $\lambda_1$. Default 0.
        l2_regularization_strength: >= 0, $\lambda_2$. Default 0.
        epsilon: >= 1e-30, added to the root. Default 1e-10.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: both weights are 0.5 from zero after the step; the penalty takes 0.75 from each.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.5, -0.25])
    >>> optimizer = keras_optim.ProximalAdagrad(
    ...     1.0, initial_accumulator_value=0.0, l1_regularization_strength=0.375
    ... )
    >>> optimizer.apply([np.array([2.0, 2.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [ 0.3125 -1.0625]

    Reference:
        Duchi, Singer, "Efficient online and batch learning using forward backward splitting", JMLR
        2009, https://jmlr.org/papers/v10/duchi09a.html; Duchi, Hazan, Singer, "Adaptive subgradient
        methods for online learning and stochastic optimization", JMLR 2011,
        https://jmlr.org/papers/v12/duchi11a.html
    """

    slots = ("accumulator",)
    memory = 1
    scale_invariant = True
    trial_variants = ({"l1_regularization_strength": 0.01},)

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        initial_accumulator_value: NonNegative = 0.1,
        l1_regularization_strength: NonNegative = 0.0,
        l2_regularization_strength: NonNegative = 0.0,
        epsilon: Epsilon = 1e-10,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.epsilon = epsilon
        self.shrinks = bool(l1_regularization_strength or l2_regularization_strength)

    def init(self, x: Tensor) -> Slots:
        return {"accumulator": ops.full_like(x, self.initial_accumulator_value)}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        v = s["accumulator"] + g * g
        rate = lr / root(v, self.epsilon)
        change = -rate * g
        if self.shrinks:
            z = x + change
            reach = rate * self.l1_regularization_strength
            kept = z - between(z, -reach, reach)
            change = kept / (1.0 + rate * self.l2_regularization_strength) - x
        return change, {"accumulator": v}
