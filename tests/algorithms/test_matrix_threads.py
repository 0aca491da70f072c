"""Decompositions of many stacks at once on JAX's CPU, where those of jaxlib can stop for ever."""

import os
import subprocess
import sys

import pytest

from tests.conftest import BACKEND

if BACKEND != "jax":
    pytest.skip("the threads are jaxlib's", allow_module_level=True)

SCRIPT = """
import jax, numpy as np
from keras_optim import matrix

random = np.random.default_rng(0)
sizes = [(7 + k, 64 + 8 * k) for k in range(6)]
stacks = [random.normal(size=(n, a, a)).astype("float32") for n, a in sizes]

def all_at_once(stacks):
    squares = [x @ matrix.transposed(x) * (1.0 + jax.numpy.sin(x)) for x in stacks]
    return [(
        matrix.inverse_root(x, 2, 1e-6), matrix.eigenvectors(x),
        matrix.power_step(x, jax.numpy.eye(x.shape[-1])[None] + 0 * x),
        matrix.triangular_inverse(x),
    ) for x in squares]

run = jax.jit(all_at_once)
for _ in range(3):
    jax.block_until_ready(run(stacks))
print("ended")
"""


def test_many_stacks_at_once():
    """All cores but two are taken away, as on the smallest machines."""
    cores = sorted(os.sched_getaffinity(0))[:2] if hasattr(os, "sched_getaffinity") else []
    ended = subprocess.run(
        [sys.executable, "-c", f"import os\ncores = {cores}\n{PIN}{SCRIPT}"],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        timeout=240,
        text=True,
        check=False,
    )
    assert ended.stdout.strip() == "ended", ended.stderr[-2000:]


PIN = "if cores:\n    os.sched_setaffinity(0, cores)\n"
