"""Multipliers of the rate for single variables, even of one path."""

from collections.abc import Iterator, Sequence
from typing import Any

from keras_optim.arguments.hyperparameters import check
from keras_optim.arguments.ranges import NonNegative
from keras_optim.variables.paths import Place, path_of, positions, same_variables

_OWNER, _NAME = "RateMultipliers", "multipliers"


class VariableRates:
    """Multipliers of variables that are known themselves, for `RateMultipliers`.

    Until an optimizer is built, they belong to the variables; from then on, to positions. So two
    variables of one path may differ, and a loaded model may have other paths.

    Args:
        variables: Variables, each once.
        rates: A multiplier >= 0 for each.

    Example:

    >>> import keras
    >>> rates = VariableRates([keras.Variable([1.0], name="x")], [0.5])
    >>> list(rates.items())
    [('x', 0.5)]
    """

    def __init__(self, variables: Sequence[Any], rates: Sequence[float]):
        self._set([path_of(v) for v in variables], rates, variables)

    def _set(self, paths: Sequence[str], rates: Sequence[float], variables: Any = None) -> None:
        count = len(paths)
        known = [None] * count if variables is None else variables
        self._places = [
            Place(path, i, count, variable)
            for i, (path, variable) in enumerate(zip(paths, known, strict=True))
        ]
        self._rates = [
            check(_OWNER, f"{_NAME}[{path!r}]", rate, NonNegative)
            for path, rate in zip(paths, rates, strict=True)
        ]

    def keys(self) -> list[str]:
        """Return the paths of the variables."""
        return [place.path for place in self._places]

    def values(self) -> list[float]:
        """Return the multipliers."""
        return list(self._rates)

    def items(self) -> list[tuple[str, float]]:
        """Return pairs of path and multiplier."""
        return list(zip(self.keys(), self._rates, strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._rates)

    def __repr__(self) -> str:
        return f"VariableRates({self.items()})"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, VariableRates) and self.items() == other.items()

    __hash__ = None  # type: ignore[assignment]

    def located(
        self, paths: Sequence[str], variables: Sequence[Any] | None = None
    ) -> "VariableRates":
        """Return the multipliers of the variables of an optimizer; 1 for unknown ones.

        Raises:
            ValueError: all are unknown, or the paths do not tell variables apart.
        """
        rates, found = [1.0] * len(paths), self._positions(paths, variables)
        for i, rate in zip(found, self._rates, strict=True):
            if i is not None:
                rates[i] = rate
        if all(i is None for i in found):
            raise ValueError(
                f"{_OWNER}: `{_NAME}` belong to {', '.join(self.keys())}, which this optimizer "
                f"does not have. The variables are: {', '.join(paths)}"
            )
        here = VariableRates([], [])
        here._set(paths, rates)
        return here

    def _positions(
        self, paths: Sequence[str], variables: Sequence[Any] | None
    ) -> Sequence[int | None]:
        of_variables = self._places and self._places[0].variable is not None
        if not (of_variables and variables is not None) and same_variables(self.keys(), paths):
            return range(len(paths))
        return positions(self._places, paths, _OWNER, _NAME, variables)

    def get_config(self) -> list[list[Any]]:
        """Return path and multiplier of each variable, in their order, for a file."""
        return [[path, rate] for path, rate in self.items()]

    @classmethod
    def from_config(cls, config: list[Any]) -> "VariableRates":
        """Return the multipliers from their configuration.

        Raises:
            TypeError: `config` is no list of paths and numbers.
            ValueError: a multiplier is outside of its range.
        """
        pairs = [tuple(item) for item in config if isinstance(item, list | tuple)]
        if len(pairs) < len(config) or not all(
            len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
        ):
            raise TypeError(
                f"{_OWNER}: `{_NAME}` must be a dict, or a list of paths and multipliers. "
                f"Received: {_NAME}={config!r}"
            )
        rates = cls([], [])
        rates._set([path for path, _ in pairs], [rate for _, rate in pairs])
        return rates
