"""Sweeps on JAX: configurations side by side in one program have the curves of separate runs."""

import numpy as np
import pytest

from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.training.engine import Configuration, train
from keras_optim.compare.training.problem import Problem
from tests.compare import models
from tests.compare.models import Batches, points, small
from tests.conftest import BACKEND

pytestmark = pytest.mark.skipif(BACKEND != "jax", reason="sweeps are JAX's")

RUNS = [
    Configuration({"learning_rate": rate}, seed, True) for seed in (1, 2) for rate in (0.3, 0.01)
]


def trained(workload, optimizer, width):
    from keras_optim.compare.training.compiled import Compiled

    problem = Problem(workload)
    engine = Compiled(problem, Contender.of(optimizer), width=width)
    found = []
    for k in range(0, len(RUNS), width):
        found += train(engine, RUNS[k : k + width], problem.subject, lambda *progress: None)
    return engine, found


@pytest.mark.parametrize(
    "optimizer",
    ["adam", "soap[refresh_period=3]", "schedulefreeadamw", "sam[inner=adam]", "muon"],
)
@pytest.mark.parametrize("width", [3, 4])
def test_stacked_runs_have_the_curves_of_separate_ones(optimizer, width):
    workload = small(build_model=models.with_batch_norm, epochs=2)
    _, alone = trained(workload, optimizer, 1)
    _, stacked = trained(workload, optimizer, width)
    assert len(stacked) == 4
    for one, other in zip(alone, stacked):
        for part in ("epochs", "steps"):
            for name, values in getattr(one, part).items():
                if name != "seconds":
                    np.testing.assert_allclose(
                        getattr(other, part)[name], values, rtol=1e-4, atol=1e-5, err_msg=name
                    )
        assert other.test == pytest.approx(one.test, rel=1e-4, abs=1e-5)


def test_a_stack_shares_its_count_of_steps_so_that_refreshes_stay_rare():
    engine, _ = trained(small(epochs=1), "soap[refresh_period=3]", 2)
    [program] = [p for (name, _), p in engine.programs.items() if name == "chunk"]
    assert "conditional" in program.as_text()


def test_the_batches_of_a_dataset_are_shared_by_a_stack():
    x, y = points(60)
    workload = small(data=Batches(x[:40], y[:40]), validation=(x[40:], y[40:]))
    _, alone = trained(workload, "adam", 1)
    _, stacked = trained(workload, "adam", 2)
    for one, other in zip(alone, stacked):
        np.testing.assert_allclose(one.epochs["val_loss"], other.epochs["val_loss"], rtol=1e-5)


def test_one_program_serves_all_rates_and_seeds():
    engine, _ = trained(small(), "adam", 1)
    assert [name for name, _ in engine.programs] == ["chunk"]


@pytest.mark.parametrize("width", [1, 2])
def test_a_model_that_convolves_steps_outside_of_a_loop(width, monkeypatch):
    """XLA is slow at the gradients of convolutions within a loop; the curves are the same."""
    from keras_optim.compare.training import compiled

    workload = small(build_model=models.convolutional, epochs=2)
    engine, found = trained(workload, "adam", width)
    assert {name for name, _ in engine.programs} == {"row"}
    monkeypatch.setattr(compiled, "convolves_on_cpu", lambda *given: False)
    engine, looped = trained(workload, "adam", width)
    assert {name for name, _ in engine.programs} == {"chunk"}
    for one, other in zip(found, looped):
        for name in ("loss", "accuracy", "val_loss"):
            np.testing.assert_allclose(one.epochs[name], other.epochs[name], rtol=1e-4)
        np.testing.assert_allclose(one.steps["loss"], other.steps["loss"], rtol=1e-4)


def test_a_run_that_diverges_does_not_touch_its_neighbours():
    workload = small(epochs=3)
    _, alone = trained(workload, "sgd", 1)
    global RUNS
    before, RUNS = RUNS, [*RUNS[:2], Configuration({"learning_rate": 1e6}, 1, True), RUNS[3]]
    try:
        _, stacked = trained(workload, "sgd", 4)
    finally:
        RUNS = before
    assert stacked[2].reason
    assert stacked[2].test == {}
    np.testing.assert_allclose(alone[0].epochs["loss"], stacked[0].epochs["loss"], rtol=1e-5)
    np.testing.assert_allclose(alone[3].epochs["loss"], stacked[3].epochs["loss"], rtol=1e-5)
