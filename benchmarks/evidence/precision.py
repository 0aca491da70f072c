"""`python -m benchmarks.evidence.precision`: memory of AdamW in half precision, and its losses.

The rate is that at which `python -m benchmarks.evidence` found AdamW in float32 to be best. The
seeds are those that judge there. It takes two minutes.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
from rich.console import Console

import keras_optim
from benchmarks.evidence.contenders import BASELINE, Contender
from benchmarks.evidence.page import NUMBERS
from benchmarks.evidence.protocol import JUDGING
from benchmarks.evidence.tasks import TASKS, data
from benchmarks.evidence.training import Program
from keras_optim.compare import json_files
from keras_optim.compare.process import endings

ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "float32": ("float32", {}),
    'float32, `state_dtype="bfloat16"`': ("float32", {"state_dtype": "bfloat16"}),
    "bfloat16": ("bfloat16", {}),
    'bfloat16, `weight_rounding="stochastic"`': ("bfloat16", {"weight_rounding": "stochastic"}),
    'bfloat16, `weight_rounding="kahan"`': ("bfloat16", {"weight_rounding": "kahan"}),
    'bfloat16, `weight_rounding="stochastic", state_dtype="bfloat16"`': (
        "bfloat16",
        {"weight_rounding": "stochastic", "state_dtype": "bfloat16"},
    ),
    'bfloat16, `weight_rounding="kahan", state_dtype="bfloat16"`': (
        "bfloat16",
        {"weight_rounding": "kahan", "state_dtype": "bfloat16"},
    ),
}
"""The policy of the model and the options of AdamW."""


def compare() -> None:
    """Train, and print the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence.precision")
    parser.add_argument("--folder", type=Path, default=Path("results/evidence"), help="data")
    parser.add_argument("--data-dir", type=Path, help="the folder of tensorflow_datasets' data")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    found, names = json_files.read_json(NUMBERS), ("mnist", "imdb")
    cells: dict[str, list[str]] = {label: [] for label in ROWS}
    for name in names:
        task, parts = TASKS[name], data(TASKS[name], options.folder, options.data_dir)
        rows = {row["optimizer"]: row for row in found[name]["rows"]}
        rate = rows[BASELINE]["rate"]
        for label, (policy, chosen) in ROWS.items():

            def make(_: int, chosen: dict[str, Any] = chosen) -> Any:
                return keras_optim.AdamW(weight_decay=None, **chosen)

            program = Program(task, Contender(label, rate, make, policy=policy), *parts)
            bests = [program.trained(seed, rate).best for seed in JUDGING]
            if not cells[label]:
                cells[label] = [f"{program.bytes_per_weight:.0f}"]
            cells[label].append(f"{np.mean(bests):.4f} ± {np.std(bests, ddof=1):.4f}")
    lines = [["weights and options", "bytes", *(f"loss on {name}" for name in names)]]
    lines += [["---"] * len(lines[0]), *([label, *row] for label, row in cells.items())]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    Console(width=200).print(text, soft_wrap=True)


def main() -> int:
    """Compare; return the exit status."""
    return endings.ended("evidence.precision", compare)


if __name__ == "__main__":
    endings.program("evidence.precision", main)
