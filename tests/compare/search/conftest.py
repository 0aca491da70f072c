"""Helpers of the tests of searches in a study."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("optuna")

from keras_optim.compare.search import owner

WORKER = Path(__file__).with_name("worker.py")


@pytest.fixture
def start():
    """Start worker processes; none outlives the test."""
    children = []

    def starting(folder, url, budget, seconds):
        command = [sys.executable, str(WORKER), *map(str, (folder, url, budget, seconds))]
        children.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return children[-1]

    yield starting
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def neighbours(monkeypatch):
    """Searches in this process take each other for living processes."""
    monkeypatch.setattr(owner, "ended", lambda *_: False)
