"""Optimizers for Keras 3, each written once and run on JAX, TensorFlow and PyTorch."""

from importlib.metadata import version as _version

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
from keras_optim.minimizing.conjugate_gradient import ConjugateGradient
from keras_optim.minimizing.lbfgs import LBFGS
from keras_optim.minimizing.minimize import minimize
from keras_optim.minimizing.truncated_newton import TruncatedNewton
from keras_optim.wrappers.lookahead import Lookahead

__version__ = _version("keras_optim")

__all__ = [
    "AMSGrad",
    "AdaBelief",
    "Adagrad",
    "Adam",
    "AdamW",
    "ConjugateGradient",
    "LBFGS",
    "Lookahead",
    "Nadam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "SGD",
    "TruncatedNewton",
    "get",
    "minimize",
    "names",
]
