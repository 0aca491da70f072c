"""Owners of trials: which process has ended, and which number was reused."""

import os
import subprocess
import sys

from keras_optim.compare.search import owner
from tests.conftest import one_backend

pytestmark = one_backend


def ended(who, age=0.0, live="this"):
    return owner.ended(who, live, age, 24.0)


def test_this_process_and_its_searches():
    who = owner.this_process("this")
    assert not ended(who, age=1e6)
    assert ended(who, live="a newer search")


def test_another_host_has_its_time():
    who = owner.this_process("other") | {"host": "elsewhere"}
    assert not ended(who, age=23.9) and ended(who, age=24.1)
    assert ended({}, age=25) and not ended({}, age=1)


def test_a_child_that_lives_is_killed_and_is_waited_for():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        start = owner.started(child.pid)
        who = owner.this_process("other") | {"pid": child.pid, "started": start}
        assert start and not ended(who, age=1e6)
        assert ended(who | {"started": "an older process of this number"})
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert ended(who)  # it has ended, but still has its number
    assert owner.started(child.pid) is None and ended(who)


def test_a_system_that_does_not_tell(monkeypatch):
    monkeypatch.setattr(owner, "started", lambda pid: owner.UNKNOWN)
    who = owner.this_process("other") | {"pid": os.getppid()}
    assert not ended(who, age=23.9) and ended(who, age=24.1)
    assert not ended(owner.this_process("this"), age=1e6)
