"""The processes of a comparison: questions that need a backend, and the training of one run.

The command line itself imports no backend. What needs one is asked of a fresh Python process,
JSON in and JSON out, so that no two of them meet and a crash costs one answer.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.errors import UsageError, one_line

ROOT = Path(__file__).parent.parent
_MARK = "@benchmarks "
"""Begins a line of a child's standard output that is meant for us: libraries print there too."""


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
    with _child(module, [], env, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        out, err = child.communicate(json.dumps(request))
    for line in out.splitlines():
        if line.startswith(_MARK):
            answer = json.loads(line.removeprefix(_MARK))
            if "error" in answer:
                raise UsageError(answer["error"])
            return answer["answer"]
    raise UsageError(f"{module} ended without an answer: {last_line(err)}")


def serve(function: Callable[[Any], Any]) -> None:
    """The other side of `ask`: answer the one request on standard input."""
    try:
        answer = {"answer": function(json.load(sys.stdin))}
    except UsageError as error:
        answer = {"error": one_line(error)}
    tell(answer)


def train(folder: Path, env: Mapping[str, str], on_event: Callable[[Any], None]) -> int:
    """Train the run of `folder` in a child; `on_event` gets what it tells. Its exit status."""
    with (
        (folder / "log.txt").open("w", encoding="utf-8") as log,
        _child("benchmarks.training", [str(folder)], env, stderr=log) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(_MARK):
                on_event(json.loads(line.removeprefix(_MARK)))
            else:
                log.write(line)
        return child.wait()


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
    """A Python process that does not outlive this block."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, env=dict(env), stdout=subprocess.PIPE, text=True, **streams
    ) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
