"""Form of the two variables: the tensor that holds them while an optimizer trains.

Optimizers for matrices leave vectors to another rule, often Adam. On a vector they would show the
path of that rule under their own name. So some get a matrix.
"""

from typing import Any, Literal

import numpy as np

from keras_optim.algorithms.hidden_matrices import ForHiddenMatrices
from keras_optim.contract import layers

Form = Literal["vector", "column", "diagonal"]
COLUMN = ("shampoo", "klshampoo", "soap", "kron", "splus", "lars", "mars", "tiger", "asam")
"""Optimizers of a kernel with two inputs and one output: both variables share a side."""
TEXTS: dict[Form, str] = {
    "vector": "",
    "column": "as a 2 by 1 matrix",
    "diagonal": "as the diagonal of a 2 by 2 matrix",
}


def form_of(optimizer: Any) -> Form:
    """Return the form that lets an optimizer use its own rule.

    Muon and its kin take no matrix with a side of 1. For them the variables are the diagonal of a
    square matrix. The rest of it has no gradient and stays zero.
    """
    kinds = [type(rule) for rule in layers(optimizer)] if hasattr(optimizer, "inner") else []
    kinds.append(type(optimizer))
    if any(issubclass(kind, ForHiddenMatrices) for kind in kinds):
        return "diagonal"
    return "column" if any(kind.__name__.lower() in COLUMN for kind in kinds) else "vector"


def shaped(point: Any, form: Form) -> Any:
    """Return a point in a form, in NumPy.

    >>> shaped((1.0, 2.0), "diagonal").tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    point = np.asarray(point, "float32")
    return {"vector": point, "column": point[:, None], "diagonal": np.diag(point)}[form]


def coordinates(tensor: Any, form: Form) -> tuple[Any, Any]:
    """Return the two variables in a tensor."""
    if form == "diagonal":
        return tensor[0, 0], tensor[1, 1]
    return (tensor[0, 0], tensor[1, 0]) if form == "column" else (tensor[0], tensor[1])
