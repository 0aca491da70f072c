"""Comparing: the function that users call, and its result."""

import contextlib
import inspect
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keras_optim import keras_private
from keras_optim.compare import searches
from keras_optim.compare.comparison import Setting
from keras_optim.compare.contenders.contender import Contender, contenders
from keras_optim.compare.contest import Contest, Watcher
from keras_optim.compare.plan import Plan, is_quiet, machine
from keras_optim.compare.plan import seeds as seeds_of
from keras_optim.compare.process import lock
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.progress import Silent, shown
from keras_optim.compare.result import Result
from keras_optim.compare.runs import Run
from keras_optim.compare.store import Store
from keras_optim.compare.training.problem import Problem
from keras_optim.compare.workload import Workload

SHORTLIST = (
    "sgd[momentum=0.9,nesterov=true]",
    "adam",
    "adamw",
    "lion",
    "muon",
    "soap",
    "schedulefreeadamw",
    "prodigy",
)
"""Optimizers that are compared unless others are given."""


def compare(
    build_model: Callable[[], Any] | Workload,
    data: Any = None,
    *,
    optimizers: Sequence[Any] | str = SHORTLIST,
    tune: str | int = "grid",
    seeds: int | Sequence[int] = 3,
    epochs: int = 5,
    batch_size: Any = 32,
    validation: Any = 0.1,
    test: Any = None,
    loss: Any = None,
    metrics: Any = (),
    judge: str | None = None,
    higher: bool | None = None,
    target: tuple[str, float] | None = None,
    folder: Any = None,
    name: str = "model",
    hyperparameters: Sequence[str] | str = ("learning_rate",),
    sampler: str = "tpe",
    storage: str | None = None,
    tuning_seed: int = 0,
    precision: str = "float32",
    compile_arguments: Mapping[str, Any] | None = None,
    verbose: bool = True,
) -> Result:
    """Compare optimizers on a model of your own: tuned, with several seeds, fairly.

    Every optimizer has the same budget and the same search space relative to its own values. Tuning
    trains with one seed, and chooses by held-out data. The chosen hyper-parameters are trained
    again with other seeds, and then the test set is used once. With one seed, all optimizers start
    from equal weights and see equal batches, on every backend. A run that diverges is a miss.

    Args:
        build_model: A function without arguments that returns a new `keras.Model`; or a
            `keras_optim.Workload`, which holds model, data and objective.
        data: For training, see `keras_optim.Workload`: arrays `(x, y)`, a `tf.data.Dataset`, a
            `PyDataset`, a `DataLoader`, or a function of the seed that returns one.
        optimizers: Names (`"adamw"`), specs (`"sgd[momentum=0.9]"`), and new optimizers of
            keras_optim or Keras; `"all"` is the whole catalogue. Default: a shortlist. An object
            that draws a seed of its own (AdaHessian, Sophia, GradientNoise) is another one in each
            process; give its name, or a `seed`, if a folder is to know it again.
        tune: `"grid"` tries five learning rates, half a decade apart, around the optimizer's own,
            and up to three more while the best is at an edge. A number N makes N trials over
            `hyperparameters`, with Optuna. `"none"` takes each optimizer as it is. Default "grid".
        seeds: Runs that judge each optimizer, >= 1, or a list of seeds. Fewer than 3 tell nothing
            about the spread. Default 3.
        epochs: >= 1. Default 5.
        batch_size: >= 1, `"full"`, or a list of these, which compares them. Default 32.
        validation: A share of the training arrays in (0, 1), or data. Default 0.1.
        test: Data that judges. Default `None`: the held-out part judges too.
        loss: As for `compile`. Default `None`: the loss that the model is compiled with.
        metrics: As for `compile`. Default none.
        judge: The metric that chooses and ranks. Default: that of `target`, else the first metric,
            else the loss.
        higher: Whether a higher value of `judge` is better. Default: by its name.
        target: Such as `("val_accuracy", 0.97)`: the time to reach it is measured. Default `None`.
        folder: Where to keep results. The same call continues with a folder that has some. Default
            `None`: they are kept in memory.
        name: Of the workload, in tables and files. Default "model".
        hyperparameters: Names that trials tune, or `"all"`. Default `("learning_rate",)`.
        sampler: Of trials: `"tpe"` or `"quasi-random"`. Default "tpe".
        storage: URL of a database for trials, which several machines can share. Default `None`: a
            file in `folder`.
        tuning_seed: >= 0, the seed of tuning. Default 0.
        precision: Keras's dtype policy for the model. Default "float32".
        compile_arguments: Further arguments of `compile`.
        verbose: Whether to write a line for each optimizer. Default true.

    Returns:
        The result. It prints as a table, and shows itself in a notebook.

    Raises:
        ValueError: a request cannot be met; nothing was trained.

    Example:

    >>> import keras, keras_optim, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    >>> y = x @ np.array([1.0, -2.0, 0.5, 0.0], "float32")
    >>> def build_model():
    ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> result = keras_optim.compare(
    ...     build_model, (x, y), loss="mse", optimizers=["sgd", "adam"], epochs=2, verbose=False
    ... )
    >>> result.optimizers
    ('sgd', 'adam')
    """
    several = isinstance(batch_size, list | tuple)
    if several and not batch_size:
        raise UsageError("`batch_size` must be a number, or a list with at least one")
    if isinstance(build_model, Workload):
        given = {"data": data, "validation": validation, "test": test, "loss": loss}
        given |= {"metrics": metrics, "judge": judge, "higher": higher, "target": target}
        given |= {"epochs": epochs, "name": name, "compile_arguments": compile_arguments}
        _refuse_twice(given)
        workload = build_model
    else:
        if data is None:
            raise UsageError("`data` is missing: give (x, y), or a dataset")
        workload = Workload(
            build_model,
            data,
            validation=validation,
            test=test,
            loss=loss,
            metrics=metrics,
            judge=judge,
            higher=higher,
            target=target,
            epochs=epochs,
            batch_size=32 if several else batch_size,
            name=name,
            compile_arguments=compile_arguments or {},
        )
    workloads = workload.variants(list(batch_size)) if several else [workload]
    plan = Plan(
        tune=tune,
        sampler=sampler,
        hyperparameters=hyperparameters,
        storage=storage,
        seeds=seeds_of(seeds, tuning_seed),
        tuning_seed=tuning_seed,
        precision=precision,
        folder=None if folder is None else Path(folder).expanduser(),
    )
    command = f"keras_optim.compare(...) in {Path(sys.argv[0]).name or 'Python'}"
    store = Store(plan.folder)
    with contextlib.ExitStack() as stack:
        if plan.folder is None and isinstance(tune, int):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            plan = replace(plan, folder=Path(folder))
        stack.enter_context(keras_private.without_tensorflow())
        if store.folder is not None:
            stack.enter_context(lock.held(store.folder))
        entrants = contenders(optimizers)
        searches.check(entrants, plan)
        pairs = [(w.name, c.label) for w in workloads for c in entrants]
        watcher = stack.enter_context(shown(pairs)).watcher() if verbose else Silent()
        return held(workloads, entrants, plan, watcher, command, store)


def _refuse_twice(given: Mapping[str, Any]) -> None:
    """Raise an error for an argument that a Workload has already."""
    parameters = inspect.signature(compare).parameters
    for name, value in given.items():
        default = parameters[name].default
        if value is not default and (type(value) is not type(default) or value != default):
            raise UsageError(f"`{name}`: a Workload has its own; use dataclasses.replace")


def held(
    workloads: Sequence[Workload],
    entrants: Sequence[Contender],
    plan: Plan,
    watcher: Watcher,
    command: str,
    store: Store,
) -> Result:
    """Hold all contests in this process; return the result.

    Raises:
        UsageError: a request cannot be met; nothing was trained.
    """
    problems = [Problem(workload, plan.precision) for workload in workloads]
    subjects = {p.workload.name: p.subject for p in problems}  # errors come before any training
    quiet = plan.jobs == 1 and is_quiet()
    result = Result(
        subjects=subjects,
        optimizers=tuple(c.label for c in entrants),
        runs=(),
        setting=setting(plan, quiet, command),
        chosen={},
    )
    runs: list[Run] = []
    chosen: dict[tuple[str, str], Mapping[str, Any]] = {}
    for problem in problems:
        for contender in entrants:
            verdict = Contest(problem, contender, plan, store, watcher).held()
            runs += verdict.runs
            chosen[problem.workload.name, contender.label] = verdict.hyperparameters
    result = replace(result, runs=tuple(runs), chosen=chosen)
    store.write_manifest(result)
    return result


def setting(plan: Plan, quiet: bool, command: str) -> Setting:
    """Return the conditions, for readers."""
    return Setting(
        tune=f"{plan.tune} trials" if isinstance(plan.tune, int) else plan.tune,
        budget=searches.description(plan),
        seeds=plan.seeds,
        tuning_seed=plan.tuning_seed,
        backend=plan.backend,
        versions=plan.versions,
        precision=plan.precision,
        machine=machine(),
        quiet=quiet,
        command=command,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )
