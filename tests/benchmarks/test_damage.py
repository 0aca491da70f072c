"""A results folder in which anything may lie: it is made anew, or one line says what is wrong."""

import copy
import errno
import json
import os
import shutil

import numpy as np
import pytest

from benchmarks import checks, soak
from benchmarks.comparison import comparison, probe, probe_cache
from benchmarks.comparison.progress import summary
from benchmarks.errors import UsageError
from benchmarks.report import figures, tables
from benchmarks.report.curves import Curves
from benchmarks.results import json_files
from benchmarks.results.runs import Run, open_run
from benchmarks.workloads import datasets
from tests.benchmarks import test_endings
from tests.benchmarks.test_endings import METRICS, MISSED, OPTIMIZERS, RESULT
from tests.conftest import one_backend

pytestmark = one_backend
command = test_endings.ended  # the fixture

EDITION = {"name": "digits", "version": "1", "train": 1437, "test": 360}
SPEC = {
    **{"workload": "digits", "data": EDITION, "optimizer": "adam", "epochs": 2, "num_train": 64},
    **{"batch_size": 32, "seed": 0, "backend": "jax", "device": "auto"},
}


def _changed(whole, place):
    return whole[:place] + bytes([whole[place] ^ 128]) + whole[place + 1 :]


DAMAGE = {
    "empty": lambda _: b"",
    "garbage": lambda _: b"what is this\n" * 20,
    "binary": lambda _: bytes(range(256)) * 9,
    "zeros": lambda whole: bytes(len(whole)),
    "null": lambda _: b"null\n",
    "list": lambda _: b'[1, "two", null]\n',
    "number": lambda _: b"7\n",
    "string": lambda _: b'"done"\n',
    "true": lambda _: b"true\n",
    "no keys": lambda _: b"{}\n",
    "nested": lambda _: b"[" * 100_000,
    "digits": lambda _: b"9" * 5_000,
    "half": lambda whole: whole[: len(whole) // 2],
    "last bytes missing": lambda whole: whole[:-9],
    "first bytes missing": lambda whole: whole[9:],
    "twice": lambda whole: whole * 2,
    "a byte changed": lambda whole: _changed(whole, len(whole) // 2),
}
READ = {
    "runs/{id}/status.json": OPTIMIZERS[:1],  # what is trained again
    "runs/{id}/metrics.jsonl": OPTIMIZERS[:1],
    "runs/{id}/spec.json": [],
    "probe.json": [],
    "data/{cache}": [],
}
WRITTEN = ("runs/{id}/log.txt", "manifest.json", "tables/summary.csv", "tables/summary.md", ".lock")
CASES = [(file, damage) for file in READ for damage in DAMAGE]
CASES += [(file, damage) for file in WRITTEN for damage in ("empty", "binary", "list")]


@pytest.fixture
def damaged(command):
    """A finished comparison, and the path in it that `name` means."""
    assert command(sgd=("done",), lookahead=("done",))[0] == 0
    folder = command.folder
    (first,) = (run for run in all_runs(folder) if run.spec["optimizer"] == OPTIMIZERS[0])
    (first.folder / "log.txt").write_text("some warning of a library\n")
    (cache,) = (path.name for path in datasets.cache(folder).iterdir())
    return command, lambda name: folder / name.format(id=first.id, cache=cache)


def all_runs(folder):
    return [open_run(path.parent) for path in sorted(folder.glob("runs/*/spec.json"))]


def contents(folder):
    """What lies in the folder, without times and process numbers."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".txt"]
    found = {path.relative_to(folder): path.read_bytes() for path in files if path.name != ".lock"}
    for path, content in found.items():
        if path.suffix == ".json":
            found[path] = {k: v for k, v in json.loads(content).items() if k != "time"}
    return found


@pytest.mark.parametrize(("file", "damage"), CASES)
def test_a_damaged_file_is_made_anew(file, damage, damaged):
    command, path = damaged
    before = contents(command.folder)
    path(file).write_bytes(DAMAGE[damage](path(file).read_bytes()))
    status, _, rows, trained = command()
    assert status == 0
    assert trained == READ.get(file, [])
    assert {row["status"] for row in rows.values()} == {"done"}
    if not file.startswith("data"):  # the arrays are not needed
        assert contents(command.folder) == before
    assert command()[3] == []


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_arrays_are_read_again_before_training(damage, damaged):
    command, path = damaged
    cache = path("data/{cache}")
    whole = cache.read_bytes()
    edition = datasets.Edition.of_file(cache)
    assert datasets.intact(edition, command.folder)
    cache.write_bytes(DAMAGE[damage](whole))
    if damage != "twice":  # a zip file may begin with anything
        assert not datasets.intact(edition, command.folder)
    assert command("--force")[3] == OPTIMIZERS
    assert datasets.intact(edition, command.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"train_x": np.zeros((1436, 8, 8, 1), "uint8")},
        {"train_y": np.zeros((1437, 1), "uint8")},
        {"test_x": np.zeros(360, "uint8")},
        {"test_y": np.array(["a"] * 360)},
        {"test_y": np.array([None] * 360)},
        {"scale": np.zeros(2)},
        {"scale": None},
    ],
)
def test_arrays_of_another_kind_are_not_taken(change, damaged):
    command, path = damaged
    cache = path("data/{cache}")
    with np.load(cache) as arrays:
        kept = {**arrays, **change}
    np.savez(cache, allow_pickle=True, **{k: v for k, v in kept.items() if v is not None})
    assert not datasets.intact(datasets.Edition.of_file(cache), command.folder)


@pytest.mark.parametrize("file", [*READ, *WRITTEN, "runs", "tables", "data", "plots", "runs/{id}"])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_folder_for_a_file_or_a_file_for_a_folder(file, kind, damaged):
    command, path = damaged
    place = path(file)
    shutil.rmtree(place, ignore_errors=True)
    place.unlink(missing_ok=True)
    place.mkdir() if kind == "folder" else place.touch()
    try:
        status = command()[0]
    except OSError:  # the table that the fixture reads
        assert "summary.csv" in file or file == "tables"
        return
    assert status in (0, 2)
    assert command.errors.count("\n") == (1 if status else 0)


# ---- each value replaced by each other


def mutations(value):
    """Copies of `value`, each with one part of it missing or of another kind."""

    def places(part, path=()):
        yield path
        keys = (
            list(part)
            if isinstance(part, dict)
            else range(len(part) if isinstance(part, list) else 0)
        )
        for key in keys:
            yield from places(part[key], (*path, key))

    others = (
        None,
        "text",
        [],
        [None],
        {},
        {"a": 1},
        True,
        -1,
        0,
        1.5,
        10**400,
        1e300,
        float("nan"),
    )
    for path in places(value):
        for other in others:
            changed = copy.deepcopy(value)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            if path:
                inner[path[-1]] = other
            yield changed if path else other
        if path:
            changed = copy.deepcopy(value)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            del inner[path[-1]]
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
                assert len(curve.steps) == len(curve.step_loss) == len(curve.grad_norm) == 4
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


# ---- metrics that two processes wrote


@pytest.mark.parametrize(
    "order", ["001122", "012012", "0112", "0121", "0122", "021", "12", "01", "00112", ""]
)
def test_doubled_epochs_are_found_and_healed(order, damaged):
    command, path = damaged
    file = path("runs/{id}/metrics.jsonl")
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(b"".join(lines[int(i)] for i in order))
    assert command()[3] == OPTIMIZERS[:1]
    assert file.read_bytes() == whole
    assert command()[3] == []


def test_doubled_steps_are_found(damaged):
    command, path = damaged
    file = path("runs/{id}/metrics.jsonl")
    lines = json_files.read_lines(file)
    lines[2]["step_loss"] *= 2
    lines[2]["grad_norm"] *= 2
    file.write_text("\n".join(map(json.dumps, lines)))
    assert command()[3] == OPTIMIZERS[:1]


def test_a_torn_line_after_the_last_does_no_harm(damaged):
    command, path = damaged
    with path("runs/{id}/metrics.jsonl").open("ab") as file:
        file.write(b'{"epoch": 3, "loss": 0.\xff')
    assert command()[3] == []


# ---- names, full disks, no git


def test_names_of_figures_fit_into_a_file_system(tmp_path):
    labels = [f"aggmo[betas=({','.join(['0.5'] * 90)},{last})]" for last in (0.25, 0.75)]
    names = [figures.file_name(label, "_digits.png") for label in labels]
    assert len(set(names)) == 2 and {len(name) for name in names} == {255}
    for name in names:
        (tmp_path / name).touch()
    longest = figures.file_name("a" * 244, "_digits.png")
    assert longest == f"{'a' * 244}_digits.png"
    assert figures.file_name("sgd[momentum=0.9]", "_imdb.png") == "sgd-momentum=0.9_imdb.png"


def test_names_of_cached_files_that_are_none_of_ours(tmp_path):
    datasets.cache(tmp_path).mkdir()
    for name in ("mnist-v1.npz", "mnist-3-x-9-v1.npz", "mnist-a-3.0.1-60-9-v1.npz", "mnist--6--v1"):
        (datasets.cache(tmp_path) / name).touch()
    (datasets.cache(tmp_path) / "mnist-3.0.1-060-9-v1.npz").touch()
    mnist = datasets.DATASETS["mnist"]
    assert datasets.edition_at_hand(mnist, tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize("damage", [d for d in DAMAGE if d != "twice"])
def test_a_damaged_description_of_the_records(damage, tmp_path):
    path = tmp_path / "mnist" / "3.0.1" / "dataset_info.json"
    splits = [{"name": name, "shardLengths": ["50", "60"]} for name in ("train", "test")]
    json_files.write_json(path, {"splits": splits})
    mnist = datasets.DATASETS["mnist"]
    assert datasets.edition_at_hand(mnist, tmp_path, tmp_path).train == 110
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(UsageError, match=r"dataset_info.json is damaged; let tensorflow_datasets"):
        datasets.edition_at_hand(mnist, tmp_path, tmp_path)


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_full_disk_is_one_line(function, damaged, monkeypatch):
    command, _ = damaged
    with monkeypatch.context() as patch:
        patch.setattr(os, function, full)
        status, _, _, trained = command("--force")
    assert status == 2
    assert command.errors.startswith("bench: ") and command.errors.count("\n") == 1
    assert command.errors.endswith("No space left on device\n")
    assert trained == ([] if function == "replace" else OPTIMIZERS[:1])
    assert not list(command.folder.rglob(".*.json.*"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_told_by_the_name_of_the_file(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*metrics.jsonl'"):
        json_files.append_line(tmp_path / "metrics.jsonl", {"epoch": 0})


def test_git_is_not_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert comparison._git_revision() is None


def test_notes_of_a_soak_that_are_damaged(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(soak, "FOLDER", tmp_path)
    assert soak.main(["--draw"]) == 2
    for damage in DAMAGE.values():
        (tmp_path / "jax.json").write_bytes(damage(b'{"steps": [1], "milliseconds": [1.0]}     '))
        assert soak.main(["--draw"]) == 2
        assert capsys.readouterr().err.strip().endswith(("watch this backend again", "--draw"))
