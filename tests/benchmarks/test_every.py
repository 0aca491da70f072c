"""The cost of a step of every optimizer, beside that of Adam."""

import json

import numpy as np
import pytest

import keras_optim
from benchmarks.step_cost import every, shapes
from tests.conftest import one_backend

pytestmark = one_backend


@pytest.mark.parametrize("row", every.measured_rows(), ids=lambda row: row.name)
def test_each_row_can_be_created_and_offered_all_that_it_asks_for(row):
    built = every.optimizer(row)
    gs = [np.zeros(2)]
    offered = every.offered(built, gs)
    assert ("second" in offered) == (built.second != "none")
    assert ("loss" in offered) == built.sees_loss
    assert every.period(built) >= 1


def test_a_period_is_that_of_the_costly_work():
    assert every.period(keras_optim.Adam()) == 1
    assert every.period(keras_optim.Lookahead(keras_optim.Shampoo(refresh_period=7))) == 7
    assert every.period(keras_optim.LookSAM(keras_optim.Adam(), refresh_period=5)) == 5


def test_turns_have_whole_periods():
    counts = {"a": 0, "b": 0}

    def step(name):
        counts[name] += 1
        np.linalg.eigh(np.eye(60))

    steps = {name: lambda name=name: step(name) for name in counts}
    times = every.turns(steps, rounds=2, period=3)
    assert [len(value) for value in times.values()] == [2, 2]
    assert all((count - 3) % 3 == 0 and count > 9 for count in counts.values())
    assert all((value > 0).all() for value in times.values())


def test_a_backend_adds_its_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(every, "SHAPES", shapes.WORKLOADS["mlp"])
    monkeypatch.setattr(every, "TARGET", 1e-3)
    monkeypatch.setattr(every.device, "threads", lambda count: count)
    file = tmp_path / "cost.json"
    file.write_text(json.dumps({"backends": {"other": {"ratios": {"sgd": 2.0}}}}))
    assert every.main(["--optimizers", "sgd", "sam", "--rounds", "1", "--file", str(file)]) == 0
    found = json.loads(file.read_text())
    assert found["backends"]["other"] == {"ratios": {"sgd": 2.0}}
    assert set(found["backends"]["torch"]["ratios"]) == {"sgd", "sam"}
    assert "sam: " in capsys.readouterr().out
