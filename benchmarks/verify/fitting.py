"""Training by `fit` that continues after a stop: state and results of each epoch are files."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

Tell = Callable[[float], None]


def fitted(
    model: Any, data: tuple[Any, Any], test: tuple[Any, Any], folder: Path, tell: Tell, **how: Any
) -> list[dict[str, float]]:
    """Train a compiled model, and test it after each epoch; return the results of each.

    Args:
        model: Compiled; its classes are integers, its outputs logits.
        data: Inputs and classes for training.
        test: Those that are evaluated after each epoch.
        folder: Of the state of a training that was stopped.
        tell: Receives the share of the work that is done.
        how: Arguments of `fit`, `epochs` among them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "epochs.csv"
    logger = keras.callbacks.CSVLogger(str(table), append=True)
    callbacks = [
        logger,
        keras.callbacks.BackupAndRestore(str(folder / "state"), delete_checkpoint=False),
        _Progress(tell, how["epochs"]),
    ]
    try:
        model.fit(*data, validation_data=test, verbose=0, callbacks=callbacks, **how)
    finally:
        if logger.csv_file is not None:  # Keras leaves it open after an error
            logger.csv_file.close()
    with table.open(encoding="utf-8") as file:
        rows = {int(row["epoch"]): row for row in csv.DictReader(file)}
    return [{k: float(v) for k, v in rows[n].items()} for n in range(how["epochs"])]


class _Progress(keras.callbacks.Callback):
    """Report of the share of the work."""

    def __init__(self, tell: Tell, epochs: int):
        super().__init__()
        self.tell, self.epochs, self.epoch = tell, epochs, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Report every few batches."""
        steps = self.params.get("steps") or 0
        if steps and batch % 10 == 0:
            self.tell((self.epoch + batch / steps) / self.epochs)
