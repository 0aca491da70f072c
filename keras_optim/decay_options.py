"""Weight decay as a user chooses it: which variables, by how much, and in which steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_optim.arguments import hyperparameters
from keras_optim.arguments.ranges import DECAY_OPTIONS, OPTION_DEFAULTS
from keras_optim.contract import Rule
from keras_optim.engine import validation
from keras_optim.engine.optimizer_state import OptimizerState
from keras_optim.formatting import shown
from keras_optim.variables.decay import check_patterns
from keras_optim.variables.paths import Place, path_of


class DecayOptions(Rule):
    """Abstract parent of `keras_optim.Optimizer`: its options of weight decay."""

    state: OptimizerState
    built: bool
    weight_decay: Any
    _paths: tuple[str, ...]

    def exclude_from_weight_decay(
        self, var_list: Sequence[Any] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Exempt variables from weight decay; call it before the optimizer is built.

        Unlike Keras's, it looks at the variable's whole path on every backend, and it is part of
        the configuration, so a loaded optimizer remembers it.

        Args:
            var_list: Variables: these, not others of the same path. A configuration taken after
                the build has their positions; one taken before has their paths only.
            var_names: Regular expressions, searched for in the path, such as `"bias"` or
                `"embedding/.*"`; `^` is the beginning of the path or of any part of it after a
                `/`, so `"^body/"` finds `sequential/body/kernel` as well as `body/kernel`.

        Raises:
            TypeError: something else than lists of variables and of strings.
            ValueError: the optimizer is built; or, when it is built, a pattern matches nothing,
                or a variable is not among those that it is built for.
        """
        title = type(self).__name__
        if self.built:
            raise ValueError(
                f"{title}: `exclude_from_weight_decay` must be called before the "
                "optimizer is built."
            )
        chosen = validation.checked_variables(title, "var_list", var_list or ())
        patterns = hyperparameters.check(title, "var_names", var_names or [], list[str])
        self._excluded = (*(Place(path_of(v), variable=v) for v in chosen), *patterns)

    def _check_decay(self, name: str, value: Any) -> None:
        """Raise a ValueError for an option of weight decay that has no meaning or comes late."""
        title, received = type(self).__name__, f"Received: {name}={shown(value)}"
        if name == "weight_decay" and self.state and self._paths:
            check_patterns(value, self._paths, title)
        if name not in DECAY_OPTIONS or not value:
            return
        if self.couples_decay is not None:
            raise ValueError(
                f"{title}: `{name}` needs weight decay that is a step of its own. That of {title} "
                f"is part of its gradient or direction. {received}"
            )
        if name == "corrected_weight_decay" and self.state:
            raise ValueError(
                f"{title}: `{name}` must be set before the optimizer is built. {received}"
            )

    def _decay_config(self) -> dict[str, Any]:
        """Return the options of weight decay that are on, and patterns as plain dicts."""
        config = {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
        for name in DECAY_OPTIONS:
            if (value := getattr(self, name)) != OPTION_DEFAULTS[name]:
                config[name] = value
        if self._excluded:
            config["exclude_from_weight_decay"] = [
                choice.get_config() if isinstance(choice, Place) else choice
                for choice in self._excluded
            ]
        return {name: hyperparameters.plain(value) for name, value in config.items()}

    def _decays_by_path(self) -> bool:
        chosen = self._excluded or self.corrected_weight_decay
        return bool(chosen) or isinstance(self.weight_decay, Mapping)
