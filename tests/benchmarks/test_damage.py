"""A results folder in which anything may lie: it is made anew, or one line says what is wrong."""

import json
import shutil

import numpy as np
import pytest

from benchmarks.workloads import datasets
from keras_optim.compare import json_files
from tests.benchmarks.results_folder import DAMAGE, OPTIMIZERS
from tests.conftest import one_backend

pytestmark = one_backend

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


def test_a_run_that_is_done_has_all_epochs_of_its_spec(damaged):
    """Files that agree with each other, of a shorter run than the one that was asked for."""
    command, path = damaged
    file, status = path("runs/{id}/metrics.jsonl"), path("runs/{id}/status.json")
    whole = file.read_bytes()
    file.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    shorter = json.loads(status.read_text())
    shorter["result"]["epochs"] -= 1
    status.write_text(json.dumps(shorter))
    assert command()[3] == OPTIMIZERS[:1]
    assert file.read_bytes() == whole


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
