"""Statistics of batch normalisation that belong to averaged weights."""

from typing import Any

from keras_optim import tensors
from keras_optim.callbacks import batch_statistics
from keras_optim.callbacks.access import inside_loss_scale
from keras_optim.compare.training import data
from keras_optim.compare.training.problem import Problem

EXAMPLES = 1000
"""The most examples that are read, the first of the training data."""
BATCH = 200


def needed(problem: Problem, optimizer: Any) -> bool:
    """Tell whether evaluation weights differ from those that the statistics were collected with."""
    inside = inside_loss_scale(optimizer)
    averages = getattr(inside, "averaging", False) or inside.use_ema
    return averages and bool(batch_statistics.normalizers(problem.reference))


def recomputed(problem: Problem, values: list[Any], seed: int) -> list[Any]:
    """Return the values of all variables of a model, with statistics that fit its weights.

    The reference model of the problem computes them, and holds the values afterwards.
    """
    model = problem.reference
    with tensors.no_gradients():
        for variable, value in zip(model.variables, values, strict=True):
            variable.assign(value)
    if "statistics" not in problem.cache:
        problem.cache["statistics"] = batch_statistics.Recorder(model)
    train = problem.parts_for(seed).train
    if isinstance(train, data.Arrays):
        x, steps = train.take(slice(0, EXAMPLES)).parts[0], None
    else:
        x, steps = train.source, EXAMPLES // BATCH
    problem.cache["statistics"].update(x, BATCH, steps)
    return [tensors.tensor(v) for v in model.variables]
