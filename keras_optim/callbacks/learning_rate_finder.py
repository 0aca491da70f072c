"""Search for a learning rate: a sweep over rates, and a suggestion."""

import itertools
import math
import os
from typing import Annotated, Any

import keras
import numpy as np

from keras_optim import keras_private
from keras_optim.arguments import hyperparameters
from keras_optim.arguments.ranges import Positive, Range
from keras_optim.callbacks.access import between_batches, inside_loss_scale
from keras_optim.callbacks.draw_rates import draw_rates
from keras_optim.callbacks.rate_curve import NoFall, RateCurve, rate_curve
from keras_optim.callbacks.sweep import Sweep
from keras_optim.formatting import shown


class LearningRateFinder(keras.callbacks.Callback):
    r"""Sweep over rates from tiny to huge in one short run, and a suggestion.

    $$
    \eta_i = \eta_\text{min} \left(\frac{\eta_\text{max}}{\eta_\text{min}}\right)^{i / (n - 1)}
    $$

    Each batch is one step with a rate a little larger than the last. The loss first stays, then
    falls, then explodes. `suggestion` lies halfway, on the logarithmic scale, between two rates: at
    the first, the smoothed loss has made a fifth of its fall; at the second, it is lowest. It is at
    most a fifth of the second. The smoothing window grows with the noise of the batches. Look at
    the `plot` before you trust a number.

    Measured on scikit-learn's digits (two hidden layers of 64 units) and on 4,000 images of MNIST
    (two convolutions), with batches of 64 and of 8, three sweeps each (PyTorch). The best rate of a
    grid has the lowest loss after 300 or 600 steps. Of 48 suggestions 44 are within a factor of
    about 5 of it, and all within 12. As multiples of that rate: `SGD` 0.08 to 1 (median
    0.2), `Adam` 0.2 to 5 (1.1), `Lion` 1.1 to 8.5 (2.7), `SignSGD` 0.3 to 4.4 (0.7). So go up for
    plain `SGD`, and down for `Lion`. The rate of steepest descent, a common choice, was from
    0.0003 to 19 times the best. A sweep is short: for long training, or with momentum, take half.

    A `fit` with this callback only runs the sweep. After it, weights, optimizer state and the
    random state of layers are exactly as before, even after an exception or Ctrl-C. Other callbacks
    see the model as it was, not the sweep. It works with every Keras optimizer whose rate is a
    number. The sweep has `steps` batches, or all that the epochs of `fit` have if these are fewer.
    It ends early if the loss is not finite, or three times in a row above `divergence` times its
    lowest.

    Args:
        min_learning_rate: > 0, $\eta_\text{min}$. Default 1e-6.
        max_learning_rate: Above `min_learning_rate`, $\eta_\text{max}$. Default 10.
        steps: >= 10, $n$. Default 100.
        divergence: > 1, see above. Default 4.

    Raises:
        ValueError: wrong rates. When the sweep starts: a rate that is a schedule, a model that is
            not built or has a `fit` of its own, or `steps_per_execution` other than 1.

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

    leaves_the_model = True  # so nobody needs to swap evaluation weights in

    @hyperparameters.checked
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
        """The rates tried so far."""
        self.losses: list[float] = []
        """The loss of each batch, before the step with the rate of the same index."""

    # ---- the sweep

    def on_train_begin(self, logs: Any = None) -> None:
        """Plan the rates, and copy all that the sweep will change."""
        optimizer = inside_loss_scale(self.model.optimizer)
        rate = keras_private.learning_rate(optimizer)
        if not isinstance(rate, keras.Variable):
            raise ValueError(
                "LearningRateFinder: the optimizer's `learning_rate` must be a number during the "
                f"sweep. Received: learning_rate={shown(rate)}"
            )
        if self.model.steps_per_execution != 1:
            raise ValueError(
                "LearningRateFinder: the model must be compiled with `steps_per_execution=1`. "
                f"Received: steps_per_execution={self.model.steps_per_execution}"
            )
        if not self.model.trainable_variables:
            raise ValueError("LearningRateFinder: the model must be built before the sweep.")
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
        """Make the loss that of this batch alone, and its step a step of the sweep."""
        between_batches(self.model)
        self.model.reset_metrics()
        self._sweep.before_step()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note rate and loss, and stop if the loss explodes."""
        self.rates.append(self._planned[len(self.losses)])
        self.losses.append(float((logs or {})["loss"]))
        if self._sweep.steps != len(self.losses):
            raise ValueError(
                "LearningRateFinder: `fit` must call `model.train_function`, as Keras's own does. "
                f"Received: a {type(self.model).__name__} with another `fit`"
            )
        lowest = min(self.losses)
        exploded = min(self.losses[-3:]) > self.divergence * lowest > 0
        finished = len(self.losses) == len(self._planned)
        if finished or exploded or not math.isfinite(self.losses[-1]):
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Restore the model."""
        self._sweep.end()

    # ---- results

    @property
    def smoothed(self) -> np.ndarray:
        """The finite losses, each averaged with its neighbours; an explosion is cut off.

        Raises:
            ValueError: no sweep has run.
        """
        return self._curve().smoothed

    @property
    def suggestion(self) -> float:
        """The rate to start with, see above.

        Raises:
            ValueError: no sweep has run, or the loss never fell clearly above its noise.
        """
        try:
            return self._curve().suggestion(self.rates)
        except NoFall:
            raise ValueError(
                "LearningRateFinder: the loss never fell clearly above its noise; look at `plot`, "
                "then take larger batches, more `steps`, or other rates. Received: "
                f"min_learning_rate={self.min_learning_rate!r}, "
                f"max_learning_rate={self.max_learning_rate!r}, {len(self.losses)} batches"
            ) from None

    def _curve(self) -> RateCurve:
        finite = list(itertools.takewhile(math.isfinite, self.losses))
        if len(finite) < 5:
            raise ValueError(
                "LearningRateFinder: run `fit` with this callback first, over 10 batches or more. "
                f"Received: {len(finite)} finite losses"
            )
        return rate_curve(finite)

    def plot(self, path: str | os.PathLike[str] | None = None, ax: Any = None) -> Any:
        """Draw loss against rate, with the suggestion if there is one.

        Args:
            path: A file to save the picture in, or `None` (default).
            ax: Axes of matplotlib to draw into. Default `None`: those of a new figure; without a
                path it is one of pyplot, which a notebook shows by itself.

        Returns:
            The axes.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: no sweep has run.
        """
        return draw_rates(self, path, ax)
