"""Another learning rate for each layer: multipliers by variable path, layer-wise decay."""

from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import ops

from keras_optim.base import Optimizer, Slots, Tensor
from keras_optim.hyper import Decay, NonNegative, WrapperOptions, check
from keras_optim.paths import exactly, first_matches
from keras_optim.showing import shown
from keras_optim.wrappers.wrapper import Wrapper


class RateMultipliers(Wrapper):
    r"""A learning rate of its own for each layer, by patterns over the variables' paths.

    $$
    \eta_i = \eta \cdot \text{multiplier of the first pattern found in the path of variable } i
    $$

    Fine-tuning wants small rates, or none, for the layers that were pretrained, and large ones for
    the new head. Paths look like `"encoder/dense_1/kernel"`: see `[v.path for v in model.weights]`.
    Variables that no pattern matches keep the rate.

    A multiplier of 0 freezes: neither the weights nor their state change, weight decay included,
    whatever the gradient. (Where a layer stays frozen all the time, `layer.trainable = False` saves
    its gradient and state as well.) Weight decay and all else that goes with the rate is
    multiplied too, as it is for parameter groups in PyTorch; the options `clipnorm` and
    `global_clipnorm` see all gradients as they are.

    Args:
        inner: An optimizer of keras_optim, not built.
        multipliers: A dict from patterns, found by `re.search` in the path, to multipliers >= 0.
            The first pattern that is found counts. `layerwise_decay` makes one from a model.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: when it is built, for a pattern that matches no variable.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> xs = [keras.Variable([1.0], name=name) for name in ("embedding", "body", "head")]
    >>> optimizer = keras_optim.RateMultipliers(
    ...     keras_optim.SGD(0.1), {"embedding": 0.0, "head": 5.0}
    ... )
    >>> optimizer.apply([np.array([1.0], "float32")] * 3, xs)
    >>> [round(float(x.numpy()[0]), 4) for x in xs]
    [1.0, 0.9, 0.5]

    Reference:
        Howard, Ruder, "Universal language model fine-tuning for text classification", ACL 2018,
        https://arxiv.org/abs/1801.06146
    """

    def __init__(
        self,
        inner: Optimizer,
        multipliers: dict[str, NonNegative],
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self.multipliers = multipliers

    def constants(self, paths: Sequence[str]) -> list[dict[str, Any]]:
        found = first_matches(self.multipliers, paths, type(self).__name__, "multipliers")
        multipliers = [1.0 if p is None else self.multipliers[p] for p in found]
        inner = super().constants(paths)
        return [{**c, "multiplier": m} for c, m in zip(inner, multipliers, strict=True)]

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> dict[str, Tensor]:
        measured = super().measure(g, x, s, t, s["multiplier"] * lr)
        if s["multiplier"]:
            return measured
        return {name: ops.zeros_like(value) for name, value in measured.items()}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        if not s["multiplier"]:
            return x, {slot: s[slot] for slot in self.slots}
        return self.inner.step(g, x, s, t, s["multiplier"] * lr)


def layerwise_decay(model: keras.Model, decay: float) -> dict[str, float]:
    r"""Multipliers that fall from the last layer to the first, for `RateMultipliers`.

    $$
    \text{multiplier of layer } l = \text{decay}^{L - l}, \qquad l = 1 \ldots L
    $$

    The usual recipe to fine-tune a transformer: early layers are general and should hardly move.
    0.65 to 0.9 is common. Layers without trainable weights do not count. A model inside the model
    is taken apart; any other layer made of layers, such as a transformer block, counts as one.

    Args:
        model: A built model whose `layers` stand in the order of the computation.
        decay: In [0, 1): the multiplier of each layer is this one times the next one's.

    Returns:
        A dict of patterns, one for each trainable variable in a layer.

    Raises:
        TypeError: `model` is none.
        ValueError: `decay` is outside of its range, or no layer of the model has trainable weights.

    Example:

    >>> import keras, keras_optim
    >>> model = keras.Sequential([keras.Input((2,))])
    >>> for name in ("first", "second", "last"):
    ...     model.add(keras.layers.Dense(2, use_bias=False, name=name))
    >>> list(keras_optim.layerwise_decay(model, decay=0.5).values())
    [0.25, 0.5, 1.0]
    >>> optimizer = keras_optim.RateMultipliers(
    ...     keras_optim.AdamW(), keras_optim.layerwise_decay(model, decay=0.5)
    ... )

    Reference:
        Clark et al., "ELECTRA: pre-training text encoders as discriminators rather than
        generators", ICLR 2020, https://arxiv.org/abs/2003.10555
    """
    model = check("layerwise_decay", "model", model, keras.Model)
    decay = check("layerwise_decay", "decay", decay, Decay)
    layers = [layer for layer in _layers(model) if layer.trainable_variables]
    if not layers:
        raise ValueError(
            "layerwise_decay: `model` must be built and have layers with trainable weights. "
            f"Received: model={shown(model)}"
        )
    multipliers: dict[str, float] = {}
    for depth, layer in enumerate(reversed(layers)):
        # A layer used twice counts where it is used first.
        multipliers.update({exactly(v): decay**depth for v in layer.trainable_variables})
    return dict(reversed(multipliers.items()))


def _layers(model: keras.Model) -> list[keras.Layer]:
    """The layers of a model, those of models inside it in their place."""
    found: list[keras.Layer] = []
    for layer in model.layers:
        found += _layers(layer) if isinstance(layer, keras.Model) else [layer]
    return found
