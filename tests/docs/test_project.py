"""Texts about the project agree: versions, licence, Python, extras, and the forge's forms."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import keras_optim
from tests.conftest import one_backend
from tests.docs.pages import PAGES, ROOT, name, text
from tests.packed import release_faults, sdist_faults, sources, wheel_faults

pytestmark = one_backend

PROJECT = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
EXTRAS = {*PROJECT["optional-dependencies"]}
CITATION = yaml.safe_load(text(ROOT / "CITATION.cff"))
VERSION = keras_optim.__version__
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
TEXTS = [
    *PAGES,
    ROOT / "tox.ini",
    ROOT / "CHANGELOG.md",
    *FORMS,
    *(ROOT / "keras_optim").rglob("*.py"),
    *(ROOT / "benchmarks").rglob("*.py"),
]
COMMANDS = [path for path in TEXTS if re.search(r"\binstall\b|requirements", text(path))]
NAMED = re.compile(r"(?:install|-e)\b[^\n]*?(?:keras_optim|\.)\[([\w, ]+)\]")


# ---- one version, one licence, one bound


def test_the_citation_has_the_version_and_the_licence():
    assert CITATION["version"] == VERSION
    assert CITATION["license"] == PROJECT["license"] == "MIT"
    assert text(ROOT / "LICENSE").startswith("MIT License")
    assert [author["name"] for author in CITATION["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]


def test_the_changelog_begins_with_the_version():
    headings = re.findall(r"^## (\S+) \((.+)\)$", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    numbers = [Version(number) for number, _ in headings]
    assert str(numbers[0]) == VERSION
    assert numbers == sorted(set(numbers), reverse=True)
    assert all(re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", date) for _, date in headings)
    assert "unreleased" not in [date for _, date in headings[1:]]


def test_the_changelog_sorts_its_entries():
    kinds = re.findall(r"^### (.+)$", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert kinds
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_versions_of_python_agree():
    [bound] = SpecifierSet(PROJECT["requires-python"])
    assert bound.operator == ">="
    assert re.search(
        rf"\bPython\s+{re.escape(bound.version)}\s+or\s+newer", text(ROOT / "README.md")
    )
    prefix = "Programming Language :: Python :: 3."
    named = [c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix)]
    workflow = text(ROOT / ".github/workflows/tests.yml")
    tested = {*re.findall(r'python-version: "3\.(\d+)"', workflow)}
    tested |= {*re.findall(r'"3\.(\d+)"', workflow.partition("python: [")[2].partition("]")[0])}
    assert {*named} == tested
    assert f"3.{min(map(int, named))}" == bound.version


def test_the_readme_names_the_licence():
    assert re.search(r"\bMIT\b", text(ROOT / "README.md"))


# ---- extras, and the needs of a checkout


@pytest.mark.parametrize("page", COMMANDS, ids=name)
def test_extras_and_files_of_needs_exist(page):
    for extras in NAMED.findall(text(page)):
        assert {extra.strip() for extra in extras.split(",")} <= EXTRAS, extras
    for file in re.findall(r"\brequirements[/{}]+(\w+\.txt)", text(page)):
        assert (ROOT / "requirements" / file).is_file(), file


def test_the_pattern_finds_extras():
    command = 'pip install -q -c c.txt -e ".[jax,compare]" -r x.txt'
    assert NAMED.findall(f"{command}\npip install 'keras_optim[tpu]'") == ["jax,compare", "tpu"]
    assert sum(len(NAMED.findall(text(page))) for page in COMMANDS) > 5


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=name)
def test_needs_of_a_checkout_are_ranges(path):
    lines = [line for line in text(path).splitlines() if line and not line.startswith("#")]
    needs = [Requirement(line) for line in lines]
    assert needs and all(need.specifier for need in needs)
    assert [need.name.lower() for need in needs] == sorted(need.name.lower() for need in needs)


# ---- the files for PyPI (`tox -e dist` checks the real ones)


METADATA = f"""\
Version: {VERSION}
License-Expression: MIT
Requires-Dist: keras>=3.12
Requires-Dist: numpy>=1.26.4
Requires-Dist: jax>=0.5; extra == 'jax'
Project-URL: Source, https://example.org

See [the guides](https://example.org/guides) and [below](#below).
"""
INFO = f"keras_optim-{VERSION}.dist-info"
WHEEL = sources() | {f"{INFO}/{n}" for n in ("METADATA", "WHEEL", "RECORD", "licenses/LICENSE")}
TRACKED = sources() | {"LICENSE", "README.md", "pyproject.toml", "tox.ini"}
SDIST = {f"keras_optim-{VERSION}/{n}" for n in TRACKED | {"PKG-INFO"}}
CHANGELOG = f"## {VERSION} (2026-01-02)\n"


def test_good_files_have_no_faults():
    assert [*wheel_faults(WHEEL, METADATA)] == []
    assert [*sdist_faults(SDIST, TRACKED)] == []
    assert [*release_faults(f"v{VERSION}", METADATA, CHANGELOG)] == []


@pytest.mark.parametrize(
    ("names", "metadata", "fault"),
    [
        (WHEEL | {"benchmarks/bench.py"}, METADATA, "bench.py does not belong"),
        (WHEEL - {"keras_optim/py.typed"}, METADATA, "no py.typed"),
        (WHEEL - {f"{INFO}/licenses/LICENSE"}, METADATA, "LICENSE is missing"),
        (WHEEL, METADATA.replace(VERSION, "0.0.9"), "version 0.0.9"),
        (WHEEL, METADATA.replace("MIT", "BSD"), "licence BSD"),
        (WHEEL, METADATA.replace("; extra == 'jax'", ""), "needs"),
    ],
)
def test_faults_of_wheels_are_seen(names, metadata, fault):
    assert any(fault in line for line in wheel_faults(names, metadata))


def test_faults_of_source_distributions_are_seen():
    junk = f"keras_optim-{VERSION}/results/x.json"
    assert [*sdist_faults(SDIST | {junk}, TRACKED)] == [
        "sdist: results/x.json is not tracked by git"
    ]
    less = SDIST - {f"keras_optim-{VERSION}/LICENSE"}
    assert [*sdist_faults(less, None)] == ["sdist: LICENSE is missing"]


@pytest.mark.parametrize(
    ("tag", "metadata", "changelog", "fault"),
    [
        ("v9.9.9", METADATA, CHANGELOG, "the tag is v9.9.9"),
        (f"v{VERSION}", METADATA, f"## {VERSION} (unreleased)\n", "CHANGELOG.md has no heading"),
        (f"v{VERSION}", METADATA.replace("Project-URL", "X"), CHANGELOG, "[project.urls]"),
        (f"v{VERSION}", METADATA + "[a](docs/a.md)", CHANGELOG, "1 links of the description"),
    ],
)
def test_a_release_needs_all_of_it(tag, metadata, changelog, fault):
    [line] = release_faults(tag, metadata, changelog)
    assert fault in line


# ---- the forge


@pytest.mark.parametrize("path", [p for p in FORMS if p.stem != "config"], ids=name)
def test_forms_are_what_a_forge_takes(path):
    form = yaml.safe_load(text(path))
    assert {"name", "description", "body"} <= form.keys()
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    identities = [part["id"] for part in asked]
    assert len(set(identities)) == len(identities)
    assert {part["type"] for part in asked} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert all(part["attributes"]["label"] for part in asked)
    assert any(part.get("validations", {}).get("required") for part in asked)


@pytest.mark.parametrize(
    "path", [*FORMS, ROOT / "SECURITY.md", ROOT / "CODE_OF_CONDUCT.md"], ids=name
)
def test_files_that_they_name_exist(path):
    named = re.findall(r"\b(?:docs/[\w/-]+\.md|[A-Z_]+\.md)\b", text(path))
    assert all((ROOT / file).is_file() for file in named), named


def test_nothing_is_published_by_accident():
    release = yaml.safe_load(text(ROOT / ".github/workflows/release.yml"))
    triggers = release[True]  # YAML reads `on` as a truth value
    assert triggers.keys() == {"push", "workflow_dispatch"}
    assert triggers["push"].keys() == {"tags"}
    publish = release["jobs"]["publish"]
    assert publish["if"] == "github.event_name == 'push' && github.ref_type == 'tag'"
    assert (publish["needs"], publish["environment"]) == ("build", "pypi")
    assert "--release" in str(release["jobs"]["build"]["steps"])
    allowed = [job for job, what in release["jobs"].items() if "permissions" in what]
    assert allowed == ["publish"] and release["permissions"] == {"contents": "read"}
