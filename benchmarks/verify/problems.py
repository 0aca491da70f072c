"""Checks of small problems that papers solve in closed form, and of exact identities."""

from typing import Any

import keras
import numpy as np
from keras import ops

import keras_optim
from benchmarks.toys import functions, reddi, wilson
from benchmarks.toys.stepping import stepped
from benchmarks.verify.checks import Check, Figure, Found, Request, around
from keras_optim.algorithms.radam import sma_length
from keras_optim.compare.contenders.optimizer_spec import parse_specs

ROUNDING = "exact in theory; rounding in single precision"
ADAPTIVE = ("adagrad", "rmsprop", "adam")


def _reddi(request: Request) -> Found:
    found = reddi.ends()
    return {f"{name} ends at x": [found[name]] for name in reddi.NAMES}


def _wilson(request: Request) -> Found:
    names = (*ADAPTIVE, "sgd")
    found = wilson.solutions(names)
    least = wilson.least_norm()
    values = {}
    for name in ADAPTIVE:
        weights = np.abs(found[name].weights)
        values[f"{name}: largest |w|"] = [float(weights.max())]
        values[f"{name}: smallest |w| of the non-zero ones"] = [float(weights[least != 0].min())]
        values[f"{name}: test accuracy"] = [found[name].accuracy]
    values["sgd: distance to the solution of least norm"] = [
        float(np.linalg.norm(found["sgd"].weights - least))
    ]
    values["sgd: test accuracy"] = [found["sgd"].accuracy]
    return values


def _wilson_figures() -> tuple[Figure, ...]:
    figures = []
    limit = "the limit of many steps; 5000 steps leave 2 %"
    share = "exact: the share of positive labels"
    for name in ADAPTIVE:
        figures += [
            around(f"{name}: largest |w|", "0.25", 0.005, limit),
            around(f"{name}: smallest |w| of the non-zero ones", "0.25", 0.005, limit),
            around(f"{name}: test accuracy", "0.7", 1e-9, share),
        ]
    far = Figure("sgd: distance to the solution of least norm", "0", 0.0, 1e-3, ROUNDING)
    return (*figures, far, around("sgd: test accuracy", "1", 1e-9, "exact"))


def _aggmo(request: Request) -> Found:
    paths = []
    for optimizer in _aggmo_pair():
        variable = keras.Variable([-2.0, 2.0], dtype="float32")
        paths.append(stepped(optimizer, variable, _rosenbrock_slope, 500))
    one, other = paths
    return {_FURTHEST: [float(np.abs(one - other).max())], _MOVED: [float(np.ptp(one, 0).max())]}


def _aggmo_pair() -> list[Any]:
    return [keras_optim.AggMo(1e-4, betas=(0.9,)), keras_optim.SGD(1e-4, momentum=0.9)]


_FURTHEST = "largest distance of the two paths in 500 steps"
_MOVED = "length of the path, so that it is one"


def _rosenbrock_slope(t: Any, value: Any) -> Any:
    x, y = value[0], value[1]
    return ops.stack([2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)])


def _radam(request: Request) -> Found:
    length = sma_length(0.999, ops.convert_to_tensor(20_000), like=ops.ones(()))
    return {"longest average, rho_inf": [float(length)]}


VALUES = {
    "Rosenbrock(-2, 2)": (functions.rosenbrock, (-2.0, 2.0), "409"),
    "Rastrigin(-2, 3.5)": (functions.rastrigin, (-2.0, 3.5), "36.25"),
    "Beale(1, 1)": (functions.beale, (1.0, 1.0), "14.203125"),
}


def _functions(request: Request) -> Found:
    return {
        name: [float(value(*map(ops.convert_to_tensor, at)))]
        for name, (value, at, _) in VALUES.items()
    }


def _named(names: tuple[str, ...]) -> list[Any]:
    return [spec.build() for name in names for spec in parse_specs(name)]


CHECKS = (
    Check(
        "reddi",
        "the online problem on [-1, 1], 50,000 steps, rate 1 / sqrt(t), beta_2 0.99",
        "Reddi, Kale & Kumar 2018 (arXiv 1904.09237), section 3 and figure 1",
        "https://arxiv.org/abs/1904.09237",
        (
            Figure("adam ends at x", "1", 0.95, 1.0, "the worst point, within 5 %"),
            Figure("amsgrad ends at x", "-1", -1.0, -0.95, "the best point, within 5 %"),
        ),
        _reddi,
        lambda: _named(reddi.NAMES),
        10,
    ),
    Check(
        "wilson",
        "least squares on 200 examples, 70 % of them positive, 5000 steps from zero",
        "Wilson et al. 2017 (arXiv 1705.08292), section 3",
        "https://arxiv.org/abs/1705.08292",
        _wilson_figures(),
        _wilson,
        lambda: _named((*ADAPTIVE, "sgd")),
        30,
    ),
    Check(
        "aggmo",
        "AggMo with the one velocity 0.9 beside SGD with momentum 0.9, on Rosenbrock's valley",
        "Lucas et al. 2018 (arXiv 1804.00325), section 3",
        "https://arxiv.org/abs/1804.00325",
        (
            Figure(_FURTHEST, "0", 0.0, 1e-5, ROUNDING),
            Figure(_MOVED, ">0", 0.1, 10.0, "between 0.1 and 10"),
        ),
        _aggmo,
        _aggmo_pair,
        5,
    ),
    Check(
        "radam",
        "RAdam with beta_2 0.999 after 20,000 steps",
        "Liu et al. 2019 (arXiv 1908.03265), section 4",
        "https://arxiv.org/abs/1908.03265",
        (around("longest average, rho_inf", "1999", 0.01, ROUNDING, digits=2),),
        _radam,
        lambda: [keras_optim.RAdam()],
        1,
    ),
    Check(
        "functions",
        "values of three toy functions at the starts of their paths",
        "the functions' formulas, by hand",
        "https://en.wikipedia.org/wiki/Test_functions_for_optimization",
        tuple(
            around(name, published, float(published) * 1e-6, ROUNDING, digits=6)
            for name, (_, _, published) in VALUES.items()
        ),
        _functions,
        list,
        1,
    ),
)
