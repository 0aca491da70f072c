"""Result of `keras_optim.minimize`, and the state that a callback sees on the way."""

from dataclasses import dataclass, field
from typing import Literal

Reason = Literal["gradient", "value", "precision", "max_iterations", "max_evaluations", "callback"]


@dataclass(frozen=True)
class State:
    """The state of a run after an iteration; the variables hold the point."""

    iteration: int
    evaluations: int
    """Passes over the data so far: gradients and Hessian-vector products."""
    value: float
    gradient_norm: float
    """Largest absolute entry of the gradient."""


@dataclass(frozen=True)
class Result:
    """The outcome of `keras_optim.minimize`. The variables hold the point it describes."""

    value: float
    """The loss."""
    gradient_norm: float
    """Largest absolute entry of the gradient."""
    iterations: int
    evaluations: int
    """Passes over the data: gradients and Hessian-vector products."""
    products: int
    """The Hessian-vector products among them."""
    converged: bool
    """Whether a tolerance was met."""
    reason: Reason
    """Why it stopped. `"gradient"`, `"value"`: that tolerance is met. `"precision"`: the search
    found no lower point, not even against the gradient; rounding hides it, or the loss has a kink.
    `"max_iterations"`, `"max_evaluations"`: the limit is reached. `"callback"`: it returned
    `True`."""
    history: dict[str, list[float]] = field(repr=False)
    """`"value"`, `"gradient_norm"` and `"evaluations"` at the start and after each iteration."""
