"""Matrices of hidden layers: which variables they are, and how their axes make rows and columns.

Optimizers for matrices, such as Muon, need to know. The answer follows from paths and shapes alone,
so it is the same on each backend, in `fit` and in loops, and after loading.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from keras_optim.variables.choosing import Description

AUTO = "auto"
NOT_KERNELS = ("bias", "beta", "gamma", "scale", "alpha")
"""Ends of the names of variables that multiply or shift, of any shape."""
PROJECTIONS = ("query", "key", "value")
"""Layers inside attention whose kernels have the axes inputs, heads, outputs."""


@dataclass(frozen=True)
class Role:
    """Part that a variable plays in a model.

    Args:
        kind: `"hidden"`: a matrix of a hidden layer; `"output"`: the kernel of the last layer;
            `"embedding"`: a table of vectors; `"other"`: all else.
        inputs: Rows of the matrix: `height * width * inputs` of a convolution.
        outputs: Columns of the matrix.
        window: Places of a convolution's window, `height * width`; else 1.
    """

    kind: Literal["hidden", "output", "embedding", "other"]
    inputs: int = 1
    outputs: int = 1
    window: int = 1

    @property
    def hidden(self) -> bool:
        """Whether it is a matrix of a hidden layer."""
        return self.kind == "hidden"


class HiddenMatrices:
    """Choice of the matrices of hidden layers among the variables of an optimizer.

    A kernel is a matrix of its inputs and outputs: a convolution's of `(h * w * inputs, outputs)`,
    that of a projection to the heads of an attention of `(inputs, heads * outputs)`, the last
    projection's of `(heads * inputs, outputs)`. Not taken are: variables of less than two axes;
    names that end in "bias", "beta", "gamma", "scale" or "alpha"; paths with "embedding" or
    "depthwise"; matrices with a side of 1, so also depthwise kernels `(h, w, inputs, 1)`; and the
    kernel of the output layer.

    Args:
        owner: The class that asks, for messages.
        include: A description of variables that are taken in any case, or `None`.
        exclude: A description of variables that are not taken, or `None`. It precedes `include`.
        output_layer: A description of the output layer; `"auto"`: the last kernel; `None`: none.

    Raises:
        TypeError: a description is something else.
        ValueError: when variables are chosen, a description matches none, or an included variable
            is no matrix.

    Example:

    >>> from types import SimpleNamespace as Spec
    >>> chooser = HiddenMatrices("Muon")
    >>> shapes = {"token_embedding/embeddings": (99, 8), "conv/kernel": (3, 3, 8, 16),
    ...           "conv/bias": (16,), "query/kernel": (8, 2, 4), "query/bias": (2, 4),
    ...           "head/kernel": (8, 10)}
    >>> for role in chooser.roles([Spec(path=p, shape=s) for p, s in shapes.items()]):
    ...     print(role.kind, (role.inputs, role.outputs))
    embedding (99, 8)
    hidden (72, 16)
    other (1, 1)
    hidden (8, 8)
    other (2, 4)
    output (8, 10)
    """

    def __init__(
        self, owner: str, include: Any = None, exclude: Any = None, output_layer: Any = AUTO
    ):
        self.owner = owner
        self.wheres = {"include": include, "exclude": exclude, "output_layer": output_layer}
        self.descriptions = {
            name: Description(owner, name, where)
            for name, where in self.wheres.items()
            if where is not None and not _automatic(where)
        }

    def given(self, name: str) -> Any:
        """Return the description of this name, as it is now."""
        known = self.descriptions.get(name)
        return known.where if known else self.wheres[name]

    def find(self, variables: Sequence[Any], specs: Sequence[Any]) -> None:
        """Find the positions of variables that were given themselves, or by a function."""
        for description in self.descriptions.values():
            description.find(variables, specs)

    def roles(self, specs: Sequence[Any]) -> list[Role]:
        """Return the part that each variable plays, from its `path` and `shape`."""
        taken = {name: description.takes(specs) for name, description in self.descriptions.items()}
        nowhere = [False] * len(specs)
        kernels = [i for i, spec in enumerate(specs) if _is_kernel(spec)]
        outputs = taken.get("output_layer", nowhere)
        if _automatic(self.wheres["output_layer"]) and kernels:
            outputs = [i == kernels[-1] for i in range(len(specs))]
        included, excluded = taken.get("include", nowhere), taken.get("exclude", nowhere)
        return [
            self._role(spec, included[i] and not excluded[i], excluded[i], outputs[i])
            for i, spec in enumerate(specs)
        ]

    def _role(self, spec: Any, included: bool, excluded: bool, output: bool) -> Role:
        shape = _matrix(spec)
        able = min(shape) > 1
        if included and not able:
            raise ValueError(
                f"{self.owner}: `include` takes {spec.path}, which is no matrix: its shape is "
                f"{spec.shape}."
            )
        if included or (able and _is_kernel(spec) and not output and not excluded):
            return Role("hidden", *shape, _window(spec))
        if "embedding" in spec.path.lower() and len(spec.shape) > 1:
            return Role("embedding", *shape)
        return Role("output", *shape, _window(spec)) if output else Role("other", *shape)

    def get_config(self) -> dict[str, Any]:
        """Return the descriptions in their form for a file."""
        return {
            name: self.descriptions[name].get_config() if name in self.descriptions else where
            for name, where in self.wheres.items()
        }

    @staticmethod
    def from_config(config: dict[str, Any], owner: str) -> dict[str, Any]:
        """Return a configuration with the descriptions in the form of arguments."""
        return {
            name: Description.where_from(where, owner, name)
            if name in ("include", "exclude", "output_layer")
            and where is not None
            and not _automatic(where)
            else where
            for name, where in config.items()
        }


def _automatic(where: Any) -> bool:
    return isinstance(where, str) and where == AUTO


def _is_kernel(spec: Any) -> bool:
    path = spec.path.lower()
    named = not path.endswith(NOT_KERNELS) and "embedding" not in path and "depthwise" not in path
    return len(spec.shape) > 1 and named


def _of_attention(spec: Any) -> tuple[bool, bool]:
    """Return whether a kernel projects to the heads of an attention, and whether from them."""
    layer = spec.path.split("/")[-2:-1]
    three = len(spec.shape) == 3
    return three and layer in ([p] for p in PROJECTIONS), three and layer == ["attention_output"]


def _matrix(spec: Any) -> tuple[int, int]:
    if len(spec.shape) < 2:
        return 1, 1
    split = 1 if _of_attention(spec)[0] else len(spec.shape) - 1
    return math.prod(spec.shape[:split]), math.prod(spec.shape[split:])


def _window(spec: Any) -> int:
    return 1 if any(_of_attention(spec)) else math.prod(spec.shape[:-2])
