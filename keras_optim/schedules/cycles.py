"""Schedules that rise and fall: one cycle, or cycles without end."""

from typing import Annotated, Literal

from keras import ops

from keras_optim.arguments.ranges import Fraction, NonNegative, Period, Range
from keras_optim.arguments.scalar import LARGEST
from keras_optim.numerics import power
from keras_optim.schedules.decays import half_cosine
from keras_optim.schedules.schedule import Schedule, Tensor, between, check_sum, floating


class OneCycle(Schedule):
    r"""Up to a large rate, then down to a tiny one, over the whole of training.

    From $\eta_\text{max} / \text{div}$ at step 0 to $\eta_\text{max}$ at step
    $\text{pct} \cdot T - 1$, and down to
    $\eta_\text{max} / (\text{div} \cdot \text{final\_div})$ at step $T - 1$, the last one:

    $$
    \eta_t = b + (a - b)\, \tfrac12 (1 + \cos(\pi z)), \qquad
    z = \text{share of the way from } a \text{ to } b
    $$

    ("super-convergence"): the large rates in the middle act as regularisation, so use less of the
    other kinds. Take `max_learning_rate` from `LearningRateFinder`. The rates are those of
    `torch.optim.lr_scheduler.OneCycleLR` in two phases; momentum is not cycled. After the last
    step the rate stays where it is, where torch raises.

    Args:
        max_learning_rate: >= 0, $\eta_\text{max}$.
        total_steps: >= 2, $T$: the steps of all epochs together.
        pct_start: In [0, 1], share of the steps on the way up. Default 0.3.
        div_factor: > 0, $\text{div}$. Default 25.
        final_div_factor: > 0, $\text{final\_div}$. Default 10000.
        anneal: `"cosine"`, or `"linear"`: $1 - z$ in place of the cosine. Default `"cosine"`.

    Example:

    >>> from keras_optim.schedules import OneCycle
    >>> schedule = OneCycle(1.0, total_steps=100)
    >>> [round(float(schedule(t)), 6) for t in (0, 29, 99, 1000)]
    [0.04, 1.0, 4e-06, 4e-06]

    Reference:
        Smith, Topin, "Super-convergence: very fast training of neural networks using large
        learning rates", 2017, https://arxiv.org/abs/1708.07120
    """

    def __init__(
        self,
        max_learning_rate: NonNegative,
        total_steps: Annotated[int, Range(2)],
        pct_start: Fraction = 0.3,
        div_factor: Annotated[float, Range(0, open="left")] = 25.0,
        final_div_factor: Annotated[float, Range(0, open="left")] = 1e4,
        anneal: Literal["cosine", "linear"] = "cosine",
    ):
        if max_learning_rate / div_factor > LARGEST[float]:
            raise ValueError(
                "OneCycle: `max_learning_rate / div_factor`, the first rate, must be at most "
                f"{LARGEST[float]:.10g}. Received: max_learning_rate={max_learning_rate!r}, "
                f"div_factor={div_factor!r}"
            )
        self.max_learning_rate = max_learning_rate
        self.total_steps = total_steps
        self.pct_start = pct_start
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self.anneal = anneal

    def rate(self, step: Tensor) -> Tensor:
        first = self.max_learning_rate / self.div_factor
        last = first / self.final_div_factor
        end = self.total_steps - 1
        peak = min(max(self.pct_start * self.total_steps - 1.0, 0.0), end)
        t = ops.cast(ops.where(step < end, step, ops.full_like(step, end)), floating())

        def phase(a: float, b: float, start: float, length: float) -> Tensor:
            z = (t - start) / length if length else ops.ones_like(t)
            return between(b, a, half_cosine(z) if self.anneal == "cosine" else 1.0 - z)

        up = phase(first, self.max_learning_rate, 0.0, peak)
        down = phase(self.max_learning_rate, last, peak, end - peak)
        return ops.where(t <= peak, up, down)


class Cyclic(Schedule):
    r"""A triangle wave between two rates, without end.

    $$
    \eta_t = \eta_\text{min} + (\eta_\text{max} - \eta_\text{min})\, a_t\,
    \begin{cases} \phi / u & \phi < u \\ 1 - (\phi - u) / d & \phi \ge u \end{cases}, \qquad
    \phi = t \bmod (u + d)
    $$
    $$
    a_t = 1 \text{ (triangular)}, \quad 2^{-\lfloor t / (u + d) \rfloor} \text{ (triangular2)},
    \quad \gamma^t \text{ (exp\_range)}
    $$

    Rising rates leave sharp minima, falling ones settle. Half a cycle of 2 to 10 epochs is usual;
    take the two rates from `LearningRateFinder`. As `torch.optim.lr_scheduler.CyclicLR` without its
    cycling of momentum, and Addons's `TriangularCyclicalLearningRate`,
    `Triangular2CyclicalLearningRate` and `ExponentialCyclicalLearningRate`.

    Args:
        base_learning_rate: >= 0, $\eta_\text{min}$, the rate at step 0.
        max_learning_rate: At least `base_learning_rate`, $\eta_\text{max}$.
        step_size_up: >= 1, $u$: steps on the way up. Default 2000.
        step_size_down: >= 1, $d$: steps on the way down, or `None`: as many. Default `None`.
        mode: `"triangular"`, `"triangular2"` or `"exp_range"`. Default `"triangular"`.
        gamma: In (0, 1], $\gamma$ of `"exp_range"`. Default 1.

    Raises:
        ValueError: `max_learning_rate` is below `base_learning_rate`.

    Example:

    >>> from keras_optim.schedules import Cyclic
    >>> schedule = Cyclic(0.0, 1.0, step_size_up=4, mode="triangular2")
    >>> [float(schedule(t)) for t in (0, 2, 4, 6, 8, 12)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.5]

    Reference:
        Smith, "Cyclical learning rates for training neural networks", WACV 2017,
        https://arxiv.org/abs/1506.01186
    """

    def __init__(
        self,
        base_learning_rate: NonNegative,
        max_learning_rate: NonNegative,
        step_size_up: Period = 2000,
        step_size_down: Period | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: Annotated[float, Range(0, 1, open="left")] = 1.0,
    ):
        if max_learning_rate < base_learning_rate:
            raise ValueError(
                "Cyclic: `max_learning_rate` must be at least `base_learning_rate`. Received: "
                f"max_learning_rate={max_learning_rate!r}, "
                f"base_learning_rate={base_learning_rate!r}"
            )
        down = step_size_up if step_size_down is None else step_size_down
        check_sum("Cyclic", step_size_up=step_size_up, step_size_down=down)
        self.base_learning_rate = base_learning_rate
        self.max_learning_rate = max_learning_rate
        self.step_size_up = step_size_up
        self.step_size_down = step_size_down
        self.mode = mode
        self.gamma = gamma

    def rate(self, step: Tensor) -> Tensor:
        up, down = self.step_size_up, self.step_size_down or self.step_size_up
        phase = step % (up + down)
        rising = ops.cast(phase, floating()) / up
        falling = ops.cast(up + down - phase, floating()) / down
        height = ops.where(phase < up, rising, falling)
        if self.mode == "triangular2":
            height = height * power(0.5, step // (up + down), like=height)
        elif self.mode == "exp_range":
            height = height * power(self.gamma, step, like=height)
        return between(self.base_learning_rate, self.max_learning_rate, height)
