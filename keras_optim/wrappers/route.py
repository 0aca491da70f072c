"""Route: several optimizers on one model, each for some of its variables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import keras

from keras_optim import keras_private
from keras_optim.arguments import ranges
from keras_optim.arguments.hyperparameters import check
from keras_optim.arguments.ranges import KerasOptions, LearningRate, WeightDecay
from keras_optim.contract import VariableSpec, measures, passes_on
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import INNER, Tree, merged
from keras_optim.variables.choosing import Chooser, Description
from keras_optim.variables.decay import check_patterns
from keras_optim.variables.listing import listed
from keras_optim.variables.paths import Choice


class Route(Optimizer):
    r"""Update each variable by the first rule that takes it: parameter groups by patterns.

    $$
    x_i \leftarrow \text{step of rule } k \text{ from } x_i \text{ at the rate } \eta\, \eta_k,
    \qquad k = \text{the first rule that takes variable } i
    $$

    Embeddings by SGD and all else by Adam, no weight decay for biases, another rate for the head:
    each rule has its own rate $\eta_k$ or schedule, weight decay and state. `summary()` shows which
    rule got which variables.

    Route's own rate, $\eta$, is a factor of all rates, 1 unless it is given. So a callback or
    a schedule that sets `learning_rate` changes the rates of all rules in proportion. To set the
    rate of one rule, write `optimizer.rules["embedding"].learning_rate = 0.1`. `weight_decay`
    belongs to the rules, all other options (`global_clipnorm`, `use_ema`, ...) to `Route`. If all
    variables have the same rule, `RateMultipliers` or `exclude_from_weight_decay` is enough.

    Args:
        rules: A dict, or a list of pairs, of variables and the optimizer for them, in the order of
            precedence. A regular expression takes the variables in whose paths it is found (`^` is
            the beginning of the path or of any part of it after a `/`; `"."` takes all). A list of
            variables and expressions, or a function of a `keras_optim.contract.VariableSpec` (path
            and shape) that returns a bool, may stand in its place. The optimizers must be of
            keras_optim and new.
        learning_rate: >= 0, or a schedule: the factor of all rates. Default 1.0.
        **kwargs: Options of every optimizer but those of weight decay, see `keras_optim.Optimizer`.

    Raises:
        TypeError: `rules` is something else.
        ValueError: no rule is given; a rule is built, in use elsewhere, or has an option that
            belongs to `Route`; or, at the build, a rule takes no variable, or no rule takes a
            variable.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> xs = [keras.Variable([1.0], name=name) for name in ("embedding", "head")]
    >>> optimizer = keras_optim.Route(
    ...     {"embedding": keras_optim.SGD(0.5), ".": keras_optim.Adam(0.01)}
    ... )
    >>> optimizer.apply([np.array([1.0], "float32")] * 2, xs)
    >>> [round(float(x.numpy()[0]), 4) for x in xs]
    [0.5, 0.99]
    >>> optimizer.summary()
    embedding: SGD(learning_rate=0.5), 1 variable, 1 weight
        embedding
    .: Adam(learning_rate=0.01), 1 variable, 1 weight
        head

    Reference:
        Parameter groups of `torch.optim`; `optax.partition`.
    """

    elementwise = False

    def __init__(
        self,
        rules: Any,
        learning_rate: LearningRate = 1.0,
        **kwargs: Unpack[KerasOptions],
    ):
        pairs = _pairs(rules)
        for optimizer in (optimizer for _, optimizer in pairs):
            _check_rule(optimizer)
        super().__init__(learning_rate, **kwargs)
        self._chooser = Chooser("Route", "rules", [where for where, _ in pairs])
        self.rules = dict(
            zip(self._chooser.labels, (optimizer for _, optimizer in pairs), strict=True)
        )
        self.shared = {f"rate_{k}": 0.0 for k in range(len(pairs))}
        self.non_negative = tuple(self.shared)
        for optimizer in self.rules.values():
            optimizer._wrapped_by, optimizer._keeps_rate = "Route", True

    # ---- which rule for which variable

    def children(self) -> tuple[Optimizer, ...]:
        return tuple(self.rules.values())

    def inside(self, constants: Tree) -> Optimizer:
        return self.children()[constants["rule"]]

    def decay_inside(self, constants: Tree, decay: WeightDecay) -> WeightDecay:
        self._check_decay("weight_decay", decay or None)
        return self.inside(constants).weight_decay

    def _check_decay(self, name: str, value: Any) -> None:
        if value is not None and value is not False:
            raise ValueError(
                f"Route: `{name}` belongs to the rules; give it to them. "
                f"Received: {name}={shown(value)}"
            )

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        chosen = self._chooser.chosen(variables)
        whole: list[Tree] = [{} for _ in variables]
        for k, rule in enumerate(self.children()):
            its = [i for i, number in enumerate(chosen) if number == k]
            paths = [variables[i].path for i in its]
            check_patterns(rule.weight_decay, paths, type(rule).__name__)
            for i, inner in zip(its, rule.constants([variables[i] for i in its]), strict=True):
                whole[i] = {"rule": k, INNER: inner}
        return whole

    def _find(self, variables: Sequence[Any], paths: Sequence[str]) -> None:
        specs = [VariableSpec(p, tuple(v.shape)) for p, v in zip(paths, variables, strict=True)]
        self._chooser.find(variables, specs)
        chosen = self._chooser.chosen(specs)
        for k, rule in enumerate(self.children()):
            its = [i for i, number in enumerate(chosen) if number == k]
            rule._find([variables[i] for i in its], [paths[i] for i in its])

    def _looks_at_paths(self) -> bool:
        return True

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print which rule updates which variables; before the build, the rules alone.

        Args:
            print_fn: The function that prints a line. Default: `print`.
        """
        if not self.built:
            for label, rule in self.rules.items():
                print_fn(f"{label}: {rule!r}")
            return
        variables = keras_private.trainable_variables(self)
        chosen = [constants["rule"] for constants in self.state.constants]
        labels = [f"{label}: {rule!r}" for label, rule in self.rules.items()]
        for line in listed(variables, chosen, labels):
            print_fn(line)

    # ---- the state of each rule

    def slot_starts(self, x: Tensor, constants: Tree) -> Tree:
        return {INNER: self.inside(constants).slot_starts(x, constants[INNER])}

    def shared_starts(self) -> Tree:
        inside = {f"rule_{k}": rule.shared_starts() for k, rule in enumerate(self.children())}
        return {**super().shared_starts(), **inside}

    def own_rates(self) -> dict[str, Any]:
        rules = enumerate(self.children())
        return {f"rate_{k}": keras_private.learning_rate(rule) for k, rule in rules}

    @passes_on
    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        rule, inner, rate = self._view(s, lr)
        sums, carry = rule.measure(g, x, inner, t, rate)
        return {f"rule_{s['rule']}": sums}, {INNER: carry}

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        shared, seen = {}, {}
        for k, rule in enumerate(self.children()):
            name = f"rule_{k}"
            if sums.get(name) or not measures(rule):  # else none of its variables takes part
                rate = lr * keras.ops.cast(s[f"rate_{k}"], lr.dtype)
                shared[name], seen[name] = rule.pooled(sums.get(name, {}), s[name], t, rate)
        return shared, seen

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        rule, inner, rate = self._view(s, lr)
        change, new = rule.step(g, x, inner, t, rate)
        return change, {INNER: new}

    def evaluate(self, x: Tensor, s: Slots) -> Tensor | None:
        rule, inner, _ = self._view(s)
        return rule.evaluate(x, inner)

    def settle(self, x: Tensor, s: Slots) -> Slots:
        rule, inner, _ = self._view(s)
        return {INNER: rule.settle(x, inner)}

    @property
    def averaging(self) -> bool:
        """Whether the evaluation weights of a rule differ from the training weights."""
        return any(rule.averaging for rule in self.children())

    def _view(self, s: Slots, lr: Any = 1.0) -> tuple[Any, Tree, Tensor]:
        """Return the rule of a variable, its dict `s`, and its rate."""
        k = s["rule"]
        return self.inside(s), merged(s[f"rule_{k}"], s[INNER]), lr * s[f"rate_{k}"]

    # ---- configuration

    @property
    def _excluded(self) -> tuple[Choice, ...]:
        """The rules have these."""
        return ()

    @_excluded.setter
    def _excluded(self, choices: tuple[Choice, ...]) -> None:
        if choices:
            raise ValueError(
                "Route: weight decay belongs to the rules: call `exclude_from_weight_decay` on "
                "them, or give variables without it to a rule of their own."
            )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("weight_decay", None)
        pairs = zip(self._chooser.get_config(), self.rules.items(), strict=True)
        config["rules"] = [
            {
                "name": name,
                "variables": where,
                "optimizer": keras.saving.serialize_keras_object(rule),
            }
            for where, (name, rule) in pairs
        ]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Route":
        config = dict(config)
        rules, known = config.pop("rules"), config.pop("variable_paths", ())
        pairs = [
            (
                Description.where_from(rule["variables"], "Route", "rules"),
                keras.saving.deserialize_keras_object(rule["optimizer"], custom_objects),
            )
            for rule in rules
        ]
        optimizer = cls(pairs, **config)
        optimizer._name([rule["name"] for rule in rules])
        optimizer._remember(known)
        return optimizer

    def _name(self, labels: list[str]) -> None:
        """Give the rules the names that they had before saving."""
        self._chooser.labels = labels
        self.rules = dict(zip(labels, self.children(), strict=True))


def _pairs(rules: Any) -> list[tuple[Any, Optimizer]]:
    """Return variables and optimizers as pairs, checked."""
    pairs = list(rules.items()) if isinstance(rules, Mapping) else rules
    listed = isinstance(pairs, list | tuple)
    if not listed or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
        raise TypeError(
            "Route: `rules` must be a dict, or a list of pairs, of variables and optimizers. "
            f"Received: rules={shown(rules)}"
        )
    if not pairs:
        raise ValueError("Route: `rules` must hold at least one rule.")
    return [
        (where, check("Route", f"rules[{i}]", optimizer, Optimizer))
        for i, (where, optimizer) in enumerate(pairs)
    ]


def _check_rule(optimizer: Optimizer) -> None:
    """Raise a ValueError for an optimizer that cannot be a rule."""
    title = type(optimizer).__name__
    if optimizer.built or optimizer._wrapped_by:
        state = f"wrapped by {optimizer._wrapped_by}" if optimizer._wrapped_by else "built"
        raise ValueError(f"Route: a rule must be a new optimizer. Received: {title}, {state}")
    if optimizer.sees_loss:
        problem = f"the loss that {title} sees is that of all variables"
        raise ValueError(f"Route: {problem}. Received: {optimizer!r}")
    if optimizer.second != "none":
        raise ValueError(
            f"Route: the second gradient of {title} is that of all variables. Write "
            f"`{title}(Route(...))`. Received: {optimizer!r}"
        )
    for name, default in ranges.OPTION_DEFAULTS.items():
        value = getattr(optimizer, name)
        if name not in ("name", "weight_decay", *ranges.DECAY_OPTIONS) and value != default:
            raise ValueError(
                f"Route: `{name}` looks at all gradients or weights; give it to Route instead of "
                f"a rule. Received: {name}={shown(value)} in {title}"
            )
