"""What only a process with the backend can say: `python -m benchmarks.probe`.

Are the optimizers spelled right, which code are they made of, is the device there? Asked before
anything is trained; the request comes as JSON (see `benchmarks.processes`).
"""

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import devices, processes
from benchmarks.errors import UsageError, one_line
from benchmarks.specs import parse_specs, unique

ALL = "all"
"""Stands for every algorithm of the catalog in the list of optimizers."""
EXTRA = ("lookahead[inner=adam]",)
"""What `ALL` adds to the catalog."""
_NO_CODE = ("__init__.py", "catalog.py")
"""Files of keras_optim that say what there is, not how it computes."""


def probe(request: dict[str, Any]) -> dict[str, Any]:
    """Answer `names` (the catalog), `optimizers` (label: digest of its code) and `device`.

    Raises:
        UsageError: an optimizer or the device cannot be had.
    """
    found = devices.prepare(request["backend"], request["device"])
    try:
        import keras_optim
    except ImportError as error:
        raise UsageError(f"keras_optim cannot be imported: {one_line(error)}") from error
    optimizers = {}
    for label in expanded(request["optimizers"], keras_optim.names()):
        try:
            optimizers[label] = digest(parse_specs(label)[0].build())
        except (TypeError, ValueError) as error:
            raise UsageError(f"optimizer {label}: {one_line(error)}") from error
    device = {"kind": found.kind, "count": found.count, "description": found.description}
    return {"names": keras_optim.names(), "optimizers": optimizers, "device": device}


def expanded(labels: Iterable[str], names: Iterable[str]) -> list[str]:
    """`labels` with `ALL` written out, without repetitions."""
    texts: list[str] = []
    for label in labels:
        texts.extend((*names, *EXTRA) if label == ALL else (label,))
    return [str(spec) for spec in unique([parse_specs(text)[0] for text in texts])]


def digest(optimizer: Any) -> str:
    """Hash of the code that `optimizer` runs: another algorithm of the package does not change it.

    Counted are the modules of its class, of the classes it inherits from and of its inner
    optimizer, and whatever lies at the top of the package.
    """
    package = type(optimizer).__module__.partition(".")[0]
    top = Path(inspect.getfile(sys.modules[package])).parent
    files = {path for path in top.glob("*.py") if path.name not in _NO_CODE}
    layers = [optimizer]
    while (inner := getattr(layers[-1], "inner", None)) is not None:
        layers.append(inner)
    for layer in layers:
        for base in type(layer).__mro__:
            if base.__module__.partition(".")[0] == package:
                files.add(Path(inspect.getfile(base)))
    code = "".join(_bare(path) for path in sorted(files))
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def _bare(path: Path) -> str:
    """The code of a file without comments, layout and docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


if __name__ == "__main__":
    processes.serve(probe)
