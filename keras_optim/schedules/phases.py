"""Schedules in phases: a warmup around any other, a plateau, any sequence."""

from itertools import pairwise
from typing import Literal

from keras import ops

from keras_optim.arguments.ranges import NonNegative, Period
from keras_optim.formatting import shown
from keras_optim.schedules.decays import half_cosine
from keras_optim.schedules.schedule import (
    Rate,
    Schedule,
    Steps,
    Tensor,
    between,
    check_sum,
    progress,
    rate_at,
    warmed,
)


class Warmup(Schedule):
    r"""A linear warmup before any schedule, or before a constant rate.

    $$
    \eta_t = \begin{cases} \eta_s + (\eta(0) - \eta_s)\, t / w & t < w \\ \eta(t - w) & t \ge w
    \end{cases}
    $$

    The schedule inside, $\eta$, starts when the warmup is over: it misses nothing. Large batches,
    transformers and adaptive rules want one; a few hundred to a few thousand steps are usual.

    By default the warmup climbs in $w + 1$ equal strides, so that the first step already learns:
    $\eta_s = \eta(0) / (w + 1)$. With `start_learning_rate=0` it is Keras's (in `CosineDecay`) and
    optax's, whose first update does nothing.

    Args:
        schedule: A number >= 0, or a schedule of keras_optim or of Keras.
        warmup_steps: >= 0, $w$: the schedule inside begins at this step.
        start_learning_rate: >= 0, $\eta_s$, or `None`: one stride. Default `None`.

    Example:

    >>> from keras_optim.schedules import CosineAnnealing, Warmup
    >>> schedule = Warmup(CosineAnnealing(0.5, decay_steps=100), warmup_steps=4)
    >>> [round(float(schedule(t)), 4) for t in (0, 1, 4, 54, 104)]
    [0.1, 0.2, 0.5, 0.25, 0.0]

    Reference:
        Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017,
        https://arxiv.org/abs/1706.02677
    """

    def __init__(
        self,
        schedule: Rate,
        warmup_steps: Steps,
        start_learning_rate: NonNegative | None = None,
    ):
        self.schedule = schedule
        self.warmup_steps = warmup_steps
        self.start_learning_rate = start_learning_rate

    def rate(self, step: Tensor) -> Tensor:
        since = step - self.warmup_steps
        inside = rate_at(self.schedule, ops.where(since < 0, ops.zeros_like(since), since))
        return warmed(step, inside, self.start_learning_rate, self.warmup_steps)


class WarmupStableDecay(Schedule):
    r"""Warmup, a long plateau, a short decay ("trapezoid", WSD).

    $$
    \eta_t = \begin{cases} \eta_\text{max}\, (t + 1) / (w + 1) & t < w \\
    \eta_\text{max} & t < w + s \\
    \eta_\text{end} + (\eta_\text{max} - \eta_\text{end})\, f(z) & t \ge w + s \end{cases}
    \qquad z = \min(1, (t - w - s) / d)
    $$
    $$
    f(z) = 1 - z \text{ (linear)}, \quad 1 - \sqrt z \text{ (sqrt)}, \quad
    \tfrac12 (1 + \cos \pi z) \text{ (cosine)}
    $$

    As good as a cosine, and the length of training may stay open: train on the plateau, branch off
    a decay of 10 to 20 % of the steps whenever a model is wanted. `"sqrt"` is best in the second
    reference.

    Args:
        peak_learning_rate: >= 0, $\eta_\text{max}$.
        warmup_steps: >= 0, $w$.
        stable_steps: >= 0, $s$.
        decay_steps: >= 1, $d$.
        end_learning_rate: >= 0, $\eta_\text{end}$. Default 0.
        decay: `"linear"`, `"sqrt"` or `"cosine"`. Default `"linear"`.

    Example:

    >>> from keras_optim.schedules import WarmupStableDecay
    >>> schedule = WarmupStableDecay(1.0, warmup_steps=3, stable_steps=10, decay_steps=4)
    >>> [float(schedule(t)) for t in (0, 3, 13, 15, 17, 100)]
    [0.25, 1.0, 1.0, 0.5, 0.0, 0.0]

    Reference:
        Hu et al., "MiniCPM: unveiling the potential of small language models with scalable training
        strategies", 2024, https://arxiv.org/abs/2404.06395; Hägele et al., "Scaling laws and
        compute-optimal training beyond fixed training durations", NeurIPS 2024,
        https://arxiv.org/abs/2405.18392
    """

    def __init__(
        self,
        peak_learning_rate: NonNegative,
        warmup_steps: Steps,
        stable_steps: Steps,
        decay_steps: Period,
        end_learning_rate: NonNegative = 0.0,
        decay: Literal["linear", "sqrt", "cosine"] = "linear",
    ):
        check_sum("WarmupStableDecay", warmup_steps=warmup_steps, stable_steps=stable_steps)
        self.peak_learning_rate = peak_learning_rate
        self.warmup_steps = warmup_steps
        self.stable_steps = stable_steps
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.decay = decay

    def rate(self, step: Tensor) -> Tensor:
        start = self.warmup_steps + self.stable_steps
        z = progress(step, start, self.decay_steps)
        if self.decay == "cosine":
            left = half_cosine(z)
        else:
            left = 1.0 - (ops.sqrt(z) if self.decay == "sqrt" else z)
        falling = between(self.end_learning_rate, self.peak_learning_rate, left)
        rising = warmed(step, self.peak_learning_rate, None, self.warmup_steps)
        return ops.where(step < start, rising, falling)


class Join(Schedule):
    r"""One schedule after the other, each from a boundary on.

    $$
    \eta_t = \eta^{(i)}(t - b_i), \qquad b_i \le t < b_{i+1}, \quad b_0 = 0
    $$

    Each schedule counts its steps from its own boundary, as in `optax.join_schedules` and
    `torch.optim.lr_scheduler.SequentialLR`.

    Args:
        schedules: A list of at least one; each a number >= 0 or a schedule of keras_optim or Keras.
        boundaries: A list of the first steps of all but the first, rising, one fewer.

    Raises:
        ValueError: the numbers do not fit, or the boundaries do not rise.

    Example:

    >>> from keras_optim.schedules import CosineAnnealing, Join
    >>> schedule = Join([0.5, CosineAnnealing(0.25, decay_steps=10), 0.125], boundaries=[100, 110])
    >>> [round(float(schedule(t)), 4) for t in (0, 99, 100, 105, 110)]
    [0.5, 0.5, 0.25, 0.125, 0.125]

    Reference:
        optax, `optax.join_schedules`.
    """

    def __init__(self, schedules: list[Rate], boundaries: list[Period]):
        if len(schedules) != len(boundaries) + 1:
            raise ValueError(
                "Join: `boundaries` must be one fewer than `schedules`. Received: "
                f"boundaries={shown(boundaries)}, and {len(schedules)} schedules"
            )
        if any(b <= a for a, b in pairwise(boundaries)):
            raise ValueError(
                f"Join: `boundaries` must rise. Received: boundaries={shown(boundaries)}"
            )
        self.schedules = schedules
        self.boundaries = boundaries

    def rate(self, step: Tensor) -> Tensor:
        rate = rate_at(self.schedules[0], step)
        for boundary, schedule in zip(self.boundaries, self.schedules[1:], strict=True):
            since = step - boundary
            begun = ops.where(since < 0, ops.zeros_like(since), since)
            rate = ops.where(since < 0, rate, rate_at(schedule, begun))
        return rate
