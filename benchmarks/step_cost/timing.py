"""Times of functions that take turns, so that a busy machine is busy for all of them."""

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.step_cost.device import wait
from keras_optim.compare.process.children import last_line
from keras_optim.compare.process.errors import UsageError

TARGET = 0.02
"""The seconds of one turn, unless a single step takes longer."""


def take_turns(
    steps: Mapping[str, Callable[[], Any]], rounds: int, period: int = 1
) -> dict[str, np.ndarray]:
    """Measure seconds per step of each function in each round: A B C, A B C, ...

    A turn has a multiple of `period` steps, so that work done once in a period is in each turn.
    """
    repeats = {}
    for name, step in steps.items():
        for _ in range(2):
            step()
        turns = max(1, round(TARGET / max(_seconds(step, 1), 1e-7)))
        repeats[name] = period * -(-turns // period)
    times: dict[str, list[float]] = {name: [] for name in steps}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, step in steps.items():
                times[name].append(_seconds(step, repeats[name]))
    finally:
        gc.enable()
    return {name: np.array(values) for name, values in times.items()}


def _seconds(step: Callable[[], Any], repeats: int) -> float:
    start = perf_counter()
    for _ in range(repeats):
        step()
    wait()
    return (perf_counter() - start) / repeats


_FIRST = """
import sys, time
from benchmarks.step_cost import contenders, shapes
from benchmarks.step_cost.device import wait
name, contender, workload = sys.argv[1:]
kind = shapes.WORKLOADS[workload]
step = contenders.of(name)[contender](shapes.values(kind), shapes.values(kind, 1))
start = time.perf_counter()
step()
wait()
first = time.perf_counter() - start
def status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) * 1024
step()
try:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    for _ in range(3):
        step()
    extra = status("VmHWM") - before
except OSError:
    extra = float("nan")
print("measured", first, extra)
"""


def first_step(name: str, contender: str, workload: str) -> dict[str, float]:
    """Measure the first step of a new process, with an empty cache and with a full one.

    Measure also the bytes of temporaries in later steps.
    """
    with tempfile.TemporaryDirectory() as cache:
        folders = ("XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR")
        environment = {**os.environ, **dict.fromkeys(folders, cache)}
        runs = [_new_process([name, contender, workload], environment) for _ in range(2)]
    (cold, _), (cached, extra) = runs
    return {"first_cold": cold, "first_cached": cached, "extra_bytes": extra}


def _new_process(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    command = [sys.executable, "-c", _FIRST, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"{arguments}: {last_line(done.stderr)}")
    line = next(line for line in done.stdout.splitlines() if line.startswith("measured"))
    first, extra = line.split()[1:]
    return float(first), float(extra)
