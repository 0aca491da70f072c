"""What Keras offers around an optimizer works: compilation, loops, copies, search, export."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_optim
from tests.algorithms.test_every import small_data, small_model
from tests.conftest import one_backend
from tests.support.trajectories import (
    difference,
    gradients,
    numbers,
    run,
    starts,
    tensor,
    variables,
)

BACKEND = keras.backend.backend()
X, Y = small_data()
KINDS = {
    "adam": lambda: keras_optim.Adam(0.01, global_clipnorm=1.0, weight_decay=0.1),
    "nadam": lambda: keras_optim.Nadam(keras_optim.schedules.CosineAnnealing(0.01, 20)),
    "adafactor": lambda: keras_optim.Adafactor(0.01),
    "lookahead": lambda: keras_optim.Lookahead(keras_optim.Lion(0.001), sync_period=3),
    "ema": lambda: keras_optim.EMA(keras_optim.SGD(0.1, momentum=0.9)),
}


def fitted(optimizer, epochs=2, **options):
    model = small_model()
    model.compile(optimizer=optimizer, loss="mse", **options)
    model.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return model


def apart(a, b):
    return max(
        float(np.max(np.abs(u - v))) for u, v in zip(a.get_weights(), b.get_weights(), strict=True)
    )


# ---- ways to run a step


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_run_a_step_gives_the_same(kind):
    plain = fitted(KINDS[kind]())
    ways = [{"run_eagerly": True}, {"jit_compile": False}]
    if BACKEND != "torch":  # there Keras refuses the one, and the other has a test of its own
        ways += [{"steps_per_execution": 4}, {"jit_compile": True}]
    turn = [*KINDS].index(kind)  # each way comes with half of them
    for options in (ways[turn % len(ways)], ways[(turn + 1) % len(ways)]):
        assert apart(fitted(KINDS[kind](), **options), plain) < 2e-5, options


@pytest.mark.skipif(BACKEND != "torch", reason="elsewhere it takes no compiler of its own")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
def test_torch_compile_gives_the_same():
    assert apart(fitted(KINDS["adam"](), jit_compile=True), fitted(KINDS["adam"]())) < 2e-5


# ---- what is trained


def test_frozen_layers_stay_and_keep_no_state():
    model = small_model()
    model.layers[0].trainable = False
    before = numbers(model.layers[0].weights)
    model.compile(optimizer=keras_optim.AdamW(0.01), loss="mse")
    model.fit(X, Y, verbose=0)
    assert difference([numbers(model.layers[0].weights)], [before]) == 0.0
    assert len(model.optimizer.variables) == 2 + 2 * 2


def test_a_layer_that_is_unfrozen_later_needs_compile():
    model = small_model()
    model.layers[0].trainable = False
    model.compile(optimizer=keras_optim.Adam(0.01), loss="mse")
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = True
    model.compile(optimizer=keras_optim.Adam(0.01), loss="mse")
    model.fit(X, Y, verbose=0)
    assert len(model.optimizer.variables) == 2 + 2 * 4


@pytest.mark.parametrize("around", [lambda o: o, keras.optimizers.LossScaleOptimizer])
def test_one_optimizer_for_two_models_is_refused(around):
    first = fitted(around(keras_optim.Adam(0.01)))
    second = small_model()
    second.compile(optimizer=first.optimizer, loss="mse")
    before = numbers(second.weights)
    with pytest.raises(ValueError, match="Unknown variable"):
        second.fit(X, Y, verbose=0)
    assert difference([numbers(second.weights)], [before]) == 0.0


FIRST_STEPS = {
    "a first fit": (0, lambda: keras_optim.Adam()),
    "a second fit": (1, lambda: keras_optim.EMA(keras_optim.Adam())),
    "Keras's average": (1, lambda: keras_optim.Adam(use_ema=True)),
    "a loss scale": (0, lambda: keras.optimizers.LossScaleOptimizer(keras_optim.Adam())),
}


@pytest.mark.parametrize(("fits", "optimizer"), FIRST_STEPS.values(), ids=FIRST_STEPS)
def test_what_ends_the_first_step_reaches_the_user(fits, optimizer):
    """On JAX the trainer has taken the values away by then."""
    model = small_model()
    model.compile(optimizer=optimizer(), loss="mse")
    for _ in range(fits):
        model.fit(X, Y, verbose=0)

    class Interrupted(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, callbacks=[Interrupted()], verbose=0)
    with pytest.raises(Exception, match="incompatible"):  # TensorFlow's own, where it was traced
        model.fit(X[:, :3], Y, verbose=0)


# ---- custom loops


def loss_of(values):
    w, b = values
    x, y = ops.convert_to_tensor(X), ops.convert_to_tensor(Y)
    return ops.mean(ops.square(ops.matmul(x, w) + b - y))


def custom_loop(optimizer, steps=5):
    xs = variables([np.zeros((4, 1)), np.zeros(1)])
    optimizer.build(xs)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                loss = loss_of([x.value for x in xs])
            optimizer.apply_gradients(
                zip(tape.gradient(loss, [x.value for x in xs]), xs, strict=True)
            )

        for _ in range(steps):
            step()
    elif BACKEND == "torch":
        for _ in range(steps):
            for x in xs:
                x.value.grad = None
            loss_of([x.value for x in xs]).backward()
            optimizer.apply_gradients(zip([x.value.grad for x in xs], xs, strict=True))
    else:
        import jax

        values, state = [x.value for x in xs], [v.value for v in optimizer.variables]

        @jax.jit
        def step(values, state):
            return optimizer.stateless_apply(state, jax.grad(loss_of)(values), values)

        for _ in range(steps):
            values, state = step(values, state)
        return [np.asarray(v) for v in values]
    return numbers(xs)


def slopes(w, b):
    error = X @ w + b - Y
    return [2 * X.T @ error / len(X), np.array([2 * np.mean(error)])]


@pytest.mark.parametrize("kind", KINDS)
def test_a_custom_loop(kind):
    """As the same steps by hand, with gradients in closed form."""
    optimizer = KINDS[kind]()
    xs = variables([np.zeros((4, 1)), np.zeros(1)])
    for _ in range(5):
        optimizer.apply([tensor(g) for g in slopes(*numbers(xs))], xs)
    assert difference([custom_loop(KINDS[kind]())], [numbers(xs)]) < 1e-5


@pytest.mark.skipif(BACKEND != "jax", reason="transformations of functions belong to JAX")
@pytest.mark.parametrize("kind", KINDS)
def test_stateless_apply_under_vmap_and_scan(kind):
    """Several runs as one program; each as it is alone."""
    import jax

    values, steps = starts(((5,), (4, 3))), gradients(((5,), (4, 3)), steps=4)
    optimizer = KINDS[kind]()
    xs = variables(values)
    optimizer.build(xs)
    state = [v.value for v in optimizer.variables]
    stacked = [np.stack([gs[i] for gs in steps]).astype("float32") for i in range(2)]

    @jax.jit
    def whole_run(scale):
        def step(carry, gs):
            return optimizer.stateless_apply(carry[1], gs, carry[0]), None

        start = ([x.value for x in xs], state)
        return jax.lax.scan(step, start, [scale * s for s in stacked])[0][0]

    together = jax.vmap(whole_run)(np.array([1.0, 0.5], "float32"))
    for i, scale in enumerate((1.0, 0.5)):
        alone = run(KINDS[kind](), values, [[scale * g for g in gs] for gs in steps])
        assert difference([[np.asarray(v[i]) for v in together]], alone[-1:]) < 1e-5


# ---- copies, search, export


@pytest.mark.parametrize("kind", KINDS)
def test_a_cloned_model_gets_an_optimizer_of_its_own(kind):
    model = fitted(KINDS[kind]())
    clone = keras.models.clone_model(model)
    clone.compile_from_config(model.get_compile_config())
    assert type(clone.optimizer) is type(model.optimizer)
    assert clone.optimizer is not model.optimizer
    assert clone.optimizer.get_config() == {
        **model.optimizer.get_config(),
        "name": clone.optimizer.name,
    }
    clone.fit(X, Y, verbose=0)
    assert int(numbers([clone.optimizer.iterations])[0]) == 2


def test_scikit_learn_wrappers():
    from sklearn.model_selection import GridSearchCV

    def build(X, y, optimizer):
        model = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
        model.compile(optimizer=optimizer, loss="mse")
        return model

    search = GridSearchCV(
        keras.wrappers.SKLearnRegressor(
            build, model_kwargs={"optimizer": "adam"}, fit_kwargs={"verbose": 0, "epochs": 2}
        ),
        {
            "model_kwargs": [
                {"optimizer": keras_optim.Adam(0.01)},
                {"optimizer": keras_optim.Lookahead(keras_optim.SGD(0.01))},
            ]
        },
        cv=2,
        refit=False,
        error_score="raise",
        scoring="neg_mean_squared_error",
    )
    search.fit(X, Y[:, 0])
    assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))


@one_backend
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the tuner's own
def test_a_search_with_keras_tuner(tmp_path):
    import keras_tuner

    def build(hp):
        model = small_model()
        name = hp.Choice("optimizer", ["adam", "lion", "sgd"])
        rate = hp.Float("rate", 1e-4, 1e-1, sampling="log")
        model.compile(optimizer=keras_optim.get(name, learning_rate=rate), loss="mse")
        return model

    tuner = keras_tuner.RandomSearch(
        build, objective="val_loss", max_trials=3, directory=tmp_path, seed=0
    )
    tuner.search(X, Y, epochs=1, validation_split=0.25, verbose=0)
    best = tuner.get_best_models(1)[0]
    assert isinstance(best.optimizer, keras_optim.Optimizer)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="this format belongs to TensorFlow")
def test_an_exported_model_predicts(tmp_path):
    import tensorflow as tf

    model = fitted(KINDS["lookahead"]())
    model.export(tmp_path / "exported", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_allclose(loaded.serve(tf.constant(X)), model.predict(X, verbose=0), atol=1e-6)
