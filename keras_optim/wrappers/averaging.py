"""The parent of EMA and SWA: an average of the weights, kept as its distance from them."""

from typing import Unpack

from keras import ops

from keras_optim.arguments.ranges import WrapperOptions
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.wrappers.wrapper import Wrapper


class Averaging(Wrapper):
    """Abstract parent of the wrappers that train as the inner rule does and test with an average.

    The state is not the average but its lag, the average less the weights. So the average follows
    when weights are loaded or set by hand, and equals the weights before the first step.

    Args:
        inner: An optimizer of keras_optim, not built.
        **kwargs: Options of every optimizer that `inner` does not set.

    Raises:
        ValueError: `inner` averages weights itself, or Keras's own average, `use_ema`, is on.
    """

    slots = ("lag",)
    memory = 1

    def __init__(self, inner: Optimizer, **kwargs: Unpack[WrapperOptions]):
        if inner.averaging:
            raise ValueError(
                f"{type(self).__name__}: `inner` must not average weights itself: models are "
                f"evaluated with one average. Received: inner={shown(inner)}"
            )
        super().__init__(inner, **kwargs)
        if self.use_ema:
            raise ValueError(
                f"{type(self).__name__}: `use_ema` would average a second time; leave it off. "
                "Received: use_ema=True"
            )

    def follow(self, lag: Tensor, t: Tensor) -> Tensor:
        """Return the new lag, from that of the old average behind the new weights."""
        raise NotImplementedError(f"{type(self).__name__} must define `follow`.")

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change, new = self.inner.step(g, x, s["inner"], t, lr)
        lag = self.follow(s["lag"] - self.moved(change, x, s), t)
        return change, {"inner": new, "lag": lag}

    def evaluate(self, x: Tensor, s: Slots) -> Tensor:
        return x + s["lag"]

    def settle(self, x: Tensor, s: Slots) -> Slots:
        return {**super().settle(x, s), "lag": ops.zeros_like(x)}
