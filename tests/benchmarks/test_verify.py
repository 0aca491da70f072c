"""Published figures beside ours: bands, verdicts, exit status, resuming, the page."""

import json
import math
from dataclasses import replace

import keras
import pytest

import keras_optim
from benchmarks import bench
from benchmarks.verify import (
    command,
    dense,
    inclusion,
    keeping,
    larger,
    mnist1d,
    models,
    page,
    registry,
    rows,
    tables,
)
from benchmarks.verify.checks import CannotRun, Check, Figure, Request, around, of_test_images
from benchmarks.verify.fitting import fitted
from benchmarks.verify.keeping import Kept
from tests.conftest import BACKEND, one_backend

CALLS = []


def training(request):
    """A check's training that is over at once; each call adds to `CALLS`."""
    CALLS.append(request.own.name)
    request.tell(0.5)
    return {"accuracy": [0.90, 0.92]}


def check(name="tiny", run=training, figure=None, long=False):
    figure = figure or around("accuracy", "0.9", 0.02, "a test")
    optimizers = lambda: [keras_optim.SGD(0.1)]  # noqa: E731
    return Check(name, "a model", "a paper", "https://x", (figure,), run, optimizers, 1, long)


@pytest.fixture
def checks(monkeypatch):
    """Checks in the place of the real ones."""
    CALLS.clear()
    found = {}
    monkeypatch.setattr(registry, "CHECKS", found)

    def fill(*given):
        found.clear()
        found.update({one.name: one for one in given})

    return fill


def called(folder, *arguments):
    return command.run([*arguments, "--graph-directory", str(folder)])


def content(folder):
    return json.loads((folder / "verify" / "verify.json").read_text())


# ---- bands and verdicts


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ([0.9], True),
        ([0.93, 0.89], True),
        ([0.93], False),
        ([0.87], False),
        ([math.nan], False),
        ([math.inf], False),
        ([], False),
    ],
)
@one_backend
def test_the_mean_must_be_in_the_band(values, holds):
    assert around("accuracy", "0.9", 0.02, "").holds(values) == holds


@one_backend
def test_band_of_test_images():
    """Three standard errors of a binomial share."""
    figure = of_test_images("accuracy", "0.9873")
    assert figure.high - 0.9873 == pytest.approx(3 * math.sqrt(0.9873 * 0.0127 / 10_000))
    assert 0.9873 - figure.low == pytest.approx(figure.high - 0.9873)


@one_backend
def test_every_band_holds_the_published_value():
    for one in registry.CHECKS.values():
        for figure in one.figures:
            if figure.published not in (">0", "0 or less"):
                assert figure.low <= float(figure.published) <= figure.high, one.name
            assert figure.reason
        assert one.address.startswith("https://")


@one_backend
def test_dense_bands_are_those_of_the_spread():
    by_name = {figure.name: figure for figure in registry.CHECKS["dense-sgd"].figures}
    loss = by_name[dense.LOSS]
    assert loss.high - loss.low == pytest.approx(2 * dense.FACTOR * dense.SPREAD["sgd"][1])
    from scipy import stats

    assert pytest.approx(stats.t.ppf(0.995, 9) * math.sqrt(1 + 1 / 5), abs=1e-4) == dense.FACTOR


@one_backend
def test_bound_of_inclusion():
    """It is Student's lower bound: above zero only if the differences clear their noise."""
    from scipy import stats

    differences = [0.1, 0.2, 0.15, 0.3, 0.05]
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.98)
    assert inclusion.bound(differences) == pytest.approx(interval.low, abs=1e-4)
    assert inclusion.bound([0.1, -0.1, 0.2, 0.0, 0.1]) < 0
    assert math.isnan(inclusion.bound([math.inf, 0.0, 0.0, 0.0, 0.0]))


@one_backend
def test_inclusion_grids_hold_the_special_case():
    """Momentum 0 is SGD with the same rates; a large epsilon is momentum up to the root of v."""
    grids = {name: list(method.grid()) for name, method in inclusion.methods().items()}
    sgd = [setting["learning_rate"] for setting in grids["sgd"]]
    none = [s["learning_rate"] for s in grids["momentum"] if s["momentum"] == 0]
    assert none == sgd
    for momentum in (0.0, 0.9):
        slow = [s for s in grids["momentum"] if s["momentum"] == momentum]
        like = [s for s in grids["adam"] if (s["beta_1"], s["epsilon"]) == (momentum, 1.0)]
        for one, other in zip(slow, like):
            steady = one["learning_rate"] / (1 - one["momentum"])  # the step of a constant gradient
            assert steady == pytest.approx(other["learning_rate"])


# ---- the command


@one_backend
def test_passes_are_kept_and_not_repeated(tmp_path, checks, capsys):
    checks(check())
    assert called(tmp_path) == 0
    assert called(tmp_path) == 0
    assert len(CALLS) == 1
    assert called(tmp_path, "--force") == 0
    assert len(CALLS) == 2
    [row] = page.read(content(tmp_path))
    assert (row.verdict, row.ours) == ("pass", "0.9100 (0.9000 to 0.9200, 2 seeds)")
    assert row.command == "python -m benchmarks.bench verify tiny"
    assert "0.9100" in (tmp_path / "verify" / "verify.md").read_text()
    assert "Of 1 figure, 1 pass, 0 fail, 0 not run" in capsys.readouterr().out


@one_backend
def test_a_failing_check_is_status_3(tmp_path, checks, capsys):
    checks(check(figure=around("accuracy", "0.95", 0.02, "a test")), check("other"))
    assert called(tmp_path) == 3
    assert "FAIL" in capsys.readouterr().out
    assert [row.verdict for row in page.read(content(tmp_path))] == ["FAIL", "pass"]
    assert called(tmp_path, "other") == 0  # the failed one was not asked for


@one_backend
def test_an_error_is_a_failure_that_is_not_kept(tmp_path, checks, capsys):
    def broken(request):
        raise ZeroDivisionError("no such luck")

    checks(check(run=broken), check("other"))
    assert called(tmp_path) == 3
    first, other = page.read(content(tmp_path))
    assert (first.verdict, first.why) == ("FAIL", "ZeroDivisionError: no such luck")
    assert other.verdict == "pass"
    checks(check(), check("other"))
    assert called(tmp_path) == 0


@one_backend
def test_not_run_has_a_reason_and_is_no_failure(tmp_path, checks, capsys):
    def impossible(request):
        raise CannotRun("the data is a subset")

    checks(check(run=impossible), check("slow", long=True))
    assert called(tmp_path) == 0
    first, slow = page.read(content(tmp_path))
    assert (first.verdict, first.why) == ("not run", "the data is a subset")
    assert slow.why == "takes about 1 seconds: --long, or its name"
    assert not CALLS
    assert "slow: takes about" in capsys.readouterr().out
    assert called(tmp_path, "--long") == 0
    assert len(CALLS) == 1


@one_backend
def test_results_are_bound_to_code_and_band_is_not(tmp_path, checks):
    """Another optimizer is run again; another band judges the values that are kept."""
    checks(check())
    called(tmp_path)
    checks(check(figure=around("accuracy", "0.5", 0.02, "a test")))
    assert called(tmp_path) == 3
    assert len(CALLS) == 1
    checks(replace(check(), optimizers=lambda: [keras_optim.SGD(0.2)]))
    assert called(tmp_path) == 0
    assert len(CALLS) == 2


@one_backend
def test_a_damaged_file_counts_as_missing(tmp_path, checks):
    checks(check())
    called(tmp_path)
    file = keeping.path(tmp_path / "verify", check())
    for text in ("", "{", json.dumps({"key": keeping.key(check()), "found": {}})):
        file.write_text(text)
        assert called(tmp_path) == 0
    assert len(CALLS) == 4


@one_backend
def test_values_are_kept_to_the_last_bit(tmp_path):
    kept = Kept({"accuracy": [1 / 3, math.nan]}, 1.5, {})
    keeping.write(tmp_path, check(), kept)
    found = keeping.read(tmp_path, check())
    assert found.found["accuracy"][0] == 1 / 3
    assert math.isnan(found.found["accuracy"][1])


@one_backend
def test_an_unknown_name_is_a_usage_error(tmp_path, capsys):
    assert bench.main(["verify", "nonsense", "--graph-directory", str(tmp_path)]) == 2
    assert "mnist1d-linear" in capsys.readouterr().err


# ---- trainings


@pytest.mark.skipif(BACKEND != "jax", reason="6000 steps take seconds on JAX, minutes elsewhere")
def test_mnist1d_linear_end_to_end(tmp_path, capsys, monkeypatch):
    """A published figure, by the command that the page prints, with one seed."""
    monkeypatch.setattr(mnist1d, "SEEDS", (1,))
    pytest.importorskip("mnist1d", reason="the package of the extra `bench` makes the data")
    status = bench.main(["verify", "mnist1d-linear", "--graph-directory", str(tmp_path)])
    [row] = [r for r in page.read(content(tmp_path)) if r.check == "mnist1d-linear"]
    assert (status, row.verdict) == (0, "pass"), row
    assert "mnist1d-linear" in capsys.readouterr().out


@one_backend
@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (mnist1d.linear, 410),
        (mnist1d.mlp, 15_210),
        (mnist1d.convolution, 5_210),
        (models.torch_mnist, 1_199_882),
        (models.keras_mnist, 34_826),
    ],
)
def test_models_have_the_published_number_of_parameters(build, parameters):
    assert build().count_params() == parameters


@one_backend
def test_weights_start_as_in_torch():
    """Uniform to 1 / sqrt(fan_in), the bias as well."""
    import torch
    from scipy import stats

    keras.utils.set_random_seed(0)
    torch.manual_seed(0)
    ours = mnist1d.mlp().layers[1]
    theirs = torch.nn.Linear(100, 100)
    limit = 0.1
    for one, other in zip(ours.get_weights(), (theirs.weight, theirs.bias)):
        for values in (one.ravel(), other.detach().numpy().ravel()):
            assert abs(values).max() <= limit
            assert stats.kstest(values, "uniform", (-limit, 2 * limit)).pvalue > 0.01


@one_backend
def test_fit_continues_after_a_stop(tmp_path):
    """Epochs before the stop are read, those after it are trained."""
    x = keras.random.normal((60, 4), seed=0)
    y = keras.ops.cast(x[:, 0] > 0, "int32")

    def train(stop):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras_optim.Adam(0.05), loss=loss, metrics=["accuracy"])

        def tell(share):
            if share > stop:
                raise KeyboardInterrupt

        return fitted(model, (x, y), (x, y), tmp_path, tell, epochs=4, batch_size=5)

    with pytest.raises(KeyboardInterrupt):
        train(0.6)
    before = (tmp_path / "epochs.csv").read_text()
    assert len(before.splitlines()) == 3  # the heading, and two epochs
    found = train(2.0)
    assert (tmp_path / "epochs.csv").read_text().startswith(before)
    assert [row["epoch"] for row in found] == [0, 1, 2, 3]
    assert found[3]["val_loss"] < found[1]["val_loss"]


@one_backend
def test_a_subset_of_cifar_is_not_run(tmp_path):
    folder = tmp_path / "tfds" / "cifar10" / "3.0.2"
    folder.mkdir(parents=True)
    splits = [{"name": n, "shardLengths": [k]} for n, k in (("train", "6000"), ("test", "1000"))]
    (folder / "dataset_info.json").write_text(json.dumps({"splits": splits}))
    request = Request(tmp_path, tmp_path / "own", tmp_path / "tfds")
    with pytest.raises(CannotRun, match="a subset of 6,000 images"):
        registry.CHECKS["deepobs-adam"].run(request)


@one_backend
def test_offline_without_data_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    request = Request(tmp_path, tmp_path / "own", None, offline=True)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "none"))
    for name in ("dense-sgd", "schedulefree-1", "keras-convnet", "deepobs-sgd", "imdb-bilstm"):
        with pytest.raises(CannotRun, match="offline"):
            registry.CHECKS[name].run(request)


@one_backend
@pytest.mark.parametrize("build", [models.deepobs_3c3d, models.transformer])
def test_larger_models_take_a_step(build):
    """They were not trained to the end on this machine; here one batch goes through.

    The network of `imdb-bilstm` is tested as the workload `imdb-lstm`.
    """
    model = build()
    images = build is models.deepobs_3c3d
    x = keras.random.uniform((4, 32, 32, 3)) if images else keras.ops.ones((4, 200), "int32")
    y = keras.ops.zeros((4,), "int32")
    model.compile(larger.DEEPOBS["adam"][1](), loss="sparse_categorical_crossentropy")
    assert math.isfinite(model.train_on_batch(x, y))


# ---- the page


@one_backend
def test_page():
    """Its table and sections are those of the numbers beside it, and of the checks."""
    value = json.loads(page.NUMBERS.read_text(encoding="utf-8"))
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.written(text, value) == text
    found = page.read(value)
    figures = [(c.name, f.name) for c in registry.CHECKS.values() for f in c.figures]
    assert [(row.check, row.figure) for row in found] == figures
    for row in found:
        one = registry.CHECKS[row.check]
        [figure] = [f for f in one.figures if f.name == row.figure]
        assert (row.published, row.band) == (figure.published, rows.band(figure))
        assert bool(row.ours) == (row.verdict != "not run")
        assert f"\n    {row.command}\n" in text
    assert value["summary"] == rows.summary(found)
    changed = {**value, "rows": [{**value["rows"][0], "ours": "0.5"}, *value["rows"][1:]]}
    assert page.written(text, changed) != text
    with pytest.raises(ValueError, match="needs the lines"):
        page.written("# nothing", value)


@one_backend
def test_bars_in_cells_are_escaped():
    figure = Figure("largest |w|", "0", 0.0, 1.0, "")
    [row] = rows.rows(check(figure=figure), Kept({"largest |w|": [0.5]}, 1.0))
    line = tables.markdown([row]).splitlines()[2]
    assert "largest \\|w\\|" in line
