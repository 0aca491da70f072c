"""`docs/parity.md` is what `python -m tests.parity` would write now."""

import json

import keras

from keras_optim import catalog
from tests import parity
from tests.peers import PEERS, stored


def kept():
    return json.loads((parity.DOCS / "parity.json").read_text())


def test_the_page_is_that_of_the_figures():
    assert (parity.DOCS / "parity.md").read_text() == parity.page(kept(), stored()[1])


def test_every_row_stands_under_the_bar():
    for figures in kept().values():
        assert list(figures["float64"]) == sorted(catalog.names())
        assert set(figures["libraries"]) == set(PEERS)
        assert max(figures["float64"].values()) <= -10
        assert max(figures["libraries"].values()) <= -10
        assert max(figures["float32"].values()) <= -5


def test_the_figures_are_those_of_this_backend():
    """Measured again, no figure is more than a power of ten above the one on the page."""
    backend, figures = parity.measure()
    assert backend == keras.backend.backend()
    for kind, now in figures.items():
        for name, exponent in now.items():
            assert exponent <= max(kept()[backend][kind][name], -15) + 1, (kind, name)
