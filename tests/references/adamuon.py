"""AdaMuon: Si, Zhang, Shen 2025, arXiv:2507.11005, second version; AdamW for vectors."""

import numpy as np

from tests.peers.deviations import po_muon
from tests.peers.libraries import Peer
from tests.references.muon import CASES as MUON
from tests.references.muon import hidden, momenta, newton_schulz, others

CASES = (MUON[0], {k: v for k, v in MUON[1].items() if k != "adjust_lr"})


def adamuon(x, gradients, learning_rates, **options):
    """Take AdamW where it is no hidden matrix."""
    rule = matrix if hidden(x, **options) else others
    yield from rule(x, gradients, learning_rates, **options)


def matrix(
    x, gradients, learning_rates, *, momentum=0.95, nesterov=True, weight_decay=0.1, ns_steps=5,
    ns_epsilon=1e-7, epsilon=1e-8, **_,
):  # fmt: skip
    v = 0.0
    for u, lr in zip(momenta(gradients, momentum, nesterov), learning_rates):
        o = newton_schulz(np.sign(u), ns_steps, ns_epsilon)
        v = momentum * v + (1 - momentum) * o**2
        d = o / (np.sqrt(v) + epsilon)
        d = 0.2 * np.sqrt(d.size) * d / (np.linalg.norm(d) + epsilon)
        x = (1 - lr * weight_decay) * x - lr * d.reshape(x.shape)
        yield x


DIFFERING = {
    "adamuon, pytorch_optimizer": Peer(  # no sign, no Nesterov, and corrects the bias of V
        "adamuon",
        dict(momentum=0.8, nesterov=False, weight_decay=0.25, epsilon=1e-2, output_layer=None),
        po_muon("AdaMuon", betas=(0.8, 0.8), weight_decay=0.25, eps=1e-2, adamw_wd=0.25),
        shapes=((4, 3), (3, 4), (5, 5)),
    ),
}
