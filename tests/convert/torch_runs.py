"""Parameters of PyTorch, and steps on them."""

import keras
import numpy as np
import pytest

from tests.convert.halves import FIRST, STARTS

if keras.backend.backend() != "torch":
    pytest.skip("PyTorch is there with its own backend only", allow_module_level=True)

import torch


@pytest.fixture(autouse=True)
def doubles(float64):
    """Double precision; NAdam keeps a product in PyTorch's default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def parameters(values=STARTS):
    return [torch.nn.Parameter(torch.tensor(np.array(v))) for v in values]


def theirs_on(optimizer, ps, steps):
    path = []
    for gs in steps:
        for p, g in zip(ps, gs):
            p.grad = None if g is None else torch.tensor(np.asarray(g, "float64"))
        optimizer.step()
        path.append([p.detach().numpy().copy() for p in ps])
    return path


def step_once(ps, theirs, only=None):
    gs = [g if only is None or i in only else None for i, g in enumerate(FIRST[0])]
    theirs_on(theirs, ps, [gs])
    return theirs
