"""Private names of Keras: all that this package uses.

The import of the package looks for them. So a Keras that has renamed one raises a clear error
instead of training wrongly.
"""

import contextlib
import math
import operator
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import keras
from keras.src.backend.common.stateless_scope import in_stateless_scope

__all__ = ["in_stateless_scope"]

VERSIONS = "3.12 to 3.15"
"""The versions of Keras that the tests are run with."""

HOOKS = (
    "_apply_weight_decay",
    "_backend_apply_gradients",
    "_backend_update_step",
    "_clip_by_norm",
    "_clip_gradients",
    "_filter_empty_gradients",
    "_get_current_learning_rate",
    "_update_model_variables_moving_average",
    "assign",
    "iterations",
)
"""Methods of Keras's optimizers between `apply` and the weights. A native step does all of their
work at once, so it must know that no subclass overrides one of them."""

OWN_HOOKS = ("on_gradients", "on_variables", "update_variables")
"""The same, of `KerasOptimizer`."""

_NAMES = (
    *HOOKS,
    "_accumulated_gradients",
    "_check_variables_are_known",
    "_get_variable_index",
    "_iterations",
    "_learning_rate",
    "_model_variables_moving_average",
    "_overwrite_variable_with_gradient",
    "_overwrite_variables_directly_with_gradients",
    "_track_variable",
    "_trainable_variables",
    "_use_weight_decay",
)


def missing(optimizer: type, names: Sequence[str] = _NAMES) -> list[str]:
    """Return the names that neither a class of `optimizer` defines nor one of its methods sets.

    >>> missing(keras.optimizers.Optimizer), missing(dict, ["pop", "_iterations"])
    ([], ['_iterations'])
    """
    known: set[str] = set()
    for kind in optimizer.__mro__:
        known.update(vars(kind))
        codes = (getattr(method, "__code__", None) for method in vars(kind).values())
        known.update(*(code.co_names for code in codes if code))
    return [name for name in names if name not in known]


def check(optimizer: type = keras.optimizers.Optimizer) -> None:
    """Raise an ImportError if Keras lacks a name."""
    if lacking := missing(optimizer):
        raise ImportError(
            f"keras_optim works with Keras {VERSIONS}; Keras {keras.__version__} has no "
            f"`{lacking[0]}` in its optimizers. Install a version of Keras in that range."
        )


check()


class KerasOptimizer(keras.optimizers.Optimizer):
    """Keras's optimizer, whose private hooks call methods with names of our own."""

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """Do nothing: decay is part of a rule's step, in the precision of the update."""

    def _backend_apply_gradients(self, grads: Any, trainable_variables: Any) -> None:
        self.on_variables(trainable_variables)
        super()._backend_apply_gradients(grads, trainable_variables)

    def _clip_gradients(self, grads: Any) -> Any:
        return super()._clip_gradients(self.on_gradients(grads))

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        """Average as Keras does, but in the dtype of the averages, which may be wider."""
        if not self.use_ema:
            return
        pairs = zip(trainable_variables, self._model_variables_moving_average, strict=False)
        for variable, average in ((v, a) for v, a in pairs if a is not None):
            started = keras.ops.cast(keras.ops.not_equal(self.iterations, 0), average.dtype)
            momentum = started * self.ema_momentum
            value = keras.ops.cast(keras.ops.convert_to_tensor(variable), average.dtype)
            average.assign(momentum * average + (1 - momentum) * value)

    def _backend_update_step(
        self, grads: Any, trainable_variables: Any, learning_rate: Any
    ) -> None:
        self.update_variables(grads, trainable_variables, learning_rate)

    def on_variables(self, variables: Sequence[Any]) -> None:
        """Note the variables of this step."""

    def on_gradients(self, grads: Sequence[Any]) -> Sequence[Any]:
        """Return the gradients to clip."""
        return grads

    def update_variables(self, grads: Any, variables: Any, learning_rate: Any) -> None:
        """Run the rule on variables and clipped gradients."""
        raise NotImplementedError(f"{type(self).__name__} must define `update_variables`.")


def clipped(optimizer: Any, grads: Sequence[Any]) -> Sequence[Any]:
    """Clip gradients as Keras does."""
    return keras.optimizers.Optimizer._clip_gradients(optimizer, grads)


def trainable_variables(optimizer: Any) -> list[Any]:
    """Return the variables that a built optimizer trains."""
    return optimizer._trainable_variables


def iterations(optimizer: Any) -> Any:
    """Return the count of calls of `apply`, as a variable."""
    return optimizer._iterations


def learning_rate(optimizer: Any) -> Any:
    """Return the stored rate: a variable, a schedule or a callable."""
    return optimizer._learning_rate


def strategy(optimizer: Any) -> Any:
    """Return the `tf.distribute` strategy that an optimizer was created under."""
    return optimizer._distribution_strategy


value: Callable[[Any], Any] = operator.attrgetter("_value")
"""The array of a Keras variable; `None` while the JAX trainer holds it."""


def rate_or_none(optimizer: Any) -> Any:
    """Return the stored rate, or `None` before the constructor has set it."""
    return getattr(optimizer, "_learning_rate", None)


def current_rate(optimizer: Any) -> Any:
    """Return the rate of the next step; a schedule or a callable computes it."""
    return optimizer._get_current_learning_rate()


def rate_now(optimizer: Any, rate: Any, asking: bool = True) -> Any:
    """Return the rate of the present step.

    Args:
        optimizer: Its count of steps is that of a schedule.
        rate: A variable, a schedule or a callable.
        asking: Whether a callable is asked; else its rate is NaN.
    """
    if isinstance(rate, keras.Variable):
        return rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return rate(optimizer._iterations)
    return rate() if asking else math.nan


def track(optimizer: Any, variable: Any) -> None:
    """Add a variable of another optimizer to the state."""
    optimizer._track_variable(variable)


def index_of(optimizer: Any, variable: Any) -> int:
    """Return the place of a variable among those of the optimizer."""
    return optimizer._get_variable_index(variable)


def check_known(optimizer: Any, variables: Sequence[Any]) -> None:
    """Raise a ValueError for a variable that the optimizer is not built for."""
    optimizer._check_variables_are_known(variables)


def with_gradients(optimizer: Any, grads: Any, variables: Any) -> Any:
    """Return the gradients that are not `None`, and their variables."""
    return optimizer._filter_empty_gradients(grads, variables)


def overwritten(optimizer: Any, grads: Any, variables: Any) -> Any:
    """Overwrite variables that take their gradient; return the other gradients and variables."""
    return optimizer._overwrite_variables_directly_with_gradients(grads, variables)


def override(optimizer: Any, base: type) -> str | None:
    """Return the name of a hook that the class of `optimizer` defines in place of `base`'s."""
    names = (*HOOKS, *OWN_HOOKS)
    return next((n for n in names if getattr(type(optimizer), n) is not getattr(base, n)), None)


def averages(optimizer: Any) -> Sequence[Any]:
    """Return the variables of `use_ema`, if there are any."""
    return getattr(optimizer, "_model_variables_moving_average", ())


def accumulators(optimizer: Any) -> Sequence[Any]:
    """Return the variables of `gradient_accumulation_steps`, if there are any."""
    return getattr(optimizer, "_accumulated_gradients", ())


def takes_its_gradient(optimizer: Any, variable: Any) -> bool:
    """Whether a variable is overwritten with its gradient, as scales of float8 are."""
    return optimizer._overwrite_variable_with_gradient(variable)


def decays(optimizer: Any, variable: Any) -> bool:
    """Whether weight decay of Keras's optimizer acts on a variable."""
    return optimizer._use_weight_decay(variable)


def layout(variable: Any) -> Any:
    """Return the layout of a variable under `keras.distribution`, or `None`."""
    return getattr(variable, "_layout", None)


def nodes_by_depth(model: Any) -> Any:
    """Return the graph of a functional model by depth; `None` of another model."""
    return getattr(model, "_nodes_by_depth", None)


def history(output: Any) -> Any:
    """Return the layer, node and place that a symbolic tensor comes from."""
    return output._keras_history


def mask(output: Any) -> Any:
    """Return the mask that a layer gave to its output, or `None`."""
    return getattr(output, "_keras_mask", None)


def takes_training(model: Any) -> bool:
    """Whether the `call` of a model has an argument `training`."""
    return bool(model._call_has_training_arg)


def loss_in_training(model: Any, x: Any, y: Any, predicted: Any, weights: Any) -> Any:
    """Return the loss that a model's training step differentiates."""
    return model._compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weights, training=True)


def compiled_loss(model: Any, y: Any, predicted: Any, weights: Any) -> Any:
    """Return the loss that `compile` got, without penalties of the model."""
    return model._compile_loss(y, predicted, weights)


@contextlib.contextmanager
def noting_losses(model: Any, losses: list[Any]) -> Iterator[None]:
    """Add each loss that a model computes inside to `losses`."""
    computed = model._compute_loss

    def noting(*args: Any, **kwargs: Any) -> Any:
        losses.append(computed(*args, **kwargs))
        return losses[-1]

    vars(model)["_compute_loss"] = noting
    try:
        yield
    finally:
        vars(model).pop("_compute_loss")


def own_state(layer: Any) -> list[Any]:
    """Return the variables of a layer alone that no optimizer is for, and the states of seeds."""
    seeds = [generator.state for generator in layer._seed_generators]
    return [*layer._non_trainable_variables, *seeds]


def backend_random() -> Any:
    """Return the backend's module of random numbers, which initializers ask."""
    return keras.src.backend.random


@contextlib.contextmanager
def without_tensorflow() -> Iterator[None]:
    """Keep Keras from an import of TensorFlow inside, unless the program has imported it."""
    absent = types.SimpleNamespace(available=False)
    with contextlib.ExitStack() as stack:
        if not sys.modules.get("tensorflow"):
            for module in (keras.src.utils.rng_utils, keras.src.saving.serialization_lib):
                stack.enter_context(mock.patch.object(module, "tf", absent))
        yield


def loss_tracker(model: Any) -> Any:
    """Return the metric with the mean of the losses, of a compiled model."""
    return model._loss_tracker


def replace_optimizer(model: Any, optimizer: Any) -> None:
    """Give a compiled model another optimizer; loss and metrics stay."""
    model.optimizer = optimizer
    model.train_function = None


def build_for(model: Any, batch: tuple[Any, ...]) -> None:
    """Build a compiled model, its metrics and its optimizer for batches such as this one."""
    model._symbolic_build(data_batch=batch)
