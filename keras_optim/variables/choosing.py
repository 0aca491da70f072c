"""Assignment of variables to the first of several descriptions that takes them."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_optim.formatting import shown
from keras_optim.variables.paths import (
    Place,
    choices_from,
    first_matches,
    located,
    path_of,
)


class Description:
    """A description of variables: patterns and variables, or a function of path and shape.

    Args:
        owner: The class that it is given to, for messages.
        argument: The name of its argument.
        where: A regular expression, a list of expressions and variables, or a function of an
            object with `path` and `shape`.
        place: The place in the argument, for messages.

    Raises:
        TypeError: `where` is something else.

    Example:

    >>> from types import SimpleNamespace as Spec
    >>> Description("Muon", "exclude", "head").takes([Spec(path="a/head"), Spec(path="a/body")])
    [True, False]
    """

    def __init__(self, owner: str, argument: str, where: Any, place: str = ""):
        self.owner, self.argument = owner, argument
        self.where = self._normal(where, place)
        self.label = _label(self.where)

    def _normal(self, where: Any, place: str) -> Any:
        if isinstance(where, str):
            return (where,)
        if callable(where) and not isinstance(where, type):
            return where
        items = where if isinstance(where, list | tuple) else [where]
        if not items or not all(isinstance(w, str | Place | keras.Variable) for w in items):
            raise TypeError(
                f"{self.owner}: `{self.argument}` must describe variables by a regular expression, "
                "by a list of expressions and variables, or by a function of path and shape. "
                f"Received: {shown(where)}{place}"
            )
        return tuple(Place(path_of(w), variable=w) if _is_variable(w) else w for w in items)

    def find(self, variables: Sequence[Any], specs: Sequence[Any]) -> None:
        """Find the positions of variables that were given themselves, or by a function."""
        paths = [spec.path for spec in specs]
        if callable(self.where):
            self.where = tuple(
                Place(path, i, len(paths))
                for i, (path, spec) in enumerate(zip(paths, specs, strict=True))
                if self.where(spec)
            )
        else:
            self.where = located(self.where, paths, variables, self.owner, self.argument)

    def takes(self, specs: Sequence[Any]) -> list[bool]:
        """Return whether it takes each variable.

        Raises:
            ValueError: a pattern or a variable is not among them.
        """
        if callable(self.where):
            return [bool(self.where(spec)) for spec in specs]
        if not self.where:
            return [False] * len(specs)
        paths = [spec.path for spec in specs]
        found = first_matches(self.where, paths, self.owner, self.argument)
        return [choice is not None for choice in found]

    def get_config(self) -> Any:
        """Return its form for a file."""
        if callable(self.where):
            return keras.saving.serialize_keras_object(self.where)
        return [c.get_config() if isinstance(c, Place) else c for c in self.where]

    @staticmethod
    def where_from(config: Any, owner: str, argument: str) -> Any:
        """Return a description from its configuration.

        Raises:
            ValueError: the configuration is damaged.
        """
        if isinstance(config, dict):
            return keras.saving.deserialize_keras_object(config)
        return choices_from(config, owner, argument)


class Chooser:
    """Descriptions of variables, in the order of precedence.

    Args:
        owner: The class whose descriptions they are, for messages.
        argument: The name of its argument.
        wheres: A description for each choice, see `Description`.

    Raises:
        TypeError: a description is something else.

    Example:

    >>> from types import SimpleNamespace as Spec
    >>> chooser = Chooser("Route", "rules", ["bias", lambda spec: len(spec.shape) > 1, "."])
    >>> chooser.labels
    ['bias', '<lambda>', '.']
    >>> chooser.chosen([Spec(path="a/kernel", shape=(2, 3)), Spec(path="a/scale", shape=(3,)),
    ...                 Spec(path="a/bias", shape=(3,))])
    [1, 2, 0]
    """

    def __init__(self, owner: str, argument: str, wheres: Sequence[Any]):
        self.owner, self.argument = owner, argument
        self.descriptions = [
            Description(owner, argument, where, f" at position {i}")
            for i, where in enumerate(wheres)
        ]
        self.labels = _distinct([description.label for description in self.descriptions])

    def find(self, variables: Sequence[Any], specs: Sequence[Any]) -> None:
        """Find the positions of variables that were given themselves, or by a function."""
        for description in self.descriptions:
            description.find(variables, specs)

    def chosen(self, specs: Sequence[Any]) -> list[int]:
        """Return the number of the first description that takes each variable.

        Raises:
            ValueError: a description takes none, or a variable is left over.
        """
        paths = [spec.path for spec in specs]
        numbers: list[int | None] = [None] * len(paths)
        for k, description in enumerate(self.descriptions):
            taken = description.takes(specs)
            numbers = [
                k if n is None and mine else n for n, mine in zip(numbers, taken, strict=True)
            ]
            if k not in numbers:
                raise ValueError(
                    f"{self.owner}: no variable is left for {self.labels[k]!r} in "
                    f"`{self.argument}`. The variables are: {', '.join(paths)}"
                )
        left = [path for path, n in zip(paths, numbers, strict=True) if n is None]
        if left:
            raise ValueError(
                f"{self.owner}: `{self.argument}` leaves variables over: {', '.join(left)}. "
                "The pattern '.' takes all that are left."
            )
        return [n for n in numbers if n is not None]

    def get_config(self) -> list[Any]:
        """Return the descriptions in their form for a file."""
        return [description.get_config() for description in self.descriptions]


def _is_variable(item: Any) -> bool:
    return not isinstance(item, str | Place)


def _label(where: Any) -> str:
    if callable(where):
        return str(getattr(where, "__name__", type(where).__name__))
    return ", ".join(choice if isinstance(choice, str) else choice.path for choice in where)


def _distinct(labels: list[str]) -> list[str]:
    """Number the labels that occur again."""
    distinct: list[str] = []
    for label in labels:
        number, name = 1, label
        while name in distinct:
            number += 1
            name = f"{label} ({number})"
        distinct.append(name)
    return distinct
