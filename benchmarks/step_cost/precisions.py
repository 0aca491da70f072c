"""A step in several precisions of weights and state: `python -m benchmarks.step_cost.precisions`.

On PyTorch, 10 M weights in ten tensors. All take turns in one process; a ratio is the median of the
time divided by that of float32, round by round.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "float32": ("float32", {}),
    "float32, state bfloat16": ("float32", {"state_dtype": "bfloat16"}),
    "bfloat16": ("bfloat16", {}),
    "bfloat16, stochastic": ("bfloat16", {"weight_rounding": "stochastic"}),
    "bfloat16, kahan": ("bfloat16", {"weight_rounding": "kahan"}),
    "bfloat16, stochastic, state bfloat16": (
        "bfloat16",
        {"weight_rounding": "stochastic", "state_dtype": "bfloat16"},
    ),
    "float16": ("float16", {}),
}
ALGORITHMS: dict[str, dict[str, Any]] = {"adam": {}, "sgd": {"momentum": 0.9}, "lion": {}}
TENSORS, SIZE = 10, 1_000_000


def _stepping(name: str, dtype: str, options: dict[str, Any]) -> Callable[[], None]:
    """Make the first step, which compiles the kernel, and return a function that makes another."""
    import keras
    import numpy as np
    import torch

    import keras_optim

    optimizer = keras_optim.get(name, learning_rate=1e-3, **ALGORITHMS[name], **options)
    xs = [keras.Variable(np.ones(SIZE), dtype=dtype) for _ in range(TENSORS)]
    gs = [(torch.randn(SIZE) * 1e-3).to(getattr(torch, dtype)) for _ in xs]
    optimizer.apply(gs, xs)
    return lambda: optimizer.apply(gs, xs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    os.environ.update(KERAS_BACKEND="torch", KERAS_OPTIM_TORCH="native")
    import torch

    torch.set_num_threads(given.threads)
    for name in ALGORITHMS:
        steps = {row: _stepping(name, *kind) for row, kind in ROWS.items()}
        times: dict[str, list[float]] = {row: [] for row in steps}
        for _ in range(given.rounds):
            for row, step in steps.items():
                start = time.perf_counter()
                step()
                times[row].append(time.perf_counter() - start)
        for row, found in times.items():
            ratio = statistics.median(a / b for a, b in zip(found, times["float32"], strict=True))
            print(f"{name:5} {row:38} {1e3 * statistics.median(found):6.2f} ms  {ratio:.2f}")


if __name__ == "__main__":
    main()
