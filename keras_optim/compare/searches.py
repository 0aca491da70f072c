"""Searches: the choice of one by the plan."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from keras_optim.compare.contenders.contender import RATE, Contender
from keras_optim.compare.plan import Plan
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.runs import Spec
from keras_optim.compare.search import fixed, grid, studies, trials
from keras_optim.compare.search.protocol import Search
from keras_optim.compare.search.space import check_names, describe, space

Method = Literal["tpe", "quasi-random"]


def check(entrants: Sequence[Contender], plan: Plan) -> None:
    """Raise an error for a hyper-parameter that no contender has."""
    names = _names(plan)
    if names != "all":
        check_names([contender.make() for contender in entrants], names)


def search(contender: Contender, plan: Plan, spec: Spec) -> Search:
    """Return the search for the hyper-parameters of a contender.

    Args:
        contender: The optimizer.
        plan: The conditions.
        spec: Of a tuning run, its hyper-parameters aside.

    Raises:
        UsageError: the plan asks for a package that is not installed.
    """
    optimizer = contender.make()
    if plan.tune == "none":
        return fixed.Fixed(space(optimizer))
    if plan.tune == "grid":
        return grid.Grid(space(optimizer))
    dimensions = space(optimizer, _names(plan))
    if not dimensions:
        raise UsageError(f"{contender.label} has none of the hyper-parameters to be tuned")
    method = cast(Method, plan.sampler)
    rule = f"{method} {plan.tuning_seed}"
    name = studies.study_name(spec.workload, spec.optimizer, spec.group, dimensions, rule)
    place = studies.store(plan.folder or Path(), plan.storage)
    return trials.Trials(dimensions, int(plan.tune), name, place, method, plan.tuning_seed)


def description(plan: Plan) -> str:
    """Describe budget and search space in a sentence."""
    if plan.tune == "none":
        return fixed.DESCRIPTION
    if plan.tune == "grid":
        return grid.DESCRIPTION
    budget = trials.description(int(plan.tune), cast(Method, plan.sampler))
    return f"{budget}; {describe(_names(plan))}"


def _names(plan: Plan) -> "list[str] | Literal['all']":
    names = plan.hyperparameters
    if names == "all":
        return "all"
    listed = [names] if isinstance(names, str) else list(names)
    return listed or [RATE]
