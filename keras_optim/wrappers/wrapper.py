"""The parent of all wrappers: it owns all state and passes the rule through."""

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import keras

from keras_optim import keras_private
from keras_optim.arguments import ranges
from keras_optim.arguments.ranges import WrapperOptions
from keras_optim.contract import layers
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer, Slots, Tensor
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
        ValueError: `inner` is built or wrapped already, keeps a slot of the same name, averages
            weights that the wrapper would change, or sets an option that is given here as well.
    """

    inner: Optimizer

    around_averages = True
    """Whether it does around EMA or SWA what it does inside of them."""

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
        self._check_slots(inner, inner.slots)
        if any(type(rule) is type(self) for rule in layers(inner)):
            raise ValueError(f"{title}: `inner` must not have a {title} inside already.")
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
        rate = kwargs.pop("learning_rate", keras_private.learning_rate(inner))
        if isinstance(rate, keras.Variable):
            rate = float(rate.numpy())
        super().__init__(rate, **inherited, **kwargs)  # type: ignore[misc]  # taken out above
        self._inherited = tuple(inherited)
        self.inner = inner
        self.slots = (*type(self).slots, *inner.slots)
        self.scalars = {**type(self).scalars, **inner.scalars}
        self.second = self._second_of(inner)
        inner._wrapped_by = title

    def _check_slots(self, inner: Optimizer, names: Iterable[str]) -> None:
        """Raise a ValueError for slots of `inner` that have the name of one of the wrapper's."""
        if twice := set(type(self).slots) & set(names):
            raise ValueError(
                f"{type(self).__name__}: `inner` must not keep the slot "
                f"{', '.join(sorted(twice))} itself. Received: inner={type(inner).__name__}"
            )

    def _check_order(self, inner: Optimizer) -> None:
        """Raise a ValueError where an average inside would miss what the wrapper does."""
        averages = [rule for rule in layers(inner) if type(rule).evaluate is not Wrapper.evaluate]
        averages = [rule for rule in averages if isinstance(rule, Wrapper)]
        if averages and not self.around_averages:
            title, average = type(self).__name__, type(averages[0]).__name__
            raise ValueError(
                f"{title}: `inner` must not average weights, as {average} does: it would not see "
                f"what {title} makes of a step. Write `{average}({title}(...))`. "
                f"Received: inner={shown(inner)}"
            )

    def _second_of(self, inner: Optimizer) -> str:
        """Raise a ValueError where both the wrapper and `inner` want a second pass."""
        own = type(self).second
        if "none" not in (own, inner.second):
            raise ValueError(
                f"{type(self).__name__}: `inner` must not need a second pass itself. "
                f"Received: inner={shown(inner)}"
            )
        return inner.second if own == "none" else own

    def build(self, variables: Sequence[Any]) -> None:
        super().build(variables)
        for rule in layers(self.inner):
            rule.state = self.state  # so that what it counts can be read from it

    def init(self, x: Tensor) -> Slots:
        starts = self.inner.init(x)
        self._check_slots(self.inner, starts)
        return starts

    def read_older(self, slots: Slots, shape: tuple[int, ...]) -> Slots:
        return self.inner.read_older(slots, shape)

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> dict[str, Tensor]:
        return self.inner.measure(g, x, s, t, lr)

    def pool(self, totals: dict[str, Tensor], s: Slots, t: Tensor, lr: Tensor) -> dict[str, Tensor]:
        return self.inner.pool(totals, s, t, lr)

    def probe(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> Tensor:
        return self.inner.probe(g, x, s, t, lr)

    def evaluate(self, x: Tensor, s: Slots) -> Tensor | None:
        return self.inner.evaluate(x, s)

    def settle(self, x: Tensor, s: Slots) -> Slots:
        return self.inner.settle(x, s)

    @property
    def averaging(self) -> bool:
        """Whether the evaluation weights differ from the training weights."""
        return type(self).evaluate is not Wrapper.evaluate or self.inner.averaging

    def constants(self, paths: Sequence[str]) -> list[dict[str, Any]]:
        return self.inner.constants(paths)

    def _find(self, variables: Sequence[Any], paths: Sequence[str]) -> None:
        self.inner._find(variables, paths)

    def _looks_at_paths(self) -> bool:
        return type(self).constants is not Wrapper.constants or self.inner._looks_at_paths()

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """Without weight decay: the innermost rule applies it."""
        return self.update(g, x, s, t, lr)

    @property
    def _excluded(self) -> tuple[Choice, ...]:
        """Which variables are exempt from weight decay is for the innermost rule to know."""
        return self.inner._excluded

    @_excluded.setter
    def _excluded(self, choices: tuple[Choice, ...]) -> None:
        self.inner._excluded = choices

    def get_config(self) -> dict[str, Any]:
        """The wrapper's own arguments; rate and inherited options stand inside."""
        config = super().get_config()
        rate = config.pop("learning_rate")
        config.pop("exclude_from_weight_decay", None)
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
        """The gradient that the inner rule sees."""
        raise NotImplementedError(f"{type(self).__name__} must define `transform`.")

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> dict[str, Tensor]:
        if not _measures(self.inner):
            return {}
        return self.inner.measure(self.transform(g, x, s, t), x, s, t, lr)

    def probe(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> Tensor:
        return self.inner.probe(self.transform(g, x, s, t), x, s, t, lr)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        return self.inner.step(self.transform(g, x, s, t), x, s, t, lr)


def _measures(rule: Optimizer) -> bool:
    passed_on = (Optimizer.measure, Wrapper.measure, GradientTransform.measure)
    return any(type(layer).measure not in passed_on for layer in layers(rule))
