"""Optimizers of many tests: every catalog row, and every wrapper around one of them.

The facts that a test must know of one stand in its class (`keras_optim.contract.Rule`, below "How
it is tried").
"""

import pytest

from keras_optim import catalog
from tests.support.quick import covering

NAMES = catalog.names()
EVERY = [*NAMES, *(f"{row.name}(adam)" for row in catalog.WRAPPERS)]
_SHOWN = covering((*catalog.ALGORITHMS, *catalog.WRAPPERS))
FEW = [name for name in EVERY if name.partition("(")[0] in _SHOWN]
"""For an option by itself: those that have all facts. `test_options.py` gives options to all."""


def variants(name):
    """Return the arguments to try: none, and those that change the kinds of state."""
    return [{}, *rule_of(name.partition("(")[0]).trial_variants]


def rule_of(name):
    """Return the class of `"adam"`, or that of the inner one of `"lookahead(adam)"`."""
    return catalog.find(name.rstrip(")").rpartition("(")[2]).algorithm


def make(name, /, **arguments):
    """Create `"adam"`, or `"lookahead(adam)"`; `arguments` go to the inner one."""
    outer, _, inner = name.rstrip(")").partition("(")
    rule = rule_of(name)(**{**rule_of(name).trial_arguments, **arguments})
    wrapper = rule_of(outer)
    return wrapper(rule, **wrapper.trial_arguments) if inner else rule


CASES = {f"{name}-{i}": (name, case) for name in EVERY for i, case in enumerate(variants(name))}
"""Names and arguments by label: every optimizer with each of its variants."""

CONFIGURED = [pytest.param(name, case, id=label) for label, (name, case) in CASES.items()]
