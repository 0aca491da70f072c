"""Comparisons made by hand: a few numbers, whose results can be worked out on paper."""

import math

from keras_optim.compare.comparison import Comparison, Measured, Setting, Subject
from keras_optim.compare.runs import Run, Spec

MISS = math.nan
COST = {
    "step_seconds": 0.01,
    "compile_seconds": 1.0,
    "state_bytes": 200.0,
    "weight_bytes": 100.0,
    "peak_bytes": 3e6,
    "steps_per_epoch": 10.0,
}


def subject(name="task", higher=True, target=None, epochs=3, test=100, validation=50, parent=None):
    judge = Measured("accuracy", True) if higher else Measured("mae", False)
    metrics = (Measured("loss", False), judge)
    sizes = dict(batch_size=8, train=80, validation=validation, test=test)
    return Subject(name, metrics, judge.name, target, epochs=epochs, variant_of=parent, **sizes)


def run(
    value,
    optimizer="a",
    seed=1,
    task=None,
    stage="judging",
    values=None,
    curve=None,
    state=None,
    cost=COST,
):
    """One whose score is `value`; NaN makes it a miss. The validation follows `curve`."""
    task = task or subject()
    hyperparameters = {"learning_rate": 0.1} if values is None else values
    spec = Spec(
        *(task.name, "content", optimizer, "code", hyperparameters, stage, seed, task.epochs),
        *(8, "torch", "cpu", "float32", {}),
    )
    if math.isnan(value) or state:
        return Run(spec, state or "diverged", "loss is NaN", cost=cost)
    curve = [value] * (task.epochs + 1) if curve is None else curve
    epochs = {
        f"val_{task.judge}": curve,
        "val_loss": [1.0] * len(curve),
        "seconds": [math.nan] + [2.0] * (len(curve) - 1),
    }
    test = {task.judge: value} if task.test and stage == "judging" else {}
    return Run(spec, "done", epochs=epochs, test=test, cost=cost)


def comparison(runs, *subjects, chosen=None, tune="grid", quiet=True, others=()):
    """One of these runs; the `others` are optimizers without any."""
    subjects = subjects or (subject(),)
    names = tuple(dict.fromkeys([*(run.spec.optimizer for run in runs), *others]))
    seeds = tuple(sorted({run.spec.seed for run in runs if run.spec.stage == "judging"}))
    setting = Setting(tune, "", seeds, 0, "torch", {}, "float32", "", quiet, "", "")
    by_name = {subject.name: subject for subject in subjects}
    pairs = {(w, o): {"learning_rate": 0.1} for w in by_name for o in names}
    return Comparison(by_name, names, tuple(runs), setting, pairs if chosen is None else chosen)


def judged(scores, task=None, **facts):
    """A comparison with these scores for seeds 1, 2, ... of each optimizer."""
    task = task or subject()
    runs = [
        run(value, name, seed, task)
        for name, values in scores.items()
        for seed, value in enumerate(values, 1)
    ]
    return comparison(runs, task, **facts)
