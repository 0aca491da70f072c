"""Pairs of a wrapper and an optimizer inside: each constructs, or the error names both.

A few pairs, in which all facts of wrappers and rules meet, train, come back from their
configuration, resume to the bit and lower for TPU.
"""

import itertools
import json

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim import catalog
from keras_optim.contract import Rule
from keras_optim.wrappers.wrapper import Wrapper
from tests.conftest import BACKEND, one_backend
from tests.support import passes
from tests.support.covering import greedy
from tests.support.quick import facts
from tests.support.trajectories import numbers, tensor, variables

OUTER = [row.name for row in (*catalog.WRAPPERS, *catalog.COMBINATIONS)]
INNER = [*catalog.names(), *OUTER]


def build(name, *inner):
    """Create an optimizer from the names of its layers, from outside to inside.

    A wrapper without a name after it is around SGD.
    """
    kind = catalog.find(name).algorithm
    if name in catalog.names():
        return kind(learning_rate=kind.trial_rate, **kind.trial_arguments)
    rule = build(*(inner or ("sgd",)))
    if name == "route":
        own = "x0$" if inner else "x1$"  # another variable, if one is inside the other
        return kind({own: keras_optim.SGD(0.1, momentum=0.5), ".": rule})
    return kind(rule, **kind.trial_arguments)


def title(name):
    return catalog.find(name).algorithm.__name__


# ---- all pairs


def reasons(outer, inner):
    """Facts of two optimizers that exclude each other."""
    kind, rule = catalog.find(outer).algorithm, build(inner)
    averages = kind.evaluate not in (Rule.evaluate, Wrapper.evaluate) and outer != "route"
    return {
        "two averages": averages and rule.averaging,
        "an average that misses changes": rule.averaging
        and not getattr(kind, "around_averages", True),
        "two second passes": kind.second != "none" and rule.second != "none",
        "a second pass for some variables": outer == "route" and rule.second != "none",
    }


@pytest.mark.parametrize("outer", OUTER)
@one_backend
def test_each_pair_constructs_or_is_refused_with_a_reason(outer):
    refused = 0
    for inner in INNER:
        why = [reason for reason, holds in reasons(outer, inner).items() if holds]
        try:
            build(outer, inner)
        except (ValueError, TypeError) as error:
            refused += 1
            assert title(outer) in str(error) and title(inner) in str(error), (inner, str(error))
        else:
            assert not why, (inner, why)
    assert refused < 0.6 * len(INNER)


@pytest.mark.parametrize("outer", OUTER)
@one_backend
def test_refusals_see_through_a_wrapper_between(outer):
    for inner in OUTER:
        if any(reasons(outer, inner).values()):
            with pytest.raises(ValueError, match=title(outer)):
                build(outer, "centralization", inner)


# ---- few pairs, together with all facts

HOOKS = ("init", "measure", "pool", "probe", "constants", "evaluate", "settle", "step")


def hooks(name):
    """Return what its class has of its own, and its facts but for its family."""
    row = catalog.find(name)
    parent = Wrapper if issubclass(row.algorithm, Wrapper) else Rule
    own = {h for h in HOOKS if getattr(row.algorithm, h) is not getattr(parent, h)}
    stated = {fact for fact in facts(row) if fact[0] not in ("family", "rate_at_start_only")}
    return {*own, *(fact for fact in stated if fact[1] not in (False, "none"))}


def constructs(pair):
    try:
        build(*pair)
    except (ValueError, TypeError):
        return False
    return True


def few():
    """Choose pairs in which each two facts meet, and each wrapper is outside and inside once."""
    met = {
        (outer, inner): {
            ("outside", outer),
            *([("inside", inner)] if inner in OUTER else []),
            *itertools.product(hooks(outer), hooks(inner)),
        }
        for outer in OUTER
        for inner in INNER
    }
    while refused := [pair for pair in greedy(met) if not constructs(pair)]:
        met = {pair: facts for pair, facts in met.items() if pair not in refused}
    return greedy(met)


FEW = few()
SHAPES = ((4, 3), (3,), (2, 2, 3, 2))
RANDOM = np.random.default_rng(7)
STARTS = [RANDOM.normal(size=shape) for shape in SHAPES]
STEPS = [[RANDOM.normal(size=shape) for shape in SHAPES] for _ in range(4)]


def advance(optimizer, xs, steps):
    for gs in steps:
        gs = [tensor(g) for g in gs]
        passes.apply(optimizer, gs, xs, passes.curved(gs, xs))


@pytest.mark.parametrize("pair", FEW, ids=lambda pair: "-".join(pair))
def test_a_pair_trains_and_resumes_to_the_bit(pair):
    optimizer, xs = build(*pair), variables(STARTS)
    advance(optimizer, xs, STEPS[:2])
    middle, store = numbers(xs), {}
    assert all(np.all(np.isfinite(x)) for x in middle)
    assert any(np.any(x != a) for x, a in zip(middle, numbers(variables(STARTS)), strict=True))
    optimizer.save_own_variables(store)
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(optimizer)))

    again, ys = keras.saving.deserialize_keras_object(saved), variables(middle)
    assert again.get_config() == optimizer.get_config()
    again.build(ys)
    again.load_own_variables({name: np.array(value) for name, value in store.items()})
    for one, of in ((optimizer, xs), (again, ys)):
        advance(one, of, STEPS[2:])
    both = zip((*xs, *optimizer.variables), (*ys, *again.variables), strict=True)
    for ours, theirs in both:
        np.testing.assert_array_equal(numbers([ours])[0], numbers([theirs])[0], ours.path)


@pytest.mark.skipif(BACKEND != "jax", reason="JAX's way to TPUs")
@pytest.mark.parametrize("pair", FEW, ids=lambda pair: "-".join(pair))
def test_a_pair_lowers_for_tpu(pair):
    import jax
    from jax import export

    optimizer, xs = build(*pair), variables(STARTS)
    optimizer.build(xs)

    def step(state, gs, values):
        return passes.stateless_apply(optimizer, state, gs, values)

    state, values = ([v.value for v in vs] for vs in (optimizer.variables, xs))
    lowered = export.export(jax.jit(step), platforms=["tpu"])(state, values, values)
    assert [a.shape for a in lowered.out_avals] == [v.shape for v in (*values, *state)]
    assert "callback" not in lowered.mlir_module()


@one_backend
def test_the_few_pairs_have_every_wrapper_and_each_two_facts():
    assert {outer for outer, _ in FEW} == set(OUTER)
    assert {inner for _, inner in FEW} >= set(OUTER)
    for fact in ("measure", "evaluate", "init", "step"):
        assert any(fact in hooks(inner) for _, inner in FEW), fact
    assert len(FEW) < len(OUTER) * len(INNER) / 10
