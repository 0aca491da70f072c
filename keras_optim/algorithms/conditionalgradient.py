"""ConditionalGradient: weights that stay inside a ball, by steps towards its surface."""

from typing import Literal, Unpack

from keras_optim.arguments.ranges import Epsilon, KerasOptions, LearningRate, Positive
from keras_optim.matrix import leading_pair
from keras_optim.numerics import norm, smaller
from keras_optim.optimizer import Optimizer, Slots, Tensor


class ConditionalGradient(Optimizer):
    r"""The method of Frank and Wolfe: steps to the point of a ball where the gradient is least.

    $$
    x_t = (1 - \eta)\, x_{t-1} - \eta\, r\, s_t, \qquad
    s_t = \begin{cases} g_t / (\lVert g_t \rVert_F + \epsilon) & \text{Frobenius} \\
    u_1 v_1^\top\, \sigma_1 / (\sigma_1 + \epsilon) & \text{nuclear} \end{cases}
    $$

    with the largest singular value $\sigma_1$ of the gradient, and its vectors $u_1$, $v_1$. Each
    variable stays in the ball $\lVert x \rVert \leq r$, once it is there, because each step is a
    mean of two of its points: a norm is bounded without a projection. The nuclear norm is the sum
    of the singular values; its ball has matrices of low rank at its surface, and each step adds a
    matrix of rank one. `learning_rate` is $\eta$, the share of the way; rates above 1 count as 1.
    Without a schedule steps do not become shorter near the minimum, so let it fall: the method's
    own schedule is $2 / (t + 2)$, with $t$ from 0.

    A kernel is the matrix of its inputs and outputs. For vectors and scalars the norms are one.
    The nuclear norm costs a singular value decomposition of each kernel in each step.

    TensorFlow Addons calls $1 - \eta$ the learning rate, $r$ `lambda_` and the norm `ord`; its
    nuclear norm takes tensors of two axes only, and has no epsilon. Keras has no
    ConditionalGradient; a layer's `kernel_constraint=keras.constraints.MaxNorm(r)` projects
    instead.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        radius: > 0, $r$, of each variable. Default 10.
        norm: `"frobenius"` or `"nuclear"`. Default `frobenius`.
        epsilon: >= 1e-30, lets steps end where gradients do. Default 1e-7.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the first step of the method's own schedule goes all the way, whatever the gradient.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([100.0, 0.0])
    >>> optimizer = keras_optim.ConditionalGradient(1.0, radius=5.0)
    >>> optimizer.apply([np.array([-0.3, -0.4], "float32")], [x])
    >>> print(x.numpy().round(4))
    [3. 4.]

    Reference:
        Frank, Wolfe, "An algorithm for quadratic programming", Naval Research Logistics Quarterly
        3, 1956; Jaggi, "Revisiting Frank-Wolfe: projection-free sparse convex optimization", ICML
        2013, https://proceedings.mlr.press/v28/jaggi13.html
    """

    scale_invariant = True
    rotation_equivariant = True
    elementwise = False
    shrinks = True
    trial_variants = ({"norm": "nuclear"},)

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        radius: Positive = 10.0,
        norm: Literal["frobenius", "nuclear"] = "frobenius",
        epsilon: Epsilon = 1e-7,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.radius = radius
        self.norm = norm
        self.epsilon = epsilon
        if norm == "nuclear":
            self.no_kernel = "singular vectors"

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        if self.norm == "nuclear" and len(g.shape) > 1:
            corner, length = leading_pair(g)
            corner = length / (length + self.epsilon) * corner
        else:
            corner = g / (norm(g) + self.epsilon)
        return -smaller(lr, 1.0) * (x + self.radius * corner), {}
