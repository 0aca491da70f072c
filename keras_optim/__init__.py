"""Optimizers for Keras 3, each written once and run on JAX, TensorFlow and PyTorch."""

from importlib.metadata import version as _version

from keras_optim import callbacks, schedules
from keras_optim.algorithms.adabelief import AdaBelief
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.amsgrad import AMSGrad
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.radam import RAdam
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.sgd import SGD
from keras_optim.base import Optimizer
from keras_optim.catalog import get, names
from keras_optim.wrappers.adaptive_clipping import AdaptiveClipping
from keras_optim.wrappers.centralization import Centralization
from keras_optim.wrappers.ema import EMA
from keras_optim.wrappers.gradient_noise import GradientNoise
from keras_optim.wrappers.lookahead import Lookahead
from keras_optim.wrappers.rate_multipliers import RateMultipliers, layerwise_decay
from keras_optim.wrappers.skip_non_finite import SkipNonFinite
from keras_optim.wrappers.swa import SWA

__version__ = _version("keras_optim")

__all__ = [
    "AMSGrad",
    "AdaBelief",
    "Adagrad",
    "Adam",
    "AdamW",
    "AdaptiveClipping",
    "Centralization",
    "EMA",
    "GradientNoise",
    "Lookahead",
    "Nadam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "RateMultipliers",
    "SGD",
    "SWA",
    "SkipNonFinite",
    "callbacks",
    "get",
    "layerwise_decay",
    "names",
    "schedules",
]
