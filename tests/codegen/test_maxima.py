"""Maxima and minima: of all elements, over any axes, kept in vectors; and the rule of SM3."""

import functools
import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from keras import ops

from keras_optim.codegen import (
    Kernel,
    Refused,
    cpu_source,
    cuda_source,
    kernel,
    on_cuda,
    operations,
    proving,
)
from tests.codegen import emulator
from tests.codegen.stepping import assert_same, numbers, step, stepped
from tests.codegen.test_proving import changed

SHAPES = [
    *[(), (1,), (5,), (70_000,), (1, 1), (1, 5), (5, 1), (4, 3), (3, 3), (37, 53), (300, 200)],
    *[(3, 3, 3), (2, 1, 3), (1, 4, 1), (3, 70, 31), (2, 3, 4, 5), (3, 1, 3, 3), (2, 2, 2, 2, 2)],
    *[(2, 3, 1, 5, 3), (0,), (0, 3), (3, 0), (2, 0, 2)],
]
"""Some are large enough for several threads."""
ODD = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-45, -1e-40, 1e-38, 3e38, -3e38]
KINDS = {"ordinary": [], "odd": ODD, "without NaN": ODD[1:], "infinite": ODD[2:3], "tiny": ODD[3:7]}
AMAX, AMIN = (
    functools.partial(torch.amax, keepdim=True),
    functools.partial(torch.amin, keepdim=True),
)


# ---- the rule of SM3


def sm3(g, x, m, **accumulators):
    axes = range(g.ndim)
    if g.ndim < 2:
        v = accumulators["a0"] + g * g
        new = {"a0": v}
    elif 0 in g.shape:
        v, new = g * g, {}
    else:
        lie = [[n if a == b else 1 for b in axes] for a, n in enumerate(g.shape)]
        parts = [ops.reshape(accumulators[f"a{a}"], shape) for a, shape in enumerate(lie)]
        v = functools.reduce(torch.minimum, parts) + g * g
        new = {f"a{a}": ops.max(v, axis=[b for b in axes if b != a]) for a in axes}
    m = 0.9 * m + 0.1 * (g / ops.sqrt(v + 1e-30))
    return {"x": x - 0.1 * m, "m": m, **new}


def sm3_item(shape, kind="ordinary", dtype=torch.float32):
    lengths = shape if len(shape) > 1 else [shape]
    return {
        "g": numbers(shape, 0, KINDS[kind], dtype),
        "x": numbers(shape, 1, dtype=dtype),
        "m": numbers(shape, 2, dtype=dtype),
        **{f"a{a}": numbers(n, 3 + a, dtype=dtype).abs() for a, n in enumerate(lengths)},
    }


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_rule_of_sm3(shape, kind):
    assert_same(*stepped(sm3, [sm3_item(shape, kind)]), close=("x", "m"))


@pytest.mark.parametrize("shape", [(300, 200), (3, 3), (3, 70, 31)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_rule_of_sm3_in_double_precision_by_several_threads(shape, kind):
    item = sm3_item(shape, kind, torch.float64)
    assert_same(*stepped(sm3, [item], threads=3), close=("x", "m"))


@pytest.mark.parametrize("threads", [1, 3])
def test_items_of_many_shapes_at_once(threads):
    items = [sm3_item(shape) for shape in SHAPES]
    assert_same(*stepped(sm3, items, threads), close=("x", "m"))


# ---- over any axes


def names(shape):
    """All proper choices of axes, each with a name."""
    some = (itertools.combinations(range(len(shape)), n) for n in range(1, len(shape)))
    return {f"kept{n}": axes for n, axes in enumerate(itertools.chain(*some))}


def over_any_axes(extreme, other, g, x, **kept):
    """Extremes of elements, of extremes, and of what is made of both."""
    new = {"x": x}
    for name, axes in names(g.shape).items():
        found = extreme(g, axes)
        again = found if 0 in axes else other(found * 0.5, 0)
        new[name] = found
        new["x"] = new["x"] * 0.5 + torch.minimum(found, kept[name]) - again
        new["x"] = new["x"] + extreme(found * again, ()).reshape(())
    return new


@pytest.mark.parametrize("shape", [s for s in SHAPES if 1 < len(s) < 5 and 0 not in s], ids=str)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("extremes", [(AMAX, AMIN), (AMIN, AMAX)], ids=["max", "min"])
def test_over_any_axes(shape, threads, extremes):
    kept = {n: AMAX(numbers(shape, 2), axes) for n, axes in names(shape).items()}
    item = {"g": numbers(shape), "x": numbers(shape, 1), **kept}
    assert_same(*stepped(functools.partial(over_any_axes, *extremes), [item], threads), close="x")


def of_all(g, x, top, bottom):
    """One number each, of elements and of what needs another one."""
    top, bottom = torch.max(g), g.min()
    return {"x": x + (g - bottom).amax() - top, "top": top, "bottom": bottom}


@pytest.mark.parametrize("size", [1, 7, 4097, 70_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threads", [1, 3])
def test_of_all_elements(size, dtype, threads):
    for odd in KINDS.values():
        g, one = numbers((size,), 0, odd, dtype), torch.zeros((), dtype=dtype)
        item = {"g": g, "x": g * 0.0, "top": one, "bottom": one}
        assert_same(*stepped(of_all, [item], threads, steps=1))


def in_all_ways(g, rows, columns, top):
    return {"rows": g.amax(-1), "columns": g.amin(0), "top": g.max()}


@pytest.mark.parametrize("shape", [(3, 37), (37, 3)])
@pytest.mark.parametrize("value", [math.nan, -math.nan, math.inf])
def test_one_odd_number_anywhere(shape, value):
    """Whichever lane, row or thread it falls to."""
    rows, columns, top = torch.zeros(shape[0]), torch.zeros(shape[1]), torch.zeros(())
    item = {"g": numbers(shape), "rows": rows, "columns": columns, "top": top}
    for i in range(math.prod(shape)):
        item["g"] = numbers(shape)
        item["g"].view(-1)[i] = value
        assert_same(*stepped(in_all_ways, [item], steps=1))


@pytest.mark.parametrize("value", [-math.inf, math.nan, -3e38, -0.0, 0.0])
def test_nothing_but_one_number(value):
    """No start of a reduction is taken for an element."""
    g = torch.full((5, 4), value)
    item = {"g": g, "rows": torch.ones(5), "columns": torch.ones(4), "top": torch.ones(())}
    for threads in (1, 3):
        assert_same(*stepped(in_all_ways, [item], threads, steps=1))


# ---- passes


def test_what_waits_for_no_reduction_takes_no_pass_of_its_own():
    made = Kernel(step(sm3), [sm3_item((4, 3))], [{}], {}, leading="g")
    assert made._text.source.count("m_p[j] =") == made._text.source.count("g_p[j]") == 1


def test_an_old_value_that_a_later_pass_needs_is_not_overwritten():
    def rule(g, x, top):
        return {"x": x * 0.5 + g, "top": (x * (1.0 + g.amax())).amax()}

    item = {"g": numbers((4, 3)), "x": numbers((4, 3), 1), "top": torch.zeros(())}
    assert_same(*stepped(rule, [item]))


# ---- on CUDA, and in the proof

CUDA = SimpleNamespace(write=on_cuda.write, load=emulator.load, Tables=on_cuda.Tables)


def columns_and_all(g, x):
    top, bottom = AMAX(g, tuple(range(g.ndim - 1))), AMIN(g, tuple(range(g.ndim - 1)))
    return {"x": x + torch.where(g < top, g, bottom) * g.amax() + top.amin() + bottom.amax()}


@pytest.fixture
def on_the_emulator(monkeypatch):
    monkeypatch.setitem(kernel.ENGINES, "cpu", CUDA)


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 3, 5), (1, 7), (7, 1), (300, 20)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_columns_on_cuda(shape, kind, monkeypatch, on_the_emulator):
    monkeypatch.setattr(on_cuda, "CHUNK", 8)
    monkeypatch.setattr(on_cuda, "ROWS", 2)
    item = {"g": numbers(shape, 0, KINDS[kind]), "x": numbers(shape, 1)}
    assert_same(*stepped(columns_and_all, [item], steps=1), close="x")


@pytest.mark.parametrize("value", [-math.inf, math.nan, -3e38])
def test_all_elements_on_cuda(value, monkeypatch, on_the_emulator):
    monkeypatch.setattr(on_cuda, "CHUNK", 8)
    for i in range(19):
        g = torch.full((19,), value)
        g[i] = i
        item = {"g": g, "x": g, "top": torch.zeros(()), "bottom": torch.zeros(())}
        assert_same(*stepped(of_all, [item], steps=1))


def test_rows_on_cuda_are_refused(on_the_emulator):
    with pytest.raises(Refused, match="other axes than the last"):
        stepped(sm3, [sm3_item((4, 3))])


def below_zero(g, x, rows, columns, top):
    """Maxima below zero, which an accumulator that starts at zero would miss."""
    below = -1.0 - g * g
    return {"x": x + below.amax(), "rows": below.amax(1), "columns": below.amax(0), "top": g.amax()}


def columns_below_zero(g, x):
    columns = AMAX(-1.0 - g * g, 0)
    return {"x": x + g * columns + columns.amax() + (-1.0 - g * g).amax() + g.amax()}


GONE_WRONG = {
    "NaN is lost": (operations, "EXTREMES", " || (a) != (a)", ""),
    "NaN of an element is lost": (operations, "EXTREMES", "((a) > (b) ||", "(!((a) <= (b)) ||"),
    "a lane is lost": (cpu_source, "DECLARE", ": $add)", ": omp_out = omp_out)"),
    "lanes start at zero": (cpu_source, "DECLARE", "omp_priv = $start", "omp_priv = 0"),
    "threads start at zero": (cpu_source, "OF_THREADS", "= $start", "= 0"),
    "one thread alone": (cpu_source, "OF_THREADS", "r < threads", "r < 1"),
    "columns of one thread alone": (cpu_source, "TOGETHER", "t < W", "t < 1"),
    "columns start at zero": (cpu_source, "MINE", "= $start", "= 0"),
    "columns together start at zero": (cpu_source, "TOGETHER", "= $start", "= 0"),
    "blocks start at zero": (cuda_source, "OF_ITEM", "= $start", "= 0"),
    "columns of blocks start at zero": (cuda_source, "COLUMN_OF_ITEM", "= $start", "= 0"),
    "parts start at zero": (cuda_source, "OVER", "= $start", "= 0"),
    "half a block": (cuda_source, "OF_BLOCK", "half > 0", "half > 1"),
}


@pytest.mark.parametrize("name", GONE_WRONG)
def test_a_kernel_that_is_wrong_is_found_out(name, monkeypatch, tmp_path):
    module, constant, old, new = GONE_WRONG[name]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(proving, "_proved", {})
    if module is cuda_source:
        monkeypatch.setitem(kernel.ENGINES, "cpu", CUDA)
    wrong = changed(module, constant, old, new)
    for holder in (module, cpu_source, cuda_source) if module is operations else (module,):
        monkeypatch.setattr(holder, constant, wrong)
    item = {"g": numbers((4, 3)), "x": numbers((4, 3))}
    kept = {"rows": torch.ones(4), "columns": torch.ones(3), "top": torch.ones(())}
    rule, more = (columns_below_zero, {}) if module is cuda_source else (below_zero, kept)
    with pytest.raises(proving.Disproved, match="instead of"):
        Kernel(step(rule), [{**item, **more}], [{}], {}, leading="g")
