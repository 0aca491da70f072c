"""What is PyTorch's alone cannot be imported on other backends, so it is not collected there."""

import os

TORCH = ["keras_optim/engine/torch_native.py", "keras_optim/codegen/*.py"]
collect_ignore_glob = [] if os.environ.get("KERAS_BACKEND") == "torch" else TORCH
