"""Script: a run on several virtual devices of this backend; prints its curves as JSON.

`python -m tests.compare.training.on_devices 4`
"""

import json
import os
import sys


def devices(backend, count):
    """JAX's as the command prepares them; TensorFlow's stand for those of a TPU."""
    from keras_optim.compare.process.devices import Devices, prepare

    if backend == "jax":
        return prepare("jax", "auto")
    import tensorflow as tf

    [cpu] = tf.config.list_physical_devices("CPU")
    logical = [tf.config.LogicalDeviceConfiguration()] * count
    tf.config.set_logical_device_configuration(cpu, logical)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{k}" for k in range(count)])
    return Devices("cpu", count, "cpu", strategy.scope)


def main(backend, count):
    if backend == "jax":
        os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={count}"
    from keras_optim.compare.contenders.contender import Contender
    from keras_optim.compare.training.engine import Configuration, train
    from keras_optim.compare.training.engines import Engines
    from keras_optim.compare.training.problem import Problem
    from tests.compare.models import small

    shared = devices(backend, count)
    found = {"count": shared.count}
    for optimizer in ("adam", "schedulefreesgd"):
        problem = Problem(small(batch_size=8), devices=shared)
        engine = Engines(problem, Contender.of(optimizer)).of({})
        wanted = [Configuration({"learning_rate": 0.1}, 1, True)]
        [outcome] = train(engine, wanted, problem.subject, lambda *progress: None)
        outcome.epochs.pop("seconds")
        found[optimizer] = [outcome.epochs, outcome.steps, outcome.test]
    print(json.dumps(found))


if __name__ == "__main__":
    main(os.environ["KERAS_BACKEND"], int(sys.argv[1]))
