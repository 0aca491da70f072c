"""`python -m benchmarks.evidence`: train, print the tables, and draw the curves.

It takes about half an hour on two cores, and resumes where it was stopped.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
# On small matrices, the threads of JAX's linear algebra wait for each other most of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from rich.console import Console
from rich.progress import Progress

from benchmarks.evidence import figure, page, table
from benchmarks.evidence.contenders import CONTENDERS
from benchmarks.evidence.protocol import JUDGING, OFFSETS, Journal, Judged, timed, trainings
from benchmarks.evidence.tasks import TASKS, Task, data
from benchmarks.evidence.training import Program, Result
from keras_optim.compare import json_files
from keras_optim.compare.process import endings
from keras_optim.compare.process.errors import UsageError

ROUNDS = 15


def parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    add = parser.add_argument
    add("--folder", type=Path, default=Path("results/evidence"), help="trainings, tables, figure")
    add("--data-dir", type=Path, help="the folder of tensorflow_datasets' data")
    add("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    add("--write", action="store_true", help="also into docs/evidence.md and the files beside it")
    return parser


def _judged(task: Task, options: Any, journal: Journal, progress: Progress) -> dict[str, Any]:
    """Make the missing trainings of a task, time all optimizers, and return their numbers."""
    parts = data(task, options.folder, options.data_dir)
    programs = {name: Program(task, one, *parts) for name, one in CONTENDERS.items()}
    judged: list[Judged] = []
    bar = progress.add_task(task.name, total=len(CONTENDERS) * (len(OFFSETS) + len(JUDGING)))
    for name, contender in CONTENDERS.items():

        def result_at(seed: int, rate: float, name: str = name) -> Result:
            key = (task.name, name, seed, rate)
            if key not in journal.known:
                journal.add(*key, programs[name].trained(seed, rate))
            return journal.known[key]

        progress.update(bar, description=f"{task.name}: {name}")
        for outcome in trainings(contender, result_at):
            if outcome is None:
                progress.advance(bar)
            else:
                judged.append(outcome)
    progress.update(bar, description=f"{task.name}: times of a step")
    times = timed(programs, ROUNDS)
    progress.remove_task(bar)
    return table.summary(judged, task.period, task.steps, times)


def compare(arguments: list[str] | None = None) -> None:
    """Make the missing trainings, print the tables, and draw the curves."""
    options = parser().parse_args(arguments)
    if os.environ["KERAS_BACKEND"] != "jax":
        raise UsageError("the trainings are compiled programs of JAX: set KERAS_BACKEND=jax")
    options.folder.mkdir(parents=True, exist_ok=True)
    console = Console(width=200 if not Console().is_terminal else None)
    journal = Journal(options.folder / "trainings.jsonl")
    found = {}
    for name in options.tasks:
        with Progress(console=console, transient=True) as progress:
            found[name] = _judged(TASKS[name], options, journal, progress)
        title = f"{TASKS[name].title}; AdamW's loss: {found[name]['target']:.4f}"
        console.print(f"\n{title}\n\n{table.markdown(found[name])}", soft_wrap=True)
    numbers, drawn = options.folder / "evidence.json", options.folder / "evidence.png"
    if options.write:
        numbers, drawn = page.NUMBERS, page.FIGURE
        known = json_files.read_json(numbers)
        found = {name: found.get(name) or known[name] for name in TASKS}
    json_files.write_json(numbers, found)
    found = json_files.read_json(numbers)  # rounded: page and figure show the numbers of the file
    if options.write:
        text = page.PAGE.read_text(encoding="utf-8")
        page.PAGE.write_text(page.written(text, found), encoding="utf-8")
    figure.draw(found, {n: TASKS[n].title for n in found}, drawn)
    console.print(f"\nnumbers and figure: {numbers}, {drawn}", soft_wrap=True)


def main() -> int:
    """Compare; return the exit status."""
    return endings.ended("evidence", compare, "interrupted; the same command resumes.")


if __name__ == "__main__":
    endings.program("evidence", main)
