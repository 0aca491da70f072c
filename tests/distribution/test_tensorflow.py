"""`tf.distribute`: one process with two logical devices tries all."""

import pytest

from tests.conftest import BACKEND
from tests.distribution.problem import MIRRORED
from tests.distribution.processes import findings, wrong

if BACKEND != "tensorflow":
    pytest.skip("tf.distribute is TensorFlow's", allow_module_level=True)

ADVICE = {
    "optimizer outside": "inside of `with strategy.scope():`",
    "model outside": "inside of `with strategy.scope():`",
    "both outside": "inside of `with strategy.scope():`",
    "across replicas": "call `apply` inside of `strategy.run`",
    "gradient_accumulation_steps": "Leave it out and use a larger batch.",
    "ema_overwrite_frequency": "put keras_optim.EMA around the optimizer",
    "steps_per_execution": "with steps_per_execution=1",
    "jit_compile": "with jit_compile=False",
    "a scaled loss": "auto_scale_loss=False",
    "curvature": "JAX with keras.distribution.DataParallel",
    "a seldom second pass": "replicas cannot leave a second gradient out",
}


ERRORS = tuple(f"ValueError: {name}: " for name in ("Adam", "SAM", "LookSAM", "SophiaH"))


def test_mirrored_strategy(tmp_path):
    """Every optimizer gives the weights and the state of one device; the rest is refused."""
    found = findings("mirrored", tmp_path)
    assert wrong(found["loop"]) == {}
    assert set(found["loop"]) == set(MIRRORED)
    assert wrong(found["fit"]) == {}
    assert wrong(found["others"]) == {}
    assert wrong({"mixed precision": found["mixed precision"]}, 2e-3) == {}
    assert set(found["refused"]) == set(ADVICE)
    for case, advice in ADVICE.items():
        said = found["refused"][case]
        assert said is not None and said.startswith(ERRORS), case
        assert advice in said, case
