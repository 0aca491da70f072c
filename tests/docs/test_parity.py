"""`docs/parity.md` is made of its figures, and these stand under the bar.

That they are still those of the code is held where the trajectories are made: `test_reference.py`
and `test_peers.py`.
"""

from keras_optim import catalog
from tests.conftest import one_backend
from tests.peers.table import DIFFERING, PEERS
from tests.peers.trajectories import stored
from tests.tools import parity

pytestmark = one_backend


def test_the_page_is_that_of_the_figures():
    assert (parity.DOCS / "parity.md").read_text() == parity.page(parity.kept(), stored()[1])


def test_every_row_stands_under_the_bar():
    for figures in parity.kept().values():
        assert list(figures["float64"]) == sorted(catalog.names())
        assert set(figures["libraries"]) == set(PEERS)
        assert max(figures["float64"].values()) <= -10
        assert all(10.0**n <= PEERS[label].bar for label, n in figures["libraries"].items())
        assert set(figures["differing"]) == set(DIFFERING)
        assert max(figures["float32"].values()) <= -5
