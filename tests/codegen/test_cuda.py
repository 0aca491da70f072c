"""The kernel for CUDA devices, run on the CPU by `emulator`: the same source, the same launches."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from keras_optim import codegen
from keras_optim.codegen import kernel, on_cuda
from keras_optim.engine import torch_native
from tests.codegen import emulator, test_steps
from tests.codegen.test_steps import (
    CONFIGURED,
    OPERATION_BY_OPERATION,
    OPTIONS,
    STEPS,
    no_kernel,
    scale,
    trajectory,
)
from tests.support.catalog_cases import EVERY, make
from tests.support.trajectories import difference

ENGINE = SimpleNamespace(write=on_cuda.write, load=emulator.load, Tables=on_cuda.Tables)
OPERATION_BY_OPERATION = {
    **OPERATION_BY_OPERATION,
    "adafactor": "means of rows, not yet there",
    "adammini": "means of rows, not yet there",
    "came": "means of rows, not yet there",
    "lazyrows(adam)": "looks along rows, not yet there",
    "sm3": "maxima of rows, not yet there",
}
NATIVE = [
    p
    for p in CONFIGURED
    if p.values[0] not in OPERATION_BY_OPERATION and not no_kernel(make(p.values[0], **p.values[1]))
]


@pytest.fixture(autouse=True)
def on_the_emulator(monkeypatch):
    monkeypatch.setitem(kernel.ENGINES, "cpu", ENGINE)
    monkeypatch.setattr(on_cuda, "CHUNK", 8)
    monkeypatch.setattr(on_cuda, "ROWS", 2)
    monkeypatch.setattr(kernel, "prove", lambda *args: None)  # see test_proving
    emulator.launches.clear()


@pytest.mark.parametrize(("name", "case"), NATIVE)
def test_every_optimizer_is_its_rule(name, case, monkeypatch):
    optimizer = make(name, weight_decay=0.1, **case)
    path = trajectory("native", optimizer, monkeypatch, steps=STEPS[:4])
    assert test_steps.native(optimizer) and emulator.launches
    expected = trajectory(
        "eager", make(name, weight_decay=0.1, **case), monkeypatch, steps=STEPS[:4]
    )
    assert difference(path, expected) <= 1e-6 * scale(expected)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_options_of_keras(options, monkeypatch):
    optimizers = [make("lamb", learning_rate=0.1, **options) for _ in range(2)]
    path, expected = (
        trajectory(setting, optimizer, monkeypatch)
        for setting, optimizer in zip(("native", "eager"), optimizers)
    )
    assert difference(path, expected) <= 1e-6 * scale(path)
    for ours, theirs in zip(optimizers[0].variables, optimizers[1].variables):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in EVERY if name not in OPERATION_BY_OPERATION])
def test_few_launches(name, monkeypatch):
    """Two for a rule without sums, on any number of tensors; three more for each pass of sums."""
    optimizer = make(name)
    trajectory("native", optimizer, monkeypatch, steps=STEPS[:1])
    [step] = optimizer.state.native.steps.values()
    passes = step.kernel._text.phases.count("items")
    assert len(emulator.launches) == len(step.kernel._text.phases) <= 2 + 3 * passes
    assert passes == 0 or not optimizer.elementwise


def test_sums_totals_and_single_numbers_over_several_phases(monkeypatch):
    from tests.codegen.test_tracing import (
        test_sums_totals_and_single_numbers_over_several_passes as on_several_passes,
    )

    monkeypatch.setattr(on_cuda, "CHUNK", 4096)
    on_several_passes()
    assert emulator.launches


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (0, 3), (3, 0), (300, 20)])
def test_sums_of_columns(shape):
    from tests.codegen.test_axes import test_sums_of_columns as sums_of_columns

    sums_of_columns(shape, threads=1)
    assert emulator.launches


def test_without_a_compiler_for_it_the_rule_runs_operation_by_operation(monkeypatch, caplog):
    def load(source):
        raise codegen.BuildError("NVRTC: none")

    monkeypatch.setattr(ENGINE, "load", load)
    monkeypatch.setattr(torch_native, "_told", set())
    optimizer = make("adam")
    trajectory("auto", optimizer, monkeypatch, steps=STEPS[:1])
    assert not test_steps.native(optimizer)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_device(monkeypatch):
    """The kernel itself, where there is a device."""
    monkeypatch.undo()
    x, y = torch.arange(5000.0, device="cuda"), torch.zeros(5000, device="cuda")

    def step(arrays, shared, constants, total):
        x = arrays["x"]
        return {"y": x - x.sum() / x.numel()}, {}

    codegen.Kernel(step, [{"x": x, "y": y}], [{}], {}, leading="x").bind(
        [0], [{"x": x, "y": y}], {}
    )([x.data_ptr()])
    assert torch.allclose(y, x - 2499.5)
