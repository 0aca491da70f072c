"""Which library has which algorithm: the `PEERS` and `DIFFERING` of all references, by label.

An entry of `PEERS` says with which settings the library is that of the paper. An algorithm that no
library has states the reason in its row of the catalogue, `no_peer`. An entry of `DIFFERING` is a
library that has another rule under that name, with the settings that come nearest.
"""

import importlib
import pathlib

from keras_optim.catalog import ALGORITHMS, WRAPPERS
from tests.peers.libraries import Peer

FOLDER = pathlib.Path(__file__).parent.parent / "references"
REFERENCES = [row.name for row in (*ALGORITHMS, *WRAPPERS) if (FOLDER / f"{row.name}.py").exists()]
"""Every algorithm, and the wrappers that have a reference."""


def peers_of(name: str, kind: str = "PEERS") -> dict[str, Peer]:
    """The peers of an algorithm by label; none is allowed."""
    return getattr(importlib.import_module(f"tests.references.{name}"), kind, {})


PEERS = {label: peer for name in REFERENCES for label, peer in peers_of(name).items()}
DIFFERING = {
    label: peer for name in REFERENCES for label, peer in peers_of(name, "DIFFERING").items()
}
EVERY = {**PEERS, **DIFFERING}
