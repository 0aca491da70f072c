"""Cost of one optimizer step: `python -m benchmarks.step_cost`, on the backend in use."""

import sys
from collections.abc import Sequence

from keras_optim.compare.process import endings


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; return the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return endings.ended("step_cost", lambda: _run(given))


def _run(arguments: list[str]) -> int:
    from keras_optim.compare.process import devices

    devices.chosen(None)  # before the import of Keras, whose error would be a traceback
    from benchmarks.step_cost import measure

    return measure.run(arguments)


if __name__ == "__main__":
    endings.program("step_cost", main)
