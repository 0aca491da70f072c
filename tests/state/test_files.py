"""State is saved by name: what matches is loaded, what does not is named, nothing is dropped."""

import keras
import numpy as np
import pytest

import keras_optim
from tests.support.trajectories import gradients, numbers, starts, tensor, variables

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
        "algorithm",
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
    for ours, theirs in zip(optimizer.state.slots, other.state.slots, strict=True):
        for slot in ours:
            np.testing.assert_array_equal(numbers([ours[slot]])[0], numbers([theirs[slot]])[0])


def test_an_added_option_loads_the_rest_and_says_what_is_missing():
    optimizer, _ = trained(keras_optim.SGD(0.1, momentum=0.9))
    other = built(keras_optim.SGD(0.1, momentum=0.9, use_ema=True))
    with pytest.warns(UserWarning, match=r"left as it is: average.0, average.1, average.2, av"):
        other.load_own_variables(saved(optimizer))
    np.testing.assert_array_equal(
        numbers([other.state.slots[1]["momentum"]])[0],
        numbers([optimizer.state.slots[1]["momentum"]])[0],
    )


def test_from_a_schedule_to_a_rate_all_state_is_kept():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    optimizer, _ = trained(keras_optim.Adam(schedule))
    other = built(keras_optim.Adam(0.25))
    other.load_own_variables(saved(optimizer))
    assert float(other.learning_rate) == 0.25
    store, expected = saved(other), saved(optimizer)
    assert store.keys() - expected.keys() == {"learning_rate"}
    for name, value in expected.items():
        np.testing.assert_array_equal(store[name], value)


CHANGES = {
    "momentum is new": (
        lambda: keras_optim.SGD(),
        lambda: keras_optim.SGD(momentum=0.9),
        "momentum",
    ),
    "momentum is gone": (
        lambda: keras_optim.SGD(momentum=0.9),
        lambda: keras_optim.SGD(),
        "momentum",
    ),
    "the average is gone": (
        lambda: keras_optim.Adam(use_ema=True),
        lambda: keras_optim.Adam(),
        "average",
    ),
    "accumulation is new": (
        lambda: keras_optim.Adam(),
        lambda: keras_optim.Adam(gradient_accumulation_steps=2),
        "gradient_accumulator",
    ),
    "accumulation is gone": (
        lambda: keras_optim.Adam(gradient_accumulation_steps=2),
        lambda: keras_optim.Adam(),
        "gradient_accumulator",
    ),
    "a wrapper is new": (
        lambda: keras_optim.Adam(),
        lambda: keras_optim.Lookahead(keras_optim.Adam()),
        "drift",
    ),
    "a wrapper is gone": (
        lambda: keras_optim.EMA(keras_optim.Adam()),
        lambda: keras_optim.Adam(),
        "lag",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_matches_is_loaded_and_exactly_the_rest_is_named(change):
    before, after, slot = CHANGES[change]
    optimizer, _ = trained(before())
    other = built(after())
    untouched = saved(other)
    with pytest.warns(UserWarning) as caught:
        other.load_own_variables(saved(optimizer))
    named = sorted(f"{slot}.{i}" for i in range(len(VALUES)))
    messages = [str(w.message) for w in caught if w.category is UserWarning]
    assert [m.partition("left as it is: ")[2] for m in messages] == [f"{', '.join(named)}."]
    store, expected = saved(other), saved(optimizer)
    for name, value in store.items():
        np.testing.assert_array_equal(value, (untouched if name in named else expected)[name])
    assert set(store) - set(named) == set(expected) - set(named)


class Slower(keras_optim.Adam):
    """An algorithm made from another one, which may go on from its files."""


OTHERS = {
    "fewer slots": (lambda: keras_optim.Adam(0.01), lambda: keras_optim.SGD(0.1), "Adam", True),
    "other slots": (lambda: keras_optim.Adam(0.01), lambda: keras_optim.Lion(0.1), "Adam", False),
    "more slots": (lambda: keras_optim.Adam(0.01), lambda: keras_optim.AMSGrad(0.1), "Adam", False),
    "the same slots": (
        lambda: keras_optim.Adam(0.01),
        lambda: keras_optim.AdamW(0.1),
        "Adam",
        False,
    ),
    "no slots": (
        lambda: keras_optim.SGD(0.01),
        lambda: keras_optim.SignSGD(0.1),
        "SGD",
        False,
    ),
    "inside a wrapper": (
        lambda: keras_optim.EMA(keras_optim.Lion(0.01)),
        lambda: keras_optim.EMA(keras_optim.Adam(0.1)),
        "Lion",
        False,
    ),
}


@pytest.mark.parametrize("is_built", [True, False])
@pytest.mark.parametrize("case", OTHERS)
def test_the_state_of_another_algorithm_changes_nothing(case, is_built):
    before, after, name, _ = OTHERS[case]
    store = saved(trained(before())[0])
    other = built(after()) if is_built else after()
    untouched = saved(other)
    with pytest.warns(UserWarning, match=f"the state of {name}, so this one is left as it is"):
        other.load_own_variables(store)
    if not is_built:
        built(other)
    for key, value in untouched.items():
        np.testing.assert_array_equal(saved(other)[key], value)
    assert float(other.learning_rate) == np.float32(0.1)


@pytest.mark.parametrize("case", [case for case, (*_, seen) in OTHERS.items() if seen])
def test_a_file_without_a_name_is_recognised_by_its_slots(case):
    before, after, _, _ = OTHERS[case]
    store = saved(trained(before())[0])
    del store["algorithm"]
    other = built(after())
    with pytest.warns(UserWarning, match="the state of another optimizer, so this one is left"):
        other.load_own_variables(store)
    assert float(other.learning_rate) == np.float32(0.1)
    same = built(before())
    same.load_own_variables(store)
    np.testing.assert_array_equal(saved(same)["iteration"], len(STEPS))


def test_a_class_goes_on_from_files_of_its_parent():
    optimizer, _ = trained(keras_optim.Adam(0.01))
    other = built(Slower(0.1))
    other.load_own_variables(saved(optimizer))
    assert float(other.learning_rate) == np.float32(0.01)
    with pytest.warns(UserWarning, match="the state of Slower"):
        built(keras_optim.Adam(0.1)).load_own_variables(saved(other))


def test_a_layer_of_another_size_is_named_and_the_rest_is_loaded():
    optimizer, _ = trained(keras_optim.Adam())
    xs = variables([*VALUES[:-1], np.zeros((7,))])
    other = keras_optim.Adam()
    other.build(xs)
    last = len(xs) - 1
    named = f"left as it is: momentum.{last}, velocity.{last}\\.$"
    with pytest.warns(UserWarning, match=named):
        other.load_own_variables(saved(optimizer))
    np.testing.assert_array_equal(saved(other)["velocity.1"], saved(optimizer)["velocity.1"])
    assert not np.any(saved(other)[f"velocity.{last}"])


def test_options_that_change_between_files_of_models(tmp_path):
    """The same through a file: weights with the optimizer's state, into a model compiled anew."""

    def model(optimizer):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        model.compile(optimizer, "mse")
        return model

    first = model(keras_optim.AdamW(0.1))
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    first.fit(x, x[:, :2], verbose=0)
    first.save(tmp_path / "model.keras")
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    second = model(keras_optim.AdamW(schedule, use_ema=True))
    second.optimizer.build(second.trainable_variables)
    with pytest.warns(UserWarning, match=r"AdamW: state .* left as it is: average.0, average.1\.$"):
        second.load_weights(tmp_path / "model.keras")
    expected = saved(first.optimizer)
    for name, value in saved(second.optimizer).items():
        if not name.startswith("average"):
            np.testing.assert_array_equal(value, expected[name])
    assert int(expected["iteration"]) == 1


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
