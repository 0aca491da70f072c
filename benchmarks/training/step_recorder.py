"""Recorder of every step inside `fit`: the norm of the gradient, and the loss.

Ring buffers on the device hold both, so no step waits for the host; the journal reads them when an
epoch ends. The buffers are variables of the optimizer and of a metric of the model, because every
trainer of Keras threads these through its compiled step. They do not change the training, because
no update of the weights reads them.

Optimizers of keras_optim measure the norm themselves, inside their compiled step
(`keras_optim.engine.norms`), so the steps per second are those of a user who logs nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

import keras_optim
from keras_optim.engine import norms

_NORMS = "recorded_norms"


def recording(optimizer: Any, length: int) -> Any:
    """Make an optimizer like `optimizer` that records the norm of each gradient.

    `gradient_norms(optimizer, count)` reads the recorded norms.

    Args:
        optimizer: A `keras.optimizers.Optimizer` of any class, not built yet.
        length: The number of steps that it records before it overwrites the oldest.

    Returns:
        A new optimizer of the same configuration.

    Raises:
        ValueError: `optimizer` is built already, so it may have state.
    """
    if optimizer.built:
        raise ValueError("recording: the optimizer is built already; call this before training.")
    kind = type(optimizer)
    # The package measures whole steps, so the recorder itself measures micro-batches.
    measured = isinstance(optimizer, keras_optim.Optimizer)
    measured = measured and not optimizer.gradient_accumulation_steps
    bases = (_Keeper if measured else _Meter, kind)
    recorder: Any = type(f"Recording{kind.__name__}", bases, {"recorded_steps": length})
    recorded = recorder.from_config(optimizer.get_config())
    if measured:
        norms.start(recorded)
    return recorded


class _Recorder:
    """Ring buffer in front of the class of an optimizer."""

    recorded_steps: int

    def build(self: Any, variables: Sequence[Any]) -> None:
        first = not self.built
        super().build(variables)  # type: ignore[misc]
        if first:
            self.ring = Ring(
                self.add_variable, self.recorded_steps, _NORMS, aggregation="only_first_replica"
            )


class _Keeper(_Recorder):
    """Recorder of an optimizer of keras_optim, which has measured the norm inside its step."""

    def apply(self: Any, grads: Sequence[Any], *arguments: Any, **passes: Any) -> None:
        super().apply(grads, *arguments, **passes)  # type: ignore[misc]
        self.ring.put(self.state.shared["recorded_gradient_norm"].value)


class _Meter(_Recorder):
    """Recorder of any other optimizer, which measures the norm in front of its step."""

    def apply(self: Any, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        if not self.built and trainable_variables is not None:
            with keras.name_scope(self.name, caller=self):
                self.build(list(trainable_variables))
        norm = _global_norm([g for g in grads if g is not None])
        if self.loss_scale_factor is not None:
            norm = norm / self.loss_scale_factor
        self.ring.put(norm)
        super().apply(grads, trainable_variables)  # type: ignore[misc]


def gradient_norms(optimizer: Any, count: int) -> Any:
    """Return the gradient norms of the last `count` steps, the oldest first."""
    return optimizer.ring.last(count)


def state_bytes(optimizer: Any) -> int:
    """Count the bytes of the built optimizer's state, without counter, rate and recordings."""
    apart = ("iteration", "learning_rate", norms.STEPS, *norms.NAMES)
    kept = (v for v in optimizer.variables if v.name not in apart)
    return sum(_bytes(v) for v in kept if not v.name.startswith(_NORMS))


def weight_bytes(model: Any) -> int:
    """Count the bytes of the trainable weights of `model`."""
    return sum(_bytes(v) for v in model.trainable_variables)


def recording_model(model: Any, length: int) -> Any:
    """Make a model of the layers of `model` that records the loss of each training step.

    Args:
        model: A built `Sequential` or functional model, not compiled yet.
        length: The number of steps that it records, for `step_losses`.
    """
    inputs, outputs = (t[0] if len(t) == 1 else t for t in (model.inputs, model.outputs))
    return _RecordingModel(inputs, outputs, name=model.name, recorded_steps=length)


def step_losses(model: Any, count: int) -> Any:
    """Return the losses of the last `count` steps, the oldest first."""
    return model.step_loss.ring.last(count)


class _RecordingModel(keras.Model):
    """A functional model that records its loss in `compute_loss`, Keras's hook for subclasses."""

    def __init__(self, *args: Any, recorded_steps: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.step_loss = _StepLoss(recorded_steps)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if training:
            self.step_loss.update_state(loss)
        return loss


class _StepLoss(keras.metrics.Metric):
    """Ring buffer that a trainer carries because it is a metric; it adds nothing to the logs."""

    def __init__(self, length: int):
        super().__init__(name="step_loss")
        self.ring = Ring(self.add_variable, length, "losses", _replicas())

    def update_state(self, value: Any) -> None:
        # Each replica has its share of the loss. Outside the step, a variable of a metric is the
        # sum over replicas.
        self.ring.put(ops.cast(ops.stop_gradient(value), "float32"))

    def result(self) -> dict[str, Any]:
        return {}

    def reset_state(self) -> None:
        """Keep the losses: Keras resets metrics at the beginning of each epoch."""


class Ring:
    """Buffer on the device for the last values of a number that changes with each step.

    Args:
        add_variable: The method that creates a variable of the owner.
        length: Number of values.
        name: Name of the variables.
        counters: The number of replicas whose counts are summed; each counts every step once.
        **options: Further arguments of `add_variable`.
    """

    def __init__(
        self,
        add_variable: Callable[..., Any],
        length: int,
        name: str,
        counters: int = 1,
        **options: Any,
    ):
        self.length = length
        self.counters = counters
        self.eager = keras.backend.backend() == "torch"
        """Whether Python runs each step, so that it can count."""
        self.values = add_variable((length,), initializer="zeros", name=name, **options)
        self.seen: Any = 0
        if not self.eager:
            options |= {"initializer": "zeros", "dtype": "int32", "name": f"{name}_count"}
            self.seen = add_variable((), **options)

    def put(self, value: Any) -> None:
        """Add a value."""
        if self.eager:  # 2 microseconds instead of 80 for the operations below
            self.values.value[self.seen % self.length] = value
            self.seen += 1
            return
        count, values = ops.convert_to_tensor(self.seen), ops.convert_to_tensor(self.values)
        index = ops.reshape(count % self.length, (1, 1))
        self.values.assign(ops.scatter_update(values, index, ops.reshape(value, (1,))))
        self.seen.assign(count + 1)

    def last(self, count: int) -> Any:
        """Return the last `count` values, the oldest first."""
        seen = self.seen if self.eager else int(self.seen.numpy()) // self.counters
        values = np.asarray(self.values.numpy())
        count = min(count, seen, self.length)
        return values[np.arange(seen - count, seen) % self.length]


def _global_norm(grads: Sequence[Any]) -> Any:
    """Compute the Euclidean norm over all gradients, in float32."""
    grads = [ops.cast(_dense(gradient), "float32") for gradient in grads]
    if _replicas() > 1:
        # Each replica holds the gradient of its share of the batch.
        import tensorflow as tf

        grads = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, grads)
    return norms.global_norm(grads)


def _dense(gradient: Any) -> Any:
    """Return `gradient` as one tensor.

    TensorFlow gives the gradient of an embedding as rows. Several of them may be of the same word
    and must be added. `keras.ops` keeps that form, and would square the rows one by one.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.convert_to_tensor(gradient)
    return gradient


def _replicas() -> int:
    """Count the replicas into which `tf.distribute` splits the traced step."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def _bytes(variable: Any) -> int:
    return int(ops.convert_to_numpy(variable).nbytes)
