"""What is measured while a model trains: a Keras callback that writes one line per epoch."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks.training import step_recorder
from benchmarks.workloads.datasets import Part, Parts

DIVERGED = 10.0
"""A loss this many times the one before training counts as diverged."""
EVALUATION_BATCH = 512
PULSE = 0.5
"""Seconds between two messages about the progress within an epoch."""


class Journal(keras.callbacks.Callback):
    """Times, records and judges each epoch; stops a run that diverged.

    Only hooks without logs are used within an epoch, so that no step waits for the host.
    """

    def __init__(
        self,
        parts: Parts,
        steps: int,
        batch: int,
        write: Callable[[dict[str, Any]], None],
        tell: Callable[[dict[str, Any]], None],
    ):
        super().__init__()
        self.parts = parts
        self.steps = steps
        self.batch = batch
        self.write = write
        self.tell = tell
        self.seconds: list[float] = []
        self.first_step = math.nan
        self.initial_loss = math.nan
        self.diverged = ""
        """Why the run counts as diverged, if it does."""

    def begin(self, model: Any) -> None:
        """Write the point before training, its loss on as many examples as are held out."""
        train = evaluate(model, self.parts.train.first(len(self.parts.validation.y)), self.batch)
        self.initial_loss = train["loss"]
        self._write(model, 0, train)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self._started = self._pulse = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Take the time of the first step, which traces and compiles; tell how far we are."""
        now = time.perf_counter()
        if batch and math.isnan(self.first_step):
            self.first_step = now - self._started
        if now - self._pulse > PULSE:
            self._pulse = now
            self.tell({"epoch": len(self.seconds), "step": batch, "steps": self.steps})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Read what was recorded, evaluate on the validation set, write the line."""
        losses = step_recorder.step_losses(self.model, self.steps)
        norms = step_recorder.gradient_norms(self.model.optimizer, self.steps)
        self.seconds.append(time.perf_counter() - self._started)
        if math.isnan(self.first_step):
            self.first_step = self.seconds[0]
        logs = logs or {}
        self.diverged = self._judge(float(logs["loss"]), losses)
        self._write(
            self.model,
            epoch + 1,
            logs,
            seconds=self.seconds[-1],
            step_loss=losses.tolist(),
            grad_norm=norms.tolist(),
        )
        if self.diverged:
            self.model.stop_training = True

    def timing(self) -> dict[str, float]:
        """Seconds of training, of the first step, and the steps per second of the others."""
        total, steps = sum(self.seconds), self.steps * len(self.seconds)
        steady = total - self.first_step
        return {
            "seconds": total,
            "first_step_seconds": self.first_step,
            "steps_per_second": (steps - 1) / steady if steps > 1 and steady > 0 else math.nan,
        }

    def _write(self, model: Any, epoch: int, train: Any, **more: Any) -> None:
        validation = evaluate(model, self.parts.validation, self.batch)
        line = {
            "epoch": epoch,
            "loss": float(train["loss"]),
            "accuracy": float(train["accuracy"]),
            "val_loss": validation["loss"],
            "val_accuracy": validation["accuracy"],
            "learning_rate": float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
            **more,
        }
        self.write(line)
        self.tell({"epoch": epoch, "step": 0, "steps": self.steps, "loss": line["loss"]})

    def _judge(self, loss: float, losses: Any) -> str:
        if not np.all(np.isfinite(losses)) or not math.isfinite(loss):
            return "the loss is not finite"
        if loss > DIVERGED * self.initial_loss:
            return f"the loss {loss:.3g} is over {DIVERGED:g} x the initial {self.initial_loss:.3g}"
        return ""


def evaluate(model: Any, part: Part, batch: int) -> dict[str, float]:
    """Loss and accuracy of `model` on `part`."""
    logs = model.evaluate(part.x, part.y, batch_size=batch, verbose=0, return_dict=True)
    return {"loss": float(logs["loss"]), "accuracy": float(logs["accuracy"])}
