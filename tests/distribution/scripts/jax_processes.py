"""Some optimizers on two JAX processes, each with four of eight devices, against one device."""

import json
import os
import sys

from tests.support.xla import QUICK, flags

os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count=4 {flags(QUICK)}"

import jax
import keras
import numpy as np
from keras.distribution import DataParallel, DeviceMesh, LayoutMap, ModelParallel

import keras_optim
from tests.distribution import problem

CASES = ("adafactor", "lamb", "skipnonfinite(adam)", "global_clipnorm", "noise")
SHARE = problem.BATCH // 2


def model_parallel():
    """Each pair that shares the weights has one device of each process."""
    devices = np.array(keras.distribution.list_devices()).reshape(2, 4).T.ravel()
    layouts = LayoutMap(DeviceMesh((4, 2), ["batch", "model"], devices))
    layouts[".*conv/kernel"] = (None, None, "model")
    layouts[".*dense/kernel"] = ("model", None)
    return ModelParallel(layout_map=layouts)


def whole(variable):
    """The value of a variable that lies on devices of both processes."""
    sharding = variable.value.sharding
    everywhere = jax.sharding.NamedSharding(sharding.mesh, jax.sharding.PartitionSpec())
    value = jax.jit(lambda v: v, out_shardings=everywhere)(variable.value)
    return np.asarray(value.addressable_data(0), "float64")


def trained(case, distribution, rows):
    """All numbers after steps on these `rows` of each batch."""
    with distribution.scope():
        network = problem.model()
        network.compile(problem.optimizer(case), "mse")
        for x, y in problem.batches():
            network.train_on_batch(x[rows], y[rows])
        if isinstance(distribution, ModelParallel):
            kernel = network.trainable_variables[0].value
            assert not kernel.is_fully_replicated and not kernel.is_fully_addressable
        return [whole(v) for v in (*network.trainable_variables, *network.optimizer.variables)]


def compared(case, rank):
    data = trained(case, DataParallel(), slice(SHARE * rank, SHARE * (rank + 1)))
    model = trained(case, model_parallel(), slice(None))
    one = model if rank else problem.numbers(problem.fitted(case))
    return max(problem.difference(data, one), problem.difference(model, one))


if __name__ == "__main__":
    rank, port = int(sys.argv[1]), sys.argv[2]
    keras.distribution.initialize(f"127.0.0.1:{port}", 2, rank)
    assert (jax.device_count(), jax.local_device_count()) == (8, 4)
    found = {case: problem.tried(compared, case, rank) for case in CASES}
    unseeded = problem.tried(keras_optim.GradientNoise, keras_optim.SGD())
    print(json.dumps({**found, "noise without a seed": unseeded}))
