"""Fromage: each layer moves by a share of its own length."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import KerasOptions, LearningRate
from keras_optim.numerics import norm, ratio
from keras_optim.optimizer import Optimizer, Slots, Tensor


class Fromage(Optimizer):
    r"""Each layer moves by `learning_rate` of its own norm, along the gradient.

    $$
    x_t = \frac{1}{\sqrt{1+\eta^2}} \left( x_{t-1} - \eta\, \frac{\|x_{t-1}\|}{\|g_t\|}\, g_t
    \right)
    $$

    No state at all and a rate that means the same for every network: the share by which weights
    change per step. The root keeps them from growing (for a gradient orthogonal to the weights
    their norm stays). 0.01 is a good start nearly everywhere; divide by ten when the loss levels
    off. It is indifferent to the scale of loss and gradients, and cannot fit by making weights
    large: use it with normalised inputs.

    Where either norm is zero the ratio is 1, as in the authors' code (`optax.fromage` takes norms
    as at least 1e-6). The division shrinks weights even where the gradient is zero. Keras has no
    Fromage.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: a step orthogonal to the weights turns them and keeps their norm, 5.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([3.0, 4.0])
    >>> optimizer = keras_optim.Fromage(learning_rate=0.75)
    >>> optimizer.apply([np.array([-400.0, 300.0], "float32")], [x])
    >>> print(x.numpy().round(4), np.linalg.norm(x.numpy()).round(4))
    [4.8 1.4] 5.0

    Reference:
        Bernstein, Vahdat, Yue, Liu, "On the distance between two neural networks and the stability
        of learning", NeurIPS 2020, https://arxiv.org/abs/2002.03432
    """

    scale_invariant = True
    rotation_equivariant = True
    elementwise = False
    shrinks = True

    def __init__(self, learning_rate: LearningRate = 0.01, **kwargs: Unpack[KerasOptions]):
        super().__init__(learning_rate, **kwargs)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        moved = x - lr * ratio(norm(x), norm(g)) * g
        return moved / ops.sqrt(1.0 + lr * lr) - x, {}
