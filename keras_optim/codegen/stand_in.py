"""Stand-ins for tensors while a function is traced."""

from typing import Any

import torch

from keras_optim.codegen.graph import Refused


class Traced(torch.Tensor):
    """Stand-in with the shape and the dtype of a tensor, and the node that computes it."""

    node: int

    @staticmethod
    def __new__(cls, like: torch.Tensor, node: int) -> "Traced":
        """Make a tensor without memory."""
        self = torch.Tensor._make_wrapper_subclass(cls, like.shape, dtype=like.dtype, device="cpu")
        self.node = node
        return self

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise Refused("a tensor was used after the function was traced")

    def __repr__(self, **kwargs: Any) -> str:
        return f"<{self.dtype} of shape {tuple(self.shape)}, node {self.node}>"
