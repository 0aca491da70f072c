"""Online problem of Reddi, Kale and Kumar (2018), on which Adam goes to the worst point.

In step t the loss is 1010 x if t mod 101 is 1, else -10 x, for x in [-1, 1]. The sum over 101 steps
is 10 x, so the best point is -1. Adam forgets the one large gradient before the next one comes.

AMSGrad ends at -.989 here. With the maximum over the corrected second moment, as `optax.amsgrad`
takes it, the same problem ends at -.997, and without any bias correction, as in the paper, at -.818
(`tests/benchmarks/test_reddi_wilson.py` has all three in NumPy).

Reference: Sashank J. Reddi, Satyen Kale, Sanjiv Kumar: On the Convergence of Adam and Beyond, 2018,
https://arxiv.org/abs/1904.09237, section 3 and figure 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from benchmarks.toys.stepping import stepped
from keras_optim import catalog

STEPS = 50_000
PERIOD = 101
LARGE, SMALL = 1010.0, -10.0
BEST = -1.0
WORST_REGRET = 2 * (LARGE + (PERIOD - 1) * SMALL) / PERIOD
"""Average regret at x = +1: 0.19802."""
NAMES = ("adam", "amsgrad")


@dataclass(frozen=True, eq=False)
class Run:
    """Path of an optimizer on the online problem."""

    optimizer: str
    path: Any
    """Point before each step, and after the last one."""

    @property
    def end(self) -> float:
        """Point after the last step."""
        return float(self.path[-1])

    @property
    def regret(self) -> Any:
        """Average regret after each step: the mean of the losses, less that of the best point."""
        slopes = np.resize([LARGE] + [SMALL] * (PERIOD - 1), len(self.path) - 1)
        lead = np.cumsum(slopes * (self.path[:-1] - BEST))
        return lead / np.arange(1, len(self.path))


def runs(names: Sequence[str] = NAMES, steps: int = STEPS) -> list[Run]:
    """Return the path of each optimizer, from x = 0 with the rate 1 / sqrt(t).

    Args:
        names: Of the catalogue; each takes `beta_1` .9 and `beta_2` .99.
        steps: Their number, >= 1. Default 50,000.
    """
    return [Run(name, _path(name, steps)) for name in names]


def ends(names: Sequence[str] = NAMES, steps: int = STEPS) -> dict[str, float]:
    """Return x after the last step for each optimizer.

    >>> found = ends(steps=2000)  # the paper's figure has many more steps
    >>> found["adam"] > 0 > found["amsgrad"]
    True
    """
    return {run.optimizer: run.end for run in runs(names, steps)}


@keras.saving.register_keras_serializable("keras_optim_benchmarks")
class InverseSquareRoot(LearningRateSchedule):
    """Rate 1 / sqrt(t) of step t, which Keras counts from 0."""

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step."""
        return ops.rsqrt(ops.cast(step, "float32") + 1)

    def get_config(self) -> dict[str, Any]:
        """Return no arguments."""
        return {}


def _path(name: str, steps: int) -> Any:
    variable = keras.Variable(0.0, dtype="float32")
    variable.constraint = lambda x: ops.clip(x, -1.0, 1.0)
    optimizer = catalog.get(name, learning_rate=InverseSquareRoot(), beta_1=0.9, beta_2=0.99)
    return stepped(optimizer, variable, _gradient, steps)


def _gradient(t: Any, value: Any) -> Any:
    large = ops.equal(ops.mod(t, PERIOD), 1)
    return ops.where(large, LARGE, SMALL) + 0 * value
