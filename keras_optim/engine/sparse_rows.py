"""Gradients of few rows of a large variable, such as an embedding: only these rows are updated.

A rule that leaves rows without a gradient as they are (`LazyRows`) sees only the rows that have
one, at a cost that does not grow with the variable.
"""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private
from keras_optim.tensors import BACKEND, Tensor, tf

LAZY = "lazy"
"""The constant of a variable whose rows wait for their gradients, see `Rule.constants`."""


@dataclass(frozen=True)
class Rows:
    """A gradient that is zero except in some rows.

    A row may occur more than once, each time with its whole gradient. So shapes do not depend on
    numbers, and all its results are the same.
    """

    indices: Tensor
    values: Tensor


def gathered(optimizer: Any, gradient: Any, variable: Any) -> Any:
    """Return `gradient` as `Rows` if the optimizer works on rows of `variable`, else dense."""
    if not optimizer.by_rows or gradient is None or not variable.shape:
        return dense(gradient)
    constants = optimizer.state.constants[keras_private.index_of(optimizer, variable)]
    # A constraint may look at all rows, see `optimizer_state.Stored`.
    constrained = getattr(variable, "constraint", None) is not None
    if not constants[LAZY] or constrained or _needs_all_rows(optimizer):
        return dense(gradient)
    found = _parts(gradient)
    return _summed(*found) if found else _without_zeros(gradient)


def dense(gradient: Any) -> Any:
    """Return a sparse gradient as a dense one, with equal rows added up; others as they are."""
    if BACKEND == "tensorflow" and isinstance(gradient, tf().IndexedSlices):
        return tf().convert_to_tensor(gradient)
    if BACKEND == "torch" and getattr(gradient, "is_sparse", False):
        return gradient.to_dense()
    if BACKEND == "jax" and hasattr(gradient, "todense"):
        return gradient.todense()
    return gradient


def of_tensors(gradient: Any) -> Any:
    """Make tensors of the parts of `IndexedSlices`: TensorFlow takes no tuple for a shape."""
    if BACKEND != "tensorflow" or not isinstance(gradient, tf().IndexedSlices):
        return gradient
    tensor, shape = tf().convert_to_tensor, gradient.dense_shape
    whole = None if shape is None else tensor(shape)
    return tf().IndexedSlices(tensor(gradient.values), tensor(gradient.indices), whole)


def take(value: Any, gradient: Any) -> Tensor:
    """Return the rows of a variable that have a gradient in `gradient`."""
    if BACKEND == "tensorflow":
        return tf().gather(value, gradient.indices)  # reads these rows of a variable alone
    return ops.take(ops.convert_to_tensor(value), gradient.indices, axis=0)


def put(variable: keras.Variable, gradient: Rows, new: Tensor) -> None:
    """Write `new` into the rows that have a gradient in `gradient`."""
    if BACKEND == "tensorflow":
        new = tf().cast(new, variable.dtype)
        variable.value.scatter_update(tf().IndexedSlices(new, gradient.indices))
    elif BACKEND == "torch":
        variable.value.index_copy_(0, gradient.indices, new.to(variable.value.dtype))
    else:
        value = variable.value
        variable.assign(value.at[gradient.indices].set(new.astype(value.dtype)))


def _parts(gradient: Any) -> tuple[Tensor, Tensor] | None:
    """Return indices and values of a gradient that is sparse along its first axis."""
    if BACKEND == "tensorflow" and isinstance(gradient, tf().IndexedSlices):
        return gradient.indices, gradient.values
    if BACKEND == "torch" and getattr(gradient, "is_sparse", False) and gradient.sparse_dim() == 1:
        return gradient._indices()[0], gradient._values()
    if BACKEND == "jax" and hasattr(gradient, "todense") and _batches(gradient) == (0, 1):
        return gradient.indices[:, 0], gradient.data
    return None


def _batches(gradient: Any) -> tuple[int, int]:
    return getattr(gradient, "n_batch", -1), getattr(gradient, "n_sparse", -1)


def _without_zeros(gradient: Any) -> Any:
    """Return the rows of a dense gradient that are not zero, if shapes may depend on numbers."""
    if BACKEND != "torch":
        return gradient
    import torch

    gradient = ops.convert_to_tensor(gradient)
    if torch.compiler.is_compiling() or type(gradient) is not torch.Tensor:
        return gradient
    there = gradient != 0
    indices = (there.flatten(1).any(1) if there.ndim > 1 else there).nonzero()[:, 0]
    return Rows(indices, gradient[indices])


def _needs_all_rows(optimizer: Any) -> bool:
    """Whether Keras, or a recording of norms, works on the gradient as a whole before the rule."""
    options = ("clipnorm", "clipvalue", "global_clipnorm")
    others = ("gradient_accumulation_steps", "loss_scale_factor", "_recording")
    distributed = BACKEND == "tensorflow" and tf().distribute.has_strategy()
    return distributed or any(getattr(optimizer, name) for name in (*options, *others))


def _summed(indices: Tensor, values: Tensor) -> Rows:
    """Return each row with the sum of all its gradients."""
    count = indices.shape[0]
    if count is None:
        count = ops.shape(indices)[0]
    order = ops.argsort(indices)
    indices = ops.take(indices, order)
    new = ops.cast(ops.not_equal(indices[1:], indices[:-1]), "int32")
    number = ops.pad(ops.cumsum(new), [(1, 0)])
    sums = ops.segment_sum(ops.take(values, order, axis=0), number, num_segments=count)
    return Rows(indices, ops.take(sums, number, axis=0))
