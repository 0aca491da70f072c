"""Keras's own tests of its optimizers, from its wheel, on our classes of the same names.

Ours stand in with Keras's defaults (docs/guides/coming-from.md); what is then still another is in
`OTHERS`.
"""

import importlib.util
import inspect
import types
import unittest

import keras
import pytest
from keras.src import optimizers

import keras_optim
from tests.conftest import BACKEND

if importlib.util.find_spec("keras.src.optimizers.optimizer_test") is None:
    pytest.skip("this wheel of Keras is without its tests", allow_module_level=True)

# What Keras's classes default to.
DEFAULTS = {
    "Adadelta": dict(learning_rate=0.001, epsilon=1e-7),
    "Adafactor": dict(learning_rate=0.001),
    "Adagrad": dict(
        learning_rate=0.001,
        initial_accumulator_value=0.1,
        epsilon=1e-7,
        epsilon_inside_sqrt=True,
    ),
    "Adam": dict(epsilon=1e-7),
    "AdamW": dict(weight_decay=0.004, epsilon=1e-7),
    "Adamax": dict(learning_rate=0.001, epsilon=1e-7),
    "Ftrl": dict(learning_rate=0.001, initial_accumulator_value=0.1, beta=0.0),
    "Lamb": dict(epsilon=1e-7),
    "Lion": dict(learning_rate=0.001),
    "Nadam": dict(learning_rate=0.001, epsilon=1e-7, momentum_decay=1.0),
    "RMSprop": dict(epsilon=1e-7),
    "SGD": {},
}
MODULES = [
    *map(str.lower, DEFAULTS),
    "optimizer",
    "optimizer_sparse",
    "loss_scale_optimizer",
    "multi_optimizer",
]

MESSAGE = "refused as well, by another message: class, argument, range, what came"
FTRL = "from weights that are not zero Keras's Ftrl begins otherwise; half its l2 strength is ours"
DENSE = "sparse gradients are added up into a dense one before the rule; see LazyRows"
TENSORFLOW = "TensorBoard needs TensorFlow, which the other backends' tests do without"
# What is another here, and why.
OTHERS = {
    "adafactor-test_correctness_with_golden": "Keras caps the rate with relative_step=False, too",
    "adamw-test_correctness_with_golden": "epsilon (2 there) is after the bias correction here",
    "adamw-test_weight_decay_is_none": "None is no decay here, an error there",
    "ftrl-test_correctness_with_golden": FTRL,
    "ftrl-test_single_step": FTRL,
    "ftrl-test_invalid_initial_accumulator_value": MESSAGE,
    "ftrl-test_invalid_l1_regularization_strength": MESSAGE,
    "ftrl-test_invalid_l2_regularization_strength": MESSAGE,
    "ftrl-test_invalid_l2_shrinkage_regularization_strength": MESSAGE,
    "ftrl-test_invalid_learning_rate_power": MESSAGE,
    "lamb-test_weight_decay": "the decay is inside the ratio here, as in the paper",
    "lion-test_invalid_beta_1": MESSAGE,
    "nadam-test_build_with_empty_var_list": "building for no variables is an error here",
    "sgd-test_correctness_with_golden": "nesterov=True without momentum is an error here",
    "sgd-test_invalid_momentum": MESSAGE,
    "optimizer-test_get_method": "asks Keras for its own class by its name",
    "optimizer_sparse-test_sparse_gradients_adadelta": DENSE,
    "optimizer_sparse-test_sparse_gradients_adafactor": DENSE,
    "optimizer_sparse-test_sparse_gradients_adagrad": DENSE,
    "optimizer_sparse-test_sparse_gradients_loss_scale_optimizer_sgd": DENSE,
    "optimizer_sparse-test_sparse_gradients_rmsprop": DENSE,
    "optimizer_sparse-test_sparse_gradients_sgd": DENSE,
}
if BACKEND != "tensorflow":
    OTHERS["multi_optimizer-test_tensorboard_logging_with_multi_optimizer"] = TENSORFLOW


def ours(name):
    """What makes ours, called as Keras's."""
    signature = inspect.signature(getattr(keras.optimizers, name))

    def make(*args, amsgrad=False, **arguments):
        algorithm = getattr(keras_optim, "AMSGrad" if amsgrad else name)
        given = dict(signature.bind_partial(*args, **arguments).arguments)
        return algorithm(**{**DEFAULTS[name], **given.pop("kwargs", {}), **given})

    return make


def import_with_ours(module):
    keras.optimizers.SGD()  # on PyTorch this imports what derives from all of them
    with pytest.MonkeyPatch.context() as patch:
        for name in DEFAULTS:
            patch.setattr(optimizers, name, ours(name), raising=False)
        return importlib.import_module(f"keras.src.optimizers.{module}_test")


def left_out(cls, name):
    """Whether Keras skips it on this backend, or it takes too long there."""
    marks = [*getattr(cls, "pytestmark", []), *getattr(getattr(cls, name), "pytestmark", [])]
    skipped = any(mark.name == "skipif" and mark.args[0] for mark in marks)
    # One of the 11 is enough on JAX, which compiles each operation outside of `jit`, for 3 s.
    of_many = "gradient_accumulation_with_w" in name and not name.endswith("decay2")
    return skipped or (BACKEND == "jax" and of_many)


CASES = [
    (module, cls, name)
    for module in MODULES
    for _, cls in inspect.getmembers(import_with_ours(module), inspect.isclass)
    if issubclass(cls, unittest.TestCase) and cls.__module__.endswith(f".{module}_test")
    for name in unittest.TestLoader().getTestCaseNames(cls)
    if not left_out(cls, name)
]


def parameters():
    found = []
    for module, cls, name in CASES:
        test = f"{module}-{name}"
        marks = [pytest.mark.xfail(strict=True, reason=OTHERS[test])] if test in OTHERS else []
        found.append(pytest.param(cls, name, id=test, marks=marks))
    return found


@pytest.mark.parametrize(("cls", "name"), parameters())
def test_of_keras(cls, name, monkeypatch):
    module = inspect.getmodule(cls)
    replaced = {class_name: ours(class_name) for class_name in DEFAULTS}
    replaced["optimizers"] = types.SimpleNamespace(**{**vars(optimizers), **replaced})
    for class_name in replaced.keys() & vars(module).keys():
        monkeypatch.setattr(module, class_name, replaced[class_name])
    result = unittest.TestResult()
    cls(name).run(result)
    for _, text in (*result.failures, *result.errors):
        pytest.fail(text)
    for _, reason in result.skipped:
        pytest.skip(reason)


def test_there_are_enough():
    assert len(CASES) > 120
    assert sum(f"{module}-{name}" in OTHERS for module, _, name in CASES) < 25
