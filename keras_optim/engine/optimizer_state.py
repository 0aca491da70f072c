"""The state of a built optimizer, and the dict `s` in which a rule sees it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from keras_optim import keras_private
from keras_optim.arguments.ranges import WeightDecay
from keras_optim.engine.storing import COMPENSATION, Stored, stored_by, streams
from keras_optim.rounding import Stream
from keras_optim.tensors import Tensor, tensors, widened
from keras_optim.trees import INNER, Tree, flat_names, mapped, merged, nested
from keras_optim.variables.decay import decay_of

_TAKEN = (
    *("average", "gradient_accumulator", "iteration", "learning_rate", "format", "algorithm"),
    COMPENSATION,
)
"""Names in files that no state of a rule may have."""


@dataclass(frozen=True)
class Fixed:
    """Names and constants of one variable, the same in each step."""

    names: Tree
    """The flat names of its slots."""
    constants: Tree
    """Its constants, its weight decay, and the function that returns stored values."""
    streams: Mapping[str, Stream] = field(default_factory=dict)
    """The random bits for its slots that are kept in bfloat16, by flat names."""
    number: int = 0
    """Its place among the variables of the optimizer."""

    @property
    def rounds_at_random(self) -> bool:
        """Whether its weight or a slot is rounded at random."""
        stored: Stored | None = self.constants["stored"]
        return bool(self.streams) or (stored is not None and stored.rounding == "stochastic")

    def state(self, slots: dict[str, Tensor], *others: Tree) -> Tree:
        """Return the dict `s`: the slots, given by flat names, the constants, and `others`."""
        return merged(nested(slots, self.names), *others, self.constants)


@dataclass(frozen=True)
class OptimizerState:
    """The variables of a built optimizer; lists are aligned with those that it trains."""

    slots: list[dict[str, Any]]
    """The slots of each variable, by their flat names."""
    slot_names: list[Tree]
    """The flat names, as `trees.flat_names` has them."""
    shared: dict[str, Any]
    """The state of all variables together, by flat names."""
    owners: list[tuple[Any, dict[str, str]]]
    """Each rule with the flat names of its shared state, as `named_rules` has them."""
    constants: list[Tree]
    """The constants of each variable, which the build decided."""
    native: Any
    """The compiled steps, if the backend has them, or `None`."""
    trained: dict[str, Any] = field(default_factory=dict)
    """The training weights and their slots, by their names in a file, while the model holds
    evaluation weights: see `keras_optim.state.evaluation_weights`."""

    def shared_of(self, rule: Any) -> dict[str, Any]:
        """Return the variables of the shared state that belongs to `rule`, by its own names."""
        names = next(names for owner, names in self.owners if owner is rule)
        return {name: self.shared[flat] for name, flat in names.items()}


def slot_names(starts: Tree) -> Tree:
    """Return the flat names of the slots of a variable, from their starting values."""
    return flat_names(starts, _TAKEN)


def shared_names(rule: Any) -> Tree:
    """Return the flat names of the shared state of a rule and those inside."""
    return flat_names(rule.shared_starts(), _TAKEN)


def named_rules(rule: Any, names: Tree | None = None) -> Iterator[tuple[Any, dict[str, str]]]:
    """Yield each rule, from outside to inside, with the flat names of its shared state."""
    names = shared_names(rule) if names is None else names
    yield rule, {name: flat for name, flat in names.items() if not isinstance(flat, dict)}
    inside = [value for value in names.values() if isinstance(value, dict)]
    for child, its_names in zip(rule.children(), inside, strict=True):
        yield from named_rules(child, its_names)


def own_rates(optimizer: Any) -> dict[str, Any]:
    """Return the rates that rules inside have of their own, by flat names: see `Rule.own_rates`."""
    return {
        names[name]: rate
        for rule, names in named_rules(optimizer)
        for name, rate in rule.own_rates().items()
    }


def scheduled_rates(optimizer: Any) -> dict[str, Any]:
    """Return the own rates that are schedules or callables."""
    rates = own_rates(optimizer).items()
    return {name: rate for name, rate in rates if not isinstance(rate, keras.Variable)}


def shared_now(optimizer: Any, asking: bool = True) -> dict[str, Tensor]:
    """Return the shared state by flat names, with the rates of this step.

    Args:
        optimizer: Built.
        asking: Whether this is the one time in a step that callables are asked for their rates;
            else they are NaN.
    """
    rates = {
        name: keras_private.rate_now(optimizer, rate, asking)
        for name, rate in scheduled_rates(optimizer).items()
    }
    return {**tensors(optimizer.state.shared), **tensors(rates)}


def fixed(optimizer: Any, indices: Sequence[int]) -> list[Fixed]:
    """Return names and constants of the variables with these indices."""
    decay, variables = optimizer.weight_decay, keras_private.trainable_variables(optimizer)
    state, paths = optimizer.state, optimizer._paths
    return [
        Fixed(
            state.slot_names[i],
            with_options(
                optimizer,
                state.constants[i],
                decay,
                paths[i],
                stored_by(optimizer, variables[i]),
            ),
            streams(optimizer, state.slots[i]),
            i,
        )
        for i in indices
    ]


def with_options(
    rule: Any, constants: Tree, decay: WeightDecay, path: str, stored: Stored | None
) -> Tree:
    """Add weight decay and storing to the constants of a rule and those inside."""
    whole = {
        **constants,
        "weight_decay": decay_of(decay, path) if constants.get("decayed") else 0.0,
        "decay": None,  # `Rule.step` replaces it
        "stored": stored,
    }
    if inner := rule.inside(constants):
        decay, stored = rule.decay_inside(constants, decay), rule.stored_inside(stored)
        whole[INNER] = with_options(inner, constants[INNER], decay, path, stored)
    return whole


def state_of(optimizer: Any, i: int, **slots: Tensor) -> Tree:
    """Return the dict `s` of the variable with index `i`, between two steps; empty without slots.

    Slots that are given replace those of the optimizer.
    """
    state, x = optimizer.state, widened(keras_private.trainable_variables(optimizer)[i])
    if not state.slots[i]:
        return {}
    shared = nested(shared_now(optimizer, asking=False), shared_names(optimizer))
    shared = mapped(lambda v: ops.cast(v, x.dtype), shared)
    [known] = fixed(optimizer, [i])
    held = {name: widened(v, like=x) for name, v in {**tensors(state.slots[i]), **slots}.items()}
    return known.state(held, shared)
