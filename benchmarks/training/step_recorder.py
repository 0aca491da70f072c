"""Numbers of every step from inside `fit`: the norm of the gradient, and the loss.

Both are computed in the train step and stored in a ring buffer on the device, so no step waits
for the host; the buffer is read when an epoch ends. The buffers are variables of the optimizer
and of the model's loss metric, which every trainer of Keras threads through its compiled step.
Training itself is unchanged: nothing that updates the weights reads them.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


def recording(optimizer: Any, length: int) -> Any:
    """Make `optimizer`, of any class and not built yet, record the norm of each gradient.

    Its class becomes a subclass made on the fly. `gradient_norms(optimizer, count)` reads what was
    recorded.

    Args:
        optimizer: A `keras.optimizers.Optimizer`.
        length: Number of steps that are remembered.

    Returns:
        `optimizer` itself.

    Raises:
        ValueError: it is built already, so its variables are fixed.
    """
    if optimizer.built:
        raise ValueError("recording: the optimizer is built already; call this before training.")
    kind = type(optimizer)
    optimizer.recorded_steps = length
    optimizer.__class__ = type(f"Recording{kind.__name__}", (_Recorder, kind), {})
    return optimizer


class _Recorder:
    """What `recording` puts in front of the class of an optimizer."""

    recorded_steps: int
    _norms: Any
    _norms_seen: Any

    def build(self: Any, variables: Sequence[Any]) -> None:
        first = not self.built
        super().build(variables)  # type: ignore[misc]
        if first:
            self._norms = self.add_variable(
                (self.recorded_steps,), aggregation="only_first_replica", name="recorded_norms"
            )
            self._norms_seen = self.add_variable(
                (), dtype="int32", aggregation="only_first_replica", name="recorded_count"
            )

    def apply(self: Any, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        if not self.built and trainable_variables is not None:
            with keras.name_scope(self.name, caller=self):
                self.build(list(trainable_variables))
        norm = _global_norm([g for g in grads if g is not None])
        if self.loss_scale_factor is not None:
            norm = norm / self.loss_scale_factor
        _store(self._norms, self._norms_seen, norm)
        super().apply(grads, trainable_variables)  # type: ignore[misc]


def gradient_norms(optimizer: Any, count: int) -> Any:
    """The gradient norms of the last `count` steps, the oldest first."""
    return _last(optimizer._norms, int(optimizer._norms_seen.numpy()), count)


def state_bytes(optimizer: Any) -> int:
    """Bytes of the built optimizer's state, without counter, learning rate and recorded norms."""
    apart = ("iteration", "learning_rate", "recorded_norms", "recorded_count")
    return sum(_bytes(v) for v in optimizer.variables if v.name not in apart)


def weight_bytes(model: Any) -> int:
    """Bytes of the trainable weights of `model`."""
    return sum(_bytes(v) for v in model.trainable_variables)


def record_losses(model: Any, length: int) -> None:
    """Make the compiled `model` remember the loss of each step; `step_losses` reads them."""
    # Past Keras's __setattr__, which would list the metric a second time.
    object.__setattr__(model, "_loss_tracker", _StepLoss(length))


def step_losses(model: Any, count: int) -> Any:
    """The losses of the last `count` steps, the oldest first; steps of `evaluate` count too."""
    loss = model._loss_tracker
    return _last(loss.losses, int(loss.seen.numpy()) // loss.replicas, count)


class _StepLoss(keras.metrics.Mean):
    """Keras's mean loss of an epoch that remembers each step's loss as well."""

    def __init__(self, length: int):
        super().__init__(name="loss")
        self.losses = self.add_variable((length,), "zeros", name="losses")
        self.seen = self.add_variable((), "zeros", dtype="int32", name="seen")
        self.replicas = _replicas()

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        super().update_state(values, sample_weight=sample_weight)
        # Read outside of the step, a metric's variable is the sum over replicas; counters agree.
        share = ops.cast(values, self.losses.dtype) / self.replicas
        _store(self.losses, self.seen, share)


def _global_norm(grads: Sequence[Any]) -> Any:
    """Euclidean norm over all gradients, in float32."""
    grads = [ops.cast(_dense(gradient), "float32") for gradient in grads]
    if _replicas() > 1:
        # Each replica holds the gradient of its share of the batch.
        import tensorflow as tf

        grads = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, grads)
    total = 0.0
    for gradient in grads:
        total = total + ops.sum(ops.square(gradient))
    return ops.sqrt(total)


def _dense(gradient: Any) -> Any:
    """`gradient` as one tensor.

    TensorFlow hands the gradient of an embedding as rows, of which several may be the same and
    must be added up. `keras.ops` keeps that form, and would square the rows one by one.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.convert_to_tensor(gradient)
    return gradient


def _replicas() -> int:
    """Into how many replicas `tf.distribute` splits the step that is being traced."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def _store(ring: Any, seen: Any, value: Any) -> None:
    """Put `value` where the ring buffer's next entry goes."""
    count = ops.convert_to_tensor(seen)
    index = ops.reshape(count % ring.shape[0], (1, 1))
    ring.assign(ops.scatter_update(ops.convert_to_tensor(ring), index, ops.reshape(value, (1,))))
    seen.assign(count + 1)


def _last(ring: Any, seen: int, count: int) -> Any:
    """The last `count` entries of a ring buffer into which `seen` values were put."""
    values = np.asarray(ring.numpy())
    count = min(count, seen, len(values))
    return values[np.arange(seen - count, seen) % len(values)]


def _bytes(variable: Any) -> int:
    return int(ops.convert_to_numpy(variable).nbytes)
