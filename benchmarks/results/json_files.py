"""JSON on disk that survives a kill: files are replaced whole, lines are appended and flushed."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def canonical(value: Any) -> str:
    """The one JSON text of `value`, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write `value` to a file beside `path` and rename it, so that no reader sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(json.dumps(_without_nan(value), indent=2) + "\n", encoding="utf-8")
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise


def read_json(path: Path) -> Any:
    """The value in `path`, or `None` where there is no such file or no JSON in it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def append_line(path: Path, value: Any) -> None:
    """Add `value` as one line of JSON and hand it to the operating system at once."""
    with _named(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(_without_nan(value), separators=(",", ":")) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[Any]:
    """The lines of `path` up to the first that is torn (a process was killed while writing it)."""
    values: list[Any] = []
    try:
        for line in path.read_bytes().splitlines():
            values.append(json.loads(line.decode("utf-8")))
    except (OSError, ValueError, RecursionError):
        pass
    return values


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An error of the operating system in this block names `path`; a full disk names none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _without_nan(value: Any) -> Any:
    """Not-a-number and infinity as null: JSON has neither. Six digits are plenty for a curve."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
