"""SWA: the mean of the weights of late steps, for evaluation."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Period, WrapperOptions
from keras_optim.optimizer import Optimizer, Tensor
from keras_optim.wrappers.averaging import Averaging


class SWA(Averaging):
    r"""Train as the inner optimizer does; test with the mean of the weights from some step on.

    $$
    a = \frac1n \sum_{i=0}^{n-1} x_{\text{start} + i \cdot \text{period}}
    $$

    With a rate that stays high (constant, or `Cyclic`) the weights wander around a wide minimum;
    their mean lies in its middle and generalises better than any of them. Start at about 75 % of
    the training; the authors average once for each epoch, or at the low end of each cycle.

    `fit`, `evaluate`, `predict` and `save` use the mean, see
    `keras_optim.callbacks.EvaluateAveraged`, and training continues from the trained weights. In a
    loop of your own, write `with keras_optim.evaluation_weights(optimizer):`. Before `start_step`
    the mean equals the weights. When weights are loaded or set, it follows them, at the distance
    that it had. It is the mean of the weights as they are stored, constrained and rounded.
    Statistics of batch normalisation are those of the weights that were trained;
    `EvaluateAveraged(data=x)`, or `keras_optim.callbacks.update_batch_statistics` after `fit`,
    computes those of the mean. Put SWA outermost.

    Args:
        inner: An optimizer of keras_optim, not built.
        start_step: >= 1, the first step after which weights count.
        period: >= 1, steps from one to the next. Default 1.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`. `use_ema` must be off.

    Example: the mean of 2, 1 and 0.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([3.0])
    >>> optimizer = keras_optim.SWA(keras_optim.SGD(1.0), start_step=1)
    >>> for _ in range(3):
    ...     optimizer.apply([np.array([1.0], "float32")], [x])
    >>> optimizer.finalize_variable_values([x])
    >>> print(x.numpy().round(4))
    [1.]

    Reference:
        Izmailov et al., "Averaging weights leads to wider optima and better generalization",
        UAI 2018, https://arxiv.org/abs/1803.05407
    """

    trial_arguments = {"start_step": 2}

    def __init__(
        self,
        inner: Optimizer,
        start_step: Period,
        period: Period = 1,
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self.start_step = start_step
        self.period = period

    def follow(self, lag: Tensor, t: Tensor) -> Tensor:
        since = t - self.start_step
        n = ops.cast(since // self.period + 1, lag.dtype)
        counts = since % self.period == 0
        after = ops.where(
            counts, (1.0 - 1.0 / ops.where(since < 0, ops.ones_like(n), n)) * lag, lag
        )
        return ops.where(since < 0, ops.zeros_like(lag), after)
