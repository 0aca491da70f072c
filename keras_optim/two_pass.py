"""The second pass of a model's training step, for optimizers such as SAM.

It offers the loss, too, for optimizers such as MoMo.

Keras's own step is the first pass. Inside of it, the optimizer is offered a function that computes
the gradients of the same batch at other weights. This function works in a scope that assigns
nothing. So weights, statistics of batch normalisation, metrics and random states stay as the first
pass left them. The scope begins with the states from before the first pass, so dropout draws the
same masks.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private
from keras_optim.differentiation import gradients_at, products_at
from keras_optim.drawn_labels import drawn_labels
from keras_optim.engine import distribution, seen_loss, sparse_rows
from keras_optim.engine.second_pass import Offer, offering
from keras_optim.formatting import shown
from keras_optim.tensors import BACKEND, tensor

Tensor = Any
Values = list[tuple[Any, Tensor]]


def two_pass(model: Any) -> Any:
    """Make `model` compute the second pass that an optimizer such as SAM or AdaHessian needs.

    It also hands over the loss, which an optimizer such as MoMo needs. There is no second pass for
    that. (JAX traces another forward pass, which XLA finds to be the first one.)

    Call it before `fit`, before or after `compile`. Other optimizers train as before. The call is
    not saved with the model: repeat it after loading or cloning.

    That is a second gradient, Hessian products, or a gradient for labels that are drawn from the
    model. This pass sees the same batch, the same sample weights and the same dropout masks.
    The first pass alone updates statistics of batch normalisation and metrics.

    Args:
        model: A Keras model whose class leaves `train_step` to Keras.

    Returns:
        The same model.

    Raises:
        TypeError: no Keras model.
        ValueError: its class has a `train_step` of its own: call the optimizer there with
            `apply(gradients, variables, second=function)`.

    Example:

    >>> import keras, keras_optim, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.ones((1, 1))])
    >>> model.compile(keras_optim.SAM(keras_optim.SGD(0.1), rho=0.5), "mse")
    >>> model = keras_optim.two_pass(model)
    >>> x = np.ones((1, 1), "float32")
    >>> history = model.fit(x, 2 * x, verbose=0)  # the gradient is -2 at 1, and -3 at 1 - 0.5
    >>> print(model.get_weights()[0].round(4))
    [[1.3]]
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"two_pass: `model` must be a Keras model. Received: {shown(model)}")
    if type(model).train_step is not keras.Model.train_step:
        raise ValueError(
            f"two_pass: {type(model).__name__} has a `train_step` of its own, whose loss is not "
            "known here. Call its optimizer with apply(gradients, variables, second=function): "
            "function() must return the gradients at the weights that the model has then. For an "
            "optimizer that sees the loss: apply(gradients, variables, loss=value)."
        )
    plain = type(model).train_step

    def of_values(data: Any) -> Any:
        losses: list[Tensor] = []
        second = offering(_second(model, data, _kept(model)))
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        with contextlib.ExitStack() as stack:
            stack.enter_context(second)
            if getattr(optimizer, "sees_loss", False):  # which several replicas cannot have
                stack.enter_context(seen_loss.offering(lambda: losses[0]))
                stack.enter_context(keras_private.noting_losses(model, losses))
            logs = plain(model, data)
        return logs

    def of_state(state: Any, data: Any) -> Any:
        given = _state_given(model, state)
        again = functools.partial(_loss_again, model, data, given)
        with offering(_second(model, data, given)), seen_loss.offering(again):
            return plain(model, state, data)

    model.train_step = of_state if BACKEND == "jax" else of_values
    model.train_function = None  # it has the step from before
    return model


def two_passes(
    model: Any, gradients: Callable[[], Sequence[Any]]
) -> tuple[Sequence[Any], Callable[[], Sequence[Any]]]:
    """Compute gradients in a training loop of your own; return them and a function for second ones.

    The function begins with the random states of the first pass, so dropout draws the same mask.
    Statistics, such as those of batch normalisation, stay as the first pass left them. On JAX, call
    it outside of compiled functions only.

    Args:
        model: A Keras model or layer.
        gradients: A function that returns the gradients of one batch at the present weights. (On
            PyTorch, it must call `model.zero_grad()` first.)

    Returns:
        The gradients, and the function to give to `apply` as `second`.

    Example:

    >>> import keras, keras_optim
    >>> layer = keras.layers.Dropout(0.5, seed=0)
    >>> def gradients():
    ...     return [layer(keras.ops.ones((1, 8)), training=True)]
    >>> first, second = keras_optim.two_passes(layer, gradients)
    >>> bool(keras.ops.all(first[0] == second()[0]))
    True
    """
    before = _kept(model)
    first = gradients()

    def second() -> Sequence[Any]:
        with _holding(before):
            found = gradients()
        return found

    return first, second


def hessian_products(
    loss: Callable[[], Tensor], variables: Sequence[Any]
) -> Callable[[Sequence[Tensor]], Sequence[Tensor]]:
    """Return a function for `apply` in a training loop of your own: the Hessian times directions.

    Args:
        loss: Returns a scalar, computed from the Keras variables.
        variables: Those that the optimizer trains.

    Returns:
        A function of a list of tensors, one for each variable, to give to `apply` as `second`. On
        JAX, call it outside of compiled functions only.

    Example: the Hessian of x₀² x₁ at (1, 2) is [[4, 2], [2, 0]].

    >>> import keras, keras_optim
    >>> x = keras.Variable([1.0, 2.0])
    >>> products = keras_optim.hessian_products(lambda: x[0] ** 2 * x[1], [x])
    >>> [h] = products([keras.ops.array([1.0, 0.0])])
    >>> keras.ops.convert_to_numpy(h).tolist()
    [4.0, 2.0]
    """

    def at(values: Sequence[Tensor]) -> Tensor:
        with keras.StatelessScope([*zip(variables, values, strict=True)], collect_losses=True):
            return loss()

    return lambda directions: products_at(at, [tensor(v) for v in variables], directions)


def _second(model: Any, data: Any, before: Values) -> Offer:
    """Return the second passes of a model on a batch, in the state `before`."""
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    if scaled and getattr(model.optimizer.inner_optimizer, "second", "none") != "none":
        distribution.check_scaling(type(model.optimizer.inner_optimizer).__name__)
    read = [] if BACKEND == "jax" else model.trainable_variables  # by regularisers

    def mapping(variables: Sequence[Any], values: Sequence[Tensor]) -> Values:
        moved = set(map(id, variables))
        others = [(v, v) for v in read if id(v) not in moved]
        return [*before, *others, *zip(variables, values, strict=True)]

    def loss_of(variables: Sequence[Any], of: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
        """Return the loss as a function of values, from a function of predictions."""

        def loss(values: Sequence[Tensor]) -> Tensor:
            with keras.StatelessScope(mapping(variables, values), collect_losses=True):
                training = {"training": True} if keras_private.takes_training(model) else {}
                return model.optimizer.scale_loss(of(model(x, **training)))

        return loss

    def scale(variables: Sequence[Any], values: Sequence[Tensor]) -> Tensor:
        with keras.StatelessScope(mapping(variables, values)):
            return model.optimizer.scale_loss(ops.ones(()))

    def trained(predicted: Tensor) -> Tensor:
        return keras_private.loss_in_training(model, x, y, predicted, weights)

    def gradients(
        first: Sequence[Any], variables: Sequence[Any], values: Sequence[Tensor]
    ) -> Sequence[Any]:
        found = gradients_at(loss_of(variables, trained), values)
        return _unscaled(first, found, scale(variables, values)) if scaled else found

    def products(variables: Sequence[Any], directions: Sequence[Tensor]) -> Sequence[Any]:
        values = [tensor(v) for v in variables]
        found = products_at(loss_of(variables, trained), values, directions)
        return _divided(found, scale(variables, values)) if scaled else found

    def sampled(variables: Sequence[Any], seed: tuple[int, Tensor]) -> Sequence[Any]:
        def drawn(predicted: Tensor) -> Tensor:
            labels, number = drawn_labels(predicted, model.loss, seed)
            value = keras_private.compiled_loss(model, labels, predicted, weights)
            return value * ops.sqrt(ops.cast(number, value.dtype))

        values = [tensor(v) for v in variables]
        found = gradients_at(loss_of(variables, drawn), values)
        return _divided(found, scale(variables, values)) if scaled else found

    return Offer(gradients, products, sampled)


def _divided(found: Sequence[Any], scale: Tensor) -> list[Any]:
    """Divide gradients or products of a scaled loss by its scale."""
    dense = [sparse_rows.dense(g) for g in found]
    return [None if g is None else g / ops.cast(scale, g.dtype) for g in dense]


def _loss_again(model: Any, data: Any, state: Values) -> Tensor:
    """Return the loss on a batch, in a state."""
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    training = {"training": True} if keras_private.takes_training(model) else {}
    with keras.StatelessScope(state, collect_losses=True):
        loss = keras_private.loss_in_training(model, x, y, model(x, **training), weights)
    return loss


def _unscaled(first: Sequence[Any], second: Sequence[Any], scale: Tensor) -> list[Any]:
    """Divide the second gradients by the scale; if one overflows, return the first ones.

    Keras looks for overflow in the first gradients alone.
    """
    first, second = ([sparse_rows.dense(g) for g in gs] for gs in (first, second))
    finite = ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in second if g is not None]))
    return [
        b if a is None or b is None else ops.where(finite, b / ops.cast(scale, b.dtype), a)
        for a, b in zip(first, second, strict=True)
    ]


def _state_given(model: Any, state: Any) -> Values:
    """Pair all variables with the values that JAX's trainer hands over."""
    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    return [
        pair
        for vs, given in zip(variables, state, strict=True)
        for pair in zip(vs, given, strict=True)
    ]


def _kept(layer: Any) -> Values:
    """Copy the variables that a forward pass changes: statistics and states of seeds."""
    parts = layer._flatten_layers()
    found = {id(v): v for part in parts for v in keras_private.own_state(part)}
    return [(v, ops.copy(tensor(v))) for v in found.values()]


@contextlib.contextmanager
def _holding(values: Values) -> Iterator[None]:
    """Let variables hold other values inside, and restore their own afterwards."""
    before = [(v, ops.copy(tensor(v))) for v, _ in values]
    for variable, value in values:
        variable.assign(value)
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)
