"""Contests: the same budget for all, failures, known runs, stacks that are too large."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.contest import Contest
from keras_optim.compare.plan import Plan, seeds
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.progress import Silent
from keras_optim.compare.store import Store, load
from keras_optim.compare.training import engines
from keras_optim.compare.training.problem import Problem
from tests.compare import models
from tests.compare.models import points, small
from tests.conftest import BACKEND, one_backend


def named(name):
    import keras

    return keras.metrics.SparseCategoricalAccuracy(name=name)


class Noting(Silent):
    """A watcher that keeps the runs that ended."""

    def __init__(self):
        self.trained, self.known = [], []

    def ended(self, run, known):
        (self.known if known else self.trained).append(run)


def held(optimizer="sgd", workload=None, store=None, **plan):
    watcher = Noting()
    problem = Problem(workload or small(epochs=1))
    contender = Contender.of(optimizer)
    verdict = Contest(problem, contender, Plan(**plan), store or Store(), watcher).held()
    return verdict, watcher


def test_a_grid_then_other_seeds():
    verdict, _ = held()
    tuning = [run for run in verdict.runs if run.spec.stage == "tuning"]
    judging = [run for run in verdict.runs if run.spec.stage == "judging"]
    rates = [run.learning_rate for run in tuning]
    assert rates[:5] == [0.001, 0.00316, 0.01, 0.0316, 0.1]
    assert {run.spec.seed for run in tuning} == {0}
    assert all(run.test == {} for run in tuning)
    losses = {run.learning_rate: run for run in tuning}
    best = max(
        losses,
        key=lambda r: (losses[r].epochs["val_accuracy"][1], -losses[r].epochs["val_loss"][1]),
    )
    assert verdict.hyperparameters == {"learning_rate": best}
    assert [run.spec.seed for run in judging] == [1, 2, 3]
    assert {run.learning_rate for run in judging} == {best}
    assert all(set(run.test) > {"accuracy", "final_loss"} for run in judging)


@one_backend
def test_without_tuning_the_own_values_are_judged():
    verdict, _ = held(tune="none", seeds=(5,))
    [run] = verdict.runs
    assert (run.spec.seed, run.learning_rate) == (5, 0.01)


@one_backend
def test_trials_have_a_budget(tmp_path):
    plan = dict(tune=4, hyperparameters="all", folder=tmp_path, seeds=(1,))
    verdict, watcher = held("sgd[momentum=0.9]", store=Store(tmp_path), **plan)
    assert len([r for r in verdict.runs if r.spec.stage == "tuning"]) <= 4
    assert set(verdict.hyperparameters) == {"learning_rate", "momentum"}
    again, other = held("sgd[momentum=0.9]", store=Store(tmp_path), **plan)
    assert again.hyperparameters == verdict.hyperparameters
    assert {run.id for run in again.runs} == {run.id for run in verdict.runs}
    assert other.trained == []
    (tmp_path / "tuning" / "journal.log").unlink()
    lost, other = held("sgd[momentum=0.9]", store=Store(tmp_path), **plan)
    assert lost.hyperparameters == verdict.hyperparameters
    assert other.trained == []
    assert len(watcher.trained) == len(verdict.runs)


@one_backend
def test_runs_of_another_search_are_not_counted(tmp_path):
    plan = dict(folder=tmp_path, seeds=(1,))
    held(store=Store(tmp_path), **plan)  # a grid of the rate
    verdict, _ = held("sgd", store=Store(tmp_path), tune=3, hyperparameters="all", **plan)
    tuning = [run for run in verdict.runs if run.spec.stage == "tuning"]
    assert len(tuning) <= 3
    assert all(set(run.spec.hyperparameters) == {"learning_rate", "momentum"} for run in tuning)


@one_backend
def test_known_runs_are_not_trained_again(tmp_path):
    first, watcher = held(store=Store(tmp_path))
    again, other = held(store=Store(tmp_path))
    assert [r.id for r in again.runs] == [r.id for r in first.runs]
    assert len(watcher.trained) == len(other.known) == len(first.runs)
    assert other.trained == []
    for one, two in zip(first.runs, again.runs):
        np.testing.assert_equal(dict(one.epochs), dict(two.epochs))


@one_backend
@pytest.mark.parametrize(
    "changes",
    [
        {"data": points(50, seed=3)},
        {"build_model": models.with_dropout},
        {"batch_size": 9},
        {"epochs": 2},
        {"metrics": (), "judge": "loss"},
        {"name": "other"},
    ],
)
def test_another_workload_is_another_run(changes, tmp_path):
    held(store=Store(tmp_path))
    _, other = held(workload=small(**{"epochs": 1, **changes}), store=Store(tmp_path))
    assert other.known == []


class Scaled(models.Subclassed):
    """A model with a constant that no configuration holds."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return self.factor * super().call(x)


def test_what_a_configuration_does_not_hold_counts_too():
    def content(build_model):
        return Problem(small(build_model=build_model)).content

    def pretrained():
        model = models.classifier()
        model.set_weights([0.5 * w for w in model.get_weights()])
        return model

    assert content(lambda: Scaled(1.0)) == content(lambda: Scaled(1.0))
    assert content(lambda: Scaled(1.0)) != content(lambda: Scaled(0.5))
    assert content(models.classifier) != content(pretrained)


@one_backend
def test_a_failure_costs_one_optimizer_and_is_tried_again(tmp_path):
    broken = small(epochs=1, build_model=models.OwnStep)
    verdict, watcher = held("sam[inner=sgd]", workload=broken, store=Store(tmp_path))
    assert {run.state for run in verdict.runs} == {"failed"}
    assert all("has a `train_step` of its own" in run.reason for run in verdict.runs)
    assert len(watcher.trained) <= 4  # one tuning run tells enough
    assert not list((tmp_path / "runs").glob("*.json"))


@one_backend
def test_rates_that_all_diverge_leave_the_own_one():
    def regression():
        import keras

        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    x, _ = points(50)
    workload = small(
        build_model=regression, data=(1e6 * x, x[:, 0]), loss="mse", metrics=(), test=None
    )
    verdict, _ = held("sgd[learning_rate=10]", workload=workload)
    assert {run.state for run in verdict.runs} == {"diverged"}
    assert verdict.hyperparameters == {"learning_rate": 10.0}


@pytest.mark.skipif(BACKEND != "jax", reason="stacks are JAX's")
def test_a_stack_that_is_too_large_is_halved(monkeypatch):
    from keras_optim.compare.training import compiled

    tried = []
    plain = compiled.Compiled.begin

    def begin(self, configurations):
        tried.append(self.width)
        if self.width > 2:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
        plain(self, configurations)

    monkeypatch.setattr(compiled, "stacked", lambda: 8)
    monkeypatch.setattr(compiled.Compiled, "begin", begin)
    verdict, _ = held()
    monkeypatch.undo()
    assert tried[:4] == [8, 4, 2, 2]
    assert set(tried[2:]) == {2}
    alone, _ = held()
    assert verdict.hyperparameters == alone.hyperparameters
    for one, other in zip(verdict.runs, alone.runs):
        assert one.test == pytest.approx(other.test, rel=1e-4)


def test_out_of_memory_is_xlas():
    assert not engines.out_of_memory(ValueError("no"))


# ---- the function


def test_the_function_answers(tmp_path, capsys):
    result = keras_optim.compare(
        small(epochs=1), optimizers=["sgd", "adam"], seeds=2, folder=tmp_path / "mine"
    )
    assert result.optimizers == ("sgd", "adam")
    assert len([run for run in result.runs if run.spec.stage == "judging"]) == 4
    assert set(result.chosen) == {("points", "sgd"), ("points", "adam")}
    assert result.best.name in result.optimizers
    assert "no spread" in str(result)
    assert next(row["optimizer"] for row in result.table()) == result.best.name
    assert "<table" in result._repr_html_()
    page = result.report(tmp_path / "report.html")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert result.plot().get_size_inches()[0] > 3
    assert result.plot()._repr_png_().startswith(b"\x89PNG")  # a notebook without pyplot
    loaded = type(result).load(tmp_path / "mine")
    assert loaded.best == result.best
    assert loaded.runs == load(tmp_path / "mine").runs
    assert capsys.readouterr().out.count("\n") == 2


@one_backend
def test_batch_sizes_are_variants():
    result = keras_optim.compare(
        *(models.classifier, points(50)),
        **dict(loss=models.logits(), metrics=["accuracy"], optimizers=["sgd"], tune="none"),
        **dict(batch_size=[5, "full"], epochs=2, seeds=1, verbose=False),
    )
    sizes = {name: s.batch_size for name, s in result.subjects.items()}
    assert sizes == {"model-batch-5": 5, "model-batch-full": 45}
    steps = {run.spec.workload: run.cost["steps_per_epoch"] for run in result.runs}
    assert steps == {"model-batch-5": 9, "model-batch-full": 1}


def quality(y, predicted):
    return -keras.ops.mean(keras.ops.square(keras.ops.cast(y, "float32") - predicted[:, 0]))


@one_backend
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizers": []}, "optimizers: none is given"),
        ({"optimizers": ["adma"]}, "Did you mean: adam"),
        ({"tune": "often"}, "`tune` must be"),
        ({"tune": 0}, "`tune` must be"),
        ({"seeds": 0}, "`seeds` must be"),
        ({"seeds": [1, 1]}, "must differ"),
        ({"seeds": [0, 1]}, "differ from each other and from the tuning seed 0"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"batch_size": "half"}, "`batch_size` must be"),
        ({"validation": 1.5}, "`validation` must be"),
        ({"validation": 0.001}, "no example"),
        ({"target": ("accuracy", 0.9)}, "begins with val_"),
        ({"target": ("val_auc", 0.9)}, "no metric is called 'auc'"),
        ({"judge": "speed"}, "no metric is called 'speed'"),
        ({"sampler": "magic"}, "`sampler` must be"),
        ({"hyperparameters": ["momentun"]}, "no optimizer has the hyper-parameter 'momentun'"),
        ({"data": None}, "`data` is missing"),
        ({"batch_size": []}, "`batch_size` must be"),
        ({"metrics": [named("loss")]}, "loss has a meaning here"),
        ({"metrics": [named("seconds")]}, "seconds has a meaning here"),
        ({"build_model": small(), "data": None, "epochs": 9}, "`epochs`: a Workload has its own"),
        ({"data": 3}, "`data` must be"),
        ({"data": iter([1])}, "readable more than once"),
        ({"data": (np.ones((3, 2)), np.ones(4))}, "one row for each example"),
        ({"build_model": None}, "`build_model` must be a function"),
        ({"build_model": keras.Sequential()}, "`build_model` must be a function"),
        ({"build_model": lambda: 3}, "must return a keras.Model"),
        ({"loss": None}, "`loss` is missing"),
        ({"metrics": [quality]}, "`higher` must say whether a higher quality is better"),
        (
            {"metrics": [keras.metrics.SparseCategoricalAccuracy(name="seconds")]},
            "seconds has a meaning here",
        ),
        ({"validation": np.ones((3, 2))}, "`validation` must have the form of the training data"),
        ({"test": ([np.ones((3, 2))] * 2, np.ones(3))}, "`test` must have the form"),
    ],
)
def test_requests_that_cannot_be_met(arguments, message):
    settings = dict(
        build_model=models.classifier,
        data=points(50),
        loss=models.logits(),
        metrics=["accuracy"],
        optimizers=["sgd"],
        verbose=False,
    )
    settings.update(arguments)
    if "epochs" in arguments and not callable(settings["build_model"]):
        settings = {**arguments, "optimizers": ["sgd"]}
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        keras_optim.compare(settings.pop("build_model"), settings.pop("data"), **settings)


@one_backend
def test_the_number_of_seeds():
    assert seeds(2, tuning_seed=7) == (8, 9)
    with pytest.raises(UsageError, match="`seeds` must be"):
        seeds("three")
