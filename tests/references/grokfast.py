"""Grokfast-EMA: Algorithm 1 of Lee, Kang, Kim, Lee 2024, arXiv:2405.20233, before heavy-ball SGD.

As in the authors' code, the average begins at the first gradient.
"""

import numpy as np

from tests.peers.libraries import Peer

CASES = ({"decay": 0.7, "strength": 1.5, "momentum": 0.6},)


def grokfast(x, gradients, learning_rates, *, decay, strength, momentum):
    slow, m = gradients[0], np.zeros_like(x)
    for g, lr in zip(gradients, learning_rates):
        slow = decay * slow + (1 - decay) * g
        m = momentum * m + g + strength * slow
        x = x - lr * m
        yield x


def torch_grokfast(x, gradients, learning_rates):
    """pytorch-optimizer's function changes the gradients of a module before the step."""
    import torch
    from pytorch_optimizer.optimizer.grokfast import gradfilter_ema

    module, averages, xs = torch.nn.Module(), None, []
    module.x = torch.nn.Parameter(torch.tensor(x))
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0, momentum=0.6)
    for g, lr in zip(gradients, learning_rates):
        optimizer.param_groups[0]["lr"] = lr
        module.x.grad = torch.tensor(g)
        averages = gradfilter_ema(module, averages, alpha=0.7, lamb=1.5)
        optimizer.step()
        xs.append(module.x.detach().numpy().copy())
    return xs


PEERS = {"grokfast, pytorch_optimizer": Peer("grokfast", CASES[0], torch_grokfast)}
