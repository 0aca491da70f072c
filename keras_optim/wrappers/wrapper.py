"""The parent of all wrappers: it owns all state and passes the rule through."""

from collections.abc import Sequence
from typing import Any, Unpack

import keras

from keras_optim import keras_private
from keras_optim.arguments import ranges
from keras_optim.arguments.ranges import DECAY_OPTIONS, WrapperOptions
from keras_optim.contract import VariableSpec, layers, measures, passes_on
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import INNER, Tree
from keras_optim.variables.paths import Choice


class Wrapper(Optimizer):
    """Abstract parent of the optimizers that go around another one.

    The wrapper takes over the rate, the options and the state of `inner`, which from then on is
    only a rule: it cannot be built, applied or given a rate. So a callback that sets the rate
    reaches the rule that runs, and nothing of the inner optimizer is silently ignored.

    Args:
        inner: An optimizer of keras_optim that is not in use elsewhere.
        **kwargs: Options of every optimizer that `inner` does not set itself. `learning_rate`
            takes the place of the rate of `inner`.

    Raises:
        ValueError: `inner` is built or wrapped already, averages weights that the wrapper would
            change, or sets an option that is given here as well.
    """

    inner: Optimizer

    around_averages = True
    """Whether the order of this wrapper and EMA or SWA makes no difference."""

    notes_largest_rate = False
    _options = WrapperOptions

    def __init__(self, inner: Optimizer, **kwargs: Unpack[WrapperOptions]):
        title = type(self).__name__
        if inner.built or inner._wrapped_by:
            state = f"wrapped by {inner._wrapped_by}" if inner._wrapped_by else "built"
            raise ValueError(
                f"{title}: `inner` must be a new optimizer. Received: {type(inner).__name__}, "
                f"already {state}"
            )
        self._check_order(inner)
        inherited = {
            name: getattr(inner, name)
            for name, default in ranges.OPTION_DEFAULTS.items()
            if name != "name" and getattr(inner, name) != default
        }
        if both := sorted(set(inherited) & set(kwargs)):
            raise ValueError(
                f"{title}: `{both[0]}` is set on `inner` already; set it in one place. "
                f"Received: {both[0]}={shown(kwargs[both[0]])}"  # type: ignore[literal-required]
            )
        decays = {name: kwargs.pop(name) for name in DECAY_OPTIONS if name in kwargs}  # type: ignore[misc]
        inherited = {n: v for n, v in inherited.items() if n not in DECAY_OPTIONS}
        rate = kwargs.pop("learning_rate", keras_private.learning_rate(inner))
        if isinstance(rate, keras.Variable):
            rate = float(rate.numpy())
        super().__init__(rate, **inherited, **kwargs)  # type: ignore[misc]  # taken out above
        self._inherited = tuple(inherited)
        self.inner = inner
        self.second = self._second_of(inner)
        self.sees_loss = inner.sees_loss
        inner._wrapped_by = title
        for name, value in decays.items():
            setattr(inner, name, value)

    def _check_order(self, inner: Optimizer) -> None:
        """Raise a ValueError if an average inside would miss a change that the wrapper makes."""
        if self.around_averages or not inner.averaging:
            return
        title, passed_on = type(self).__name__, Wrapper.evaluate
        averages = [r for r in layers(inner) if r.averaging]
        average = next(r for r in averages if type(r).evaluate is not passed_on)
        name, advice = type(average).__name__, "Let it leave its average out"
        if isinstance(average, Wrapper):
            advice = f"Write `{name}({title}(...))`"
        raise ValueError(
            f"{title}: `inner` must not average weights, as {name} does, because the average "
            f"would miss the changes of {title}. {advice}. Received: inner={shown(inner)}"
        )

    def _second_of(self, inner: Optimizer) -> str:
        """Return the need of a second pass; raise a ValueError if wrapper and `inner` have it."""
        own = type(self).second
        if "none" not in (own, inner.second):
            raise ValueError(
                f"{type(self).__name__}: `inner` must not need a second pass itself. "
                f"Received: inner={shown(inner)}"
            )
        return inner.second if own == "none" else own

    @property
    def second_period(self) -> int:  # type: ignore[override]
        """Steps from one look at the curvature to the next, of the rule inside."""
        return self.inner.second_period

    # ---- the state of the inner rule is under `inner`, in each tree

    def children(self) -> tuple[Optimizer, ...]:
        return (self.inner,)

    def inside(self, constants: Tree) -> Optimizer:
        return self.inner

    def slot_starts(self, x: Tensor, constants: Tree) -> Tree:
        own = super().slot_starts(x, constants)
        return {**own, INNER: self.inner.slot_starts(x, constants[INNER])}

    def shared_starts(self) -> Tree:
        return {**super().shared_starts(), INNER: self.inner.shared_starts()}

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        return [{INNER: constants} for constants in self.inner.constants(variables)]

    def read_older(self, slots: Slots, shape: tuple[int, ...]) -> Slots:
        return self.inner.read_older(slots, shape)

    @passes_on
    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        sums, carry = self.inner.measure(g, x, s[INNER], t, lr)
        return {INNER: sums}, {INNER: carry}

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        shared, seen = self.inner.pooled(sums.get(INNER, {}), s[INNER], t, lr)
        return {INNER: shared}, {INNER: seen}

    def probe(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> Tensor:
        return self.inner.probe(g, x, s[INNER], t, lr)

    def evaluate(self, x: Tensor, s: Slots) -> Tensor | None:
        return self.inner.evaluate(x, s[INNER])

    def settle(self, x: Tensor, s: Slots) -> Slots:
        return {INNER: self.inner.settle(x, s[INNER])}

    @property
    def averaging(self) -> bool:
        """Whether the evaluation weights differ from the training weights."""
        return type(self).evaluate is not Wrapper.evaluate or self.inner.averaging

    def _find(self, variables: Sequence[Any], paths: Sequence[str]) -> None:
        self.inner._find(variables, paths)

    def _looks_at_paths(self) -> bool:
        return type(self).constants is not Wrapper.constants or self.inner._looks_at_paths()

    @property
    def _excluded(self) -> tuple[Choice, ...]:
        """Variables that are exempt from weight decay: the innermost rule knows them."""
        return self.inner._excluded

    @_excluded.setter
    def _excluded(self, choices: tuple[Choice, ...]) -> None:
        self.inner._excluded = choices

    @property
    def cautious_weight_decay(self) -> bool:
        """Whether decay is cautious: the innermost rule knows it."""
        return self.inner.cautious_weight_decay

    @cautious_weight_decay.setter
    def cautious_weight_decay(self, value: bool) -> None:
        self.inner.cautious_weight_decay = value

    @property
    def corrected_weight_decay(self) -> list[str] | None:
        """The patterns of corrected decay: the innermost rule knows them."""
        return self.inner.corrected_weight_decay

    @corrected_weight_decay.setter
    def corrected_weight_decay(self, patterns: list[str] | None) -> None:
        self.inner.corrected_weight_decay = patterns

    def get_config(self) -> dict[str, Any]:
        """Return the wrapper's own arguments; rate and inherited options stand inside."""
        config = super().get_config()
        rate = config.pop("learning_rate")
        for name in ("exclude_from_weight_decay", *DECAY_OPTIONS):
            config.pop(name, None)
        inner = keras.saving.serialize_keras_object(self.inner)
        for name in self._inherited:
            rule, its = self.inner, inner["config"]
            while isinstance(rule, Wrapper) and name in rule._inherited:
                rule, its = rule.inner, its["inner"]["config"]
            its[name] = config.pop(name)  # as it is now: it may have been set on the wrapper
        innermost = inner["config"]
        while "inner" in innermost:
            innermost = innermost["inner"]["config"]
        innermost["learning_rate"] = rate
        return {**config, "inner": inner}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Wrapper":
        config = dict(config)
        if "inner" in config:
            inner = keras.saving.deserialize_keras_object(config["inner"], custom_objects)
            config["inner"] = inner
        known = config.pop("variable_paths", ())
        optimizer = cls(**config)
        optimizer._remember(known)
        return optimizer


class GradientTransform(Wrapper):
    """Abstract parent of the wrappers that only change the gradient: they write `transform`."""

    def transform(self, g: Tensor, x: Tensor, s: Slots, t: Tensor) -> Tensor:
        """Return the gradient that the inner rule sees."""
        raise NotImplementedError(f"{type(self).__name__} must define `transform`.")

    @passes_on
    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        if not measures(self.inner):
            return {}, {}
        transformed = self.transform(g, x, s, t)
        sums, carry = self.inner.measure(transformed, x, s[INNER], t, lr)
        return {INNER: sums}, {INNER: carry, "transformed": transformed}

    def probe(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> Tensor:
        return self.inner.probe(self._transformed(g, x, s, t), x, s[INNER], t, lr)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change, new = self.inner.step(self._transformed(g, x, s, t), x, s[INNER], t, lr)
        return change, {INNER: new}

    def _transformed(self, g: Tensor, x: Tensor, s: Slots, t: Tensor) -> Tensor:
        return s["transformed"] if "transformed" in s else self.transform(g, x, s, t)
