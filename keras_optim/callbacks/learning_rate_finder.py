"""A sweep over learning rates that finds one to start with."""

import math
import os
from typing import Annotated, Any

import keras
import numpy as np

from keras_optim import hyper
from keras_optim.callbacks.access import between_batches, inside_loss_scale
from keras_optim.callbacks.sweep import Sweep
from keras_optim.hyper import Positive, Range
from keras_optim.showing import shown


class LearningRateFinder(keras.callbacks.Callback):
    r"""Try all rates from tiny to huge in one short run, and suggest one.

    $$
    \eta_i = \eta_\text{min} \left(\frac{\eta_\text{max}}{\eta_\text{min}}\right)^{i / (n - 1)}
    $$

    Each batch is one step with a rate a little larger than the last. The loss first stays, then
    falls, then explodes. `suggestion` is the rate at which the (smoothed) loss falls fastest:
    a good one to start from, and the upper rate for `Cyclic` and `OneCycle`; with momentum, or for
    long training, half of it is safer. Look at the `plot` before you trust a number.

    A `fit` that gets this callback does only that: when it ends, weights, optimizer state and the
    random state of layers are exactly as before. It works with every Keras optimizer whose rate is
    a number. The sweep has `steps` batches, or all that the epochs of `fit` have if that is less;
    it ends early when the loss is not finite or three times in a row above `divergence` times its
    lowest.

    Args:
        min_learning_rate: > 0, $\eta_\text{min}$. Default 1e-6.
        max_learning_rate: More than the smallest, $\eta_\text{max}$. Default 10.
        steps: >= 10, $n$. Default 100.
        divergence: > 1, see above. Default 4.

    Raises:
        ValueError: wrong rates; or when it starts: a rate that is a schedule, a model that is not
            built, or `steps_per_execution` other than 1.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras_optim.SGD(), "mse")
    >>> x = np.linspace(-1, 1, 256).reshape(-1, 1)
    >>> finder = keras_optim.callbacks.LearningRateFinder(steps=50)
    >>> history = model.fit(x, 3 * x, batch_size=32, epochs=10, callbacks=[finder], verbose=0)
    >>> 0.01 < finder.suggestion < 2
    True
    >>> model.optimizer.learning_rate = finder.suggestion

    Reference:
        Smith, "Cyclical learning rates for training neural networks", WACV 2017,
        https://arxiv.org/abs/1506.01186
    """

    @hyper.checked
    def __init__(
        self,
        min_learning_rate: Positive = 1e-6,
        max_learning_rate: Positive = 10.0,
        steps: Annotated[int, Range(10)] = 100,
        divergence: Annotated[float, Range(1, open="left")] = 4.0,
    ):
        super().__init__()
        if max_learning_rate <= min_learning_rate:
            raise ValueError(
                "LearningRateFinder: `max_learning_rate` must be more than `min_learning_rate`. "
                f"Received: max_learning_rate={max_learning_rate!r}, "
                f"min_learning_rate={min_learning_rate!r}"
            )
        self.min_learning_rate = min_learning_rate
        self.max_learning_rate = max_learning_rate
        self.steps = steps
        self.divergence = divergence
        self.rates: list[float] = []
        """The rates that were tried."""
        self.losses: list[float] = []
        """The loss of each batch, before the step with the rate of the same index."""

    # ---- the sweep

    def on_train_begin(self, logs: Any = None) -> None:
        """Remember all that the sweep will change."""
        optimizer = inside_loss_scale(self.model.optimizer)
        if not isinstance(optimizer._learning_rate, keras.Variable):
            raise ValueError(
                "LearningRateFinder: the optimizer's `learning_rate` must be a number while a rate "
                f"is searched. Received: learning_rate={shown(optimizer._learning_rate)}"
            )
        if self.model.steps_per_execution != 1:
            raise ValueError(
                "LearningRateFinder: the model must be compiled with `steps_per_execution=1`. "
                f"Received: steps_per_execution={self.model.steps_per_execution}"
            )
        if not self.model.trainable_variables:
            raise ValueError("LearningRateFinder: the model must be built before it is searched.")
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self.rates, self.losses = [], []
        known, epochs = self.params.get("steps"), self.params.get("epochs")
        count = min(self.steps, known * epochs) if known and epochs else self.steps
        ratio = math.log(self.max_learning_rate / self.min_learning_rate)
        self._planned = [
            self.min_learning_rate * math.exp(ratio * i / max(count - 1, 1)) for i in range(count)
        ]
        self._sweep = Sweep(self.model, lambda: self._planned[len(self.losses)])

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Let the loss be that of this batch alone, and its step one of the sweep."""
        between_batches(self.model)
        self.model.reset_metrics()
        self._sweep.before_step()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note rate and loss, and stop where it explodes."""
        self.rates.append(self._planned[len(self.losses)])
        self.losses.append(float((logs or {})["loss"]))
        if self._sweep.steps != len(self.losses):
            raise ValueError(
                "LearningRateFinder: `fit` must train by `model.train_function`, as that of Keras "
                f"does. Received: a {type(self.model).__name__} with another `fit`"
            )
        lowest = min(self.losses)
        exploded = min(self.losses[-3:]) > self.divergence * lowest > 0
        finished = len(self.losses) == len(self._planned)
        if finished or exploded or not math.isfinite(self.losses[-1]):
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Leave everything as it was."""
        self._sweep.end()

    # ---- what it found

    @property
    def smoothed(self) -> np.ndarray:
        """The finite losses, each averaged with its neighbours (a Gaussian over the steps)."""
        losses = np.array([loss for loss in self.losses if math.isfinite(loss)])
        steps = np.arange(len(losses))
        width = max(len(losses) / 40, 1.0)
        weights = np.exp(-0.5 * ((steps[:, None] - steps) / width) ** 2)
        return weights @ losses / weights.sum(1)

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss falls fastest, on the way to its lowest.

        Raises:
            ValueError: there was no sweep yet, or the loss never fell.
        """
        smoothed = self.smoothed
        if len(smoothed) < 5:
            raise ValueError(
                "LearningRateFinder: run `fit` with this callback first, over 10 batches or more. "
                f"Received: {len(smoothed)} finite losses"
            )
        end = int(np.argmin(smoothed)) + 1
        slopes = np.gradient(smoothed, np.log(self.rates[: len(smoothed)]))[:end]
        if end == 1 or slopes.min() >= 0:
            raise ValueError(
                "LearningRateFinder: the loss never fell; lower `min_learning_rate`, or look at "
                f"`plot`. Received: min_learning_rate={self.min_learning_rate!r}"
            )
        return self.rates[int(np.argmin(slopes))]

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw loss against rate, with the suggestion, into the file `path`.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: there was no sweep yet, or the loss never fell.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("LearningRateFinder.plot needs matplotlib.") from error
        suggestion, smoothed = self.suggestion, self.smoothed
        rates = self.rates[: len(smoothed)]
        figure = Figure(figsize=(7, 4), layout="constrained")
        axis = figure.subplots()
        axis.plot(rates, self.losses[: len(smoothed)], ".", color="#9db8ca", markersize=4)
        axis.plot(rates, smoothed, color="#2a6f97", linewidth=2)
        axis.axvline(suggestion, color="#bc6c25", linewidth=1, linestyle=(0, (4, 3)))
        at = float(smoothed[rates.index(suggestion)])
        axis.plot([suggestion], [at], "o", color="#bc6c25", markersize=6)
        axis.annotate(
            f"suggestion {suggestion:.2g}",
            (suggestion, at),
            xytext=(-8, -12),
            textcoords="offset points",
            ha="right",
            color="#bc6c25",
        )
        low, high = float(smoothed.min()), float(smoothed[: int(np.argmin(smoothed)) + 1].max())
        axis.set_ylim(low - 0.15 * (high - low), high + 0.6 * (high - low))
        axis.set_xscale("log")
        axis.set_xlabel("learning rate", color="#555555")
        axis.set_ylabel("loss of the batch", color="#555555")
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["bottom", "left"]].set_color("#c8c8c8")
        axis.tick_params(colors="#777777")
        axis.grid(axis="y", color="#eeeeee")
        axis.set_axisbelow(True)
        figure.savefig(path, dpi=130)
