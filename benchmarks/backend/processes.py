"""The processes of a comparison: questions that need a backend, and the training of one run.

The command line itself imports no backend. What needs one is asked of a fresh Python process,
JSON in and JSON out, so that no two of them meet and a crash costs one answer. A process ends when
the one that started it does, even when that was killed: it watches its standard input, which
nobody closes but the operating system.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from benchmarks.errors import UsageError, one_line

ROOT = Path(__file__).parent.parent
_MARK = "@benchmarks "
"""Begins a line of a child's standard output that is meant for us: libraries print there too."""
WATCHED = "BENCHMARKS_STANDARD_INPUT"
"""Set in the environment of a child: its standard input is ours, not that of someone's shell."""


_DEFAULTS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "PYTHONUNBUFFERED": "1",
    # PyTorch's threads otherwise spin while they wait; beside any other busy process on the same
    # cores that made small models 25 times slower (2 cores, the digits workload).
    "OMP_WAIT_POLICY": "passive",
}


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: ours over some defaults, with `changes`, able to import us."""
    path = os.environ.get("PYTHONPATH")
    return {
        **_DEFAULTS,
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{path}" if path else str(ROOT),
        **changes,
    }


def ask(module: str, request: Mapping[str, Any], env: Mapping[str, str]) -> Any:
    """What `module` answers to `request`.

    Raises:
        UsageError: it raised one, or it broke; then the text is the last line it wrote.
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
    """The other side of `ask`: answer the one request on standard input, a line of JSON.

    Args:
        function: Makes the answer.
        *keys: What a request has.
    """
    try:
        answer = {"answer": function(_request(keys))}
    except (UsageError, OSError) as error:
        answer = {"error": one_line(error)}
    tell(answer)


def _request(keys: Sequence[str]) -> dict[str, Any]:
    try:
        request = json.loads(sys.stdin.readline())
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict) or not request.keys() >= set(keys):
        raise UsageError(f"standard input must be a line of JSON with the keys {', '.join(keys)}")
    end_with_parent()
    return request


def train(folder: Path, env: Mapping[str, str], on_event: Callable[[Any], None]) -> int:
    """Train the run of `folder` in a child; `on_event` gets what it tells. Its exit status."""
    with (
        (folder / "log.txt").open("w", encoding="utf-8") as log,
        _child("benchmarks.training.training", [str(folder)], env, stderr=log) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(_MARK):
                on_event(json.loads(line.removeprefix(_MARK)))
            else:
                log.write(line)
        return child.wait()


def end_with_parent() -> None:
    """End this process as soon as the one that started it, and holds its standard input, ended."""
    if os.environ.get(WATCHED):
        threading.Thread(target=_end_after_input, daemon=True).start()


def _end_after_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


def _send(stream: IO[str], text: str) -> None:
    """Write a line; a process that has ended already says why elsewhere."""
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        with suppress(BrokenPipeError):
            stream.close()


def log_end(folder: Path) -> str:
    """The last line that the training of the run of `folder` wrote."""
    with suppress(OSError), (folder / "log.txt").open("rb") as log:
        log.seek(-min(log.seek(0, os.SEEK_END), 4096), os.SEEK_END)
        return last_line(log.read().decode("utf-8", "replace"))
    return last_line("")


def tell(event: Any) -> None:
    """Send `event` from a child to its parent."""
    print(f"{_MARK}{json.dumps(event)}", flush=True)


def last_line(text: str) -> str:
    """The last line of `text` that says something: usually the exception."""
    lines = [line for line in text.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else "it wrote nothing"


@contextmanager
def _child(
    module: str, arguments: list[str], env: Mapping[str, str], **streams: Any
) -> Iterator[subprocess.Popen[str]]:
    """A Python process that does not outlive this block, nor this process."""
    streams |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    streams |= {"encoding": "utf-8", "errors": "replace"}
    command = [sys.executable, "-m", module, *arguments]
    # It inherits the lock of the results folder (`benchmarks.lock`), the only file that it can.
    env = {**env, WATCHED: "1"}
    with subprocess.Popen(command, env=env, close_fds=False, **streams) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
