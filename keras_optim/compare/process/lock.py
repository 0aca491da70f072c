"""Lock of a results folder, because two commands would write into the same files.

The operating system releases the lock when the last process that holds it ends, in any way. The
children of a command inherit the lock. So a child of a killed command still holds it until it has
ended as well.
"""

import os
import platform
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from keras_optim.compare.process.errors import UsageError

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"
PATIENCE = 2.0
"""The seconds that the child of a killed command needs to end."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other commands out of `folder`.

    Raises:
        UsageError: another one works there; the text names its process.
    """
    with (folder / NAME).open("a+", encoding="utf-8", errors="replace") as file:
        _take(file, folder)
        file.truncate(0)
        file.write(f"{os.getpid()} on {platform.node()}\n")
        file.flush()
        os.set_inheritable(file.fileno(), True)
        yield


def _take(file: TextIO, folder: Path) -> None:
    """Lock `file` within `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while not _locked(file):
        if time.monotonic() > deadline:
            raise UsageError(
                f"{folder} is in use by {_holder(file)}: wait until it has ended, or give "
                "another folder"
            )
        time.sleep(0.05)


def _locked(file: TextIO) -> bool:
    """Lock `file`; return whether it is locked now, or its file system has no locks."""
    try:
        if fcntl is None:
            raise OSError("no fcntl")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        print(
            f"{file.name} cannot be locked ({error.strerror or error}): start no second "
            "command on this folder",
            file=sys.stderr,
        )
    return True


def _holder(file: TextIO) -> str:
    """Read from `file` which process has locked it."""
    file.seek(0)
    text = file.read(300).strip()
    return f"process {text}" if re.fullmatch(r"\d+ on \S*", text) else "another process"
