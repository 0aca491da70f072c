"""EMA: an exponential moving average of the weights, for evaluation."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, WrapperOptions
from keras_optim.optimizer import Optimizer, Tensor
from keras_optim.wrappers.averaging import Averaging


class EMA(Averaging):
    r"""Train as the inner optimizer does; test with a moving average of the weights.

    $$
    a_t = d_t\, a_{t-1} + (1 - d_t)\, x_t, \qquad a_0 = x_0, \qquad
    d_t = \begin{cases} \min\left(d, \frac{1 + t}{10 + t}\right) & \text{warmup} \\
    d & \text{otherwise} \end{cases}
    $$

    The average has less noise than the weights and nearly always tests better, at the price of one
    copy of the weights. It looks back over about $1 / (1 - d)$ steps; let that be a tenth of the
    training or less. Warmup keeps the random start out of it.

    `fit`, `evaluate`, `predict` and `save` use the average, see
    `keras_optim.callbacks.EvaluateAveraged`. At the end of `fit` it stays in the model, and the
    next `fit` continues from the trained weights. (Keras's `use_ema`, which has no warmup and
    starts from $x_1$, continues from the average.) In a loop of your own, write
    `with keras_optim.evaluation_weights(optimizer):`. When weights are loaded or set, the average
    follows: it keeps its distance from them, which then fades. It averages the weights as they are
    stored, constrained and rounded. Statistics of batch normalisation are those of the weights
    that were trained; `EvaluateAveraged(data=x)`, or
    `keras_optim.callbacks.update_batch_statistics` after `fit`, computes those of the average. Put
    EMA outermost, so that it sees the final weights.

    Args:
        inner: An optimizer of keras_optim, not built.
        decay: In [0, 1), $d$. Default 0.999.
        warmup: Whether the decay is smaller at first. Default `True`.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`. `use_ema` must be off.

    Example: a weight goes from 1 to 0; its average follows.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.EMA(keras_optim.SGD(1.0), decay=0.75, warmup=False)
    >>> optimizer.apply([np.array([1.0], "float32")], [x])
    >>> print(x.numpy())
    [0.]
    >>> optimizer.finalize_variable_values([x])
    >>> print(x.numpy())
    [0.75]

    Reference:
        Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on
        Control and Optimization 30(4), 1992; warmup as in TensorFlow's
        `tf.train.ExponentialMovingAverage(num_updates)`
    """

    def __init__(
        self,
        inner: Optimizer,
        decay: Decay = 0.999,
        warmup: bool = True,
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self.decay = decay
        self.warmup = warmup

    def follow(self, lag: Tensor, t: Tensor) -> Tensor:
        if not self.warmup:
            return self.decay * lag
        t = ops.cast(t, lag.dtype)
        early = (1.0 + t) / (10.0 + t)
        return ops.where(early < self.decay, early, self.decay * ops.ones_like(early)) * lag
