"""Layer-wise decay of the learning rate, from the distance of each layer to the model's output."""

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_optim import keras_private
from keras_optim.arguments.hyperparameters import check
from keras_optim.arguments.ranges import Decay, Fraction
from keras_optim.formatting import shown
from keras_optim.wrappers.variable_rates import VariableRates

SMALL = 1e-4
"""Multipliers below it are worth a warning."""

_BLOCK = re.compile(r"(.*?(?:(?:block|layer)_?\d+[a-z]?|expanded_conv(?:_\d+)?))_")
_OF_THE_LAYER_BEFORE = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
    keras.layers.PReLU,
)


def layerwise_decay(model: keras.Model, decay: float, floor: float = 0.0) -> VariableRates:
    r"""Compute multipliers that fall from the last layer to the first, for `RateMultipliers`.

    $$
    \text{multiplier of layer } l = \max(\text{decay}^{d_l}, \text{floor})
    $$

    with $d_l$ the number of layers that come after it. The usual recipe to fine-tune: early layers
    are general and should hardly move. 0.65 to 0.9 is common for transformers.

    A layer counts if it has a matrix or a kernel that is trained. Normalisation, activations and
    other layers that have only vectors belong to the layer before them. Layers whose names begin
    with one numbered block (`conv2_block1_1_conv`, `block2a_expand_bn`, `stage_0_block_1_...`) are
    one. A model inside the model is taken apart; any other layer made of layers, such as a
    transformer block, is one. In a functional model the longest way from the layer to the output
    counts, so parallel branches are at one depth; other models have their `layers` in a row. A
    layer that is used twice counts at its first use. So ResNet50 with a head of one layer has a
    depth of 17, and its first rate at 0.8 is 0.02.

    Args:
        model: A built model; unless it is functional, its `layers` stand in the order of the
            computation.
        decay: In [0, 1): the multiplier of each layer is this one times the next one's.
        floor: The smallest multiplier, in [0, 1]. Default 0: none.

    Returns:
        A multiplier for each trainable variable of the model, in their order: `values()` has
        them, `items()` with their paths. It belongs to the variables, not to their paths.

    Raises:
        TypeError: `model` is no Keras model.
        ValueError: a number is outside of its range, or no layer of the model has trainable
            weights.

    Warns:
        UserWarning: a multiplier is smaller than 1e-4, so that its layer hardly moves at all.

    Example:

    >>> import keras, keras_optim
    >>> model = keras.Sequential([keras.Input((2,))])
    >>> for name in ("first", "second", "last"):
    ...     model.add(keras.layers.Dense(2, use_bias=False, name=name))
    >>> keras_optim.layerwise_decay(model, decay=0.5).values()
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
    floor = check("layerwise_decay", "floor", floor, Fraction)
    depths = Depths(model)
    if not depths.of:
        raise ValueError(
            "layerwise_decay: `model` must be built and have layers with trainable weights. "
            f"Received: model={shown(model)}"
        )
    ranks = {depth: rank for rank, depth in enumerate(sorted(set(depths.of.values())))}
    by_variable = {
        id(v): ranks[depth] for layer, depth in depths.items() for v in layer.trainable_variables
    }
    variables = model.trainable_variables
    rates = [max(decay ** by_variable.get(id(v), 0), floor) for v in variables]
    if 0 < min(rates) < SMALL:
        smallest = variables[rates.index(min(rates))].path
        warnings.warn(
            f"layerwise_decay: the rate of {smallest} is multiplied by {min(rates):.1g}: "
            f"{max(ranks.values())} layers come after it. Raise `decay`, or give a `floor`.",
            stacklevel=2,
        )
    return VariableRates(variables, rates)


@dataclass
class _After:
    """The layers that come after a place in the model."""

    units: dict[Any, int] = field(default_factory=dict)
    """The layers or blocks that come next, with their depths."""
    waiting: list[Any] = field(default_factory=list)
    """Layers that belong to the layer before them."""

    @staticmethod
    def union(several: Iterable["_After"]) -> "_After":
        """Join the layers after a place that has several ways to the output."""
        whole = _After()
        for one in several:
            for unit, depth in one.units.items():
                whole.units[unit] = max(depth, whole.units.get(unit, 0))
            whole.waiting += [x for x in one.waiting if all(x is not y for y in whole.waiting)]
        return whole


class Depths:
    """The depth of every layer of a model with trainable weights, found from the output back."""

    def __init__(self, model: keras.Model):
        self.of: dict[int, int] = {}
        self._layers: dict[int, Any] = {}
        self._blocks: set[Any] = set()
        self._find_blocks(model)
        start = self._before_model(model, _After())
        for layer in start.waiting:  # no layer is before them
            self._set(layer, max(start.units.values(), default=0))

    def items(self) -> list[tuple[Any, int]]:
        """Return the layers with their depths."""
        return [(self._layers[key], depth) for key, depth in self.of.items()]

    def _find_blocks(self, model: keras.Model) -> None:
        for layer in model.layers:
            if isinstance(layer, keras.Model):
                self._find_blocks(layer)
            elif _counts(layer) and (block := _block(layer, model)):
                self._blocks.add(block)

    def _set(self, layer: Any, depth: int, choose: Any = max) -> None:
        known = self.of.get(id(layer))
        self.of[id(layer)] = depth if known is None else choose(known, depth)
        self._layers[id(layer)] = layer

    def _before_model(self, model: Any, after: _After) -> _After:
        nodes = keras_private.nodes_by_depth(model)
        if nodes is None or isinstance(model, keras.Sequential):
            for layer in reversed(model.layers):
                after = self._before(layer, model, after)
            return after
        return self._before_graph(model, [n for d in sorted(nodes) for n in nodes[d]], after)

    def _before_graph(self, model: Any, nodes: Sequence[Any], after: _After) -> _After:
        """Go through the nodes of a functional model; those at the output come first."""
        last = (keras_private.history(tensor) for tensor in model.outputs)
        outputs = {id(made.operation._inbound_nodes[made.node_index]) for made in last}
        next_ones: dict[int, list[_After]] = {}
        for node in nodes:
            several = next_ones.get(id(node), [])
            if id(node) in outputs:
                several = [*several, after]
            before = self._before(node.operation, model, _After.union(several))
            for parent in node.parent_nodes:
                next_ones.setdefault(id(parent), []).append(before)
            if not node.parent_nodes:
                next_ones.setdefault(0, []).append(before)
        return _After.union(next_ones.get(0, []))

    def _before(self, layer: Any, model: Any, after: _After) -> _After:
        """Return the layers after the place before `layer`, from those after `layer`."""
        if isinstance(layer, keras.Model):
            return self._before_model(layer, after)
        block = _block(layer, model)
        in_block = block in self._blocks
        trained = bool(getattr(layer, "trainable_variables", ()))
        if not in_block and not _counts(layer):
            return _After(after.units, [*after.waiting, layer] if trained else after.waiting)
        unit = block if in_block else id(layer)
        depth = max((d + (u != unit) for u, d in after.units.items()), default=0)
        if trained:
            self._set(layer, depth)
        if not _counts(layer):
            return _After({unit: depth}, after.waiting)
        for other in after.waiting:
            self._set(other, depth, min)
        return _After({unit: depth})


def _block(layer: Any, model: Any) -> tuple[int, str] | None:
    """Return the block to which the layer belongs by its name."""
    name = _BLOCK.match(getattr(layer, "name", ""))
    return (id(model), name[1]) if name else None


def _counts(layer: Any) -> bool:
    """Whether it is a layer of its own: one with a matrix that is trained."""
    ranks = [len(v.shape) for v in getattr(layer, "trainable_variables", ())]
    return max(ranks, default=0) > 1 and not isinstance(layer, _OF_THE_LAYER_BEFORE)
