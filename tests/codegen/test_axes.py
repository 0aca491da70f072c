"""Sums over some axes, and what is kept for each place of the others."""

import itertools

import pytest
import torch

from keras_optim.codegen import Kernel, Refused
from tests.codegen.test_tracing import graph


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
    with pytest.raises(Refused, match="needs the other's old value"):
        Kernel(crossed, [arrays], [{}], {}, leading="x")


def test_columns_with_a_total_that_comes_later_are_refused():
    def step(arrays, shared, constants, total):
        columns = arrays["x"].sum(0, keepdim=True)
        return {"x": arrays["x"] * (columns * total(arrays["x"].sum())).sum()}, {}

    x = torch.ones(4, 3)
    with pytest.raises(Refused, match="known only after it"):
        Kernel(step, [{"x": x}], [{}], {}, leading="x")
