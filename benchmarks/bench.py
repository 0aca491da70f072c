"""Command line: `python -m benchmarks.bench` compares optimizers, and writes plots and tables.

Exit status: 0 success, 1 a run failed, 2 a request cannot be met (one line says why), 130
interrupted (finished runs stay; the same command continues).
"""

import importlib.util
import os
import sys
from collections.abc import Sequence

INTERRUPTED = "interrupted; the same command continues where it stopped."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    from keras_optim.compare.process import endings  # imports Keras

    given = sys.argv[1:] if arguments is None else list(arguments)
    return endings.ended("bench", lambda: _run(given), INTERRUPTED)


def _run(arguments: list[str]) -> int:
    from benchmarks import command  # imported here, so that Ctrl-C is one line from the start

    return command.run(arguments)


def _prefer_jax() -> None:
    """Choose the first backend that is installed, before Keras takes TensorFlow by default."""
    installed = (n for n in ("jax", "tensorflow", "torch") if importlib.util.find_spec(n))
    os.environ.setdefault("KERAS_BACKEND", next(installed, "jax"))


if __name__ == "__main__":
    _prefer_jax()
    from keras_optim.compare.process import endings

    endings.program("bench", main)
