"""Command line: `python -m benchmarks.bench` compares optimizers, and writes plots and tables.

`list` names the workloads, `report FOLDER` draws kept results again, `toys` draws the paths of
optimizers on functions of two variables, and `verify` repeats figures that other people published.

Exit status: 0 success, 1 a run failed, 2 a request cannot be met (one line says why), 3 a published
figure was not reproduced, 130 interrupted (finished runs stay; the same command continues).
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

INTERRUPTED = "interrupted; the same command continues where it stopped."
COMMANDS = {
    "": "benchmarks.command",
    "list": "benchmarks.listing",
    "report": "benchmarks.reporting",
    "toys": "benchmarks.toys.command",
    "verify": "benchmarks.verify.command",
}
"""Modules by the first word of the command line; their `run` takes the arguments after it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    from keras_optim.compare.process import endings  # imports Keras

    given = sys.argv[1:] if arguments is None else list(arguments)
    return endings.ended("bench", lambda: _run(given), INTERRUPTED)


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments and arguments[0] in COMMANDS else ""
    module = importlib.import_module(COMMANDS[name])  # here, so that Ctrl-C is one line of text
    status: int = module.run(arguments[1:] if name else arguments)
    return status


def _prefer_jax() -> None:
    """Choose the first backend that is installed, before Keras takes TensorFlow by default."""
    installed = (n for n in ("jax", "tensorflow", "torch") if importlib.util.find_spec(n))
    os.environ.setdefault("KERAS_BACKEND", next(installed, "jax"))
    # Keras imports TensorFlow beside any backend; it would write five lines about this machine.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


if __name__ == "__main__":
    _prefer_jax()
    from keras_optim.compare.process import endings

    endings.program("bench", main)
