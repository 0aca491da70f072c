"""Fingerprint of the code of a result: a hash that changes when that code does, and only then.

It starts at the class of an optimizer and follows every function, class and constant of the
package that the code mentions, from module to module. It cannot follow a computed name. Another
algorithm, docstring or comment does not change the hash, so a new algorithm does not make the
results of the others stale.
"""

import ast
import functools
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Place = tuple[str, str]
"""A module and a name in it."""


def fingerprint(optimizer: Any) -> str:
    """Hash the code of `optimizer` and of the optimizers inside it."""
    package = type(optimizer).__module__.partition(".")[0]
    texts: dict[Place, str] = {}
    todo = [(type(o).__module__, type(o).__qualname__) for o in _layers(optimizer)]
    while todo:
        place = todo.pop()
        if place not in texts and place[0].partition(".")[0] == package and place[0] in sys.modules:
            texts[place], further = _look(*place)
            todo.extend(further)
    code = "\n".join(f"{place}: {text}" for place, text in sorted(texts.items()))
    return hashlib.sha256(code.encode()).hexdigest()[:12]


@functools.cache
def _look(module: str, name: str) -> tuple[str, tuple[Place, ...]]:
    """Find the code that defines `name`, and the places it mentions."""
    definitions, imports = _contents(module)
    statements = definitions.get(name, [])
    places = [place for statement in statements for place in _mentioned(statement, module, imports)]
    if name in imports:
        places.append(imports[name])
    return "\n".join(map(ast.unparse, statements)), tuple(dict.fromkeys(places))


def _layers(optimizer: Any) -> Iterator[Any]:
    """Yield `optimizer`, then the optimizers among its attributes, to any depth."""
    yield optimizer
    for value in vars(optimizer).values():
        if hasattr(value, "apply_gradients"):
            yield from _layers(value)


@functools.cache
def _contents(module: str) -> tuple[dict[str, list[ast.stmt]], dict[str, Place]]:
    """Find the statements that define each name of `module`, and the places of its imports."""
    tree = ast.parse(Path(str(sys.modules[module].__file__)).read_text(encoding="utf-8"))
    _drop_texts(tree)
    statements: dict[str, list[ast.stmt]] = {}
    imports: dict[str, Place] = {}
    todo = list(tree.body)
    while todo:
        statement = todo.pop(0)
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            statements.setdefault(statement.name, []).append(statement)
        elif isinstance(statement, ast.ImportFrom):
            imports.update(_imported(statement))
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            todo.extend(
                s for s in ast.walk(statement) if isinstance(s, ast.stmt) and s != statement
            )
        else:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    statements.setdefault(node.id, []).append(statement)
    return statements, imports


def _imported(statement: ast.ImportFrom) -> dict[str, Place]:
    """Find the places of imported names; a whole module is a place without a name."""
    places = {}
    for alias in statement.names:
        module = f"{statement.module}.{alias.name}"
        whole = module in sys.modules
        place = (module, "") if whole else (str(statement.module), alias.name)
        places[alias.asname or alias.name] = place
    return places


def _mentioned(statement: ast.stmt, module: str, imports: dict[str, Place]) -> Iterator[Place]:
    """Yield the places that `statement` of `module` refers to."""
    for node in ast.walk(statement):
        if isinstance(node, ast.ImportFrom):
            imports = {**imports, **_imported(node)}
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            source, name = imports.get(node.value.id, ("", ""))
            if source and not name:
                yield source, node.attr
        if isinstance(node, ast.Name):
            yield imports.get(node.id, (module, node.id))


def _drop_texts(tree: ast.AST) -> None:
    """Remove docstrings; comments and layout are not part of the tree anyway."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [part for part in body if not _is_text(part)]


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
