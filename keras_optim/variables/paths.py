"""Variables by their paths: patterns and places that mean the same after loading.

A path is no identity. Two models inside a model may have layers of one name, so two variables one
path. And paths change: `sequential/dense/bias` is `dense/bias` once the model is loaded, and what
has no name of its own gets another number. So a variable that was given is known by itself until
the optimizer is built, then by its position, and by its path only where both are missing.
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
    """A variable that was chosen itself, not by a pattern.

    Args:
        path: Its path.
        position: Where it stands among the variables that the optimizer is built for; `None`
            before that.
        of: How many variables these are.
        variable: Itself, before the build.
    """

    path: str
    position: int | None = None
    of: int | None = None
    variable: Any = field(default=None, repr=False, compare=False)

    def get_config(self) -> dict[str, Any]:
        """What a file has of it."""
        if self.position is None:
            return {"path": self.path}
        return {"path": self.path, "position": self.position, "of": self.of}


Choice = str | Place
"""A pattern over paths, or one variable."""


def path_of(variable: Any) -> str:
    """Path of a Keras variable; name of a native one."""
    return str(getattr(variable, "path", None) or variable.name)


def choices_from(config: Any, owner: str, argument: str) -> tuple[Choice, ...]:
    """Patterns and places from the list that a configuration has of them.

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
    """For each path, the first of the patterns that is found in it, or `None`.

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
    r"""The only path that a pattern stands for, if it is like `^a/b\.c$`.

    Such patterns stand in files of the first version, for variables that were given.
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
    """The same choices, with the places among `variables` of those that are places.

    Raises:
        ValueError: a place is not among them, or it cannot be said where.
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
    """Where each of `places` is among the variables with these paths; `None` if it is not there.

    A variable is looked for itself, a place by its path. Several places of one path are as many
    variables, in their order; where more variables have it, or none, the position counts.

    Raises:
        ValueError: it cannot be said which of several variables is meant.
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
                f"{owner}: `{argument}` got the variable {path}, and it cannot be said which of "
                f"{', '.join(paths)} it is. A copy or a file can tell variables of one path apart "
                "if it is made when the optimizer is built: call "
                "`optimizer.build(model.trainable_variables)` first."
            )
        for k, i in zip(ks, where, strict=False):
            found[k] = i
    return found


def _fits(place: Place, paths: Sequence[str]) -> bool:
    """Whether there are as many variables as before, and one of the same name in this place."""
    i = place.position
    return i is not None and place.of == len(paths) > i >= 0 and _alike(place.path, paths[i], 1)


def same_variables(before: Sequence[str], now: Sequence[str]) -> bool:
    """Whether two lists of paths may be of the same variables, before saving and after loading.

    Of each path the last two names count, without the numbers that Keras gives.

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
    """Which of `paths` may be `path` under another model: equal, or with more or fewer names in
    front, or else with other numbers.
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
