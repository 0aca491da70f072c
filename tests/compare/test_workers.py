"""Workers that die, at their start or in contests, from the parent's side."""

import json

import pytest

from keras_optim.compare import workers
from keras_optim.compare.order import Order
from keras_optim.compare.process import children
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.progress import Board
from tests.compare.test_children import SERVER
from tests.conftest import one_backend

pytestmark = one_backend
ORDER = Order(
    **{"workload": "a:b", "optimizers": ("sgd",), "tune": "none", "sampler": "tpe"},
    **{"hyperparameters": ("learning_rate",), "storage": None, "seeds": (1,), "tuning_seed": 0},
    **{"precision": "float32", "device": "auto", "jobs": 1, "folder": "f", "epochs": None},
    **{"batch_sizes": (), "target": None, "smoke": False},
)
LIVE = """
children.keep_events_apart()
def count(name):  # the times that this was called, in all processes
    with open(name, "a") as file:
        file.write("x")
        return file.tell()
requests = children.requests()
order = next(requests)
children.tell({"answer": {"order": order}})
for request in requests:
    contest = [request["workload"], request["optimizer"]]
    DEATH
    children.tell({"began": ["w", str(contest), "tuning"]})
    children.tell({"ended": f"run {contest}", "contest": ["w", "o"], "known": False})
    children.tell({"answer": {"chosen": request, "runs": []}})
"""


@pytest.fixture
def held(tmp_path, monkeypatch):
    """Hold contests in workers of this code; the verdicts, and the workers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workers, "MODULE", "served")

    def hold(death="", code=LIVE, jobs=1, contests=4, force=False):
        text = SERVER.format(root=str(children.ROOT)) + code.replace("DEATH", death)
        (tmp_path / "served.py").write_text(text, encoding="utf-8")
        pairs = [(0, k) for k in range(contests)]
        lines = []
        board = Board([("w", str(k)) for k in range(contests)], jobs, None, lines.append)
        env = children.environment({})
        with workers.Workers(ORDER, env, tmp_path / "logs", force) as pool:
            hold.facts = pool.facts()
            found = {
                contest: verdict.hyperparameters
                for contest, _, verdict in pool.held(pairs, jobs, board)
            }
            hold.known = board.lines.known
            hold.pool = pool
        assert sorted(found) == pairs
        return found

    return hold


@pytest.mark.parametrize("jobs", [1, 3, 9])
def test_each_contest_is_held_once(jobs, held, tmp_path):
    assert {v["failure"] for v in held("count(str(contest))", jobs=jobs).values()} == {""}
    assert [(tmp_path / f"[0, {k}]").read_text() for k in range(4)] == ["x"] * 4
    assert len(held.pool.children) == min(jobs, 4)
    assert Order.of(held.facts["order"]["order"]) == ORDER


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_contest_of_a_worker_that_died_is_held_again(jobs, held):
    death = "if count(str(contest)) == 1: os.kill(os.getpid(), 9)"
    assert {v["failure"] for v in held(death, jobs=jobs).values()} == {""}


def test_a_contest_whose_worker_dies_twice_fails_alone(held):
    death = 'if contest[1] == 2 and not request["failure"]: sys.exit("too big")'
    found = {contest: v["failure"] for contest, v in held(death).items()}
    reason = found.pop((0, 2))
    assert reason == "its process ended with status 1: too big (2 times)"
    assert set(found.values()) == {""}


def test_a_contest_that_cannot_even_fail_ends_the_command(held):
    with pytest.raises(UsageError, match=r"^a worker ended with status 1: bug \(see .*1\.log\)$"):
        held('sys.exit("bug")')


def test_a_worker_may_die_once_at_its_start(held):
    code = LIVE.replace("requests = ", 'if count("start") == 1: sys.exit(1)\nrequests = ')
    assert len(held(code=code)) == 4
    with pytest.raises(UsageError, match=r"^a worker ended with status 7: it wrote nothing \(see "):
        held(code="sys.exit(7)")


def test_an_error_ends_the_command(held):
    code = 'children.tell({"error": "no device"})\nnext(children.requests())'
    with pytest.raises(UsageError, match="^no device$"):
        held(code=code)
    with pytest.raises(UsageError, match="^No space left$"):
        held('children.tell({"error": "No space left"})')


def test_force_tells_workers_which_runs_are_of_this_command(held):
    found = held(force=True)
    assert [v["valid"] for v in found.values()] == [
        sorted(f"run [0, {j}]" for j in range(k)) for k in range(4)
    ]
    assert {json.dumps(v["valid"]) for v in held().values()} == {"[]"}


def test_runs_of_this_command_do_not_count_as_known(held):
    """Though a worker that replaces another finds them in the folder."""
    tell = 'children.tell({"ended": "1", "contest": ["w", "o"], "known": KNOWN})\n    '
    death = tell.replace("KNOWN", 'count("again") > 1')
    death += 'if count("died") == 1: sys.exit(1)\n    '
    death += tell.replace('"1"', '"2"').replace("KNOWN", "True")
    held(death, contests=1)
    assert held.known == {("w", "o"): {"2"}}
