"""Kernels: a pure function traced, compiled, proved, and called on tensors in place."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from keras_optim.codegen import on_cpu, on_cuda
from keras_optim.codegen.graph import Graph, Refused
from keras_optim.codegen.proving import prove
from keras_optim.codegen.tracing import Function, trace

Tensors = Mapping[str, torch.Tensor]
ENGINES: dict[str, Any] = {"cpu": on_cpu, "cuda": on_cuda}
"""By the kind of device: modules with `write`, `load` and `Tables`."""


class Kernel:
    """Compiled form of `function` for lasting items; each call does some of them in one loop.

    Args:
        function: See `tracing.Function`.
        items: The arrays of each item.
        constants: The third argument of `function` for each item: a dict of hashable values and
            of such dicts.
        shared: Its second argument.
        leading: The name of the array that is new in each call. The others follow its shape.

    Raises:
        Refused: the function or a tensor is of a kind that kernels do not support.
        BuildError: there is no compiler, or it failed, or its library gives wrong numbers.

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
            key = (_signature(arrays), _frozen(constant))
            if key not in graphs:
                graphs[key] = trace(function, arrays, shared, constant, leading)
            chosen.append(graphs[key])
        self.sums = any(node.op == "total" for graph in graphs.values() for node in graph.nodes)
        """Whether a number is summed over all items."""
        self.written = frozenset(
            name
            for graph in graphs.values()
            for name, i in graph.shared.items()
            if graph.nodes[i].name != name
        )
        """The names of the shared numbers that a call changes."""
        devices = {v.device for arrays in (*items, shared) for v in arrays.values()}
        self._device = devices.pop()
        if devices or self._device.type not in ENGINES:
            raise Refused(f"tensors on {self._device.type}, or on several devices")
        self._engine = ENGINES[self._device.type]
        self._text = self._engine.write(chosen, leading)
        self._run = self._engine.load(self._text.source)
        self._leading = leading
        self._sizes = [arrays[leading].numel() for arrays in items]
        self._shapes = [tuple(arrays[leading].shape) for arrays in items]
        prove(self._engine, self._text, self._run, chosen, self._shapes, leading, self._device)
        self._signatures = [_signature(arrays) for arrays in (*items, shared)]

    def bind(self, indices: Sequence[int], items: Sequence[Tensors], shared: Tensors) -> "Call":
        """Bind the kernel to the items at `indices`: all their arrays but the leading one.

        Raises:
            Refused: a tensor differs from the one that the function was traced with.
        """
        return Call(self, indices, items, shared)


def supported(
    function: Function,
    items: Sequence[Tensors],
    constants: Sequence[Any],
    shared: Tensors,
    leading: str,
) -> list[int]:
    """Return the numbers of the items that a kernel of their own could step; see `Kernel`."""
    known: dict[Any, bool] = {}
    able = []
    for i, (arrays, constant) in enumerate(zip(items, constants, strict=True)):
        key = (_signature(arrays), _frozen(constant))
        if key not in known:
            try:
                graph = trace(function, arrays, shared, constant, leading)
                ENGINES[arrays[leading].device.type].write([graph], leading)
                known[key] = True
            except Refused:
                known[key] = False
        if known[key]:
            able.append(i)
    return able


class Call:
    """Kernel bound to the addresses of its tensors."""

    def __init__(
        self, kernel: Kernel, indices: Sequence[int], items: Sequence[Tensors], shared: Tensors
    ):
        text, signatures = kernel._text, kernel._signatures
        for arrays, i in zip((*items, shared), (*indices, -1), strict=True):
            for name, value in arrays.items():
                check(name, value)
            if not _signature(arrays) <= signatures[i]:
                raise Refused("tensors differ from those that the function was traced with")
        self._held = (*items, shared)
        used = [v.data_ptr() for arrays in self._held for v in arrays.values() if v.numel()]
        if len(set(used)) < len(used):
            raise Refused("two tensors share their memory")
        self.run = kernel._engine.Tables(
            text,
            kernel._run,
            [kernel._sizes[i] for i in indices],
            [kernel._shapes[i] for i in indices],
            indices,
            text.addresses(items, kernel._leading),
            [shared[name].data_ptr() for name in text.shared],
            kernel._device,
        ).run

    def __call__(self, leading: list[Any]) -> None:
        """Run the kernel with the address of one leading array for each item.

        These arrays must be plain, contiguous, on the device, and of the shape and dtype that the
        kernel was made for.
        """
        self.run(leading)


def check(name: str, value: torch.Tensor) -> None:
    """Refuse a value that is not a plain tensor.

    Raises:
        Refused: it is another kind of tensor, on another device, or not contiguous.
    """
    plain = type(value) in (torch.Tensor, torch.nn.Parameter) and value.layout == torch.strided
    if not plain or value.device.type not in ENGINES or not value.is_contiguous():
        raise Refused(f"{name} is no plain, contiguous tensor on a CPU or a CUDA device")


def _frozen(constant: Mapping[str, Any]) -> Any:
    """Return something hashable that is equal for equal dicts only, where 1 is not `True`."""
    return tuple(
        (name, _frozen(value)) if isinstance(value, dict) else (name, type(value), value)
        for name, value in constant.items()
    )


def _signature(arrays: Tensors) -> frozenset[Any]:
    return frozenset((name, tuple(v.shape), v.dtype) for name, v in arrays.items())
