"""Child processes: requests that need a backend, JSON in and JSON out.

A command asks a Python process of its own. So no two backends meet, and a crash costs one answer. A
child ends when its parent does, even if the parent was killed, because it watches its standard
input, which only the operating system closes.

`ask` and `serve` are the two sides of one request, `Child` and `requests` those of many.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from keras_optim.compare.process.errors import UsageError, one_line

ROOT = Path(__file__).parents[3]
"""The folder that holds this package."""
_MARK = "@keras_optim "
"""The start of our lines on a child's standard output, because libraries print there too."""
WATCHED = "KERAS_OPTIM_STANDARD_INPUT"
"""Variable in the environment of a child whose standard input is ours, not a shell's."""

_DEFAULTS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONUNBUFFERED": "1",
    # PyTorch's threads otherwise spin while they wait. Beside another busy process on the same
    # cores, this made small models 25 times slower (2 cores, the digits workload).
    "OMP_WAIT_POLICY": "passive",
}


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: defaults, ours, then `changes`; it can import us."""
    found = {**_DEFAULTS, **os.environ, **changes}
    if ROOT.name not in ("site-packages", "dist-packages"):  # else the child finds it anyway
        path = os.environ.get("PYTHONPATH")
        found["PYTHONPATH"] = f"{ROOT}{os.pathsep}{path}" if path else str(ROOT)
    return found


def ask(module: str, request: Mapping[str, Any], env: Mapping[str, str]) -> Any:
    """Run `module` in a child and return its answer to `request`.

    Raises:
        UsageError: the child raised one, or crashed; then the text is the last line that it wrote.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        _child(module, [], env, stderr=errors) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        _send(child.stdin, json.dumps(request))
        out = child.stdout.read()
        child.wait()
        errors.seek(0)
        err = errors.read()
    for line in out.splitlines():
        if line.startswith(_MARK):
            answer = json.loads(line.removeprefix(_MARK))
            if "error" in answer:
                raise UsageError(answer["error"])
            return answer["answer"]
    raise UsageError(f"{module} ended without an answer: {last_line(err)}")


def serve(function: Callable[[Any], Any], *keys: str) -> None:
    """Answer the one request on standard input, a line of JSON: the other side of `ask`.

    Args:
        function: Computes the answer.
        *keys: The keys that a request must have.
    """
    try:
        answer = {"answer": function(_request(keys))}
    except (UsageError, OSError) as error:
        answer = {"error": one_line(error)}
    tell(answer)


def _request(keys: Sequence[str]) -> dict[str, Any]:
    request = next(requests(), None)
    if not isinstance(request, dict) or not request.keys() >= set(keys):
        raise UsageError(f"standard input must be a line of JSON with the keys {', '.join(keys)}")
    return request


def requests() -> Iterator[Any]:
    """Yield the requests on standard input, each a line of JSON; `None` for another line.

    When standard input ends, this process ends, unless it was started from a shell.
    """
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    while (line := lines.get()) is not None:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            yield None


def _read(lines: "queue.SimpleQueue[bytes | None]") -> None:
    """Pass on the lines of standard input."""
    rest = b""
    while found := os.read(0, 1 << 16):  # a buffered reader would keep its lock at the exit
        *whole, rest = (rest + found).split(b"\n")
        for line in whole:
            lines.put(line)
    if os.environ.get(WATCHED):
        os._exit(1)
    lines.put(rest or None)
    lines.put(None)


def train(
    module: str, folder: Path, env: Mapping[str, str], on_event: Callable[[Any], None]
) -> int:
    """Train the run of `folder` in a child, pass its events to `on_event`; return its status."""
    with (
        (folder / "log.txt").open("w", encoding="utf-8") as log,
        _child(module, [str(folder)], env, stderr=log) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(_MARK):
                on_event(json.loads(line.removeprefix(_MARK)))
            else:
                log.write(line)
        return child.wait()


def end_with_parent() -> None:
    """End this process as soon as its parent, which holds its standard input, ends."""
    if os.environ.get(WATCHED):
        threading.Thread(target=_read, args=(queue.SimpleQueue(),), daemon=True).start()


def _send(stream: IO[str], text: str) -> None:
    """Write a line; a child that has already ended reports its reason elsewhere."""
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        with suppress(BrokenPipeError):
            stream.close()


def log_end(path: Path, start: int = 0) -> str:
    """Return the last line of a log, of those that begin at the byte `start` or later."""
    with suppress(OSError), path.open("rb") as log:
        log.seek(max(start, log.seek(0, os.SEEK_END) - 4096))
        return last_line(log.read().decode("utf-8", "replace"))
    return last_line("")


def tell(event: Any) -> None:
    """Send `event` from a child to its parent."""
    print(f"{_MARK}{json.dumps(event)}", file=_events, flush=True)


_events: IO[str] | None = None
"""The stream for events; `None` for standard output."""


def keep_events_apart() -> None:
    """Send all prints of this process to standard error, and events to the old standard output."""
    global _events
    _events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)


def last_line(text: str) -> str:
    """Return the last line of `text` that is not blank: usually the exception."""
    lines = [line for line in text.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else "it wrote nothing"


class Child:
    """Process that answers requests, one after the other, until it is ended.

    Ctrl-C does not reach it, because its parent ends it.

    Args:
        module: Is run; it iterates over `requests`.
        env: Its environment.
        log: The file for all that it prints, which is appended to.
        hear: Receives each event, from another thread, and `None` when the process has ended.
    """

    def __init__(self, module: str, env: Mapping[str, str], log: Path, hear: Callable[[Any], None]):
        self.log, self.hear = log, hear
        with log.open("ab") as file, _interruptions_held():
            self._start = file.tell()
            self._process = _popen(module, [], env, stderr=file)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        threading.Thread(target=self._wait, daemon=True).start()

    @property
    def id(self) -> int:
        """The number of the process."""
        return self._process.pid

    def send(self, request: Any) -> None:
        """Send a request."""
        assert self._process.stdin is not None
        _send(self._process.stdin, json.dumps(request))

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def reason(self) -> str:
        """Return why it has ended: its status, and the last line that it wrote."""
        status = self._process.wait()
        name = f"status {status}"
        if status < 0:
            with suppress(ValueError):
                name = f"signal {signal.Signals(-status).name}"
        return f"its process ended with {name}: {log_end(self.log, self._start)}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with suppress(ValueError):  # a torn line
                    if line.startswith(_MARK):
                        self.hear(json.loads(line.removeprefix(_MARK)))

    def _wait(self) -> None:
        self._process.wait()
        self._reader.join(2.0)  # a grandchild may hold the pipe open
        self.hear(None)


@contextmanager
def _interruptions_held() -> Iterator[None]:
    """Hold back Ctrl-C; a process that starts inside holds it back for ever."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _child(
    module: str, arguments: list[str], env: Mapping[str, str], **streams: Any
) -> Iterator[subprocess.Popen[str]]:
    """Start a Python process that outlives neither this block nor this process."""
    with _popen(module, arguments, env, **streams) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def _popen(
    module: str, arguments: Sequence[str], env: Mapping[str, str], **streams: Any
) -> subprocess.Popen[str]:
    """Start a Python process. It inherits one file: the lock of the results folder (`lock`)."""
    streams |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    streams |= {"encoding": "utf-8", "errors": "replace"}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, env={**env, WATCHED: "1"}, close_fds=False, **streams)
