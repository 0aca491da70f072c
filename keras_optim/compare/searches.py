"""Searches: the choice of one by the plan."""

from keras_optim.compare.contenders.contender import RATE, Contender
from keras_optim.compare.plan import Plan
from keras_optim.compare.search import fixed, grid
from keras_optim.compare.search.protocol import Search
from keras_optim.compare.search.space import space
from keras_optim.compare.training.problem import Problem


def search(problem: Problem, contender: Contender, plan: Plan) -> Search:
    """Return the search for the hyper-parameters of a contender.

    Raises:
        UsageError: the plan asks for a package that is not installed.
    """
    if plan.tune == "none":
        return fixed.Fixed({})
    if plan.tune == "grid":
        return grid.Grid(space(contender.make(), (RATE,)))
    raise NotImplementedError


def description(plan: Plan) -> str:
    """Describe budget and search space in a sentence."""
    if plan.tune == "none":
        return fixed.DESCRIPTION
    return grid.DESCRIPTION
