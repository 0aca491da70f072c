"""Child processes: requests, events, logs, and their end with the parent."""

import json
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keras_optim.compare.process import children
from keras_optim.compare.process.errors import UsageError
from tests.conftest import one_backend

pytestmark = one_backend
SERVER = """
import os, sys
path = sys.path[0]
sys.modules["keras_optim"] = type(sys)("keras_optim")  # without its imports, for a quick start
sys.modules["keras_optim"].__path__ = [{root!r} + "/keras_optim"]
from keras_optim.compare.process import children
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module, and run it in a child."""
    monkeypatch.chdir(tmp_path)
    env = children.environment({})
    started = []

    def start(code):
        text = SERVER.format(root=str(children.ROOT)) + code
        (tmp_path / "served.py").write_text(text, encoding="utf-8")
        events = queue.Queue()
        child = children.Child("served", env, tmp_path / "log", events.put)
        started.append(child)
        return child, lambda: events.get(timeout=10)

    yield start
    for child in started:
        child.end()


ECHO = """
children.keep_events_apart()
print("a line of a library")
for request in children.requests():
    print("before an event", end="")
    children.tell(request)
"""


def test_a_child_answers_request_after_request(module):
    child, event = module(ECHO)
    for request in ({"a": "x" * 1_000_000}, [1, None], "\u00fc\n"):
        child.send(request)
        assert event() == request
    text = child.log.read_text()
    assert text.startswith("a line of a library\n") and "@keras_optim" not in text
    child.end()
    assert event() is None


def test_a_line_that_is_no_json_is_none(module):
    child, event = module("for one in children.requests():\n    children.tell([one])")
    child._process.stdin.write("what\n" + "[" * 100_000 + "\n" + "1\n")
    child._process.stdin.flush()
    assert [event(), event(), event()] == [[None], [None], [1]]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print('the last line', file=sys.stderr); sys.exit(3)", "with status 3: the last line"),
        ("os.kill(os.getpid(), 9)", "with signal SIGKILL: it wrote nothing"),
        ("raise ValueError('a\\nb')", "with status 1: b"),
    ],
)
def test_the_reason_of_an_end(code, reason, module, tmp_path):
    (tmp_path / "log").write_text("of a process before\n")
    child, event = module(code)
    assert event() is None
    assert child.reason() == f"its process ended {reason}"
    child.send({})  # is lost, and no error


def test_an_interruption_does_not_reach_a_child(module):
    child, event = module(ECHO)
    child.send(1)
    assert event() == 1
    os.kill(child.id, signal.SIGINT)
    child.send(2)
    assert event() == 2


def test_an_interruption_is_not_lost():
    # Whoever starts the tests in the background may have told them to ignore this signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
            with children._interruptions_held():
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_child_ends_with_its_standard_input(module):
    child, event = module(ECHO + "\nraise SystemExit('not reached')")
    child.send(1)
    event()
    child._process.stdin.close()
    assert event() is None
    assert child.reason().startswith("its process ended with status 1: before an event")


PARENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
{server}
child = children.Child("served", children.environment({{}}), Path("log"), print)
child.send(1)
print(child.id, flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_child_ends_with_its_parent(number, module, tmp_path):
    """Also in the middle of work, and with a grandchild that holds its pipes."""
    module(ECHO + "    if os.fork() == 0: os.execvp('sleep', ['sleep', '3'])\n    while 1: pass")
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n" + PARENT.format(
        root=str(children.ROOT), server=SERVER.format(root=str(children.ROOT))
    )
    parent = subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    child = int(parent.stdout.readline())
    assert parent.stdout.readline() == "1\n"
    parent.send_signal(number)
    assert parent.wait() == -number
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(number):
    """Whether a process runs, and is no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# ---- one request


def test_a_child_imports_this_package(tmp_path, monkeypatch):
    """From any folder, and whatever else is installed under the same name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "where.py").write_text(
        SERVER.format(root=str(children.ROOT)) + "children.serve(lambda request: children.__file__)"
    )
    assert children.ask("where", {}, children.environment({})) == children.__file__


def test_a_child_that_ends_at_once_gives_its_last_line(module):
    request = {"long": "x" * 1_000_000}  # more than fits into a pipe that nobody reads
    with pytest.raises(UsageError, match=r"no_such_module ended without an answer: .*No module"):
        children.ask("no_such_module", request, children.environment({}))


@pytest.mark.parametrize("text", ["", "[", "null", '{"datasets": []}', "[" * 100_000, '{"key": 1}'])
def test_a_request_that_is_none_is_one_line(text, tmp_path):
    """Standard input of a shell: its end is no reason to end."""
    code = SERVER.format(root=str(children.ROOT)) + "children.serve(len, 'key')"
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, capture_output=True, text=True, cwd=tmp_path
    )
    error = {"error": "standard input must be a line of JSON with the keys key"}
    expected = {"answer": 1} if "key" in text else error
    assert done.stdout == f"@keras_optim {json.dumps(expected)}\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_packages_that_are_installed_need_no_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "other")
    assert children.environment({})["PYTHONPATH"] == f"{children.ROOT}{os.pathsep}other"
    monkeypatch.setattr(children, "ROOT", Path("/usr/lib/python3/site-packages"))
    assert children.environment({})["PYTHONPATH"] == "other"
