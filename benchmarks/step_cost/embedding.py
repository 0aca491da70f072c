"""Adam and LazyRows(Adam) on an embedding of a million rows.

Run it by `python -m benchmarks.step_cost.embedding`.

It prints milliseconds of a training step, medians of rounds in which the contestants take turns.
`fit` is a step of `model.fit`. `apply` gives the optimizer a gradient; for a contestant called
sparse, it is a sparse one (an `IndexedSlices`, a sparse tensor, a `BCOO`).
"""

import sys
from collections.abc import Sequence

from keras_optim.compare.process import endings


def main(arguments: Sequence[str] | None = None) -> int:
    """Time all contenders, and print the table; return the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return endings.ended("embedding", lambda: _run(given))


def _run(arguments: list[str]) -> None:
    from keras_optim.compare.process import devices
    from keras_optim.compare.process.flags import Parser, whole

    parser = Parser(
        prog="python -m benchmarks.step_cost.embedding",
        description="Adam and LazyRows(Adam) on a large embedding",
    )
    parser.add_argument("--rows", type=whole(1), nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=whole(1), default=15)
    options = parser.parse_args(arguments)
    devices.chosen(None)  # before the import of Keras, whose error would be a traceback
    from benchmarks.step_cost import embedding_steps

    embedding_steps.measure(options.rows, options.rounds)


if __name__ == "__main__":
    endings.program("embedding", main)
