"""LARS: SGD with a rate for each layer, in proportion to its weights."""

from typing import Unpack

from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate, Positive
from keras_optim.numerics import norm, ratio
from keras_optim.optimizer import Optimizer, Slots, Tensor


class LARS(Optimizer):
    r"""Momentum whose rate follows the ratio of weights to gradients, layer by layer.

    $$
    \ell_t = \kappa\, \frac{\lVert x_{t-1} \rVert}
        {\lVert g_t \rVert + \lambda \lVert x_{t-1} \rVert}, \qquad
    b_t = \mu\, b_{t-1} + \eta\, \ell_t\, (g_t + \lambda\, x_{t-1}), \qquad
    x_t = x_{t-1} - b_t
    $$

    with $\kappa$ = `trust_coefficient`, $\lambda$ = `weight_decay`, norms over a whole variable,
    and $\ell$ = 1 where either is zero. Made to train convolutional nets with batches of 8192 and
    more, where one rate for all layers diverges; the rate is warmed up and then decayed.
    Variables with fewer than two axes (biases, normalisation) take plain momentum steps: no
    ratio and no decay.

    As in the paper the rate is folded into the buffer and the decay is inside it, not decoupled.
    With `nesterov` $\mu b_t$ and the new term are subtracted (not in the paper).
    `optax.lars` divides by $\lVert g + \lambda x \rVert$ (equal without decay) and spares vectors
    only with `trust_ratio_mask`; pytorch-optimizer keeps the rate out of the buffer, which
    differs when it changes. Keras has no LARS.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.1.
        momentum: In [0, 1). Default 0.9.
        nesterov: Look ahead along the momentum; needs `momentum > 0`. Default `False`.
        trust_coefficient: > 0, $\kappa$. Default 0.001.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: `nesterov` without `momentum`.

    Example: a step is the same share of a layer's weights, whatever its gradients.

    >>> import numpy as np, keras, keras_optim
    >>> x, y = keras.Variable([[3.0], [4.0]]), keras.Variable([[3.0], [4.0]])
    >>> optimizer = keras_optim.LARS(learning_rate=1.0, trust_coefficient=0.1)
    >>> optimizer.apply([np.array([[0], [g]], "float32") for g in (1e-4, 100.0)], [x, y])
    >>> print(x.numpy().round(4).tolist(), y.numpy().round(4).tolist())
    [[3.0], [3.5]] [[3.0], [3.5]]

    Reference:
        You, Gitman, Ginsburg, "Large batch training of convolutional networks", 2017,
        https://arxiv.org/abs/1708.03888
    """

    slots = ("momentum",)
    memory = 1
    rotation_equivariant = True
    elementwise = False
    couples_decay = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        momentum: Decay = 0.9,
        nesterov: bool = False,
        trust_coefficient: Positive = 1e-3,
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        if nesterov and momentum == 0.0:
            raise ValueError("LARS: `nesterov` needs `momentum` > 0. Received: momentum=0.0")
        self.momentum = momentum
        self.nesterov = nesterov
        self.trust_coefficient = trust_coefficient

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without decoupled decay: `update` has it inside the ratio."""
        return self.update(g, x, s, t, lr)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        if len(x.shape) > 1:
            decay, size = s["weight_decay"], norm(x)
            trust = ratio(self.trust_coefficient * size, norm(g) + decay * size)
            g = trust * (g + decay * x)
        b = self.momentum * s["momentum"] + lr * g
        return -(self.momentum * b + lr * g if self.nesterov else b), {"momentum": b}
