"""Agreement of backends: runs are matched by optimizer, seed and rate, and the worst one counts."""

from dataclasses import replace

import pytest

from benchmarks import agreement
from keras_optim.compare.process.errors import UsageError
from tests.compare.synthetic import comparison
from tests.conftest import one_backend

pytestmark = one_backend


def changed(one, by, seed):
    """The same comparison of which the runs of a seed end with another loss."""

    def run(old):
        if old.spec.seed != seed or "val_loss" not in old.epochs:
            return old
        losses = [*old.epochs["val_loss"][:-1], old.epochs["val_loss"][-1] * by]
        return replace(old, epochs={**old.epochs, "val_loss": losses})

    runs = tuple(run(old) for old in one.runs)
    return replace(one, runs=runs, setting=replace(one.setting, backend="torch"))


def test_the_largest_difference_of_all_seeds():
    one = comparison(3)
    seed = one.setting.seeds[-1]
    found = agreement.rows([one, changed(one, 1.25, seed)])
    assert {line[4] for line in found} == {"2e-01"}
    assert all(line[2] == line[3] for line in found)  # those of the first seed
    assert len(found) == len(one.subjects) * 3
    assert {line[4] for line in agreement.rows([one, one])} == {"-"}


def test_the_table_names_backends():
    one = comparison(2)
    heads = agreement.table([one, changed(one, 1.0, 0)]).splitlines()[0]
    assert f"held-out loss, {one.setting.backend}" in heads and "test score, torch" in heads


def test_runs_at_other_rates_are_not_compared():
    one = comparison(2)
    other = tuple(
        replace(run, spec=replace(run.spec, hyperparameters={"learning_rate": 123.0}))
        for run in one.runs
    )
    with pytest.raises(UsageError, match="in common"):
        agreement.rows([one, replace(one, runs=other)])
