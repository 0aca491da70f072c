"""Counterparts: one row per algorithm that another library has too, for both directions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from keras_optim.arguments import hyperparameters, ranges
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer

Array = Any
Change = Callable[[Mapping[str, Array], Array, float, Any], Array]
"""A function of all slots of a variable, its value, the rate and our optimizer. Returns a slot."""


@dataclass(frozen=True)
class Slot:
    """A slot that holds other numbers in the other library than in ours."""

    ours: str
    take: Change
    """Converts theirs to ours."""
    give: Change
    """Converts ours to theirs."""


@dataclass(frozen=True)
class Row:
    """An algorithm, with its names for arguments and state in both libraries."""

    theirs: str
    ours: type[Optimizer]
    arguments: Mapping[str, str | tuple[str, ...]]
    """Their arguments, and our name for each."""
    slots: Mapping[str, str | Slot]
    """Their state of a variable, and our name for each slot."""
    short_slots: Mapping[str, str] | None = None
    """The same for variables of fewer than two axes, if it differs."""
    scalars: Mapping[str, str] | Callable[[Optimizer, int], Mapping[str, float]] | None = None
    """Their shared state, and our names for it. Or a function that computes ours from the
    optimizer and its step count."""
    fixed: Mapping[str, Any] | None = None
    """Their arguments that must have this value."""
    ours_fixed: Mapping[str, Any] | None = None
    """Our arguments that must have this value."""
    ours_free: tuple[str, ...] = ()
    """Our arguments that no longer matter once there is a state."""
    factors: Mapping[str, float] | None = None
    """Our argument is theirs times this number."""
    shifts: Mapping[str, int] | None = None
    """Our argument, an integer, is theirs plus this number."""
    derived: Callable[[Optimizer, float, int], Mapping[str, float]] | None = None
    """Their numbers of a variable that follow from our optimizer, its rate and its step count."""
    count: Literal["used", "kept", "none"] = "used"
    """Their step count: the rule depends on it; they only keep it; they have none."""
    note: str = ""
    """The difference that remains. Empty: the steps are equal up to rounding."""

    def theirs_of(self, key: str, value: Any) -> Any:
        """Return their argument, from the value of ours."""
        if key in (self.factors or {}):
            return value / self.factors[key]  # type: ignore[index]
        return value - self.shifts[key] if key in (self.shifts or {}) else value  # type: ignore[index]

    def slots_of(self, variable: Any) -> Mapping[str, str | Slot]:
        """Return the slots for a variable of this shape."""
        short = self.short_slots is not None and len(variable.shape) < 2
        return self.short_slots if short else self.slots  # type: ignore[return-value]


@dataclass(frozen=True)
class Library:
    """Another library: rows of the algorithms that convert, and reasons for the others."""

    name: str
    rows: Sequence[Row]
    refused: Mapping[str, str]
    """Its algorithms that do not convert, and the reasons."""
    ignored: frozenset[str] = frozenset()
    """Its arguments that do not change the numbers."""
    fixed: Mapping[str, Any] | None = None
    """Arguments of all its algorithms that must have this value."""
    advice: Mapping[str, str] | None = None
    """Advice about an argument, theirs or ours, that has no counterpart."""

    def read(self, theirs: str, arguments: Mapping[str, Any]) -> tuple[Row, dict[str, Any]]:
        """Return the row for their algorithm with these arguments, and our arguments.

        Raises:
            ValueError: no row fits; the message names the arguments without a counterpart.
        """
        found = [(row, *self._read_row(row, arguments)) for row in self.rows_of(theirs)]
        return self._first(f"{theirs} of {self.name}", found)

    def rows_of(self, theirs: str) -> list[Row]:
        """Return the rows of their algorithm.

        Raises:
            ValueError: it has no row.
        """
        rows = [row for row in self.rows if row.theirs == theirs]
        if not rows:
            known = ", ".join(dict.fromkeys(row.theirs for row in self.rows))
            why = self.refused.get(theirs, f"it is not in the table, which has: {known}.")
            raise ValueError(f"{theirs} of {self.name} cannot be converted: {why}")
        return rows

    def _read_row(self, row: Row, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        ours: dict[str, Any] = {}
        problems = []
        fixed = {**(self.fixed or {}), **(row.fixed or {})}
        for name, must in fixed.items():
            if not _same(arguments.get(name), must):
                problems.append(self._problem(name, arguments.get(name), must))
        for name, value in arguments.items():
            if name in row.arguments:
                target = row.arguments[name]
                values = value if isinstance(target, tuple) else (value,)
                for key, number in zip(_keys(target), values, strict=True):
                    number = _plain(number, key)
                    if key in (row.factors or {}):
                        number *= row.factors[key]  # type: ignore[index]
                    if key in (row.shifts or {}):
                        number = int(number) + row.shifts[key]  # type: ignore[index]
                    if ours.setdefault(key, number) != number:
                        problems.append(f"`{name}` must be {ours[key]} too, not {number}")
            elif name not in fixed and name not in self.ignored:
                problems.append(self._problem(name, value))
        return {**ours, **(row.ours_fixed or {})}, problems

    def write(self, optimizer: Optimizer, rule: Optimizer, rate: Any) -> tuple[Row, dict[str, Any]]:
        """Return the row for our `rule` with the options of `optimizer`, and their arguments.

        Raises:
            ValueError: no row fits; the message names the arguments without a counterpart.
        """
        rows = [row for row in self.rows if row.ours is type(rule)]
        title = f"{type(rule).__name__} to {self.name}"
        if not rows:
            raise ValueError(f"{title}: no algorithm there has the same rule and state.")
        found = [(row, *self._write_row(row, optimizer, rule, rate)) for row in rows]
        return self._first(title, found)

    def _write_row(
        self, row: Row, optimizer: Optimizer, rule: Optimizer, rate: Any
    ) -> tuple[dict[str, Any], list[str]]:
        ours = {
            name: getattr(rule, name)
            for name in hyperparameters.own_parameters(type(rule).__init__)
        }
        options = {name: getattr(optimizer, name) for name in ranges.OPTION_DEFAULTS}
        on = {n: v for n, v in options.items() if not _same(v, ranges.OPTION_DEFAULTS[n])}
        ours = {**ours, **on, "learning_rate": rate}
        if not optimizer.use_ema:
            ours.pop("ema_momentum", None)
        mapped = {key for t in row.arguments.values() for key in _keys(t)}
        fixed = row.ours_fixed or {}
        problems = [
            self._problem(name, value, fixed.get(name))
            for name, value in ours.items()
            if not (_same(value, fixed[name]) if name in fixed else name in mapped)
            and name not in (*row.ours_free, "name")
        ]
        ours = {**options, **ours}
        if isinstance(ours["weight_decay"], Mapping):
            problems.append(self._problem("weight_decay", ours["weight_decay"], "one number"))
        ours["weight_decay"] = ours["weight_decay"] or 0.0
        theirs = dict(row.fixed or {})
        for name, target in row.arguments.items():
            numbers = [row.theirs_of(key, ours[key]) for key in _keys(target)]
            theirs[name] = tuple(numbers) if isinstance(target, tuple) else numbers[0]
        return theirs, problems

    def _first(
        self, title: str, found: list[tuple[Row, dict[str, Any], list[str]]]
    ) -> tuple[Row, dict[str, Any]]:
        row, arguments, problems = min(found, key=lambda f: len(f[2]))
        if problems:
            raise ValueError(f"{title} cannot be converted: {'; '.join(problems)}.")
        return row, arguments

    def _problem(self, name: str, value: Any, must: Any = None) -> str:
        advice = (self.advice or {}).get(name)
        wanted = f"must be {shown(must)}" if must is not None else "has no counterpart"
        return f"`{name}` {wanted}. Received: {name}={shown(value)}" + (
            f" ({advice})" if advice else ""
        )


# ---- arguments


def _keys(target: str | tuple[str, ...]) -> tuple[str, ...]:
    return target if isinstance(target, tuple) else (target,)


def _same(value: Any, must: Any) -> bool:
    """Whether two arguments are equal; `None`, `False` and 0 count as one value."""
    return bool((value or False) == (must or False))


def _plain(value: Any, name: str) -> Any:
    """Convert an array of one number to a Python number, and a momentum of `None` to 0."""
    if value is None and name == "momentum":
        return 0.0
    return value.item() if hasattr(value, "item") else value


# ---- the page


def table(libraries: Iterable[Library]) -> str:
    """Return one Markdown table per library: the algorithms that convert, and the others."""
    parts = []
    for library in libraries:
        lines = [f"| `{library.name}` | ours | difference |", "|---|---|---|"]
        for i, row in enumerate(library.rows):
            notes = [*_directions(row, library.rows[:i]), *([row.note] if row.note else [])]
            there, here = _call(row.theirs, row.fixed), _call(row.ours.__name__, row.ours_fixed)
            lines.append(f"| {there} | {here} | {' '.join(notes)} |")
        lines += [
            f"| `{name}` | no | {why[0].upper() + why[1:]} |"
            for name, why in library.refused.items()
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _call(name: str, fixed: Mapping[str, Any] | None) -> str:
    shown = {k: f"{v:g}" if isinstance(v, float) else repr(v) for k, v in (fixed or {}).items()}
    arguments = ", ".join(f"{k}={v}" for k, v in shown.items())
    return f"`{name}({arguments})`" if shown else f"`{name}`"


def _directions(row: Row, earlier: Sequence[Row]) -> list[str]:
    """Return notes on a row that serves one direction, because an earlier row takes the other."""

    def ours_of(r: Row) -> set[str]:
        return {key for target in r.arguments.values() for key in _keys(target)}

    taken = any(r.theirs == row.theirs and r.fixed == row.fixed for r in earlier)
    given = any(
        r.ours is row.ours and r.ours_fixed == row.ours_fixed and ours_of(r) >= ours_of(row)
        for r in earlier
    )
    return ["Only from ours."] * taken + ["Only to ours."] * given
