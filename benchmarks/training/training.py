"""Train one run, in a process of its own: `python -m benchmarks.training <folder of the run>`.

The folder holds `spec.json`; metrics, status and result are written beside it.
"""

import math
import sys
import traceback
from pathlib import Path
from typing import Any

from benchmarks import endings
from benchmarks.backend import devices, processes
from benchmarks.comparison.optimizer_spec import parse_specs
from benchmarks.errors import one_line
from benchmarks.flags import Parser
from benchmarks.results.runs import Run, open_run
from benchmarks.workloads import datasets
from benchmarks.workloads.models import WORKLOADS


def train(run: Run) -> None:
    """Train, evaluate and write everything down."""
    spec = run.spec
    if spec["backend"] != "tensorflow":
        # Keras imports TensorFlow where it can, for instance to set its seed. Not here: it would
        # cost seconds and memory, and share threads with the backend that is measured.
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    import keras

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
        model.compile(optimizer=optimizer, **workload.losses())
    batch = EVALUATION_BATCH // device.count * device.count
    journal = Journal(parts, steps, batch, run.add, processes.tell)
    journal.begin(model)
    # Once more, so that the order of the batches does not depend on what was drawn above.
    keras.utils.set_random_seed(spec["seed"])
    model.fit(
        parts.train.x,
        parts.train.y,
        batch_size=spec["batch_size"],
        epochs=spec["epochs"],
        callbacks=[journal],
        verbose=0,
    )
    result: dict[str, Any] = {
        "epochs": len(journal.seconds),
        **journal.timing(),
        "state_per_weight": step_recorder.state_bytes(model.optimizer)
        / step_recorder.weight_bytes(model),
        "device": f"{device.count} x " * (device.count > 1) + device.description,
        "frameworks": frameworks(),
    }
    if journal.diverged:
        run.write_status("diverged", journal.diverged, result=result)
    else:
        test = evaluate(model, parts.test, batch)
        result.update(test_loss=test["loss"], test_accuracy=test["accuracy"])
        run.write_status("done", result=result)


def frameworks() -> list[str]:
    """The deep learning frameworks that this process has imported."""
    return [name for name in devices.BACKENDS if sys.modules.get(name) is not None]


def main(folder: str) -> int:
    """Train the run of `folder`; 0 if it came to a result, 1 if it failed.

    Raises:
        UsageError: there is no run in `folder`.
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
    parser = Parser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("folder", help="of the run, made by benchmarks.bench")
    return main(parser.parse_args().folder)


if __name__ == "__main__":
    processes.end_with_parent()
    endings.program("training", lambda: endings.ended("training", _run))
