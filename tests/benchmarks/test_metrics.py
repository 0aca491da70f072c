"""A workload with a metric of its own, from the command line to tables and figures."""

import csv
import json
import sys
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

from benchmarks import bench
from benchmarks.comparison import probe
from benchmarks.measures import LOSS, Metric, measures
from benchmarks.report import axes_style, tables
from benchmarks.report.plots import plots
from benchmarks.results.runs import open_run
from benchmarks.training import training
from benchmarks.workloads import datasets, models, prepare_data
from benchmarks.workloads.models import ACCURACY, WORKLOADS, Workload
from keras_optim.compare import checks
from keras_optim.compare.process import children as processes
from tests.conftest import BACKEND, one_backend

pytestmark = one_backend

ERROR = Metric("mae", "mean absolute error", "logarithmic", higher=False, form=".3f")
OPTIMIZERS = ["sgd[learning_rate=0.0001]", "sgd[learning_rate=0.2]", "sgd[learning_rate=1e+20]"]


def line():
    import keras

    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])


def distance():
    import keras

    return {"loss": "mse", "metrics": [keras.metrics.MeanAbsoluteError(name=ERROR.name)]}


@pytest.fixture
def compared(tmp_path, monkeypatch, capsys):
    """Call the command line on digits and on a regression that only this test knows."""
    row = Workload("heights", "heights", 32, 3, line, distance, ERROR)
    monkeypatch.setitem(WORKLOADS, "heights", row)
    monkeypatch.setitem(datasets.DATASETS, "heights", datasets.Dataset("heights", None))
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # as training does, for this test
    edition = datasets.edition_at_hand(datasets.DATASETS["heights"], None, tmp_path)
    x = np.random.RandomState(0).rand(edition.train + edition.test, 3)
    y = prepare_data.labels(x @ [1.0, -2.0, 3.0] + 0.5)
    parts = {"train": slice(edition.train), "test": slice(edition.train, None)}
    arrays = {f"{part}_x": (255 * x[rows]).astype("uint8") for part, rows in parts.items()}
    arrays |= {f"{part}_y": y[rows] for part, rows in parts.items()}
    datasets.cache(tmp_path).mkdir()
    np.savez(datasets.cache(tmp_path) / edition.file_name, scale=255.0, **arrays)

    def ask(module, request, _):
        if module.endswith("prepare_data"):
            return prepare_data.load(request)
        answer = probe.probe(probe.ProbeRequest(**request))
        return json.loads(json.dumps(answer, default=vars))

    monkeypatch.setattr(processes, "ask", ask)
    monkeypatch.setattr(processes, "train", lambda folder, *_: training.main(str(folder)))
    flags = ["--backend", BACKEND, "--graph-directory", str(tmp_path), "--num-epochs", "3"]
    assert bench.main([*flags, "--digits", "--heights", "--optimizers", *OPTIMIZERS]) == 0
    return tmp_path, capsys.readouterr().out


def test_a_metric_of_which_less_is_better(compared):
    folder, out = compared
    runs = [open_run(path.parent) for path in folder.glob("runs/*/spec.json")]
    runs = {run.spec["optimizer"]: run for run in runs if run.spec["workload"] == "heights"}
    assert [runs[name].state for name in OPTIMIZERS] == ["done", "done", "diverged"]
    for run in runs.values():
        assert run.finished
        keys = {"epoch", "loss", "mae", "val_loss", "val_mae", "learning_rate"}
        assert set(run.metrics[0]) == keys
        assert set(run.metrics[1]) == keys | {"seconds", "step_loss", "grad_norm"}
    good = runs[OPTIMIZERS[1]]
    assert good.result["test_mae"] < 0.3 * good.metrics[0]["val_mae"]  # labels are no integers
    assert f"test mean absolute error {good.result['test_mae']:.3f}, loss 0." in out

    rows = list(csv.DictReader((folder / "tables" / "summary.csv").read_text().splitlines()))
    assert list(rows[0])[7:10] == ["test_accuracy", "test_mae", "test_loss"]
    rows = [row for row in rows if row["workload"] == "heights"]
    # The best, which is the lowest, comes first; a miss comes last.
    assert [row["optimizer"] for row in rows] == [OPTIMIZERS[i] for i in (1, 0, 2)]
    assert {row["test_accuracy"] for row in rows} == {""}
    digits, heights = (folder / "tables" / "summary.md").read_text().split("### heights")
    assert "| test accuracy | test loss |" in digits
    assert "| test mean absolute error | test loss |" in heights and "accuracy" not in heights

    pictures = {path.name for path in (folder / "plots").glob("*_heights.png")}
    assert {"loss_heights.png", "mae_heights.png", "grad_norm_heights.png"} < pictures
    assert "accuracy_digits.png" in {path.name for path in (folder / "plots").iterdir()}
    assert len(pictures) == 3 + len(OPTIMIZERS)
    for name in pictures:
        pixels = matplotlib.image.imread(folder / "plots" / name)
        assert len(np.unique(pixels[..., :3] @ [1, 1e3, 1e6])) > 20


def test_the_command_trains_every_workload_by_the_metric_that_it_states():
    for workload in WORKLOADS.values():
        (metric,) = workload.objective()["metrics"]
        assert metric.name == workload.metric.name
    assert models.ACCURACY.name == "accuracy"  # results and documents have it


@pytest.mark.parametrize(
    ("metric", "values", "ranked"),
    [(ACCURACY, [0.5, None, 0.9, 0.0], [0.9, 0.5, 0.0, None]), (LOSS, [2, None, 1], [1, 2, None])],
)
def test_the_best_comes_first(metric, values, ranked):
    assert sorted(values, key=metric.rank) == ranked


def test_what_a_file_may_hold_of_a_metric():
    assert [ACCURACY.check(v) for v in (0, 1, 0.5, None, 1.5)] == [True] * 3 + [False] * 2
    assert [ERROR.check(v) for v in (0, 7.5, None, "7")] == [True] * 3 + [False]
    assert ERROR.text(None) == "not finite" and ERROR.text(0.12345) == "0.123"


def test_a_new_measure_is_a_row(monkeypatch):
    """Checked, tabulated and drawn without another word about it."""
    from benchmarks import measures as module

    row = module.Measure("speed", "step", lambda epoch: [], "speed", axis="linear")
    monkeypatch.setattr(module, "_GRADIENT_NORM", row)
    once = module.Measure(
        "peak", "run", lambda ending: 1.0, "peak memory", ".1f", check=checks.text
    )
    monkeypatch.setattr(module, "_ONCE", (once,))
    names = [measure.name for measure in measures(ACCURACY)]
    assert "speed" in names and "peak" in names
    assert [plot.name for plot in plots(ACCURACY)] == ["loss", "accuracy", "speed"]
    assert tables.Column("peak", "peak memory", ".1f") in tables.columns(ACCURACY)


@pytest.mark.parametrize(
    ("axis", "inside", "name"),
    [
        ("linear", (-3.0, 5.0), "linear"),
        ("logarithmic", (0.1, 5.0), "log"),
        ("error", (0.1, 0.9), "function"),
    ],
)
def test_an_axis_fits_its_values(axis, inside, name):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    axes_style.scale(axes, axis, [*inside, np.nan])
    low, high = axes.get_ylim()
    assert low < inside[0] < inside[1] < high and axes.get_yscale() == name
    assert high - low < 2 * (inside[1] - inside[0])


def test_only_an_axis_that_is_infinite_at_one_stops_before_it():
    assert axes_style.drawable(1.0, "error") < 1
    assert axes_style.drawable(7.0, "linear") == axes_style.drawable(7.0, "logarithmic") == 7


def test_the_highest_value_to_show_is_that_of_the_worst_start():
    curves = [{"mae": np.array([start, 9e9])} for start in (2.0, 3.0)]
    by_name = {plot.name: plot for plot in plots(ERROR)}
    assert by_name["mae"].limit(curves, 10) == 30.0
    assert by_name["grad_norm"].limit(curves, 10) == np.inf
    (accuracy,) = (plot for plot in plots(ACCURACY) if plot.name == "accuracy")
    assert accuracy.limit(curves, 10) == np.inf


@pytest.mark.parametrize(("dtype", "read"), [("int64", "int32"), ("float64", "float32")])
def test_labels_are_classes_or_numbers(dtype, read, monkeypatch):
    stored = prepare_data.labels(np.array([1, 2, 3] * 20, dtype))
    arrays = {
        "scale": 0.0,
        "train_x": stored,
        "train_y": stored,
        "test_x": stored,
        "test_y": stored,
    }
    monkeypatch.setattr(datasets, "_arrays", lambda *_: arrays)
    edition = SimpleNamespace(train=60, held_out=6)
    assert datasets.read(edition, None).train.y.dtype == read
