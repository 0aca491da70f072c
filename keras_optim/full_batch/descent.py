"""Descent, the loop of all methods: a step, a line search along it, the rules to stop by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_optim.full_batch.line_search import Trial, strong_wolfe
from keras_optim.full_batch.method import Method, Step, Steps, downhill
from keras_optim.full_batch.objective import Objective, OutOfEvaluations, Point
from keras_optim.full_batch.result import Reason, Result, State


@dataclass(frozen=True)
class Rules:
    """Rules to stop by, and the caller's callback; see `keras_optim.minimize`."""

    max_iterations: int
    gradient_tolerance: float
    value_tolerance: float
    callback: Callable[[State], Any] | None
    verbose: int


def descend(objective: Objective, method: Method, rules: Rules) -> Result:
    """Minimise `objective` by `method` until one of the `rules` says stop.

    If the loss does not fall along the method's direction, or the search there finds no lower
    point, the loop searches against the gradient and restarts the method.

    Raises:
        ValueError: the loss does not depend on its variables, or value or gradient are not finite
            at the start.
    """
    watch = _Watch(objective, rules)
    best = objective.present()
    steps: Steps | None = None
    reason: Reason | None = None
    try:
        point = objective.at(best)
        objective.check_reached()
        if not point.finite:
            raise ValueError(
                f"minimize: the loss ({point.value}) or its gradient is not finite at the start."
            )
        reason = watch.see(point)
        while reason is None:
            if steps is None:
                steps = method.steps(objective, point)
                step = next(steps)
            else:
                step = steps.send(point)
            found = search(objective, method, point, step)
            if found is None:
                steps = None
                found = search(objective, method, point, downhill(point))
            if found is None:
                reason = "precision"
                break
            point, best = found, found.x
            objective.assign(best)
            reason = watch.see(point)
    except OutOfEvaluations:
        reason = "max_evaluations"
    finally:
        objective.assign(best)
        watch.close()
    return watch.result(reason)


def search(objective: Objective, method: Method, point: Point, step: Step) -> Point | None:
    """Return a lower point along a step, good enough for the method; `None` without one."""
    direction = step.direction
    slope = float(point.gradient @ direction)
    if not (slope < 0.0 and np.isfinite(direction).all()):
        return None

    def phi(length: float) -> Trial:
        with np.errstate(over="ignore", invalid="ignore"):  # the search shortens too long a step
            trial = objective.at(point.x + length * direction)
            slope = float(trial.gradient @ direction) if trial.finite else np.nan
        return Trial(length, trial.value, slope, trial)

    found = strong_wolfe(
        phi,
        Trial(0.0, point.value, slope, point),
        step.length,
        method.decrease,
        method.curvature,
        noise=objective.noise(point),
    )
    if found is None or found.point is None or np.array_equal(found.point.x, point.x):
        return None
    return found.point


class _Watch:
    """A watch over the run: it keeps the history, shows the progress, and decides when to stop."""

    def __init__(self, objective: Objective, rules: Rules):
        self.objective = objective
        self.rules = rules
        self.history: dict[str, list[float]] = {"value": [], "gradient_norm": [], "evaluations": []}
        self.bar = keras.utils.Progbar(
            rules.max_iterations,
            verbose=rules.verbose,
            stateful_metrics=["loss", "gradient_norm", "evaluations"],
            unit_name="iteration",
        )

    @property
    def state(self) -> State:
        """The state of the run."""
        history = self.history
        return State(
            iteration=len(history["value"]) - 1,
            evaluations=self.objective.evaluations,
            value=history["value"][-1],
            gradient_norm=history["gradient_norm"][-1],
        )

    def see(self, point: Point) -> Reason | None:
        """Note a new point; return the reason to stop there, or `None`."""
        self.history["value"].append(point.value)
        self.history["gradient_norm"].append(point.gradient_norm)
        self.history["evaluations"].append(self.objective.evaluations)
        state, rules = self.state, self.rules
        self._show(state)
        told_to_stop = bool(state.iteration and rules.callback and rules.callback(state))
        if point.gradient_norm <= rules.gradient_tolerance:
            return "gradient"
        if state.iteration and rules.value_tolerance:
            before, now = self.history["value"][-2:]
            if abs(before - now) <= rules.value_tolerance * max(abs(before), abs(now)):
                return "value"
        if told_to_stop:
            return "callback"
        return "max_iterations" if state.iteration >= rules.max_iterations else None

    def result(self, reason: Reason) -> Result:
        """Return the result of the run."""
        state = self.state
        return Result(
            value=state.value,
            gradient_norm=state.gradient_norm,
            iterations=state.iteration,
            evaluations=state.evaluations,
            products=self.objective.products,
            converged=reason in ("gradient", "value"),
            reason=reason,
            history=self.history,
        )

    def _show(self, state: State, last: bool = False) -> None:
        shown = [
            ("loss", state.value),
            ("gradient_norm", state.gradient_norm),
            ("evaluations", state.evaluations),
        ]
        self.bar.update(state.iteration, shown, finalize=last)

    def close(self) -> None:
        """Complete the progress bar."""
        if self.rules.verbose and self.history["value"]:
            self._show(self.state, last=True)
