"""A pure function bound to tensors: traced, built, and called on them in place."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from keras_optim.native import building, source
from keras_optim.native.tracing import Function, Graph, Refused, trace

Tensors = Mapping[str, torch.Tensor]


class Kernel:
    """`function` for items that are there for good; each call does some of them, in one loop.

    Args:
        function: See `tracing.Function`.
        items: The arrays of each item.
        constants: What `function` gets as its third argument for each item; hashable.
        shared: What it gets as its second.
        leading: The array that is new in each call, of the shape that the others follow.

    Raises:
        Refused: the function, or a tensor, is not of a kind that can be done.
        BuildError: there is no compiler, or it failed.

    Example:

    >>> import torch
    >>> def add(arrays, shared, constants, total):
    ...     return {"y": arrays["y"] + shared["a"] * arrays["x"]}, {}
    >>> x, y, a = torch.ones(3), torch.zeros(3), torch.tensor(2.0)
    >>> kernel = Kernel(add, [{"x": x, "y": y}], [{}], {"a": a}, leading="x")
    >>> kernel.bind([0], [{"x": x, "y": y}], {"a": a})([x.data_ptr()])
    >>> y
    tensor([2., 2., 2.])
    """

    def __init__(
        self,
        function: Function,
        items: Sequence[Tensors],
        constants: Sequence[Any],
        shared: Tensors,
        leading: str,
    ):
        graphs: dict[Any, Graph] = {}
        chosen = []
        for arrays, constant in zip(items, constants, strict=True):
            key = (_signature(arrays), tuple((k, type(v), v) for k, v in constant.items()))
            if key not in graphs:
                graphs[key] = trace(function, arrays, shared, constant, leading)
            chosen.append(graphs[key])
        self._text = source.write(chosen)
        self._run = building.load(self._text.source)
        self._leading = self._text.arrays.index(leading)
        self._sizes = [arrays[leading].numel() for arrays in items]
        self._signatures = [_signature(arrays) for arrays in (*items, shared)]

    def bind(self, indices: Sequence[int], items: Sequence[Tensors], shared: Tensors) -> "Call":
        """The function on the items that `indices` count, all but the leading array fixed.

        Raises:
            Refused: a tensor is not what it was when the function was traced.
        """
        return Call(self, indices, items, shared)


class Call:
    """A kernel and the addresses of what it works on."""

    def __init__(
        self, kernel: Kernel, indices: Sequence[int], items: Sequence[Tensors], shared: Tensors
    ):
        text, signatures = kernel._text, kernel._signatures
        for arrays, i in zip((*items, shared), (*indices, -1), strict=True):
            for name, value in arrays.items():
                check(name, value)
            if not _signature(arrays) <= signatures[i]:
                raise Refused("tensors are not those that the function was traced for")
        self._held = (*items, shared)
        used = [v.data_ptr() for arrays in self._held for v in arrays.values() if v.numel()]
        if len(set(used)) < len(used):
            raise Refused("two tensors share their memory")
        self._run, self._sums = kernel._run, text.sums
        self._count = len(indices)
        self._size = (ctypes.c_int64 * self._count)(*[kernel._sizes[i] for i in indices])
        self._body = (ctypes.c_int64 * self._count)(*[text.bodies[i] for i in indices])
        self._parameters = _doubles([v for i in indices for v in text.parameters[i]])
        self._constants = _doubles(text.constants)
        self._shared = _addresses([shared[name] for name in text.shared])
        self._table = (ctypes.c_void_p * (self._count * len(text.arrays)))()
        self._places = slice(kernel._leading, None, len(text.arrays))
        for n, name in enumerate(text.arrays):
            if n != kernel._leading:
                self._table[n :: len(text.arrays)] = [a[name].data_ptr() for a in items]
        self._threads = 0

    def __call__(self, leading: list[Any]) -> None:
        """Do it, with one leading array for each item, given by its address.

        They must be plain, contiguous, and of the shape and type they had for the kernel.
        """
        threads = torch.get_num_threads()
        if threads != self._threads:
            self._threads = threads
            self._part = (ctypes.c_double * (self._count * self._sums * threads))()
        self._table[self._places] = leading
        self._run(
            self._count,
            self._size,
            self._body,
            self._table,
            self._parameters,
            self._constants,
            self._shared,
            threads,
            self._part,
        )


def check(name: str, value: torch.Tensor) -> None:
    """Refuse what is not a plain tensor in the memory of the host.

    Raises:
        Refused: it is not.
    """
    plain = type(value) in (torch.Tensor, torch.nn.Parameter) and value.layout == torch.strided
    if not plain or value.device.type != "cpu" or not value.is_contiguous():
        raise Refused(f"{name} is no plain, contiguous tensor on the CPU")


def _signature(arrays: Tensors) -> frozenset[Any]:
    return frozenset((name, tuple(v.shape), v.dtype) for name, v in arrays.items())


def _doubles(values: Sequence[float]) -> Any:
    return (ctypes.c_double * len(values))(*values)


def _addresses(tensors: Sequence[torch.Tensor]) -> Any:
    return (ctypes.c_void_p * len(tensors))(*[t.data_ptr() for t in tensors])
