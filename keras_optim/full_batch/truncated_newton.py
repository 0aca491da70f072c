"""Truncated Newton: the Newton step, solved by conjugate gradients as far as it pays."""

import numpy as np

from keras_optim.arguments.ranges import Period
from keras_optim.full_batch.method import Method, Share, Step, Steps, downhill
from keras_optim.full_batch.objective import Objective, Point


class TruncatedNewton(Method):
    r"""Newton's method by Hessian-vector products: for ill-conditioned problems.

    The direction solves

    $$
    \nabla^2 f(x_k)\, d = -g_k \quad\text{until}\quad
    |\nabla^2 f(x_k)\, d + g_k| \le \eta_k |g_k|, \qquad
    \eta_k = \min\bigl(\eta, \sqrt{|g_k| / |g_0|}\bigr),
    $$

    by linear conjugate gradients, which need only products of the Hessian with vectors (about two
    to three gradients each), never the Hessian. Far away the solution is rough, near the minimum
    it gets exact, and convergence is superlinear. Where a direction of negative curvature turns
    up, the solution so far is used (or $-g_k$ if there is none): so the step always goes down. A
    line search for the strong Wolfe conditions, from length 1, says how far.

    Few iterations, each of up to `inner_iterations` products. It gets far down where `LBFGS`
    crawls; elsewhere `LBFGS` needs less work. In single precision the products are as exact as
    the gradient, and the last digits are lost all the same.

    On TensorFlow the Hessian of LayerNormalization and GroupNormalization lacks a term, because
    `tf.nn.moments` leaves out the gradient of its mean: the steps still go down, but they are
    not Newton's.

    Differs from Nocedal and Wright, who take $\eta_k = \min(0.5, \sqrt{|g_k|})$: relative to the
    first gradient it does not depend on the scale of the loss. `scipy.optimize`'s Newton-CG is
    the same method; its products are finite differences unless told.

    Args:
        forcing: In (0, 1), $\eta$: how rough the first solutions may be. Default 0.5; near 0 each
            step is Newton's.
        inner_iterations: >= 1, most Hessian-vector products per step. Default 100.
        decrease: In (0, 1), smaller than `curvature`: share of the expected decrease that a step
            must bring. Default 1e-4.
        curvature: In (0, 1): share of the slope that may be left after a step. Default 0.9.

    Raises:
        TypeError: unknown argument or wrong type.
        ValueError: number outside its range, or `decrease >= curvature`.

    Example: one step is enough for a quadratic.

    >>> import keras, keras_optim
    >>> x = keras.Variable([1.0, 1.0])
    >>> loss = lambda: x[0] ** 2 + 50 * (x[1] - x[0]) ** 2
    >>> method = keras_optim.TruncatedNewton(forcing=1e-6)
    >>> keras_optim.minimize(loss, variables=[x], method=method).iterations
    1

    Reference:
        Dembo, Steihaug, "Truncated-Newton algorithms for large-scale unconstrained optimization",
        Mathematical Programming 26, 1983, https://doi.org/10.1007/BF02592055; Nocedal, Wright,
        "Numerical optimization", 2nd ed. 2006, algorithm 7.1.
    """

    def __init__(
        self,
        forcing: Share = 0.5,
        inner_iterations: Period = 100,
        decrease: Share = 1e-4,
        curvature: Share = 0.9,
    ) -> None:
        self.forcing = forcing
        self.inner_iterations = inner_iterations
        self.decrease = decrease
        self.curvature = curvature
        self._check_wolfe()

    def steps(self, objective: Objective, point: Point) -> Steps:
        """Step along truncated Newton directions."""
        first = float(np.linalg.norm(point.gradient))
        while True:
            share = float(np.linalg.norm(point.gradient)) / first if first else 0.0
            point = yield self._solve(objective, point, min(self.forcing, share**0.5))

    def _solve(self, objective: Objective, point: Point, forcing: float) -> Step:
        """Solve the Newton equation by linear conjugate gradients, until the residual is small."""
        solution, residual = np.zeros(objective.size), point.gradient
        d = -residual
        square = goal = residual @ residual
        goal *= forcing**2
        for i in range(self.inner_iterations):
            product = objective.hessian_product(point, d)
            curvature = d @ product
            flat = objective.epsilon * np.linalg.norm(d) * np.linalg.norm(product)
            if not curvature > flat:  # negative, zero but for rounding, or NaN
                return Step(solution, 1.0) if i else downhill(point)
            length = square / curvature
            solution = solution + length * d
            residual = residual + length * product
            last, square = square, residual @ residual
            if square <= goal:
                break
            d = (square / last) * d - residual
        return Step(solution, 1.0)
