"""Published results: the page's tables come from the folders, and other text stays."""

import pytest

from benchmarks import publish
from keras_optim.compare.files import write_file
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


def test_files(tmp_path):
    one = comparison(3)
    results, pages = tmp_path / "results", tmp_path / "pages"
    store = Store(results)
    for run in one.runs:
        store.add(run)
    store.write_manifest(Result(**vars(one)))
    drawn = ("performance_profile", "accuracy_digits", "loss_housing", "adam_digits")
    for name in ("report.html", "tables/summary.csv", "tables/runs.csv", "report.md"):
        write_file(results / name, name)
    for name in drawn:
        write_file(results / "plots" / f"{name}.png", name)
    pages.mkdir()
    (pages / publish.PAGE).write_text(f"{publish.START.format('all')}\n{publish.END}\n")
    publish.publish(["all", str(results), str(results), "--to", str(pages)])
    assert {path.name for path in pages.iterdir()} == {
        *(publish.PAGE, "plots", "all-report.md", "all-runs.csv", "all-summary.csv"),
        "all-defaults.csv",
    }
    pictures = {path.stem for path in (pages / "plots").iterdir()}  # those that compare
    assert pictures == {"performance_profile_all", "accuracy_digits", "loss_housing"}
    assert (pages / "all-summary.csv").read_text() == "tables/summary.csv"
    assert "plots/accuracy_digits.png" in (pages / publish.PAGE).read_text()
