"""Result: a comparison that answers, draws and reports."""

from dataclasses import dataclass

from keras_optim.compare.comparison import Comparison


@dataclass(frozen=True)
class Result(Comparison):
    """Result of `keras_optim.compare`."""
