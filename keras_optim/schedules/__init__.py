"""Learning-rate schedules that Keras lacks, for any Keras optimizer.

`PolynomialDecay` is Keras's own, listed here so that the list is complete.
"""

from keras.optimizers.schedules import PolynomialDecay

from keras_optim.schedules.cycles import Cyclic, OneCycle
from keras_optim.schedules.decays import (
    REX,
    CosineAnnealing,
    NaturalExponentialDecay,
    Noam,
    StepDecay,
)
from keras_optim.schedules.phases import Join, Warmup, WarmupStableDecay
from keras_optim.schedules.schedule import Schedule

__all__ = [
    "CosineAnnealing",
    "Cyclic",
    "Join",
    "NaturalExponentialDecay",
    "Noam",
    "OneCycle",
    "PolynomialDecay",
    "REX",
    "Schedule",
    "StepDecay",
    "Warmup",
    "WarmupStableDecay",
]
