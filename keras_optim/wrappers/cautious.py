"""Cautious: no weight moves against its gradient."""

from typing import Any, Unpack

from keras import ops

from keras_optim.arguments.ranges import WrapperOptions
from keras_optim.contract import Rule
from keras_optim.formatting import shown
from keras_optim.numerics import larger, mean, sign
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.wrappers.wrapper import Wrapper

LEAST_SHARE = 1e-3


class Cautious(Wrapper):
    r"""Leave out of each step the weights that would move against their gradient.

    $$
    \phi_t = [u_t\, g_t > 0], \qquad
    x_t = x_{t-1} - \frac{\eta\, u_t\, \phi_t}{\max(\operatorname{mean}(\phi_t), 10^{-3})}
    $$

    with $u_t$ the step of the rule inside, and a mean over each variable. Momentum carries some
    weights uphill for the present batch. These wait, and the others go further, so that the step
    keeps its length. `Cautious(AdamW())` is C-AdamW, `Cautious(Lion())` C-Lion. The settings of the
    rule stay. The paper pretrains language models with up to 1.47 times fewer samples; there is
    little evidence from others. Without momentum it changes nothing.

    Weight decay is not masked. (Where a rule has the decay in a step of its own, as Lamb, LARS,
    Adan and StableAdamW do, it is masked with it.) As the authors' code; pytorch-optimizer's option
    `cautious` has their first rule, which divides by (sum + 1) / size.

    Args:
        inner: An algorithm of keras_optim, not built.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: `inner` is itself made of other optimizers, or averages weights.

    Example: the second weight has to turn around. It waits, and the first one goes twice as far.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0, 0.0])
    >>> optimizer = keras_optim.Cautious(keras_optim.SGD(0.1, momentum=0.9))
    >>> for g in ([-1.0, -1.0], [-1.0, 0.5]):
    ...     optimizer.apply([np.array(g, "float32")], [x])
    ...     print(x.numpy().round(3))
    [0.1 0.1]
    [0.48 0.1 ]

    Reference:
        Liang, Chen, Liu, Liu, "Cautious optimizers: improving training with one line of code",
        2024, https://arxiv.org/abs/2411.16085
    """

    elementwise = False

    def __init__(self, inner: Optimizer, **kwargs: Unpack[WrapperOptions]):
        title, name = type(self).__name__, type(inner).__name__
        if inner.children():
            raise ValueError(
                f"{title}: `inner` must be an algorithm, because the mask belongs to its own step. "
                f"Write `{name}({title}(...))`. Received: inner={shown(inner)}"
            )
        if inner.averaging:
            raise ValueError(
                f"{title}: `inner` must not average weights, because the average would miss the "
                f"mask. Received: inner={shown(inner)}"
            )
        super().__init__(inner, **kwargs)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        inner: Any = s["inner"]
        outside = inner["weight_decay"] and type(self.inner).step is Rule.step
        before: Any = 0.0
        if outside and not self.cautious_weight_decay:
            before = self.inner.decayed(x, inner, lr, None)
        start = x + before

        def after(step: Tensor) -> Any:
            """Return the cautious decay beside a masked step."""
            decays = outside and self.cautious_weight_decay
            return self.inner.decayed(x, inner, lr, step) if decays else 0.0

        def stored(value: Tensor) -> Tensor:
            """Return the value that the variable will hold where the rule means `value`."""
            step = masked(value - start, g)
            return self.stored(start + after(step) + step, s) - after(step)

        undecayed = {**inner, "weight_decay": 0.0 if outside else inner["weight_decay"]}
        change, new = self.inner.step(g, start, {**undecayed, "stored": stored}, t, lr)
        step = masked(change, g)
        return (before + after(step)) + step, {"inner": new}


def masked(change: Tensor, g: Tensor) -> Tensor:
    """Keep those changes that are against the gradient, and lengthen them by their share.

    >>> from keras import ops
    >>> change = masked(ops.array([1.0, 1.0]), ops.array([-3.0, 3.0]))
    >>> ops.convert_to_numpy(change).tolist()
    [2.0, 0.0]
    """
    uphill = sign(change) * sign(g) >= 0.0
    zeros = ops.zeros_like(change)
    share = mean(ops.where(uphill, zeros, ops.ones_like(change)))
    return ops.where(uphill, zeros, change) / larger(share, LEAST_SHARE)
