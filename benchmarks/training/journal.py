"""Journal of a training: a Keras callback that writes one line per epoch."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from benchmarks.measures import LOSS, Measure
from benchmarks.training import step_recorder
from benchmarks.workloads.datasets import Part, Parts

DIVERGED = 10.0
"""A loss this many times the one before training counts as diverged."""
EVALUATION_BATCH = 512
PULSE = 0.5
"""Seconds between two messages about the progress within an epoch."""


@dataclass(frozen=True)
class Epoch:
    """Epoch that has ended, as measures read it."""

    model: Any
    steps: int
    training: Mapping[str, Any]
    """Keras's logs: loss and metric, means over the epoch."""
    validation: Mapping[str, float]
    seconds: float = math.nan

    @cached_property
    def step_losses(self) -> list[float]:
        """The loss of each step."""
        return step_recorder.step_losses(self.model, self.steps).tolist()

    @cached_property
    def gradient_norms(self) -> list[float]:
        """The norm of each step's gradient."""
        return step_recorder.gradient_norms(self.model.optimizer, self.steps).tolist()

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))


class Journal(keras.callbacks.Callback):
    """Journal that times, records and judges each epoch, and stops a run that diverges.

    Within an epoch it uses only hooks without logs, so no step waits for the host.

    Args:
        parts: The data.
        steps: Number of steps of an epoch.
        batch: Batch size of evaluations.
        measures: Rows to record for each step and epoch.
        write: Called with the line of each epoch.
        tell: Called with each message about progress.
    """

    def __init__(
        self,
        parts: Parts,
        steps: int,
        batch: int,
        measures: tuple[Measure, ...],
        write: Callable[[dict[str, Any]], None],
        tell: Callable[[dict[str, Any]], None],
    ):
        super().__init__()
        self.parts = parts
        self.steps = steps
        self.batch = batch
        self.measures = measures
        self.write = write
        self.tell = tell
        self.seconds: list[float] = []
        self.first_step = math.nan
        """Seconds of the first step, which traces and compiles."""
        self.initial_loss = math.nan
        self.diverged = ""
        """The reason if the run diverged."""

    def begin(self, model: Any) -> None:
        """Write the line before training, with the loss on as many examples as are held out."""
        training = evaluate(model, self.parts.train.first(len(self.parts.validation.y)), self.batch)
        self.initial_loss = training[LOSS.name]
        self._write(Epoch(model, self.steps, training, self._validated(model)))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self._started = self._pulse = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Time the first step, and report the progress."""
        now = time.perf_counter()
        if batch and math.isnan(self.first_step):
            self.first_step = now - self._started
        if now - self._pulse > PULSE:
            self._pulse = now
            self.tell({"epoch": len(self.seconds), "step": batch, "steps": self.steps})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Read the recorded steps, evaluate on the validation set, and write the line."""
        losses = step_recorder.step_losses(self.model, self.steps)  # waits for the last step
        self.seconds.append(time.perf_counter() - self._started)
        if math.isnan(self.first_step):
            self.first_step = self.seconds[0]
        validation = self._validated(self.model)
        ended = Epoch(self.model, self.steps, logs or {}, validation, self.seconds[-1])
        self.diverged = self._judged(float(ended.training[LOSS.name]), losses)
        self._write(ended)
        if self.diverged:
            self.model.stop_training = True

    @property
    def total_seconds(self) -> float:
        """Seconds of training."""
        return sum(self.seconds)

    @property
    def steps_per_second(self) -> float:
        """Steps per second without the first step; NaN if it was the only one."""
        steps, steady = self.steps * len(self.seconds), self.total_seconds - self.first_step
        return (steps - 1) / steady if steps > 1 and steady > 0 else math.nan

    def _validated(self, model: Any) -> dict[str, float]:
        return evaluate(model, self.parts.validation, self.batch)

    def _write(self, ended: Epoch) -> None:
        """Write the line of an epoch, and report its loss."""
        epoch = len(self.seconds)
        line = {m.name: m.read(ended) for m in self.measures if epoch or _before_training(m)}
        self.write({"epoch": epoch, **line})
        self.tell({"epoch": epoch, "step": 0, "steps": self.steps, "loss": line[LOSS.name]})

    def _judged(self, loss: float, losses: Any) -> str:
        """Return the reason if the run diverged, else an empty text."""
        if not np.all(np.isfinite(losses)) or not math.isfinite(loss):
            return "the loss is not finite"
        if loss > DIVERGED * self.initial_loss:
            return f"the loss {loss:.3g} is over {DIVERGED:g} x the initial {self.initial_loss:.3g}"
        return ""


def _before_training(measure: Measure) -> bool:
    """Tell whether the line before training has the measure."""
    return measure.per == "epoch" and measure.always


def evaluate(model: Any, part: Part, batch: int) -> dict[str, float]:
    """Evaluate loss and metric of `model` on `part`."""
    logs = model.evaluate(part.x, part.y, batch_size=batch, verbose=0, return_dict=True)
    return {name: float(value) for name, value in logs.items()}
