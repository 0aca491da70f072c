"""Command line: `python -m keras_optim.compare package.module:workload`.

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
    return endings.ended("compare", lambda: _run(given), INTERRUPTED)


def _run(arguments: list[str]) -> int:
    from keras_optim.compare import command  # imported here, so that Ctrl-C is one line

    return command.run(arguments)


if __name__ == "__main__":
    endings.program("compare", main)
