"""The documentation site: a page for each optimizer, strictly built, nothing from elsewhere."""

import doctest
import importlib
import re

import pytest

from tests.conftest import one_backend

for package in ("sphinx", "furo", "myst_parser", "griffe", "math_core", "ziamath"):
    pytest.importorskip(
        package, reason="keras-min and keras-latest have no generator; the site is built elsewhere"
    )

from docs.site import (  # noqa: E402
    building,
    checking,
    drawings,
    examples,
    formulas,
    linking,
    navigation,
    optimizer_page,
    places,
    reference,
    staging,
)
from docs.site.rows import ROWS  # noqa: E402

pytestmark = [
    one_backend,
    # myst-parser 5.2 uses a name that Sphinx 11 will no longer have.
    pytest.mark.filterwarnings("ignore:'myst_parser:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'myst_parser:PendingDeprecationWarning"),
]

FEW = [row for row in ROWS if row.name in ("adam", "kron", "sam", "route")]
BY_NAME = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
MODULES = sorted(file.stem for file in places.HERE.glob("*.py") if file.stem not in ("conf",))


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("__")])
def test_examples_of_docstrings_hold(name):
    found = doctest.testmod(importlib.import_module(f"docs.site.{name}"))
    assert found.failed == 0


def sections(text):
    """The sections of a page, by heading."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], map(str.strip, parts[2::2])))


@BY_NAME
def test_each_row_has_a_page_with_all_its_sections(row):
    page = optimizer_page.page(row)
    found = sections(page)
    optional = set() if drawings.label(row, drawings.SHOWN[0]) else {"Path on two functions"}
    assert set(optimizer_page.SECTIONS) - set(found) <= optional
    assert all(found.values())
    assert [name for name in optimizer_page.SECTIONS if name in found] == list(found)
    assert row.idea in page and "$$" in found["Formula"]
    assert re.search(r"\*\*Memory\*\*: ", found["Properties"])
    assert re.search(r"\d{4}", found["Paper"]) or row.name == "route"  # of no paper


@BY_NAME
def test_its_formulas_become_mathml(row):
    text = optimizer_page.page(row)
    found = re.findall(r"\$\$(.+?)\$\$|\$([^$\n]+(?:\n[^$\n]+)?)\$", text, re.DOTALL)
    assert found
    for block, inline in found:
        made = formulas.mathml(block or inline, display=bool(block))
        assert made.startswith("<math") and "\\" not in made and "<merror" not in made


@BY_NAME
def test_the_code_of_its_page_runs(row):
    space = {}
    exec(compile(examples.example(row), row.name, "exec"), space)
    assert space["model"].optimizer is space["optimizer"]
    assert int(space["optimizer"].iterations) == 3 * (1 if "len(x)" in examples.example(row) else 8)


def test_each_public_name_has_a_place():
    assert reference.undocumented() == set()
    assert set(linking.targets()) >= {
        "Adam",
        "compare",
        "schedules.Cyclic",
        "callbacks.LogTraining",
    }


def test_links_between_pages_of_the_repository_become_those_of_the_site():
    file = places.ROOT / "README.md"
    text = "[a](docs/parity.md#parity) [b](https://keras.io) ![c](docs/nowhere.png)\n"
    code = "```\n[a](docs/parity.md)\n```\n"
    turned = staging.turned(text + code, file)
    assert turned == text.replace("docs/parity", "parity") + code


def test_links_to_the_source_of_an_optimizer_lead_to_its_page():
    text = "[a](keras_optim/algorithms/adam.py), [b](keras_optim/wrappers/rate_multipliers.py)"
    readme = places.ROOT / "README.md"
    assert (
        staging.turned(text, readme)
        == "[a](optimizers/adam.md), [b](optimizers/ratemultipliers.md)"
    )
    adam = [row for row in ROWS if row.name == "adam"]
    assert staging.turned(text, readme, adam) == "[a](optimizers/adam.md), b"
    assert staging.turned("[c](docs/elsewhere.md)", readme) == "[c](docs/elsewhere.md)"


def test_pages_that_are_not_written_yet_are_left_out(tmp_path):
    (tmp_path / "guides").mkdir()
    names = ("guides/a.md", "guides/index.md", "guides/z.md", "evidence.md", "changelog.md")
    for name in names:
        (tmp_path / name).write_text("# A page\n\n[first](z.md)\n")
    found = navigation.navigation((), tmp_path)
    assert found["Guides"] == ["guides/index", "guides/z", "guides/a"]
    assert found["Comparison results"] == ["evidence"]
    assert "Learn" not in found


# ---- the built site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with the pages of a few optimizers, and all others."""
    folder = tmp_path_factory.mktemp("site")
    assert building.build(FEW, folder) == []
    return folder / "html"


def test_the_site_builds_strictly_and_needs_nothing_from_elsewhere(site):
    pages = {file.relative_to(site).as_posix() for file in site.rglob("*.html")}
    assert {f"optimizers/{row.name}.html" for row in FEW} <= pages
    assert {"index.html", "optimizers/index.html", "search.html", "reference/index.html"} <= pages
    for file in site.rglob("*.html"):
        for resource in checking.Parts(file.read_text()).resources:
            assert not re.match(r"(https?:)?//", resource), (file, resource)


def test_the_home_page_is_small(site):
    parts = checking.Parts((site / "index.html").read_text())
    files = {resource.partition("?")[0].partition("#")[0] for resource in parts.resources}
    loaded = {site / name for name in files - {""}}
    size = sum(file.stat().st_size for file in {site / "index.html", *loaded})
    assert size < 1_000_000, f"{size} bytes"


def test_formulas_are_drawn_without_scripts(site):
    page = (site / "optimizers/adam.html").read_text()
    assert "<math" in page and "<mfrac>" in page
    assert not re.search(r"mathjax|katex", " ".join(checking.Parts(page).resources), re.IGNORECASE)


def test_code_with_a_public_name_leads_to_its_page(site):
    page = (site / "optimizers/sam.html").read_text()
    assert re.search(r'href="\.\./reference/base\.html#optimizer"[^>]*><code', page)


BROKEN = {
    "[x](nowhere.md)": "Sphinx",
    "[x](#nowhere)": "Sphinx",
    "[x](other.md#nowhere)": "Sphinx",
    "```{nothing}\n```": "Sphinx",
    "$\\nothing$": "Sphinx",
    '<a href="nowhere.html">x</a>': "nowhere.html, where nothing is",
    '<a href="other.html#nowhere">x</a>': "no such anchor",
    '<img src="https://keras.io/x.png">': "loaded from elsewhere",
    '<script src="//keras.io/x.js"></script>': "loaded from elsewhere",
    '<p style="background: url(https://keras.io/x.png)">x</p>': "loaded from elsewhere",
    '<style>@import "https://keras.io/x.css";</style>': "loaded from elsewhere",
    '<img src="nowhere.png">': "not there",
}


@pytest.mark.parametrize("text", ["Nothing is wrong. [x](other.md#a-heading)", *BROKEN])
def test_a_fault_makes_the_build_fail(site, tmp_path, text, capfd):
    source = tmp_path / "source"
    source.mkdir()
    toctree = "```{toctree}\nother\n```\n"
    (source / "index.md").write_text(f"# Home\n\n{text}\n\n{toctree}")
    (source / "other.md").write_text("# Other\n\n## A heading\n\nA text.\n")
    faults = building.rendered(source, tmp_path / "html", site.parent / "static")
    wanted = BROKEN.get(text)
    assert faults == [] if wanted is None else any(wanted in fault for fault in faults)
