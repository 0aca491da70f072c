"""The contract of an algorithm: a class of facts plus one pure function.

A rule is written in five names, the same in every file:

* `g`: the gradient, a plain tensor in float32 or wider,
* `x`: the value of the variable, same shape and dtype as `g`,
* `s`: its state, a dict: the variable's slots, the state that all variables share, and its
  constants; a wrapper finds that of the rule inside in `s["inner"]`,
* `t`: the step, an *integer* tensor counted from 1 (exact for ever; `t % period` is safe),
* `lr`: the learning rate, a tensor in the dtype of `x`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_optim.arguments.ranges import WeightDecay
from keras_optim.decaying import LARGEST_RATE, Decaying
from keras_optim.trees import Tree
from keras_optim.variables.paths import Choice, first_matches

Tensor = Any
Slots = dict[str, Tensor]


def passes_on(measure: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method `measure` that has no sums of its own."""
    measure.passes_on = True  # type: ignore[attr-defined]
    return measure


@dataclass(frozen=True)
class VariableSpec:
    """Path and shape of a variable, which are known before it is trained."""

    path: str
    shape: tuple[int, ...]


class Rule(Decaying):
    """Facts and functions of an algorithm; `keras_optim.Optimizer` makes an optimizer of them."""

    slots: tuple[str, ...] = ()
    """Names of the state kept for each variable: zeros of its shape, unless `init` says otherwise.
    An instance may change it in its constructor (RMSprop without momentum keeps less)."""

    exact_slots: tuple[str, ...] = ()
    """Names of slots that keep the precision of the arithmetic under every `state_dtype`, even
    if they have the shape of their variable: bases and factors of matrices."""

    shared: Mapping[str, Any] = {}
    """State shared by all variables, with starting values: numbers, or arrays of any shape."""

    non_negative: tuple[str, ...] = ()
    """Names of the numbers in `shared` that are always finite and >= 0: a file with others is
    refused."""

    # Claims about the defaults, up to epsilon, for variables of any shape; tests measure them.

    memory: float = 0
    """Numbers kept for each weight of a large matrix; a wrapper states those that it adds."""

    scale_invariant: bool = False
    """Whether the path stays the same when all gradients are multiplied by one number."""

    rotation_equivariant: bool = False
    """Whether the path of rotated weights under rotated gradients is the rotated path."""

    sign_based: bool = False
    """Whether all weights of a variable move by the same amount."""

    elementwise: bool = True
    """Whether the path of each weight depends on no other weight and no other's gradients."""

    joint: bool = False
    """Whether the rule estimates a number from all variables, so that the path of each depends on
    the gradients of the others. Such a rule takes one rate for all of them."""

    estimate: str | None = None
    """The name in `shared` of a factor of the learning rate that the rule estimates, if it does:
    `keras_optim.callbacks.LogTraining` logs it, and ScheduleFree weighs steps by it."""

    by_rows: bool = False
    """Whether a row without a gradient may stay unread, if the constant `lazy` of its variable is
    set: see `keras_optim.engine.sparse_rows`."""

    couples_decay: int | None = None
    """`None`: weight decay is a step of its own, of `lr * weight_decay`. A number: it is part of
    the gradient or the direction of variables with at least so many axes."""

    shrinks: bool = False
    """Whether weights move without a gradient, apart from weight decay. An instance may change
    it in its constructor, too."""

    constrains: bool = False
    """Whether the rule itself keeps the iterate that it moves within the variable's constraint; the
    weights, a mean of such iterates, then keep it by themselves."""

    rate_at_start_only: bool = False
    """Whether the learning rate decides the first step only, and the rule decides all others."""

    no_kernel: str = ""
    """Why PyTorch's kernels do not take its rule, at least for some variables."""

    second: str = "none"
    """`"gradient"`: each step needs a second gradient, taken at the weights plus the offset that
    `probe` chooses. `"hessian_product"`: steps need the Hessian times a `hessian_direction`.
    `"sampled_gradient"`: steps need a gradient for labels that are drawn from the model. `observe`
    gets the last two. A wrapper takes over this need of the rule inside."""

    second_period: int = 1
    """Steps from one call of `observe`, or from one second gradient, to the next; the first step
    has one."""

    combines: bool = False
    """Whether the step takes a sum of the first and the second gradient, see
    `keras_optim.engine.combining`."""

    observed: tuple[str, ...] = ()
    """Names of the slots that `observe` changes."""

    sees_loss: bool = False
    """Whether the rule sees the loss of each step, in its shared state `loss`: see
    `keras_optim.engine.seen_loss`. So does a wrapper or a combination with such a rule inside."""

    # Settings for tests that go over the whole catalogue.

    trial_rate: float = 0.01
    """A learning rate that trains a small network within a few dozen steps."""

    trial_arguments: Mapping[str, Any] = {}
    """Required arguments; a zero for an argument that would make a wrapper random; numbers that let
    a rule act within a few steps; and a choice that else follows from paths."""

    trial_variants: tuple[Mapping[str, Any], ...] = ()
    """Arguments that change which state is kept, each tried beside the defaults."""

    _excluded: tuple[Choice, ...] = ()

    # ---- functions that an algorithm writes

    def init(self, x: Tensor) -> Slots:
        """Return the starting values of the slots of `x` that are not zeros of its shape.

        They may have any shape, and names beside those in `slots`, which depend on the shape of
        `x` (SM3 keeps one slot for each axis).
        """
        return {}

    def read_older(self, slots: Slots, shape: tuple[int, ...]) -> Slots:
        """Return the slots of a variable, from those that an earlier version kept in a file."""
        return slots

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Return the change of `x`, which is added to it, and the new value of all its slots.

        The function is pure: no variables, no casts.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `update`.")

    @passes_on
    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        """Return the sums and the carry of a variable.

        The sums are numbers that the engine sums over all variables and gives to `pool`. `update`
        sees the carry in its `s`, so that nothing is computed twice.
        """
        return {}, {}

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        """Return new values of the shared state, from the sums of `measure`; and values that are
        seen in this step only. `update` sees both in its `s`.
        """
        return {}, {}

    def together(self, gs: Sequence[Tensor], ss: Sequence[Tree], t: Tensor) -> Sequence[Tree]:
        """Return the state `s` of each variable as `step` sees it, with values that are computed
        for all variables at once.

        A step without these values must do the same, because wrappers do not ask for them.
        """
        return ss

    def probe(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> Tensor:
        """Return the offset from `x` at which the second gradient is taken, see `second`.

        `measure` and `pool` have seen the first gradients before. Their results are in `s`, and
        are dropped afterwards. For the rest of the step, also for `measure` and `pool` once more,
        `g` is the second gradient. `lr` is NaN if it is a callable, because that is asked only once
        a step.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `probe`.")

    def hessian_direction(self, x: Tensor, s: Slots, t: Tensor) -> Tensor:
        """Return the direction that the Hessian is multiplied by, see `second`."""
        raise NotImplementedError(f"{type(self).__name__} must define `hessian_direction`.")

    def observe(self, seen: Tensor, x: Tensor, s: Slots, t: Tensor) -> Slots:
        """Return new values of the slots in `observed`, before `update` of the same step.

        `seen` is the Hessian of the batch's loss times `hessian_direction`, or the gradient of its
        mean loss for drawn labels, times the root of their number.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `observe`.")

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        """Return the constants of each variable, decided from path and shape at the build."""
        name = "exclude_from_weight_decay"
        paths = [variable.path for variable in variables]
        excluded = first_matches(self._excluded, paths, type(self).__name__, name)
        patterns, name = self.corrected_weight_decay or (), self._corrected_by
        corrected = first_matches(patterns, paths, type(self).__name__, name)
        return [
            {"decayed": exempt is None, "corrected": pattern is not None}
            for exempt, pattern in zip(excluded, corrected, strict=True)
        ]

    def evaluate(self, x: Tensor, s: Slots) -> Tensor | None:
        """Return the evaluation weights between two steps; `None`: the training weights."""
        return None

    def settle(self, x: Tensor, s: Slots) -> Slots:
        """Return the slots that change when the evaluation weights become the weights."""
        return {}

    # ---- functions that a wrapper extends

    def children(self) -> "tuple[Any, ...]":
        """Return the rules inside."""
        return ()

    def inside(self, constants: Tree) -> Any:
        """Return the rule inside that steps a variable with these constants, or `None`."""
        return None

    def decay_inside(self, constants: Tree, decay: WeightDecay) -> WeightDecay:
        """Return the weight decay of the rule inside, from that of this one."""
        return decay

    def stored_inside(self, stored: Any) -> Any:
        """Return the storing of the values that the rule inside moves; `None`: as they are."""
        return stored

    def own_rates(self) -> dict[str, Any]:
        """Return the rates that rules inside have of their own, under names in `shared`. Each is a
        variable, a schedule or a callable.
        """
        return {}

    def slot_starts(self, x: Tensor, constants: Tree) -> Tree:
        """Return the starting values of all slots, also of rules inside; `None`: zeros like `x`."""
        return {**dict.fromkeys(self.slots), **self.init(x)}

    def shared_starts(self) -> Tree:
        """Return the starting values of all shared state, that of rules inside included."""
        return {**self.shared, **({LARGEST_RATE: 0.0} if self.notes_largest_rate else {})}


def layers(rule: Any) -> Iterator[Any]:
    """Yield `rule` and those inside, from outside to inside."""
    yield rule
    for child in rule.children():
        yield from layers(child)


def measures(rule: Any) -> bool:
    """Whether a rule, or one inside it, sums numbers over all variables before the update."""
    return any(not hasattr(type(layer).measure, "passes_on") for layer in layers(rule))


def innermost(rule: Any) -> Any:
    """Return the algorithm inside all wrappers; `Route` counts as one."""
    while (inner := getattr(rule, "inner", None)) is not None:
        rule = inner
    return rule
