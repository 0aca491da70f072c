"""Schedules beside those of torch and optax: the same rates at each step."""

import importlib
import math

import numpy as np
import pytest

from keras_optim.schedules import (
    CosineAnnealing,
    Cyclic,
    Join,
    NaturalExponentialDecay,
    OneCycle,
    PolynomialDecay,
    StepDecay,
    Warmup,
    WarmupStableDecay,
)
from tests.schedules.test_schedules import value


def torch_rates(make, steps, rate=0.3):
    torch = importlib.import_module("torch")
    optimizer = torch.optim.SGD([torch.zeros(())], lr=rate)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


TORCH = {
    "step": (StepDecay(0.3, 7, 0.5), lambda s, o: s.StepLR(o, 7, 0.5), 40),
    "natural": (
        NaturalExponentialDecay(0.3, 0.05),
        lambda s, o: s.ExponentialLR(o, math.exp(-0.05)),
        40,
    ),
    "cosine": (CosineAnnealing(0.3, 20, 0.1), lambda s, o: s.CosineAnnealingLR(o, 20, 0.1), 21),
    "polynomial": (PolynomialDecay(0.3, 20, 0.0, 2.0), lambda s, o: s.PolynomialLR(o, 20, 2.0), 30),
    "warmup": (
        Warmup(0.3, 10, start_learning_rate=0.1),
        lambda s, o: s.LinearLR(o, start_factor=1 / 3, total_iters=10),
        20,
    ),
    "one-cycle": (
        OneCycle(0.3, 41, pct_start=0.37, div_factor=7.0, final_div_factor=13.0),
        lambda s, o: s.OneCycleLR(
            o, 0.3, 41, pct_start=0.37, div_factor=7.0, final_div_factor=13.0, cycle_momentum=False
        ),
        41,
    ),
    "one-cycle-linear": (
        OneCycle(0.3, 41, anneal="linear"),
        lambda s, o: s.OneCycleLR(o, 0.3, 41, anneal_strategy="linear", cycle_momentum=False),
        41,
    ),
    **{
        mode: (
            Cyclic(0.1, 0.3, 5, 3, mode, 0.97),
            lambda s, o, mode=mode: s.CyclicLR(
                o, 0.1, 0.3, 5, 3, mode, gamma=0.97, cycle_momentum=False
            ),
            60,
        )
        for mode in ("triangular", "triangular2", "exp_range")
    },
    "join": (
        Join([StepDecay(0.3, 4, 0.5), CosineAnnealing(0.3, 9)], [10]),
        lambda s, o: s.SequentialLR(o, [s.StepLR(o, 4, 0.5), s.CosineAnnealingLR(o, 9)], [10]),
        19,
    ),
}


# SequentialLR itself calls a deprecated form of its own; PolynomialLR and LinearLR are clean.
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step\\(\\)`:UserWarning")
@pytest.mark.parametrize(
    ("schedule", "make", "steps"), [pytest.param(*case, id=name) for name, case in TORCH.items()]
)
def test_torch(schedule, make, steps, float64):
    pytest.importorskip("torch", reason="torch is not installed", exc_type=ImportError)
    expected = torch_rates(make, steps)
    ours = [value(schedule, t) for t in range(steps)]
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-15)


OPTAX = {
    "step": (StepDecay(0.3, 7, 0.5), lambda o: o.exponential_decay(0.3, 7, 0.5, staircase=True)),
    "natural": (
        NaturalExponentialDecay(0.3, 0.05),
        lambda o: o.exponential_decay(0.3, 1, math.exp(-0.05)),
    ),
    "cosine": (CosineAnnealing(0.3, 20, 0.1), lambda o: o.cosine_decay_schedule(0.3, 20, 1 / 3)),
    "polynomial": (
        PolynomialDecay(0.3, 20, 0.1, 2.0),
        lambda o: o.polynomial_schedule(0.3, 0.1, 2.0, 20),
    ),
    "warmup": (Warmup(0.3, 10), lambda o: o.linear_schedule(0.3 / 11, 0.3, 10)),
    "warmup-cosine": (
        Warmup(CosineAnnealing(0.3, 20, 0.1), 10, start_learning_rate=0.0),
        lambda o: o.warmup_cosine_decay_schedule(0.0, 0.3, 10, 30, 0.1),
    ),
    "wsd": (
        WarmupStableDecay(0.3, 5, 10, 15, 0.1),
        lambda o: o.join_schedules(
            [
                o.linear_schedule(0.05, 0.3, 5),
                o.constant_schedule(0.3),
                o.linear_schedule(0.3, 0.1, 15),
            ],
            [5, 15],
        ),
    ),
    "join": (
        Join([0.5, CosineAnnealing(0.3, 20), StepDecay(0.2, 3)], [4, 12]),
        lambda o: o.join_schedules(
            [
                o.constant_schedule(0.5),
                o.cosine_decay_schedule(0.3, 20),
                o.exponential_decay(0.2, 3, 0.1, staircase=True),
            ],
            [4, 12],
        ),
    ),
}


@pytest.mark.parametrize(
    ("schedule", "make"), [pytest.param(*case, id=name) for name, case in OPTAX.items()]
)
def test_optax(schedule, make, float64):
    optax = pytest.importorskip("optax", reason="optax needs JAX", exc_type=ImportError)
    theirs = make(optax)
    expected = [float(theirs(t)) for t in range(40)]
    ours = [value(schedule, t) for t in range(40)]
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-15)
