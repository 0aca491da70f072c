"""Worker: a process that holds contests, `python -m keras_optim.compare.worker`.

It reads requests as lines of JSON from standard input (`process.children.requests`): first an
`order`, then any number of contests, or `dry` ones. It writes finished runs into the folder itself,
and tells its parent about all that happens.
"""

import sys
import traceback
from collections.abc import Collection, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from keras_optim import keras_private
from keras_optim.compare import json_files, probing, searches
from keras_optim.compare.contenders.contender import contenders
from keras_optim.compare.contest import Contest, Verdict
from keras_optim.compare.loading import guarded
from keras_optim.compare.order import SMOKE_OPTIMIZERS, Order
from keras_optim.compare.plan import machine
from keras_optim.compare.process import children, devices
from keras_optim.compare.process.errors import UsageError, one_line
from keras_optim.compare.progress import Silent
from keras_optim.compare.runs import Run, Spec, Stage
from keras_optim.compare.store import Store, encoded
from keras_optim.compare.training.problem import Problem


class Teller(Silent):
    """Watcher that tells the parent."""

    def began(self, workload: str, optimizer: str, stage: Stage) -> None:
        """Tell that runs begin."""
        children.tell({"began": [workload, optimizer, stage]})

    def moved(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """Tell the progress of the runs."""
        children.tell({"moved": [epoch, epochs, step, steps]})

    def ended(self, run: Run, known: bool) -> None:
        """Tell that a run has ended."""
        contest = run.spec.workload, run.spec.optimizer
        children.tell({"ended": run.id, "contest": contest, "known": known})


class Afresh(Store):
    """Store in which runs count only if the present command trained them, for `--force`."""

    valid: Collection[str] = ()
    """Runs that other workers, or this one before, trained."""

    def find(self, spec: Spec) -> Run | None:
        """Return a run of this command; drop an older one."""
        if spec.id not in self.runs and spec.id not in self.valid:
            self.forget(spec)
            return None
        return super().find(spec)


class Worker:
    """Problems and contenders of an order.

    Args:
        order: The request of the command.
        force: Whether finished runs are trained again.

    Raises:
        UsageError: the order cannot be met.
    """

    def __init__(self, order: Order, force: bool):
        self.plan = order.plan()
        found = devices.prepare(self.plan.backend, order.device)
        workloads = order.workloads()
        with keras_private.without_tensorflow():
            entrants = contenders(order.optimizers)
            self.entrants = entrants[:SMOKE_OPTIMIZERS] if order.smoke else entrants
            searches.check(self.entrants, self.plan)
            self.problems = [
                Problem(workload, self.plan.precision, found) for workload in workloads
            ]
            for problem in self.problems:
                guarded(f"workload {problem.workload.name!r}", partial(_read, problem))
        self.store = (Afresh if force else Store)(self.plan.folder)

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that only a process with the backend knows."""
        return {
            "subjects": [asdict(problem.subject) for problem in self.problems],
            "optimizers": [contender.label for contender in self.entrants],
            "backend": self.plan.backend,
            "versions": dict(self.plan.versions),
            "machine": machine(),
        }

    def answer(self, request: dict[str, Any]) -> Any:
        """Hold a contest, or probe how long its parts take."""
        problem = self.problems[request["workload"]]
        contender = self.entrants[request["optimizer"]]
        with keras_private.without_tensorflow():
            if request.get("dry"):
                name = f"{contender.label} on {problem.workload.name!r}"
                return guarded(name, lambda: probing.probe(problem, contender))
            if isinstance(self.store, Afresh):
                self.store.valid = set(request["valid"])
            contest = Contest(problem, contender, self.plan, self.store, Teller())
            contest.failure = request["failure"]
            return told(contest.held())


def told(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON."""
    runs = [encoded(run) for run in verdict.runs]
    return json_files.rounded({"chosen": dict(verdict.hyperparameters), "runs": runs})


def _read(problem: Problem) -> None:
    """Build the model and read the data, so that errors come before any training."""
    _ = problem.subject, problem.content


def serve(requests: Iterator[Any]) -> int:
    """Answer requests until they end; return the exit status.

    An error that no further contest could escape is told, and ends the service. Others end the
    process with a traceback in its log.
    """
    try:
        first = next(requests)
        worker = Worker(Order.of(first["order"]), first["force"])
        children.tell({"answer": worker.facts})
        for request in requests:
            children.tell({"answer": worker.answer(request)})
    except (UsageError, OSError, ImportError, MemoryError) as error:
        traceback.print_exc()
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        children.tell({"error": f"{where}{one_line(getattr(error, 'strerror', None) or error)}"})
        return 2
    return 0


if __name__ == "__main__":
    children.keep_events_apart()
    sys.exit(serve(children.requests()))
