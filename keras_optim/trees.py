"""Trees, which are nested dicts: a rule's own state by its names, that of the rule inside under
`inner`. In variables and files, each leaf has a flat name instead.
"""

from collections.abc import Callable, Iterable
from typing import Any

from keras import ops

Tree = dict[str, Any]

INNER = "inner"
"""The name under which a wrapper sees the state of the rule inside."""


def merged(*trees: Tree) -> Tree:
    """Return one tree with the leaves of all; the last of one name counts.

    >>> merged({"a": 1, "inner": {"b": 2}}, {"inner": {"c": 3}})
    {'a': 1, 'inner': {'b': 2, 'c': 3}}
    """
    whole: Tree = {}
    for tree in trees:
        for name, value in tree.items():
            present = whole.get(name)
            if isinstance(value, dict) and isinstance(present, dict):
                value = merged(present, value)
            whole[name] = value
    return whole


def mapped(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Apply `function` to each leaf and those of the same name in `others`; return the tree.

    >>> mapped(lambda a, b: a + b, {"a": 1, "inner": {"b": 2}}, {"a": 10, "inner": {"b": 20}})
    {'a': 11, 'inner': {'b': 22}}
    """
    return {
        name: mapped(function, value, *(other[name] for other in others))
        if isinstance(value, dict)
        else function(value, *(other[name] for other in others))
        for name, value in tree.items()
    }


def flat_names(tree: Tree, taken: Iterable[str] = ()) -> Tree:
    """Return the flat name of each leaf: its own, with a number if a leaf further inside has it.

    >>> flat_names({"lag": 0, "inner": {"lag": 0, "inner": {"momentum": 0}}})
    {'inner': {'inner': {'momentum': 'momentum'}, 'lag': 'lag'}, 'lag': 'lag_2'}
    """
    used = set(taken)

    def named(tree: Tree) -> Tree:
        inside = {name: named(value) for name, value in tree.items() if isinstance(value, dict)}
        own = {name: unused(name) for name in tree if name not in inside}
        return inside | own

    def unused(name: str) -> str:
        unique, number = name, 1
        while unique in used:
            number += 1
            unique = f"{name}_{number}"
        used.add(unique)
        return unique

    return named(tree)


def flattened(tree: Tree, names: Tree) -> dict[str, Any]:
    """Return the leaves by their flat names; `names` may have more than the tree.

    >>> flattened({"a": 1, "inner": {"a": 2}}, {"a": "a_2", "inner": {"a": "a", "b": "b"}})
    {'a_2': 1, 'a': 2}
    """
    flat: dict[str, Any] = {}
    for name, value in names.items():
        if name in tree:
            inside = isinstance(value, dict)
            flat |= flattened(tree[name], value) if inside else {value: tree[name]}
    return flat


def nested(flat: dict[str, Any], names: Tree) -> Tree:
    """Return the tree of leaves given by their flat names.

    >>> nested({"a_2": 1, "a": 2}, {"a": "a_2", "inner": {"a": "a"}})
    {'a': 1, 'inner': {'a': 2}}
    """
    return mapped(flat.__getitem__, names)


def chosen(condition: Any, new: Tree, old: Tree, names: Tree) -> Tree:
    """Return the leaves of `names`: the new ones if the condition holds, else the old ones.

    >>> new, old = {"a": 1.0, "other": "x"}, {"a": 2.0}
    >>> float(chosen(False, new, old, {"a": None})["a"])
    2.0
    """
    return mapped(lambda _, a, b: ops.where(condition, a, b), names, new, old)
