"""What a function may do, and all that it may not."""

import pytest
import torch

from keras_optim.codegen import Kernel, Refused, on_cpu
from keras_optim.codegen.tracing import trace


def write(graphs):
    return on_cpu.write(graphs, leading="x")


HIDDEN = torch.tensor(3.0)


def graph(function, shape=(4, 3), constants=None, dtype=torch.float32):
    arrays = {"x": torch.ones(shape, dtype=dtype), "number": torch.ones(())}
    shared = {"t": torch.tensor(3), "a": torch.tensor(2.0)}

    def step(arrays, shared, constants, total):
        return {"x": function(arrays["x"], shared, total)}, {}

    return trace(step, arrays, shared, constants, "x")


REFUSED = {
    "captured": (lambda x, s, total: x * HIDDEN, "not among its arguments"),
    "decides by a number": (lambda x, s, total: x if s["a"] > 0 else -x, "numbers in a tensor"),
    "reads a number": (lambda x, s, total: x * float(s["t"]), "numbers in a tensor"),
    "item": (lambda x, s, total: x * x.sum().item(), "numbers in a tensor"),
    "columns of another shape": (
        lambda x, s, total: x + x.reshape(3, 4).sum(0, keepdim=True).reshape(4, 1),
        "over some axes|the shape",
    ),
    "rows for columns": (
        lambda x, s, total: x + x.reshape(2, 2, 3).sum((0, 2)).reshape(1, 2).sum(),
        "over some axes|the shape",
    ),
    "matmul": (lambda x, s, total: x @ x.T @ x, "an unknown operation"),
    "transpose": (lambda x, s, total: x.T.T, "an unknown operation"),
    "slice": (lambda x, s, total: x + x[0, 0], "an unknown operation"),
    "cumsum": (lambda x, s, total: x.cumsum(0), "an unknown operation"),
    "median": (lambda x, s, total: x / x.median(), "an unknown operation"),
    "random": (lambda x, s, total: x + torch.randn(4, 3), "an unknown operation"),
    "in place": (lambda x, s, total: x.add_(1.0), "works in place"),
    "a table": (lambda x, s, total: x * torch.tensor([1.0, 2.0, 3.0]), "of many numbers"),
    "broadcast": (lambda x, s, total: x + torch.ones(3), r"the shape \(3,\)"),
    "another shape": (lambda x, s, total: x.sum(), r"the shape \(\), not \(4, 3\)"),
    "reshape and mix": (lambda x, s, total: x.reshape(12, 1) + x.reshape(12, 1).sum(), "shape"),
    "no tensor": (lambda x, s, total: 1.0, "no tensor but 1.0"),
    "total of an array": (lambda x, s, total: x * total(x), "sum it first"),
    "alpha": (lambda x, s, total: torch.add(x, x, alpha=2), "options"),
    "rounded division": (lambda x, s, total: torch.div(x, 2, rounding_mode="floor"), "options"),
    "floor of floats": (lambda x, s, total: x // 2.0, "floor_divide of torch.float32"),
    "modulo zero": (lambda x, s, total: x * (s["t"] % 0), "may be zero"),
    "modulo a tensor": (lambda x, s, total: x * (s["t"] % (s["t"] + 1)), "may be zero"),
    "sum of whole numbers": (lambda x, s, total: x * (x > 0).sum(), "of integers"),
    "numpy": (lambda x, s, total: x * x.numpy(), "RuntimeError|TypeError|numbers"),
    "an error": (lambda x, s, total: x * s["missing"], "KeyError"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    function, reason = REFUSED[name]
    with pytest.raises(Refused, match=reason):
        graph(function)


def test_refused_types():
    with pytest.raises(Refused, match="of the type"):
        write([graph(lambda x, s, total: x + x, dtype=torch.complex64)])


def test_refused_together():
    """Items that alone would do."""
    arrays, shared = {"x": torch.ones(3)}, {"a": torch.tensor(2.0)}

    def steps(change):
        def step(arrays, shared, constants, total):
            return arrays, {"a": change(arrays["x"], shared["a"], constants["c"], total)}

        return [trace(step, arrays, shared, {"c": c}, "x") for c in (1.0, 2.0)]

    with pytest.raises(Refused, match="give a shared number different new values"):
        write(steps(lambda x, a, c, total: a * 2.0 if c > 1 else a + 2.0))
    with pytest.raises(Refused, match="depends on one of the items"):
        write(steps(lambda x, a, c, total: x.sum()))
    with pytest.raises(Refused, match="differ in their number of totals"):
        write(steps(lambda x, a, c, total: total(x.sum()) if c > 1 else a))
    with pytest.raises(Refused, match="no items were given"):
        write([])


def test_shapes_and_constants_decide_as_they_do_without():
    def function(x, s, total):
        return x * 2.0 if len(x.shape) < 2 else x * x.numel()

    texts = write([graph(function, shape) for shape in ((5,), (4, 3), (2, 3, 4))])
    assert texts.bodies == [0, 0, 0]
    assert texts.parameters == [[2.0], [12.0], [24.0]]

    def tall(x, s, total):
        return -x if x.shape[0] > x.shape[1] else x * 2.0

    assert write([graph(tall, shape) for shape in ((4, 3), (3, 4), (5, 1))]).bodies == [
        0,
        1,
        0,
    ]


def test_the_text_does_not_depend_on_numbers_or_shapes():
    def with_rate(rate):
        return lambda x, s, total: x - rate * s["a"] * x / (x.sum() + 1e-8)

    assert write([graph(with_rate(0.1))]).source == write([graph(with_rate(0.3), (7,))]).source


# ---- tensors


def add_one(arrays, shared, constants, total):
    return {"x": arrays["x"] + arrays["g"]}, {}


class Subclass(torch.Tensor):
    """Stands for a distributed tensor."""


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (torch.ones(3, 4).T, "no plain, contiguous tensor"),
        (torch.ones(4, 3, device="meta"), "no plain, contiguous tensor"),
        (torch.ones(4, 3).as_subclass(Subclass), "no plain, contiguous tensor"),
        (torch.ones(4, 3, dtype=torch.float64), "differ from those that the function"),
        (torch.ones(3, 4), "differ from those that the function"),
    ],
)
def test_tensors_that_are_not_bound(x, reason):
    g = torch.ones(4, 3)
    kernel = Kernel(add_one, [{"g": g, "x": torch.ones(4, 3)}], [{}], {}, leading="g")
    with pytest.raises(Refused, match=reason):
        kernel.bind([0], [{"x": x}], {})


def test_tensors_in_one_memory_are_not_bound():
    x = torch.ones(4, 3)
    kernel = Kernel(add_one, [{"g": x, "x": x}] * 2, [{}] * 2, {}, leading="g")
    with pytest.raises(Refused, match="share their memory"):
        kernel.bind([0, 1], [{"x": x}, {"x": x.view(4, 3)}], {})


def test_sums_totals_and_single_numbers_over_several_passes():
    """Each needs the one before; enough elements for several threads."""
    random = torch.Generator().manual_seed(0)
    xs = [torch.randn(n, generator=random, dtype=torch.float64) for n in (3, 70_000, 0, 20_000)]

    def step(arrays, shared, constants, total):
        x, count = arrays["x"], arrays["count"]
        centred = x - x.sum() / max(x.numel(), 1)
        length = (centred * centred).sum()
        scale = total(length) + shared["a"]
        new = {"x": centred / scale + count, "count": count + length / scale}
        return new, {"a": scale}

    items = [{"x": x.clone(), "count": torch.tensor(0.5, dtype=torch.float64)} for x in xs]
    shared = {"a": torch.tensor(2.0, dtype=torch.float64)}
    kernel = Kernel(step, items, [{}] * 4, shared, leading="x")
    expected, a = [(x, 0.5) for x in xs], 2.0
    call = kernel.bind(range(4), items, shared)
    for _ in range(3):
        call([item["x"].data_ptr() for item in items])
        centred = [x - x.sum() / max(x.numel(), 1) for x, _ in expected]
        lengths = [(c * c).sum() for c in centred]
        a = sum(lengths) + a
        expected = [
            (c / a + n, n + q / a) for c, q, (_, n) in zip(centred, lengths, expected, strict=True)
        ]
        assert torch.allclose(shared["a"], a, rtol=1e-12)
        for item, (x, n) in zip(items, expected, strict=True):
            assert torch.allclose(item["x"], x, rtol=1e-10)
            assert torch.allclose(item["count"], torch.as_tensor(n), rtol=1e-12)
