"""Contest: the tuning and the judging of one optimizer on one problem.

Every optimizer has the same budget. Tuning trains with one seed and looks at held-out data alone.
The best hyper-parameters are then trained again with other seeds, and the test set is used once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from keras_optim.compare import json_files, searches
from keras_optim.compare.analysis.scores import tuning_key
from keras_optim.compare.comparison import Subject
from keras_optim.compare.contenders.contender import Contender
from keras_optim.compare.plan import Plan, machine
from keras_optim.compare.process.errors import one_line
from keras_optim.compare.runs import Run, Spec, Stage
from keras_optim.compare.search.protocol import Candidate
from keras_optim.compare.search.trials import Trials
from keras_optim.compare.store import Store
from keras_optim.compare.training.engine import Configuration, Outcome, train
from keras_optim.compare.training.engines import Engines, out_of_memory
from keras_optim.compare.training.problem import Problem

PAUSE = 1.0
"""Seconds between two looks at a search that waits for another process."""


class Watcher(Protocol):
    """Receiver of the progress of a comparison."""

    def began(self, workload: str, optimizer: str, stage: Stage) -> None:
        """Note that some runs begin."""

    def moved(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """Note the epochs that the present runs have done, and the steps of the next one."""

    def ended(self, run: Run, known: bool) -> None:
        """Note that a run has ended; `known` if the folder had its result already."""

    def decided(self, subject: Subject, optimizer: str, verdict: "Verdict") -> None:
        """Note that a contest has ended."""


@dataclass(frozen=True)
class Verdict:
    """Result of a contest."""

    hyperparameters: Mapping[str, Any]
    """Those that tuning chose."""
    runs: tuple[Run, ...]


class Contest:
    """Contest of one optimizer on one problem.

    Args:
        problem: The workload in this process.
        contender: The optimizer.
        plan: The conditions.
        store: Of finished runs.
        watcher: Is told the progress.
    """

    def __init__(
        self, problem: Problem, contender: Contender, plan: Plan, store: Store, watcher: Watcher
    ):
        self.problem, self.contender, self.plan = problem, contender, plan
        self.store, self.watcher = store, watcher
        self.engines = Engines(problem, contender)
        self.runs: list[Run] = []
        self.failure = ""

    def held(self) -> Verdict:
        """Tune and judge; return the result."""
        like = self.spec({}, self.plan.tuning_seed, "tuning")
        search = searches.search(self.contender, self.plan, like)
        earlier: list[Run] = []
        if isinstance(self.plan.tune, int):  # a study may have lost results that the folder has
            for run in self.store.like(like):
                search.tell(run.spec.hyperparameters, tuning_key(run, self.problem.subject))
                earlier.append(run)
        while not (self.failure or search.done):
            candidates = search.next(self.engines.width)
            if not candidates:  # another process trains the rest
                time.sleep(PAUSE)
            specs = [self.spec(c, self.plan.tuning_seed, "tuning") for c in candidates]
            for candidate, run in zip(candidates, self._ended(specs), strict=True):
                search.tell(candidate, tuning_key(run, self.problem.subject))
        if isinstance(search, Trials):  # the folder may have runs of another search as well
            self.runs += [run for run in earlier if search.counts(run.spec.hyperparameters)]
        best: Candidate = dict(search.best)
        self._ended([self.spec(best, seed, "judging") for seed in self.plan.seeds])
        verdict = Verdict(best, tuple({run.id: run for run in self.runs}.values()))
        self.watcher.decided(self.problem.subject, self.contender.label, verdict)
        return verdict

    def spec(self, hyperparameters: Mapping[str, Any], seed: int, stage: Stage) -> Spec:
        """Return the spec of a run."""
        problem, plan = self.problem, self.plan
        return Spec(
            workload=problem.workload.name,
            content=problem.content,
            optimizer=self.contender.label,
            code=self.contender.code,
            hyperparameters=dict(hyperparameters),
            stage=stage,
            seed=seed,
            epochs=problem.workload.epochs,
            batch_size=problem.batch_size,
            backend=plan.backend,
            device=plan.device,
            precision=plan.precision,
            versions=plan.versions,
        )

    def _ended(self, specs: Sequence[Spec]) -> list[Run]:
        """Return the runs of these specs, in their order; train those that are missing."""
        found = {spec.id: self.store.find(spec) for spec in specs}
        missing = [spec for spec in specs if found[spec.id] is None]
        for run in filter(None, found.values()):
            self.watcher.ended(run, known=True)
        for _, group in groupby(missing, key=self._constants):
            for run in self._trained(list(group)):
                found[run.id] = run
        runs = [found[spec.id] for spec in specs]
        self.runs += [run for run in runs if run is not None]
        return [run for run in runs if run is not None]

    def _constants(self, spec: Spec) -> str:
        return json_files.canonical(self.engines.constants(spec.hyperparameters))

    def _trained(self, specs: Sequence[Spec]) -> list[Run]:
        """Train runs that share their constants, as many side by side as the engine can."""
        runs: list[Run] = []
        while specs:
            first = specs[0]
            self.watcher.began(first.workload, first.optimizer, first.stage)
            group = specs[:1]
            try:
                if self.failure:
                    raise RuntimeError(self.failure)
                group = specs[: self.engines.width]
                ended = self._side_by_side(group)
            except Exception as error:  # of the user's model, the optimizer or the backend
                if out_of_memory(error) and self.engines.narrow():
                    continue
                self.failure = self.failure or f"{type(error).__name__}: {one_line(error)}"
                ended = [Run(s, "failed", self.failure, machine=machine()) for s in group]
            for run in ended:
                self.store.add(run)
                kept = self.store.runs[run.id]
                self.watcher.ended(kept, known=False)
                runs.append(kept)
            specs = specs[len(group) :]
        return runs

    def _side_by_side(self, specs: Sequence[Spec]) -> list[Run]:
        wanted = [Configuration(s.hyperparameters, s.seed, s.stage == "judging") for s in specs]
        engine = self.engines.of(specs[0].hyperparameters)
        outcomes = train(engine, wanted, self.problem.subject, self._moved())
        return [_run(spec, outcome) for spec, outcome in zip(specs, outcomes, strict=True)]

    def _moved(self) -> Callable[[int, int, int], None]:
        epochs = self.problem.workload.epochs

        def moved(epoch: int, step: int, steps: int) -> None:
            self.watcher.moved(epoch, epochs, step, steps)

        return moved


def _run(spec: Spec, outcome: Outcome) -> Run:
    return Run(
        spec=spec,
        state="diverged" if outcome.reason else "done",
        reason=outcome.reason,
        epochs=outcome.epochs,
        steps=outcome.steps,
        test=outcome.test,
        cost=outcome.cost,
        machine=machine(),
    )
