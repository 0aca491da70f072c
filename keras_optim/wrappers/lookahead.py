"""Lookahead: fast weights that explore, slow weights that follow."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import Fraction, Period, WrapperOptions
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.wrappers.wrapper import Wrapper


class Lookahead(Wrapper):
    r"""Every `sync_period` steps, go back part of the way.

    The inner optimizer moves the (fast) weights $x$; each `sync_period` steps the slow weights
    $\phi$ are pulled towards them and the fast ones start again from there:

    $$
    \phi \leftarrow \phi + \alpha\,(x - \phi), \qquad x \leftarrow \phi
    $$

    Damps oscillation, so it tolerates a larger rate and costs little to try. A synchronisation
    leaves the inner optimizer's state as it is. `Lookahead(RAdam())` is known as Ranger.

    The state is not $\phi$ but the drift $x - \phi$, so the slow weights follow when the model's
    weights are loaded or set by hand. The trajectory is that of `optax.lookahead` and
    pytorch-optimizer. In Addons the period defaulted to 6.

    Args:
        inner: An optimizer of keras_optim, not built. The wrapper takes over its rate and options:
            read and set them here.
        sync_period: Steps between synchronisations, >= 1. Default 5.
        slow_step_size: In [0, 1], $\alpha$. Default 0.5.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Example: five steps of length 0.1, then half of the way back.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.Lookahead(keras_optim.SGD(0.1), sync_period=5)
    >>> for _ in range(5):
    ...     optimizer.apply([np.array([1.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [0.75]

    Reference:
        Zhang et al., "Lookahead optimizer: k steps forward, 1 step back", NeurIPS 2019,
        https://arxiv.org/abs/1907.08610
    """

    slots = ("drift",)
    memory = 1
    around_averages = False

    def __init__(
        self,
        inner: Optimizer,
        sync_period: Period = 5,
        slow_step_size: Fraction = 0.5,
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        if inner.averaging:
            raise ValueError(
                f"Lookahead: `inner` must not average weights, as {type(inner).__name__} does, "
                f"because Lookahead would move the average. Received: inner={shown(inner)}"
            )
        self.sync_period = sync_period
        self.slow_step_size = slow_step_size

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change, new = self.inner.step(g, x, s["inner"], t, lr)
        moved = self.moved(change, x, s)
        drift = s["drift"] + moved
        sync = t % self.sync_period == 0
        back = moved - (1.0 - self.slow_step_size) * drift
        return (
            ops.where(sync, back, change),
            {"inner": new, "drift": ops.where(sync, ops.zeros_like(drift), drift)},
        )
