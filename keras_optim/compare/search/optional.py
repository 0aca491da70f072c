"""Optuna, an optional dependency: imported late, and kept silent."""

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keras_optim.compare.process.errors import UsageError


def optuna() -> Any:
    """Import Optuna.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"tuning by trials needs Optuna, and {error.name} is not installed: "
            "pip install keras_optim[compare]"
        ) from None


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Optuna's messages and its warnings about experimental features in this block."""
    logging = optuna().logging
    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
