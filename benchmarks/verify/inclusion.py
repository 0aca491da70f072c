"""Check of the inclusion rule: a tuned general method is never worse than its special case.

Choi et al. tune all hyper-parameters, epsilon among them, and then find no special case ahead of a
method that contains it. Here each method has a grid. It holds the grid of the special case in the
general method's own terms: momentum 0, or an epsilon of 1, far above the gradients, with
rates that grow with it. Three seeds tune by the mean of the lowest validation losses, five
others judge by it. With one seed, tuning takes a rate at the edge of stability, which other seeds
cross.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import keras_optim
from benchmarks.verify.checks import Check, Figure, Found, Request
from benchmarks.workloads import published
from keras_optim.compare.contenders.contender import RATE, Contender
from keras_optim.compare.training.engine import Configuration, train
from keras_optim.compare.training.engines import Engines
from keras_optim.compare.training.problem import Problem

TUNING, JUDGING = (0, 1, 2), (3, 4, 5, 6, 7)
"""Seeds."""
EPOCHS = 10
EXPONENTS = tuple(k / 2 for k in range(-4, 3))
"""Of the rates: 0.01 to 10 times the unit of a setting, two for each decade."""
MOMENTA = (0.0, 0.9, 0.97)
ALMOST_NONE = 0.01
"""The least momentum of Nesterov's method, which has none without momentum."""
EPSILONS = (1e-8, 1.0)
STUDENT = 3.747
"""The 99 % quantile of Student's distribution with four degrees: 95 % for five claims together."""


@dataclass(frozen=True)
class Method:
    """An optimizer, and the grid of its hyper-parameters."""

    optimizer: Any
    choices: tuple[tuple[dict[str, Any], float], ...]
    """Hyper-parameters besides the rate, and the unit of the rates."""

    def grid(self) -> Iterator[dict[str, Any]]:
        """Yield all settings."""
        for (choice, unit), exponent in product(self.choices, EXPONENTS):
            yield {**choice, RATE: 10**exponent * unit}


def _velocities(momenta: Sequence[float]) -> tuple[tuple[dict[str, Any], float], ...]:
    """Return the choices of momentum; a velocity sums 1 / (1 - momentum) gradients."""
    return tuple(({"momentum": m}, 1 - m) for m in momenta)


def _means(**fixed: Any) -> tuple[tuple[dict[str, Any], float], ...]:
    """Return the choices of Adam; a large epsilon divides each step, a small one does not."""
    return tuple(
        ({"beta_1": m, "epsilon": e, **fixed}, e if e >= 1 else 0.1)
        for m, e in product(MOMENTA, EPSILONS)
    )


def methods() -> dict[str, Method]:
    """Return the methods by their name."""
    scaled = tuple(
        ({"momentum": m, "epsilon": e}, (1 - m) * (e if e >= 1 else 0.1))
        for m, e in product(MOMENTA, EPSILONS)
    )
    return {
        "sgd": Method(keras_optim.SGD(), (({}, 1.0),)),
        "momentum": Method(keras_optim.SGD(), _velocities(MOMENTA)),
        "nesterov": Method(
            keras_optim.SGD(momentum=0.9, nesterov=True), _velocities((ALMOST_NONE, *MOMENTA[1:]))
        ),
        "rmsprop": Method(keras_optim.RMSprop(), scaled),
        "adam": Method(keras_optim.Adam(), _means()),
        "nadam": Method(keras_optim.Nadam(), _means(momentum_decay=1e6)),
    }


PAIRS = (
    ("momentum", "sgd"),
    ("nesterov", "sgd"),
    ("rmsprop", "momentum"),
    ("adam", "momentum"),
    ("nadam", "nesterov"),
)
"""A general method, and its special case."""


def _run(request: Request) -> Found:
    [digits] = published.workloads(["digits"], str(request.folder))
    problem = Problem(replace(digits, epochs=EPOCHS, target=None, judge="loss", test=None))
    losses: dict[str, list[float]] = {}
    every = methods()
    total = sum(len(m.choices) for m in every.values()) * len(EXPONENTS)
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        request.tell(min(done / total, 1.0))

    for name, method in every.items():
        losses[name] = _judged(problem, method, tell)
    return {
        claim(general, special): [
            bound([a - b for a, b in zip(losses[general], losses[special], strict=True)])
        ]
        for general, special in PAIRS
    }


def _judged(problem: Problem, method: Method, tell: Callable[[], None]) -> list[float]:
    """Tune a method; return its lowest validation losses with the seeds that judge."""
    engines = Engines(problem, Contender.of(method.optimizer))

    def lowest(setting: Mapping[str, Any], seed: int) -> float:
        configuration = Configuration(setting, seed, False)
        engine = engines.of(setting)
        [outcome] = train(engine, [configuration], problem.subject, lambda *_: None)
        return math.inf if outcome.reason else min(outcome.epochs["val_loss"][1:])

    found = []
    for setting in method.grid():
        found.append((statistics.fmean(lowest(setting, seed) for seed in TUNING), setting))
        tell()
    _, best = min(found, key=lambda pair: pair[0])
    return [lowest(best, seed) for seed in JUDGING]


def bound(differences: Sequence[float]) -> float:
    """Return the lower bound of the mean difference: above 0, the general method is worse.

    >>> round(bound([0.1, 0.2, 0.1, 0.2, 0.1]), 4)
    0.0481
    """
    if not all(map(math.isfinite, differences)):  # a method diverged
        return math.nan
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return statistics.fmean(differences) - STUDENT * error


def claim(general: str, special: str) -> str:
    """Name the figure of a pair."""
    return f"{general} worse than {special} by at least"


CHECKS = (
    Check(
        "inclusion",
        "digits, one hidden layer, 10 epochs, all hyper-parameters tuned, 5 seeds",
        "Choi et al. 2019 (arXiv 1910.05446), section 3: SGD < momentum < RMSprop, Adam; "
        "SGD < Nesterov < NAdam",
        "https://arxiv.org/abs/1910.05446",
        tuple(
            Figure(
                claim(*pair),
                "0 or less",
                -math.inf,
                0.0,
                "99 % bound of the mean difference of validation losses, paired by seed",
            )
            for pair in PAIRS
        ),
        _run,
        lambda: [method.optimizer for method in methods().values()],
        90,
    ),
)
