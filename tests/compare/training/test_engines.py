"""Engines train as `fit` does, with equal weights and batches for every optimizer and backend."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.training import data
from keras_optim.compare.training.engine import Configuration, train
from keras_optim.compare.training.engines import Engines
from keras_optim.compare.training.problem import Problem
from tests.compare import models
from tests.compare.models import Batches, points, small
from tests.conftest import BACKEND


def trained(workload, optimizer, rate, seed=1, test=True, **options):
    problem = Problem(workload)
    engine = Engines(problem, Contender.of(optimizer)).of({})
    configuration = Configuration({"learning_rate": rate}, seed, test)
    [outcome] = train(engine, [configuration], problem.subject, lambda *progress: None)
    return outcome


def fitted(workload, optimizer, rate, seed=1):
    """Keras's own `fit` on the same batches, from the same weights: the independent way."""
    problem = Problem(workload)
    model = problem.model(seed, lambda: Contender.of(optimizer).make({"learning_rate": rate}))
    train, validation, test = (p.parts for p in vars(problem.parts).values())
    history = {}
    for epoch in range(workload.epochs):
        order = data.rows(len(train[0]), problem.batch_size, seed, epoch).ravel()
        x, y = (array[order] for array in train)
        size = problem.batch_size
        logs = model.fit(
            x, y, batch_size=size, shuffle=False, verbose=0, validation_data=validation
        )
        for name, [value] in logs.history.items():
            history.setdefault(name, []).append(value)
    return history, model.evaluate(*test, verbose=0, return_dict=True)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "muon", "sam[inner=adam]"])
@pytest.mark.parametrize("build_model", [models.classifier, models.with_batch_norm])
def test_runs_are_those_of_fit(optimizer, build_model):
    workload = small(build_model=build_model)
    outcome = trained(workload, optimizer, 0.05)
    history, test = fitted(workload, optimizer, 0.05)
    for name, values in history.items():
        np.testing.assert_allclose(outcome.epochs[name][1:], values, rtol=1e-5, atol=1e-6)
    for name, value in test.items():
        np.testing.assert_allclose(outcome.test[f"final_{name}"], value, rtol=1e-5)


def test_keras_own_optimizers_run_as_in_fit():
    optimizer = keras.optimizers.Adam(use_ema=False)
    outcome = trained(small(), optimizer, 0.05)
    history, _ = fitted(small(), keras.optimizers.Adam(), 0.05)
    np.testing.assert_allclose(outcome.epochs["val_loss"][1:], history["val_loss"], rtol=1e-5)


def test_another_rate_and_seed_on_one_engine_give_the_runs_of_a_new_one():
    workload = small(build_model=models.with_dropout)
    problem = Problem(workload)
    engine = Engines(problem, Contender.of("adamw")).of({})
    runs = [(0.1, 3), (0.01, 1), (0.1, 3)]
    outcomes = [
        train(engine, [Configuration({"learning_rate": r}, s, True)], problem.subject, print)[0]
        for r, s in runs
    ]
    assert outcomes[0].epochs["val_loss"] == outcomes[2].epochs["val_loss"]
    alone = trained(workload, "adamw", 0.01)
    np.testing.assert_allclose(outcomes[1].epochs["val_loss"], alone.epochs["val_loss"], rtol=1e-6)
    assert outcomes[0].epochs["val_loss"] != outcomes[1].epochs["val_loss"]


def loss_with(problem, model):
    """The loss on held-out data with the weights that are in the model now."""
    other = problem.model(0, keras_optim.SGD)
    other.set_weights(model.get_weights())
    return other.test_on_batch(*problem.parts.validation.parts, return_dict=True)["loss"]


@pytest.mark.parametrize("name", ["scheduleFreeAdamW", "ema[inner=sgd]"])
def test_evaluation_uses_evaluation_weights(name):
    outcome = trained(small(), name, 0.3)
    problem = Problem(small())
    model = problem.model(1, lambda: Contender.of(name).make({"learning_rate": 0.3}))
    for number in range(3):
        for row in data.rows(45, 10, 1, number):
            model.train_on_batch(*problem.parts.train.take(row).parts)
    plain = loss_with(problem, model)
    with keras_optim.evaluation_weights(model):
        averaged = loss_with(problem, model)
    assert abs(outcome.epochs["val_loss"][-1] - averaged) < 1e-5 < abs(plain - averaged)


def test_the_average_of_keras_is_evaluated_too():
    optimizer = keras_optim.SGD(use_ema=True, ema_momentum=0.5)
    plain = trained(small(), "sgd", 0.3).epochs["val_loss"]
    averaged = trained(small(), optimizer, 0.3).epochs["val_loss"]
    assert plain[0] == pytest.approx(averaged[0])
    assert plain[-1] != pytest.approx(averaged[-1], rel=1e-3)


def test_the_measures_of_a_step():
    outcome = trained(small(epochs=2), "sgd", 0.25)
    steps = outcome.steps
    assert steps["step"] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    np.testing.assert_allclose(
        np.array(steps["update_norm"]), 0.25 * np.array(steps["gradient_norm"]), rtol=1e-4
    )
    assert steps["learning_rate"] == pytest.approx([0.25] * 8)
    np.testing.assert_allclose(np.mean(steps["loss"][:4]), outcome.epochs["loss"][1], rtol=1e-5)
    assert outcome.cost["weight_bytes"] == 4 * (2 * 4 + 4 + 4 * 2 + 2)
    assert outcome.cost["state_bytes"] == 0
    assert outcome.cost["step_seconds"] == pytest.approx(outcome.epochs["seconds"][2] / 4)
    assert np.isnan(trained(small(epochs=1), "sgd", 0.25).cost["step_seconds"])
    assert trained(small(), "adam", 0.1).cost["state_bytes"] == 2 * outcome.cost["weight_bytes"]


def test_the_measures_of_a_foreign_optimizer():
    steps = trained(small(), keras.optimizers.SGD(), 0.25).steps
    ours = trained(small(), "sgd", 0.25).steps
    for name in ("loss", "gradient_norm", "update_norm", "learning_rate"):
        np.testing.assert_allclose(steps[name], ours[name], rtol=1e-4)


def test_the_test_set_is_used_at_the_best_epoch_and_at_the_last():
    workload = small(epochs=12, judge="loss")
    outcome = trained(workload, "sgd[momentum=0.95]", 1.0)
    best = int(np.argmin(outcome.epochs["val_loss"][1:])) + 1
    assert best < 12, "of no use if the last epoch is the best"
    until = trained(small(epochs=best, judge="loss"), "sgd[momentum=0.95]", 1.0)
    assert outcome.test["loss"] == pytest.approx(until.test["final_loss"], rel=1e-5)
    assert outcome.test["final_loss"] != pytest.approx(outcome.test["loss"])
    assert trained(small(), "sgd", 0.1, test=False).test == {}


def test_a_run_that_diverges_ends_early():
    def regression():
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    x, _ = points(50)
    workload = small(build_model=regression, data=(x, x[:, 0]), loss="mse", metrics=(), epochs=9)
    outcome = trained(workload, "sgd", 30.0)
    assert "loss" in outcome.reason
    assert len(outcome.epochs["loss"]) < 10
    assert outcome.test == {}


def test_initial_weights_are_the_same_on_every_backend():
    weights = Problem(small()).model(7, keras_optim.SGD).get_weights()
    np.testing.assert_allclose(weights[0][0], INITIAL, rtol=1e-6)


INITIAL = [-0.6853229, 0.9497029, -0.04705027, -0.7138751]


def test_a_schedule_is_tuned_by_a_factor():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.4, 4, 0.5, staircase=True)
    problem = Problem(small(epochs=2))
    contender = Contender.of(keras_optim.SGD(schedule))
    engine = Engines(problem, contender).of({"learning_rate": 0.5})
    [outcome] = train(
        engine, [Configuration({"learning_rate": 0.5}, 1, False)], problem.subject, print
    )
    assert outcome.steps["learning_rate"] == pytest.approx([0.2] * 4 + [0.1] * 4)


# ---- models and data of many kinds


def test_a_subclassed_model():
    outcome = trained(small(build_model=models.Subclassed), "adam", 0.1)
    plain = trained(small(), "adam", 0.1)
    np.testing.assert_allclose(outcome.epochs["val_loss"], plain.epochs["val_loss"], rtol=1e-5)


def test_several_inputs_and_outputs():
    x, y = points(50)
    inputs, outputs = {"a": x, "b": -x}, {"sort": y, "size": x[:, 0]}
    workload = small(
        build_model=models.two_heads,
        data=(inputs, outputs),
        test=None,
        loss={"sort": models.logits(), "size": "mse"},
        metrics={"sort": ["accuracy"], "size": ["mae"]},
        judge="size_mae",
    )
    problem = Problem(workload)
    higher = {m.name: m.higher for m in problem.subject.metrics}
    assert higher["size_mae"] is False
    assert higher["sort_accuracy"] is True
    assert problem.subject.higher is False
    outcome = trained(workload, "adam", 0.1)
    assert outcome.epochs["val_size_mae"][-1] < outcome.epochs["val_size_mae"][0]


def test_a_model_that_is_compiled_keeps_its_loss():
    def build_model():
        model = models.classifier()
        model.compile("sgd", models.logits(), metrics=["accuracy"])
        return model

    outcome = trained(small(build_model=build_model, loss=None, metrics=()), "adam", 0.1)
    plain = trained(small(), "adam", 0.1)
    np.testing.assert_allclose(outcome.epochs["val_loss"], plain.epochs["val_loss"], rtol=1e-6)


def test_sample_weights_count():
    x, y = points(50)
    one = trained(small(data=(x, y, np.ones(50, "float32"))), "sgd", 0.1)
    plain = trained(small(), "sgd", 0.1)
    np.testing.assert_allclose(one.epochs["val_loss"], plain.epochs["val_loss"], rtol=1e-6)
    two = trained(small(data=(x, y, np.full(50, 2.0, "float32"))), "sgd", 0.1)
    norms = [run.steps["gradient_norm"][0] for run in (one, two)]
    assert norms[1] == pytest.approx(2 * norms[0], rel=1e-4)


def test_a_py_dataset():
    x, y = points(60)
    workload = small(data=Batches(x[:40], y[:40]), validation=(x[40:], y[40:]))
    outcome = trained(workload, "sgd", 0.1)
    model = Problem(workload).model(1, lambda: keras_optim.SGD(0.1))
    model.fit(Batches(x[:40], y[:40]), epochs=3, shuffle=False, verbose=0)
    loss = model.evaluate(x[40:], y[40:], verbose=0)[0]
    assert outcome.epochs["val_loss"][-1] == pytest.approx(loss, rel=1e-5)
    assert len(outcome.steps["step"]) == 12


def test_other_batches_are_another_workload():
    def content(x, y):
        return data.Batches(Batches(x, y)).content

    x, y = points(40)
    assert content(x, y) == content(x.copy(), y)
    assert len({content(x, y), content(x, 1 - y), content(x + 1, y), content(x[:30], y)}) == 4


def test_a_function_of_the_seed():
    x, y = points(60)

    def batches(seed):
        order = np.random.default_rng(seed).permutation(40)
        return Batches(x[order], y[order])

    workload = small(data=batches, validation=Batches(x[40:], y[40:]), test=None)
    one, again, other = (trained(workload, "sgd", 0.1, seed=s) for s in (1, 1, 2))
    assert one.epochs["val_loss"] == again.epochs["val_loss"] != other.epochs["val_loss"]


@pytest.mark.skipif(BACKEND != "torch", reason="a DataLoader is PyTorch's")
def test_a_data_loader():
    import torch

    x, y = points(60)
    rows = torch.utils.data.TensorDataset(torch.tensor(x[:40]), torch.tensor(y[:40]))
    loader = torch.utils.data.DataLoader(rows, batch_size=10)
    outcome = trained(small(data=loader, validation=(x[40:], y[40:])), "sgd", 0.1)
    same = trained(small(data=Batches(x[:40], y[:40]), validation=(x[40:], y[40:])), "sgd", 0.1)
    assert outcome.epochs["val_loss"] == pytest.approx(same.epochs["val_loss"])


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.data is TensorFlow's")
def test_a_tf_dataset():
    import tensorflow as tf

    x, y = points(60)
    dataset = tf.data.Dataset.from_tensor_slices((x[:40], y[:40])).batch(10)
    outcome = trained(small(data=dataset, validation=(x[40:], y[40:])), "sgd", 0.1)
    same = trained(small(data=Batches(x[:40], y[:40]), validation=(x[40:], y[40:])), "sgd", 0.1)
    assert outcome.epochs["val_loss"] == pytest.approx(same.epochs["val_loss"])


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(precision):
    problem = Problem(small(), precision)
    engine = Engines(problem, Contender.of("adam")).of({})
    configuration = Configuration({"learning_rate": 0.1}, 1, True)
    [half] = train(engine, [configuration], problem.subject, lambda *progress: None)
    whole = trained(small(), "adam", 0.1)
    for name in ("loss", "gradient_norm", "update_norm"):
        np.testing.assert_allclose(half.steps[name], whole.steps[name], rtol=0.1, atol=0.02)
        assert half.steps[name] != whole.steps[name]


def test_a_train_step_of_its_own():
    own = trained(small(build_model=models.OwnStep), "sgd", 0.05)
    plain = trained(small(), "sgd", 0.1)
    np.testing.assert_allclose(own.epochs["accuracy"], plain.epochs["accuracy"])
    np.testing.assert_allclose(own.steps["update_norm"], plain.steps["update_norm"], rtol=1e-4)
    twice = 2 * np.array(plain.epochs["val_loss"])
    np.testing.assert_allclose(own.epochs["val_loss"], twice, rtol=1e-5)


def quality(y, predicted):
    return -keras.ops.mean(keras.ops.square(y - keras.ops.cast(predicted[:, 0], y.dtype)))


def test_a_metric_of_its_own_gets_tensors_as_in_fit():
    outcome = trained(small(metrics=[quality], higher=True), "sgd", 0.05)
    assert np.isfinite(outcome.epochs["val_quality"]).all()


def test_the_direction_of_the_metric_that_judges_is_as_given():
    subject = Problem(small(metrics=[quality], higher=True)).subject
    assert (subject.judge, subject.higher) == ("quality", True)
    assert not Problem(small(higher=False)).subject.higher
    assert Problem(small(metrics=[quality], judge="loss")).subject.judge == "loss"


def test_the_first_metric_judges():
    metrics = ["sparse_categorical_accuracy", "accuracy"]
    assert Problem(small(metrics=metrics)).subject.judge == metrics[0]
    assert Problem(small(build_model=compiled, loss=None, metrics=())).subject.judge == "accuracy"


def compiled(loss="sparse_categorical_crossentropy"):
    model = models.classifier()
    model.compile(loss=loss, metrics=["accuracy"])
    return model


def test_the_loss_that_a_model_is_compiled_with_tells_workloads_apart():
    def content(loss):
        return Problem(small(build_model=lambda: compiled(loss), loss=None)).content

    assert content("sparse_categorical_crossentropy") == content("sparse_categorical_crossentropy")
    assert content("sparse_categorical_crossentropy") != content(models.logits())


def test_a_model_that_is_the_same_each_time():
    model = models.classifier()
    with pytest.raises(UsageError, match="a new model each time"):
        trained(small(build_model=lambda: model), "sgd", 0.05)


def test_a_second_pass_and_a_train_step_of_its_own():
    with pytest.raises(ValueError, match="OwnStep has a `train_step` of its own"):
        trained(small(build_model=models.OwnStep), "sam[inner=sgd]", 0.05)


@pytest.mark.parametrize("optimizer", ["schedulefreesgd", "ema[inner=sgd]"])
def test_statistics_of_batch_normalisation_fit_the_evaluation_weights(optimizer):
    workload = small(build_model=models.with_batch_norm, epochs=2)
    outcome = trained(workload, optimizer, 0.3)
    problem = Problem(workload)
    model = problem.model(1, lambda: Contender.of(optimizer).make({"learning_rate": 0.3}))
    for number in range(2):
        for row in data.rows(45, 10, 1, number):
            model.train_on_batch(*problem.parts.train.take(row).parts)
    with keras_optim.evaluation_weights(model):
        plain = loss_with(problem, model)
        keras_optim.callbacks.update_batch_statistics(model, problem.parts.train.parts[0])
        fitting = loss_with(problem, model)
    assert outcome.epochs["val_loss"][-1] == pytest.approx(fitting, rel=1e-4)
    assert outcome.epochs["val_loss"][-1] != pytest.approx(plain, rel=1e-3)
