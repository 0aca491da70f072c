"""What is stored early: as early as it is final, and never while the old value is needed."""

import pytest
import torch

from keras_optim.codegen import Kernel
from keras_optim.codegen.grouping import Layout
from keras_optim.codegen.schedule import Plan
from keras_optim.codegen.tracing import trace

# ---- new values of x, m and v; and what the first pass stores


def final_at_once(x, m, v):
    m = 0.5 * m + x
    return {"x": x - m / (m * m).sum(), "m": m, "v": v}


def needed_later(x, m, v):
    new = 0.5 * m + x
    return {"x": x - m / (new * new).sum(), "m": new, "v": v}


def needed_for_another_result(x, m, v):
    """`m` is not final in the first pass, and is made of the old `v`."""
    new = 0.5 * v + x
    return {"x": x, "m": m / (new * new).sum() + v, "v": new}


def not_needed_for_the_sum(x, m, v):
    return {"x": x - m / (x * x).sum(), "m": 0.5 * m, "v": v}


def changing_places(x, m, v):
    return {"x": x - (m * v).sum(), "m": v, "v": m}


def two_sums_in_a_row(x, m, v):
    m = 0.5 * m + x / 2
    v = 0.5 * v + m * m / (m * m).sum()
    return {"x": x - m / v.sum(), "m": m, "v": v}


def columns(x, m, v):
    m = 0.5 * m + x
    return {"x": x - m * torch.sqrt((m * m).sum(0, keepdim=True)), "m": m, "v": v}


CASES = {
    final_at_once: [{"m"}, {"x"}],
    needed_later: [set(), {"x", "m"}],
    needed_for_another_result: [set(), {"m", "v"}],
    not_needed_for_the_sum: [set(), {"x", "m"}],
    changing_places: [{"m", "v"}, {"x"}],
    two_sums_in_a_row: [{"m"}, {"v"}, {"x"}],
    columns: [{"m"}, {"x"}],
}


def tensors(shape=(60, 3)):
    random = torch.Generator().manual_seed(0)
    return {n: torch.rand(shape, generator=random, dtype=torch.float64) + 0.5 for n in "xmv"}


def step(function):
    return lambda arrays, shared, constants, total: (function(**arrays), {})


def plan(function, early=True):
    layout = Layout([trace(step(function), tensors(), {}, {}, "x")])
    return Plan(layout.bodies[0], layout.passes, early)


@pytest.mark.parametrize("function", CASES)
def test_what_each_pass_stores(function):
    assert [set(now.stores) for now in plan(function).passes] == CASES[function]
    stores = [set(now.stores) for now in plan(function, early=False).passes]
    assert stores == [*[set()] * (len(stores) - 1), set.union(*CASES[function])]


@pytest.mark.parametrize("function", CASES)
@pytest.mark.parametrize("threads", [1, 3])
def test_the_numbers_are_those_of_the_function(function, threads):
    """Of small items, done by one thread each, and of a large one, shared by all."""
    items = [tensors(), tensors((70_000, 3)), tensors((5, 4))]
    expected = [function(**{n: v.clone() for n, v in item.items()}) for item in items]
    kernel = Kernel(step(function), items, [{}] * 3, {}, leading="x")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        kernel.bind(range(3), items, {})([item["x"].data_ptr() for item in items])
    finally:
        torch.set_num_threads(before)
    for item, new in zip(items, expected):
        for name, value in new.items():
            assert torch.allclose(item[name], value, rtol=1e-12, atol=1e-12), name


def test_what_is_the_same_in_a_column_is_kept():
    found = plan(columns)
    assert [len(found.kept), len(plan(columns, early=False).kept)] == [1, 0]

    def with_a_total(arrays, shared, constants, total):
        x = arrays["x"]
        length = torch.sqrt((x * x).sum(0, keepdim=True) + total((x * x).sum()))
        return {"x": x / length}, {}

    layout = Layout([trace(with_a_total, tensors(), {}, {}, "x")])
    assert Plan(layout.bodies[0], layout.passes, True).kept == []
