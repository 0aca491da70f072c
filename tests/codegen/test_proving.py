"""A kernel that is wrong is found out before it steps a weight: the rule runs instead."""

import math
from string import Template
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from keras_optim.codegen import (
    Kernel,
    building,
    cpu_source,
    cuda_source,
    kernel,
    on_cuda,
    proving,
    replaying,
)
from keras_optim.codegen.operations import OPERATIONS, Operation
from keras_optim.engine import torch_native
from tests.codegen import emulator
from tests.codegen.test_steps import STEPS, VALUES
from tests.support.catalog_cases import make
from tests.support.trajectories import difference, run

CUDA = SimpleNamespace(write=on_cuda.write, load=emulator.load, Tables=on_cuda.Tables)
MIXED = "lamb"  # sums, and different kinds of variables


@pytest.fixture(autouse=True)
def afresh(tmp_path, monkeypatch):
    """Nothing is known from before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(torch_native.SETTING, raising=False)
    monkeypatch.setattr(proving, "_proved", {})
    monkeypatch.setattr(torch_native, "_told", set())


@pytest.fixture(params=["cpu", "cuda"])
def engine(request, monkeypatch):
    if request.param == "cuda":
        monkeypatch.setitem(kernel.ENGINES, "cpu", CUDA)
    return request.param


def refused(name, monkeypatch, caplog, **options):
    """Whether the step of an optimizer is made by the rule, with a warning; what that says."""
    path = run(make(name, **options), VALUES, STEPS[:2])
    monkeypatch.setenv(torch_native.SETTING, "eager")
    assert difference(path, run(make(name, **options), VALUES, STEPS[:2])) == 0.0
    monkeypatch.setenv(torch_native.SETTING, "native")
    with pytest.raises(RuntimeError, match="native, but: a compiled step gives wrong numbers"):
        run(make(name, **options), VALUES, STEPS[:1])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    return caplog.text


OPERATIONS_GONE_WRONG = {
    "neg": ("adam", "({0})"),
    "sub": ("centralization(sgd)", "({0} + {1})"),
    "add": ("sgd", "({0} + {1} * (1 + 1e-7f))"),
    "mul": ("lion", "({0} == {0} ? {0} * {1} : 0)"),
    "div": ("adam", "({0} * (1 / {1}) * 1.00001f)"),
    "sqrt": ("rmsprop", "(sqrt{f}({0}) * 1.0001f)"),
    "maximum": ("sgd", "({0} > {1} ? {0} : {1})", {"clipvalue": 0.5}),
    "abs": ("adamax", "({0} < 0 ? -{0} : 0)"),
    "where": ("skipnonfinite(adam)", "({0} ? {2} : {1})"),
    "expm1": ("adam", "(expm1{f}({0}) * 1.001f)"),
}


@pytest.mark.parametrize("operation", OPERATIONS_GONE_WRONG)
def test_an_operation_that_is_wrong(operation, engine, monkeypatch, caplog):
    name, text, *options = OPERATIONS_GONE_WRONG[operation]
    old = OPERATIONS[operation]
    monkeypatch.setitem(OPERATIONS, operation, Operation(text, old.compares, old.kinds))
    said = refused(name, monkeypatch, caplog, **dict(*options))
    assert " instead of " in said and "of the shape" in said


def changed(module, name, old, new):
    template = getattr(module, name)
    text = template.template if isinstance(template, Template) else template
    assert old in text
    text = text.replace(old, new)
    return Template(text) if isinstance(template, Template) else text


LOOPS_GONE_WRONG = [
    (cpu_source, "LOOP", "j < to;", "j < to - 1;", "lamb"),
    (cpu_source, "LOOP", "j < to;", "j < to - (to - from) % 8;", "adam"),
    (cpu_source, "LOOP", "j = from;", "j = from + 1;", "adamp"),
    (cpu_source, "LOOP", "$add\n", "if (j != to - 1) { $add }\n", "lamb"),
    (cpu_source, "BLOCKS", "from += BLOCK", "from += BLOCK + 1", "adam"),
    (cpu_source, "ROWS", "a / C", "a / C + 1", "centralization(adam)"),
    (cpu_source, "TOGETHER", "t < W", "t < 1", "centralization(adam)"),
    (cpu_source, "MINE", "= $start", "= 1", "centralization(adam)"),
    (cpu_source, "PART_OF_ONE", "(w + 1) / W", "w / W", "lamb"),
    (cpu_source, "ALL", "(r + 1) / T", "r / T", "adam"),
    (cpu_source, "OF_THREADS", "r < threads", "r < 1", "lamb"),
    (cuda_source, "REDUCING", "j < b;", "j < b - 1;", "adam"),
    (cuda_source, "REDUCING", "j < b;", "j < b && j < 4096;", "adam"),
    (cuda_source, "OF_BLOCK", "half > 0", "half > 1", "lamb"),
    (cuda_source, "OF_ITEM", "q < first[i + 1]", "q < first[i] + 1", "lamb"),
    (cuda_source, "COLUMN_OF_ITEM", "$add", "sum = 0", "centralization(adam)"),
    (cuda_source, "REDUCING_COLUMNS", "j += C", "j += 2 * C", "centralization(adam)"),
]


@pytest.mark.parametrize(
    ("module", "name", "old", "new", "optimizer"),
    LOOPS_GONE_WRONG,
    ids=[
        f"{m.__name__.rpartition('.')[2]}-{n}-{new.strip()}" for m, n, _, new, _ in LOOPS_GONE_WRONG
    ],
)
def test_a_loop_that_is_wrong(module, name, old, new, optimizer, monkeypatch, caplog):
    if module is cuda_source:
        monkeypatch.setitem(kernel.ENGINES, "cpu", CUDA)
    monkeypatch.setattr(module, name, changed(module, name, old, new))
    refused(optimizer, monkeypatch, caplog)


def test_it_is_noted_once_and_for_all(tmp_path, monkeypatch):
    def again():
        monkeypatch.setattr(proving, "_proved", {})
        before = len(made)
        run(make("adam"), VALUES, STEPS[:1])
        return len(made) - before

    building.forget()  # so that the library is built into the folder of this test
    made, difference = [], proving._difference
    monkeypatch.setattr(proving, "_difference", lambda *a: made.append(1) or difference(*a))
    assert [again(), again()] == [1, 0]
    notes = [path.suffix for path in (tmp_path / "keras_optim").iterdir()]
    assert sorted(notes) == [".note", ".so"]
    for change in (
        (torch, "__version__", "99"),
        (proving, "_ourselves", lambda: "another version"),
        (torch, "get_num_threads", lambda: 1 if torch_threads > 1 else 2),
    ):
        monkeypatch.setattr(*change)
        assert [again(), again()] == [1, 0]
    monkeypatch.setattr(proving.building, "_folder", lambda: None)
    assert [again(), again()] == [1, 1]


torch_threads = torch.get_num_threads()


def test_what_is_wrong_is_tried_once(monkeypatch, caplog):
    monkeypatch.setitem(OPERATIONS, "neg", Operation("({0})"))
    made, difference = [], proving._difference
    monkeypatch.setattr(proving, "_difference", lambda *a: made.append(1) or difference(*a))
    for _ in range(3):
        run(make("sgd"), VALUES, STEPS[:1])
    assert len(made) == len(caplog.records) == 1


def test_what_cannot_be_tried_is_not_used(monkeypatch, caplog):
    def fails(*args):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(proving, "replay", fails)
    assert "the proof failed: RuntimeError: out of memory" in refused("adam", monkeypatch, caplog)


def test_the_user_notices_nothing():
    """No random numbers are taken, no setting is changed or matters."""
    state = torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    torch.set_flush_denormal(True)
    try:
        with torch.inference_mode(), torch.device("meta"):
            optimizer = make("lamb")
            # Made before the proof would be on `meta`, so the numbers come from outside.
            kernel = prepared()
        assert not float(torch.tensor(1e-310) * 0.5)
    finally:
        torch.set_flush_denormal(False)
        torch.set_default_dtype(torch.float32)
    assert torch.equal(state, torch.get_rng_state())
    assert kernel and not optimizer.built


def prepared():
    """A kernel of a rule with sums, on ordinary tensors."""

    def step(arrays, shared, constants, total):
        x = arrays["x"]
        return {"y": x - total((x * x).sum()) + torch.exp(x) * x.mean()}, {}

    x, y = (torch.ones(3, 4, device="cpu", dtype=torch.float32) for _ in range(2))
    return Kernel(step, [{"x": x, "y": y}], [{}], {}, leading="x")


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([math.inf, -3e38, -3e38], {math.inf, -math.inf}),  # infinite in double precision, or NaN
        ([3e38, 3e38, -3e38], {math.inf, -math.inf}),
        ([math.inf, 1.0, -3e38], {math.inf}),
        ([1e38, 1e37, -1e38], {1e37}),
    ],
)
def test_sums_that_overflow_in_one_order_may_be_anything(numbers, expected):
    value = torch.tensor(numbers, dtype=torch.float32).reshape(1, 1, 3)
    found = replaying.added(value, [-1], replaying.OF_SUMS, 1)[0, 1:].ravel().tolist()
    assert all(any(math.isclose(f, e, rel_tol=1e-3) for e in expected) for f in found)
    assert all(any(math.isclose(f, e, rel_tol=1e-3) for f in found) for e in expected)
    nan = torch.tensor([math.nan, 3e38, 3e38]).reshape(1, 1, 3)
    assert replaying.added(nan, [-1], replaying.OF_SUMS, 1).isnan().all()


KERNELS = [(3, 3, 3, 16), (3, 3, 16, 32), (32,), (64, 10), (10,)]


@pytest.mark.parametrize(
    "name", ["centralization(adam)", "adaptiveclipping(adam)", "adafactor", "adamp", "sm3", "lamb"]
)
def test_rules_with_sums_prove_themselves_on_kernels_of_convolutions(name, monkeypatch):
    monkeypatch.setenv(torch_native.SETTING, "native")
    values = [np.ones(shape) for shape in KERNELS]
    run(make(name), values, [[np.ones(shape) for shape in KERNELS]])
