"""How XLA compiles: for tests without its costly passes, which takes a third of the time.

What these leave out makes loops of a processor faster. The passes that change arithmetic (what is
fused, folded or rounded less often) run as for users. `tests/engine/test_compiled_steps.py`
compiles every optimizer with all passes, and so do `tox -e bench` and `tox -m versions`.
"""

import os
from importlib import metadata

from packaging.version import Version

QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_cpu_use_fusion_emitters": False,
}
USUAL = {
    "xla_backend_optimization_level": 3,
    "xla_llvm_disable_expensive_passes": False,
    "xla_cpu_parallel_codegen_split_count": 32,
    "xla_cpu_use_fusion_emitters": True,
}
SINCE = {"jax": "0.7", "tensorflow": "2.20"}
"""The releases that know these flags; older ones end the process on one they do not know."""


def compile_quickly(backend):
    """Set the flags for this process and those it starts, unless `XLA_FLAGS` is set, if to nothing.

    To be called before the backend is imported.
    """
    if backend in SINCE and Version(metadata.version(backend)) >= Version(SINCE[backend]):
        os.environ.setdefault("XLA_FLAGS", flags(QUICK))


def flags(values):
    """Return the text of `XLA_FLAGS`."""
    return " ".join(f"--{name}={str(value).lower()}" for name, value in values.items())
