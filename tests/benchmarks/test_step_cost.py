"""The benchmark of one step: it runs, compares with ours, and writes what it says. No times."""

import csv
import math

import numpy as np
import pytest

from benchmarks.step_cost import __main__, contenders, precisions, report, shapes, timing
from benchmarks.step_cost.other_libraries import COMPILED
from tests.conftest import BACKEND, one_backend

EXPECTED = {
    "jax": {"keras_optim", "Keras", "plain subclass", "optax", "optax, not donated"},
    "tensorflow": {"keras_optim", "Keras", "plain subclass"},
    "torch": {
        "keras_optim", "keras_optim, eager", "Keras", "plain subclass", "torch.optim loop",
        "torch.optim foreach", "torch.optim fused", "torch.optim compiled",
    },
}  # fmt: skip


def test_the_workloads_are_what_the_page_says():
    counts = [(len(s), round(shapes.size(s) / 1e6, 2)) for s in shapes.WORKLOADS.values()]
    assert counts == [(4, 0.09), (61, 0.27), (150, 9.83), (54, 7.08), (20, 20.0)]


def test_every_contender_makes_the_same_kind_of_step():
    """Adam's first step is the rate, whoever makes it."""
    starts = [np.ones((3, 2), "float32")]
    gradients = [np.full((3, 2), 0.5, "float32")]
    chosen = contenders.of("adam")
    assert set(chosen) == EXPECTED[BACKEND]
    for name, build in chosen.items():
        if name != COMPILED:  # takes a compiler, and its time
            build(starts, gradients)()


def test_wrappers_have_contenders_too():
    chosen = contenders.of("lookahead(adam)")
    assert contenders.PLAIN in chosen
    for name, build in chosen.items():
        if name != COMPILED:
            build([np.ones((3, 2), "float32")], [np.full((3, 2), 0.5, "float32")])()


def test_muon_has_contenders_for_matrices_and_others():
    chosen = contenders.of("muon")
    others = {"torch": {"torch.optim", "keras_optim, eager", "keras_optim, bfloat16"}}
    assert chosen.keys() >= {report.OURS, "Keras", *others.get(BACKEND, ())}
    shapes = [(4, 3), (3,)]
    for build in chosen.values():
        build([np.ones(s, "float32") for s in shapes], [np.ones(s, "float32") for s in shapes])()


@one_backend
def test_a_turn_has_whole_periods(monkeypatch):
    """So that the roots of every third step are in each turn."""
    monkeypatch.setattr(timing, "TARGET", 1e-9)
    calls = []
    timing.take_turns({"one": lambda: calls.append(1)}, rounds=4, period=3)
    assert len(calls) == 3 + 4 * 3


@one_backend
def test_it_measures_and_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "TARGET", 1e-4)
    flags = [
        "--optimizers",
        "sgd",
        "--workloads",
        "mlp",
        "--rounds",
        "2",
        "--threads",
        "1",
        "--fit",
    ]
    assert __main__.main([*flags, "--folder", str(tmp_path)]) == 0
    with (tmp_path / f"step_cost_{BACKEND}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["contender"] for row in rows} == set(contenders.of("sgd")) - {COMPILED}
    assert [float(row["ratio"]) for row in rows if row["contender"] == report.OURS] == [1.0] * 3
    assert all(float(row["milliseconds"]) > 0 for row in rows)
    fits = [row for row in rows if row["workload"].startswith("fit")]
    assert {row["contender"] for row in fits} == set(contenders.keras_optimizers("sgd"))
    assert all(float(row["share"]) > 0 for row in fits)
    assert all(float(row["of_floor"]) > 0 for row in rows if row not in fits)
    page = (tmp_path / f"step_cost_{BACKEND}.md").read_text(encoding="utf-8")
    assert all(f"| {row['workload']} | {row['contender']} |" in page for row in rows)
    assert (tmp_path / f"step_cost_{BACKEND}.png").stat().st_size > 1000


def test_the_summary_has_workloads_side_by_side():
    def row(contender, workload, milliseconds, ratio):
        return {
            "optimizer": "adam", "threads": 2, "contender": contender, "workload": workload,
            "milliseconds": milliseconds, "ratio": ratio,
        }  # fmt: skip

    rows = [row("keras_optim", "a", 2.0, 1.0), row("Keras", "a", 8.0, 0.25)]
    rows += [row("keras_optim", "b", 0.5, 1.0)]
    rows[0] |= {"of_floor": 1.5, "share": None}
    assert report.summary(rows).splitlines() == [
        "| 2 threads | a | b |",
        "|---|---|---|",
        "| **adam** | **2 ms** | **0.5 ms** |",
        "| / Keras | 0.25 | - |",
        "| / floor | 1.5 | - |",
    ]


def test_functions_take_turns():
    calls = []
    steps = {name: lambda name=name: calls.append(name) for name in "ab"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "TARGET", 0.0)
        times = timing.take_turns(steps, rounds=3)
    assert "".join(calls).endswith("ababab")
    assert all(len(values) == 3 and math.isfinite(values.sum()) for values in times.values())


@one_backend
def test_precisions_of_one_step_are_compared(monkeypatch, capsys):
    monkeypatch.setattr(precisions, "SIZE", 100)
    monkeypatch.setenv("KERAS_OPTIM_TORCH", "auto")
    monkeypatch.setattr("sys.argv", ["precisions", "--rounds", "2"])
    precisions.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(precisions.ROWS) * len(precisions.ALGORITHMS)
    assert all(line.endswith("1.00") for line in lines if " float32  " in line)
