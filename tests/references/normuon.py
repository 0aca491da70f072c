"""NorMuon: Li et al. 2025, arXiv:2510.05491; AdamW for vectors. Outputs, its neurons, are columns here."""

import numpy as np

from tests.peers.deviations import po_muon
from tests.peers.libraries import Peer
from tests.references.muon import CASES as MUON
from tests.references.muon import hidden, momenta, newton_schulz, others

CASES = (MUON[0], {**MUON[1], "beta_2": 0.7})


def normuon(x, gradients, learning_rates, **options):
    """Take AdamW where it is no hidden matrix."""
    rule = matrix if hidden(x, **options) else others
    yield from rule(x, gradients, learning_rates, **options)


def matrix(
    x, gradients, learning_rates, *, momentum=0.95, nesterov=True, weight_decay=0.1, beta_2=0.95,
    adjust_lr="match_rms_adamw", ns_steps=5, ns_epsilon=1e-7, epsilon=1e-8, **_,
):  # fmt: skip
    v = 0.0
    for u, lr in zip(momenta(gradients, momentum, nesterov), learning_rates):
        n_in, n_out = u.shape
        o = newton_schulz(u, ns_steps, ns_epsilon)
        v = beta_2 * v + (1 - beta_2) * np.array([np.mean(column**2) for column in o.T])
        d = o / (np.sqrt(v) + epsilon)
        d = d / (np.linalg.norm(d) + epsilon)
        if adjust_lr == "original":
            d = np.linalg.norm(o) * np.sqrt(max(1, n_out / n_in)) * d
        else:
            d = 0.2 * np.sqrt(n_in * n_out) * d
        x = (1 - lr * weight_decay) * x - lr * d.reshape(x.shape)
        yield x


OWN = dict(
    momentum=0.8, weight_decay=0.25, beta_2=0.7, epsilon=1e-2, output_layer=None, ns_epsilon=1e-30
)
PO = dict(
    momentum=0.8, weight_decay=0.25, beta2=0.7, eps=1e-2, adamw_eps=1e-2, adamw_wd=0.25,
    adamw_betas=(0.9, 0.999),
)  # fmt: skip
PEERS = {
    "normuon, pytorch_optimizer": Peer(
        "normuon", OWN, po_muon("NorMuon", **PO, update_scale="match_rms")
    ),
    "normuon original, pytorch_optimizer": Peer(
        "normuon", dict(**OWN, adjust_lr="original"), po_muon("NorMuon", **PO)
    ),
}
