"""Each operation against NumPy: ordinary numbers, NaN, infinities, both zeros, denormals."""

import numpy as np
import pytest
import torch

from keras_optim.codegen import Kernel
from keras_optim.codegen.operations import OPERATIONS

aten = torch.ops.aten
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 3e-39, 1.0, -1.0, 0.5, 2.5, -2.5]


def sign(a):
    return np.where(np.isnan(a), 0.0, np.sign(a))  # as PyTorch has it


# Name: PyTorch, NumPy. Of the exact ones every bit counts.
EXACT = {
    "add": (aten.add, np.add),
    "sub": (aten.sub, np.subtract),
    "rsub": (aten.rsub, lambda a, b: b - a),
    "mul": (aten.mul, np.multiply),
    "div": (aten.div, np.divide),
    "neg": (aten.neg, np.negative),
    "reciprocal": (aten.reciprocal, lambda a: 1 / a),
    "abs": (aten.abs, np.abs),
    "sign": (aten.sign, sign),
    "square": (lambda a: a**2, np.square),
    "cube": (lambda a: a**3, lambda a: a * a * a),
    "sqrt": (aten.sqrt, np.sqrt),
    "rsqrt": (lambda a: a**-0.5, lambda a: 1 / np.sqrt(a)),
    "floor": (aten.floor, np.floor),
    "ceil": (aten.ceil, np.ceil),
    "trunc": (aten.trunc, np.trunc),
    "maximum": (aten.maximum, np.maximum),
    "minimum": (aten.minimum, np.minimum),
    "where": (lambda a, b: aten.where(a > b, a, b), lambda a, b: np.where(a > b, a, b)),
    "eq": (aten.eq, np.equal),
    "ne": (aten.ne, np.not_equal),
    "lt": (aten.lt, np.less),
    "le": (aten.le, np.less_equal),
    "gt": (aten.gt, np.greater),
    "ge": (aten.ge, np.greater_equal),
    "isnan": (aten.isnan, np.isnan),
    "logical_not": (aten.logical_not, np.logical_not),
    "logical_and": (aten.logical_and, np.logical_and),
    "logical_or": (aten.logical_or, np.logical_or),
    "bitwise_not": (lambda a: ~(a > 0), lambda a: ~(a > 0)),
    "bitwise_and": (lambda a, b: (a > 0) & (b > 0), lambda a, b: (a > 0) & (b > 0)),
    "bitwise_or": (lambda a, b: (a > 0) | (b > 0), lambda a, b: (a > 0) | (b > 0)),
}
CLOSE = {
    "pow": (aten.pow, np.power),
    "exp": (aten.exp, np.exp),
    "expm1": (aten.expm1, np.expm1),
    "log": (aten.log, np.log),
    "log1p": (aten.log1p, np.log1p),
    "tanh": (aten.tanh, np.tanh),
    "sigmoid": (aten.sigmoid, lambda a: 1 / (1 + np.exp(-a))),
}
WHOLE = {
    "remainder": (lambda a: a % 3, lambda a: a % 3),
    "floor_divide": (lambda a: a // 3, lambda a: a // 3),
    "remainder by -3": (lambda a: a % -3, lambda a: a % -3),
    "floor_divide by -3": (lambda a: a // -3, lambda a: a // -3),
}
ARITY = {name: operation.arity for name, operation in OPERATIONS.items()}


def computed(function, *arrays):
    """`function` of arrays, as a kernel; in the type of the first."""
    inputs = {name: torch.tensor(a) for name, a in zip("abc", arrays)}
    result = torch.zeros_like(inputs["a"])

    def step(arrays, shared, constants, total):
        value = function(*[arrays[name] for name in inputs])
        return {"result": value.to(result.dtype)}, {}

    items = [{**inputs, "result": result}]
    kernel = Kernel(step, items, [{}], {}, leading="a")
    kernel.bind([0], items, {})([inputs["a"].data_ptr()])
    return result.numpy()


def test_every_operation_is_here():
    assert set(OPERATIONS) == {*EXACT, *CLOSE, *(name for name in WHOLE if " " not in name)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*EXACT, *CLOSE])
def test_as_numpy(name, dtype):
    random = np.random.default_rng(0)
    values = np.array([*SPECIAL, *random.normal(size=24), *random.normal(size=12) * 30], dtype)
    function, reference = (EXACT | CLOSE)[name]
    pairs = np.meshgrid(values, values) if ARITY[name] > 1 else [values]
    inputs = [np.ascontiguousarray(a.ravel(), dtype) for a in pairs]
    ours = computed(function, *inputs)
    with np.errstate(all="ignore"):
        expected = reference(*inputs).astype(dtype)
    if name in EXACT:
        np.testing.assert_array_equal(ours, expected)
    else:
        np.testing.assert_allclose(ours, expected, rtol=5e-7 if dtype == "float32" else 1e-15)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_as_in_python(name):
    values = np.arange(-10, 11)
    function, reference = WHOLE[name]
    np.testing.assert_array_equal(computed(function, values), reference(values))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_are_good_to_the_last_digits(dtype):
    """A million numbers, where adding up in single precision would lose three digits."""
    x = np.random.default_rng(0).uniform(0.5, 1.5, size=1_000_003).astype(dtype)
    [ours] = set(computed(lambda a: a * 0 + a.sum(), x))
    assert abs(ours / x.astype("float64").sum() - 1) < 3e-7


def test_the_sum_of_nothing_is_zero():
    items = [{"x": torch.zeros(0, 3), "y": torch.tensor(5.0)}]

    def step(arrays, shared, constants, total):
        return {"y": arrays["x"].sum()}, {}

    Kernel(step, items, [{}], {}, leading="x").bind([0], items, {})([0])
    assert items[0]["y"] == 0
