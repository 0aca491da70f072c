"""The environments of tox, the workflow and the versions that `pyproject.toml` allows agree."""

import configparser
import pathlib
import re
import tomllib

from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import one_backend

pytestmark = one_backend

ROOT = pathlib.Path(__file__).parents[2]


def tox():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini")
    return config


def words(text):
    return set(re.split(r"[,\s]+", text.strip()))


def test_the_workflow_runs_every_environment():
    labels = dict(line.split(" = ") for line in tox()["tox"]["labels"].strip().splitlines())
    here = {name.replace("py-", "py311-") for name in words(labels["here"])}
    assert here == words(tox()["tox"]["env_list"])
    workflow = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    matrix = words(workflow.partition("environment:\n")[2].partition("    env:")[0]) - {"-"}
    apart = {"coverage", "package-tensorflow", "package-torch"}
    assert matrix == {*here, *words(labels["versions"]), *apart}


def test_the_oldest_versions_that_are_allowed_are_those_that_are_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    allowed = [*project["dependencies"], *project["optional-dependencies"]["jax"]]
    lowest = {r.name: next(iter(r.specifier)).version for r in map(Requirement, allowed)}
    deps = tox()["testenv:keras-{min, latest}"]["deps"]
    tested = dict(re.findall(r"^min: (\w+)==(\S+)$", deps, re.MULTILINE))
    assert {name: Version(v) for name, v in lowest.items()} == {
        name: Version(v) for name, v in tested.items()
    }
