"""Tensors and variables of the backend: the one place that asks Keras which backend it is."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private

Tensor = Any
BACKEND = keras.backend.backend()
HALF = ("float16", "bfloat16")
ONE_BY_ONE = BACKEND == "torch"
"""Whether operations run one by one, each with a cost of its own, so that few are faster."""
_COUNTS_IN_32_BITS = keras.backend.standardize_dtype("int") == "int32"


def tf() -> Any:
    """Return TensorFlow, which is imported with its backend only."""
    import tensorflow

    return tensorflow


def jax() -> Any:
    """Return JAX, which is imported with its backend only."""
    import jax

    return jax


def of_matrices(function: Callable[..., Tensor], *stacks: Tensor) -> tuple[Tensor, ...]:
    """Return a decomposition of stacks of matrices, as a tuple.

    In compiled functions on JAX's CPU, one matrix comes after the other. Decompositions of whole
    stacks can stop for ever there: each waits for threads that others hold at the same time
    (`ParallelBatchMap` of jaxlib 0.10.2, seen on two cores).
    """

    def whole(*stacks: Tensor) -> tuple[Tensor, ...]:
        found = function(*stacks)
        return tuple(found) if isinstance(found, tuple | list) else (found,)

    if BACKEND != "jax" or stacks[0].shape[0] == 1 or not isinstance(stacks[0], jax().core.Tracer):
        return whole(*stacks)
    lax = jax().lax

    def one_by_one(*stacks: Tensor) -> tuple[Tensor, ...]:
        return tuple(lax.map(lambda matrices: whole(*matrices), stacks))

    return tuple(lax.platform_dependent(*stacks, cpu=one_by_one, default=whole))


def no_gradients() -> contextlib.AbstractContextManager[Any]:
    """Return a context in which PyTorch records no gradients."""
    if BACKEND != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def eagerly() -> contextlib.AbstractContextManager[Any]:
    """Return a context in which assignments run now, even during a trace of TensorFlow."""
    return tf().init_scope() if BACKEND == "tensorflow" else contextlib.nullcontext()


def fed(batch: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a batch as `fit` gives it to the steps of a model: on PyTorch, as tensors."""
    if BACKEND != "torch":
        return batch

    def converted(value: Any) -> Any:
        return None if value is None else keras.ops.convert_to_tensor(value)

    return tuple(keras.tree.map_structure(converted, part) for part in batch)


def unconverted(function: Any) -> Any:
    """Decorate a function that TensorFlow's AutoGraph shall run as it is, as it runs Keras's."""
    if BACKEND != "tensorflow":
        return function
    return tf().autograph.experimental.do_not_convert(function)


def unshare(variables: Sequence[Any]) -> None:
    """Give each of `variables` memory of its own.

    On JAX a variable assigned to another shares its buffer, and a train step donates both.
    """
    if BACKEND == "jax":
        for variable in variables:
            variable.assign(ops.copy(variable.value))


def purged(variables: Sequence[Any]) -> bool:
    """Whether the JAX trainer holds the values, which it takes away before the first step."""
    return BACKEND == "jax" and any(keras_private.value(v) is None for v in variables)


def known(condition: Any) -> Any:
    """Return a condition as a `bool` on JAX and PyTorch, unless a trace does not know it yet.

    JAX would compile both branches of each condition outside of a compiled function, every time.
    On PyTorch the condition of Keras decides by the same `bool`, in ten times the time.
    """
    if BACKEND == "tensorflow" or (BACKEND == "jax" and isinstance(condition, jax().core.Tracer)):
        return condition
    return bool(condition)


def shaped(gradient: Any, variable: Any) -> Any:
    """Return `gradient`, after telling TensorFlow that it has the shape of its variable.

    A trace may not know a length, such as one of the gradient of a kernel on sequences.
    """
    if BACKEND == "tensorflow" and tf().is_symbolic_tensor(gradient):
        gradient.set_shape(variable.shape)
    return gradient


def saturated(count: Tensor) -> Tensor:
    """Return `count` after an addition of 1, or the largest int32 if that addition wrapped."""
    if not _COUNTS_IN_32_BITS:
        return count
    return ops.where(count < 0, 2**31 - 1, count)


def saturate(count: Any) -> None:
    """Clamp a counter in place, so that it cannot wrap after 2**31 steps."""
    if _COUNTS_IN_32_BITS:
        count.assign(saturated(tensor(count)))


def wide(dtype: str | None) -> str | None:
    """Return the dtype of arithmetic and state for a variable: at least float32."""
    return "float32" if dtype in HALF else dtype


def widest(variables: Sequence[Any]) -> str:
    """Return the widest dtype of arithmetic among `variables`: float32 or float64."""
    dtypes = {keras.backend.standardize_dtype(v.dtype) for v in variables}
    return "float64" if "float64" in dtypes else "float32"


def widened(value: Any, like: Tensor | None = None) -> Tensor:
    """Convert `value` to a tensor of at least float32, or of the wide dtype of `like`."""
    value = tensor(value)
    dtype = keras.backend.standardize_dtype(value.dtype)
    target = wide(keras.backend.standardize_dtype((value if like is None else like).dtype))
    return value if dtype == target else ops.cast(value, target)


def tensor(value: Any) -> Tensor:
    """Convert a Keras or native variable, or anything array-like, to a plain tensor.

    (`ops.convert_to_tensor` alone returns variables unchanged on TensorFlow.)
    """
    value = native_value(value)
    if BACKEND == "tensorflow" and isinstance(value, tf().Variable):
        return tf().convert_to_tensor(value)
    return ops.convert_to_tensor(value)


def array_of(value: Tensor) -> Any:
    """Return a tensor as an array of NumPy.

    (`ops.convert_to_numpy` fails on TensorFlow for a single number in bfloat16.)
    """
    shape = tuple(value.shape)
    return ops.convert_to_numpy(value if shape else ops.reshape(value, (1,))).reshape(shape)


def bitcast(value: Tensor, dtype: str) -> Tensor:
    """Return the numbers of `dtype` that have the same bits; both dtypes have 32.

    >>> int(bitcast(ops.array(1.0, "float32"), "int32")) == 127 << 23
    True
    """
    if BACKEND == "torch":
        import torch

        return value.view(getattr(torch, dtype))
    if BACKEND == "tensorflow":
        return tf().bitcast(value, dtype)
    return jax().lax.bitcast_convert_type(value, dtype)


def plus_product(alpha: float, x: Tensor, beta: float, a: Tensor, b: Tensor) -> Tensor:
    """Return `alpha * x + beta * (a @ b)`; on PyTorch in one call, without temporaries.

    >>> float(plus_product(2.0, ops.ones((1, 1)), 3.0, ops.ones((1, 4)), ops.ones((4, 1)))[0][0])
    14.0
    """
    if BACKEND == "torch" and x.ndim in (2, 3):
        import torch

        product = torch.addmm if x.ndim == 2 else torch.baddbmm
        return product(x, a, b, beta=alpha, alpha=beta)
    product = a @ b
    return alpha * x + (product if beta == 1.0 else beta * product)


def mixed(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Return `a`, moved by `share` of the way to `b`; on PyTorch in one pass.

    Unlike `numerics.ema`, it may make NaN of an infinite `a`, and no kernel has it.

    >>> float(mixed(ops.array(1.0), ops.array(3.0), 0.25))
    1.5
    """
    if BACKEND == "torch":
        import torch

        return torch.lerp(a, b, share)
    return (1.0 - share) * a + share * b


def lengths(stack: Tensor) -> Tensor:
    """Return the norm of each matrix of a stack; on PyTorch in one pass.

    >>> float(lengths(ops.array([[3.0, 4.0]]))[0, 0])
    5.0
    """
    if BACKEND == "torch":
        import torch

        return torch.linalg.vector_norm(stack, dim=(-2, -1), keepdim=True)
    return ops.sqrt(ops.sum(stack * stack, axis=(-2, -1), keepdims=True))


def reshaped(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a tensor with another shape; on PyTorch ten times as fast as `ops.reshape`.

    >>> tuple(reshaped(ops.ones((2, 3)), (6,)).shape)
    (6,)
    """
    return x.reshape(*shape) if BACKEND == "torch" else ops.reshape(x, shape)


def native_value(variable: Any) -> Any:
    """Return the backend's own variable or array in a Keras variable; else the argument."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def tensors(state: dict[str, Any]) -> dict[str, Tensor]:
    """Convert a dict of variables to one of tensors."""
    return {name: tensor(variable) for name, variable in state.items()}
