"""Objective: a function of one long vector, evaluated on the backend in use.

The loop, the line search and the directions work on NumPy vectors in float64 on the host: all
variables, flattened and joined. Each evaluation copies the weights to the device and the gradient
back. This takes a millisecond per million weights on a CPU, little beside a pass over a full batch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from keras_optim.differentiation import derivatives
from keras_optim.formatting import shown
from keras_optim.variables.paths import path_of

Vector = NDArray[np.float64]


class OutOfEvaluations(Exception):
    """The allowed number of evaluations is used up."""


@dataclass(frozen=True)
class Point:
    """A vector of weights, with the value and the gradient of the objective there."""

    x: Vector
    value: float
    gradient: Vector

    @property
    def finite(self) -> bool:
        """Whether the value and every entry of the gradient are finite."""
        return bool(np.isfinite(self.value) and np.isfinite(self.gradient).all())

    @property
    def gradient_norm(self) -> float:
        """Largest absolute entry of the gradient."""
        return float(np.abs(self.gradient).max(initial=0.0))


@dataclass(frozen=True)
class Loss:
    """A loss in parts: the weighted sum, over all parts, of `function(*arguments)`."""

    function: Callable[..., Any]
    variables: Sequence[Any]
    others: Sequence[Any] = ()
    """Further variables that the function reads."""
    parts: Callable[[], Iterable[tuple[float, tuple[Any, ...]]]] = lambda: [(1.0, ())]
    """Yields the weight and the arguments of each part."""
    precision: str | None = None
    """The dtype of its arithmetic; `None`: the narrowest of the variables."""


class Objective:
    """A loss as a function of a vector, which counts its evaluations.

    Args:
        loss: The loss to evaluate, and its variables.
        limit: Evaluations allowed, or `None`.

    Raises:
        OutOfEvaluations: when asked for more than `limit`.

    Example:

    >>> import keras
    >>> a, b = keras.Variable([1.0, 2.0]), keras.Variable(3.0)
    >>> objective = Objective(Loss(lambda: keras.ops.sum(a**2) * b, [a, b]))
    >>> point = objective.at(objective.present())
    >>> point.x.tolist(), point.value, point.gradient.tolist()
    ([1.0, 2.0, 3.0], 15.0, [6.0, 12.0, 5.0])
    >>> objective.hessian_product(point, np.array([0.0, 0.0, 1.0])).tolist()
    [2.0, 4.0, 0.0]
    >>> objective.evaluations
    2
    """

    def __init__(self, loss: Loss, limit: int | None = None):
        self.loss = loss
        self.limit = limit
        self.evaluations = 0
        """Passes over the data: gradients and Hessian-vector products."""
        self.products = 0
        """The Hessian-vector products among them."""
        self._shapes = [tuple(v.shape) for v in loss.variables]
        self._dtypes = [keras.backend.standardize_dtype(v.dtype) for v in loss.variables]
        precisions = [loss.precision] if loss.precision else self._dtypes
        self.epsilon = max(float(np.finfo(dtype).eps) for dtype in precisions)
        """Relative spacing of the numbers that the loss is computed with."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes])
        self._cuts, self.size = ends[:-1], int(ends[-1])
        self._derivatives = derivatives(loss.function, loss.variables, loss.others)

    def noise(self, point: Point) -> float:
        """Return how much rounding may change the value near `point`.

        It is a few units in the last place of the value itself, and half a unit in the last place
        of each weight.
        """
        moved = 0.5 * self.epsilon * float(np.abs(point.gradient) @ np.abs(point.x))
        return 10.0 * self.epsilon * abs(point.value) + moved

    def at(self, x: Vector) -> Point:
        """Return value and gradient at `x`, rounded to the variables' dtypes."""
        x = self.assign(x)
        self._count()
        value, gradient = 0.0, np.zeros(self.size)
        for weight, arguments in self.loss.parts():
            part, gradients = self._derivatives.gradients(arguments)
            value += weight * float(ops.convert_to_numpy(part))
            gradient += weight * _join(gradients)
        return Point(x, value, gradient)

    def check_reached(self) -> None:
        """Refuse a loss that depends on none of its variables; call this after an evaluation.

        Raises:
            ValueError: its derivative is zero everywhere, so that no point is better than another.
        """
        if not self._derivatives.reached:
            names = [path_of(v) for v in self.loss.variables]
            listed = ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")
            raise ValueError(
                "minimize: the loss does not depend on the variables to change, or only by "
                f"operations without a derivative, such as argmax. Received: variables {listed}"
            )

    def hessian_product(self, point: Point, vector: Vector) -> Vector:
        """Return the Hessian at `point` times `vector`."""
        self.assign(point.x)
        self._count()
        self.products += 1
        # A vector of length one neither overflows nor vanishes in single precision.
        length = float(np.linalg.norm(vector)) or 1.0
        pieces = [ops.convert_to_tensor(piece) for piece in self._split(vector / length)]
        product = np.zeros(self.size)
        for weight, arguments in self.loss.parts():
            product += weight * _join(self._derivatives.products(pieces, arguments))
        return length * product

    def present(self) -> Vector:
        """Return the present values of the variables."""
        return _join([v.value for v in self.loss.variables])

    def assign(self, x: Vector) -> Vector:
        """Give the variables the values `x`, and return them rounded to the variables' dtypes."""
        pieces = self._split(x)
        for variable, piece in zip(self.loss.variables, pieces, strict=True):
            variable.assign(piece)
        return np.concatenate([piece.ravel().astype("float64") for piece in pieces])

    def _split(self, x: Vector) -> list[NDArray[Any]]:
        parts = zip(np.split(x, self._cuts), self._shapes, self._dtypes, strict=True)
        with np.errstate(over="ignore"):  # too long a step overflows, and the search shortens it
            return [part.reshape(shape).astype(dtype) for part, shape, dtype in parts]

    def _count(self) -> None:
        if self.evaluations == self.limit:
            raise OutOfEvaluations
        self.evaluations += 1


def check_variables(variables: Sequence[Any]) -> None:
    """Refuse variables that `minimize` cannot change; the message names the variable.

    Raises:
        TypeError: one is no Keras variable.
        ValueError: the list is empty, or one is frozen, constrained, not float32 or float64, or
            listed twice.
    """
    if not variables:
        raise ValueError("minimize: there are no variables to change.")
    for variable in variables:
        if not isinstance(variable, keras.Variable):
            raise TypeError(
                "minimize: `variables` must hold keras.Variable objects. "
                f"Received: {shown(variable)}"
            )
        path, dtype = path_of(variable), keras.backend.standardize_dtype(variable.dtype)
        if not variable.trainable:
            raise ValueError(f"minimize: the variable {path!r} is not trainable.")
        if getattr(variable, "constraint", None) is not None:
            raise ValueError(
                f"minimize: the variable {path!r} has a constraint; minimize is unconstrained."
            )
        if dtype not in ("float32", "float64"):
            raise ValueError(
                f"minimize: variables must be float32 or float64: a line search needs the "
                f"precision. Received: {path!r} of dtype {dtype}"
            )
    if len({id(v) for v in variables}) < len(variables):
        raise ValueError("minimize: `variables` holds the same variable twice.")


def _join(tensors: Sequence[Any]) -> Vector:
    arrays = [ops.convert_to_numpy(t).astype("float64").ravel() for t in tensors]
    return np.concatenate(arrays)
