"""Gradients and variables of every kind, changing between steps: `auto` does as `eager`."""

import warnings

import keras
import numpy as np
import pytest
import torch

import keras_optim
from keras_optim.engine import torch_native
from tests.support.catalog_cases import make
from tests.support.trajectories import numbers, variables

SHAPES = ((), (5,), (4, 4), (1, 6), (2, 3, 4, 5), (0, 3))


class Marked(torch.Tensor):
    """A subclass, as other libraries have them."""


def in_memory_of(x, offset):
    """A gradient that lies in the memory of a variable, or of it and of what is before it."""
    value = x._value.detach()
    if value.numel() < 2 or not offset:
        return value
    room = torch.cat([torch.ones(offset, dtype=value.dtype), value.reshape(-1)])
    x._value.data = room[offset:].view(value.shape)
    return room[: value.numel()].view(value.shape)


def odd_strides(g):
    """The same numbers; the stride of an axis of one place is another than usual."""
    return g.as_strided(g.shape, [7 if n == 1 else s for n, s in zip(g.shape, g.stride())])


def permuted(g):
    """The same numbers, lying in memory the other way round."""
    axes = tuple(reversed(range(g.ndim)))
    return g.permute(axes).contiguous().permute(axes)


GRADIENTS = {
    "plain": lambda g, x: g,
    "double": lambda g, x: g.double(),
    "bfloat16": lambda g, x: g.bfloat16().float().bfloat16(),
    "numpy": lambda g, x: g.numpy(),
    "parameter": lambda g, x: torch.nn.Parameter(g),
    "needs a gradient": lambda g, x: g.clone().requires_grad_(),
    "a subclass": lambda g, x: g.as_subclass(Marked),
    "strided": lambda g, x: torch.stack([g, g + 1], -1)[..., 0],
    "a part of a larger one": lambda g, x: torch.cat([g.reshape(-1), torch.ones(3)])[
        : g.numel()
    ].reshape(g.shape),
    "one number": lambda g, x: torch.full((), 0.25).expand(g.shape),
    "permuted": lambda g, x: permuted(g),
    "odd strides": lambda g, x: odd_strides(g),
    "negative bit": lambda g, x: g._neg_view(),
    "from complex numbers": lambda g, x: torch.complex(g, -g).conj().imag,
    "without memory": lambda g, x: torch._efficientzerotensor(g.shape),
    "sparse": lambda g, x: g.to_sparse() if g.ndim == 2 and g.numel() else g,
    "the weights": lambda g, x: in_memory_of(x, 0),
    "a part of the weights": lambda g, x: in_memory_of(x, 1),
    "not finite": lambda g, x: torch.where(g > 1, torch.inf, g),
}


def lies_elsewhere(optimizer, xs):
    xs[2]._value.data = xs[2]._value.data.clone()


def lies_transposed(optimizer, xs):
    """The same address, dtype and shape: only the strides tell."""
    xs[2]._value.data = xs[2]._value.data.t()


def shares_memory(optimizer, xs):
    """The vector lies within the matrix, from its second number on."""
    xs[1]._value.data = xs[2]._value.data.contiguous().view(-1)[1:6]


def own_memory(optimizer, xs):
    for x in xs:
        x._value.data = x._value.data.clone(memory_format=torch.contiguous_format)


def state_lies_elsewhere(optimizer, xs):
    for variable in optimizer.variables:
        if tuple(variable.shape) == (4, 4):
            variable._value.data = permuted(variable._value.data)


def rate(value):
    return lambda optimizer, xs: setattr(optimizer, "learning_rate", value)


def constraint(value, i):
    return lambda optimizer, xs: setattr(xs[i], "constraint", value)


CHANGES = [
    *[lambda optimizer, xs: None] * 4,
    lies_elsewhere,
    lies_transposed,
    shares_memory,
    own_memory,
    own_memory,
    state_lies_elsewhere,
    rate(0.1),
    rate(0),
    constraint(keras.constraints.NonNeg(), 1),
    constraint(keras.constraints.MaxNorm(1.0), 2),
    constraint(None, 1),
    constraint(None, 2),
    lambda optimizer, xs: optimizer.iterations.assign(7),
    lambda optimizer, xs: xs[4].assign(xs[4] * 0.5),
    lambda optimizer, xs: setattr(optimizer, "weight_decay", 0.1),
    lambda optimizer, xs: xs[0]._value.requires_grad_(False),
]


@pytest.mark.parametrize("name", ["sgd", "adam", "lamb", "ema(adam)", "lookahead(adam)"])
@pytest.mark.parametrize("seed", range(6))
def test_any_gradients_and_any_changes(name, seed, monkeypatch):
    random = np.random.default_rng(seed)
    values = [random.normal(size=shape) for shape in SHAPES]
    pairs = []
    for setting in ("auto", "eager"):
        case = {"momentum": 0.5} if name == "sgd" else {}
        pairs.append((setting, make(name, learning_rate=0.05, **case), variables(values)))
    for step in range(14):
        numbers_of_step = [random.normal(size=shape) for shape in SHAPES]
        kinds = random.choice(list(GRADIENTS), len(SHAPES))
        kinds = np.where(random.random(len(SHAPES)) < 0.6, "plain", kinds)
        change = CHANGES[random.integers(len(CHANGES)) if step else 0]
        for setting, optimizer, xs in pairs:
            monkeypatch.setenv(torch_native.SETTING, setting)
            change(optimizer, xs)
            gs = [torch.tensor(g, dtype=torch.float32) for g in numbers_of_step]
            gs = [GRADIENTS[kind](g, x) for kind, g, x in zip(kinds, gs, xs)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # sparse tensors are not checked
                optimizer.apply(gs, xs)
        (_, optimizer, ours), (_, _, theirs) = pairs
        assert step or any(optimizer.state.native.steps.values())  # there is something to compare
        for a, b in zip(numbers(ours), numbers(theirs)):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6, err_msg=f"{change} {kinds}")


@pytest.mark.parametrize("kind", list(GRADIENTS))
def test_each_kind_after_a_plain_step(kind, monkeypatch):
    """At the address of the gradient before, as far as PyTorch takes the same memory again."""
    ends = []
    for setting in ("auto", "eager"):
        monkeypatch.setenv(torch_native.SETTING, setting)
        optimizer, xs = keras_optim.SGD(0.1), variables([np.full((3, 3), 0.5)])
        for step in ("plain", kind, "plain"):
            g = torch.arange(9.0).reshape(3, 3)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                optimizer.apply([GRADIENTS[step](g, xs[0])], xs)
            del g
        ends.append(numbers(xs))
    np.testing.assert_allclose(*[end[0] for end in ends], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("setting", ["auto", "eager"])
def test_a_gradient_on_the_meta_device_is_an_error(setting, monkeypatch):
    monkeypatch.setenv(torch_native.SETTING, setting)
    optimizer, xs = keras_optim.SGD(0.1), variables([np.ones((3, 3))])
    optimizer.apply([torch.ones(3, 3)], xs)
    with pytest.raises(ValueError, match="the gradient of x0 must hold numbers. .* device meta"):
        optimizer.apply([torch.ones(3, 3, device="meta")], xs)
    assert numbers(xs)[0][0, 0] == pytest.approx(0.9)
    assert int(optimizer.iterations.value) == 1
