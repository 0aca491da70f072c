"""What `pytest -m quick` runs."""

from types import SimpleNamespace

import keras_optim
from keras_optim import catalog
from tests.conftest import one_backend
from tests.support.quick import LONG, covering, facts, optimizer_of, quick

pytestmark = one_backend
ROWS = (*catalog.ALGORITHMS, *catalog.WRAPPERS)


def test_a_few_rows_have_all_facts():
    names = covering(ROWS)
    assert set().union(*(facts(catalog.find(n)) for n in names)) == set().union(*map(facts, ROWS))
    assert len(names) < len(ROWS) / 2


def test_a_row_with_a_fact_of_its_own_is_covered():
    class Novel(keras_optim.SGD):
        """The only one of its family."""

    row = catalog.Row(Novel, "novel", 2030, "2030.00001", "New.")
    assert covering((*ROWS, row)) == [*covering(ROWS), "novel"]


def test_the_optimizer_of_a_case():
    assert optimizer_of({"name": "lookahead(adam)", "case": {}}) == "lookahead"
    assert optimizer_of({"row": catalog.find("lion")}) == "lion"
    assert optimizer_of({"dtype": "float16", "number": 3}) is None


def test_what_is_quick():
    def item(function, **parameters):
        nodeid = f"{function}[{'-'.join(map(str, parameters.values()))}]"
        return SimpleNamespace(nodeid=nodeid, callspec=SimpleNamespace(params=parameters))

    long = [item(place) for place in LONG]
    of_all = [item("tests/a.py::test_b", name=row.name, case={}) for row in ROWS]
    others = [item("tests/a.py::test_c", value=i) for i in range(4)]
    alone = [SimpleNamespace(nodeid="tests/a.py::test_d")]
    left = list(quick([*long, *of_all, *others, *alone]))
    names = [i.callspec.params["name"] for i in left if i in of_all]
    assert names == covering(ROWS)
    assert [i for i in left if i not in of_all] == [*others[:2], *alone]
