"""Endings of a command: an exit status, and one line instead of a traceback.

`ended` turns errors from outside our code into a sentence. `program` runs a command as the whole
process, whose standard streams may be closed or full, or may have lost their reader.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from keras_optim.compare.process.errors import UsageError, one_line

INSTALL = "pip install 'keras_optim[compare]' (benchmarks: -r requirements/bench.txt)"
INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it."""


def ended(name: str, command: Callable[[], int | None], interrupted: str = "interrupted.") -> int:
    """Run `command`; return the exit status.

    Args:
        name: The beginning of the line on standard error.
        command: Returns an exit status; `None` is 0.
        interrupted: The line after Ctrl-C.

    Returns:
        The status of `command`. Or 2 after a `UsageError`, an error of the operating system (a full
        disk, an unreadable file), a missing package or too little memory; 130 after Ctrl-C.
    """
    try:
        return command() or 0
    except KeyboardInterrupt:
        _say(name, interrupted)
        return INTERRUPTED
    except UsageError as error:
        _say(name, one_line(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(name, f"{where}{error.strerror or one_line(error)}")
    except ImportError as error:
        _say(name, f"{one_line(error)}; {INSTALL}")
    except MemoryError as error:
        _say(name, f"not enough memory ({one_line(error)})")
    return 2


def program(name: str, main: Callable[[], int]) -> NoReturn:
    """Run `main` as the whole process and exit with its status; SIGTERM acts like Ctrl-C."""
    _open_streams()
    output = Output(sys.stdout)
    sys.stdout = output
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = main()
    except SystemExit as end:  # argparse, after --help
        status = int(end.code or 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the exit is left
    output.flush()
    if output.error is not None and not isinstance(output.error, BrokenPipeError):
        _say(name, f"standard output could not be written ({output.error.strerror})")
        status = status or 2
    if status == INTERRUPTED:
        # Python itself would end with the signal if Ctrl-C came within `exec`, as in a dataclass.
        os._exit(status)
    sys.exit(status)


class Output:
    """Standard output that drops the rest of the text after a failed write.

    So a command piped into `head -1` still completes its results.
    """

    def __init__(self, stream: Any):
        self.stream = stream
        self.error: OSError | None = None
        if hasattr(stream, "reconfigure"):  # a path may hold characters that the encoding lacks
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        self._try(self.stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Flush the written text, or drop it."""
        self._try(self.stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _try(self, function: Callable[..., Any], *arguments: str) -> None:
        try:
            function(*arguments)
        except OSError as error:
            self.error = error
            # Discard the rest of the stream's buffer, also at the exit of Python.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


def _say(name: str, text: str) -> None:
    with suppress(OSError):  # standard error may be closed as well
        print(f"{name}: {text}", file=sys.stderr, flush=True)


def _open_streams() -> None:
    """Open the null device for each closed standard stream, so no file of ours gets its number."""
    for number, mode in ((0, "r"), (1, "w"), (2, "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        stream = ("stdin", "stdout", "stderr")[number]
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
