"""Muon and its kin: slots, rotations, rates of AdamW, native steps, files of another choice."""

import keras
import numpy as np
import pytest

import keras_optim
from tests.conftest import BACKEND
from tests.support.passes import apply
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

FAMILY = ("Muon", "NorMuon", "AdaMuon")
EVERY = (*FAMILY, "Scion")
VALUES, STEPS = starts(), gradients(steps=6)


def make(name, **arguments):
    return getattr(keras_optim, name)(**{"output_layer": None, **arguments})


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Muon", {"momentum": (3, 2, 4, 5)}),
        ("NorMuon", {"momentum": (3, 2, 4, 5), "neurons": (1, 5)}),
        ("AdaMuon", {"momentum": (3, 2, 4, 5), "squares": (3, 2, 4, 5)}),
        ("Scion", {"momentum": (3, 2, 4, 5)}),
    ],
)
def test_the_slots_of_a_matrix_and_of_others(name, kept):
    optimizer = make(name)
    optimizer.build(variables(VALUES))
    _, vector, _, kernel = optimizer.state.slots
    assert {slot: tuple(v.shape) for slot, v in kernel.items()} == kept
    assert set(vector) == ({"momentum"} if name == "Scion" else {"momentum", "velocity"})


@pytest.mark.parametrize("name", EVERY)
def test_which_rules_turn_with_their_gradients(name, float64):
    """Of a rotated matrix, those that look at singular values alone go the rotated way."""
    random = np.random.default_rng(1)
    left, right = (np.linalg.qr(random.normal(size=(n, n)))[0] for n in (4, 3))
    start, gs = random.normal(size=(4, 3)), [random.normal(size=(4, 3)) for _ in range(6)]

    def path(turn):
        optimizer = make(name, learning_rate=0.01)
        turned = [[left @ g @ right] if turn else [g] for g in gs]
        return run(optimizer, [left @ start @ right if turn else start], turned, dtype="float64")

    turned = [[left @ x @ right for x in xs] for xs in path(False)]
    apart = difference(path(True), turned)
    assert apart < 1e-10 if name in ("Muon", "Scion") else apart > 1e-4


def test_the_step_of_a_convolution_is_that_of_its_matrix():
    """The scale of the flattened shape, too."""
    kernel, matrix = VALUES[3], VALUES[3].reshape(-1, 5)
    steps = [[gs[3]] for gs in STEPS]
    flat = [[gs[3].reshape(-1, 5)] for gs in STEPS]
    for name in FAMILY:
        for arguments in ({}, {"adjust_lr": "original"}):
            if name != "AdaMuon" or not arguments:
                ours = run(make(name, **arguments), [kernel], steps)
                theirs = run(make(name, **arguments), [matrix], flat)
                assert difference([[x.reshape(-1, 5)] for (x,) in ours], theirs) < 1e-6


@pytest.mark.parametrize("name", FAMILY)
def test_all_others_take_the_steps_of_adamw(name):
    """At a share of the rate, whatever changes it."""
    options = {"adam_beta_1": 0.7, "adam_beta_2": 0.9, "adam_weight_decay": 0.3}
    rates = [0.1, 0.1, 0.02, 0.02, 0.3, 0.0]
    optimizer = make(name, adam_lr_ratio=0.5, weight_decay=0.0, exclude="x2", **options)
    ours = run(optimizer, VALUES, STEPS, rates)
    adamw = keras_optim.AdamW(beta_1=0.7, beta_2=0.9, weight_decay=0.3)
    theirs = run(adamw, VALUES, STEPS, [0.5 * rate for rate in rates])
    assert difference([x[:3] for x in ours], [x[:3] for x in theirs]) < 1e-6
    assert difference([x[3:] for x in ours], [x[3:] for x in theirs]) > 1e-2


@pytest.mark.parametrize("name", EVERY)
def test_the_number_of_iterations_fits_their_polynomials(name):
    with pytest.raises(ValueError, match=f'{name}: `ns_steps` must fit.*"quintic".*ns_steps=6'):
        make(name, ns_steps=6, ns_coefficients="quintic")
    assert make(name, ns_steps=8, ns_coefficients="polar_express").ns_steps == 8


@pytest.mark.parametrize("name", EVERY)
def test_products_in_bfloat16_are_near(name):
    """A unit of 0.4 %, which the first polynomials amplify; state stays in single precision."""
    near = run(make(name, ns_dtype="bfloat16", learning_rate=1e-3), VALUES, STEPS)
    plain = run(make(name, learning_rate=1e-3), VALUES, STEPS)
    apart, length = difference(near, plain), difference(plain, [VALUES] * len(STEPS))
    assert 1e-6 < apart / length < 0.1


@pytest.mark.parametrize("name", FAMILY)
def test_a_file_of_another_choice_keeps_the_momentum(name, tmp_path):
    """A matrix that went to AdamW since has no second moment in it, and is warned of."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(4)])
    model.compile(make(name), "mse")
    x = np.random.default_rng(0).normal(size=(8, 4))
    model.fit(x, x, verbose=0)
    model.save_weights(tmp_path / "a.weights.h5")
    before = [v["momentum"].numpy() for v in model.optimizer.state.slots]

    path = model.trainable_variables[0].path
    model.compile(make(name, exclude=f"^{path}$"), "mse")
    model.optimizer.build(model.trainable_variables)
    with pytest.warns(UserWarning, match="velocity|neurons"):
        model.load_weights(tmp_path / "a.weights.h5")
    for old, slots in zip(before, model.optimizer.state.slots, strict=True):
        np.testing.assert_array_equal(old, slots["momentum"].numpy())


@pytest.mark.skipif(BACKEND != "torch", reason="native steps belong to PyTorch")
@pytest.mark.parametrize("name", EVERY)
def test_vectors_stay_native(name, monkeypatch):
    """The kernel steps all variables but the matrices, and as the rule does."""
    optimizer = make(name)
    path = run(optimizer, VALUES, STEPS)
    [step] = optimizer.state.native.steps.values()
    assert list(step.items) == [0, 1]
    monkeypatch.setenv("KERAS_OPTIM_TORCH", "eager")
    assert difference(path, run(make(name), VALUES, STEPS)) < 1e-6


# ---- Hyperball


def test_the_norm_of_matrices_stays():
    optimizer = keras_optim.Hyperball(
        keras_optim.AdamW(0.02, weight_decay=0.5), output_layer=None, exclude="x2"
    )
    path = run(optimizer, VALUES, STEPS)
    plain = run(keras_optim.AdamW(0.02, weight_decay=0.5), VALUES, STEPS)
    for before, after in zip([VALUES, *path], path, strict=False):
        norms = [np.linalg.norm(x[3]) for x in (before, after)]
        assert norms[0] == pytest.approx(norms[1], rel=1e-6)
        cosine = np.sum(before[3] * after[3]) / norms[0] ** 2
        assert 0.5 * 0.02 < np.arccos(cosine) < 0.02  # a part of the step is along the radius
    assert difference([x[:3] for x in path], [x[:3] for x in plain]) == 0.0


def test_weight_decay_does_not_reach_the_sphere():
    def path(decay):
        inner = keras_optim.SGD(0.1, weight_decay=decay)
        return run(keras_optim.Hyperball(inner, output_layer=None), VALUES, STEPS)

    assert difference([x[2:] for x in path(0.9)], [x[2:] for x in path(0.0)]) == 0.0
    assert difference([x[:2] for x in path(0.9)], [x[:2] for x in path(0.0)]) > 1e-2


def test_a_matrix_of_zeros_and_one_of_no_gradient():
    xs = variables([np.zeros((2, 3)), np.ones((2, 3))])
    optimizer = keras_optim.Hyperball(keras_optim.SGD(0.5), output_layer=None)
    gs = [np.ones((2, 3)), np.zeros((2, 3))]
    apply(optimizer, [tensor(g) for g in gs], xs)
    np.testing.assert_array_equal(numbers(xs)[0], np.full((2, 3), -0.5))
    np.testing.assert_array_equal(numbers(xs)[1], np.ones((2, 3)))


def test_hyperball_around_muon_keeps_its_choice_in_a_file():
    optimizer = keras_optim.Hyperball(
        keras_optim.Muon(0.01, exclude="x2", output_layer=None), include=["x2", "x3"]
    )
    optimizer.build(variables(VALUES))
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    again.build(variables(VALUES))
    assert [c["on_sphere"] for c in again.state.constants] == [False, False, True, True]
    assert [c["inner"]["role"].hidden for c in again.state.constants] == [False] * 3 + [True]
    with pytest.raises(ValueError, match="Hyperball: `exclude` got 'x9', which matches no"):
        keras_optim.Hyperball(keras_optim.SGD(), exclude="x9").build(variables(VALUES))
