"""NovoGrad: momentum of gradients that are normalised layer by layer."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, Epsilon, KerasOptions, LearningRate
from keras_optim.numerics import ema, root
from keras_optim.optimizer import Optimizer, Slots, Tensor


class NovoGrad(Optimizer):
    r"""Momentum over gradients divided by the running norm of their whole layer.

    $$
    v_t = \beta_2 v_{t-1} + (1-\beta_2)\, \lVert g_t \rVert^2, \quad v_0 = \lVert g_1 \rVert^2,
    \qquad m_t = \beta_1 m_{t-1} + \frac{g_t}{\sqrt{v_t} + \epsilon}, \qquad
    x_t = x_{t-1} - \eta\, m_t
    $$

    The second moment is one number for each variable, so it takes half of Adam's memory, and
    inside a layer the direction is that of SGD. Robust to the rate and to its warmup; made for
    speech recognition. Steady steps are $1 / (1-\beta_1)$ rates long, shared by a whole layer: tune
    the rate between 0.001 and 0.05.

    As pytorch-optimizer and `optax.novograd`, whose defaults differ. The paper adds weight decay
    to the normalised gradient, inside $m$; here, as in all of keras_optim, `weight_decay` is
    decoupled; optax keeps it inside. $v_0$ is taken from the first gradient that is not zero.
    TensorFlow Addons folds the rate into the momentum and has the decays of Adam for defaults.
    Keras has no NovoGrad.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the momentum. Default 0.95.
        beta_2: In [0, 1), decay of the squared norm. Default 0.98.
        epsilon: >= 1e-30, added to the norm. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: the first step has the direction of the gradient and the length of the rate.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0])
    >>> optimizer = keras_optim.NovoGrad(learning_rate=0.5)
    >>> optimizer.apply([np.array([300.0, 400.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [0.7 0.6]

    Reference:
        Ginsburg et al., "Stochastic gradient methods with layer-wise adaptive moments for training
        of deep networks", 2019, https://arxiv.org/abs/1905.11286
    """

    slots = ("momentum", "velocity")
    memory = 1
    scale_invariant = True
    rotation_equivariant = True
    elementwise = False

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        beta_1: Decay = 0.95,
        beta_2: Decay = 0.98,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def init(self, x: Tensor) -> Slots:
        return {"velocity": ops.zeros((), x.dtype)}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        square, v = ops.sum(g * g), s["velocity"]
        v = ops.where(v > 0.0, ema(v, square, self.beta_2), square)
        m = self.beta_1 * s["momentum"] + g / root(v, self.epsilon)
        return -lr * m, {"momentum": m, "velocity": v}
