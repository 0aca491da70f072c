"""Conversion of unfinished runs from torch.optim, optax and Keras's own optimizers, and back.

A conversion carries over arguments, state and step count. So our optimizer continues a run as the
other library would have continued it. `print(table())` lists the algorithms that convert.
"""

from keras_optim.convert import counterparts, keras_rows, optax_rows, torch_rows
from keras_optim.convert.keras_optimizers import from_keras, to_keras
from keras_optim.convert.optax_functions import from_optax, to_optax
from keras_optim.convert.torch_optim import from_torch, to_torch

__all__ = ["from_keras", "from_optax", "from_torch", "table", "to_keras", "to_optax", "to_torch"]

LIBRARIES = (torch_rows.LIBRARY, optax_rows.LIBRARY, keras_rows.LIBRARY)


def table() -> str:
    """Return the algorithms that convert, and those that do not, as Markdown.

    >>> print(table().splitlines()[0])
    | `torch.optim` | ours | difference |
    """
    return counterparts.table(LIBRARIES)
