"""Value, gradient and Hessian-vector product of a loss of Keras variables, on each backend.

`derivatives` returns two functions. Both read the variables' present values, so the caller assigns
a point and then asks; neither changes a variable. JAX and TensorFlow compile them (once for each
shape of the arguments), PyTorch runs them as they are. A Hessian-vector product is the derivative
of the gradient along a vector: forward over reverse on JAX, reverse over reverse on the others;
it costs about as much as two to three gradients, and the Hessian itself is never formed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

Tensor = Any
Loss = Callable[..., Tensor]
ValueAndGradients = Callable[[tuple[Any, ...]], tuple[Tensor, list[Tensor]]]
"""From the arguments of the loss to its value and its gradient by each variable."""
Products = Callable[[list[Tensor], tuple[Any, ...]], list[Tensor]]
"""From one tensor per variable and the arguments of the loss to the Hessian times these."""


def derivatives(
    loss: Loss, variables: Sequence[Any], others: Sequence[Any] = ()
) -> tuple[ValueAndGradients, Products]:
    """Functions for the value and gradients of `loss`, and for its Hessian times a vector.

    Args:
        loss: Returns a scalar; may take arguments (nested structures of arrays).
        variables: Keras variables to differentiate by.
        others: Further variables that the loss reads: JAX is told their values as arguments,
            where it would otherwise compile them into the program.

    Raises:
        ValueError: when called, if the loss is not a scalar.

    Example: at x = (1, 2) the loss 3 x₀² + x₀ x₁ has the Hessian [[6, 1], [1, 0]].

    >>> import keras, numpy as np
    >>> x = keras.Variable([1.0, 2.0])
    >>> gradient, product = derivatives(lambda: 3 * x[0] ** 2 + x[0] * x[1], [x])
    >>> value, [g] = gradient(())
    >>> [h] = product([keras.ops.array([1.0, 0.0])], ())
    >>> float(value), keras.ops.convert_to_numpy(g).tolist(), keras.ops.convert_to_numpy(h).tolist()
    (5.0, [8.0, 1.0], [6.0, 1.0])
    """
    make = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[keras.backend.backend()]
    return make(_scalar(loss), variables, others)


def _scalar(loss: Loss) -> Loss:
    def checked(*args: Any) -> Tensor:
        value = ops.convert_to_tensor(loss(*args))
        if tuple(value.shape) != ():
            raise ValueError(
                "minimize: the loss must be a scalar. Received a tensor of shape "
                f"{tuple(value.shape)}; take its mean or sum."
            )
        return value

    return checked


def _jax(
    loss: Loss, variables: Sequence[Any], others: Sequence[Any]
) -> tuple[ValueAndGradients, Products]:
    import jax

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

    gradient, product = jax.jit(jax.value_and_grad(value)), jax.jit(along)

    def now() -> tuple[list[Tensor], list[Tensor]]:
        return [v.value for v in variables], [v.value for v in others]

    return lambda args: gradient(*now(), args), lambda vs, args: product(vs, *now(), args)


def _tensorflow(
    loss: Loss, variables: Sequence[Any], others: Sequence[Any]
) -> tuple[ValueAndGradients, Products]:
    import tensorflow as tf

    xs = [v.value for v in variables]
    zero = tf.UnconnectedGradients.ZERO

    def gradient(args: tuple[Any, ...]) -> tuple[Tensor, list[Tensor]]:
        with tf.GradientTape() as tape:
            value = loss(*args)
        gradients = tape.gradient(value, xs, unconnected_gradients=zero)
        return value, [tf.convert_to_tensor(g) for g in gradients]

    def product(vs: list[Tensor], args: tuple[Any, ...]) -> list[Tensor]:
        with tf.GradientTape() as tape:
            gradients = gradient(args)[1]
            slope = tf.add_n([tf.reduce_sum(g * v) for g, v in zip(gradients, vs, strict=True)])
        products = tape.gradient(slope, xs, unconnected_gradients=zero)
        return [tf.convert_to_tensor(h) for h in products]

    return tf.function(gradient, autograph=False), tf.function(product, autograph=False)


def _torch(
    loss: Loss, variables: Sequence[Any], others: Sequence[Any]
) -> tuple[ValueAndGradients, Products]:
    import torch

    xs = [v.value for v in variables]

    def along(value: Tensor, create_graph: bool = False) -> list[Tensor]:
        if not value.requires_grad:  # it does not depend on the variables
            return [torch.zeros_like(x) for x in xs]
        gradients = torch.autograd.grad(
            value, xs, create_graph=create_graph, materialize_grads=True
        )
        return list(gradients)

    def gradient(args: tuple[Any, ...]) -> tuple[Tensor, list[Tensor]]:
        with torch.enable_grad():
            value = loss(*args)
            return value.detach(), along(value)

    def product(vs: list[Tensor], args: tuple[Any, ...]) -> list[Tensor]:
        with torch.enable_grad():
            gradients = along(loss(*args), create_graph=True)
            slopes = [torch.sum(g * v) for g, v in zip(gradients, vs, strict=True)]
            return along(torch.stack(slopes).sum())

    return gradient, product
