"""Moving statistics of batch normalisation, recomputed for the weights in the model."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_optim import tensors
from keras_optim.arguments import hyperparameters, ranges
from keras_optim.formatting import shown
from keras_optim.state import evaluation_weights
from keras_optim.tensors import BACKEND

_NAMES = ("moving_mean", "moving_variance", "moving_stddev")


def update_batch_statistics(
    model: keras.Model, data: Any, batch_size: int = 32, steps: int | None = None
) -> None:
    r"""Recompute the statistics of batch normalisation for the weights that `model` has now.

    $$
    \mu = \frac{1}{n} \sum_b n_b\, \mu_b, \qquad
    \sigma^2 = \frac{1}{n} \sum_b n_b \left(\sigma_b^2 + (\mu_b - \mu)^2\right)
    $$

    The moving mean and variance of a model belong to the weights of its training. Other weights,
    such as an average of them, need others. So call this after you averaged weights, or loaded
    them without their statistics. Give it data of the training, without shuffling or augmentation;
    some thousand samples are enough.

    One pass runs over the data as in training, with dropout and with each batch normalised by
    itself, as in `torch.optim.swa_utils.update_bn`. That function then takes the means of the
    batches' means and variances. Here each batch counts by its size $n_b$, and the distances
    between the batches' means add to the variance. So a layer's statistics are those of all its
    inputs together and do not depend on the batches.

    It updates layers with `moving_mean`, `moving_variance` and `momentum`, at any depth, unless
    they are frozen (`trainable=False`) or not called in training. Weights, the state of other
    layers and the random state stay as they are.

    Args:
        model: A built model.
        data: Inputs, as for `model.predict`: arrays (a list or dict of them for several inputs), a
            `tf.data.Dataset`, a `keras.utils.PyDataset`, a PyTorch `DataLoader` or a generator.
            Targets that a data set yields beside the inputs are ignored.
        batch_size: >= 1, for arrays. Default 32; a larger one is nearer to the model in tests.
        steps: >= 1, the number of batches to read. Default `None`: all.

    Raises:
        TypeError, ValueError: wrong arguments.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> layer = keras.layers.BatchNormalization()
    >>> model = keras.Sequential([keras.Input((1,)), layer])
    >>> x = np.array([[1.0], [2.0], [3.0], [6.0]], "float32")
    >>> keras_optim.callbacks.update_batch_statistics(model, x, batch_size=3)
    >>> print(keras.ops.convert_to_numpy(layer.moving_mean), x.mean())
    [3.] 3.0
    >>> print(keras.ops.convert_to_numpy(layer.moving_variance), x.var())
    [3.5] 3.5

    Reference:
        Wu, Johnson, "Rethinking 'Batch' in BatchNorm", 2021, https://arxiv.org/abs/2105.07576,
        section 3 (PreciseBN)
    """
    title = "update_batch_statistics"
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(f"{title}: `model` must be a built Keras model. Received: {shown(model)}")
    batch_size = hyperparameters.check(title, "batch_size", batch_size, ranges.Period)
    steps = hyperparameters.check(title, "steps", steps, ranges.Period | None)
    Recorder(model).update(data, batch_size, steps)


def statistics(model: keras.Model) -> list[Any]:
    """Return the variables of all moving statistics in `model`, in the order of its layers."""
    found = [getattr(layer, n, None) for layer in normalizers(model) for n in _NAMES]
    return [v for v in found if v is not None]


def keep(variables: list[Any], kept: dict[str, Any]) -> None:
    """Copy the statistics into `kept`, under their names in files (see `evaluation_weights`)."""
    with tensors.no_gradients():
        kept.update({_name(k): ops.copy(tensors.tensor(v)) for k, v in enumerate(variables)})


def are_kept(kept: dict[str, Any]) -> bool:
    """Whether `kept` has statistics."""
    return _name(0) in kept


def put_back(variables: list[Any], kept: dict[str, Any]) -> None:
    """Give the statistics their values in `kept`, if it has them."""
    with tensors.no_gradients():
        for k, variable in enumerate(variables):
            value = kept.get(_name(k))
            if value is not None and tuple(value.shape) == tuple(variable.shape):
                variable.assign(value)


class Recorder(keras.Model):
    """A model whose outputs are the statistics of each batch inside another model.

    So `predict` can run the pass, because it reads every kind of data and compiles on every
    backend.
    """

    def __init__(self, model: keras.Model):
        super().__init__(dtype=model.dtype_policy, autocast=False)
        self.model = model
        self.recorded: dict[int, list[Any]] = {}
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Run the model as in training; return count, mean and variance of each layer in a row."""
        self.recorded.clear()
        takes_training = "training" in inspect.signature(self.model.call).parameters
        self.model(inputs, **({"training": True} if takes_training else {}))
        rows = []
        for layer in normalizers(self.model):
            calls = self.recorded.get(id(layer)) or [_nothing(layer)]
            count = sum(n for n, _, _ in calls)
            share = [n / ops.maximum(count, 1.0) for n, _, _ in calls]
            mean = sum(w * m for w, (_, m, _) in zip(share, calls, strict=True))
            variance = sum(
                w * (v + (m - mean) ** 2) for w, (_, m, v) in zip(share, calls, strict=True)
            )
            rows.append([ops.reshape(v, (1, -1)) for v in (count, mean, variance)])
        self.recorded.clear()
        return rows

    def update(self, data: Any, batch_size: int, steps: int | None) -> None:
        """Run the pass, and give the layers their new statistics."""
        layers = [layer for layer in normalizers(self.model) if layer.trainable]
        if not layers:
            return
        with tensors.no_gradients():  # spectral normalisation changes even weights
            before = [(v, ops.copy(tensors.tensor(v))) for v in self.model.variables]
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(_as_before(self.model))
                for layer in layers:
                    stack.enter_context(self._recording(layer))
                rows = self.predict(data, batch_size=batch_size, steps=steps, verbose=0)
        finally:
            with tensors.no_gradients():
                for variable, value in before:
                    variable.assign(value)
        for layer, row in zip(normalizers(self.model), rows, strict=True):
            if layer.trainable and row[0].sum() > 0:
                _give(layer, *row)

    @contextlib.contextmanager
    def _recording(self, layer: Any) -> Iterator[None]:
        """Let `layer` keep only the statistics of the last batch, and record them."""
        call, momentum = layer.call, layer.momentum
        signature = inspect.signature(call)

        def noting(*args: Any, **kwargs: Any) -> Any:
            outputs = call(*args, **kwargs)
            arguments = signature.bind(*args, **kwargs).arguments
            if arguments.get("training"):
                n = _count(layer, next(iter(arguments.values())), arguments.get("mask"))
                now = [tensors.tensor(getattr(layer, name)) for name in _NAMES[:2]]
                self.recorded.setdefault(id(layer), []).append((n, *map(ops.copy, now)))
            return outputs

        for name, value in zip(_NAMES, (0.0, 1.0, 1.0), strict=True):
            if (variable := getattr(layer, name, None)) is not None:  # 0 times NaN would be NaN
                variable.assign(value * ops.ones_like(tensors.tensor(variable)))
        layer.momentum = 0.0
        vars(layer)["call"] = noting
        try:
            yield
        finally:
            layer.momentum = momentum
            del vars(layer)["call"]


def _name(k: int) -> str:
    return f"{evaluation_weights.PREFIX}statistics.{k}"


def normalizers(model: keras.Model) -> list[Any]:
    """Return the layers of batch normalisation in `model`."""
    needed = ("moving_mean", "moving_variance", "momentum")
    return [
        layer
        for layer in model._flatten_layers()
        if all(getattr(layer, name, None) is not None for name in needed)
    ]


def _nothing(layer: Any) -> tuple[Any, Any, Any]:
    zeros = ops.zeros_like(tensors.tensor(layer.moving_mean))
    return ops.sum(zeros), zeros, zeros


def _count(layer: Any, inputs: Any, mask: Any) -> Any:
    """Return how many numbers each channel of `inputs` has."""
    if mask is not None:
        return ops.sum(ops.cast(mask, "float32"))
    sizes = [ops.cast(n, "float32") for n in ops.shape(inputs)]
    product = sizes[0]
    for size in sizes[1:]:
        product = product * size
    return product / float(np.prod(layer.moving_mean.shape))


def _give(layer: Any, counts: Any, means: Any, variances: Any) -> None:
    """Merge the statistics of all batches into `layer`."""
    counts, means, variances = (np.asarray(v, "float64") for v in (counts, means, variances))
    shares = counts / counts.sum()
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean) ** 2)).sum(0)
    stddev = np.sqrt(variance + getattr(layer, "epsilon", 0.0))
    for name, value in zip(_NAMES, (mean, variance, stddev), strict=True):
        if (variable := getattr(layer, name, None)) is not None:
            variable.assign(value.reshape(variable.shape).astype("float32"))


@contextlib.contextmanager
def _as_before(model: keras.Model) -> Iterator[None]:
    """Leave PyTorch's random state and the mode of its modules as they are."""
    if BACKEND != "torch":
        yield
        return
    import torch

    training = model.training
    with torch.random.fork_rng():
        yield
    model.train(training)
