"""Workers of a command: processes that hold contests, from the parent's side.

A worker that dies is replaced, and its contest is held again; the runs that had ended are in the
folder. A contest whose worker dies twice is a failure of that contest alone.
"""

import queue
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from keras_optim.compare import store
from keras_optim.compare.contest import Verdict
from keras_optim.compare.order import Order
from keras_optim.compare.process.children import Child
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.progress import Board

MODULE = "keras_optim.compare.worker"
PATIENCE = 2
"""The times that a worker may die in one contest, or at its start."""
Contest = tuple[int, int]
"""The places of a workload and of an optimizer."""


class Workers:
    """Processes that hold the contests of an order.

    Args:
        order: The request of the command.
        env: Environment of the processes.
        logs: The folder for all that they print.
        force: Whether finished runs are trained again.

    Example: `with Workers(...) as workers: facts = workers.facts()`
    """

    def __init__(self, order: Order, env: Mapping[str, str], logs: Path, force: bool = False):
        self.order, self.env, self.logs, self.force = order, env, logs, force
        self.events: queue.Queue[tuple[Child, Any]] = queue.Queue()
        self.children: dict[int, Child] = {}
        self.ready: set[Child] = set()
        self.deaths: Counter[Contest | None] = Counter()
        self.reasons: dict[Contest, str] = {}
        self.trained: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self.children.values():
            child.end()

    def facts(self) -> dict[str, Any]:
        """Start the first worker; return the facts that it finds.

        Raises:
            UsageError: the order cannot be met.
        """
        self._start(0, new=True)
        while True:
            number, event = self._next()
            if event is None:
                self._died(number, None)
            elif "answer" in event:
                self.ready.add(self.children[number])
                return dict(event["answer"])

    def probed(self, contest: Contest) -> dict[str, float]:
        """Return how long the parts of a run take; see `probing`."""
        self.children[0].send({"workload": contest[0], "optimizer": contest[1], "dry": True})
        while True:
            number, event = self._next()
            if event is None:
                raise UsageError(f"the probe: {self.children[number].reason()}")
            if "answer" in event:
                return dict(event["answer"])

    def held(
        self, contests: Sequence[Contest], jobs: int, board: Board
    ) -> Iterator[tuple[Contest, int, Verdict]]:
        """Hold contests, `jobs` at once; yield each with the number of its worker, as they end.

        Raises:
            UsageError: the order cannot be met any longer, for example because the disk is full.
        """
        waiting, busy = deque(contests), dict[int, Contest]()
        for number in range(min(jobs, len(contests))):
            if number not in self.children:
                self._start(number, new=True)
        self._give(waiting, busy)
        while waiting or busy:
            number, event = self._next()
            if event is None:
                contest = busy.pop(number, None)
                if contest is not None:
                    waiting.appendleft(contest)
                self._died(number, contest)
            elif "answer" not in event:
                self._note(board, number, event)
            elif self.children[number] not in self.ready:
                self.ready.add(self.children[number])
            else:
                yield busy.pop(number), number, _verdict(event["answer"])
            self._give(waiting, busy)

    def _give(self, waiting: "deque[Contest]", busy: dict[int, Contest]) -> None:
        """Give waiting contests to idle workers."""
        for number, child in self.children.items():
            if waiting and number not in busy and child in self.ready:
                contest = busy[number] = waiting.popleft()
                hopeless = self.deaths[contest] >= PATIENCE
                child.send(
                    {
                        "workload": contest[0],
                        "optimizer": contest[1],
                        "failure": self.reasons[contest] if hopeless else "",
                        "valid": sorted(self.trained) if self.force else [],
                    }
                )

    def _start(self, number: int, new: bool = False) -> None:
        log = self.logs / f"worker-{number + 1}.log"
        if new:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_bytes(b"")
        child = Child(MODULE, self.env, log, lambda event: self.events.put((child, event)))
        self.children[number] = child
        child.send({"order": self.order.json, "force": self.force})

    def _next(self) -> tuple[int, Any]:
        """Return the next event, and the number of its worker.

        Raises:
            UsageError: a worker reports that the order cannot be met.
        """
        while True:
            try:
                sender, event = self.events.get(timeout=1.0)  # so that Ctrl-C comes through
            except queue.Empty:
                continue
            for number, child in self.children.items():
                if child is sender:
                    if event is not None and "error" in event:
                        raise UsageError(event["error"])
                    return number, event

    def _died(self, number: int, contest: Contest | None) -> None:
        """Replace a worker; note in which contest it died, or that it died before any."""
        child = self.children[number]
        reason = child.reason()
        child.end()
        self.ready.discard(child)
        self.deaths[contest] += 1
        if contest is not None:
            self.reasons[contest] = f"{reason} ({PATIENCE} times)"
        if self.deaths[contest] > PATIENCE or (contest is None and self.deaths[None] == PATIENCE):
            raise UsageError(f"a worker {reason.removeprefix('its process ')} (see {child.log})")
        self._start(number)

    def _note(self, board: Board, number: int, event: dict[str, Any]) -> None:
        """Pass on the progress of a worker."""
        watcher = board.watcher(number)
        if "began" in event:
            watcher.began(*event["began"])
        elif "moved" in event:
            watcher.moved(*event["moved"])
        elif "ended" in event:
            if not event["known"]:
                self.trained.add(event["ended"])
            elif event["ended"] not in self.trained:  # else before its worker died
                board.lines.count(tuple(event["contest"]), event["ended"])


def _verdict(answer: dict[str, Any]) -> Verdict:
    return Verdict(answer["chosen"], tuple(map(store.decoded, answer["runs"])))
