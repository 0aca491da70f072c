"""Contract of a full-batch method: hyper-parameters, and a generator of steps."""

from collections.abc import Generator
from typing import Annotated, Any, NamedTuple

import numpy as np

from keras_optim.arguments import hyperparameters, ranges
from keras_optim.full_batch.objective import Objective, Point, Vector

Share = Annotated[float, ranges.Range(0, 1, open="both")]
"""A constant of the Wolfe conditions, in (0, 1)."""


class Step(NamedTuple):
    """A direction to search next, and the length along it to try first."""

    direction: Vector
    length: float


Steps = Generator[Step, Point, None]
"""A generator that yields steps and receives the point found along each."""


class Method:
    """Base of the methods of `keras_optim.minimize`.

    A subclass stores its hyper-parameters under their own names, among them `decrease` and
    `curvature` for the line search, and writes `steps`. That generator holds all that the method
    learns during a run. So a method can be used again, and a restart is a new generator.

    Example: steepest descent.

    >>> import keras, keras_optim
    >>> class SteepestDescent(Method):
    ...     decrease, curvature = 1e-4, 0.1
    ...     def steps(self, objective, point):
    ...         while True:
    ...             point = yield downhill(point)
    >>> x = keras.Variable([3.0, 1.0])
    >>> loss = lambda: keras.ops.sum(keras.ops.array([1.0, 4.0]) * x**2)
    >>> keras_optim.minimize(loss, variables=[x], method=SteepestDescent()).converged
    True
    """

    decrease: float
    curvature: float

    def steps(self, objective: Objective, point: Point) -> Steps:
        """Yield steps from `point` on; each `yield` returns the point that the search found."""
        raise NotImplementedError(f"{type(self).__name__} must define `steps`.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = hyperparameters.checked(cls.__init__)  # type: ignore[method-assign]

    def _check_wolfe(self) -> None:
        if self.decrease >= self.curvature:
            raise ValueError(
                f"{type(self).__name__}: `decrease` must be smaller than `curvature`. Received: "
                f"decrease={self.decrease}, curvature={self.curvature}"
            )

    def __repr__(self) -> str:
        names = () if type(self).__init__ is object.__init__ else _parameters(type(self))
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({arguments})"

    def __str__(self) -> str:
        # Keras puts this into its error if `compile` gets a method.
        return (
            f"{self!r}, a full-batch method, which does not go into `compile`: "
            f"call keras_optim.minimize(model, data, method={type(self).__name__}(...)) instead "
            "of compile and fit"
        )


def downhill(point: Point) -> Step:
    """Return the step against the gradient, whose first trial moves by at most one."""
    length = float(np.linalg.norm(point.gradient))
    return Step(-point.gradient, min(1.0, 1.0 / length) if length else 1.0)


def _parameters(method: type[Method]) -> tuple[str, ...]:
    return hyperparameters.own_parameters(method.__init__)
