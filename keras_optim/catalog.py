"""Catalogue: one row per algorithm, the source of lists, tables and tests."""

import difflib
from dataclasses import dataclass
from typing import Any

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
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer
from keras_optim.wrappers.adaptive_clipping import AdaptiveClipping
from keras_optim.wrappers.asam import ASAM
from keras_optim.wrappers.cautious import Cautious
from keras_optim.wrappers.centralization import Centralization
from keras_optim.wrappers.ema import EMA
from keras_optim.wrappers.gradient_noise import GradientNoise
from keras_optim.wrappers.grokfast import Grokfast
from keras_optim.wrappers.gsam import GSAM
from keras_optim.wrappers.hyperball import Hyperball
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


@dataclass(frozen=True)
class Row:
    """Row of an algorithm: its class, family, year, paper and idea in a sentence.

    `no_peer` is the reason for an algorithm that is compared with no other library.
    """

    algorithm: type[Optimizer]
    family: str
    year: int
    paper: str
    idea: str
    no_peer: str = ""

    @property
    def name(self) -> str:
        """The name that `keras_optim.get` takes."""
        return self.algorithm.__name__.lower()


ALGORITHMS = (
    Row(SGD, "momentum", 1983, "Nesterov 1983", "Follow the gradient; momentum carries on."),
    Row(QHM, "momentum", 2018, "1810.06801", "A weighted mean of SGD and momentum."),
    Row(AggMo, "momentum", 2018, "1804.00325", "The mean of several momenta, short to long."),
    Row(AccSGD, "momentum", 2018, "1803.05591", "SGD accelerated against gradient noise."),
    Row(SGDP, "momentum", 2020, "2006.08217", "Momentum that does not lengthen the weights."),
    Row(SGDW, "momentum", 2017, "1711.05101", "Momentum whose weights decay beside it."),
    Row(
        ASGD, "momentum", 1992, "Polyak & Juditsky 1992", "Descent; test with the mean of its path."
    ),
    Row(
        OptimisticGradientDescent,
        "momentum",
        2017,
        "1711.00141",
        "Descent for games, which expects the other's answer.",
    ),
    Row(Adagrad, "adaptive", 2011, "JMLR 12:2121", "Rates fall with the gradients seen."),
    Row(Ftrl, "adaptive", 2013, "KDD 2013", "Adagrad that leaves useless weights at zero."),
    Row(RMSprop, "adaptive", 2012, "Hinton 2012", "Divide by a running root mean square."),
    Row(Adadelta, "adaptive", 2012, "1212.5701", "Steps as long as the recent steps were."),
    Row(Adafactor, "adaptive", 2018, "1804.04235", "Second moments from rows and columns alone."),
    Row(SM3, "adaptive", 2019, "1901.11150", "Adagrad in the memory of rows and columns."),
    Row(MADGRAD, "adaptive", 2021, "2101.11075", "Dual averaging, momentum and a cube root."),
    Row(
        ProximalAdagrad,
        "adaptive",
        2009,
        "JMLR 10:2899",
        "Adagrad, then penalties that make zeros.",
    ),
    Row(CAME, "adaptive", 2023, "2307.02047", "Adafactor with momentum, by its confidence."),
    Row(Adam, "moments", 2014, "1412.6980", "Momentum over a running root mean square."),
    Row(Adamax, "moments", 2014, "1412.6980", "Adam with a fading maximum for a scale."),
    Row(AdamW, "moments", 2017, "1711.05101", "Adam whose weights decay beside the gradient."),
    Row(AMSGrad, "moments", 2018, "1904.09237", "Adam whose rates never rise again."),
    Row(PAdam, "moments", 2018, "1806.06763", "Between SGD and AMSGrad, by an exponent."),
    Row(Yogi, "moments", 2018, "NeurIPS 2018", "Adam whose rates rise slowly."),
    Row(Nadam, "moments", 2016, "OM0jvwB8jIp57ZJjtNEZ", "Adam with Nesterov's look ahead."),
    Row(NadamW, "moments", 2019, "OM0jvwB8jIp57ZJjtNEZ", "Nadam whose weights decay beside it."),
    Row(RAdam, "moments", 2019, "1908.03265", "Adam that waits until its variance is sound."),
    Row(QHAdam, "moments", 2018, "1810.06801", "Adam with a share of the fresh gradient."),
    Row(AdaBelief, "moments", 2020, "2010.07468", "Long steps where gradients are as expected."),
    Row(DiffGrad, "moments", 2019, "1909.11015", "Adam that brakes on steady gradients."),
    Row(AdaMod, "moments", 2019, "1910.12249", "Adam whose rates cannot jump."),
    Row(AdamP, "moments", 2020, "2006.08217", "Adam that does not lengthen the weights."),
    Row(AdaBound, "moments", 2019, "1902.09843", "Adam that turns into SGD, by bounds."),
    Row(AMSBound, "moments", 2019, "1902.09843", "AMSGrad that turns into SGD, by bounds."),
    Row(ADOPT, "moments", 2024, "2411.02853", "Adam that divides by the gradients before."),
    Row(SWATS, "moments", 2017, "1712.07628", "Adam that switches to SGD by itself."),
    Row(AdamaxW, "moments", 2017, "1711.05101", "Adamax whose weights decay beside it."),
    Row(Ranger, "moments", 2019, "lessw2020/Ranger", "RAdam, Lookahead and centred gradients."),
    Row(OptimisticAdam, "moments", 2017, "1711.00141", "Adam for games, such as adversarial nets."),
    Row(AdEMAMix, "moments", 2024, "2409.03137", "Adam with a second, very slow momentum."),
    Row(MARS, "moments", 2024, "2411.10438", "Adam on gradients with less variance."),
    Row(Adan, "moments", 2022, "2208.06677", "Adam that looks ahead by differences of gradients."),
    Row(LaProp, "moments", 2020, "2002.04839", "Adam that normalises before the momentum."),
    Row(StableAdamW, "moments", 2023, "2304.13013", "AdamW that brakes when gradients grow."),
    Row(
        SimplifiedAdEMAMix, "moments", 2025, "2502.02431", "A long momentum and the last gradient."
    ),
    Row(Grams, "moments", 2024, "2412.17107", "Adam's size of step, the gradient's sign."),
    Row(AdamC, "moments", 2025, "2506.02285", "AdamW whose decay fits the schedule."),
    Row(AdamMini, "moments", 2024, "2406.16793", "Adam with one rate for each block."),
    Row(LARS, "layerwise", 2017, "1708.03888", "Momentum steps in proportion to the weights."),
    Row(Lamb, "layerwise", 2019, "1904.00962", "Adam steps in proportion to the weights."),
    Row(NovoGrad, "layerwise", 2019, "1905.11286", "Momentum of gradients normalised by layer."),
    Row(Fromage, "layerwise", 2020, "2002.03432", "Layers move by a share of their own norm."),
    Row(
        ConditionalGradient,
        "layerwise",
        1956,
        "Frank & Wolfe 1956",
        "Weights stay inside a ball, without projection.",
        no_peer="TensorFlow Addons, which has it, does not run with Keras 3",
    ),
    Row(Shampoo, "matrix", 2018, "1802.09568", "Gradients whitened by their rows and columns."),
    Row(Muon, "matrix", 2024, "kellerjordan.github.io/posts/muon", "Momentum made orthogonal."),
    Row(NorMuon, "matrix", 2025, "2510.05491", "Muon with steps as long for each neuron."),
    Row(
        AdaMuon,
        "matrix",
        2025,
        "2507.11005",
        "Muon of signs, scaled for each weight.",
        no_peer="pytorch-optimizer's is that of the paper's first version, without the sign",
    ),
    Row(Scion, "matrix", 2025, "2502.07529", "Steps of fixed length in each layer's own norm."),
    Row(
        KLShampoo,
        "matrix",
        2025,
        "2509.03378",
        "Shampoo whose sides whiten each other.",
        no_peer="the authors' code is not a package, and no other library has it",
    ),
    Row(SOAP, "matrix", 2024, "2409.11321", "Adam in the eigenbases of rows and columns."),
    Row(
        Kron,
        "matrix",
        2018,
        "1512.04202",
        "PSGD: triangular factors that learn to whiten.",
        no_peer="other libraries draw random numbers, of which this one takes the expectation",
    ),
    Row(SPlus, "matrix", 2025, "2506.07254", "Signs in eigenbases, and an average of the weights."),
    Row(
        AdaHessian,
        "curvature",
        2020,
        "2006.00719",
        "Adam with the curvature for a denominator.",
        no_peer="libraries differentiate the loss themselves, with signs of their own",
    ),
    Row(
        SophiaG,
        "curvature",
        2023,
        "2305.14342",
        "Momentum over Gauss-Newton curvature, clipped.",
        no_peer="no library that pip installs draws labels",
    ),
    Row(
        SophiaH,
        "curvature",
        2023,
        "2305.14342",
        "Momentum over the Hessian, clipped.",
        no_peer="libraries differentiate the loss themselves, with directions of their own",
    ),
    Row(Rprop, "sign", 1993, "ICNN 1993", "Longer steps while a sign lasts; full batches."),
    Row(SignSGD, "sign", 2018, "1802.04434", "Only the sign of the gradient counts."),
    Row(Signum, "sign", 2018, "1802.04434", "The sign of the momentum."),
    Row(Lion, "sign", 2023, "2302.06675", "The sign of an interpolated momentum."),
    Row(Tiger, "sign", 2023, "bojone/tiger", "The sign of the momentum, scaled by the weights."),
    Row(Prodigy, "free", 2023, "2306.06101", "Adam that estimates its rate from the distance."),
    Row(DoG, "free", 2023, "2302.12022", "The distance moved over the gradients seen."),
    Row(LDoG, "free", 2023, "2302.12022", "DoG for each variable by itself."),
    Row(DoWG, "free", 2023, "2305.16284", "DoG whose gradients count by their distance."),
    Row(DAdaptAdam, "free", 2023, "2301.07733", "Adam that bounds its rate from below."),
    Row(DAdaptSGD, "free", 2023, "2301.07733", "Momentum that bounds its rate from below."),
    Row(COCOB, "free", 2017, "1705.07795", "Each weight bets on the sign of its gradient."),
    Row(MoMo, "free", 2023, "2305.07583", "Steps to where the loss would meet its bound."),
    Row(MoMoAdam, "free", 2023, "2305.07583", "Adam to where the loss would meet its bound."),
    Row(
        ScheduleFreeSGD,
        "schedule-free",
        2024,
        "2405.15682",
        "SGD whose mean is tested: no decay of the rate.",
    ),
    Row(
        ScheduleFreeAdamW,
        "schedule-free",
        2024,
        "2405.15682",
        "Adam whose mean is tested: no decay of the rate.",
    ),
    Row(
        ScheduleFreeRAdam,
        "schedule-free",
        2024,
        "2405.15682",
        "The same with the warm-up of RAdam.",
    ),
)

WRAPPERS = (
    Row(Lookahead, "wrapper", 2019, "1907.08610", "Every few steps, go back part of the way."),
    Row(RateMultipliers, "wrapper", 2018, "1801.06146", "A rate of its own for each layer."),
    Row(Centralization, "wrapper", 2020, "2004.01461", "Gradients without the mean of each unit."),
    Row(AdaptiveClipping, "wrapper", 2021, "2102.06171", "Clip relative to the weights, by unit."),
    Row(
        SkipNonFinite, "wrapper", 2017, "1710.03740", "Leave out steps with overflowing gradients."
    ),
    Row(SAM, "wrapper", 2020, "2010.01412", "Gradients at the worst weights nearby."),
    Row(ASAM, "wrapper", 2021, "2102.11600", "SAM, for weights of any scale."),
    Row(GSAM, "wrapper", 2022, "2203.08065", "SAM that closes the gap to the loss here."),
    Row(LookSAM, "wrapper", 2022, "2203.02714", "SAM that seldom looks, and remembers."),
    Row(GradientNoise, "wrapper", 2015, "1511.06807", "Add noise to the gradient that fades."),
    Row(
        EMA, "wrapper", 1992, "Polyak & Juditsky 1992", "Test with a moving average of the weights."
    ),
    Row(LazyRows, "wrapper", 2017, "TensorFlow's LazyAdam", "Rows that were not used wait."),
    Row(SWA, "wrapper", 2018, "1803.05407", "Test with the mean of the weights of late steps."),
    Row(Grokfast, "wrapper", 2024, "2405.20233", "The slow part of the gradient, amplified."),
    Row(Cautious, "wrapper", 2024, "2411.16085", "No weight moves against its gradient."),
    Row(Mechanic, "wrapper", 2023, "2306.00144", "The inner path, on a scale that is learned."),
    Row(Hyperball, "wrapper", 2026, "2606.16899", "Matrices turn, and keep their norm."),
    Row(
        ScheduleFree,
        "wrapper",
        2024,
        "2405.15682",
        "Test with the mean of fast weights: no decay of the rate.",
    ),
)

COMBINATIONS = (
    Row(Route, "combination", 2017, "torch.optim", "Several optimizers, each for some variables."),
)

_BY_NAME = {row.name: row for row in (*ALGORITHMS, *WRAPPERS, *COMBINATIONS)}


def names() -> list[str]:
    """Return the names of all algorithms, as `get` takes them.

    >>> "adam" in names()
    True
    """
    return [row.name for row in ALGORITHMS]


def find(name: Any) -> Row | None:
    """Return the row of an algorithm or a wrapper by its name, in upper or lower case."""
    return _BY_NAME.get(name.lower()) if isinstance(name, str) else None


def get(name: str, /, **arguments: Any) -> Optimizer:
    """Create an optimizer, or a wrapper, by its name, in upper or lower case.

    Args:
        name: One of `names()`, or of a wrapper.
        **arguments: For its constructor.

    Raises:
        ValueError: the name is unknown; the message has the nearest ones.

    Example:

    >>> import keras_optim
    >>> keras_optim.get("radam", learning_rate=0.01).beta_2
    0.999
    """
    row = find(name)
    if row is None:
        near = difflib.get_close_matches(str(name).lower(), _BY_NAME, n=3) or list(_BY_NAME)
        raise ValueError(f"No optimizer is called {shown(name)}. Did you mean: {', '.join(near)}?")
    return row.algorithm(**arguments)


def table() -> str:
    """Return the catalogue as a Markdown table, for the README."""
    lines = ["| optimizer | idea |", "|---|---|"]
    for row in (*ALGORITHMS, *WRAPPERS, *COMBINATIONS):
        name = row.algorithm.__name__
        path = row.algorithm.__module__.replace(".", "/")
        lines.append(f"| [`{name}`]({path}.py) | {row.idea} |")
    return "\n".join(lines)
