"""Several devices that share each batch give the runs of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import BACKEND

pytestmark = pytest.mark.skipif(BACKEND == "torch", reason="PyTorch trains on one device")
ROOT = Path(__file__).parents[3]


def curves(count):
    process = subprocess.run(
        [sys.executable, "-m", "tests.compare.training.on_devices", str(count)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": BACKEND},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_devices_share_a_batch():
    one, several = curves(1), curves(4)
    assert (one.pop("count"), several.pop("count")) == (1, 4)
    for optimizer, parts in one.items():
        for part, other in zip(parts, several[optimizer]):
            assert part.keys() == other.keys()
            for name, values in part.items():
                np.testing.assert_allclose(
                    np.array(other[name], float),
                    np.array(values, float),
                    rtol=2e-5,
                    atol=1e-6,
                    err_msg=f"{optimizer} {name}",
                )
