"""When tests compile without XLA's costly passes."""

import os

import pytest

from tests.conftest import one_backend
from tests.support import xla

pytestmark = one_backend


@pytest.mark.parametrize(
    ("backend", "version", "before", "after"),
    [
        ("jax", "0.10.2", None, xla.flags(xla.QUICK)),
        ("jax", "0.10.2", "", ""),
        ("jax", "0.5.0", None, None),
        ("torch", "2.6", None, None),
    ],
)
def test_flags(backend, version, before, after, monkeypatch):
    monkeypatch.setattr(xla.metadata, "version", lambda name: version)
    monkeypatch.setenv("XLA_FLAGS", before or "")
    if before is None:
        monkeypatch.delenv("XLA_FLAGS")
    xla.compile_quickly(backend)
    assert os.environ.get("XLA_FLAGS") == after


def test_text():
    assert xla.flags({"xla_a": 0, "xla_b": True}) == "--xla_a=0 --xla_b=true"
    assert xla.QUICK.keys() == xla.USUAL.keys()
