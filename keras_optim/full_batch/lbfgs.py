"""L-BFGS: curvature from the last few steps."""

from collections import deque

from keras_optim.arguments.ranges import Period
from keras_optim.full_batch.method import Method, Share, Step, Steps, downhill
from keras_optim.full_batch.objective import Objective, Point, Vector

CURVED = 1e-10
"""A pair counts if s and y are not orthogonal: s·y > CURVED |s| |y|."""


class LBFGS(Method):
    r"""The default for smooth full-batch problems: curvature from the last few steps.

    With $s_i = x_{i+1} - x_i$, $y_i = g_{i+1} - g_i$ and $\rho_i = 1 / y_i^\top s_i$, the inverse
    of the Hessian is taken to be

    $$
    H_{i+1} = (I - \rho_i s_i y_i^\top)\, H_i\, (I - \rho_i y_i s_i^\top) + \rho_i s_i s_i^\top,
    \qquad
    H_0 = \frac{s_{k-1}^\top y_{k-1}}{y_{k-1}^\top y_{k-1}}\, I,
    $$

    over the last `history_size` pairs; the step goes along $-H_k g_k$, as far as a line search for
    the strong Wolfe conditions says. $H_k$ is never formed: a direction costs four passes over
    the pairs kept, $2 m$ vectors of memory.

    Mostly one evaluation per iteration, and there is nothing to tune: a longer history (20 to 50)
    helps a little on ill-conditioned problems. It needs the exact loss: no mini-batches, no
    dropout. Where the Hessian is very ill-conditioned, `TruncatedNewton` gets further.

    Differs from `torch.optim.LBFGS`, which needs a closure and runs a fixed rate unless asked for
    `"strong_wolfe"`; its history is 100 long. `optax.lbfgs` defaults to 10 and a zoom line search,
    `scipy.optimize`'s L-BFGS-B to 10 and Moré and Thuente's.

    Args:
        history_size: >= 1, pairs kept. Default 10.
        decrease: In (0, 1), smaller than `curvature`: share of the expected decrease that a step
            must bring. Default 1e-4.
        curvature: In (0, 1): share of the slope that may be left after a step. Default 0.9.

    Raises:
        TypeError: unknown argument or wrong type.
        ValueError: number outside its range, or `decrease >= curvature`.

    Example:

    >>> import keras, keras_optim
    >>> x = keras.Variable([-1.0, 1.0])
    >>> rosenbrock = lambda: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    >>> result = keras_optim.minimize(rosenbrock, variables=[x], method=keras_optim.LBFGS(5))
    >>> print(result.converged, x.numpy().round(3))
    True [1. 1.]

    Reference:
        Liu, Nocedal, "On the limited memory BFGS method for large scale optimization",
        Mathematical Programming 45, 1989, https://doi.org/10.1007/BF01589116; Nocedal, Wright,
        "Numerical optimization", 2nd ed. 2006, algorithms 7.4 and 7.5.
    """

    def __init__(
        self, history_size: Period = 10, decrease: Share = 1e-4, curvature: Share = 0.9
    ) -> None:
        self.history_size = history_size
        self.decrease = decrease
        self.curvature = curvature
        self._check_wolfe()

    def steps(self, objective: Objective, point: Point) -> Steps:
        """Step against the gradient first, then along quasi-Newton directions."""
        pairs: deque[tuple[Vector, Vector]] = deque(maxlen=self.history_size)
        while True:
            if pairs:
                new = yield Step(-inverse_hessian_product(point.gradient, pairs), 1.0)
            else:
                new = yield downhill(point)
            s, y = new.x - point.x, new.gradient - point.gradient
            if s @ y > CURVED * (s @ s) ** 0.5 * (y @ y) ** 0.5:
                pairs.append((s, y))
            point = new


def inverse_hessian_product(vector: Vector, pairs: deque[tuple[Vector, Vector]]) -> Vector:
    """Multiply `vector` by the L-BFGS inverse Hessian, by the two-loop recursion.

    It maps the last y to the last s, as the inverse Hessian of a quadratic would:

    >>> import numpy as np
    >>> s, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    >>> inverse_hessian_product(y, deque([(np.array([1.0, 0.0]), np.array([2.0, 1.0])), (s, y)]))
    array([1., 2.])
    """
    q = vector.copy()
    shares = []
    for s, y in reversed(pairs):
        share = (s @ q) / (y @ s)
        q -= share * y
        shares.append(share)
    s, y = pairs[-1]
    q *= (s @ y) / (y @ y)
    for (s, y), share in zip(pairs, reversed(shares), strict=True):
        q += (share - (y @ q) / (y @ s)) * s
    return q
