"""Entry point `keras_optim.minimize`: its arguments, their checks, and the methods by name."""

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

import keras

from keras_optim.arguments import hyperparameters, ranges
from keras_optim.formatting import shown
from keras_optim.full_batch import other_names
from keras_optim.full_batch.conjugate_gradient import ConjugateGradient
from keras_optim.full_batch.descent import Rules, descend
from keras_optim.full_batch.lbfgs import LBFGS
from keras_optim.full_batch.method import Method
from keras_optim.full_batch.model_loss import model_loss
from keras_optim.full_batch.objective import Loss, Objective, check_variables
from keras_optim.full_batch.result import Result, State
from keras_optim.full_batch.truncated_newton import TruncatedNewton

METHODS: Mapping[str, type[Method]] = {
    "lbfgs": LBFGS,
    "conjugate_gradient": ConjugateGradient,
    "truncated_newton": TruncatedNewton,
}


@other_names.refused
def minimize(
    target: Any,
    data: Any = None,
    method: str | Method = "lbfgs",
    *,
    variables: Sequence[Any] | None = None,
    loss: Any = None,
    batch_size: ranges.Period | None = None,
    max_iterations: ranges.Period = 100,
    max_evaluations: ranges.Period | None = None,
    gradient_tolerance: ranges.NonNegative = 1e-5,
    value_tolerance: ranges.NonNegative = 1e-9,
    callback: Callable[[State], Any] | None = None,
    verbose: Annotated[int, ranges.Range(0, 1)] = 0,
) -> Result:
    r"""Minimise a smooth loss over all of the data, with curvature and without a learning rate.

    For small and medium problems whose exact gradient is affordable: regression, small networks,
    physics-informed losses, fitting parameters, the last digits after `fit`. Large data with
    redundancy is better served by `fit` and a stochastic optimizer.

    A model runs with `training=False`, as in `evaluate`, because a line search needs one function,
    not a new one each time. So dropout and noise layers are off, and BatchNormalization uses its
    moving statistics and does not update them (its scale and offset are trained). Regularization
    and `add_loss` terms are included. Frozen variables stay as they are.

    After every end of the run, the variables hold the best point so far: the last one that a line
    search accepted. This includes an exception in the loss and Ctrl-C, which are raised again.

    Work in double precision (`keras.config.set_floatx("float64")`) if more than about 4 digits of
    the weights matter. In single precision the line search allows for rounding.

    Args:
        target: A Keras model, compiled or not; or a function without arguments that returns a
            scalar loss of `variables`. JAX and TensorFlow trace it once, so everything else that it
            reads is constant.
        data: For a model: `(x, y)` or `(x, y, sample_weight)`, as arrays (or structures of them).
            A list of numbers, or of equally long lists of numbers, is an array.
        method: `"lbfgs"`, `"conjugate_gradient"`, `"truncated_newton"`, or an object:
            `keras_optim.LBFGS(history_size=20)`.
        variables: The variables to change. Needed for a function; for a model, some of its weights.
            Default: all its trainable ones.
        loss: For a model: a Keras loss, its name or a function. Default: the compiled one.
        batch_size: For a model: samples at a time, >= 1. The chunks add up to the loss of the whole
            set; use it when that does not fit in memory. Default `None`: all at once, or the batch
            size of a model that has a fixed one.
        max_iterations: >= 1. Default 100.
        max_evaluations: >= 1 or `None` (default): passes over the data, gradients and
            Hessian-vector products.
        gradient_tolerance: >= 0. Converged when no entry of the gradient is larger. Default 1e-5.
        value_tolerance: >= 0. Converged when an iteration changes the loss by at most this share
            of it; 0 turns that off. Default 1e-9.
        callback: Called after each iteration with a state: `iteration`, `evaluations`, `value`,
            `gradient_norm`. Return `True` to stop.
        verbose: 1 shows a line of progress. Default 0.

    Returns:
        An object with `value`, `gradient_norm`, `iterations`, `evaluations`, `products`,
        `converged`, `reason` and `history`.

    Raises:
        TypeError: an argument of the wrong type or an unknown one.
        ValueError: one outside its range; no loss, no data, no variables; data of different
            lengths; a loss that is not finite at the start, or that does not depend on the
            variables. If it depends on some, the others stay as they are.

    Example:

    >>> import keras, numpy as np, keras_optim
    >>> x = np.linspace(-1, 1, 20).reshape(-1, 1)
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> result = keras_optim.minimize(model, (x, 3 * x + 1), loss="mse")
    >>> result.reason, [w.round(3).tolist() for w in model.get_weights()]
    ('gradient', [[[3.0]], [1.0]])
    """
    given: dict[str, Any] = {
        "batch_size": batch_size,
        "max_iterations": max_iterations,
        "max_evaluations": max_evaluations,
        "gradient_tolerance": gradient_tolerance,
        "value_tolerance": value_tolerance,
        "verbose": verbose,
    }
    hints = typing.get_type_hints(minimize, include_extras=True)
    given = {n: hyperparameters.check("minimize", n, value, hints[n]) for n, value in given.items()}
    if callback is not None and not callable(callback):
        raise TypeError(
            f"minimize: `callback` must be callable. Received: callback={shown(callback)}"
        )
    chosen = _method(method)
    made = _loss(target, data, variables, loss, given.pop("batch_size"))
    objective = Objective(made, given.pop("max_evaluations"))
    return descend(objective, chosen, Rules(**given, callback=callback))


def _method(method: str | Method) -> Method:
    if isinstance(method, Method):
        return method
    if isinstance(method, str) and method.lower() in METHODS:
        return METHODS[method.lower()]()
    names = ", ".join(map(repr, METHODS))
    if isinstance(method, keras.optimizers.Optimizer):
        names += f"; {type(method).__name__} goes into `compile`"
    raise ValueError(
        f"minimize: `method` must be a method such as keras_optim.LBFGS(), or one of {names}. "
        f"Received: method={shown(method)}"
    )


def _loss(target: Any, data: Any, variables: Any, loss: Any, batch_size: int | None) -> Loss:
    if isinstance(target, keras.Model):
        if data is None:
            raise ValueError(
                "minimize: a model needs data: keras_optim.minimize(model, (x, y), ...)."
            )
        if hasattr(loss, "shape"):
            raise TypeError(
                "minimize: `loss` must be a Keras loss, its name or a function. "
                f"Received: loss={shown(loss)}"
            )
        chosen = None if variables is None else _listed(variables)
        made = model_loss(target, data, loss, batch_size, chosen)
    elif callable(target):
        extra = {"data": data, "loss": loss, "batch_size": batch_size}
        for name, value in extra.items():
            if value is not None:
                raise ValueError(
                    f"minimize: `{name}` is for a model; the target is a function: "
                    "keras_optim.minimize(function, variables=[...])."
                )
        if variables is None:
            raise ValueError(
                "minimize: a function needs variables: "
                "keras_optim.minimize(function, variables=[...])."
            )
        made = Loss(target, _listed(variables))
    else:
        raise TypeError(
            "minimize: `target` must be a Keras model or a function without arguments. "
            f"Received: {shown(target)}"
        )
    check_variables(made.variables)
    return made


def _listed(variables: Any) -> list[Any]:
    if hasattr(variables, "shape") or not isinstance(variables, Iterable):
        raise TypeError(
            "minimize: `variables` must be a list of keras.Variable objects. "
            f"Received: {shown(variables)}"
        )
    return list(variables)
