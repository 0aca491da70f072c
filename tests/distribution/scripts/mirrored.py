"""Each optimizer under MirroredStrategy on two logical devices, against one device."""

import json
import tempfile

import keras
import numpy as np
import tensorflow as tf

import keras_optim
from keras_optim.callbacks import EvaluateAveraged, LogTraining
from tests.distribution import problem

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
ONE = tf.distribute.get_strategy()
# TensorFlow cannot have two strategies on the same devices: this is that of the examples.
TWO = problem.run_examples("TensorFlow")["strategy"]
assert TWO.num_replicas_in_sync == 2


DATA = tf.data.Dataset.from_tensor_slices((problem.X, problem.Y)).batch(problem.BATCH)
BATCHES = {s: list(s.experimental_distribute_dataset(DATA)) for s in (ONE, TWO)}


def looped(strategy, case, compiled=True):
    """All numbers after steps in a loop of one's own."""
    with strategy.scope():
        network = problem.model()
        network.optimizer = problem.optimizer(case)
        network.optimizer.build(network.trainable_variables)
    weights = network.trainable_variables

    def step(x, y):
        def gradients():
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((network(x, training=True) - y) ** 2)
                loss = network.optimizer.scale_loss(loss / strategy.num_replicas_in_sync)
            return tape.gradient(loss, [v.value for v in weights])

        network.optimizer.apply(gradients(), weights, second=gradients)

    def run(batch):
        strategy.run(step, batch)

    run = tf.function(run) if compiled else run
    for batch in BATCHES[strategy]:
        run(batch)
    with strategy.scope():
        network.optimizer.finalize_variable_values(weights)
        return problem.numbers(network)


def compared(case, compiled=True):
    return problem.difference(looped(TWO, case, compiled), looped(ONE, case, compiled=False))


def fitted(case, **compiled):
    with TWO.scope():
        network = problem.fitted(case, **compiled)
    return problem.difference(problem.numbers(network), looped(ONE, case, compiled=False))


def without_merge_calls(case):
    """The other way in which replicas update: as on GPUs under XLA."""
    kind = type(TWO.extended)
    usual, kind._use_merge_call = kind._use_merge_call, lambda self: False
    try:
        return compared(case)
    finally:
        kind._use_merge_call = usual


def a_bad_example():
    """NaN in the half of one replica: both leave the step out."""
    x = problem.X.copy()
    x[9] = np.nan
    weights = []
    for strategy in (TWO, ONE):
        with strategy.scope():
            network = problem.model()
            network.compile(problem.optimizer("skipnonfinite(adam)"), "mse")
            network.fit(x, problem.Y, batch_size=8, shuffle=False, verbose=0)
        assert network.optimizer.skipped == 1
        weights.append(problem.numbers(network))
    return problem.difference(*weights)


def saved():
    """A file written inside of the scope, read outside of it."""
    with tempfile.TemporaryDirectory() as folder:
        with TWO.scope():
            network = problem.fitted("adafactor")
            network.save(f"{folder}/model.keras")
        loaded = keras.models.load_model(f"{folder}/model.keras")
    return problem.difference(problem.numbers(network), problem.numbers(loaded))


def callbacks():
    """Norms in the logs, and metrics of averaged weights."""
    logs = []
    for strategy in (TWO, ONE):
        with strategy.scope():
            network = problem.model()
            network.compile(keras_optim.EMA(keras_optim.Adam(0.05), decay=0.9), "mse")
            data, options = (problem.X, problem.Y), {"shuffle": False, "verbose": 0}
            options["callbacks"] = [LogTraining(), EvaluateAveraged()]
            log = network.fit(*data, batch_size=8, epochs=2, validation_data=data, **options)
        logs.append([np.array(log.history[name]) for name in sorted(log.history)])
    return problem.difference(*logs)


def mixed(strategy):
    with strategy.scope():
        return problem.numbers(problem.fitted("sgd"))[:3]


def mixed_precision():
    """Weights after a loss that is scaled: near those of one device, in half precision."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        ours, theirs = (mixed(strategy) for strategy in (TWO, ONE))
    finally:
        keras.config.set_dtype_policy("float32")
    return problem.difference(ours, theirs)


def outside(optimizer=ONE, network=TWO, fit=ONE):
    with network.scope():
        made = problem.model()
    with optimizer.scope():
        rule = keras_optim.Adam()
    with network.scope():
        made.compile(rule, "mse")
    with fit.scope():
        made.fit(problem.X, problem.Y, verbose=0)


def option(case=None, **options):
    with TWO.scope():
        network = problem.model()
        compiled = {
            n: options.pop(n) for n in ("steps_per_execution", "jit_compile") if n in options
        }
        network.compile(keras_optim.Adam(**options), "mse", **compiled)
        network.fit(problem.X, problem.Y, batch_size=8, verbose=0)


def across_replicas():
    with TWO.scope():
        x = keras.Variable([1.0])
        keras_optim.Adam().apply([tf.constant([1.0])], [x])


def a_scaled_loss():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with TWO.scope():
            problem.fitted("sam(adam)")
    finally:
        keras.config.set_dtype_policy("float32")


REFUSED = {
    "optimizer outside": outside,
    "model outside": lambda: outside(TWO, ONE),
    "both outside": lambda: outside(ONE, ONE, TWO),
    "across replicas": across_replicas,
    "gradient_accumulation_steps": lambda: option(gradient_accumulation_steps=2),
    "ema_overwrite_frequency": lambda: option(use_ema=True, ema_overwrite_frequency=2),
    "steps_per_execution": lambda: option(steps_per_execution=2),
    "jit_compile": lambda: option(jit_compile=True),
    "a scaled loss": a_scaled_loss,
    "curvature": lambda: looped(TWO, "sophiah", compiled=False),
    "a seldom second pass": lambda: looped(TWO, "looksam(adam)", compiled=False),
}

FITTED = (
    "nadam",
    "adafactor",
    "lookahead(adam)",
    "ema(adam)",
    "sam(adam)",
    "global_clipnorm",
    "use_ema",
)

if __name__ == "__main__":
    found = {
        "loop": {case: problem.tried(compared, case) for case in problem.MIRRORED},
        "fit": {case: problem.tried(fitted, case) for case in FITTED},
        "others": {
            "eager loop": problem.tried(compared, "adafactor", False),
            "eager fit": problem.tried(lambda: fitted("lamb", run_eagerly=True)),
            "without merge calls": problem.tried(without_merge_calls, "nadam"),
            "a bad example": problem.tried(a_bad_example),
            "saved": problem.tried(saved),
            "callbacks": problem.tried(callbacks),
        },
        "mixed precision": problem.tried(mixed_precision),
        "refused": {name: problem.tried(call) for name, call in REFUSED.items()},
    }
    print(json.dumps(found))
