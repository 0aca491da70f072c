"""Each optimizer on two gloo processes, under DDP and `fully_shard`, against one process."""

import json
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"

import keras
import numpy as np
import torch
import torch.distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

import keras_optim
from keras_optim.engine import norms
from tests.distribution import problem
from tests.distribution import rounded as rounding_cases
from tests.support import passes


def trained(network, weights, rule, rows, follow=lambda: None):
    """All numbers after a step on these `rows` of each batch, in a loop of one's own."""
    rule.build(weights)
    for batch in problem.batches():
        x, y = (torch.as_tensor(values[rows]) for values in batch)

        def gradients(x=x, y=y):
            for weight in weights:
                weight.value.grad = None
            torch.mean((network(x) - y) ** 2).backward()
            follow()
            return [weight.value.grad for weight in weights]

        passes.apply(rule, gradients(), weights, gradients)
    rule.finalize_variable_values(weights)
    return [whole(v) for v in (*weights, *rule.variables)]


def whole(variable):
    value = variable.value.detach()
    return (value.full_tensor() if isinstance(value, DTensor) else value).double().numpy()


def alone(case):
    network = problem.model()
    return trained(network, network.trainable_variables, problem.optimizer(case), ALL)


def data_parallel(case):
    network = problem.model()
    wrapped = DistributedDataParallel(network)
    ours = trained(wrapped, network.trainable_variables, problem.optimizer(case), MINE)
    return problem.difference(ours, ours if RANK else alone(case))


class Native(torch.nn.Module):
    """The same network of PyTorch's own layers, its weights sharded over the processes."""

    def __init__(self):
        super().__init__()
        self.network = torch.nn.Sequential(
            torch.nn.Conv1d(4, 8, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(32, 2)
        )

    def forward(self, x):
        return self.network(x.transpose(1, 2))


def native(sharded):
    torch.manual_seed(0)
    network = Native()
    if sharded:
        fully_shard(network, mesh=MESH)
    named = network.named_parameters()
    return network, [keras.Variable(p, name=n.replace(".", "_")) for n, p in named]


def fully_sharded(case):
    network, weights = native(sharded=True)
    rule = problem.optimizer(case)
    ours = trained(network, weights, rule, MINE)
    for x, state in zip(weights, rule.state.slots):
        for slot in state.values():
            same = slot.shape == x.shape
            assert isinstance(slot.value, DTensor), slot.path
            assert not same or slot.value.placements == x.value.placements, slot.path
    return problem.difference(ours, ours if RANK else alone_as_native(case))


def alone_as_native(case):
    return trained(*native(sharded=False), problem.optimizer(case), ALL)


def fully_sharded_keras(case):
    """A Keras model, by the recipe of the page."""
    network = problem.model()
    follow = EXAMPLES["shard"](network)
    rule = problem.optimizer(case)
    ours = trained(network, network.trainable_variables, rule, MINE, follow)
    assert all(isinstance(v.value, DTensor) for v in network.trainable_variables)
    return problem.difference(ours, ours if RANK else alone(case))


def keras_without_the_recipe(case):
    """What the page warns of: each process trains by itself."""
    network = problem.model()
    fully_shard(network, mesh=MESH)
    ours = trained(network, network.trainable_variables, problem.optimizer(case), MINE)
    return problem.difference(ours, ours if RANK else alone(case))


def saved(case):
    """State and norms of sharded weights: saved as one process would, and loaded again."""
    stores, recorded = [], []
    for sharded, rows in ((True, MINE), (False, ALL)):
        rule, store = problem.optimizer(case), {}
        norms.start(rule)
        trained(*native(sharded), rule, rows)
        rule.save_own_variables(store)
        recorded.append(norms.last(rule))
        stores.append(store)
    again, copy = problem.optimizer(case), {}
    again.build(native(sharded=True)[1])
    again.load_own_variables(stores[0])
    again.save_own_variables(copy)
    assert all((copy[name] == stores[0][name]).all() for name in copy)
    assert copy.keys() == stores[0].keys() == stores[1].keys()
    numbers = [[*map(np.asarray, (*s.values(), *n.values()))] for s, n in zip(stores, recorded)]
    return problem.difference(*numbers)


def rounded(case):
    """Steps of sharded weights, rounded at random: the largest difference from one process."""
    ends = []
    for sharded in (False, True):
        xs = []
        for x in rounding_cases.STARTS[:2]:
            value = torch.tensor(x, dtype=getattr(torch, rounding_cases.dtype(case)))
            spread = distribute_tensor(value, MESH, [Shard(0)]) if sharded else value
            xs.append(keras.Variable(torch.nn.Parameter(spread), name=f"x{len(xs)}"))

        def spread_like(g, x):
            return distribute_tensor(g, MESH, x.value.placements)

        found = rounding_cases.stepped(case, xs, *([spread_like] if sharded else []))
        ends.append([whole(v) for v in found])
    return problem.difference(*ends)


KERAS = ("adam", "adafactor", "lamb", "global_clipnorm")
SAVED = ("adafactor", "skipnonfinite(adam)")

if __name__ == "__main__":
    RANK, port = int(sys.argv[1]), sys.argv[2]
    # As `torchrun` would; the examples then start the process group.
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, RANK=str(RANK), WORLD_SIZE="2")
    EXAMPLES = problem.run_examples("PyTorch")
    MESH = init_device_mesh("cpu", (2,))
    half = problem.BATCH // 2
    ALL, MINE = slice(None), slice(half * RANK, half * (RANK + 1))
    found = {
        "data": {case: problem.tried(data_parallel, case) for case in problem.REPLICATED},
        "sharded": {case: problem.tried(fully_sharded, case) for case in problem.REPLICATED},
        "keras": {case: problem.tried(fully_sharded_keras, case) for case in KERAS},
        "without the recipe": problem.tried(keras_without_the_recipe, "adam"),
        "rounded": {case: problem.tried(rounded, case) for case in rounding_cases.OPTIONS},
        "saved": {case: problem.tried(saved, case) for case in SAVED},
        "noise without a seed": problem.tried(keras_optim.GradientNoise, keras_optim.SGD()),
    }
    print(json.dumps(found), flush=True)
    torch.distributed.barrier()  # the other process still talks to this one
    torch.distributed.destroy_process_group()
    # Models above still hold groups, whose threads abort the process when the interpreter takes
    # them down (github.com/pytorch/pytorch/issues/190489).
    os._exit(0)
