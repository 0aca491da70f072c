"""Base of the schedules: checked arguments, a derived configuration, exact steps.

Steps are counted from 0, as in Keras: the first update uses the rate at step 0. Arithmetic on steps
uses integers, because single precision cannot tell one step from the next above 2**24. Only a
finished quotient becomes a float.
"""

from typing import Annotated, Any, TypeAlias

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_optim import tensors
from keras_optim.arguments import descriptions, hyperparameters
from keras_optim.arguments.ranges import NonNegative, Range
from keras_optim.arguments.scalar import LARGEST

Tensor = Any

Rate: TypeAlias = NonNegative | LearningRateSchedule
"""A number >= 0, or a schedule of keras_optim or of Keras."""
Steps = Annotated[int, Range(0)]
"""A number of steps, at least 0."""


class Schedule(LearningRateSchedule):
    """Abstract parent of the schedules of keras_optim: a subclass stores its arguments under their
    own names and writes `rate`.

    Example:

    >>> class Harmonic(Schedule):
    ...     def __init__(self, initial_learning_rate: NonNegative):
    ...         self.initial_learning_rate = initial_learning_rate
    ...     def rate(self, step):
    ...         return self.initial_learning_rate / ops.cast(step + 1, floating())
    >>> schedule = Harmonic(0.5)
    >>> float(schedule(0)), float(schedule(4))
    (0.5, 0.1...)
    >>> schedule.get_config()
    {'initial_learning_rate': 0.5}
    >>> Harmonic(-1)
    Traceback (most recent call last):
    ValueError: Harmonic: `initial_learning_rate` must be a finite number >= 0. Received: ...
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = hyperparameters.checked(cls.__init__)  # type: ignore[method-assign]
        keras.saving.register_keras_serializable(cls.__module__.partition(".")[0])(cls)

    def rate(self, step: Tensor) -> Tensor:
        """Return the rate at `step`, an integer tensor counted from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define `rate`.")

    def __call__(self, step: Any) -> Tensor:
        """Return the rate at `step`: an integer, a tensor or a variable."""
        return self.rate(tensors.tensor(step))

    def __repr__(self) -> str:
        return descriptions.schedule(self)

    def get_config(self) -> dict[str, Any]:
        """Return every argument of the constructor; schedules inside are serialised as well."""
        names = hyperparameters.own_parameters(type(self).__init__)
        return {n: keras.saving.serialize_keras_object(getattr(self, n)) for n in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Schedule":
        """Build the schedule that `get_config` described."""
        return cls(**{n: keras.saving.deserialize_keras_object(v) for n, v in config.items()})


def check_sum(owner: str, **steps: int) -> None:
    """Raise a ValueError if the sum of numbers of steps is more than an int32 holds."""
    if sum(steps.values()) > LARGEST[int]:
        names = " and ".join(f"`{name}`" for name in steps)
        received = ", ".join(f"{name}={value}" for name, value in steps.items())
        raise ValueError(
            f"{owner}: {names} must be at most {LARGEST[int]} together. Received: {received}"
        )


def floating() -> str:
    """Return the dtype of rates: Keras's default one, at least float32."""
    return tensors.wide(keras.config.floatx()) or "float32"


def progress(step: Tensor, start: int, length: int) -> Tensor:
    """Return the share of `length` steps that is over: 0 until `start`, 1 from its end on.

    >>> [float(progress(ops.convert_to_tensor(t), start=10, length=4)) for t in (9, 10, 13, 14, 15)]
    [0.0, 0.0, 0.75, 1.0, 1.0]
    """
    done = step - start
    if length == 0:
        return ops.cast(done >= 0, floating())
    done = ops.where(done < 0, ops.zeros_like(done), done)
    share = ops.cast(done, floating()) / length
    return ops.where(done < length, share, ops.ones_like(share))


def between(a: Any, b: Any, share: Tensor) -> Tensor:
    """Interpolate between `a`, at `share` 0, and `b`, at 1, exactly at both ends.

    >>> between(0.1, 0.7, 1.0)
    0.7
    """
    return a * (1.0 - share) + b * share


def warmed(step: Tensor, peak: Any, start: float | None, length: int) -> Tensor:
    """Rise in a line from `start` at step 0 to `peak` at step `length`, and stay at `peak`.

    Without a start, the rate takes `length + 1` equal strides, so that no step has a rate of zero.

    >>> [float(warmed(ops.convert_to_tensor(t), 1.0, None, length=3)) for t in (0, 1, 2, 3, 4)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    first = peak / float(length + 1) if start is None else start
    return between(first, peak, progress(step, 0, length))


def rate_at(schedule: Any, step: Tensor) -> Tensor:
    """Return the rate of a schedule at `step`; a number is a constant rate."""
    if isinstance(schedule, LearningRateSchedule):
        return ops.cast(schedule(step), floating())
    return ops.convert_to_tensor(schedule, dtype=floating())
