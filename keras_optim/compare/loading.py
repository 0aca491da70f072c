"""Loading of workloads that the command line names, such as `package.module:workload`."""

import difflib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from keras_optim.compare.process.errors import UsageError, one_line
from keras_optim.compare.workload import Workload
from keras_optim.formatting import shown

EXAMPLE = "Write package.module:workload, or path/to/file.py:workload"


def workloads(name: str, arguments: Mapping[str, Any] | None = None) -> list[Workload]:
    """Return the workloads that a name stands for.

    Args:
        name: A module, a colon, and in that module a `Workload`, or a function that returns one or
            a list of them.
        arguments: Of that function. Default none.

    Raises:
        UsageError: there is none, or the user's code raised an error.
    """
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise UsageError(f"{name!r} names no workload. {EXAMPLE}")
    module = guarded(place, lambda: _module(place))
    value = _attribute(module, place, attribute)
    if callable(value):
        value = guarded(f"{name}()", partial(value, **(arguments or {})))
    found = list(value) if isinstance(value, list | tuple) else [value]
    if not found or not all(isinstance(one, Workload) for one in found):
        raise UsageError(
            f"{name} must be a keras_optim.Workload, or a function that returns one or a list of "
            f"them. Received: {shown(value)}"
        )
    names = [one.name for one in found]
    for one in names:
        if names.count(one) > 1:
            raise UsageError(f"{name}: {names.count(one)} workloads are called {one!r}")
    return found


def guarded(name: str, function: Callable[[], Any]) -> Any:
    """Call the user's code; turn its errors into a sentence, and write the traceback.

    Raises:
        UsageError: the function raised an error of any kind.
    """
    try:
        return function()
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # the user's code may raise any
        traceback.print_exc()
        raise UsageError(
            f"{name} raised {type(error).__name__}: {one_line(error)}{_place(error)}"
        ) from error


def _place(error: BaseException) -> str:
    """Return the last place of the user's code in a traceback: file and line."""
    if isinstance(error, SyntaxError):
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    library = (f"{os.sep}site-packages{os.sep}", f"{os.sep}keras_optim{os.sep}", "<frozen")
    own = [f for f in frames if not any(part in f.filename for part in library)]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _module(place: str) -> ModuleType:
    if place.endswith(".py") or os.sep in place:
        return _file(Path(place).expanduser())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise  # a package that the user's module needs
        raise UsageError(
            f"no module is called {error.name!r}, neither installed nor in {os.getcwd()}. {EXAMPLE}"
        ) from error


def _file(path: Path) -> ModuleType:
    """Import a file as `python file.py` would: its neighbours can be imported."""
    path = path.absolute()
    if not path.is_file():
        raise UsageError(f"there is no file {path}. {EXAMPLE}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules[path.stem] = module  # where sources are looked up
    spec.loader.exec_module(module)
    return module


def _attribute(module: ModuleType, place: str, name: str) -> Any:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            near = difflib.get_close_matches(part, _candidates(value), 3, 0.5)
            text = f"; did you mean {' or '.join(near)}?" if near else ""
            raise UsageError(f"{place} has no {part!r}{text}")
        value = getattr(value, part)
    return value


def _candidates(value: Any) -> list[str]:
    """Return the names of workloads and functions."""
    return [
        name
        for name in dir(value)
        if not name.startswith("_")
        and (callable(one := getattr(value, name)) or isinstance(one, Workload))
    ]
