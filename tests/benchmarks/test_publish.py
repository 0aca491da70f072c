"""Published results: the page's tables come from the folders, and other text stays."""

from dataclasses import replace

import pytest

from benchmarks import publish
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.result import Result
from keras_optim.compare.store import Store
from tests.compare.synthetic import comparison
from tests.conftest import one_backend

pytestmark = one_backend


def test_tables_of_tuned_and_default_runs():
    tuned, defaults = comparison(12), comparison(12)
    text = publish.tables(tuned, defaults)
    for name in tuned.subjects:
        assert f"### {name}\n" in text and f"plots/accuracy_{name}.png" in text
    lines = [line for line in text.splitlines() if line.startswith("| 1 |")]
    assert len(lines) == len(tuned.subjects)
    for line in lines:
        *_, score, verdict, rate, _, default = map(str.strip, line.split("|")[2:-1])
        assert verdict == "best" and float(rate) > 0 and "±" in score and "±" in default
    for name in {"sgd", "soap"} & set(tuned.optimizers):  # wherever they rank
        assert text.count(f"`{name}`") == len(tuned.subjects)
    assert "with defaults" not in publish.tables(tuned, None)


def test_a_page_keeps_its_other_text():
    first, second = publish.START.format("first"), publish.START.format("second")
    page = f"# Title\n\n{first}\nold\n{publish.END}\nbetween\n{second}\n{publish.END}\nafter\n"
    assert publish.written(page, "first", "new") == (
        f"# Title\n\n{first}\nnew\n\n{publish.END}\nbetween\n{second}\n{publish.END}\nafter\n"
    )
    with pytest.raises(UsageError, match="no lines"):
        publish.written(page, "third", "new")


def test_the_command_is_without_folders_of_the_machine():
    one = comparison(2)
    command = (
        "python -m benchmarks.bench --mnist --data-dir '/my data' --graph-directory /x --seeds 3"
    )
    one = replace(one, setting=replace(one.setting, command=command))
    found = publish.shareable(one)
    assert found.setting.command == "python -m benchmarks.bench --mnist --seeds 3"
    assert replace(found, setting=one.setting) == one


def test_files(tmp_path):
    one = comparison(3)
    command = f"python -m benchmarks.bench --graph-directory {tmp_path}"
    one = replace(one, setting=replace(one.setting, command=command))
    results, pages = tmp_path / "results", tmp_path / "pages"
    store = Store(results)
    for run in one.runs:
        store.add(run)
    store.write_manifest(Result(**vars(one)))
    pages.mkdir()
    (pages / publish.PAGE).write_text(f"{publish.START.format('all')}\n{publish.END}\n")
    publish.publish(["all", str(results), str(results), "--to", str(pages)])
    assert {path.name for path in pages.iterdir()} == {
        *(publish.PAGE, "plots", "all-report.md", "all-runs.csv", "all-summary.csv"),
        "all-defaults.csv",
    }
    pictures = {path.stem for path in (pages / "plots").iterdir()}  # those that compare
    assert {"rank_heatmap_all", "accuracy_digits", "loss_housing"} <= pictures
    assert not any(name.startswith(("adam", "sgd")) for name in pictures)
    assert (pages / "all-summary.csv").read_text() == (pages / "all-defaults.csv").read_text()
    assert "plots/accuracy_digits.png" in (pages / publish.PAGE).read_text()
    for path in pages.glob("*.*"):
        assert str(tmp_path) not in path.read_text()
