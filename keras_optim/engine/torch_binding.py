"""A compiled step bound to some of the variables, and checks of their memory."""

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from keras_optim import codegen, keras_private
from keras_optim.codegen.guards import Alike
from keras_optim.engine import sparse_rows
from keras_optim.tensors import tensor

Tensor = Any


class Bound:
    """A step bound to some of the variables, whose addresses are checked in each step.

    Args:
        step: See `torch_native.Step`.
        indices: The numbers of the variables, in the order of the gradients.
    """

    def __init__(self, step: Any, indices: list[int]):
        self.step = step
        self.native = [i for i in indices if i in step.items]
        self.places = [k for k, i in enumerate(indices) if i in step.items]
        self.variables = [step.variables[i] for i in self.native]
        self.constrained = [
            v for v in (step.variables[i] for i in indices) if v.constraint is not None
        ]
        self.holders = [v for i in indices for v in step.kept[i].values()]
        self.holders += step.shared.values()
        self.rest_places = [k for k, i in enumerate(indices) if i not in step.items]
        self.rest = Rest(step, [indices[k] for k in self.rest_places]) if self.rest_places else None
        self.addresses: list[int] | None = None
        self.last: list[int] = []
        """The addresses of the last gradients, which overlap with no variable and no state."""
        self.sizes: list[int] = []
        self.alike: Alike
        self.gradients_alike: Alike
        self.memory: Memory
        self.call: codegen.Call | None = None

    def apply(self, grads: Sequence[Any]) -> bool:
        """Make the step, and return whether it could: not if tensors are of another kind."""
        tensors = list(map(keras_private.value, self.holders))
        addresses = [t.data_ptr() for t in tensors]
        if addresses != self.addresses or not self.alike(tensors):
            self._bind(tensors, addresses)
        if self.call is None:
            return False
        others: list[Any] = []
        if self.rest is not None:
            ready = self.rest.ready([grads[k] for k in self.rest_places])
            if ready is None:
                return False
            grads, others = [grads[k] for k in self.places], ready
        found = self._found(grads)
        if found is None:
            if not all(map(_convertible, grads, self.xs)):
                return False
            grads = [_plain(g, x) for g, x in zip(grads, self.xs, strict=True)]
            found = self._found(grads)
            if found is None:
                return False
        self.step.ask()
        new = self.rest.compute(others) if self.rest is not None else ()
        self.call(found)
        for target, value in new:
            target.detach().copy_(value)
        torch.autograd.graph.increment_version(self.xs)
        for v in self.constrained:
            v.assign(v.constraint(v))
        return True

    def _found(self, grads: Sequence[Any]) -> list[int] | None:
        """Return the addresses of the gradients; `None` if the kernel cannot take one of them."""
        if not self.gradients_alike(grads):
            return None
        found = [g.data_ptr() for g in grads]
        if found == self.last or all(map(self.memory.apart, found, self.sizes)):
            self.last = found
            return found
        return None

    def _bind(self, tensors: list[Tensor], addresses: list[int]) -> None:
        step = self.step
        self.addresses, self.alike, self.last = addresses, Alike(tensors), []
        self.memory = Memory(tensors)
        self.xs = list(map(keras_private.value, self.variables))
        self.sizes = [x.numel() * x.element_size() for x in self.xs]
        self.call = None
        try:
            if self.memory.overlap:
                raise codegen.Refused("tensors share their memory")
            if self.native:
                self.call = step.kernel.bind(
                    [step.items[i] for i in self.native],
                    [values(step.kept[i]) for i in self.native],
                    step.shared_values(),
                )
        except codegen.Refused:
            return
        self.gradients_alike = Alike([x.detach() for x in self.xs])


class Rest:
    """The variables whose rule no kernel can compute: operation by operation, in the same step.

    Args:
        step: See `torch_native.Step`.
        indices: The numbers of these variables.
    """

    def __init__(self, step: Any, indices: Sequence[int]):
        self.step = step
        self.kept = [step.kept[i] for i in indices]
        self.fixed = [step.fixed[i] for i in indices]

    def ready(self, grads: Sequence[Any]) -> list[Tensor] | None:
        """Return the gradients as plain tensors; `None` if one is of another kind or shape."""
        xs = [keras_private.value(kept["x"]) for kept in self.kept]
        if not all(map(_convertible, grads, xs)):
            return None
        plain = [_plain(g, x) for g, x in zip(grads, xs, strict=True)]
        same = all(g.shape == x.shape for g, x in zip(plain, xs, strict=True))
        return plain if same else None

    def compute(self, grads: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Return the tensors that change, and their new values; write nothing."""
        step = self.step
        with torch.no_grad():
            items = [{**values(kept), "g": g} for kept, g in zip(self.kept, grads, strict=True)]
            shared = step.shared_values()
            new_items, new_shared = step.function(items, shared, self.fixed)
        old, new = [], []
        for before, after in zip(items, new_items, strict=True):
            names = [name for name in before if name != "g"]
            old += [before[name] for name in names]
            new += [after[name] for name in names]
        others = [name for name in shared if name not in step.kernel.written]
        old += [shared[name] for name in others]
        new += [new_shared[name] for name in others]
        return [(a, b) for a, b in zip(old, new, strict=True) if a is not b]


class Memory:
    """The ranges of memory that tensors occupy."""

    def __init__(self, tensors: Sequence[Tensor]):
        places = [(t.data_ptr(), t.numel() * t.element_size()) for t in tensors]
        taken = sorted((start, start + size) for start, size in places if size)
        self.starts = [start for start, _ in taken]
        self.ends = [end for _, end in taken]
        self.overlap = any(map(int.__gt__, self.ends, self.starts[1:]))
        """Whether two of the ranges overlap."""

    def apart(self, address: int, size: int) -> bool:
        """Whether `size` bytes from `address` exist and overlap with none of the ranges."""
        if not (address and size):
            return not size
        before = bisect.bisect_left(self.starts, address + size)
        return not before or self.ends[before - 1] <= address


def values(holders: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of Keras variables, by their names."""
    return {name: keras_private.value(v) for name, v in holders.items()}


def _convertible(g: Any, x: Tensor) -> bool:
    """Whether a gradient can be copied into the dtype of its half or single-precision variable."""
    half = x.dtype in (torch.bfloat16, torch.float16)  # a wider gradient keeps its precision
    if isinstance(g, torch.Tensor):
        fits = g.dtype == x.dtype if half else g.is_floating_point()
        return bool(fits and g.device == x.device)
    return isinstance(g, np.ndarray) and g.dtype.kind == "f" and not half


def _plain(g: Any, x: Tensor) -> Any:
    """Copy a gradient into a plain tensor of its own; one of another shape is returned as it is."""
    g = sparse_rows.dense(tensor(g)).detach()
    if g.shape != x.shape:
        return g
    return torch.empty(x.shape, dtype=x.dtype, device=x.device).copy_(g)
