"""Trainings of the evidence: the same as by `fit`; tuning, verdicts and tables by hand."""

import json
import math

import keras
import numpy as np
import pytest
from scipy import stats

import keras_optim
from benchmarks.workloads import digits
from benchmarks.workloads.parts import Part
from benchmarks.workloads.row import one_of_many
from tests.conftest import BACKEND

if BACKEND != "jax":
    pytest.skip("the trainings are compiled programs of JAX", allow_module_level=True)

from benchmarks.evidence import page, table
from benchmarks.evidence.contenders import CONTENDERS, Contender, schedule
from benchmarks.evidence.protocol import JUDGING, OFFSETS, TUNING, Journal, trainings
from benchmarks.evidence.tasks import TASKS, Task, data
from benchmarks.evidence.training import Program, Result

RANDOM = np.random.default_rng(0)
PART = Part(RANDOM.normal(size=(200, 8, 8, 1)).astype("float32"), RANDOM.integers(0, 10, 200))
TASK = Task("tiny", "tiny", 16, 20, 5, digits.build, one_of_many)


@pytest.mark.parametrize("name", ["AdamW", "SAM(AdamW)", "SophiaG", "ScheduleFreeAdamW"])
def test_program_is_fit(name):
    """Epochs of `fit` in the same order give the same losses."""
    contender, rate, seed = CONTENDERS[name], 0.02, 3
    program = Program(TASK, contender, PART, PART)
    found = program.trained(seed, rate)
    keras.utils.set_random_seed(seed)
    model = keras_optim.two_pass(TASK.build())
    model.compile(contender.make(TASK.steps), **TASK.objective())
    losses = [model.evaluate(PART.x, PART.y, batch_size=500, verbose=0)[0]]
    for rows, rates in program.chunks(seed, rate):
        for row, now in zip(rows, rates, strict=True):
            model.optimizer.learning_rate = now
            model.fit(PART.x[row], PART.y[row], batch_size=16, shuffle=False, verbose=0)
        losses.append(model.evaluate(PART.x, PART.y, batch_size=500, verbose=0)[0])
    assert len(found.losses) == len(losses) == 5
    np.testing.assert_allclose(found.losses, losses, rtol=2e-5)
    assert found.losses == program.trained(seed, rate).losses  # nothing is left of the run before


def test_divergence():
    """It ends the training and counts as infinite."""
    result = Program(TASK, CONTENDERS["AdamW"], PART, PART).trained(0, 1e6)
    assert result.best == math.inf
    assert len(result.losses) < 5


def test_schedule():
    """It grows, then falls to almost zero in a straight line, or stays."""
    falling = schedule(CONTENDERS["AdamW"], 40)
    assert falling[:2] == [0.5, 1.0]
    np.testing.assert_allclose(np.diff(falling[2:]), -1 / 38)
    assert falling[-1] == pytest.approx(1 / 38)
    assert schedule(CONTENDERS["ScheduleFreeAdamW"], 40) == [0.5] + [1.0] * 39


def outcome(contender, loss_at):
    """The outcome when the lowest loss is a function of the rate; and the seeds and rates."""
    asked = []

    def result_at(seed, rate):
        asked.append((seed, rate))
        return Result([1e9, loss_at(rate)], 1.0)

    return next(found for found in trainings(contender, result_at) if found), asked


@pytest.mark.parametrize(
    ("best", "rate", "tried"),
    [
        (0.01, 0.01, 5),
        (0.03, 0.0316, 5),
        (0.1, 0.1, 6),
        (0.3, 0.316, 7),
        (9, 3.16, 8),
        (0, 3e-5, 8),
    ],
)
def test_grid(best, rate, tried):
    """One seed tunes; an edge extends the grid, three times at most; the others judge."""
    contender = Contender("x", 0.01, lambda _: None)
    found, asked = outcome(contender, lambda r: abs(math.log(r / (best or 1e-7))))
    rate = 3.16e-5 if not best else rate
    assert (found.rate, found.tried) == (rate, tried)
    assert [seed for seed, _ in asked] == [TUNING] * tried + list(JUDGING)
    assert {r for seed, r in asked if seed in JUDGING} == {rate}


def test_untuned():
    found, asked = outcome(Contender("x", 0.01, lambda _: None, tuned=False), lambda r: 1.0)
    assert (found.rate, found.tried) == (0.01, 0)
    assert asked == [(seed, 0.01) for seed in JUDGING]


def test_a_rate_that_diverges_is_not_chosen():
    found, _ = outcome(
        Contender("x", 0.01, lambda _: None), lambda r: math.inf if r > 0.02 else 1 / r
    )
    assert (found.rate, found.tried) == (0.01, len(OFFSETS))


def judged(name, *curves, rate=0.1, tried=5):
    return table.Judged(name, rate, tried, tuple(Result(list(c), 1.0) for c in curves))


def test_summary():
    """Target, steps, margins: those of a paired t-test."""
    base = judged("AdamW", [3, 1.1, 1.0], [3, 1.3, 1.2], [3, 1.2, 1.1])
    better = judged("better", [3, 0.9, 0.8], [3, 1.2, 0.99], [3, 1.3, 0.91])
    close = judged("close", [3, 1.3, 0.9], [3, 1.4, 1.3], [3, 1.2, 1.05])
    lost = judged("lost", [3, math.inf], [3, 1.0, 0.9], [3, 1.0, 0.9])
    times = {"AdamW": 1.0, "better": 2.0, "close": 1.0, "lost": 1.0}
    found = table.summary([base, better, close, lost], 10, 20, times)
    rows = {row["optimizer"]: row for row in found["rows"]}
    assert found["target"] == 1.2
    assert rows["better"]["steps to target"] == [10, 10, 20]
    assert rows["lost"]["steps to target"] == [None, 10, 10]
    for name, one in (("better", better), ("close", close)):
        bests = [[min(r.losses) for r in row.results] for row in (one, base)]
        significant = stats.ttest_rel(*bests).pvalue < 0.05
        assert (table.verdict(rows[name]) != "even") == significant
    assert [table.verdict(rows[n]) for n in ("better", "close", "lost")] == [
        "better",
        "even",
        "diverged",
    ]
    lines = table.markdown(found).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| better",
        "| close",
        "| AdamW",
        "| lost",
    ]
    assert lines[2].endswith("| 10 (10 to 20) | 2.00 | 2.00 |")  # AdamW's are 10, 20, 10
    assert lines[-1].split(" | ")[2:6] == ["diverged", "diverged", "2 of 3", "1.00"]


def test_journal(tmp_path):
    """A torn last line is left out, and the next line is whole."""
    path = tmp_path / "trainings.jsonl"
    Journal(path).add("a", "b", 0, 0.1, Result([1.0, math.inf], 0.5))
    with path.open("a") as file:
        file.write('{"task": "a", "opt')
    Journal(path).add("a", "b", 1, 0.1, Result([2.0], 0.5))
    known = Journal(path).known
    assert known == {
        ("a", "b", 0, 0.1): Result([1.0, math.inf], 0.5),
        ("a", "b", 1, 0.1): Result([2.0], 0.5),
    }


def test_text(tmp_path):
    """Labels are the next characters; both parts are disjoint pieces of the same text."""
    train, held = data(TASKS["text"], tmp_path, None)
    assert (train.x[:, 1:] == train.y[:, :-1]).all()
    assert set(np.unique(train.x)) <= set(range(96))
    assert len(train.x) > 8 * len(held.x) > 1000
    model = TASKS["text"].build()
    assert model.count_params() < 50_000
    x = held.x[:2].copy()
    before = keras.ops.convert_to_numpy(model(x))
    x[:, 20] = 0  # no character sees those after it
    after = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(before[:, :20], after[:, :20], rtol=1e-5)
    assert abs(before[:, 20:] - after[:, 20:]).max() > 1e-3


def test_page():
    """Its tables are those of the numbers beside it, for every task and optimizer."""
    found = json.loads(page.NUMBERS.read_text(encoding="utf-8"))
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.written(text, found) == text
    assert list(found) == list(TASKS)
    for one in found.values():
        assert [row["optimizer"] for row in one["rows"]] == list(CONTENDERS)
    assert page.written(text, {"mnist": {**found["mnist"], "target": 0.5}}) != text
    with pytest.raises(ValueError, match="needs the lines"):
        page.written(text, {"other": found["mnist"]})
