"""What the literature says of algorithms: where one fails, and what one becomes at a limit."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from tests.conftest import one_backend
from tests.support.loops import BACKEND, repeat
from tests.support.trajectories import RATES, difference, gradients, numbers, run, starts, variables

# ---- Reddi, Kale, Kumar, "On the convergence of Adam and beyond" (2018), the online problem

PERIOD = 101


# PyTorch cannot compile the loop: a tenth of the steps, after which AMSGrad is still on its way.
REDDI_STEPS, AMSGRAD_BELOW = (50_000, -0.98) if BACKEND != "torch" else (50 * PERIOD, -0.7)


def test_reddis_online_problem():
    """A rare large gradient outweighs many small ones; Adam forgets it and goes the wrong way.

    Losses 1010 x once every 101 steps, else -10 x, for x in [-1, 1]: the best x is -1, and at
    x = 1 the average regret is 2 * (1010 - 100 * 10) / 101 = 0.198.
    """

    def end(optimizer):
        x = keras.Variable(0.0)
        x.constraint = Between()
        repeat(
            optimizer,
            [x],
            lambda t, xs: [ops.where(t % PERIOD == 1, 1010.0, -10.0) * ops.ones(())],
            REDDI_STEPS,
        )
        return float(numbers([x])[0])

    assert end(keras_optim.Adam(InverseRoot(), beta_2=0.99)) > 0.98
    assert end(keras_optim.AMSGrad(InverseRoot(), beta_2=0.99)) < AMSGRAD_BELOW


class Between(keras.constraints.Constraint):
    """From -1 to 1."""

    def __call__(self, value):
        return ops.clip(value, -1.0, 1.0)


class InverseRoot(keras.optimizers.schedules.LearningRateSchedule):
    """1 / sqrt(t) for the step t, counted from 1."""

    def __call__(self, step):
        return 1.0 / ops.sqrt(ops.cast(step, "float32") + 1.0)


# ---- Wilson et al., "The marginal value of adaptive gradient methods" (2017), section 3.3


def wilson(n=200, share=0.7):
    """Labels, and features: the label, two ones, then ones that only this example has."""
    y = np.where(np.arange(n) < share * n, 1.0, -1.0)
    private = np.where(y > 0, 1, 5)
    x = np.zeros((n, 3 + private.sum()))
    x[:, 0], x[:, 1:3] = y, 1.0
    ends = np.cumsum(private)
    for i in range(n):
        x[i, 3 + ends[i] - private[i] : 3 + ends[i]] = 1.0
    return x, y


@pytest.mark.parametrize(
    ("optimizer", "adaptive"),
    [
        (keras_optim.Adagrad(0.05), True),
        (keras_optim.RMSprop(0.002), True),
        (keras_optim.Adam(0.005), True),
        (keras_optim.AMSGrad(0.005), True),
        (keras_optim.SGD(0.5), False),
        (keras_optim.SGD(0.1, momentum=0.9), False),
        (keras_optim.QHM(1.0, momentum=0.9), False),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else str(value),
)
def test_wilsons_construction(optimizer, adaptive):
    """Adaptive methods find weights of one size and call every new example positive; gradient
    descent finds the solution of least norm, which is right about all of them.
    """
    x, y = wilson()
    features, labels = ops.convert_to_tensor(x, "float32"), ops.convert_to_tensor(y, "float32")

    def gradient(t, ws):
        error = ops.matmul(features, ws[0]) - labels
        return [ops.matmul(ops.transpose(features), error) / len(y)]

    w = keras.Variable(np.zeros(x.shape[1]), dtype="float32")
    repeat(optimizer, [w], gradient, 1000)
    [w] = numbers([w])
    assert np.max(np.abs(x @ w - y)) < 0.05
    new_positive, new_negative = w[0] + w[1] + w[2], -w[0] + w[1] + w[2]
    assert new_positive > 0
    if adaptive:
        assert np.allclose(np.abs(w), 0.25, atol=0.02)
        assert new_negative > 0.2
    else:
        least_norm = np.linalg.lstsq(x, y, rcond=None)[0]
        assert np.allclose(w, least_norm, atol=0.02)
        assert new_negative < 0


# ---- limits: one algorithm becomes another

LIMITS = {
    "AggMo with one velocity is heavy ball": (
        keras_optim.AggMo(betas=(0.9,)),
        keras_optim.SGD(momentum=0.9),
    ),
    "AggMo with equal velocities is heavy ball": (
        keras_optim.AggMo(betas=(0.9, 0.9)),
        keras_optim.SGD(momentum=0.9),
    ),
    "QHM with nu 0 is gradient descent": (keras_optim.QHM(momentum=0.9, nu=0), keras_optim.SGD()),
    "QHAdam(1, 1) is Adam": (keras_optim.QHAdam(beta_1=0.9, nu_1=1, nu_2=1), keras_optim.Adam()),
    "QHAdam(0, 0) is the sign": (
        keras_optim.QHAdam(nu_1=0, nu_2=0, epsilon=1e-30),
        keras_optim.SignSGD(),
    ),
    "AdamP that never projects is Adam": (keras_optim.AdamP(delta=0.0), keras_optim.Adam()),
    "SGDP that never projects is SGD": (
        keras_optim.SGDP(momentum=0.9, delta=0.0),
        keras_optim.SGD(momentum=0.9),
    ),
    "AdaMod without memory is Adam": (keras_optim.AdaMod(beta_3=0.0), keras_optim.Adam()),
    "Signum without momentum is the sign": (
        keras_optim.Signum(momentum=0.0),
        keras_optim.SignSGD(),
    ),
    "Lion with equal decays is Signum": (
        keras_optim.Lion(beta_1=0.9, beta_2=0.9),
        keras_optim.Signum(momentum=0.9),
    ),
    "AdamW without decay is Adam": (keras_optim.AdamW(weight_decay=0.0), keras_optim.Adam()),
    "Lookahead that goes all the way is its inner rule": (
        keras_optim.Lookahead(keras_optim.Adam(), slow_step_size=1.0),
        keras_optim.Adam(),
    ),
}


@one_backend
@pytest.mark.parametrize("limit", LIMITS)
def test_limits(limit, float64):
    special, plain = (type(o).from_config(o.get_config()) for o in LIMITS[limit])
    assert difference(path(special), path(plain)) < 1e-12


def path(optimizer, rates=RATES):
    return run(optimizer, starts(), gradients(), rates, dtype="float64")


def test_qhm_with_nu_1_is_momentum_as_a_moving_average(float64):
    """SGD's momentum is a sum: a moving average times 1 / (1 - 0.9)."""
    moving = path(keras_optim.QHM(momentum=0.9, nu=1.0))
    summed = path(keras_optim.SGD(momentum=0.9), [0.1 * rate for rate in RATES])
    assert difference(moving, summed) < 1e-12


def test_padam_with_one_half_is_amsgrad(float64):
    """The paper's AMSGrad, that is: ours corrects both moments for their start at zero."""
    partly = path(keras_optim.PAdam(partial=0.5, epsilon=1e-30))
    uncorrected = [
        rate * (1 - 0.9 ** (t + 1)) / np.sqrt(1 - 0.999 ** (t + 1)) for t, rate in enumerate(RATES)
    ]
    whole = path(keras_optim.AMSGrad(epsilon=1e-30), uncorrected)
    assert difference(partly, whole) < 1e-12


def test_lars_without_a_ratio_is_momentum(float64):
    """Of scalars and vectors, and of anything where the ratio is 1. The rate is in the buffer."""
    values, steps = starts(((), (5,))), gradients(((), (5,)))
    lars = run(keras_optim.LARS(momentum=0.9), values, steps, RATES, dtype="float64")
    summed, b = [list(values)], [np.zeros_like(v) for v in values]
    for rate, gs in zip(RATES, steps, strict=True):
        b = [0.9 * old + rate * g for old, g in zip(b, gs, strict=True)]
        summed.append([x - new for x, new in zip(summed[-1], b, strict=True)])
    assert difference(lars, summed[1:]) < 1e-12


def test_radam_late_in_training_is_adam():
    """Once the average is as long as it gets, 2 / (1 - beta_2) - 1, nothing is rectified."""
    x, y = variables([np.ones(3)], "float32"), variables([np.ones(3)], "float32")
    radam, adam = keras_optim.RAdam(1e-3), keras_optim.Adam(1e-3)
    for optimizer, xs in ((radam, x), (adam, y)):
        optimizer.build(xs)
        optimizer.iterations.assign(200_000)
    for optimizer, xs in ((radam, x), (adam, y)):
        optimizer.apply([ops.convert_to_tensor(np.array([1.0, -2.0, 0.5], "float32"))], xs)
    assert difference([numbers(x)], [numbers(y)]) < 1e-6
