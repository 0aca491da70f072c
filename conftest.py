"""Modules of one backend alone cannot be imported on others, so they are not collected there."""

import os

ALONE = {
    "jax": ["keras_optim/engine/jax_*.py"],
    "torch": ["keras_optim/engine/torch_*.py", "keras_optim/codegen/*.py"],
}
BACKEND = os.environ.get("KERAS_BACKEND", "jax")
collect_ignore_glob = [file for of, files in ALONE.items() if of != BACKEND for file in files]
