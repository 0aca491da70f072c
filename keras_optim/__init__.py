"""Optimizers for Keras 3, each written once and run on JAX, TensorFlow and PyTorch."""

from keras_optim import callbacks, convert, schedules
from keras_optim._version import __version__
from keras_optim.algorithms.accsgd import AccSGD
from keras_optim.algorithms.adabelief import AdaBelief
from keras_optim.algorithms.adabound import AdaBound
from keras_optim.algorithms.adadelta import Adadelta
from keras_optim.algorithms.adafactor import Adafactor
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamax import Adamax
from keras_optim.algorithms.adamod import AdaMod
from keras_optim.algorithms.adamp import AdamP
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.adopt import ADOPT
from keras_optim.algorithms.aggmo import AggMo
from keras_optim.algorithms.amsbound import AMSBound
from keras_optim.algorithms.amsgrad import AMSGrad
from keras_optim.algorithms.diffgrad import DiffGrad
from keras_optim.algorithms.fromage import Fromage
from keras_optim.algorithms.ftrl import Ftrl
from keras_optim.algorithms.lamb import Lamb
from keras_optim.algorithms.lars import LARS
from keras_optim.algorithms.lion import Lion
from keras_optim.algorithms.madgrad import MADGRAD
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.nadamw import NadamW
from keras_optim.algorithms.novograd import NovoGrad
from keras_optim.algorithms.padam import PAdam
from keras_optim.algorithms.qhadam import QHAdam
from keras_optim.algorithms.qhm import QHM
from keras_optim.algorithms.radam import RAdam
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.rprop import Rprop
from keras_optim.algorithms.sgd import SGD
from keras_optim.algorithms.sgdp import SGDP
from keras_optim.algorithms.shampoo import Shampoo
from keras_optim.algorithms.signsgd import SignSGD
from keras_optim.algorithms.signum import Signum
from keras_optim.algorithms.sm3 import SM3
from keras_optim.algorithms.swats import SWATS
from keras_optim.algorithms.tiger import Tiger
from keras_optim.algorithms.yogi import Yogi
from keras_optim.callbacks.evaluation import evaluation_weights
from keras_optim.catalog import get, names
from keras_optim.full_batch.conjugate_gradient import ConjugateGradient
from keras_optim.full_batch.lbfgs import LBFGS
from keras_optim.full_batch.minimize import minimize
from keras_optim.full_batch.truncated_newton import TruncatedNewton
from keras_optim.optimizer import Optimizer
from keras_optim.two_pass import two_pass, two_passes
from keras_optim.wrappers.adaptive_clipping import AdaptiveClipping
from keras_optim.wrappers.asam import ASAM
from keras_optim.wrappers.centralization import Centralization
from keras_optim.wrappers.ema import EMA
from keras_optim.wrappers.gradient_noise import GradientNoise
from keras_optim.wrappers.layerwise_decay import layerwise_decay
from keras_optim.wrappers.lazy_rows import LazyRows
from keras_optim.wrappers.lookahead import Lookahead
from keras_optim.wrappers.rate_multipliers import RateMultipliers
from keras_optim.wrappers.route import Route
from keras_optim.wrappers.sam import SAM
from keras_optim.wrappers.skip_non_finite import SkipNonFinite
from keras_optim.wrappers.swa import SWA

# The imports of optimizers, and this list: `python -m tests.tools.refresh`.
__all__ = [
    "ADOPT",
    "AMSBound",
    "AMSGrad",
    "ASAM",
    "AccSGD",
    "AdaBelief",
    "AdaBound",
    "AdaMod",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamP",
    "AdamW",
    "Adamax",
    "AdaptiveClipping",
    "AggMo",
    "Centralization",
    "ConjugateGradient",
    "DiffGrad",
    "EMA",
    "Fromage",
    "Ftrl",
    "GradientNoise",
    "LARS",
    "LBFGS",
    "Lamb",
    "LazyRows",
    "Lion",
    "Lookahead",
    "MADGRAD",
    "Nadam",
    "NadamW",
    "NovoGrad",
    "Optimizer",
    "PAdam",
    "QHAdam",
    "QHM",
    "RAdam",
    "RMSprop",
    "RateMultipliers",
    "Route",
    "Rprop",
    "SAM",
    "SGD",
    "SGDP",
    "SM3",
    "SWA",
    "SWATS",
    "Shampoo",
    "SignSGD",
    "Signum",
    "SkipNonFinite",
    "Tiger",
    "TruncatedNewton",
    "Yogi",
    "__version__",
    "callbacks",
    "convert",
    "evaluation_weights",
    "get",
    "layerwise_decay",
    "minimize",
    "names",
    "schedules",
    "two_pass",
    "two_passes",
]
