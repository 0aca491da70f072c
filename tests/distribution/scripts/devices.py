"""Each optimizer under `keras.distribution` on eight virtual CPU devices, against one device."""

import json
import os

from tests.support.xla import QUICK, flags

os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count=8 {flags(QUICK)}"

import jax
import keras
import numpy as np
from keras.distribution import (
    DataParallel,
    DeviceMesh,
    LayoutMap,
    ModelParallel,
    TensorLayout,
    distribute_tensor,
    set_distribution,
)
from keras.src.backend.jax import core

from tests.distribution import problem
from tests.distribution import rounded as rounding_cases


def model_parallel():
    """Batches over four pairs of devices, weights over the two of a pair."""
    layouts = LayoutMap(DeviceMesh((4, 2), ["batch", "model"]))
    layouts[".*conv.*kernel.*"] = (None, None, "model")  # also fits the names of state
    layouts[".*conv/bias"] = ("model",)
    layouts[".*dense/kernel"] = ("model", None)
    return ModelParallel(layout_map=layouts)


def trained(distribution, case):
    set_distribution(distribution)
    try:
        return problem.fitted(case)
    finally:
        set_distribution(None)


def lies(variable):
    return tuple(variable.value.sharding.spec)


def misplaced(optimizer):
    """State that does not lie over the devices as it should."""
    wrong = []
    for x, state in zip(optimizer._trainable_variables, optimizer.state.slots):
        for slot in state.values():
            expected = lies(x) if slot.shape == x.shape else (None,) * len(slot.shape)
            if lies(slot) != expected or slot.value.sharding.device_set != set(jax.devices()):
                wrong.append(slot.path)
    return wrong


def compared(case, of):
    one = problem.numbers(trained(None, case))
    model = trained(model_parallel(), case)
    of["model"][case] = problem.difference(problem.numbers(model), one)
    of["misplaced"] += misplaced(model.optimizer)
    of["sharded"][case] = sum(
        "model" in lies(v) for state in model.optimizer.state.slots for v in state.values()
    )
    if case in problem.SOME:  # there are replicas in the other as well
        data = trained(DataParallel(), case)
        of["data"][case] = problem.difference(problem.numbers(data), one)
        of["misplaced"] += misplaced(data.optimizer)


def of_large_weights(case):
    """State that is made on its devices, as Keras makes it where it would not fit on one."""
    usual, core.should_shard_at_init = core.should_shard_at_init, lambda *_: True
    try:
        network = trained(model_parallel(), case)
    finally:
        core.should_shard_at_init = usual
    found = problem.difference(problem.numbers(network), problem.numbers(trained(None, case)))
    return misplaced(network.optimizer) or found


def rounded(case):
    """Steps of sharded weights, rounded at random: the largest difference from one device."""
    ends = []
    for distribution in (None, model_parallel()):
        set_distribution(distribution)
        try:
            named = zip(("dense/kernel", "conv/bias", "scale"), rounding_cases.STARTS, strict=True)
            dtype = rounding_cases.dtype(case)
            xs = [keras.Variable(x, dtype=dtype, name=name.replace("/", "_")) for name, x in named]
            if distribution:
                for x, axes in zip(xs, (("model", None), ("model",), ()), strict=True):
                    x._layout = TensorLayout(axes, distribution.device_mesh)
                    x.assign(distribute_tensor(x.value, x._layout))
            ends.append([np.asarray(v.value, "float64") for v in rounding_cases.stepped(case, xs)])
            assert not distribution or lies(xs[0]) == ("model", None)
        finally:
            set_distribution(None)
    return problem.difference(*ends)


if __name__ == "__main__":
    found = {"data": {}, "model": {}, "misplaced": [], "sharded": {}}
    for case in problem.CASES:
        if error := problem.tried(compared, case, found):
            found["model"][case] = error
    found["large"] = {n: problem.tried(of_large_weights, n) for n in ("adafactor", "ftrl")}
    found["rounded"] = {case: problem.tried(rounded, case) for case in rounding_cases.OPTIONS}
    problem.run_examples("JAX")
    print(json.dumps(found))
