"""Scion: Pethick et al. 2025, arXiv:2502.07529, Algorithms 1 and 2, norms of its table for layers.

The pattern "x2" stands for the matrix of two axes, as the kernel of the output layer.
"""

import numpy as np

from tests.peers.deviations import in_double, outputs_first
from tests.peers.libraries import Peer, torch_like
from tests.references.muon import newton_schulz

RADII = {"hidden_radius": 2.0, "output_radius": 3.0, "other_radius": 0.5}
CASES = (
    {**RADII, "output_layer": None, "ns_epsilon": 1e-2, "epsilon": 1e-2},
    {
        **RADII,
        "momentum": 0.7,
        "constrained": True,
        "ns_steps": 3,
        "ns_epsilon": 1e-2,
        "epsilon": 1e-2,
        "output_layer": "x2",
    },
)


def scion(
    x, gradients, learning_rates, *, momentum=0.9, constrained=False, hidden_radius,
    output_radius, other_radius, ns_steps=5, ns_epsilon=1e-7, epsilon=1e-8, output_layer,
):  # fmt: skip
    m = np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        m = momentum * m + (1 - momentum) * g
        if x.ndim < 2:
            step = other_radius * m / (np.sqrt(np.mean(m**2)) + epsilon)
        elif x.ndim == 2 and output_layer:
            step = output_radius * np.sign(m) / x.shape[0]
        else:
            *window, n_in, n_out = x.shape
            o = newton_schulz(m.reshape(-1, n_out), ns_steps, ns_epsilon).reshape(x.shape)
            step = hidden_radius * np.sqrt(n_out / n_in) / np.prod(window) * o
        x = (1 - lr) * x if constrained else x
        x = x - lr * step
        yield x


SQUARE = ((4, 3), (3, 4), (5, 5))


def po_scion(norm, scale, **arguments):
    """Its momentum is the weight of the new gradient."""
    make = torch_like(
        "pytorch_optimizer.SCION", momentum=0.3, norm_type=norm, scale=scale, **arguments
    )
    return in_double(outputs_first(make))


OWN = dict(momentum=0.7, ns_epsilon=1e-30)
PEERS = {
    "scion, pytorch_optimizer": Peer(
        "scion",
        dict(**OWN, hidden_radius=2.0, output_radius=2.0, other_radius=2.0, output_layer=None),
        po_scion(1, 2.0),
    ),
    "scion constrained, pytorch_optimizer": Peer(
        "scion",
        dict(
            **OWN, constrained=True, hidden_radius=2.0, output_radius=2.0, other_radius=2.0,
            output_layer=None,
        ),
        po_scion(1, 2.0, constraint=True),
    ),
    "scion of the output layer, pytorch_optimizer": Peer(
        "scion",
        dict(**OWN, hidden_radius=1.0, output_radius=3.0, other_radius=1.0, output_layer="x0"),
        po_scion(4, 3.0),
        shapes=SQUARE,
    ),
}  # fmt: skip
