"""Child processes of a comparison: requests that need a backend, and the training of one run.

The command line itself imports no backend. It asks a new Python process instead, JSON in and JSON
out. So no two backends meet, and a crash costs one answer. A child ends when its parent does, even
if the parent was killed, because it watches its standard input, which only the operating system
closes.
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

from keras_optim.compare.process.errors import UsageError, one_line

ROOT = Path(__file__).parents[2]
"""The folder that holds the package `benchmarks`."""
_MARK = "@benchmarks "
"""The start of our lines on a child's standard output, because libraries print there too."""
WATCHED = "BENCHMARKS_STANDARD_INPUT"
"""Variable in the environment of a child whose standard input is ours, not a shell's."""


_DEFAULTS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "PYTHONUNBUFFERED": "1",
    # PyTorch's threads otherwise spin while they wait. Beside another busy process on the same
    # cores, this made small models 25 times slower (2 cores, the digits workload).
    "OMP_WAIT_POLICY": "passive",
}


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: defaults, ours, then `changes`; it can import us."""
    path = os.environ.get("PYTHONPATH")
    return {
        **_DEFAULTS,
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{path}" if path else str(ROOT),
        **changes,
    }


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
    try:
        request = json.loads(sys.stdin.readline())
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict) or not request.keys() >= set(keys):
        raise UsageError(f"standard input must be a line of JSON with the keys {', '.join(keys)}")
    end_with_parent()
    return request


def train(folder: Path, env: Mapping[str, str], on_event: Callable[[Any], None]) -> int:
    """Train the run of `folder` in a child, pass its events to `on_event`; return its status."""
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
    """End this process as soon as its parent, which holds its standard input, ends."""
    if os.environ.get(WATCHED):
        threading.Thread(target=_end_after_input, daemon=True).start()


def _end_after_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


def _send(stream: IO[str], text: str) -> None:
    """Write a line; a child that has already ended reports its reason elsewhere."""
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        with suppress(BrokenPipeError):
            stream.close()


def log_end(folder: Path) -> str:
    """Return the last line that the training of the run of `folder` wrote."""
    with suppress(OSError), (folder / "log.txt").open("rb") as log:
        log.seek(-min(log.seek(0, os.SEEK_END), 4096), os.SEEK_END)
        return last_line(log.read().decode("utf-8", "replace"))
    return last_line("")


def tell(event: Any) -> None:
    """Send `event` from a child to its parent."""
    print(f"{_MARK}{json.dumps(event)}", flush=True)


def last_line(text: str) -> str:
    """Return the last line of `text` that is not blank: usually the exception."""
    lines = [line for line in text.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else "it wrote nothing"


@contextmanager
def _child(
    module: str, arguments: list[str], env: Mapping[str, str], **streams: Any
) -> Iterator[subprocess.Popen[str]]:
    """Start a Python process that outlives neither this block nor this process."""
    streams |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    streams |= {"encoding": "utf-8", "errors": "replace"}
    command = [sys.executable, "-m", module, *arguments]
    # The child inherits one file: the lock of the results folder (`comparison.lock`).
    env = {**env, WATCHED: "1"}
    with subprocess.Popen(command, env=env, close_fds=False, **streams) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
