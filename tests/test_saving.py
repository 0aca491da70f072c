"""State is saved by name: what matches is loaded, what does not is named, nothing is dropped."""

import keras
import numpy as np
import pytest

import keras_optim
from tests.trajectories import gradients, numbers, starts, tensor, variables

STEPS, VALUES = gradients(steps=4), starts()


def trained(optimizer, steps=STEPS):
    xs = variables(VALUES)
    for gs in steps:
        optimizer.apply([tensor(g) for g in gs], xs)
    return optimizer, xs


def saved(optimizer):
    store = {}
    optimizer.save_own_variables(store)
    return store


def built(optimizer):
    optimizer.build(variables(VALUES))
    return optimizer


def test_names_in_the_file():
    optimizer, _ = trained(keras_optim.Nadam(use_ema=True, gradient_accumulation_steps=2))
    per_variable = ("momentum", "velocity", "average", "gradient_accumulator")
    assert set(saved(optimizer)) == {
        "format",
        "iteration",
        "learning_rate",
        "momentum_product",
        *(f"{name}.{i}" for name in per_variable for i in range(len(VALUES))),
    }


def test_variables_that_a_subclass_adds_are_kept():
    class Counting(keras_optim.SGD):
        def build(self, variables):
            super().build(variables)
            self.seen = self.add_variable((), name="seen")

    optimizer, other = built(Counting()), built(Counting())
    optimizer.seen.assign(3.0)
    other.load_own_variables(saved(optimizer))
    assert float(numbers([other.seen])[0]) == 3.0


def test_from_a_rate_to_a_schedule_all_state_is_kept():
    optimizer, _ = trained(keras_optim.Adam(0.1))
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    other = built(keras_optim.Adam(schedule))
    other.load_own_variables(saved(optimizer))
    assert int(numbers([other.iterations])[0]) == len(STEPS)
    for ours, theirs in zip(optimizer._plan.states, other._plan.states, strict=True):
        for slot in ours:
            np.testing.assert_array_equal(numbers([ours[slot]])[0], numbers([theirs[slot]])[0])


def test_an_added_option_loads_the_rest_and_says_what_is_missing():
    optimizer, _ = trained(keras_optim.SGD(0.1, momentum=0.9))
    other = built(keras_optim.SGD(0.1, momentum=0.9, use_ema=True))
    with pytest.warns(UserWarning, match=r"left as it is: average.0, average.1, average.2, av"):
        other.load_own_variables(saved(optimizer))
    np.testing.assert_array_equal(
        numbers([other._plan.states[1]["momentum"]])[0],
        numbers([optimizer._plan.states[1]["momentum"]])[0],
    )


def test_files_that_are_not_ours():
    other = built(keras_optim.Adam())
    with pytest.warns(UserWarning, match="Adam: the file holds the state of another optimizer"):
        other.load_own_variables({"0": np.array(3), "1": np.array(0.1)})
    with pytest.raises(ValueError, match="format 99; this version of keras_optim reads up to 1"):
        other.load_own_variables({"format": np.array(99)})
    assert int(numbers([other.iterations])[0]) == 0


@pytest.mark.parametrize("mixed", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_models_train_save_and_load(mixed, tmp_path, request):
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    keras.config.set_dtype_policy(mixed)
    request.addfinalizer(lambda: keras.config.set_dtype_policy("float32"))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras_optim.Adam(0.1), "mse")
    first = model.evaluate(x, x[:, :1], verbose=0)
    model.fit(x, x[:, :1], epochs=8, batch_size=8, verbose=0)
    assert model.evaluate(x, x[:, :1], verbose=0) < 0.5 * first
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(numbers([a])[0], numbers([b])[0])
