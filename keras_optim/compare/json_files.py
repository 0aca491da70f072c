"""JSON on disk that survives a kill: files are replaced whole, lines are appended and flushed."""

import json
import math
import os
from pathlib import Path
from typing import Any

from keras_optim.compare.files import named, write_file


def canonical(value: Any) -> str:
    """Write `value` as JSON with sorted keys, so equal values give equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write `value` to a file, as JSON; no reader sees half of it."""
    write_file(path, json.dumps(rounded(value), indent=indent) + "\n")


def read_json(path: Path) -> Any:
    """Read the value in `path`; `None` if the file is absent or holds no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def append_line(path: Path, value: Any) -> None:
    """Add `value` as one line of JSON and hand it to the operating system at once."""
    with named(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(rounded(value), separators=(",", ":")) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[Any]:
    """Read the lines of `path` up to a torn one, whose writer was killed."""
    values: list[Any] = []
    try:
        for line in path.read_bytes().splitlines():
            values.append(json.loads(line.decode("utf-8")))
    except (OSError, ValueError, RecursionError):
        pass
    return values


def rounded(value: Any) -> Any:
    """Replace NaN and infinity by null, as JSON has neither; round to six digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
