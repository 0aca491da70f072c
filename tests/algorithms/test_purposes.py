"""Algorithms doing what they are made for: games, balls, exact zeros, the mean of a path."""

import keras
import numpy as np
import pytest

import keras_optim
from tests.conftest import one_backend
from tests.support.trajectories import difference, gradients, numbers, run, starts, tensor
from tests.support.trajectories import variables as made

pytestmark = one_backend
STEPS, VALUES = gradients(steps=14), starts()


# ---- Daskalakis et al. 2018, section 2: x plays x'Ay down, y plays it up; the solution is zero


def game(optimizer, steps, noise=0.0):
    """Distances from the solution of a bilinear game of three moves each, after each step."""
    random = np.random.default_rng(0)
    matrix = np.linalg.qr(random.normal(size=(3, 3)))[0] * np.array([0.5, 1.0, 1.5])
    xs = made([np.ones(3), np.ones(3)])
    distances = []
    for _ in range(steps):
        x, y = numbers(xs)
        gs = [matrix @ y, -matrix.T @ x]
        optimizer.apply([tensor(g + noise * random.normal(size=3)) for g in gs], xs)
        distances.append(np.sqrt(sum(np.sum(v**2) for v in numbers(xs))))
    return distances


def test_plain_descent_spirals_away_from_the_solution_of_a_game_and_optimism_into_it():
    rate, start = 0.2, np.sqrt(6.0)
    assert game(keras_optim.SGD(rate), 200)[-1] > 2 * start
    assert game(keras_optim.SGD(rate, momentum=0.5), 200)[-1] > 2 * start
    distances = game(keras_optim.OptimisticGradientDescent(rate), 500)
    assert distances[-1] < 0.1 * start
    # Mokhtari et al., theorem 4: it is close to the proximal point method, x + rate A y+ = x-.
    far = game(keras_optim.OptimisticGradientDescent(rate, optimism=0.2), 200)[-1]
    assert far > distances[199]


def test_adam_circles_around_the_solution_of_a_game_and_optimistic_adam_approaches_it():
    settings = dict(beta_1=0.0, beta_2=0.9)
    circling = game(keras_optim.Adam(0.01, **settings), 1500)
    approaching = game(keras_optim.OptimisticAdam(0.01, **settings), 1500)
    assert min(circling[-500:]) > 2 * max(approaching[-500:])


# ---- Frank & Wolfe 1956; Jaggi 2013


class Own(keras.optimizers.schedules.LearningRateSchedule):
    """The method's own schedule."""

    def __call__(self, step):
        return 2.0 / (keras.ops.cast(step, "float32") + 2.0)


def completed(norm, radius, steps=300):
    """Half of the numbers of a matrix of rank one, completed: the weights after each step."""
    random = np.random.default_rng(1)
    whole = np.outer(random.normal(size=6), random.normal(size=5))
    seen = random.random(size=whole.shape) < 0.6
    optimizer = keras_optim.ConditionalGradient(Own(), radius=radius, norm=norm)
    xs = made([np.full((6, 5), 7.0)])
    path = []
    for _ in range(steps):
        optimizer.apply([tensor(seen * (numbers(xs)[0] - whole))], xs)
        path.append(numbers(xs)[0])
    return whole, seen, path


@pytest.mark.parametrize(("norm", "order"), [("frobenius", "fro"), ("nuclear", "nuc")])
def test_weights_stay_inside_the_ball(norm, order):
    """From anywhere, since the first step of its schedule goes all the way."""
    _, _, path = completed(norm, radius=2.0, steps=40)
    assert max(np.linalg.norm(x, order) for x in path) <= 2.0 * (1 + 1e-5)
    assert np.linalg.norm(path[-1], order) > 1.5


def test_the_nuclear_norm_completes_a_matrix_of_low_rank():
    """Numbers that no gradient ever showed come out right; with the Frobenius norm they are 0."""
    whole, seen, _ = completed("nuclear", 1.0, 1)
    radius = np.linalg.norm(whole, "nuc")
    hidden = {
        norm: np.abs((completed(norm, radius)[2][-1] - whole)[~seen]).mean()
        for norm in ("nuclear", "frobenius")
    }
    assert hidden["nuclear"] < 0.25 * hidden["frobenius"]


def test_a_step_towards_the_nuclear_ball_has_rank_one():
    _, _, path = completed("nuclear", 2.0, steps=1)
    assert np.sum(np.linalg.svd(path[0])[1] > 1e-5) == 1


def test_rates_above_one_count_as_one():
    ends = [run(keras_optim.ConditionalGradient(r), VALUES, STEPS[:1]) for r in (1.0, 5.0)]
    assert difference(*ends) == 0.0


# ---- Duchi & Singer 2009


def test_a_penalty_after_the_step_makes_exact_zeros_and_in_the_loss_none():
    """A regression in which one feature in ten counts."""
    random = np.random.default_rng(2)
    x = random.normal(size=(200, 20))
    right = np.where(np.arange(20) % 10 == 0, 2.0, 0.0)
    y = x @ right + 0.1 * random.normal(size=200)

    def trained(optimizer, penalty=0.0):
        w = made([np.ones(20)])
        for t in range(300):
            rows = slice(20 * (t % 10), 20 * (t % 10) + 20)
            g = x[rows].T @ (x[rows] @ numbers(w)[0] - y[rows]) / 20
            optimizer.apply([tensor(g + penalty * np.sign(numbers(w)[0]))], w)
        return numbers(w)[0]

    zeros = trained(keras_optim.ProximalAdagrad(0.5, l1_regularization_strength=0.2))
    assert np.array_equal(zeros != 0.0, right != 0.0)
    assert np.all(trained(keras_optim.Adagrad(0.5), penalty=0.2) != 0.0)


# ---- Polyak & Juditsky 1992


def test_the_mean_of_the_path_has_less_noise_than_its_end():
    """Noisy gradients of a quadratic: the variance of the mean falls like 1 / t."""
    random = np.random.default_rng(3)
    xs = made([np.ones(400)])
    optimizer = keras_optim.ASGD(0.3, l2_regularization_strength=0.0, start_step=30)
    for _ in range(300):
        optimizer.apply([tensor(numbers(xs)[0] + random.normal(size=400))], xs)
    end = np.mean(numbers(xs)[0] ** 2)
    optimizer.finalize_variable_values(xs)
    mean = np.mean(numbers(xs)[0] ** 2)
    assert mean < 1.5 / 270 < 0.1 * end


def test_asgd_is_descent_with_a_falling_rate_and_swa():
    """By its parts; the schedule counts steps from 0."""

    class Falling(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 * (1.0 + 0.5 * 0.1 * keras.ops.cast(step, "float32")) ** -0.75

    both = []
    for optimizer in (
        keras_optim.ASGD(0.1, l2_regularization_strength=0.5, start_step=3),
        keras_optim.SWA(keras_optim.SGD(Falling(), weight_decay=0.5), start_step=3),
    ):
        xs, path = made(VALUES), []
        for gs in STEPS:
            optimizer.apply([tensor(g) for g in gs], xs)
            path.append(numbers(xs))
        optimizer.finalize_variable_values(xs)
        both.append([*path, numbers(xs)])
    assert difference(*both) < 1e-6
    assert difference(both[0][-1:], both[0][-2:-1]) > 0.01


def test_asgd_refuses_a_second_average():
    with pytest.raises(ValueError, match="ASGD: `use_ema` would average a second time"):
        keras_optim.ASGD(use_ema=True)
    with pytest.raises(ValueError, match="EMA: `inner` must not average weights itself"):
        keras_optim.EMA(keras_optim.ASGD())
    with pytest.raises(
        ValueError, match="Lookahead: .* as ASGD does, .* changes of Lookahead. Let it"
    ):
        keras_optim.Lookahead(keras_optim.ASGD())


# ---- Ranger


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_ranger_is_its_three_parts(decay):
    settings = dict(beta_1=0.95, epsilon=1e-5, weight_decay=decay)
    parts = keras_optim.Lookahead(
        keras_optim.Centralization(keras_optim.RAdam(0.1, **settings)), sync_period=6
    )
    ranger = keras_optim.Ranger(0.1, weight_decay=decay)
    assert difference(run(ranger, VALUES, STEPS), run(parts, VALUES, STEPS)) < 1e-6
