"""Problem: a workload in this process, its data read and its models built on demand."""

import contextlib
import hashlib
import inspect
import math
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np

import keras_optim
from keras_optim import keras_private, tensors
from keras_optim.callbacks.access import inside_loss_scale
from keras_optim.compare import json_files
from keras_optim.compare.comparison import Measured, Subject
from keras_optim.compare.process.devices import Devices
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.training import data, objective
from keras_optim.compare.training.initial import drawn_by_numpy
from keras_optim.compare.workload import Workload
from keras_optim.formatting import shown
from keras_optim.two_pass import two_pass


@dataclass(eq=False)
class Problem:
    """Workload whose data is in this process.

    Args:
        workload: As the user gave it.
        precision: Keras's dtype policy for the models.
    """

    workload: Workload
    precision: str = "float32"
    devices: Devices | None = None
    """Those that share a batch; `None`: as Keras and its distribution decide."""
    cache: dict[str, Any] = field(default_factory=dict)
    """Helpers of the engines, which all optimizers share."""
    _parts: dict[int, data.Parts] = field(default_factory=dict)
    _sample_loss: float = math.nan
    _last: Any = None
    """Weak reference to the model that was built last."""

    @cached_property
    def parts(self) -> data.Parts:
        """The data for the tuning seed."""
        return data.parts(self.workload)

    def parts_for(self, seed: int) -> data.Parts:
        """Return the data for a seed: the same arrays, or the result of a function of the seed."""
        if not self.of_seed:
            return self.parts
        if seed not in self._parts:
            self._parts = {seed: data.parts(self.workload, seed)}
        return self._parts[seed]

    @property
    def of_seed(self) -> bool:
        """Whether a function of the seed gives the data."""
        return callable(self.workload.data) and not hasattr(self.workload.data, "__getitem__")

    @property
    def batch_size(self) -> int | None:
        """The number of examples of a step."""
        return data.batch_size(self.workload, self.parts.train)

    def model(self, seed: int, make_optimizer: Callable[[], Any], replicated: bool = True) -> Any:
        """Return a new compiled model, whose weights follow from the seed, on any backend.

        Strategies of TensorFlow ask that the optimizer is created beside the model. Without
        `replicated`, the model is on one device, which can evaluate batches of any size.

        Raises:
            UsageError: the workload has no loss, or `build_model` returns no new model.
        """
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            scope = (
                self.devices.scope() if self.devices and replicated else contextlib.nullcontext()
            )
            with scope, drawn_by_numpy(seed):
                model = self.workload.build_model()
                if not isinstance(model, keras.Model):
                    raise UsageError(
                        f"`build_model` must return a keras.Model. Received: {shown(model)}"
                    )
                if self._last is not None and self._last() is model:
                    raise UsageError("`build_model` must return a new model each time")
                self._last = weakref.ref(model)
                self._compile(model, make_optimizer())
                keras_private.build_for(model, self._sample)
        finally:
            keras.config.set_dtype_policy(before)
        inner = inside_loss_scale(model.optimizer)
        if getattr(inner, "second", "none") != "none" or getattr(inner, "sees_loss", False):
            two_pass(model)
        return model

    def _compile(self, model: Any, optimizer: Any) -> None:
        given = self.workload
        if model.compiled and given.loss is None:
            if model.optimizer is not None and model.optimizer.built:
                raise UsageError("`build_model` must return a new model, which no step has trained")
            keras_private.replace_optimizer(model, optimizer)
            return
        model.compile(
            optimizer=optimizer,
            loss=_copies(given.loss),
            metrics=_copies(given.metrics) or None,
            **given.compile_arguments,
        )

    @cached_property
    def _sample(self) -> tuple[Any, ...]:
        train = self.parts.train
        if isinstance(train, data.Arrays):
            batch = train.take(slice(0, self.batch_size)).parts
        else:
            batch = next(iter(train.each()))
        return (*batch, *[None] * (3 - len(batch)))

    @cached_property
    def reference(self) -> Any:
        """A model with an optimizer that nothing is trained with: for evaluations and facts."""
        return self.model(0, keras_optim.SGD, replicated=False)

    @cached_property
    def metrics(self) -> tuple[Measured, ...]:
        """The loss and the metrics, as they are called in Keras's logs."""
        model = self.reference
        objective.check_loss(model)
        logs = model.test_on_batch(*tensors.fed(self._sample), return_dict=True)
        order = list(model.get_metrics_result())  # JAX sorts the logs
        model.reset_metrics()
        if "loss" not in logs:
            raise UsageError(
                "the model's `test_step` must return the loss as `loss`; it returns "
                f"{', '.join(logs) or 'nothing'}"
            )
        objective.check_names([*logs, *objective.compiled_names(model)])
        self._sample_loss = float(logs["loss"])
        found = [name for name in order if name in logs] + [n for n in logs if n not in order]
        names = ["loss", *(name for name in found if name != "loss")]
        judge = self._judge(names)
        given = self.workload.higher
        known = {name: objective.higher_is_better(name, model) for name in names}
        if judge in known and known[judge] is None and given is None:
            raise UsageError(
                f"`higher` must say whether a higher {judge} is better: its name does not tell"
            )
        if judge in known and given is not None:
            known[judge] = given
        return tuple(Measured(name, bool(known[name])) for name in names)

    def _judge(self, names: list[str]) -> str:
        """Return the name of the metric that judges."""
        if self.workload.loss is None and self.workload.judged == "loss":
            # the model may be compiled with metrics
            named = None if self.workload.judge is None else "loss"
            compiled = objective.compiled_names(self.reference)
        else:
            named, compiled = self.workload.judged, names
        return named or next((n for n in compiled if n != "loss" and n in names), "loss")

    @cached_property
    def subject(self) -> Subject:
        """The facts about the workload.

        Raises:
            UsageError: `judge` or `target` names no metric.
        """
        names = [m.name for m in self.metrics]
        judge = self._judge(names)
        if judge not in names:
            raise UsageError(f"no metric is called {judge!r}; the metrics are {', '.join(names)}")
        parts = self.parts
        count = self.devices.count if self.devices else 1
        if self.batch_size is not None and self.batch_size % count:
            raise UsageError(f"{count} devices cannot share batches of {self.batch_size} examples")
        return Subject(
            name=self.workload.name,
            metrics=self.metrics,
            judge=judge,
            target=None if self.workload.target is None else float(self.workload.target[1]),
            epochs=self.workload.epochs,
            batch_size=self.batch_size,
            train=parts.train.count,
            validation=parts.validation.count,
            test=None if parts.test is None else (parts.test.count or 0),
            variant_of=self.workload.variant_of,
        )

    @cached_property
    def content(self) -> str:
        """Hash of model, objective and data, by which results are known again.

        Initial weights and the loss of a batch are parts of it. They tell models
        apart that differ in pretrained weights, or in constants of the function that builds them.
        """
        model, _ = self.reference, self.metrics
        shapes = [(v.path.rpartition("/")[2], list(v.shape), v.dtype) for v in model.variables]
        parts = (self.parts.train, self.parts.validation, self.parts.test)
        found = [
            shapes,
            _source(type(model)),
            _config(model),
            _unnamed({**model.get_compile_config(), "optimizer": None}),
            _plain(self.workload.loss),
            _plain(self.workload.metrics),
            _plain(dict(self.workload.compile_arguments)),
            _weights(model),
            f"{self._sample_loss:.3g}",  # rounded, because processors differ
            [part.content if part is not None else None for part in parts],
        ]
        return hashlib.sha256(json_files.canonical(found).encode()).hexdigest()[:12]


def _copies(value: Any) -> Any:
    """Return losses or metrics that no other model has, because they hold state."""
    if isinstance(value, keras.metrics.Metric | keras.losses.Loss):
        try:
            return type(value).from_config(value.get_config())
        except Exception:  # a user's class without a configuration
            return value
    if isinstance(value, Mapping):
        return {key: _copies(one) for key, one in value.items()}
    return [_copies(one) for one in value] if isinstance(value, list | tuple) else value


def _weights(model: Any) -> str:
    found = hashlib.sha256()
    for variable in model.trainable_variables:
        found.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).tobytes())
    return found.hexdigest()[:12]


def _source(kind: type) -> str:
    """Return the source of a user's class; nothing of Keras's own."""
    if kind.__module__.partition(".")[0] == "keras":
        return ""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return kind.__qualname__


def _config(model: Any) -> Any:
    """Return the model's configuration without names, which count the layers of a process."""
    try:
        return _unnamed(model.get_config())
    except Exception:  # a subclassed model need not have one
        return None


def _unnamed(value: Any) -> Any:
    if isinstance(value, Mapping):
        named = ("name", "keras_history", "input_layers", "output_layers")
        return {str(k): _unnamed(v) for k, v in value.items() if k not in named}
    if isinstance(value, list | tuple):
        return [_unnamed(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else type(value).__name__


def _plain(value: Any) -> Any:
    """Describe losses and metrics for the hash."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, keras.metrics.Metric | keras.losses.Loss):
        return [type(value).__name__, _unnamed(value.get_config())]
    if callable(value):
        return [getattr(value, "__qualname__", type(value).__name__), _source(value)]
    return value
