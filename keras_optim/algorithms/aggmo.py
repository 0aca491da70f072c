"""AggMo: the mean of several momenta, from none to very long."""

from typing import Unpack

from keras_optim.arguments.ranges import Decay, KerasOptions, LearningRate
from keras_optim.optimizer import Optimizer, Slots, Tensor


class AggMo(Optimizer):
    r"""Aggregated momentum: several velocities with different memories, averaged.

    $$
    v_t^{(i)} = \beta_i\, v_{t-1}^{(i)} + g_t, \qquad
    x_t = x_{t-1} - \frac{\eta}{K} \sum_{i=1}^{K} v_t^{(i)}
    $$

    A momentum of 0.99 or 0.999 speeds up flat directions but swings to and fro in steep ones; the
    short memories beside it damp that, so the long one can be afforded. Longer memories go
    as `1 - 0.1**i`: `betas=(0.0, 0.9, 0.99, 0.999)`. Tune the rate as for SGD with momentum; each
    velocity costs one slot.

    As the authors' code and pytorch-optimizer. Keras has no AggMo.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.01.
        betas: At least one number in [0, 1). Default `(0.0, 0.9, 0.99)`.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: `betas` is empty.

    Example: on a steep parabola a single long momentum swings on, three come to rest.

    >>> import keras, keras_optim
    >>> def distance(betas):
    ...     x, optimizer = keras.Variable([1.0]), keras_optim.AggMo(0.1, betas)
    ...     for _ in range(200):
    ...         optimizer.apply([keras.ops.convert_to_tensor(4.0 * x.numpy())], [x])
    ...     return abs(float(x.numpy()[0]))
    >>> distance(betas=(0.99,)) > 0.1, distance(betas=(0.0, 0.9, 0.99)) < 0.01
    (True, True)

    Reference:
        Lucas et al., "Aggregated momentum: stability through passive damping", ICLR 2019,
        https://arxiv.org/abs/1804.00325
    """

    memory = 3
    rotation_equivariant = True
    trial_variants = ({"betas": [0.9]},)

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        betas: tuple[Decay, ...] = (0.0, 0.9, 0.99),
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        if not betas:
            raise ValueError("AggMo: `betas` must have at least one member. Received: betas=()")
        self.betas = betas
        self.slots = tuple(f"velocity_{i}" for i in range(len(betas)))

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        new = {name: beta * s[name] + g for name, beta in zip(self.slots, self.betas, strict=True)}
        return -lr * (sum(new.values()) / len(new)), new
