"""Import of Keras and its backend, before anything else: one that is missing gets a clear error."""

import importlib.util

_BACKENDS = ("jax", "tensorflow", "torch")

try:
    import keras  # noqa: F401
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    if missing not in _BACKENDS:
        raise
    installed = [name for name in _BACKENDS if importlib.util.find_spec(name) is not None]
    choose = (
        f"Set the environment variable KERAS_BACKEND to {' or '.join(installed)} before Python "
        "starts, or install it"
        if installed
        else "Install it"
    )
    raise ModuleNotFoundError(
        f"Keras takes the backend {missing}, which is not installed. {choose}: "
        f"pip install {missing}",
        name=missing,
    ) from None
