"""What the pages say holds. `test_blocks.py` runs their code."""

import math
import re

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim import catalog
from tests.conftest import one_backend
from tests.docs.pages import BLOCK, CHOOSING, COMING_FROM, PAGES, name

GUIDES = [CHOOSING, COMING_FROM]
ADDONS = """
    AdaBelief AdamW AveragedOptimizerWrapper COCOB ConditionalGradient LAMB LazyAdam Lookahead
    DecoupledWeightDecayExtension MovingAverage MultiOptimizer NovoGrad ProximalAdagrad
    RectifiedAdam SGDW SWA Yogi
"""
CALL = re.compile(r"`(keras(?:_optim)?\.[\w.]+\([^`]*\))`")


def calls():
    """Every constructor in inline code of the guides, once."""
    text = "".join(BLOCK.sub("", page.read_text(encoding="utf-8")) for page in GUIDES)
    return sorted(set(CALL.findall(text)))


@pytest.mark.parametrize("code", calls())
def test_a_constructor_in_a_line_works(code):
    layers = [keras.layers.Dense(1, name=name) for name in ("encoder", "head")]
    model = keras.Sequential([keras.Input((1,)), *layers])
    x = np.linspace(-1.0, 1.0, 8).reshape(-1, 1)
    names = {"keras": keras, "keras_optim": keras_optim, "model": model, "x": x, "y": 2.0 * x}
    assert eval(code, names) is not None


def test_there_are_blocks_and_constructors():
    assert sum(len(BLOCK.findall(page.read_text(encoding="utf-8"))) for page in PAGES) > 15
    assert len(calls()) > 80
    assert len(memory()) > 10


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
@one_backend
def test_tables_are_whole(page):
    """Every row of a table has as many cells as its head, so no cell holds a stray bar."""
    width = None
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = line.count("|")
        width = width or cells
        assert cells == width, line


@pytest.mark.parametrize("row", (*catalog.ALGORITHMS, *catalog.WRAPPERS), ids=lambda row: row.name)
@one_backend
def test_the_guides_know_every_algorithm(row):
    """What nobody has written about yet is listed by `tests.tools.refresh`."""
    text = "".join(page.read_text(encoding="utf-8") for page in GUIDES)
    assert re.search(rf"\bkeras_optim\.{row.algorithm.__name__}\b", text)


@pytest.mark.parametrize("theirs", ADDONS.split())
@one_backend
def test_all_of_addons_has_a_row(theirs):
    text = GUIDES[1].read_text(encoding="utf-8")
    addons = text.split("## TensorFlow Addons")[1].split("\n## ")[0]
    assert f"\n| `{theirs}` |" in addons


@one_backend
def test_all_of_keras_has_a_row():
    text = GUIDES[1].read_text(encoding="utf-8").split("## Keras's built-in")[1].split("\n## ")[0]
    for theirs, value in vars(keras.optimizers).items():
        is_class = isinstance(value, type) and issubclass(value, keras.optimizers.Optimizer)
        if is_class and theirs != "Optimizer":
            assert f"\n| `{theirs}` |" in text, theirs


@pytest.mark.parametrize("page", PAGES, ids=name)
@one_backend
def test_pages_name_no_place_of_one_machine(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.:/])/(work|home|tmp|root|Users|mnt|data)/|[A-Z]:\\", text)


def memory():
    text = GUIDES[0].read_text(encoding="utf-8").split("| optimizer | numbers per weight |")[1]
    return re.findall(r"^\| `([^`]+)` \| ([\d.]+) \|$", text.split("```")[0], re.MULTILINE)


@pytest.mark.parametrize(("code", "numbers"), memory())
def test_memory_is_as_stated(code, numbers):
    optimizer = eval(code, {"keras_optim": keras_optim})
    optimizer.build([keras.Variable(np.zeros((1000, 1000), "float32"), name="kernel")])
    size = sum(math.prod(v.shape) for v in optimizer.variables) / 1e6
    assert size == pytest.approx(float(numbers), abs=1e-5)


RNG = np.random.default_rng(0)
STARTS = [RNG.normal(size=shape).astype("float32") for shape in ((4, 3), (3,))]
GRADIENTS = [[RNG.normal(size=x.shape).astype("float32") for x in STARTS] for _ in range(5)]


def after_five_steps(optimizer, starts):
    variables = [keras.Variable(x) for x in starts]
    for gradients in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    values = [keras.ops.convert_to_numpy(v.value).ravel() for v in variables]
    return np.concatenate(values).astype("float64")


EQUAL_TO_KERAS = {
    "keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=0.1)": (
        "keras_optim.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=0.1)"
    ),
    "keras.optimizers.RMSprop()": (
        "keras_optim.RMSprop(0.001, rho=0.9, epsilon=1e-7, epsilon_inside_sqrt=True)"
    ),
    "keras.optimizers.Adam()": "keras_optim.Adam(0.001, epsilon=1e-7)",
    "keras.optimizers.Adam(amsgrad=True)": "keras_optim.AMSGrad(0.001, epsilon=1e-7)",
    "keras.optimizers.AdamW()": "keras_optim.AdamW(0.001, weight_decay=0.004, epsilon=1e-7)",
    "keras.optimizers.Adadelta()": "keras_optim.Adadelta(0.001, rho=0.95, epsilon=1e-7)",
    "keras.optimizers.Adagrad()": (
        "keras_optim.Adagrad(0.001, initial_accumulator_value=0.1, epsilon=1e-7, "
        "epsilon_inside_sqrt=True)"
    ),
    "keras.optimizers.Adamax()": "keras_optim.Adamax(0.001, epsilon=1e-7)",
    "keras.optimizers.Adafactor()": "keras_optim.Adafactor(0.001)",
    "keras.optimizers.Nadam()": "keras_optim.Nadam(0.001, epsilon=1e-7, momentum_decay=1.0)",
    "keras.optimizers.Lion()": "keras_optim.Lion(0.001)",
    "keras.optimizers.Lamb()": "keras_optim.Lamb(0.001, epsilon=1e-7)",
    "keras.optimizers.Ftrl(l2_regularization_strength=0.1)": (
        "keras_optim.Ftrl(0.001, initial_accumulator_value=0.1, beta=0.0, "
        "l2_regularization_strength=0.2)"
    ),
}


@pytest.mark.parametrize("theirs", EQUAL_TO_KERAS)
def test_what_is_called_equal_to_keras_is(theirs):
    """To a small share of the distance gone, so that an argument left out would show."""
    ours = EQUAL_TO_KERAS[theirs]
    starts = [0.0 * x for x in STARTS] if "Ftrl" in ours else STARTS
    names = {"keras": keras, "keras_optim": keras_optim}
    expected = after_five_steps(eval(theirs, names), starts)
    difference = np.abs(after_five_steps(eval(ours, names), starts) - expected).max()
    moved = np.abs(expected - np.concatenate([x.ravel() for x in starts])).max()
    assert difference < 2e-4 * moved + 5e-7
    if "weight_decay=0.1" not in ours:
        assert f"`{ours}`" in GUIDES[1].read_text(encoding="utf-8")


def test_the_buffer_does_not_hold_the_rate():
    """A rate of 0 stops ours at once; Keras's SGD goes on."""
    ends = []
    for optimizer in (keras_optim.SGD(0.1, momentum=0.9), keras.optimizers.SGD(0.1, momentum=0.9)):
        x = keras.Variable(np.zeros(1, "float32"))
        optimizer.apply([keras.ops.ones(1)], [x])
        optimizer.learning_rate = 0.0
        optimizer.apply([keras.ops.ones(1)], [x])
        ends.append(float(keras.ops.convert_to_numpy(x.value)[0]))
    assert ends == pytest.approx([-0.1, -0.19])


def test_l2_is_a_penalty_of_half_its_size():
    """`torch.optim.Adam(weight_decay=c)` is Adam on `g + c x`: a regularizer `L2(c / 2)`."""
    c, start = 0.5, np.array([[2.0], [-1.0]], "float32")
    layer = keras.layers.Dense(1, use_bias=False, kernel_regularizer=keras.regularizers.L2(c / 2))
    model = keras.Sequential([keras.Input((2,)), layer])
    layer.set_weights([start])
    model.compile(keras_optim.SGD(0.1), "mse")
    model.fit(np.zeros((1, 2), "float32"), np.zeros((1, 1), "float32"), verbose=0)
    assert layer.get_weights()[0] == pytest.approx(start - 0.1 * c * start, abs=1e-6)
