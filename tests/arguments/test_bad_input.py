"""Wrong constructions: each parameter of each class, from the range that it declares."""

import math
from typing import get_origin

import numpy as np
import pytest

from keras_optim.arguments import hyperparameters, ranges
from keras_optim.catalog import ALGORITHMS, WRAPPERS
from tests.support.catalog_cases import make


def wrong_values(hint):
    """Values that an annotation does not allow, with the error that each is to raise."""
    kinds = hyperparameters._alternatives(hint)
    holders = [kind for kind, _ in kinds if get_origin(kind) in (list, tuple, dict)]
    yield object(), TypeError
    yield b"0.1", TypeError
    if not any(kind is type(None) for kind, _ in kinds):
        yield None, TypeError
    if holders and not any(kind is float for kind, _ in kinds):
        yield 0.5, TypeError
        return
    if all(get_origin(kind) is not None for kind, _ in kinds):
        yield "no such word", TypeError
        return
    if not any(kind is str for kind, _ in kinds):
        yield "0.1", TypeError
    yield [0.1], TypeError
    for kind, limits in kinds:
        if kind in (int, float):
            yield True, TypeError
            yield 1j, TypeError
        if kind is float:
            yield math.nan, ValueError
            yield math.inf, ValueError
            yield np.float32("nan"), ValueError
        if kind is int:
            yield 2.5, TypeError
        if kind is bool:
            yield 1, TypeError
        if limits is not None and math.isfinite(limits.low):
            yield limits.low - 1, ValueError
            if limits.open in ("left", "both"):
                yield limits.low, ValueError
        if limits is not None and math.isfinite(limits.high):
            yield limits.high + 1, ValueError
            if limits.open in ("right", "both"):
                yield limits.high, ValueError


PARAMETERS = [
    pytest.param(row, name, hint, id=f"{row.name}-{name}")
    for row in (*ALGORITHMS, *WRAPPERS)
    for name, hint in hyperparameters.declared(row.algorithm.__init__).items()
    if name != "inner" and (row.name == "adam" or name not in ranges.OPTION_DEFAULTS)
]


@pytest.mark.parametrize(("row", "name", "hint"), PARAMETERS)
def test_each_parameter_refuses_what_it_does_not_allow(row, name, hint):
    for value, error in wrong_values(hint):
        inner = [make("adam")] if row in WRAPPERS else []
        arguments = {**row.algorithm.trial_arguments, name: value}
        if name == "learning_rate" and get_origin(value) is None and callable(value):
            continue
        with pytest.raises(error) as caught:
            row.algorithm(*inner, **arguments)
        message = str(caught.value)
        assert message.startswith(f"{row.algorithm.__name__}: `{name}` must be"), message
        assert f"Received: {name}={value!r}" in message
