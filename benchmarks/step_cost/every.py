"""`python -m benchmarks.step_cost.every`: a step of each optimizer beside one of Adam.

It measures the update alone, on the weights of a small transformer. Each optimizer takes turns with
Adam in one process, on one core, and processor time is counted. So a ratio holds on a machine that
others use as well. Wrappers go around Adam. Set `KERAS_BACKEND`; each backend adds its numbers to
`docs/cost.json`.
"""

import argparse
import gc
import inspect
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Any

if __name__ == "__main__" and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before a backend counts the cores

import keras
import numpy as np
from rich.console import Console

import keras_optim
from benchmarks.step_cost import device, shapes
from keras_optim import catalog
from keras_optim.catalog import Row
from keras_optim.compare import json_files
from keras_optim.compare.process import endings
from keras_optim.contract import layers

LAYER: shapes.Shapes = [*[(128, 128)] * 4, (128, 512), (512, 128), *[(128,)] * 9, (512,)]
SHAPES: shapes.Shapes = [(2000, 128), *LAYER * 3, *[(128,)] * 2, (128, 100), (100,)]
"""Weights of a transformer of three layers."""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "kron": {"dense_steps": 1},
    "shampoo": {"start_step": 1},
    "swa": {"start_step": 1},
}
"""Arguments with which the first steps are as costly as all later ones."""
TARGET = 0.05
"""The processor seconds of a turn, unless a period takes longer."""
FILE = Path(__file__).parents[2] / "docs" / "cost.json"


def measured_rows() -> list[Row]:
    """Return the rows that have a cost of their own: all but combinations."""
    return [*catalog.ALGORITHMS, *catalog.WRAPPERS]


def optimizer(row: Row) -> keras_optim.Optimizer:
    """Create the optimizer of a row with its defaults, a wrapper around Adam."""
    given = dict(ARGUMENTS.get(row.name, {}))
    signature = inspect.signature(row.algorithm).parameters
    for name, value in row.algorithm.trial_arguments.items():
        if signature[name].default is inspect.Parameter.empty or name == "var_names":
            given.setdefault(name, value)
    if "inner" in signature:
        given["inner"] = keras_optim.Adam()
    return row.algorithm(**given)


def stepping(built: keras_optim.Optimizer) -> Callable[[], Any]:
    """Return a function that makes a step, and returns when it is done."""
    xs = [keras.Variable(value) for value in shapes.values(SHAPES)]
    gs = [keras.ops.convert_to_tensor(value) for value in shapes.values(SHAPES, 1)]
    built.build(xs)
    backend = keras.backend.backend()
    if backend == "jax":
        return _jitted(built, xs, gs)
    if backend == "tensorflow":
        import tensorflow as tf

        step = tf.function(lambda: built.apply(gs, xs, **offered(built, gs)))
        return lambda: (step(), xs[-1].numpy())
    return lambda: built.apply(gs, xs, **offered(built, gs))


def offered(built: keras_optim.Optimizer, gs: Any) -> dict[str, Any]:
    """Return the second gradient and the loss for an optimizer that asks for them, at no cost."""
    found: dict[str, Any] = {}
    if any(rule.second != "none" for rule in layers(built)):
        found["second"] = lambda *_: gs
    if built.sees_loss:
        found["loss"] = keras.ops.convert_to_tensor(1.0)
    return found


def _jitted(built: Any, xs: Any, gs: Any) -> Callable[[], Any]:
    import jax

    def pure(trainable: Any, state: Any, gs: Any) -> Any:
        return built.stateless_apply(state, gs, trainable, **offered(built, gs))

    compiled = jax.jit(pure, donate_argnums=(0, 1))
    kept = [[x.value + 0 for x in xs], [v.value + 0 for v in built.variables]]

    def step() -> Any:
        kept[:] = compiled(*kept, gs)
        return jax.block_until_ready(kept)

    return step


def period(built: keras_optim.Optimizer) -> int:
    """Return the steps after which the work of an optimizer repeats itself."""
    return max(
        max(getattr(rule, "refresh_period", 1), getattr(rule, "second_period", 1))
        for rule in layers(built)
    )


def ratio(row: Row, rounds: int) -> tuple[float, float]:
    """Measure the time of a step, divided by that of Adam, and Adam's in milliseconds."""
    built = optimizer(row)
    steps = {"": stepping(keras_optim.Adam()), row.name: stepping(built)}
    times = turns(steps, rounds, period(built))
    return float(np.median(times[row.name] / times[""])), 1e3 * float(np.median(times[""]))


def turns(
    steps: Mapping[str, Callable[[], Any]], rounds: int, period: int
) -> dict[str, np.ndarray]:
    """Measure processor seconds per step of each function in each round: A B, A B, ..."""

    def seconds(step: Callable[[], Any], repeats: int) -> float:
        start = process_time()
        for _ in range(repeats):
            step()
        return (process_time() - start) / repeats

    repeats = {}
    for name, step in steps.items():
        seconds(step, 2)
        enough = TARGET / max(seconds(step, 1), 1e-6)
        repeats[name] = period * max(1, -(-round(enough) // period))
        seconds(step, period)
    times: dict[str, list[float]] = {name: [] for name in steps}
    gc.collect()
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(seconds(step, repeats[name]))
    return {name: np.array(values) for name, values in times.items()}


def measure(rows: Sequence[Row], rounds: int, file: Path) -> None:
    """Measure rows, print a line for each, and add them to a file."""
    console, backend = Console(), keras.backend.backend()
    device.threads(1)
    found = json_files.read_json(file) or {}
    entry = found.setdefault("backends", {}).setdefault(backend, {"ratios": {}})
    entry |= {
        "machine": f"one core of {platform.machine()}",
        "rounds": rounds,
        "version": _version(backend),
    }
    found["workload"] = {"tensors": len(SHAPES), "weights": shapes.size(SHAPES)}
    for row in rows:
        value, milliseconds = ratio(row, rounds)
        entry["ratios"][row.name] = round(value, 3)
        entry["adam_milliseconds"] = round(milliseconds, 3)
        console.print(f"{backend} {row.name}: {value:.2f} of Adam's {milliseconds:.3g} ms")
        json_files.write_json(file, found)


def _version(backend: str) -> str:
    from importlib.metadata import version

    return version(backend)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_cost.every")
    parser.add_argument("--optimizers", nargs="+", metavar="NAME", help="some of them")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--file", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    rows = [row for row in measured_rows() if row.name in (options.optimizers or [row.name])]
    return endings.ended("every", lambda: measure(rows, options.rounds, options.file))


if __name__ == "__main__":
    endings.program("every", main)
