"""ScheduleFree: any optimizer without a schedule, tested with the mean of its fast weights."""

from collections.abc import Sequence
from typing import Any, Unpack

from keras_optim.algorithms.interpolating import Interpolating
from keras_optim.arguments.ranges import Decay, NonNegative, WeightDecay, WrapperOptions
from keras_optim.contract import VariableSpec, layers, passes_on
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import INNER, Tree, merged
from keras_optim.wrappers.wrapper import Wrapper


class ScheduleFree(Interpolating, Wrapper):
    r"""Let the inner rule move fast weights; train between them and their mean; test the mean.

    $$
    \begin{aligned}
    y_t &= \beta\, x_t + (1-\beta)\, z_t, \qquad g_t = \nabla f(y_t) \\
    z_{t+1} &= \text{inner step of } z_t - \eta_t \lambda\, y_t \text{ with } g_t \\
    x_{t+1} &= (1-c_t)\, x_t + c_t\, z_{t+1}, \qquad
    c_t = \frac{w_t}{\sum_{i \le t} w_i}, \qquad w_t = t^r \left(\max_{i \le t} \eta_i\right)^p
    \end{aligned}
    $$

    The mean takes the place of a schedule that decays the rate, so the length of the training need
    not be known. Weights in the model are $y$ while it trains; `fit`, `evaluate`, `predict` and
    `save` use $x$, see `keras_optim.callbacks.EvaluateAveraged`. In a loop of your own, write
    `with keras_optim.evaluation_weights(optimizer):`. Batch normalisation needs the statistics of
    $x$: `EvaluateAveraged(data=x_train)`.

    $\beta$ takes the place of momentum, so the inner rule needs none: `ScheduleFree(RMSprop(...))`.
    Warm-up belongs into its rate, as a schedule. `ScheduleFreeSGD`, `ScheduleFreeAdamW` and
    `ScheduleFreeRAdam` are the authors' own versions, with a default rate and a warm-up. The rate
    that a rule such as Prodigy estimates counts in $w_t$.

    `weight_decay`, $\lambda$, acts at $y$, as the authors recommend. Inside a rule that couples it
    (LARS, Lamb), it acts at $z$, and so does that of each rule in a `Route`. As the authors'
    `ScheduleFreeWrapper`; pytorch-optimizer's decays $z$ by $z$.

    Args:
        inner: An optimizer of keras_optim, not built.
        beta: In [0, 1), the share of the mean in the trained weights. Default 0.9.
        r: >= 0, the power of the step's number in its weight. Default 0.
        weight_lr_power: >= 0, $p$, the power of the largest rate in it. Default 2.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`. `use_ema` must be off.

    Raises:
        ValueError: `inner` averages weights itself, or Keras's own average, `use_ema`, is on.

    Example: the rule makes whole steps. The mean of -1 and -2 is tested.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([0.0])
    >>> optimizer = keras_optim.ScheduleFree(keras_optim.SignSGD(1.0))
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([100.0], "float32")], [x])
    >>> print(x.numpy().round(4))
    [-1.55]
    >>> with keras_optim.evaluation_weights(optimizer):
    ...     print(x.numpy().round(4))
    [-1.5]

    Reference:
        Defazio, Yang, Khaled, Mishchenko, Mehta, Cutkosky, "The road less scheduled", NeurIPS 2024,
        https://arxiv.org/abs/2405.15682
    """

    slots = ("drift",)
    memory = 1

    def __init__(
        self,
        inner: Optimizer,
        beta: Decay = 0.9,
        *,
        r: NonNegative = 0.0,
        weight_lr_power: NonNegative = 2.0,
        **kwargs: Unpack[WrapperOptions],
    ):
        if inner.averaging:
            raise ValueError(
                "ScheduleFree: `inner` must not average weights itself: models are evaluated with "
                f"one average. Received: inner={shown(inner)}"
            )
        super().__init__(inner, **kwargs)
        self._check_decay("corrected_weight_decay", self.corrected_weight_decay)
        if self.use_ema:
            raise ValueError(
                "ScheduleFree: `use_ema` would average a second time; leave it off. "
                "Received: use_ema=True"
            )
        self.beta = beta
        self.r = r
        self.weight_lr_power = weight_lr_power

    def interpolation(self) -> float:
        return self.beta

    # ---- weight decay at y, unless the rule couples it

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        return [{**c, "decayed": _decayed(c)} for c in super().constants(variables)]

    def decay_inside(self, constants: Tree, decay: WeightDecay) -> WeightDecay:
        return decay if self._couples() else 0.0

    def stored_inside(self, stored: Any) -> Any:
        return stored and stored.unrounded()

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without decay of the weights alone: `update` decays `z` by as much."""
        return self.update(g, x, s, t, lr)

    def _couples(self) -> bool:
        return any(rule.couples_decay is not None for rule in layers(self.inner))

    def _decay(self, x: Tensor, s: Slots, lr: Tensor, step: Tensor) -> Tensor | float:
        """Return the step of the decay of `z`, beside the `step` by the rule."""
        decays = s["weight_decay"] and not self._couples()
        return self.decayed(x, s, lr, step) if decays else 0.0

    def _start(self, x: Tensor, s: Slots, lr: Tensor) -> tuple[Tensor, Tensor | float]:
        """Return where the rule starts, and the step of the decay before it: none if cautious."""
        decayed = 0.0 if self.cautious_weight_decay else self._decay(x, s, lr, None)
        return self.fast(x, s) + decayed, decayed

    # ---- the rule

    @passes_on
    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        start, _ = self._start(x, s, lr)
        return super().measure(g, start, s, t, lr)

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        shared, seen = super().pool(sums, s, t, lr)
        rate = lr * _estimate(self.inner, merged(s[INNER], shared[INNER]))
        weights, share = self.weighed(s, t, rate)
        return {**shared, **weights}, {**seen, **share}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        start, decayed = self._start(x, s, lr)
        change, new = self.inner.step(g, start, s[INNER], t, lr)
        step = self.inner.moved(change, start, s[INNER])
        if self.cautious_weight_decay:
            decayed = self._decay(x, s, lr, step)
        change, drift = self.interpolated(decayed + step, s)
        return change, {INNER: new, "drift": drift}


def _decayed(constants: Tree) -> bool:
    """Whether the innermost rule decays the variable with these constants."""
    while INNER in constants:
        constants = constants[INNER]
    return bool(constants.get("decayed"))


def _estimate(rule: Any, shared: Tree) -> Any:
    """Return the estimate by which the rule, or one inside, multiplies its rate; else 1."""
    while rule is not None:
        if rule.estimate:
            return shared[rule.estimate]
        rule, shared = getattr(rule, "inner", None), shared.get(INNER, {})
    return 1.0
