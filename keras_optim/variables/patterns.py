"""Regular expressions over the paths of variables, matched in bounded time.

A pattern may come from a model's file. For some patterns, such as `(a+)+$`, the time of `re` grows
exponentially with the path. This matcher follows all ways to match at once, as sets of positions.
So its time grows only with the lengths of pattern and path. `re` still matches single characters,
classes and escapes.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

LONGEST, DEEPEST = 1000, 50
"""The most characters of a pattern; the most levels of groups inside groups."""
LEAST_STEPS, STEPS, MOST_STEPS = 100_000, 20, 20_000_000
"""The budget of positions: a minimum, a number for each pair of a character of the pattern and one
of the paths, and a maximum."""

_FLAGS = re.compile(r"\(\?[aimsu]+\)")
_ONE = re.compile(r"\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
_REPEAT = re.compile(r"([*+?]|\{(?!\})(\d*)(,?)(\d*)\})([?+]?)")
_GROUP = re.compile(r"\((?:\?(?:P<\w+>|:|=|!|<=|<!))?(?!\?)")
_Places = frozenset[int]


class _Endless(Exception):
    """The search has used up its budget of positions."""


class _Budget:
    """The number of positions that a search may still look at."""

    def __init__(self, steps: int):
        self.steps = steps

    def look(self, positions: int) -> None:
        """Count positions, and stop the search if the budget is used up."""
        self.steps -= positions
        if self.steps < 0:
            raise _Endless


class _Path:
    """A path, and the positions at which its parts begin."""

    def __init__(self, text: str, budget: _Budget):
        ends = [i + 1 for i, letter in enumerate(text) if letter == "/"]
        self.text, self.look, self.beginnings = text, budget.look, frozenset([0, *ends])


_Step = Callable[[_Path, _Places], _Places]
"""A function from the positions at which a match may begin to those at which it may end."""


class Pattern:
    r"""A regular expression to search for in paths.

    It matches as `re.search` does, except for `^`. That is the beginning of the path or of any part
    after a `/`, because a model's own name may stand in front or not. A `(?!...)` after `^` must
    hold at all of these beginnings. (If `(?!` stands elsewhere in the pattern, `^` is only the
    beginning of the path. `\A` always is.)

    Args:
        text: A regular expression of at most 1000 characters, without references to groups,
            flags within it, and possessive repeats.

    Raises:
        ValueError: the text is none.

    Example:

    >>> Pattern("^body/").found_in("sequential/body/kernel")
    True
    >>> Pattern("^(?!head)").found_in("sequential/head/kernel")
    False
    """

    def __init__(self, text: str):
        if len(text) > LONGEST:
            raise ValueError(f"has {len(text)} characters; at most {LONGEST} are read")
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"is no regular expression: {error}") from None
        self.text = text
        self._step = _Parser(text).parsed()

    def found_in(self, path: str) -> bool:
        """Whether the pattern matches in `path`."""
        return bool(self.among([path]))

    def among(self, paths: Sequence[str]) -> list[int]:
        """Return the indices of the paths in which the pattern matches.

        Raises:
            ValueError: the search would take too long.
        """
        size = len(self.text) * sum(map(len, paths))
        budget = _Budget(min(LEAST_STEPS + STEPS * size, MOST_STEPS))
        try:
            return [
                i
                for i, path in enumerate(paths)
                if self._step(_Path(path, budget), frozenset(range(len(path) + 1)))
            ]
        except _Endless:
            raise ValueError("takes too long to match") from None


class _Parser:
    """A parser of patterns that `re` accepts."""

    def __init__(self, text: str):
        flags = _FLAGS.match(text)
        self.flags = flags[0] if flags else ""
        self.text, self.at = text, len(self.flags)
        self.negated = False  # whether `(?!` stands elsewhere than after `^`

    def parsed(self) -> _Step:
        return self._alternatives(0)

    def _alternatives(self, depth: int) -> _Step:
        if depth > DEEPEST:
            raise ValueError(f"has more than {DEEPEST} groups in groups")
        branches = [self._row(depth)]
        while self._next("|"):
            branches.append(self._row(depth))
        return branches[0] if len(branches) == 1 else _any_of(branches)

    def _row(self, depth: int) -> _Step:
        steps: list[_Step] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            steps.append(self._repeated(self._item(depth)))
        return _one_after_another(steps)

    def _item(self, depth: int) -> _Step:
        if self._next("^"):
            forbidden = []
            while self.text.startswith("(?!", self.at):
                self.at += 3
                forbidden.append(self._group(depth))
            return self._beginning(forbidden)
        if self.text[self.at] == "(":
            opening = _GROUP.match(self.text, self.at)
            if not opening:
                raise ValueError(
                    f"has {self.text[self.at : self.at + 4]!r}, which is not supported"
                )
            self.at = opening.end()
            self.negated |= opening[0] == "(?!"
            return _GROUPS.get(opening[0], lambda step: step)(self._group(depth))
        one = _ONE.match(self.text, self.at)
        assert one is not None
        if re.match(r"\\\d", one[0]):
            raise ValueError(f"has {one[0]!r}: references to groups are not supported")
        self.at = one.end()
        return _one(re.compile(self.flags + one[0]))

    def _beginning(self, forbidden: list[_Step]) -> _Step:
        def step(path: _Path, starts: _Places) -> _Places:
            if any(each(path, path.beginnings) for each in forbidden):
                return frozenset()
            return starts & (frozenset([0]) if self.negated else path.beginnings)

        return step

    def _group(self, depth: int) -> _Step:
        step = self._alternatives(depth + 1)
        self.at += 1  # the closing parenthesis
        return step

    def _repeated(self, step: _Step) -> _Step:
        repeat = _REPEAT.match(self.text, self.at)
        if not repeat:
            return step
        sign, low, comma, high, kind = repeat.groups()
        if kind == "+":
            raise ValueError(f"has {repeat[0]!r}: possessive repeats are not supported")
        self.at = repeat.end()
        if sign in "*+?":
            return _many(step, int(sign == "+"), 1 if sign == "?" else None)
        least = int(low or 0)
        return _many(step, least, int(high) if high else None if comma else least)

    def _next(self, sign: str) -> bool:
        found = self.text.startswith(sign, self.at)
        self.at += found
        return found


def _one(pattern: re.Pattern[str]) -> _Step:
    def step(path: _Path, starts: _Places) -> _Places:
        path.look(len(starts))
        found = (pattern.match(path.text, i) for i in starts)
        return frozenset(m.end() for m in found if m)

    return step


def _one_after_another(steps: list[_Step]) -> _Step:
    def step(path: _Path, starts: _Places) -> _Places:
        for each in steps:
            starts = each(path, starts)
        return starts

    return step


def _any_of(branches: list[_Step]) -> _Step:
    return lambda path, starts: frozenset().union(*(each(path, starts) for each in branches))


def _many(step: _Step, least: int, most: int | None) -> _Step:
    def repeated(path: _Path, starts: _Places) -> _Places:
        # If there are more repeats than characters, one of them is empty and may be left out.
        longest = len(path.text) + 1
        for _ in range(min(least, longest)):
            path.look(1)
            before, starts = starts, step(path, starts)
            if starts == before:
                break
        found = new = starts
        for _ in range(longest if most is None else min(most - least, longest)):
            path.look(1)
            new = step(path, new) - found
            if not new:
                break
            found |= new
        return found

    return repeated


def _ahead(wanted: bool) -> Callable[[_Step], _Step]:
    def around(inner: _Step) -> _Step:
        def step(path: _Path, starts: _Places) -> _Places:
            path.look(len(starts))
            return frozenset(i for i in starts if bool(inner(path, frozenset([i]))) == wanted)

        return step

    return around


def _behind(wanted: bool) -> Callable[[_Step], _Step]:
    def around(inner: _Step) -> _Step:
        def step(path: _Path, starts: _Places) -> _Places:
            ends = inner(path, frozenset(range(len(path.text) + 1)))
            return frozenset(i for i in starts if (i in ends) == wanted)

        return step

    return around


_GROUPS: dict[str, Any] = {
    "(?=": _ahead(True),
    "(?!": _ahead(False),
    "(?<=": _behind(True),
    "(?<!": _behind(False),
}
