"""Every algorithm against the independent libraries, through the file of their trajectories.

`tox -e reference` runs the libraries themselves and compares the file with what they give. That
the other backends take PyTorch's path is held by `test_reference.py`, and measured for
`docs/parity.md`.
"""

import keras
import pytest

from keras_optim.catalog import ALGORITHMS
from tests.conftest import one_backend
from tests.peers.table import DIFFERING, EVERY, PEERS, peers_of
from tests.peers.trajectories import LIBRARIES, stored
from tests.tools.parity import assert_as_on_the_page, kept, one_digit, peer_difference

pytestmark = one_backend


@pytest.mark.parametrize("label", PEERS)
def test_the_trajectory_is_that_of_the_library(label, float64):
    difference = peer_difference(label)
    assert difference < PEERS[label].bar
    assert_as_on_the_page("libraries", label, difference)


@pytest.mark.parametrize("label", DIFFERING)
def test_a_library_that_differs_does_so_as_the_page_says(label, float64):
    figure = kept()[keras.backend.backend()]["differing"][label]
    assert one_digit(peer_difference(label)) == figure
    assert figure > 1e-6


def test_the_file_and_the_table_agree():
    paths, versions = stored()
    assert set(paths) == set(EVERY)
    assert set(versions) == set(LIBRARIES)


@pytest.mark.parametrize("row", ALGORITHMS, ids=lambda row: row.name)
def test_an_algorithm_has_a_peer_or_a_reason(row):
    peers = peers_of(row.name)
    assert bool(peers) != bool(row.no_peer), "`PEERS` in its reference, or `no_peer` in its row"
    assert {peer.algorithm for peer in peers.values()} <= {row.name}
