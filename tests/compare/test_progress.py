"""Progress of contests: lines, and bars in a terminal."""

import io
import re

import pytest

from keras_optim.compare import progress
from keras_optim.compare.comparison import Measured, Subject
from keras_optim.compare.contest import Verdict
from keras_optim.compare.runs import Run, Spec
from tests.conftest import one_backend

pytestmark = one_backend
ACCURACY = Measured("accuracy", higher=True)
SUBJECT = Subject(
    "points", (Measured("loss", higher=False), ACCURACY), "accuracy", None, 1, 8, 64, 8, None
)


def run(seed, value, state="done", stage="judging"):
    spec = Spec(
        **{"workload": "points", "content": "", "optimizer": "adam", "code": "", "seed": seed},
        **{"hyperparameters": {"learning_rate": 0.1}, "stage": stage, "epochs": 1},
        **{"batch_size": 8, "backend": "torch", "device": "auto", "precision": "float32"},
        versions={},
    )
    epochs = {"val_accuracy": [0.0, value], "val_loss": [1.0, 0.5]}
    return Run(spec, state, "" if state == "done" else "why", epochs, cost={"seconds": 1.5})


CHOSEN = {"learning_rate": 0.1, "nesterov": True}


@pytest.mark.parametrize(
    ("runs", "known", "expected"),
    [
        ([run(1, 0.5), run(2, 0.7)], 0, "val accuracy 0.6 ± 0.14  {}  2 runs, 3.0 s"),
        ([run(1, 0.5), run(0, 0.9, stage="tuning")], 1, "val accuracy 0.5  {}  2 runs (1 known),"),
        ([run(1, 0.5), run(2, 0, "diverged")], 0, "val accuracy 0.5  1 of 2 runs diverged: why  "),
        ([run(1, 0, "failed")], 0, "failed: why  {}  1 run, 1.5 s"),
        ([], 0, "{}  0 runs, 0.0 s"),
    ],
)
def test_the_outcome_of_a_contest(runs, known, expected):
    line = progress.summary(SUBJECT, Verdict(CHOSEN, tuple(runs)), known)
    assert line.startswith(expected.format("learning_rate=0.1  nesterov=True"))


def test_a_terminal_gets_a_bar_for_each_process(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    label = "sgd[momentum=0.9]"
    with progress.shown([("points", label), ("points", "adam")], jobs=2) as board:
        board.watcher(1).began("points", label, "tuning")
        board.watcher(1).moved(1, 4, 5, 10)
        board.bars.refresh()
        board.watcher(0).ended(run(1, 0.5), known=True)
        board.watcher(0).decided(SUBJECT, "adam", Verdict({}, (run(1, 0.5),)))
        board.bars.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert re.search(r"sgd\[momentum=0.9\] \S+ +38 % \d:\d\d:\d\d tuning, epoch 2 of 4", shown)
    assert "1/2  adam               val accuracy 0.5  1 run (1 known), 1.5 s" in shown
    assert re.search(r"optimizers +\S+ +50 %", shown)
