"""Vectors that lie along one axis of an item: which one shows where they are used."""

import pytest
import torch

from keras_optim.codegen import Refused
from keras_optim.codegen.tracing import trace
from tests.codegen.stepping import assert_same, numbers, step, stepped


def test_a_vector_lies_where_it_is_used():
    """Of a square, where its length does not tell; by itself, anywhere."""

    def rule(g, first, second, alone, other):
        mean = 0.5 * first + 0.5 * g.mean(1)
        alone = torch.where(alone > 0, alone * 0.5, torch.zeros_like(alone))
        return {
            "first": mean,
            "second": torch.maximum(second.unsqueeze(0), g.amax(0, keepdim=True)).reshape(3),
            "alone": alone + other.sum(),
        }

    item = {"g": numbers((3, 3))}
    item |= {name: numbers(3, i) for i, name in enumerate(("first", "second", "alone", "other"))}
    assert_same(*stepped(rule, [item]), close=("first", "alone"))


def test_a_vector_without_its_axis_lies_along_the_last():
    item = {"g": numbers((4, 3)), "x": numbers((4, 3), 1)}
    assert_same(*stepped(lambda g, x: {"x": x - g.amax(0) * g}, [item]), close="x")


REFUSED = {
    "along one axis and then another": (
        lambda g, v: {"v": v + g.amax(1) * 0 + (v.reshape(1, 3) * g).amax(0)},
        "shapes",
    ),
    "kept along another axis": (
        lambda g, v: {"g": g * v.reshape(1, 3), "v": g.amax(1)},
        "the new v has the right shape, but lies along other axes",
    ),
    "made for rows, used for columns": (lambda g, v: {"g": g * g.amax(1)}, "shapes"),
    "the second axis of two": (lambda g, v: {"g": g.max(1).values}, "several results"),
    "of integers": (lambda g, v: {"g": g * (g > 0).long().amax()}, "amax of integers"),
    "of nothing": (
        lambda g, v: {"g": g * g.new_zeros(0, 3).amax(0).sum()},
        "IndexError|shape|known",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    rule, reason = REFUSED[name]
    with pytest.raises(Refused, match=reason):
        trace(step(rule), {"g": torch.ones(3, 3), "v": torch.ones(3)}, {}, {}, "g")
