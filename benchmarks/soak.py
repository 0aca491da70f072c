"""Soak test of a hundred thousand steps: `KERAS_BACKEND=torch python -m benchmarks.soak`.

Trains a small network with `fit` and notes, a thousand times, the time of a step and the memory of
the process. `--draw` draws the notes of all backends as one figure instead.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from keras_optim.compare.process import endings
from keras_optim.compare.process.errors import UsageError

FOLDER = Path(__file__).parent.parent / "docs" / "soak"


def resident() -> float:
    """Measure the memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def watch(steps: int) -> dict[str, list[float]]:
    """Train for that many steps with an accumulating, averaging, clipping, scheduled AdamW."""
    import keras
    import numpy as np

    import keras_optim

    keras.utils.set_random_seed(0)
    rate = keras_optim.schedules.CosineAnnealing(1e-3, decay_steps=steps)
    inner = keras_optim.AdamW(rate, weight_decay=0.01, global_clipnorm=1.0)
    optimizer = keras_optim.EMA(keras_optim.SkipNonFinite(inner))
    layers = [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((16,)), *layers])
    model.compile(optimizer, "mse")
    x = np.random.default_rng(0).normal(size=(steps // 1000 * 8, 16)).astype("float32")
    notes: dict[str, list[float]] = {"steps": [], "milliseconds": [], "mebibytes": []}

    class Note(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            seconds = time.perf_counter() - self.start
            notes["steps"].append((epoch + 1) * steps // 1000)
            notes["milliseconds"].append(1e6 * seconds / steps)
            notes["mebibytes"].append(resident())

    model.fit(x, x[:, :1], batch_size=8, epochs=1000, verbose=0, callbacks=[Note()])
    if int(keras.ops.convert_to_numpy(optimizer.iterations)) != steps:
        raise RuntimeError("a step was lost")
    return notes


def draw() -> Path:
    """Draw time and memory over the steps, a line for each backend."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    from matplotlib import pyplot

    paths = sorted(FOLDER.glob("*.json"))
    if not paths:
        raise UsageError(f"{FOLDER} has no notes to draw; watch a backend first, without --draw")
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for path in paths:
        notes = _notes(path)
        for panel, name in zip(panels, ("milliseconds", "mebibytes"), strict=True):
            means = np.reshape(notes[name], (100, -1))
            line = np.median(means, axis=1) if name == "milliseconds" else means[:, -1]
            panel.plot(notes["steps"][9::10], line, label=path.stem, linewidth=1.5)
    for panel, title in zip(
        panels, ("time of a step in ms (median of 10)", "memory of the process in MiB"), strict=True
    ):
        panel.set(title=title, xlabel="step", ylim=(0, None))
        panel.spines[["top", "right"]].set_visible(False)
    panels[1].legend(frameon=False)
    target = FOLDER.parent / "figures" / "soak.png"
    figure.savefig(target, dpi=150)
    return target


def _notes(path: Path) -> dict[str, list[float]]:
    """Read the notes of `watch`.

    Raises:
        UsageError: the file is damaged.
    """
    from keras_optim.compare import checks, json_files

    notes = json_files.read_json(path)
    thousand = checks.some(checks.number)
    names = ("steps", "milliseconds", "mebibytes")
    if not checks.fits(notes, dict.fromkeys(names, thousand)) or any(
        len(notes[name]) != 1000 for name in names
    ):
        raise UsageError(f"{path} is damaged: remove it, or watch this backend again")
    return dict(notes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch the backend, or draw; return the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return endings.ended("soak", lambda: _run(given))


def _run(arguments: list[str]) -> None:
    from keras_optim.compare.process import devices
    from keras_optim.compare.process.flags import Parser, whole

    parser = Parser(
        prog="python -m benchmarks.soak", description="Many steps with constant time and memory"
    )
    parser.add_argument("--steps", type=whole(1000), default=100_000, help="a multiple of 1000")
    parser.add_argument("--draw", action="store_true", help="draw the notes of all backends")
    options = parser.parse_args(arguments)
    if options.steps % 1000:
        raise UsageError(f"--steps: must be a multiple of 1000, not {options.steps}")
    if options.draw:
        print(draw())
        return
    devices.chosen(None)  # before the import of Keras, whose error would be a traceback
    resident()  # raise the error of a system without /proc now
    FOLDER.mkdir(exist_ok=True)
    if not os.access(FOLDER, os.W_OK):
        raise UsageError(f"{FOLDER} cannot be written to")
    _report(watch(options.steps))


def _report(notes: dict[str, list[float]]) -> None:
    """Write the notes, and print their medians."""
    import keras
    import numpy as np

    target = FOLDER / f"{keras.backend.backend()}.json"
    rounded = {name: [round(v, 4) for v in values] for name, values in notes.items()}
    target.write_text(json.dumps(rounded), encoding="utf-8")
    early, late = slice(100, 200), slice(900, 1000)
    for name in ("milliseconds", "mebibytes"):
        first, last = np.median(notes[name][early]), np.median(notes[name][late])
        print(f"{target.stem}: {name} {first:.3f} after a tenth, {last:.3f} at the end")


if __name__ == "__main__":
    endings.program("soak", main)
