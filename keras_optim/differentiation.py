"""Derivatives of a loss of Keras variables, on each backend.

`derivatives` returns two functions: value and gradient, and Hessian-vector products. Both read the
variables' present values, so the caller assigns a point before it calls them. Neither changes a
variable. JAX and TensorFlow compile them once for each shape of the arguments; PyTorch runs them
uncompiled. A Hessian-vector product is the derivative of the gradient along a vector: forward over
reverse on JAX, reverse over reverse on the others. It costs about two to three gradients, because
the Hessian is never formed.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_optim.tensors import BACKEND

Tensor = Any
Loss = Callable[..., Tensor]
ValueAndGradients = Callable[[tuple[Any, ...]], tuple[Tensor, list[Tensor]]]
"""A function from the arguments of the loss to its value and its gradient by each variable."""
Products = Callable[[list[Tensor], tuple[Any, ...]], list[Tensor]]
"""A function from one tensor per variable, and the arguments of the loss, to the Hessian times
these tensors."""


class Derivatives(NamedTuple):
    """The functions that `derivatives` returns, and the variables that the loss depends on."""

    gradients: ValueAndGradients
    products: Products
    reached: set[int]
    """Indices of the variables that the loss depends on by operations with a derivative. It is
    empty before the first call of `gradients`. The gradient by all others is zero everywhere."""


def derivatives(loss: Loss, variables: Sequence[Any], others: Sequence[Any] = ()) -> Derivatives:
    """Return functions for the value and gradients of `loss`, and for its Hessian times a vector.

    Args:
        loss: Returns a scalar; may take arguments (nested structures of arrays).
        variables: Keras variables to differentiate by.
        others: Further variables that the loss reads. JAX gets their values as arguments, because
            it would otherwise compile them into the program.

    Raises:
        TypeError: in a call, if the loss is no tensor of floating point numbers.
        ValueError: in a call, if the loss is not a scalar.

    Example: at x = (1, 2) the loss 3 x₀² + x₀ x₁ has the Hessian [[6, 1], [1, 0]].

    >>> import keras, numpy as np
    >>> x = keras.Variable([1.0, 2.0])
    >>> gradient, product, reached = derivatives(lambda: 3 * x[0] ** 2 + x[0] * x[1], [x])
    >>> value, [g] = gradient(())
    >>> [h] = product([keras.ops.array([1.0, 0.0])], ())
    >>> float(value), keras.ops.convert_to_numpy(g).tolist(), keras.ops.convert_to_numpy(h).tolist()
    (5.0, [8.0, 1.0], [6.0, 1.0])
    """
    make = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[BACKEND]
    return make(_scalar(loss), variables, others)


def _scalar(loss: Loss) -> Loss:
    must = "minimize: the loss must be a scalar tensor of floating point numbers."

    def checked(*args: Any) -> Tensor:
        value = loss(*args)
        kinds = keras.Variable | np.ndarray | np.number | float
        if not (ops.is_tensor(value) or isinstance(value, kinds)):
            raise TypeError(f"{must} Received: a {type(value).__name__}")
        value = ops.convert_to_tensor(value)
        dtype = keras.backend.standardize_dtype(value.dtype)
        if not keras.backend.is_float_dtype(dtype):
            raise TypeError(f"{must} Received: dtype {dtype}")
        if tuple(value.shape) != ():
            raise ValueError(
                "minimize: the loss must be a scalar. Received a tensor of shape "
                f"{tuple(value.shape)}; take its mean or sum."
            )
        return value

    return checked


def _jax(loss: Loss, variables: Sequence[Any], others: Sequence[Any]) -> Derivatives:
    import jax

    reached: set[int] = set()

    def value(xs: list[Tensor], fixed: list[Tensor], args: tuple[Any, ...]) -> Tensor:
        mapping = [*zip(variables, xs, strict=True), *zip(others, fixed, strict=True)]
        with keras.StatelessScope(mapping, collect_losses=True):
            return loss(*args)

    def along(
        vs: list[Tensor], xs: list[Tensor], fixed: list[Tensor], args: tuple[Any, ...]
    ) -> list[Tensor]:
        def gradient(xs: list[Tensor]) -> list[Tensor]:
            return jax.grad(value)(xs, fixed, args)

        return jax.jvp(gradient, (xs,), (vs,))[1]

    def watched(xs: list[Tensor], fixed: list[Tensor], args: tuple[Any, ...]) -> Tensor:
        return value([_watched(x, i, reached) for i, x in enumerate(xs)], fixed, args)

    gradient, product = jax.jit(jax.value_and_grad(watched)), jax.jit(along)

    def now() -> tuple[list[Tensor], list[Tensor]]:
        return [v.value for v in variables], [v.value for v in others]

    return Derivatives(
        lambda args: gradient(*now(), args), lambda vs, args: product(vs, *now(), args), reached
    )


def _watched(x: Tensor, index: int, reached: set[int]) -> Tensor:
    """Return `x`, and note its index when JAX's backward pass reaches it."""
    import jax

    def backward(_: None, gradient: Tensor) -> tuple[Tensor]:
        reached.add(index)
        return (gradient,)

    same: Any = jax.custom_vjp(lambda x: x)
    same.defvjp(lambda x: (x, None), backward)
    return same(x)


def _tensorflow(loss: Loss, variables: Sequence[Any], others: Sequence[Any]) -> Derivatives:
    import tensorflow as tf

    reached: set[int] = set()

    xs = [v.value for v in variables]
    zero = tf.UnconnectedGradients.ZERO

    def gradient(args: tuple[Any, ...]) -> tuple[Tensor, list[Tensor]]:
        with tf.GradientTape() as tape:
            value = loss(*args)
        gradients = tape.gradient(value, xs)
        reached.update(i for i, g in enumerate(gradients) if g is not None)
        return value, [
            tf.zeros_like(x) if g is None else tf.convert_to_tensor(g)
            for x, g in zip(xs, gradients, strict=True)
        ]

    def product(vs: list[Tensor], args: tuple[Any, ...]) -> list[Tensor]:
        with tf.GradientTape() as tape:
            gradients = gradient(args)[1]
            slopes = [tf.reduce_sum(g * v) for g, v in zip(gradients, vs, strict=True)]
            slope = tf.add_n([tf.cast(s, "float64") for s in slopes])
        products = tape.gradient(slope, xs, unconnected_gradients=zero)
        return [tf.convert_to_tensor(h) for h in products]

    return Derivatives(
        tf.function(gradient, autograph=False), tf.function(product, autograph=False), reached
    )


def _torch(loss: Loss, variables: Sequence[Any], others: Sequence[Any]) -> Derivatives:
    import torch

    reached: set[int] = set()

    xs = [v.value for v in variables]

    def along(value: Tensor, create_graph: bool = False) -> list[Tensor | None]:
        if not value.requires_grad:  # it does not depend on the variables
            return [None] * len(xs)
        return list(torch.autograd.grad(value, xs, create_graph=create_graph, allow_unused=True))

    def filled(gradients: list[Tensor | None]) -> list[Tensor]:
        # The sum makes a gradient plain: it may be sparse, or one of PyTorch's zeros without
        # memory, such as the second derivative of abs.
        zeros = [torch.zeros_like(x) for x in xs]
        return [z if g is None else z + g for z, g in zip(zeros, gradients, strict=True)]

    def gradient(args: tuple[Any, ...]) -> tuple[Tensor, list[Tensor]]:
        with torch.enable_grad():
            value = loss(*args)
            gradients = along(value)
        reached.update(i for i, g in enumerate(gradients) if g is not None)
        return value.detach(), filled(gradients)

    def product(vs: list[Tensor], args: tuple[Any, ...]) -> list[Tensor]:
        with torch.enable_grad():
            gradients = filled(along(loss(*args), create_graph=True))
            slopes = [torch.sum(g * v) for g, v in zip(gradients, vs, strict=True)]
            return filled(along(sum(slopes)))

    return Derivatives(gradient, product, reached)


def gradients_at(loss: Callable[[Sequence[Tensor]], Tensor], values: Sequence[Tensor]) -> list[Any]:
    """Return the gradient of a function of tensors; `None` by one that it does not depend on.

    >>> [g] = gradients_at(lambda xs: ops.sum(xs[0] ** 2), [ops.array([1.0, 2.0])])
    >>> ops.convert_to_numpy(g).tolist()
    [2.0, 4.0]
    """
    values = list(values)
    if BACKEND == "jax":
        import jax

        return list(jax.grad(loss)(values))
    if BACKEND == "tensorflow":
        return _gradients_of(loss, values)
    import torch

    with recording_gradients():
        values = [value.detach().requires_grad_() for value in values]
        return list(torch.autograd.grad(loss(values), values, allow_unused=True))


def products_at(
    loss: Callable[[Sequence[Tensor]], Tensor],
    values: Sequence[Tensor],
    directions: Sequence[Tensor],
) -> list[Tensor]:
    """Return the Hessian of a function of tensors, at `values`, times `directions`.

    >>> [h] = products_at(
    ...     lambda xs: 3 * xs[0][0] ** 2 + xs[0][0] * xs[0][1],
    ...     [ops.array([1.0, 2.0])], [ops.array([1.0, 0.0])])
    >>> ops.convert_to_numpy(h).tolist()
    [6.0, 1.0]
    """
    values, directions = list(values), list(directions)
    if BACKEND == "jax":
        import jax

        return list(jax.jvp(jax.grad(loss), (values,), (directions,))[1])
    if BACKEND == "tensorflow":
        import tensorflow as tf

        zero = {"unconnected_gradients": tf.UnconnectedGradients.ZERO}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            found = [tf.convert_to_tensor(g) for g in _gradients_of(loss, values, **zero)]
            slopes = [tf.reduce_sum(g * u) for g, u in zip(found, directions, strict=True)]
            slope = tf.add_n([tf.cast(s, "float64") for s in slopes])
        return list(map(tf.convert_to_tensor, tape.gradient(slope, values, **zero)))
    import torch

    def along(value: Tensor, **options: Any) -> list[Tensor]:
        gradients = [None] * len(values)
        if value.requires_grad:
            gradients = torch.autograd.grad(value, values, allow_unused=True, **options)
        zeros = [torch.zeros_like(x) for x in values]
        return [z if g is None else z + g for z, g in zip(zeros, gradients, strict=True)]

    with recording_gradients():
        values = [value.detach().requires_grad_() for value in values]
        found = along(loss(values), create_graph=True)
        return along(sum(torch.sum(g * u) for g, u in zip(found, directions, strict=True)))


def _gradients_of(loss: Callable[..., Tensor], values: list[Tensor], **options: Any) -> list[Any]:
    """Return TensorFlow's gradients, recorded by a tape outside."""
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        value = loss(values)
    return list(tape.gradient(value, values, **options))


def recording_gradients() -> contextlib.AbstractContextManager[Any]:
    """Let PyTorch record operations, also inside of `no_grad`."""
    if BACKEND != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.enable_grad()
