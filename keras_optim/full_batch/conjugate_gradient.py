"""Nonlinear conjugate gradients: each direction is conjugate to the last one."""

from typing import Literal

import numpy as np

from keras_optim.arguments.ranges import Period
from keras_optim.full_batch.method import Method, Share, Step, Steps, downhill
from keras_optim.full_batch.objective import Objective, Point, Vector

Formula = Literal["polak_ribiere", "hestenes_stiefel", "fletcher_reeves", "dai_yuan", "hager_zhang"]
DESCENT = 0.01
"""A direction must fall at least this share as steeply, per gradient squared, as the gradient."""


class ConjugateGradient(Method):
    r"""Momentum without a constant: one vector of memory, conjugate directions.

    $$
    d_0 = -g_0, \qquad d_k = -g_k + \beta_k\, d_{k-1}, \qquad x_{k+1} = x_k + \alpha_k\, d_k
    $$

    where $\alpha_k$ comes from a line search for the strong Wolfe conditions and, with
    $y = g_k - g_{k-1}$, $\beta_k$ from one of

    $$
    \begin{aligned}
    \text{polak\_ribiere: } & \max(0,\ g_k^\top y / g_{k-1}^\top g_{k-1}) &
    \text{fletcher\_reeves: } & g_k^\top g_k / g_{k-1}^\top g_{k-1} \\
    \text{hestenes\_stiefel: } & \max(0,\ g_k^\top y / d_{k-1}^\top y) &
    \text{dai\_yuan: } & g_k^\top g_k / d_{k-1}^\top y \\
    \text{hager\_zhang: } &
    \max\Bigl(\eta,\ \bigl(y - 2 d_{k-1} \tfrac{y^\top y}{d_{k-1}^\top y}\bigr)^{\!\top}
    \tfrac{g_k}{d_{k-1}^\top y}\Bigr), & \eta &= \frac{-1}{|d_{k-1}| \min(0.01, |g_{k-1}|)}
    \end{aligned}
    $$

    On a quadratic of n variables with an exact search it is done in n steps. It starts again from
    $-g$ when a direction hardly falls ($-g^\top d < 0.01\, g^\top g$) and after `restart_period`
    steps. Needs the least memory of the methods here and a more exact search, so about two
    evaluations per iteration; `LBFGS` is usually faster. `"polak_ribiere"` and `"hager_zhang"`
    are the formulas to use, the others serve for comparison.

    Args:
        formula: `"polak_ribiere"` (default), `"hestenes_stiefel"`, `"fletcher_reeves"`,
            `"dai_yuan"` or `"hager_zhang"`.
        restart_period: >= 1, or `None` (default): the number of weights.
        decrease: In (0, 1), smaller than `curvature`: share of the expected decrease that a step
            must bring. Default 1e-4.
        curvature: In (0, 1): share of the slope that may be left after a step. Default 0.1;
            smaller is a more exact search. Above 0.5 descent is not sure.

    Raises:
        TypeError: unknown argument or wrong type.
        ValueError: number outside its range, or `decrease >= curvature`.

    Example:

    >>> import keras, keras_optim
    >>> x = keras.Variable([-1.0, 1.0])
    >>> rosenbrock = lambda: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    >>> method = keras_optim.ConjugateGradient("hager_zhang")
    >>> result = keras_optim.minimize(
    ...     rosenbrock, variables=[x], method=method, gradient_tolerance=1e-3
    ... )
    >>> print(result.reason, x.numpy().round(2))
    gradient [1. 1.]

    Reference:
        Nocedal, Wright, "Numerical optimization", 2nd ed. 2006, chapter 5.2; Hager, Zhang, "A
        survey of nonlinear conjugate gradient methods", Pacific Journal of Optimization 2, 2006.
    """

    def __init__(
        self,
        formula: Formula = "polak_ribiere",
        restart_period: Period | None = None,
        decrease: Share = 1e-4,
        curvature: Share = 0.1,
    ) -> None:
        self.formula = formula
        self.restart_period = restart_period
        self.decrease = decrease
        self.curvature = curvature
        self._check_wolfe()

    def steps(self, objective: Objective, point: Point) -> Steps:
        """Step against the gradient first, then along conjugate directions."""
        period = self.restart_period or objective.size
        step, since = downhill(point), 0
        while True:
            new = yield step
            since += 1
            direction = conjugate(self.formula, step.direction, point.gradient, new.gradient)
            slope, square = new.gradient @ direction, new.gradient @ new.gradient
            if since == period or not -slope >= DESCENT * square:
                direction, slope, since = -new.gradient, -square, 0
            # The first length expects the same decrease as the last step, to first order.
            gain = point.gradient @ (new.x - point.x)
            step = Step(direction, float(gain / slope) if gain < 0.0 else 1.0)
            point = new


def conjugate(formula: Formula, d: Vector, g: Vector, new: Vector) -> Vector:
    """Return the next direction, from the last one `d` and the gradients before and after it."""
    y = new - g
    with np.errstate(divide="ignore", invalid="ignore"):  # the caller restarts
        if formula == "polak_ribiere":
            beta = np.maximum((new @ y) / (g @ g), 0.0)
        elif formula == "hestenes_stiefel":
            beta = np.maximum((new @ y) / (d @ y), 0.0)
        elif formula == "fletcher_reeves":
            beta = (new @ new) / (g @ g)
        elif formula == "dai_yuan":
            beta = (new @ new) / (d @ y)
        else:
            lower = -1.0 / (np.linalg.norm(d) * min(0.01, float(np.linalg.norm(g))))
            beta = np.maximum((y - 2.0 * d * (y @ y) / (d @ y)) @ new / (d @ y), lower)
        return beta * d - new
