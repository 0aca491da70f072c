"""Which library has which algorithm: the `PEERS` of all references, by label.

An entry says with which settings the library is that of the paper. An algorithm that no library has
states the reason in its row of the catalogue, `no_peer`.
"""

import importlib

from keras_optim.catalog import ALGORITHMS
from tests.peers.libraries import Peer

REFERENCES = (*(row.name for row in ALGORITHMS), "lookahead")


def peers_of(name: str) -> dict[str, Peer]:
    """The peers of an algorithm by label; none is allowed."""
    return getattr(importlib.import_module(f"tests.references.{name}"), "PEERS", {})


PEERS = {label: peer for name in REFERENCES for label, peer in peers_of(name).items()}
