"""Page, Markdown, tables and files: their structure, and nothing from outside."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from keras_optim.compare.files import write_file
from keras_optim.compare.report import csv_tables, image_files, writing
from keras_optim.compare.report.markdown import markdown
from keras_optim.compare.report.page import fragment, page
from keras_optim.compare.report.terminal import show
from keras_optim.compare.report.view import View
from tests.compare.report.examples import EVIL, LONG, ODD
from tests.compare.synthetic import comparison
from tests.conftest import one_backend

pytestmark = one_backend
VOID = {"meta", "br", "wbr", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags with their attributes and texts; every tag must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def text():
    return page(
        comparison((*("adam", "sgd", "lion"), EVIL, LONG, "muon"), workloads=("digits", "text"))
    )


def test_nothing_comes_from_outside(text):
    assert not re.search(r"https?:|//[\w-]+\.\w|@import|url\((?!#)|xlink|xmlns", text)
    for _, attributes in Page(text).tags:
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert (attributes.get(name) or "#").startswith("#")


def test_figures_have_alternative_texts(text):
    found = Page(text)
    figures = [a for a in found.all("svg") if a.get("class") == "figure"]
    assert len(figures) == len(found.all("figure")) == len(found.all("figcaption")) > 12
    for attributes in figures:
        assert attributes["role"] == "img" and len(attributes["aria-label"]) > 20


def test_ids_are_unique_and_references_exist(text):
    found = Page(text)
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([\w.-]+)', text)) <= set(ids)


def test_headings_of_tables_are_buttons(text):
    found = Page(text)
    assert len(found.all("table")) >= 2
    headings = [a for a in found.all("th") if a.get("scope") == "col"]
    assert headings and len(headings) == len(found.all("button"))
    assert [a for a in headings if a.get("aria-sort")]


def test_labels_are_escaped(text):
    assert EVIL not in text
    found = Page(text)
    assert not found.all("b")
    assert len(found.all("script")) == 1
    assert [data for tag, data in found.texts if tag == "span" and data == EVIL]


def test_command_and_reasons_are_escaped():
    import dataclasses

    made = comparison((EVIL,), workloads=("digits",))
    setting = dataclasses.replace(made.setting, command=EVIL, machine=EVIL, budget=EVIL)
    runs = (dataclasses.replace(made.runs[-1], state="failed", reason=EVIL), *made.runs[:-1])
    made = dataclasses.replace(made, setting=setting, runs=runs)
    for text in (page(made), fragment(made)):
        assert EVIL not in text and not Page(text).all("b")


def test_page_names_its_conditions(text):
    setting = comparison(1).setting
    words = "".join(data for _, data in Page(text).texts)
    for part in (setting.budget, setting.machine, setting.command, setting.versions["torch"], LONG):
        assert part in words
    assert "killed (signal 9)" in words and "loss is NaN" in words


def test_a_page_of_many_optimizers_is_small():
    made = comparison(82, workloads=("digits",))
    assert len(page(made)) < 1_000_000  # three workloads must stay below three million


@pytest.mark.parametrize("name", ODD)
def test_odd_comparisons_have_all_texts(name, monkeypatch):
    """Figures, which take most of the time, are those of another test."""
    monkeypatch.setattr(image_files, "svg", lambda draw: "<svg></svg>")
    made = ODD[name]()
    for text in (markdown(made), *csv_tables.tables(View(made)).values()):
        assert "nan" not in re.findall(r"\b\w+\b", text.replace("loss is NaN", ""))
    show(made, Console(file=io.StringIO(), width=120))
    Page(page(made))


def test_fragment_shows_itself_in_a_notebook():
    text = fragment(comparison(3, workloads=("digits",)))
    found = Page(text)
    [image] = found.all("img")
    assert image["src"].startswith("data:image/png;base64,") and image["alt"]
    assert not found.all("style") and not found.all("script")
    assert not [a for _, a in found.tags if "id" in a]


def test_markdown_escapes_labels():
    text = markdown(comparison((EVIL, "a|b"), workloads=("digits",)))
    assert "<b>" not in text and "a\\|b" in text


def test_terminal_shows_labels_as_they_are():
    out = io.StringIO()
    show(comparison((EVIL, "sgd[momentum=0.9]")), Console(file=out, width=200))
    assert EVIL in out.getvalue() and "sgd[momentum=0.9]" in out.getvalue()


def test_tables_have_all_runs_and_epochs():
    made = comparison(3, seeds=2, epochs=4)
    files = {
        name: list(csv.DictReader(io.StringIO(text)))
        for name, text in csv_tables.tables(View(made)).items()
    }
    assert [row["run"] for row in files["runs"]] == [run.id for run in made.runs]
    assert len(files["summary"]) == 3 * 3
    first = files["curves"][:5]
    assert [row["epoch"] for row in first] == list("01234") and first[0]["loss"] == ""


def test_write_makes_all_files(tmp_path):
    made = comparison(("adam", EVIL), workloads=("digits",), epochs=2)
    assert writing.write(made, tmp_path) == tmp_path / "report.html"
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"report.html", "report.md", *(f"tables/{n}.csv" for n in ("summary", "runs"))} <= names
    for kind in ("loss_digits", "accuracy_digits", "adam_digits", "optimizer_memory"):
        assert {f"plots/{kind}.svg", f"plots/{kind}.png"} <= names
    assert not [name for name in names if name.split("/")[-1].startswith(".")]
    assert not [name for name in names if re.search(r'[<>"$\[\]]', name)]


def test_a_file_that_cannot_be_renamed_leaves_nothing(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError) as caught:
        write_file(tmp_path / "report.html", "text")
    assert caught.value.filename == str(tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
