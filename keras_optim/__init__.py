"""Optimizers for Keras 3, each written once and run on JAX, TensorFlow and PyTorch."""

from keras_optim import _backend as _backend
from keras_optim import callbacks, convert, schedules
from keras_optim._version import __version__
from keras_optim.algorithms.accsgd import AccSGD
from keras_optim.algorithms.adabelief import AdaBelief
from keras_optim.algorithms.adabound import AdaBound
from keras_optim.algorithms.adadelta import Adadelta
from keras_optim.algorithms.adafactor import Adafactor
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adahessian import AdaHessian
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamax import Adamax
from keras_optim.algorithms.adamaxw import AdamaxW
from keras_optim.algorithms.adamc import AdamC
from keras_optim.algorithms.adammini import AdamMini
from keras_optim.algorithms.adamod import AdaMod
from keras_optim.algorithms.adamp import AdamP
from keras_optim.algorithms.adamuon import AdaMuon
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.adan import Adan
from keras_optim.algorithms.ademamix import AdEMAMix
from keras_optim.algorithms.adopt import ADOPT
from keras_optim.algorithms.aggmo import AggMo
from keras_optim.algorithms.amsbound import AMSBound
from keras_optim.algorithms.amsgrad import AMSGrad
from keras_optim.algorithms.asgd import ASGD
from keras_optim.algorithms.came import CAME
from keras_optim.algorithms.cocob import COCOB
from keras_optim.algorithms.conditionalgradient import ConditionalGradient
from keras_optim.algorithms.dadaptadam import DAdaptAdam
from keras_optim.algorithms.dadaptsgd import DAdaptSGD
from keras_optim.algorithms.diffgrad import DiffGrad
from keras_optim.algorithms.dog import DoG
from keras_optim.algorithms.dowg import DoWG
from keras_optim.algorithms.fromage import Fromage
from keras_optim.algorithms.ftrl import Ftrl
from keras_optim.algorithms.grams import Grams
from keras_optim.algorithms.klshampoo import KLShampoo
from keras_optim.algorithms.kron import Kron
from keras_optim.algorithms.lamb import Lamb
from keras_optim.algorithms.laprop import LaProp
from keras_optim.algorithms.lars import LARS
from keras_optim.algorithms.ldog import LDoG
from keras_optim.algorithms.lion import Lion
from keras_optim.algorithms.madgrad import MADGRAD
from keras_optim.algorithms.mars import MARS
from keras_optim.algorithms.momo import MoMo
from keras_optim.algorithms.momoadam import MoMoAdam
from keras_optim.algorithms.muon import Muon
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.nadamw import NadamW
from keras_optim.algorithms.normuon import NorMuon
from keras_optim.algorithms.novograd import NovoGrad
from keras_optim.algorithms.optimisticadam import OptimisticAdam
from keras_optim.algorithms.optimisticgradientdescent import OptimisticGradientDescent
from keras_optim.algorithms.padam import PAdam
from keras_optim.algorithms.prodigy import Prodigy
from keras_optim.algorithms.proximaladagrad import ProximalAdagrad
from keras_optim.algorithms.qhadam import QHAdam
from keras_optim.algorithms.qhm import QHM
from keras_optim.algorithms.radam import RAdam
from keras_optim.algorithms.ranger import Ranger
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.rprop import Rprop
from keras_optim.algorithms.schedulefreeadamw import ScheduleFreeAdamW
from keras_optim.algorithms.schedulefreeradam import ScheduleFreeRAdam
from keras_optim.algorithms.schedulefreesgd import ScheduleFreeSGD
from keras_optim.algorithms.scion import Scion
from keras_optim.algorithms.sgd import SGD
from keras_optim.algorithms.sgdp import SGDP
from keras_optim.algorithms.sgdw import SGDW
from keras_optim.algorithms.shampoo import Shampoo
from keras_optim.algorithms.signsgd import SignSGD
from keras_optim.algorithms.signum import Signum
from keras_optim.algorithms.simplifiedademamix import SimplifiedAdEMAMix
from keras_optim.algorithms.sm3 import SM3
from keras_optim.algorithms.soap import SOAP
from keras_optim.algorithms.sophiag import SophiaG
from keras_optim.algorithms.sophiah import SophiaH
from keras_optim.algorithms.splus import SPlus
from keras_optim.algorithms.stableadamw import StableAdamW
from keras_optim.algorithms.swats import SWATS
from keras_optim.algorithms.tiger import Tiger
from keras_optim.algorithms.yogi import Yogi
from keras_optim.callbacks.evaluation import evaluation_weights
from keras_optim.catalog import get, names
from keras_optim.compare.comparing import compare
from keras_optim.compare.workload import Workload
from keras_optim.full_batch.conjugate_gradient import ConjugateGradient
from keras_optim.full_batch.lbfgs import LBFGS
from keras_optim.full_batch.minimize import minimize
from keras_optim.full_batch.truncated_newton import TruncatedNewton
from keras_optim.optimizer import Optimizer
from keras_optim.two_pass import hessian_products, two_pass, two_passes
from keras_optim.wrappers.adaptive_clipping import AdaptiveClipping
from keras_optim.wrappers.asam import ASAM
from keras_optim.wrappers.cautious import Cautious
from keras_optim.wrappers.centralization import Centralization
from keras_optim.wrappers.ema import EMA
from keras_optim.wrappers.gradient_noise import GradientNoise
from keras_optim.wrappers.grokfast import Grokfast
from keras_optim.wrappers.gsam import GSAM
from keras_optim.wrappers.hyperball import Hyperball
from keras_optim.wrappers.layerwise_decay import layerwise_decay
from keras_optim.wrappers.lazy_rows import LazyRows
from keras_optim.wrappers.lookahead import Lookahead
from keras_optim.wrappers.looksam import LookSAM
from keras_optim.wrappers.mechanic import Mechanic
from keras_optim.wrappers.rate_multipliers import RateMultipliers
from keras_optim.wrappers.route import Route
from keras_optim.wrappers.sam import SAM
from keras_optim.wrappers.schedulefree import ScheduleFree
from keras_optim.wrappers.skip_non_finite import SkipNonFinite
from keras_optim.wrappers.swa import SWA

# The imports of optimizers, and this list: `python -m tests.tools.refresh`.
__all__ = [
    "ADOPT",
    "AMSBound",
    "AMSGrad",
    "ASAM",
    "ASGD",
    "AccSGD",
    "AdEMAMix",
    "AdaBelief",
    "AdaBound",
    "AdaHessian",
    "AdaMod",
    "AdaMuon",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamC",
    "AdamMini",
    "AdamP",
    "AdamW",
    "Adamax",
    "AdamaxW",
    "Adan",
    "AdaptiveClipping",
    "AggMo",
    "CAME",
    "COCOB",
    "Cautious",
    "Centralization",
    "ConditionalGradient",
    "ConjugateGradient",
    "DAdaptAdam",
    "DAdaptSGD",
    "DiffGrad",
    "DoG",
    "DoWG",
    "EMA",
    "Fromage",
    "Ftrl",
    "GSAM",
    "GradientNoise",
    "Grams",
    "Grokfast",
    "Hyperball",
    "KLShampoo",
    "Kron",
    "LARS",
    "LBFGS",
    "LDoG",
    "LaProp",
    "Lamb",
    "LazyRows",
    "Lion",
    "LookSAM",
    "Lookahead",
    "MADGRAD",
    "MARS",
    "Mechanic",
    "MoMo",
    "MoMoAdam",
    "Muon",
    "Nadam",
    "NadamW",
    "NorMuon",
    "NovoGrad",
    "OptimisticAdam",
    "OptimisticGradientDescent",
    "Optimizer",
    "PAdam",
    "Prodigy",
    "ProximalAdagrad",
    "QHAdam",
    "QHM",
    "RAdam",
    "RMSprop",
    "Ranger",
    "RateMultipliers",
    "Route",
    "Rprop",
    "SAM",
    "SGD",
    "SGDP",
    "SGDW",
    "SM3",
    "SOAP",
    "SPlus",
    "SWA",
    "SWATS",
    "ScheduleFree",
    "ScheduleFreeAdamW",
    "ScheduleFreeRAdam",
    "ScheduleFreeSGD",
    "Scion",
    "Shampoo",
    "SignSGD",
    "Signum",
    "SimplifiedAdEMAMix",
    "SkipNonFinite",
    "SophiaG",
    "SophiaH",
    "StableAdamW",
    "Tiger",
    "TruncatedNewton",
    "Workload",
    "Yogi",
    "__version__",
    "callbacks",
    "compare",
    "convert",
    "evaluation_weights",
    "get",
    "hessian_products",
    "layerwise_decay",
    "minimize",
    "names",
    "schedules",
    "two_pass",
    "two_passes",
]
