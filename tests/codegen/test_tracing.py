"""What a function may do, and all that it may not."""

import itertools

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
    "matmul": (lambda x, s, total: x @ x.T @ x, "no operation that is known"),
    "transpose": (lambda x, s, total: x.T.T, "no operation that is known"),
    "slice": (lambda x, s, total: x + x[0, 0], "no operation that is known"),
    "cumsum": (lambda x, s, total: x.cumsum(0), "no operation that is known"),
    "median": (lambda x, s, total: x / x.median(), "no operation that is known"),
    "random": (lambda x, s, total: x + torch.randn(4, 3), "no operation that is known"),
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
    "sum of whole numbers": (lambda x, s, total: x * (x > 0).sum(), "of whole numbers"),
    "numpy": (lambda x, s, total: x * x.numpy(), "RuntimeError|TypeError|numbers"),
    "an error": (lambda x, s, total: x * s["missing"], "KeyError"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    function, reason = REFUSED[name]
    with pytest.raises(Refused, match=reason):
        graph(function)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.complex64])
def test_refused_types(dtype):
    with pytest.raises(Refused, match="of the type"):
        write([graph(lambda x, s, total: x + x, dtype=dtype)])


def test_refused_together():
    """Items that alone would do."""
    arrays, shared = {"x": torch.ones(3)}, {"a": torch.tensor(2.0)}

    def steps(change):
        def step(arrays, shared, constants, total):
            return arrays, {"a": change(arrays["x"], shared["a"], constants["c"], total)}

        return [trace(step, arrays, shared, {"c": c}, "x") for c in (1.0, 2.0)]

    with pytest.raises(Refused, match="disagree about what they share"):
        write(steps(lambda x, a, c, total: a * 2.0 if c > 1 else a + 2.0))
    with pytest.raises(Refused, match="would be that of one of them"):
        write(steps(lambda x, a, c, total: x.sum()))
    with pytest.raises(Refused, match="differ in what they sum up"):
        write(steps(lambda x, a, c, total: total(x.sum()) if c > 1 else a))
    with pytest.raises(Refused, match="there are no items"):
        write([])
    with pytest.raises(Refused, match="has several types"):
        write([graph(lambda x, s, t: x), graph(lambda x, s, t: x, dtype=torch.float64)])


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
        (torch.ones(4, 3, dtype=torch.float64), "not those that the function was traced for"),
        (torch.ones(3, 4), "not those that the function was traced for"),
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


@pytest.mark.parametrize(
    "shape", [(4, 3), (2, 3, 5), (1, 3), (3, 1), (0, 3), (3, 0), (300, 200), (4,), ()]
)
@pytest.mark.parametrize("threads", [1, 3])
def test_sums_of_columns(shape, threads):
    """Of elements, of what was made of columns, and over columns."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=random, dtype=torch.float64)

    def centred(x):
        axes = tuple(range(max(x.ndim - 1, 0)))
        if not axes:
            return x
        x = x - x.sum(axes, keepdim=True) / max(x.numel(), 1)
        length = (x * x).mean(axes, keepdim=True) if x.numel() else x.sum(axes, keepdim=True)
        good = torch.all(length > -1.0)
        return torch.where(good, x / (length + 1.0) + length.sum(), x * 0.0)

    def step(arrays, shared, constants, total):
        return {"x": centred(arrays["x"])}, {}

    ours, before = x.clone(), torch.get_num_threads()
    kernel = Kernel(step, [{"x": ours}], [{}], {}, leading="x")
    torch.set_num_threads(threads)
    try:
        kernel.bind([0], [{"x": ours}], {})([ours.data_ptr()])
    finally:
        torch.set_num_threads(before)
    assert torch.allclose(ours, centred(x), rtol=1e-12, atol=1e-12)


SHAPES = [(4, 3), (2, 3, 5), (2, 1, 5), (3, 2, 4, 5), (1, 3), (3, 1), (0, 3), (3, 0), (300, 200)]
"""The last one is large enough for several threads."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("threads", [1, 3])
def test_sums_over_any_axes(shape, threads):
    """Of elements and of sums, kept in arrays of their own, for two items of unlike axes."""
    random = torch.Generator().manual_seed(0)

    def changed(x, kept):
        new = {"x": x}
        for name, axes in axes_of(x).items():
            sums = x.sum(axes, keepdim=True)
            of_sums = sums.sum(-2, keepdim=True) if -2 % x.ndim not in axes else sums
            new[name] = kept[name] * 0.5 + sums + of_sums.mean()
            new["x"] = new["x"] * 0.5 + new[name] * sums - of_sums
        return new

    def axes_of(x):
        some = itertools.chain(
            *(itertools.combinations(range(x.ndim), n) for n in range(1, x.ndim))
        )
        return {f"kept{n}": axes for n, axes in enumerate(some)}

    def step(arrays, shared, constants, total):
        return changed(arrays["x"], arrays), {}

    x = torch.randn(shape, generator=random, dtype=torch.float64)
    kept = {name: torch.randn_like(x.sum(axes, keepdim=True)) for name, axes in axes_of(x).items()}
    item, before = (
        {"x": x.clone(), **{n: v.clone() for n, v in kept.items()}},
        torch.get_num_threads(),
    )
    kernel = Kernel(step, [item], [{}], {}, leading="x")
    torch.set_num_threads(threads)
    try:
        call = kernel.bind([0], [item], {})
        for _ in range(2):
            call([item["x"].data_ptr()])
    finally:
        torch.set_num_threads(before)
    expected = changed(x, kept)
    expected = changed(expected["x"], {**kept, **expected})
    for name, value in expected.items():
        assert torch.allclose(item[name], value, rtol=1e-10, atol=1e-10), name


def rows_that_wait(arrays, shared, constants, total):
    """Nothing is read or stored for a row that stays as it is."""
    x, y = arrays["x"], arrays["y"]
    there = torch.any(x != 0, dim=-1, keepdim=True)
    return {"y": torch.where(there, y + x, y)}, {}


def rows_and_all(arrays, shared, constants, total):
    x, y = arrays["x"], arrays["y"]
    full = torch.all(x != 0, dim=-1, keepdim=True)
    used = torch.any(x != 0, dim=0, keepdim=True)
    some = torch.any(used) & torch.all(torch.any(full, dim=0, keepdim=True))
    return {"y": torch.where(full, y, y + x) + torch.where(used & some, 1.0, 2.0)}, {}


@pytest.mark.parametrize("function", [rows_that_wait, rows_and_all])
@pytest.mark.parametrize("shape", [(5, 3), (1, 3), (0, 3), (4000, 30), (3, 5, 4)])
@pytest.mark.parametrize("threads", [1, 3])
def test_whether_any_is_and_all_are(function, shape, threads):
    random = torch.Generator().manual_seed(0)
    x, y = (torch.randn(shape, generator=random) for _ in "xy")
    x = x * (torch.rand(shape, generator=random) > 0.3)
    x[::2] = 0.0
    x[1::4] = 1.0
    expected = function({"x": x, "y": y}, {}, {}, None)[0]["y"]
    kernel = Kernel(function, [{"x": x, "y": y}], [{}], {}, leading="x")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        kernel.bind([0], [{"x": x, "y": y}], {})([x.data_ptr()])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(y, expected)
    guarded = "continue;" in kernel._text.source
    assert guarded == (function is rows_that_wait and shape[0] > 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, rows, columns: x * rows.reshape(1, 3),
        lambda x, rows, columns: x * columns.reshape(3, 1),
        lambda x, rows, columns: x * (rows.reshape(1, 3) + columns).sum(),
    ],
)
def test_rows_are_not_taken_for_columns(function):
    """Of a square, where the shapes agree."""

    def step(x, s, total):
        return function(x, x.sum(1, keepdim=True), x.sum(0, keepdim=True))

    with pytest.raises(Refused, match="shape"):
        graph(step, (3, 3))


def test_arrays_of_some_axes_that_are_made_from_each_other_are_refused():
    def step(arrays, shared, constants, total):
        rows, columns = arrays["rows"], arrays["columns"]
        return {"rows": rows + columns.sum(), "columns": columns + rows.sum()}, {}

    def crossed(arrays, shared, constants, total):
        square = arrays["x"] + arrays["rows"] * arrays["columns"]
        return {"x": square, "rows": arrays["more"] + arrays["rows"], "more": arrays["rows"]}, {}

    arrays = {"x": torch.ones(4, 3), "columns": torch.ones(1, 3)}
    arrays |= {name: torch.ones(4, 1) for name in ("rows", "more")}
    Kernel(step, [arrays], [{}], {}, leading="x")
    with pytest.raises(Refused, match="made from the other"):
        Kernel(crossed, [arrays], [{}], {}, leading="x")


def test_columns_with_a_total_that_comes_later_are_refused():
    def step(arrays, shared, constants, total):
        columns = arrays["x"].sum(0, keepdim=True)
        return {"x": arrays["x"] * (columns * total(arrays["x"].sum())).sum()}, {}

    x = torch.ones(4, 3)
    with pytest.raises(Refused, match="not known by then"):
        Kernel(step, [{"x": x}], [{}], {}, leading="x")
