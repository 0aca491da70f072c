"""Half precision in kernels: conversions, rounding at random, and whole steps as the rule's own."""

import numpy as np
import pytest
import torch

import keras_optim
from keras_optim import codegen, rounding
from keras_optim.codegen import halves, kernel, on_cuda
from keras_optim.engine import torch_native
from tests.codegen import emulator, test_steps
from tests.codegen.stepping import assert_same, numbers, stepped
from tests.codegen.test_cuda import ENGINE
from tests.codegen.test_steps import native, trajectory
from tests.support.catalog_cases import make
from tests.support.trajectories import difference, gradients, run, starts, tensor, variables

STEPS, VALUES = gradients(steps=4), starts()
DTYPES = [torch.bfloat16, torch.float16]
ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 65504.0, 65520.0, -65519.9, 1e-8, 3e-8, -6e-5, 3.39e38)


@pytest.fixture(params=["C", "CUDA"])
def language(request, monkeypatch):
    """The C source, and the CUDA source on the emulator."""
    if request.param == "CUDA":
        monkeypatch.setitem(kernel.ENGINES, "cpu", ENGINE)
        monkeypatch.setattr(on_cuda, "CHUNK", 8)
        monkeypatch.setattr(kernel, "prove", lambda *args: None)
        emulator.launches.clear()
    return request.param


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_half_is_read_and_written(dtype, language):
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)

    def moved(g, x, wide):
        return {"x": (-g).to(dtype), "wide": g.to(torch.float32)}

    items = [{"g": every, "x": torch.zeros_like(every), "wide": torch.zeros(2**16)}]
    assert_same(*stepped(moved, items, steps=1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_number_is_rounded_to_nearest(dtype, language):
    spread = 2.0 ** (80 * torch.rand(20_000, generator=torch.Generator().manual_seed(1)) - 60)
    g = numbers((20_000,), odd=ODD) * spread
    ties = torch.arange(20_000) * 2.0**-12 + 1.0
    g = torch.cat([g, -ties, ties * 2.0**-14, ties * 2.0**-20])

    def rounded(g, x, way):
        return {"x": g.to(dtype), "way": g.to(dtype).to(torch.float32) + 1.0}

    items = [{"g": g, "x": torch.zeros_like(g, dtype=dtype), "way": torch.zeros_like(g)}]
    assert_same(*stepped(rounded, items, steps=1))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("shape", [(), (3, 5), (70, 90)])
def test_rounding_at_random_is_that_of_the_other_backends(dtype, shape, language):
    g = numbers(shape, odd=ODD)

    def rounded(g, x, number):
        found = rounding.rounded(g, dtype, (2**32 - 1, 5), torch.full((), 9.0).long(), number)
        return {"x": found, "number": number}

    kind = getattr(torch, dtype)
    items = [
        {"g": g, "x": torch.zeros(shape, dtype=kind), "number": torch.tensor(n)} for n in (0, 8)
    ]
    assert_same(*stepped(rounded, items, steps=1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_arithmetic_in_half_precision_is_refused(dtype):
    items = [{"g": torch.ones(3, dtype=dtype), "x": torch.ones(3, dtype=dtype)}]
    for function in (lambda g, x: {"x": x + g}, lambda g, x: {"x": x.sum() * x}):
        with pytest.raises(codegen.Refused, match="in half precision"):
            stepped(function, items)
    with pytest.raises(codegen.Refused, match="a shared number in half precision"):
        codegen.Kernel(
            lambda a, s, c, t: (a, s), items, [{}], {"s": torch.ones((), dtype=dtype)}, "g"
        )


def test_items_of_several_precisions_in_one_kernel(language):
    """As in a model some of whose layers keep float32."""
    kinds = [torch.float32, torch.bfloat16, torch.float16, torch.float64]
    items = [{"g": numbers((50,)).to(k), "x": numbers((50,), 1).to(k)} for k in kinds]

    def step(g, x):
        return {"x": (x.to(torch.float32) * 0.5 + g.to(torch.float32)).to(x.dtype)}

    assert_same(*stepped(step, items))


def test_rounding_at_random_of_sums_is_refused():
    items = [{"g": torch.ones(3, 4), "x": torch.zeros(3, 1, dtype=torch.bfloat16)}]

    def summed(g, x):
        total = g.sum(1, keepdim=True)
        return {"x": rounding.rounded(total, "bfloat16", (1, 2), torch.full((), 3.0).long(), 0)}

    with pytest.raises(codegen.Refused, match="of some axes|no tensor|not among"):
        stepped(summed, items)


NAMES = ["adam", "sgd", "lion", "lamb", "adafactor", "ema(adam)", "schedulefree(adam)"]
PRECISIONS = [
    ("float32", {"state_dtype": "bfloat16"}),
    ("bfloat16", {}),
    ("float16", {"weight_rounding": "stochastic", "state_dtype": "bfloat16"}),
    ("bfloat16", {"weight_rounding": "kahan"}),
]


@pytest.mark.parametrize(("dtype", "options"), PRECISIONS, ids=lambda v: str(v)[:30])
@pytest.mark.parametrize("name", NAMES)
def test_a_native_step_is_the_rules_own(name, dtype, options, monkeypatch):
    optimizers = [make(name, weight_decay=0.1, **options) for _ in range(2)]
    path, expected = (
        trajectory(setting, optimizer, monkeypatch, steps=STEPS, dtype=dtype)
        for setting, optimizer in zip(("native", "eager"), optimizers, strict=True)
    )
    assert native(optimizers[0]) and not native(optimizers[1])
    unit = {"float32": 2.0**-8, "bfloat16": 2.0**-7, "float16": 2.0**-10}[dtype]
    size = max(np.abs(x).max() for x in expected[-1])
    assert difference(path, expected) <= unit * size  # where a last bit decides the rounding
    same = [np.mean(a == b) for a, b in zip(path[-1], expected[-1], strict=True)]
    assert dtype == "float32" or np.mean(same) > 0.9


@pytest.mark.parametrize("options", test_steps.OPTIONS[1:], ids=lambda options: "-".join(options))
def test_options_of_keras_are_part_of_it(options, monkeypatch):
    """In float32, as with wider weights."""
    optimizers = [make("adam", weight_rounding="stochastic", **options) for _ in range(2)]
    path, expected = (
        trajectory(setting, optimizer, monkeypatch, steps=STEPS, dtype="bfloat16")
        for setting, optimizer in zip(("native", "eager"), optimizers, strict=True)
    )
    assert native(optimizers[0])
    assert difference(path, expected) <= 2.0**-7 * max(np.abs(x).max() for x in expected[-1])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("way", ["nearest", "stochastic", "kahan"])
def test_the_kernel_for_cuda_does_the_same(way, dtype, monkeypatch):
    monkeypatch.setitem(kernel.ENGINES, "cpu", ENGINE)
    monkeypatch.setattr(on_cuda, "CHUNK", 8)
    monkeypatch.setattr(kernel, "prove", lambda *args: None)
    options = {"momentum": 0.9, "weight_rounding": way, "state_dtype": "bfloat16"}
    paths = [
        trajectory(setting, keras_optim.SGD(0.1, **options), monkeypatch, steps=STEPS, dtype=dtype)
        for setting in ("native", "eager")
    ]
    assert difference(*paths) == 0.0


def test_variables_alike_share_one_graph_and_yet_have_bits_of_their_own(monkeypatch):
    traced = []
    trace = kernel.trace
    monkeypatch.setattr(kernel, "trace", lambda *args: traced.append(1) or trace(*args))
    monkeypatch.setenv(torch_native.SETTING, "native")
    optimizer = keras_optim.SGD(0.01, momentum=0.9, state_dtype="bfloat16")
    xs = variables([np.ones(500)] * 3)
    g = tensor(np.linspace(0.5, 1.5, 500))
    for _ in range(2):
        optimizer.apply([g.clone() for _ in xs], xs)
    assert len(traced) == 1
    first, second, third = (s["momentum"].numpy() for s in optimizer.state.slots)
    assert np.any(first != second) and np.any(second != third)


def test_gradients_that_are_wider_than_their_weights_keep_their_precision(monkeypatch):
    ends = []
    for setting in ("auto", "eager"):
        monkeypatch.setenv(torch_native.SETTING, setting)
        optimizer, [x] = keras_optim.SGD(1.0, momentum=0.5), variables([np.zeros(2)], "bfloat16")
        for _ in range(2):
            optimizer.apply([torch.tensor([1.0 + 2.0**-12, 1.0])], [x])
        ends.append(optimizer.state.slots[0]["momentum"].numpy())
    np.testing.assert_array_equal(*ends)
    assert ends[0][0] != ends[0][1]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("+ 0x7fff + even", "+ 0x8000"),
        ("(random >> 16)", "(random >> 17)"),
        ("size | 0x7f800000", "size"),
    ],
)
def test_the_proof_finds_a_wrong_conversion(right, wrong, monkeypatch, tmp_path):
    from keras_optim.codegen import expressions

    assert right in halves.FUNCTIONS
    monkeypatch.setattr(expressions, "FUNCTIONS", halves.FUNCTIONS.replace(right, wrong))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(torch_native.SETTING, "native")
    options = {"weight_rounding": "stochastic", "state_dtype": "bfloat16", "momentum": 0.9}
    with pytest.raises(RuntimeError, match="a compiled step gives wrong numbers here"):
        for dtype in ("bfloat16", "float16"):
            run(keras_optim.SGD(0.1, **options), VALUES, STEPS[:1], dtype=dtype)
            run(keras_optim.SGD(0.1, momentum=0.9), VALUES, STEPS[:1], dtype=dtype)
