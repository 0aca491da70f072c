"""Paths of variables: patterns and places that mean the same after loading.

A path does not identify a variable. Two models inside a model may have layers of one name, so two
variables may have one path. Paths also change: `sequential/dense/bias` becomes `dense/bias` when
the model is loaded, and a layer without a name of its own gets another number. So until the
optimizer is built, a variable that a user gave is known by the object itself. Then its position
counts, and its path only if both are missing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_optim.formatting import shown
from keras_optim.variables.patterns import Pattern

_NUMBER = re.compile(r"_\d+$")


@dataclass(frozen=True)
class Place:
    """A variable that a user chose by the object itself, not by a pattern.

    Args:
        path: Its path.
        position: Its index among the variables that the optimizer is built for; `None` before.
        of: The number of these variables.
        variable: The object, before the build.
    """

    path: str
    position: int | None = None
    of: int | None = None
    variable: Any = field(default=None, repr=False, compare=False)

    def get_config(self) -> dict[str, Any]:
        """Return the part that a file keeps."""
        if self.position is None:
            return {"path": self.path}
        return {"path": self.path, "position": self.position, "of": self.of}


Choice = str | Place
"""A pattern over paths, or one variable."""


def path_of(variable: Any) -> str:
    """Return the path of a Keras variable, or the name of a native one."""
    return str(getattr(variable, "path", None) or variable.name)


def choices_from(config: Any, owner: str, argument: str) -> tuple[Choice, ...]:
    """Read patterns and places from the list in a configuration.

    Raises:
        ValueError: it is no such list.

    Example:

    >>> choices_from(["bias", {"path": "a/kernel"}], "Adam", "exclude")
    ('bias', Place(path='a/kernel', position=None, of=None))
    """
    kinds = {"path": str, "position": int, "of": int}
    choices: list[Choice] = []
    for item in config if isinstance(config, list | tuple) else [config]:
        known = isinstance(item, dict) and "path" in item and item.keys() <= kinds.keys()
        if known and all(type(value) is kinds[name] for name, value in item.items()):
            choices.append(Place(**item))
        elif isinstance(item, str) and item is not config:
            choices.append(item)
        else:
            raise ValueError(
                f"{owner}: `{argument}` must be a list of patterns and of places of variables. "
                f"Received: {argument}={shown(config)}"
            )
    return tuple(choices)


def first_matches(
    choices: Iterable[Choice], paths: Sequence[str], owner: str, argument: str
) -> list[Choice | None]:
    """Return, for each path, the first of the choices that matches it, or `None`.

    Raises:
        ValueError: a pattern is no regular expression, or is found in no path; the message names
            `owner` and `argument` and lists the paths.

    Example:

    >>> first_matches(["bias", "a/"], ["a/kernel", "a/bias", "b/kernel"], "Adam", "exclude")
    ['a/', 'bias', None]
    """
    found: list[Choice | None] = [None] * len(paths)
    for choice in choices:
        if isinstance(choice, Place):
            matching = [i for i in positions([choice], paths, owner, argument) if i is not None]
        else:
            matching = _matching(choice, paths, owner, argument)
        if not matching:
            what = f"the variable {choice.path}" if isinstance(choice, Place) else repr(choice)
            raise ValueError(
                f"{owner}: `{argument}` got {what}, which matches no variable. "
                f"The variables are: {', '.join(paths)}"
            )
        for i in matching:
            found[i] = found[i] or choice
    return found


def _matching(pattern: str, paths: Sequence[str], owner: str, argument: str) -> list[int]:
    whole = _whole_path(pattern)
    if whole in paths:
        return [i for i, path in enumerate(paths) if path == whole]
    try:
        matching = Pattern(pattern).among(paths)
    except ValueError as error:
        raise ValueError(f"{owner}: `{argument}` got {pattern!r}, which {error}.") from None
    if matching or not whole:
        return matching
    nearest = _nearest(whole, paths)
    return nearest if len({paths[i] for i in nearest}) == 1 else []


def _whole_path(pattern: str) -> str | None:
    r"""Return the only path that a pattern like `^a/b\.c$` matches; `None` for other patterns.

    Files of the first version have such patterns for variables that a user gave.
    """
    path = re.sub(r"\\(\W)", r"\1", pattern[1:-1])
    return path if pattern == f"^{re.escape(path)}$" else None


def located(
    choices: Sequence[Choice],
    paths: Sequence[str],
    variables: Sequence[Any],
    owner: str,
    argument: str,
) -> tuple[Choice, ...]:
    """Return the choices, with each place's position among `variables`.

    Raises:
        ValueError: a place is not among them, or its position is not certain.
    """
    places = [choice for choice in choices if isinstance(choice, Place)]
    found = positions(places, paths, owner, argument, variables)
    for place, i in zip(places, found, strict=True):
        if i is None:
            raise ValueError(
                f"{owner}: `{argument}` got the variable {place.path}, which is not among those "
                f"that the optimizer is built for. These are: {', '.join(paths)}"
            )
    now = iter([Place(paths[i], i, len(paths)) for i in found if i is not None])
    return tuple(next(now) if isinstance(choice, Place) else choice for choice in choices)


def positions(
    places: Sequence[Place],
    paths: Sequence[str],
    owner: str,
    argument: str,
    variables: Sequence[Any] | None = None,
) -> list[int | None]:
    """Return the index of each place among the variables with these paths, or `None`.

    A place with a variable is found by the object, any other by its path. Several places of one
    path stand for as many variables, in their order. If another number of variables has the path,
    the positions decide.

    Raises:
        ValueError: it is not certain which of several variables a place stands for.
    """
    found: list[int | None] = [None] * len(places)
    indices = {id(v): i for i, v in enumerate(variables or ())}
    by_path: dict[str, list[int]] = {}
    for k, place in enumerate(places):
        if place.variable is not None and variables is not None:
            found[k] = indices.get(id(place.variable))
        else:
            by_path.setdefault(place.path, []).append(k)
    for path, ks in by_path.items():
        where: list[int] | list[int | None] = _nearest(path, paths)
        if len(where) != len(ks) and all(_fits(places[k], paths) for k in ks):
            where = [places[k].position for k in ks]
        if where and len(where) != len(ks):
            raise ValueError(
                f"{owner}: `{argument}` got the variable {path}, and it is not certain which of "
                f"{', '.join(paths)} it is. Only a copy or a file of a built optimizer tells "
                "variables of one path apart: call "
                "`optimizer.build(model.trainable_variables)` first."
            )
        for k, i in zip(ks, where, strict=False):
            found[k] = i
    return found


def _fits(place: Place, paths: Sequence[str]) -> bool:
    """Whether there are as many variables as before, and the one at this position has the name."""
    i = place.position
    return i is not None and place.of == len(paths) > i >= 0 and _alike(place.path, paths[i], 1)


def same_variables(before: Sequence[str], now: Sequence[str]) -> bool:
    """Whether two lists of paths may belong to the same variables, before saving and after loading.

    Only the last two names of each path count, without the numbers that Keras appends.

    >>> same_variables(["sequential_3/dense_1/bias"], ["dense/bias"])
    True
    >>> same_variables(["sequential_3/dense_1/bias"], ["head/bias"])
    False
    """
    return len(before) == len(now) and all(map(_alike, before, now))


def _alike(a: str, b: str, names: int = 2) -> bool:
    first, second = (
        [_NUMBER.sub("", name) for name in path.split("/")[-names:]] for path in (a, b)
    )
    count = min(len(first), len(second))
    return first[-count:] == second[-count:]


def _nearest(path: str, paths: Sequence[str]) -> list[int]:
    """Return the indices of the `paths` that are nearest to `path`.

    An equal path is nearest; then paths with more or fewer names in front, and last those with
    other numbers. All other paths do not count.
    """

    def distance(other: str) -> float:
        if path == other:
            return 0
        if f"/{path}".endswith(f"/{other}") or f"/{other}".endswith(f"/{path}"):
            return abs(path.count("/") - other.count("/"))
        return 1e3 if _alike(path, other) else 1e6

    distances = [distance(other) for other in paths]
    least = min(distances, default=1e6)
    return [i for i, d in enumerate(distances) if d == least < 1e6]
