"""The breakages of `tests.tools.mutants` are of lines, and name tests, that there are."""

import pytest

from tests.conftest import one_backend
from tests.tools.breakages import MUTANTS
from tests.tools.mutants import ROOT

pytestmark = one_backend


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.file)
def test_a_row_is_of_today(mutant):
    assert mutant.old in (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.old != mutant.new
    for path in mutant.tests.partition(" -k ")[0].split():
        assert (ROOT / path).exists()


def test_there_are_enough():
    assert len(set(MUTANTS)) == len(MUTANTS) >= 60
