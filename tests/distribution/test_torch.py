"""DDP and `fully_shard`: two gloo processes try all."""

import pytest

from tests.conftest import BACKEND
from tests.distribution.problem import REPLICATED
from tests.distribution.processes import findings, wrong

if BACKEND != "torch":
    pytest.skip("DDP and FSDP2 are PyTorch's", allow_module_level=True)


def test_two_processes(tmp_path):
    """Every optimizer gives the weights and the state of one process, in whatever shards."""
    found = findings("torch_processes", tmp_path, processes=2)
    assert wrong(found["data"]) == {}
    assert wrong(found["sharded"]) == {}
    assert set(found["data"]) == set(found["sharded"]) == set(REPLICATED)
    assert wrong(found["keras"]) == {}
    assert found["without the recipe"] > 1e-3  # else Keras has mended it: mend the page
    assert set(found["rounded"].values()) == {0.0}
    assert wrong(found["saved"]) == {}
    assert "GradientNoise: `seed` must be given" in found["noise without a seed"]
