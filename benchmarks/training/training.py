"""Training of one run: `python -m benchmarks.training.training <folder of the run>`.

The folder holds `spec.json`; this process writes metrics, status and result beside it.
"""

import math
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measures import measures_per
from benchmarks.results.runs import Run, open_run
from benchmarks.workloads import datasets
from benchmarks.workloads.models import WORKLOADS
from keras_optim.compare.contenders.optimizer_spec import parse_specs
from keras_optim.compare.process import children as processes
from keras_optim.compare.process import devices, endings
from keras_optim.compare.process.errors import one_line
from keras_optim.compare.process.flags import Parser


def train(run: Run) -> None:
    """Train, evaluate, and write the results."""
    spec = run.spec
    if spec["backend"] != "tensorflow":
        # Keras imports TensorFlow if it can, for instance to set its seed. That would cost seconds
        # and memory, and share threads with the measured backend.
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    import keras

    import keras_optim
    from benchmarks.training import step_recorder
    from benchmarks.training.journal import EVALUATION_BATCH, Journal, evaluate

    workload = WORKLOADS[spec["workload"]]
    device = devices.prepare(spec["backend"], spec["device"])
    edition = datasets.Edition(**spec["data"])
    parts = datasets.read(edition, run.results, spec["num_train"])
    parts = parts.divisible(device.count)
    steps = math.ceil(len(parts.train.y) / spec["batch_size"])

    keras.utils.set_random_seed(spec["seed"])
    with device.scope():
        model = step_recorder.recording_model(workload.build(), steps)
        optimizer = step_recorder.recording(parse_specs(spec["optimizer"])[0].build(), steps)
        model.compile(optimizer=optimizer, **workload.objective())
        if getattr(optimizer, "second", "none") != "none" or getattr(optimizer, "sees_loss", False):
            keras_optim.two_pass(model)
    batch = EVALUATION_BATCH // device.count * device.count
    rows = (*measures_per("epoch", run.metric), *measures_per("step", run.metric))
    journal = Journal(parts, steps, batch, rows, run.add, processes.tell)
    journal.begin(model)
    # Set the seed again, so that the order of the batches does not depend on the draws above.
    keras.utils.set_random_seed(spec["seed"])
    model.fit(
        parts.train.x,
        parts.train.y,
        batch_size=spec["batch_size"],
        epochs=spec["epochs"],
        callbacks=[journal],
        verbose=0,
    )
    test = {} if journal.diverged else evaluate(model, parts.test, batch)
    _finish(run, Ending(model, journal, device, test))


@dataclass(frozen=True)
class Ending:
    """Run that has ended, as measures read it."""

    model: Any
    journal: Any
    devices: devices.Devices
    test: Mapping[str, float]
    """Loss and metric on the test set; empty if the run diverged."""

    @property
    def state_per_weight(self) -> float:
        """Bytes of the optimizer's state per byte of the weights."""
        from benchmarks.training.step_recorder import state_bytes, weight_bytes

        return state_bytes(self.model.optimizer) / weight_bytes(self.model)

    @property
    def device(self) -> str:
        """The devices that the run was trained on."""
        count = self.devices.count
        return f"{count} x " * (count > 1) + self.devices.description


def _finish(run: Run, ending: Ending) -> None:
    """Write status and result of a run."""
    diverged = ending.journal.diverged
    result: dict[str, Any] = {"epochs": len(ending.journal.seconds)}
    for row in measures_per("run", run.metric):
        if row.always or not diverged:
            result[row.name] = row.read(ending)
    result["frameworks"] = frameworks()
    run.write_status("diverged" if diverged else "done", diverged, result=result)


def frameworks() -> list[str]:
    """List the deep learning frameworks that this process has imported."""
    return [name for name in devices.BACKENDS if sys.modules.get(name) is not None]


def main(folder: str) -> int:
    """Train the run of `folder`; return 0 if it has a result, 1 if it failed.

    Raises:
        UsageError: `folder` holds no run.
    """
    run = open_run(Path(folder))
    run.write_status("running")
    try:
        train(run)
    except Exception as error:
        traceback.print_exc()
        run.write_status("failed", f"{type(error).__name__}: {one_line(error)}")
        return 1
    return 0


def _run() -> int:
    parser = Parser(prog="python -m benchmarks.training.training", description=__doc__)
    parser.add_argument("folder", help="of the run, made by benchmarks.bench")
    return main(parser.parse_args().folder)


if __name__ == "__main__":
    processes.end_with_parent()
    endings.program("training", lambda: endings.ended("training", _run))
