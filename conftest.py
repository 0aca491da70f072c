"""Modules of one backend alone cannot be imported on others, so they are not collected there."""

import os

ALONE = {
    "jax": [
        "keras_optim/engine/jax_*.py",
        *(
            f"keras_optim/compare/training/{name}.py"
            for name in ("compiled", "evaluator", "measured_step")
        ),
    ],
    "torch": ["keras_optim/engine/torch_*.py", "keras_optim/codegen/*.py"],
}
BACKEND = os.environ.get("KERAS_BACKEND", "jax")
collect_ignore_glob = [file for of, files in ALONE.items() if of != BACKEND for file in files]
