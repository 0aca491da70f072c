"""Tuning on one seed, judging on three others; every finished training is kept in a file."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.evidence.contenders import BASELINE, CONTENDERS, Contender
from benchmarks.evidence.training import Program, Result

TUNING, JUDGING = 0, (1, 2, 3)
"""Seeds."""
OFFSETS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""The grid, in decades around the middle."""
MOST = 3
"""The grid grows by so many half decades at most, if its best rate is at an edge."""


@dataclass
class Journal:
    """The trainings of a folder."""

    path: Path
    known: dict[tuple[str, str, int, float], Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the file; a torn last line is left out."""
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        for line in text.splitlines(keepends=True):
            if line.endswith("\n"):
                *key, losses, seconds = json.loads(line).values()
                self.known[tuple(key)] = Result(losses, seconds)
        if text and not text.endswith("\n"):
            self.path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")

    def add(self, task: str, name: str, seed: int, rate: float, result: Result) -> None:
        """Keep a training, at once."""
        self.known[task, name, seed, rate] = result
        line = {"task": task, "optimizer": name, "seed": seed, "rate": rate, **asdict(result)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@dataclass(frozen=True)
class Judged:
    """An optimizer on a task: its rate, and the trainings with other seeds."""

    name: str
    rate: float
    tried: int
    """The number of rates."""
    results: tuple[Result, ...]


def rate_at(contender: Contender, offset: float) -> float:
    """Return a rate of the grid."""
    return float(f"{contender.rate * 10**offset:.3g}")


def trainings(
    contender: Contender, result_at: Callable[[int, float], Result]
) -> Iterator[Judged | None]:
    """Make all trainings of a contender; yield `None` after each, and at last the outcome.

    Args:
        contender: A row of the table.
        result_at: Returns the result for a seed and a rate.
    """
    losses: dict[float, float] = {}
    waiting = list(OFFSETS) if contender.tuned else []
    while waiting:
        offset = waiting.pop(0)
        losses[offset] = result_at(TUNING, rate_at(contender, offset)).best
        yield None
        if not waiting and len(losses) < len(OFFSETS) + MOST:
            best = min(losses, key=lambda key: losses[key])
            if math.isfinite(losses[best]) and best in (min(losses), max(losses)):
                waiting = [best + (0.5 if best == max(losses) else -0.5)]
    best = min(losses, key=lambda key: losses[key]) if losses else 0.0
    rate, results = rate_at(contender, best), []
    for seed in JUDGING:
        results.append(result_at(seed, rate))
        yield None
    yield Judged(contender.name, rate, len(losses), tuple(results))


def timed(programs: dict[str, Program], rounds: int) -> dict[str, float]:
    """Return the time of a step as a multiple of the baseline's: medians over turns of them all."""
    chunks = {}
    for name, program in programs.items():
        program.begin(TUNING)
        chunks[name] = next(program.chunks(TUNING, CONTENDERS[name].rate))
        program.advance(*chunks[name])
    seconds = [
        {name: program.advance(*chunks[name]) for name, program in programs.items()}
        for _ in range(rounds)
    ]
    middle = rounds // 2
    return {name: sorted(s[name] / s[BASELINE] for s in seconds)[middle] for name in programs}
