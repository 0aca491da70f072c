"""Times to target: the first epoch whose value on held-out data is as good as the target."""

import math
from dataclasses import dataclass

import numpy as np

from keras_optim.compare.comparison import Subject
from keras_optim.compare.runs import Run


@dataclass(frozen=True)
class Reached:
    """Time to target of a run; infinite if the run never reached it, or is a miss.

    NaN stands for a workload without a target.
    """

    epochs: float
    steps: float
    seconds: float
    """Those of training, without the first compilation."""


def reached(run: Run, subject: Subject) -> Reached:
    """Return the time to target of a run."""
    if subject.target is None:
        return Reached(math.nan, math.nan, math.nan)
    if run.state != "done":
        return Reached(math.inf, math.inf, math.inf)
    values = np.asarray(run.epochs[f"val_{subject.judge}"][1:], float)
    good = values >= subject.target if subject.higher else values <= subject.target
    if not good.any():
        return Reached(math.inf, math.inf, math.inf)
    epochs = int(np.argmax(good)) + 1
    seconds = math.fsum(run.epochs["seconds"][1 : epochs + 1])
    return Reached(epochs, epochs * run.cost["steps_per_epoch"], seconds)
