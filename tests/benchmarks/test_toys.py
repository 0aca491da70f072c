"""Paths on toy functions: exact values, paths in NumPy, the rule of the rate, files, drawings."""

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from benchmarks import bench
from benchmarks.toys import contenders, drawing, page, paths, thinning, tuning, walking
from benchmarks.toys.forms import coordinates, form_of, shaped
from benchmarks.toys.functions import ANGLE, FUNCTIONS, named
from keras_optim import catalog
from keras_optim.compare.process.errors import UsageError
from keras_optim.compare.report.palette import COLORS
from tests.conftest import BACKEND, one_backend

on_jax = pytest.mark.skipif(
    BACKEND != "jax", reason="the paths are computed on JAX alone, as one compiled loop"
)
DOCS = Path(__file__).parents[2] / "docs"


def value(name, x, y):
    found = FUNCTIONS[name].value(*(keras.ops.convert_to_tensor(v, "float32") for v in (x, y)))
    return float(keras.ops.convert_to_numpy(found))


def contender(spec):
    [one] = contenders.wanted([spec])
    return one


# ---- functions


def test_exact_values():
    assert value("rosenbrock", -2, 2) == 409
    assert value("rastrigin", -2, 3.5) == pytest.approx(36.25, rel=1e-6)
    assert value("beale", 1, 1) == 14.203125
    assert value("saddle", 0, 0) == 0.25
    for condition in (1e2, 1e4):
        name = f"quadratic-1e{np.log10(condition):.0f}"
        along, across = (np.cos(ANGLE), np.sin(ANGLE)), (-np.sin(ANGLE), np.cos(ANGLE))
        assert value(name, *along) == pytest.approx(0.5, rel=1e-4)
        assert value(name, *across) == pytest.approx(condition / 2, rel=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_minima_are_the_lowest_points(name):
    function = FUNCTIONS[name]
    for x, y in function.minima:
        assert value(name, x, y) == pytest.approx(0, abs=1e-5)
        for dx, dy in ((0.02, 0), (0, 0.02), (-0.02, 0), (0, -0.02)):
            assert value(name, x + dx, y + dy) > 1e-6
    inside = np.array([function.start, *function.minima])
    assert (inside > function.low).all() and (inside < function.high).all()
    across = np.random.default_rng(0).uniform(function.low, function.high, (200, 2))
    assert min(value(name, x, y) for x, y in across) > 0


def test_the_saddle_has_no_slope_there():
    h = 1e-2
    assert value("saddle", h, 0) > value("saddle", 0, 0) > value("saddle", 0, h)
    assert value("saddle", 0, h) == pytest.approx(value("saddle", 0, -h))


def test_unknown_names():
    with pytest.raises(UsageError, match="no toy function is called 'rosen'"):
        named(["rosen"])
    assert [f.name for f in named(["beale", "beale"])] == ["beale"]


# ---- forms


@pytest.mark.parametrize("form", ["vector", "column", "diagonal"])
def test_forms_hold_the_point(form):
    assert coordinates(shaped((3.0, 4.0), form), form) == (3.0, 4.0)


def test_each_optimizer_gets_the_form_of_its_rule():
    forms = {row.name: form_of(row.algorithm()) for row in catalog.ALGORITHMS}
    assert {n for n, f in forms.items() if f == "diagonal"} == {
        "muon", "normuon", "adamuon", "scion",
    }  # fmt: skip
    matrix = {row.name for row in catalog.ALGORITHMS if row.family == "matrix"}
    assert all(forms[name] != "vector" for name in matrix)
    assert forms["adam"] == "vector"
    assert form_of(contender("lookahead[inner=muon]").make()) == "diagonal"


def test_every_optimizer_of_the_catalogue_is_drawn_or_has_a_reason():
    assert set(catalog.names()) - set(contenders.every()) == set(contenders.WITHOUT)
    assert set(contenders.FEATURED) <= set(contenders.every())
    assert len(contenders.FEATURED) <= drawing.MOST


# ---- paths


@on_jax
def test_paths_are_those_of_the_formulas():
    """Of SGD, momentum and Adam, in NumPy and double precision."""
    function = FUNCTIONS["rosenbrock"]

    def gradient(x):
        a, b = x
        return np.array([2 * (a - 1) - 400 * a * (b - a * a), 200 * (b - a * a)])

    def path(step, rate, steps=30):
        x, state = np.array(function.start), [np.zeros(2), np.zeros(2)]
        found = [x]
        for t in range(1, steps + 1):
            change = step(gradient(x), state, t)
            x = x - rate * change
            found.append(x)
        return np.array(found)

    def momentum(g, state, t):
        state[0] = 0.9 * state[0] + g
        return state[0]

    def adam(g, state, t):
        state[0] = 0.9 * state[0] + 0.1 * g
        state[1] = 0.999 * state[1] + 0.001 * g * g
        return state[0] / (1 - 0.9**t) / (np.sqrt(state[1] / (1 - 0.999**t)) + 1e-8)

    short = [replace(FUNCTIONS["beale"], steps=10), replace(function, steps=30)]
    for spec, step in (
        ("sgd", lambda g, *_: g),
        ("sgd[momentum=0.9]", momentum),
        ("adam", adam),
    ):
        rates = [1e-4, 3e-4] if "sgd" in spec else [0.01, 0.1]
        _, found = walking.walks(contender(spec), short, rates)
        for rate, walk in zip(rates, found, strict=True):
            assert walk.rate == rate and walk.points.shape == (31, 2)
            np.testing.assert_allclose(walk.points, path(step, rate), rtol=2e-4, atol=2e-5)
            assert walk.values[0] == 409


@on_jax
def test_averages_second_passes_and_matrices_take_part():
    function = replace(FUNCTIONS["quadratic-1e2"], steps=12)

    def walk(spec, rate):
        one = contender(spec)
        [[found]] = walking.walks(one, [function], [rate], tuning.fixed(one))
        return found.points

    adam = walk("adam", 0.1)
    assert np.abs(walk("sam[inner=adam]", 0.1) - adam)[1:].max() > 1e-3
    assert np.abs(walk("muon", 0.1) - adam).max() > 1e-3
    assert np.abs(walk("momo", 1.0)[1] - function.start).max() > 1e-3
    average = walk("swa[inner=sgd,start_step=1]", 0.005)
    plain = walk("sgd", 0.005)
    np.testing.assert_allclose(average[-1], plain[1:].mean(0), atol=1e-5)


@pytest.mark.skipif(BACKEND == "jax", reason="it is an error on the other backends alone")
def test_other_backends_get_a_sentence():
    with pytest.raises(UsageError, match="JAX alone"):
        walking.walks(contender("sgd"), named(["beale"]), [0.1])


# ---- the rule of the rate


def walk(values, rate=1.0):
    return walking.Walk(rate, np.zeros((len(values), 2)), np.array(values, "float64"))


def test_the_lowest_late_values_win_and_divergence_is_a_miss():
    count = len(tuning.HALF_DECADES)
    poor = [walk([1.0, 0.5, 0.5, 0.5], k) for k in range(count)]
    poor[3] = walk([1.0, 0.9, 1e-4, 1e-4], 3)
    poor[4] = walk([1.0, 1e-9, np.nan, 1e-9], 4)
    poor[5] = walk([1.0, 1e-9, 1e-9, 11.0], 5)
    found = tuning.chosen(poor, free=False)
    assert found.walk.rate == 3 and found.misses == 2 and found.solved == 2
    assert found.half_decades == tuning.HALF_DECADES[3] and not found.at_edge
    equal = tuning.chosen([walk([1.0, 0.5])] * count, free=False)
    assert equal.half_decades == 0 and equal.solved is None
    sooner = [
        walk([1.0, 1e-9, 1e-9], k) if k == 2 else walk([1.0, 0.1, 1e-10]) for k in range(count)
    ]
    assert tuning.chosen(sooner, free=False).solved == 1
    late = [walk([1.0] * 39 + [1e-6])] * count  # for its last step alone
    assert tuning.chosen(late, free=False).solved is None
    rests = [walk([1.0] * 20 + [1e-6, 0.5] * 10)] * (count - 1) + [walk([1.0] * 20 + [0.1] * 20, 9)]
    assert tuning.chosen(rests, free=False).walk.rate == 9  # it does not circle
    lost = tuning.chosen([walk([1.0, np.inf])] * count, free=False)
    assert lost.diverged and lost.misses == count


def test_all_are_tuned_alike_but_those_without_a_rate():
    for spec in ("sgd", "adam", "momoadam", "lookahead[inner=adam]"):
        one = contender(spec)
        multiples = np.array(tuning.rates(one)) / one.rate
        np.testing.assert_allclose(multiples, 10 ** (np.arange(-8, 9) / 2))
    for spec in ("prodigy", "momo", "mechanic[inner=adam]"):
        assert tuning.rates(contender(spec)) == [contender(spec).rate]


def test_default_decay_is_off_and_a_given_one_stays():
    assert tuning.fixed(contender("adamw")) == {"weight_decay": 0.0}
    assert tuning.fixed(contender("adamw[weight_decay=0.2]")) == {}
    assert tuning.fixed(contender("lookahead[inner=muon]")) == {
        "inner.weight_decay": 0.0,
        "inner.output_layer": None,
    }


# ---- files


def test_a_thinned_path_stays_near_at_each_step():
    t = np.arange(400)
    points = np.stack([np.cos(t / 9) * np.exp(-t / 90), np.sin(t / 9) * np.exp(-t / 90)], 1)
    kept = thinning.thinned(points, 0.01, 400)
    for axis in (0, 1):
        line = np.interp(t, kept, points[kept, axis])
        assert np.abs(line - points[:, axis]).max() <= 0.01
    assert len(kept) < 150 and len(thinning.thinned(points, 1e-9, 25)) == 25


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    if BACKEND != "jax":
        pytest.skip("the paths are computed on JAX alone, as one compiled loop")
    folder = tmp_path_factory.mktemp("toys")
    arguments = ["toys", "--graph-directory", str(folder), "--optimizers", "adam", "sgd"]
    assert bench.main([*arguments, "--functions", "saddle"]) == 0
    return folder, [*arguments, "--functions", "saddle"]


def test_a_second_call_reuses_the_paths(results, capsys):
    folder, arguments = results
    before = {p: p.read_bytes() for p in folder.rglob("*.*") if p.is_file()}
    assert bench.main(arguments) == 0
    assert capsys.readouterr().out.count("known") == 2
    assert {p: p.read_bytes() for p in folder.rglob("*.*") if p.is_file()} == before


def test_a_file_of_another_function_or_code_does_not_count(results, monkeypatch):
    folder, _ = results
    found, codes = paths.read(folder / "paths.json")
    assert set(found["saddle"]) == set(codes) == {"adam", "sgd"}
    monkeypatch.setitem(FUNCTIONS, "saddle", replace(FUNCTIONS["saddle"], start=(1.0, 1.0)))
    assert paths.read(folder / "paths.json")[0] == {}
    bad = folder / "bad.json"
    bad.write_text("[1]")
    with pytest.raises(UsageError, match="holds no paths"):
        paths.read(bad)


def test_usage_errors(capsys):
    assert bench.main(["toys", "--functions", "none"]) == 2
    assert bench.main(["toys", "--optimizers", "none-such"]) == 2
    assert bench.main(["toys", "--write", "--functions", "saddle"]) == 2
    assert capsys.readouterr().err.count("bench: ") == 3


# ---- drawings


def example(points=40):
    t = np.linspace(0, 1, points)
    function = FUNCTIONS["rosenbrock"]
    at = tuple(int(k) for k in np.linspace(0, function.steps, points))
    path = paths.Path(0.1, 2, 0, 1e-4, 77, "", at, tuple(3 * t - 2), tuple(2 - t))
    return function, path


@one_backend
def test_drawings_are_small_xml_and_the_same_each_time():
    function, path = example(200)
    for draw in (drawing.still, drawing.moving):
        text = draw(function, "sgd[momentum=0.9]", path)
        assert text == draw(function, "sgd[momentum=0.9]", path)
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg") and len(text) < 40_000
        assert "rate 0.1 (10 times its own); value 0.0001 after 500 steps" in text


@one_backend
def test_an_animation_keeps_time_and_can_be_still():
    function, path = example(11)
    for label in ("sgd", "lookahead[inner=adam]"):  # a solid line and a dashed one
        text = drawing.moving(function, label, path)
        times = [float(t) for t in re.findall(r'keyTimes="([^"]*)" values', text)[0].split(";")]
        shares = [float(p) for p in re.findall(r'keyPoints="([^"]*)"', text)[0].split(";")]
        assert len(times) == len(shares) == 12
        assert times[0] == 0 and times[-1] == 1 and sorted(times) == times
        assert shares[0] == 0 and shares[-2:] == [1, 1]
        np.testing.assert_allclose(shares[:-1], np.arange(11) / 10, atol=2e-4)
        step_50 = 0.82 * np.sqrt(50 / 500)
        assert abs(times[1] - step_50) < 1e-4
        assert "prefers-reduced-motion:reduce" in text
        used = set(re.findall(r'(?:href="|url\()#([\w-]+)', text))
        assert used <= set(re.findall(r' id="([\w-]+)"', text)) and used


@one_backend
def test_a_panel_holds_at_most_ten():
    function, path = example()
    labels = catalog.names()[:11]
    with pytest.raises(ValueError, match="at most 10"):
        drawing.overview(function, dict.fromkeys(labels, path), labels)
    text = drawing.race(function, dict.fromkeys(labels, path), labels[:10])
    assert ElementTree.fromstring(text) is not None and text.count("<animateMotion") == 10
    assert drawing.gallery(function, dict.fromkeys(labels, path)).count("<use") == 11


@one_backend
def test_colours_of_a_panel_are_apart():
    function, path = example()
    labels = contenders.FEATURED
    most = min(len(labels), len(COLORS))
    assert len({drawing.style_of(label).color for label in labels}) < most  # alone, some are alike
    text = drawing.overview(function, dict.fromkeys(labels, path))
    lines = re.findall(r'<path class="p c(\d)"[^>]* d="M[\d.]+ [\d.]+h26"', text)
    assert len(lines) == len(labels) and len(set(lines)) == most


@one_backend
def test_a_path_that_diverged_is_told():
    function, path = example()
    text = drawing.still(function, "sgd", replace(path, value=None, solved=None))
    assert "diverged at each rate" in text


# ---- docs


@on_jax
@pytest.mark.parametrize("label", ["sgd", "adam", "soap"])
def test_the_paths_in_the_docs_are_computed_again(label):
    """Of three that settle: where one circles, such as Muon, rounding grows along its path."""
    found, _ = paths.read(DOCS / "paths.json")
    functions = named(["beale", "saddle", "quadratic-1e2"])
    for name, path in paths.computed(contender(label), functions).items():
        function, known = FUNCTIONS[name], found[name][label]
        assert (known.rate, known.half_decades) == (path.rate, path.half_decades)
        for axis, low, high in zip("xy", function.low, function.high, strict=True):
            mine = np.interp(known.at, path.at, getattr(path, axis))
            assert np.abs(mine - getattr(known, axis)).max() < 0.01 * (high - low)


@one_backend
def test_the_page_has_the_table_and_the_rule():
    found, _ = paths.read(DOCS / "paths.json")
    text = (DOCS / "toys.md").read_text()
    assert page.table(found) in text
    assert tuning.RULE.removeprefix("rate: ") in " ".join(text.split())
    for name, optimizers in contenders.WITHOUT.items():
        assert optimizers and name.replace("g", "-G").replace("sophia", "Sophia") in text


@one_backend
def test_the_docs_have_all_paths():
    file = DOCS / "paths.json"
    value = json.loads(file.read_text())
    assert file.stat().st_size < 500_000 and value["rule"] == tuning.RULE
    assert set(value["paths"]) == set(FUNCTIONS)
    for name, each in value["paths"].items():
        assert value["functions"][name]["fingerprint"] == paths.fingerprint(FUNCTIONS[name])
        assert set(each) == set(contenders.every())
