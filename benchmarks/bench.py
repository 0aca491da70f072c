"""Command line: `python -m benchmarks.bench` compares optimizers, and writes plots and tables.

Exit status: 0 success, 1 a run failed, 2 a request cannot be met (one line says why), 130
interrupted (finished runs stay; the same command continues).
"""

import sys
from collections.abc import Sequence

from keras_optim.compare.process import endings

INTERRUPTED = "interrupted; the same command continues where it stopped."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return endings.ended("bench", lambda: _run(given), INTERRUPTED)


def _run(arguments: list[str]) -> int:
    from benchmarks import command  # imported here, so that Ctrl-C is one line from the start

    return command.run(arguments)


if __name__ == "__main__":
    endings.program("bench", main)
