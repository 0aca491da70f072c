"""Half-finished runs from torch.optim, optax and Keras's built-in optimizers, and back to them.

Arguments, state and step count are carried over, so that a run begun there goes on here as it
would have gone on there. `print(table())` says what converts.
"""

from keras_optim.convert import counterparts, keras_optimizers, optax_functions, torch_optim
from keras_optim.convert.keras_optimizers import from_keras, to_keras
from keras_optim.convert.optax_functions import from_optax, to_optax
from keras_optim.convert.torch_optim import from_torch, to_torch

__all__ = ["from_keras", "from_optax", "from_torch", "table", "to_keras", "to_optax", "to_torch"]

LIBRARIES = (torch_optim.LIBRARY, optax_functions.LIBRARY, keras_optimizers.LIBRARY)


def table() -> str:
    """What converts, and what does not, as Markdown.

    >>> print(table().splitlines()[0])
    | `torch.optim` | ours | what differs |
    """
    return counterparts.table(LIBRARIES)
