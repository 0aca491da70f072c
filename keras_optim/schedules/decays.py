"""Schedules that fall once: in steps, exponentially, along a cosine, rationally, by a root."""

import math
from typing import Annotated

from keras import ops

from keras_optim.arguments.ranges import NonNegative, Period, Range
from keras_optim.numerics import power
from keras_optim.schedules.schedule import Schedule, Tensor, between, floating, progress


class StepDecay(Schedule):
    r"""Decay by a constant factor every so many steps.

    $$
    \eta_t = \eta_0\, \gamma^{\lfloor t / n \rfloor}
    $$

    The schedule of the classic vision recipes: three drops by ten, each when the loss stalls. Keras
    has the same curve as `ExponentialDecay(..., staircase=True)`, `torch.optim` as `StepLR`.

    Args:
        initial_learning_rate: >= 0, the rate before the first drop.
        decay_steps: >= 1, $n$: steps from one drop to the next.
        decay_rate: In (0, 1], $\gamma$: factor of each drop. Default 0.1.

    Example:

    >>> from keras_optim.schedules import StepDecay
    >>> schedule = StepDecay(0.5, decay_steps=100, decay_rate=0.5)
    >>> [float(schedule(t)) for t in (0, 99, 100, 200)]
    [0.5, 0.5, 0.25, 0.125]

    Reference:
        He et al., "Deep residual learning for image recognition", CVPR 2016,
        https://arxiv.org/abs/1512.03385
    """

    def __init__(
        self,
        initial_learning_rate: NonNegative,
        decay_steps: Period,
        decay_rate: Annotated[float, Range(0, 1, open="left")] = 0.1,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate

    def rate(self, step: Tensor) -> Tensor:
        like = ops.zeros((), floating())
        return self.initial_learning_rate * power(self.decay_rate, step // self.decay_steps, like)


class NaturalExponentialDecay(Schedule):
    r"""Exponential decay, stated by its rate: $e^{-\lambda t}$.

    $$
    \eta_t = \eta_0\, e^{-\lambda t}
    $$

    The rate halves every $\log(2) / \lambda$ steps, for ever. Keras's `ExponentialDecay` states the
    same curve as `decay_rate ** (t / decay_steps)`, so that
    $\lambda = -\log(\text{decay\_rate}) / \text{decay\_steps}$; `torch.optim` has it as
    `ExponentialLR(gamma)` with $\lambda = -\log \gamma$.

    Args:
        initial_learning_rate: >= 0, the rate at step 0.
        decay_rate: >= 0, $\lambda$, per step.

    Example:

    >>> import math
    >>> from keras_optim.schedules import NaturalExponentialDecay
    >>> schedule = NaturalExponentialDecay(0.5, decay_rate=math.log(2) / 100)
    >>> [round(float(schedule(t)), 5) for t in (0, 100, 200)]
    [0.5, 0.25, 0.125]

    Reference:
        TensorFlow 1, `tf.train.natural_exp_decay`.
    """

    def __init__(self, initial_learning_rate: NonNegative, decay_rate: NonNegative):
        self.initial_learning_rate = initial_learning_rate
        self.decay_rate = decay_rate

    def rate(self, step: Tensor) -> Tensor:
        return self.initial_learning_rate * ops.exp(-self.decay_rate * ops.cast(step, floating()))


class CosineAnnealing(Schedule):
    r"""Half a cosine, from the initial rate to the final one; then it stays there.

    $$
    \eta_t = \eta_\text{min} + (\eta_0 - \eta_\text{min})\, \tfrac12 (1 + \cos(\pi t / T))
    \quad (t \le T)
    $$

    Long at high rates and long at low ones, nothing to tune but the end: the usual choice when the
    length of training is known. Wrap it in `Warmup` for a warmup.

    The end is a rate, where Keras's `CosineDecay` wants a fraction (`alpha`). `torch.optim`'s
    `CosineAnnealingLR` has the same curve but climbs again after $T$. For restarts there is
    `keras.optimizers.schedules.CosineDecayRestarts`.

    Args:
        initial_learning_rate: >= 0, the rate at step 0.
        decay_steps: >= 1, $T$: the rate ends at this step.
        end_learning_rate: >= 0, $\eta_\text{min}$. Default 0.

    Example:

    >>> from keras_optim.schedules import CosineAnnealing
    >>> schedule = CosineAnnealing(0.5, decay_steps=100, end_learning_rate=0.25)
    >>> [round(float(schedule(t)), 4) for t in (0, 50, 100, 1000)]
    [0.5, 0.375, 0.25, 0.25]

    Reference:
        Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
        https://arxiv.org/abs/1608.03983
    """

    def __init__(
        self,
        initial_learning_rate: NonNegative,
        decay_steps: Period,
        end_learning_rate: NonNegative = 0.0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate

    def rate(self, step: Tensor) -> Tensor:
        left = half_cosine(progress(step, 0, self.decay_steps))
        return between(self.end_learning_rate, self.initial_learning_rate, left)


class REX(Schedule):
    r"""Reflected exponential: stays high longer than a line, then falls faster.

    $$
    \eta_t = \eta_0\, \frac{1 - z}{1 - z/2}, \qquad z = t / T
    $$

    Made for small budgets: the authors found it the best or near the best of ten schedules at
    every length of training, with nothing to tune.

    Args:
        initial_learning_rate: >= 0, the rate at step 0.
        decay_steps: >= 1, $T$: the rate ends at this step.
        end_learning_rate: >= 0, the last rate. Default 0.

    Example:

    >>> from keras_optim.schedules import REX
    >>> schedule = REX(0.75, decay_steps=100)
    >>> [round(float(schedule(t)), 4) for t in (0, 50, 100, 1000)]
    [0.75, 0.5, 0.0, 0.0]

    Reference:
        Chen, Wolfe, Kyrillidis, "REX: revisiting budgeted training with an improved schedule",
        MLSys 2022, https://arxiv.org/abs/2107.04197
    """

    def __init__(
        self,
        initial_learning_rate: NonNegative,
        decay_steps: Period,
        end_learning_rate: NonNegative = 0.0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate

    def rate(self, step: Tensor) -> Tensor:
        z = progress(step, 0, self.decay_steps)
        left = (1.0 - z) / (1.0 - 0.5 * z)
        return between(self.end_learning_rate, self.initial_learning_rate, left)


class Noam(Schedule):
    r"""Linear warmup, then the inverse square root of the step: the Transformer's schedule.

    $$
    \eta_t = \eta_\text{max} \min\left(\frac{k}{w}, \sqrt{\frac{w}{k}}\right), \qquad k = t + 1
    $$

    Needs no length of training. The paper counts its steps $k$ from 1, so the first update uses
    $\eta_\text{max}/w$ and the peak is at step $w - 1$. It states the peak as
    `(d_model * warmup_steps) ** -0.5`; here it is an argument of its own.

    Args:
        peak_learning_rate: >= 0, $\eta_\text{max}$.
        warmup_steps: >= 1, $w$.

    Example: a Transformer of width 512, as in the paper.

    >>> from keras_optim.schedules import Noam
    >>> schedule = Noam((512 * 4000) ** -0.5, warmup_steps=4000)
    >>> [round(float(schedule(t)), 6) for t in (0, 1999, 3999, 15999)]
    [0.0, 0.000349, 0.000699, 0.000349]

    Reference:
        Vaswani et al., "Attention is all you need", NeurIPS 2017,
        https://arxiv.org/abs/1706.03762
    """

    def __init__(self, peak_learning_rate: NonNegative, warmup_steps: Period):
        self.peak_learning_rate = peak_learning_rate
        self.warmup_steps = warmup_steps

    def rate(self, step: Tensor) -> Tensor:
        share = (ops.cast(step, floating()) + 1.0) / self.warmup_steps
        return self.peak_learning_rate * ops.where(share < 1.0, share, 1.0 / ops.sqrt(share))


def half_cosine(share: Tensor) -> Tensor:
    r"""Fall from 1 to 0: $(1 + \cos(\pi\,\text{share})) / 2$, exact at both ends.

    It is computed as $\sin^2(\pi/2 \cdot \text{distance to the nearer end})$, which loses nothing
    to cancellation. The sine is a series, because `ops.cos` of Keras 3.15 rounds to single
    precision on JAX.

    >>> from keras import ops
    >>> [round(float(half_cosine(ops.convert_to_tensor(z))), 4) for z in (0.0, 0.5, 1.0)]
    [1.0, 0.5, 0.0]
    """
    y = 0.5 * math.pi * ops.where(share < 0.5, share, 1.0 - share)
    series = 0.0
    for k in reversed(range(9)):
        series = series * y * y + (-1) ** k / math.factorial(2 * k + 1)
    small = (y * series) ** 2
    return ops.where(share < 0.5, 1.0 - small, small)
