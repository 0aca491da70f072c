"""Each value in a file of the benchmark replaced by each other: it is read, or refused."""

import copy
import json

from benchmarks.comparison import probe, probe_cache
from benchmarks.comparison.progress import summary
from benchmarks.report import tables
from benchmarks.report.curves import Curves
from benchmarks.results.runs import Run, open_run
from benchmarks.workloads import datasets
from keras_optim.compare import checks
from keras_optim.compare.process.errors import UsageError
from tests.benchmarks.results_folder import EDITION, METRICS, MISSED, RESULT, SPEC
from tests.conftest import one_backend

pytestmark = one_backend


OTHERS = (None, "text", [], [None], {}, {"a": 1}, True, -1, 0, 1.5, 10**400, 1e300, float("nan"))


def places(part, path=()):
    """The paths of all values in nested lists and dicts."""
    yield path
    keys = part if isinstance(part, dict) else range(len(part) if isinstance(part, list) else 0)
    for key in keys:
        yield from places(part[key], (*path, key))


def mutations(value):
    """Copies of `value`, each with one part of it missing or of another kind."""
    yield from OTHERS
    for path in places(value):
        for other in (*OTHERS, "missing") if path else ():
            changed = copy.deepcopy(value)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            if other == "missing":
                del inner[path[-1]]
            else:
                inner[path[-1]] = other
            yield changed


def written(run, status, metrics):
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / "status.json").write_text(json.dumps(status))
    (run.folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, metrics)))


def test_whatever_a_status_says_it_is_shown_or_refused(tmp_path):
    run = Run(SPEC, tmp_path)
    finished = 0
    for state, result in (("done", RESULT), ("diverged", MISSED), ("failed", None)):
        whole = {"state": state, "time": "now", "reason": "so", "result": result}
        for status in (whole, *mutations(whole)):
            written(run, status, METRICS)
            summary(run)
            rows = tables.rows([run, run])
            tables.markdown(rows)
            tables.write(rows, tmp_path)
            finished += run.finished
    assert finished > 20  # most changes of numbers into other numbers


def test_whatever_a_line_says_it_is_drawn_or_refused(tmp_path):
    run = Run(SPEC, tmp_path)
    taken = []
    for metrics in (METRICS, *mutations(METRICS)):
        if isinstance(metrics, list):
            written(run, {"state": "done", "result": RESULT}, metrics)
            if run.finished:
                curve = Curves.of(run)
                assert len(curve.steps) == len(curve["step_loss"]) == len(curve["grad_norm"]) == 4
                taken.append(curve)
    assert len(taken) > 20


def test_whatever_a_spec_says_it_is_read_or_refused(tmp_path):
    path = tmp_path / "runs" / "0" / "spec.json"
    path.parent.mkdir(parents=True)
    for changed in (SPEC, *mutations(SPEC)):
        path.write_text(json.dumps(changed))
        found = datasets.edition_at_hand(datasets.Dataset("digits", "some"), tmp_path, tmp_path)
        assert found is None or checks.fits(vars(found), checks.EDITION)
        assert changed is not SPEC or found == datasets.Edition(**EDITION)
        try:
            assert checks.fits(open_run(path.parent).spec, checks.SPEC)
        except UsageError as error:
            assert str(error) == f"{path} is not the spec of a run"
            assert changed is not SPEC


def test_whatever_the_last_answer_was_it_is_taken_or_asked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(probe_cache, "_key", lambda _: "key")
    device = {"kind": "cpu", "count": 1, "description": "cpu"}
    answer = {"names": ["sgd"], "optimizers": {"sgd": "c0de"}, "device": device}
    request = probe.ProbeRequest("jax", "cpu", ["sgd"])
    whole = probe.Probe.of_json(answer)
    for changed in (answer, *mutations(answer)):
        (tmp_path / "probe.json").write_text(json.dumps({"key": "key", "answer": changed}))
        known = probe_cache.kept(request, tmp_path)
        assert known is None or (known.device.count >= 1 and list(known.optimizers))
        if changed is answer:
            assert known == whole and known.optimizers == {"sgd": "c0de"}
    for changed in mutations({"key": "key", "answer": answer}):
        (tmp_path / "probe.json").write_text(json.dumps(changed))
        known = probe_cache.kept(request, tmp_path)
        assert known in (None, whole) or changed["answer"] != answer
