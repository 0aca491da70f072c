"""A function stepped as a kernel, and beside it as it is."""

import itertools

import torch

from keras_optim.codegen import Kernel


def numbers(shape, seed=0, odd=(), dtype=torch.float32):
    random = torch.Generator().manual_seed(seed)
    found = torch.randn(shape, generator=random, dtype=dtype)
    for value in odd:
        found[torch.rand(shape, generator=random) < 0.5 / len(odd)] = value
    return found


def stepped(function, items, threads=1, steps=2):
    """New arrays after some steps of the kernel, and after as many of the function itself."""
    ours = [{n: v.clone() for n, v in item.items()} for item in items]
    made = Kernel(step(function), ours, [{}] * len(items), {}, leading="g")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        call = made.bind(range(len(items)), ours, {})
        for _ in range(steps):
            call([item["g"].data_ptr() for item in ours])
    finally:
        torch.set_num_threads(before)
    theirs = [dict(item) for item in items]
    for _, item in itertools.product(range(steps), theirs):
        item.update(function(**item))
    return ours, theirs


def step(function):
    return lambda arrays, shared, constants, total: (function(**arrays), {})


def assert_same(ours, theirs, close=()):
    """Compare all digits, but of arrays that are `close`; NaN with NaN, infinities with signs."""
    for mine, its in zip(ours, theirs, strict=True):
        for name, value in its.items():
            off = 1e-6 if name in close else 0.0
            torch.testing.assert_close(
                mine[name], value, rtol=off, atol=off, equal_nan=True, msg=f"{name} {value.shape}"
            )
