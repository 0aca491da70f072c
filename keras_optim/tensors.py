"""Tensors and variables of the backend: the one place that asks Keras which backend it is."""

import contextlib
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private

Tensor = Any
BACKEND = keras.backend.backend()
HALF = ("float16", "bfloat16")
_COUNTS_IN_32_BITS = keras.backend.standardize_dtype("int") == "int32"


def tf() -> Any:
    """Return TensorFlow, which is imported with its backend only."""
    import tensorflow

    return tensorflow


def jax() -> Any:
    """Return JAX, which is imported with its backend only."""
    import jax

    return jax


def no_gradients() -> contextlib.AbstractContextManager[Any]:
    """Where PyTorch does not record what is computed."""
    if BACKEND != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def eagerly() -> contextlib.AbstractContextManager[Any]:
    """Where an assignment happens now, even while TensorFlow traces a function."""
    return tf().init_scope() if BACKEND == "tensorflow" else contextlib.nullcontext()


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
    """Whether the JAX trainer holds the values: it takes them away before the first step."""
    return BACKEND == "jax" and any(keras_private.value(v) is None for v in variables)


def shaped(gradient: Any, variable: Any) -> Any:
    """`gradient`; TensorFlow is told that it has the shape of its variable.

    While it traces, it may not know a length: of the gradient of a kernel on sequences, say.
    """
    if BACKEND == "tensorflow" and tf().is_symbolic_tensor(gradient):
        gradient.set_shape(variable.shape)
    return gradient


def saturated(count: Tensor) -> Tensor:
    """`count` after an addition of 1, or the largest integer of its kind where that wrapped."""
    if not _COUNTS_IN_32_BITS:
        return count
    return ops.where(count < 0, 2**31 - 1, count)


def saturate(count: Any) -> None:
    """Clamp a counter in place, so that it cannot wrap after 2**31 steps."""
    if _COUNTS_IN_32_BITS:
        count.assign(saturated(tensor(count)))


def wide(dtype: str | None) -> str | None:
    """The dtype of arithmetic and state for a variable: at least float32."""
    return "float32" if dtype in HALF else dtype


def widest(variables: Sequence[Any]) -> str:
    """The widest dtype of arithmetic among `variables`: float32 or float64."""
    dtypes = {keras.backend.standardize_dtype(v.dtype) for v in variables}
    return "float64" if "float64" in dtypes else "float32"


def widened(value: Any, like: Tensor | None = None) -> Tensor:
    """`value` as a tensor of at least float32, or of the wide dtype of `like`."""
    value = tensor(value)
    dtype = keras.backend.standardize_dtype(value.dtype)
    target = wide(keras.backend.standardize_dtype((value if like is None else like).dtype))
    return value if dtype == target else ops.cast(value, target)


def tensor(value: Any) -> Tensor:
    """The value of a Keras or native variable, or of anything array-like, as a plain tensor.

    (`ops.convert_to_tensor` alone hands variables back as they are on TensorFlow.)
    """
    value = native_value(value)
    if BACKEND == "tensorflow" and isinstance(value, tf().Variable):
        return tf().convert_to_tensor(value)
    return ops.convert_to_tensor(value)


def native_value(variable: Any) -> Any:
    """The backend's own variable or array in a Keras variable; anything else as it is."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def tensors(state: dict[str, Any]) -> dict[str, Tensor]:
    """The values of a dict of variables."""
    return {name: tensor(variable) for name, variable in state.items()}
