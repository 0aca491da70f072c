"""Checks of the slots, shapes and pairs that a rule reads and returns, in its first run.

An optimizer checks each shape of a variable once, so later steps cost nothing. A step that is
traced or compiled checks only during the trace.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from keras_optim.formatting import shown

Tensor = Any


def check_methods(cls: type) -> None:
    """Let the methods that a class defines check their reads and results at first."""
    checks = {"update": _check_update, "measure": _check_dicts, "pool": _check_dicts}
    for name, check in checks.items():
        if name in vars(cls):
            setattr(cls, name, _checking(name, vars(cls)[name], check))


RESERVED = ("weight_decay", "decay", "stored", "inner")
"""Names in the dict `s` that belong to the engine."""


def check_names(rule: Any, slots: Mapping[str, Any], constants: Mapping[str, Any]) -> None:
    """Raise a ValueError for a name that stands for two things in the dict `s` of a rule.

    Args:
        rule: The rule, with those inside it.
        slots: Its slots, see `Rule.slot_starts`.
        constants: The constants of a variable.
    """
    inner = rule.inside(constants)
    own = [name for name in slots if inner is None or name != "inner"]
    kinds = {"a slot": own, "shared state": rule.shared, "a constant": set(constants) - {"inner"}}
    meaning = dict.fromkeys(RESERVED, "the engine's own")
    for kind, names in kinds.items():
        for name in names:
            if name in meaning:
                raise ValueError(
                    f"{_title(rule)}: `{name}` is the name of {kind}, and of {meaning[name]}: "
                    "rename one of them."
                )
            meaning[name] = kind
    if inner is not None:
        check_names(inner, slots["inner"], constants["inner"])


class _State(dict[str, Any]):
    """The dict `s`, with a clear error for a missing key."""

    def __init__(self, s: Mapping[str, Any], rule: Any, method: str):
        super().__init__(s)
        self.rule, self.method = rule, method

    def __missing__(self, key: str) -> Any:
        raise ValueError(
            f"{_title(self.rule)}: `{self.method}` reads s[{key!r}], which is neither in `slots` "
            f"or `init` nor in `shared`. Declared: slots={tuple(self.rule.slots)}, "
            f"shared={tuple(self.rule.shared)}"
        )


def _checking(name: str, method: Callable[..., Any], check: Callable[..., None]) -> Any:
    at = 1 if name == "pool" else 2  # the index of `s`

    @functools.wraps(method)
    def checking(self: Any, *args: Any) -> Any:
        if getattr(type(self), name) is not checking:  # called by a derived class
            return method(self, *args)
        seen = vars(self).setdefault("_seen", set())
        key = (name, () if name == "pool" else tuple(args[1].shape))
        if key in seen:
            return method(self, *args)
        returned = method(self, *args[:at], _State(args[at], self, name), *args[at + 1 :])
        check(self, name, returned, *args)
        seen.add(key)
        return returned

    return checking


_PAIRS = {
    "measure": "the sums, and tensors for `update`",
    "pool": "the new shared state, and numbers for `update`",
}


def _check_dicts(rule: Any, method: str, returned: Any, *args: Any) -> None:
    pair = isinstance(returned, tuple | list) and len(returned) == 2
    if not pair or not all(isinstance(item, Mapping) for item in returned):
        raise TypeError(
            f"{_title(rule)}: `{method}` must return a pair of dicts: {_PAIRS[method]}. "
            f"Received: {shown(returned)}"
        )


def _check_update(
    rule: Any, method: str, returned: Any, g: Tensor, x: Tensor, s: Mapping[str, Any], *rest: Any
) -> None:
    pair = isinstance(returned, tuple | list) and len(returned) == 2
    if not pair or not isinstance(returned[1], Mapping):
        raise TypeError(
            f"{_title(rule)}: `{method}` must return a pair, the change of the variable and "
            f"a dict of its slots. Received: {shown(returned)}"
        )
    change, slots = returned
    names = tuple(rule.slot_starts(x, s))
    if unknown := sorted(set(slots) - set(names) - set(s)):  # all of `s` may be handed back
        raise ValueError(
            f"{_title(rule)}: `{method}` returned {_listed(unknown)}, which is neither in `slots` "
            f"nor in `init`. Declared: {names}"
        )
    if missing := [name for name in names if name not in slots]:
        raise ValueError(
            f"{_title(rule)}: `{method}` must return all slots. "
            f"Missing: {_listed(missing)}. Declared: {names}"
        )
    _check_shape(rule, method, "the change of the variable", change, x)
    for name in names:
        if not isinstance(slots[name], Mapping):  # those of the rule inside, which checked them
            _check_shape(rule, method, f"slot `{name}`", slots[name], s[name])


def _check_shape(rule: Any, method: str, what: str, value: Any, like: Tensor) -> None:
    expected = tuple(like.shape)
    shape = () if isinstance(value, int | float) else getattr(value, "shape", None)
    known = shape is not None and getattr(shape, "rank", 0) is not None
    if shape is None or (known and not _fits(tuple(shape), expected)):
        raise ValueError(
            f"{_title(rule)}: `{method}` must return {what} in the shape {expected}. "
            f"Received: {shown(value)}"
        )


def _fits(shape: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    pairs = zip(shape, expected, strict=False)
    return len(shape) == len(expected) and all(None in pair or pair[0] == pair[1] for pair in pairs)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _title(rule: Any) -> str:
    return type(rule).__name__
