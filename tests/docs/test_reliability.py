"""`docs/reliability.md` names tests that exist, and is what was counted."""

import json

import pytest

from tests.conftest import BACKEND, one_backend
from tests.tools.reliability import BACKENDS, DOCS, PROMISES, TESTS, chosen, page, read, within

pytestmark = one_backend

PAIRS = {promise: tests for promises in PROMISES.values() for promise, tests in promises.items()}


def numbers():
    return json.loads((DOCS / "reliability.json").read_text())


def test_the_page_is_that_of_the_numbers():
    assert (DOCS / "reliability.md").read_text() == page(numbers())
    assert set(numbers()) == set(BACKENDS)


@pytest.mark.parametrize("promise", PAIRS)
def test_its_tests_exist_and_passed(promise):
    for test in PAIRS[promise]:
        file, _, function = test.partition("::")
        assert (TESTS / file).exists()
        if function:
            assert f"\ndef {function}(" in (TESTS / file).read_text(encoding="utf-8")
    counts = [numbers()[backend].get(promise) for backend in BACKENDS]
    assert None not in counts, f"run `python -m tests.tools.reliability` on {BACKEND}"
    assert max(counts) > 0


def test_words_choose_what_is_counted():
    assert list(chosen([])) == list(PAIRS)
    [promise] = chosen(["test_lazy"])
    assert PAIRS[promise] == ("wrappers/test_lazy_rows.py",)
    assert chosen(["no such test"]) == {}


def test_a_report_of_pytest_is_counted(tmp_path):
    file = tmp_path / "tests.xml"
    case = '<testcase classname="tests.wrappers.test_lazy" name="test_rows[{}]">{}</testcase>'
    ends = ("", "", '<skipped message="no"/>', "<failure/>")
    cases = "".join(case.format(k, end) for k, end in enumerate(ends))
    file.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    counter = read(file)
    assert counter.of(["wrappers/test_lazy.py::test_rows"]) == 2
    assert counter.failed == ["wrappers/test_lazy.py::test_rows"]
    assert counter.missed(["wrappers"]) and not counter.missed(["wrappers/test_other.py"])


def test_within():
    assert within("test_a.py::test_b", "test_a.py::test_b")
    assert within("test_a.py::test_b", "test_a.py")
    assert within("native/test_a.py::test_b", "native")
    assert not within("test_a.py::test_bc", "test_a.py::test_b")
