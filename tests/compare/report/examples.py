"""Comparisons out of the ordinary, made of those of `synthetic`."""

import dataclasses
import math

from keras_optim.compare.runs import Run
from tests.compare.synthetic import comparison

LONG = "lookahead[inner=sgd[momentum=0.9,nesterov=true,weight_decay=0.0001],sync_period=5,slow=0.5]"
EVIL = '<b>&"$x_1$</script>'
FOUR = ("digits", "digits-256", "housing", "text")


def changed(original, subjects=lambda subject: {}, runs=lambda run: {}):
    """Change fields of each subject and each run."""
    return dataclasses.replace(
        original,
        subjects={k: dataclasses.replace(s, **subjects(s)) for k, s in original.subjects.items()},
        runs=tuple(dataclasses.replace(run, **runs(run)) for run in original.runs),
    )


def all_diverged():
    def lost(run):
        epochs = {name: [*values[:2], math.nan] for name, values in run.epochs.items()}
        return {"state": "diverged", "reason": "loss is NaN", "test": {}, "epochs": epochs}

    return changed(comparison(3), runs=lost)


def all_failed():
    made = comparison(3)
    runs = tuple(Run(run.spec, "failed", "killed") for run in made.runs)
    return dataclasses.replace(made, runs=runs)


def one_run():
    made = comparison(1, seeds=1, workloads=("digits",), tuned=False)
    assert len(made.runs) == 1
    return made


def no_judging():
    made = comparison(3, workloads=("digits",))
    runs = tuple(run for run in made.runs if run.spec.stage == "tuning")
    return dataclasses.replace(made, runs=runs)


def one_is_missing():
    made = comparison(3, workloads=("digits", "text"))
    runs = (r for r in made.runs if r.spec.stage == "tuning" or r.spec.optimizer != "adam")
    return dataclasses.replace(made, runs=tuple(runs))


ODD = {
    "one is missing": one_is_missing,
    "one run": one_run,
    "all diverged": all_diverged,
    "all failed": all_failed,
    "tuning alone": no_judging,
    "no run": lambda: dataclasses.replace(comparison(2, workloads=("digits",)), runs=(), chosen={}),
    "one seed": lambda: comparison(3, seeds=1),
    "one epoch": lambda: comparison(3, epochs=1),
    "no test set": lambda: changed(comparison(3), lambda s: {"test": None}, lambda r: {"test": {}}),
    "no target": lambda: changed(comparison(3), lambda s: {"target": None}),
    "no norms": lambda: changed(comparison(3), runs=lambda r: {"steps": {}}),
    "no costs": lambda: changed(comparison(3), runs=lambda r: {"cost": {"steps_per_epoch": 9.0}}),
    "long labels": lambda: comparison((LONG, LONG.replace("slow", "fast"), EVIL)),
    "no rate": lambda: comparison(("lbfgs", "adam")),
    "not tuned": lambda: comparison(3, tuned=False, quiet=False),
    "batch sizes": lambda: comparison(3, workloads=FOUR),
    "many": lambda: comparison(32, workloads=("digits",), epochs=2),
}
