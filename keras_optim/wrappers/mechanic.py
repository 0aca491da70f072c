"""Mechanic: the learning rate of any optimizer, tuned while it trains."""

from typing import Any, Unpack

from keras import ops

from keras_optim.arguments.ranges import Decay, Epsilon, NonNegative, Positive, WrapperOptions
from keras_optim.contract import measures
from keras_optim.formatting import shown
from keras_optim.numerics import finite_or, larger
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import INNER, Tree, merged
from keras_optim.wrappers.wrapper import Wrapper

_KINDS = ("bound", "variance", "reward", "part")


class Mechanic(Wrapper):
    r"""Go along the path of the inner optimizer, on a scale that is learned.

    $$
    \begin{aligned}
    \Delta_{t-1} &= \frac{x_{t-1} - x_0}{s_{t-1} + \epsilon}, \qquad
    h_t = \left\langle \Delta_{t-1},\; g_t + \lambda\, s_{t-1}
        \frac{\lVert g_t \rVert}{\lVert x_{t-1} + u_t \rVert + \epsilon}\, (x_{t-1} + u_t)
        \right\rangle \\
    m_i &\leftarrow \max(\beta_i m_i, |h_t|), \qquad
    v_i \leftarrow \beta_i^2 v_i + h_t^2, \qquad
    r_i \leftarrow \max(0,\, \beta_i r_i - s_i h_t) \\
    s_i &\leftarrow \frac{s_\text{init}\, m_i / n + r_i}{\sqrt{v_i} + \epsilon}, \qquad
    s_t = \sum_{i=1}^n s_i, \qquad
    x_t = x_0 + s_t\, (\Delta_{t-1} + u_t)
    \end{aligned}
    $$

    Here $u$ is the change that the inner optimizer would make, inner product and norms go over all
    variables, and $m_i$ begins at 1e-6. The scale $s$ rises while descent continues along the
    way from the start. So the inner rate needs a schedule, but no tuning. In the paper, Mechanic
    around AdamW and Lion matched tuned rates for language models and fine-tuning.

    `scale` is $s$ of the last step; `LogTraining` logs it as `estimated_rate`. As the whole way is
    scaled again, an inner rate of 0 does not stop it at once. Weight decay is part of the inner
    change. Kept is the way $x - x_0$, so the start follows weights that are loaded or set.
    An inner optimizer whose step needs sums over all variables is refused: put
    `SkipNonFinite` and `SAM` around Mechanic. As here: mechanic-pytorch. `optax.contrib.mechanize`
    also clips $h$, and begins with other values. Keras has no Mechanic.

    Args:
        inner: An optimizer of keras_optim, not built.
        s_decay: >= 0, $\lambda$, which pulls the scale towards zero. Default 0.01.
        betas: At least one number in [0, 1), the memories among which it chooses.
            Default `(0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)`.
        s_init: > 0, the first scale; smaller than any useful one. Default 1e-8.
        epsilon: >= 1e-30, added to denominators. Default 1e-8.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: `betas` is empty; or `inner` needs sums over all variables, or averages weights.

    Example: rates that are ten million times apart.

    >>> import numpy as np, keras, keras_optim
    >>> for rate in (1e-5, 100.0):
    ...     x = keras.Variable([10.0])
    ...     optimizer = keras_optim.Mechanic(keras_optim.SGD(rate))
    ...     for _ in range(100):
    ...         optimizer.apply([x.numpy()], [x])
    ...     print(abs(x.numpy()[0]) < 5.0)
    True
    True

    Reference:
        Cutkosky, Defazio, Mehta, "Mechanic: a learning rate tuner", NeurIPS 2023,
        https://arxiv.org/abs/2306.00144
    """

    slots = ("way",)
    memory = 1
    elementwise = False
    joint = True
    estimate = "sum"
    around_averages = False
    trial_arguments = {"s_init": 0.5}

    def __init__(
        self,
        inner: Optimizer,
        s_decay: NonNegative = 0.01,
        betas: tuple[Decay, ...] = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999),
        s_init: Positive = 1e-8,
        epsilon: Epsilon = 1e-8,
        **kwargs: Unpack[WrapperOptions],
    ):
        if not betas:
            raise ValueError("Mechanic: `betas` must have at least one member. Received: betas=()")
        if measures(inner):
            raise ValueError(
                "Mechanic: `inner` must know its step without sums over all variables. Write "
                f"`{type(inner).__name__}(Mechanic(...))` if that is a wrapper. "
                f"Received: inner={shown(inner)}"
            )
        super().__init__(inner, **kwargs)
        self.s_decay = s_decay
        self.betas = betas
        self.s_init = s_init
        self.epsilon = epsilon
        self.shared = {"sum": 0.0}
        for i in range(len(betas)):
            starts = zip(_KINDS, (1e-6, 0.0, 0.0, 0.0), strict=True)
            self.shared |= {f"{kind}_{i}": start for kind, start in starts}

    @property
    def scale(self) -> float:
        """The scale of the last step; 0 before the first."""
        if not self.state:
            return 0.0
        return float(ops.convert_to_numpy(self.state.shared_of(self)["sum"].value))

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        kept, seen = self.inner.pooled({}, s[INNER], t, lr)
        change, new = self.inner.step(g, x, merged(s[INNER], kept, seen), t, lr)
        there, delta = x + change, s["way"] / (s["sum"] + self.epsilon)
        sums = {
            "gradient": ops.sum(g * g),
            "weights": ops.sum(there * there),
            "along_gradient": ops.sum(delta * g),
            "along_weights": ops.sum(delta * there),
        }
        return sums, {"change": change, "delta": delta, "new": new}

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        pull = self.s_decay * s["sum"] * ops.sqrt(sums["gradient"])
        pull = pull / (ops.sqrt(sums["weights"]) + self.epsilon)
        h = sums["along_gradient"] + pull * sums["along_weights"]
        h = finite_or(h, ops.zeros_like(h))
        shared: dict[str, Any] = {}
        total: Any = 0.0
        for i, beta in enumerate(self.betas):
            bound = larger(abs(h), beta * s[f"bound_{i}"])
            variance = beta**2 * s[f"variance_{i}"] + h * h
            reward = beta * s[f"reward_{i}"] - s[f"part_{i}"] * h
            reward = larger(reward, ops.zeros_like(reward))
            wealth = bound * (self.s_init / len(self.betas)) + reward
            part = wealth / (ops.sqrt(variance) + self.epsilon)
            total = total + part
            shared |= {
                f"{kind}_{i}": value
                for kind, value in zip(_KINDS, (bound, variance, reward, part), strict=True)
            }
        kept, _ = self.inner.pooled({}, s[INNER], t, lr)
        return {**shared, "sum": total, INNER: kept}, {INNER: {}, "before": s["sum"]}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change = s["sum"] * (s["delta"] + s["change"]) - s["way"]
        return change, {INNER: s["new"], "way": s["way"] + self.moved(change, x, s)}
