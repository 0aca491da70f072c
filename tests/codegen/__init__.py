"""Native steps belong to PyTorch: on other backends nothing here runs."""

import pytest

from tests.conftest import BACKEND

if BACKEND != "torch":
    pytest.skip("native steps belong to PyTorch", allow_module_level=True)
