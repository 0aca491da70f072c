"""L-DoG: section 4 of Ivgi, Hinder, Carmon 2023, arXiv:2302.12022: DoG for each variable."""

from tests.peers.libraries import Peer, torch_like
from tests.references.dog import CASES, FAR, RATES, dog

__all__ = ["CASES", "PEERS", "RATES", "ldog"]

ldog = dog  # of one variable, because the reference sees them one by one

PEERS = {
    "ldog, dog-optimizer": Peer(
        "ldog", FAR, torch_like("dog.LDoG", reps_rel=0.05, eps=0.1, weight_decay=0.3)
    ),
}
