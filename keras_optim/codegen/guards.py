"""Guards: whether tensors are still of the kind that a kernel was made for.

A kernel gets addresses alone, so it cannot check them itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

Check = Callable[..., bool]
PLAIN = (torch.Tensor, torch.nn.Parameter)


class Alike:
    """Guard that compares tensors with `examples` in all but the numbers and the address.

    It accepts plain, contiguous tensors of the same dtypes and shapes, on the same device. They
    carry no mark such as the negative bit, with which PyTorch puts off an operation.

    Example:

    >>> alike = Alike([torch.ones(2, 3)])
    >>> [alike([t]) for t in (torch.zeros(2, 3), torch.zeros(3, 2).T, torch.ones(2, 3)._neg_view())]
    [True, False, False]
    """

    def __init__(self, examples: Sequence[torch.Tensor]):
        self._kinds = [(t.dtype, t.get_device(), t.shape) for t in examples]
        self._quick = _quick(examples) if _QUICK_IS_RIGHT else None

    def __call__(self, tensors: Sequence[Any]) -> bool:
        """Whether each of `tensors` is like its example; both lists have the same length."""
        if self._quick is not None and self._quick(*tensors):
            return True
        try:
            return all(
                t.dtype is dtype
                and t.get_device() == device
                and t.shape == shape
                and type(t) in PLAIN
                and t.is_contiguous()
                and not (t.is_neg() or t.is_meta or t._is_zerotensor())
                for t, (dtype, device, shape) in zip(tensors, self._kinds, strict=True)
            )
        except (AttributeError, RuntimeError):  # no tensor; a sparse one is not contiguous
            return False


def _quick(examples: Sequence[torch.Tensor]) -> Check | None:
    """Return the check that PyTorch's own compiler makes before each call: one call into C++.

    It may refuse tensors that are alike, such as one that requires a gradient. It is private to
    PyTorch, so it is used only if it exists and `_right` finds it correct.
    """
    try:
        from torch._C._dynamo.guards import TensorGuards

        guards = TensorGuards(
            *examples,
            dynamic_dims_sizes=[list(t.shape) for t in examples],
            dynamic_dims_strides=[list(t.stride()) for t in examples],
        )
        return guards.check
    except Exception:  # another version of PyTorch: fall back to the check in Python
        return None


def _right() -> bool:
    """Whether the quick check accepts a plain tensor and refuses all odd ones."""
    like = torch.zeros(2, 3)
    check = _quick([like])
    if check is None:
        return False
    others = [
        torch.zeros(3, 2),
        torch.zeros(3, 2).T,
        torch.zeros(2, 6)[:, ::2],
        torch.zeros(2, 3, dtype=torch.float64),
        torch.zeros(2, 3, device="meta"),
        torch.zeros(2, 3)._neg_view(),
        torch._efficientzerotensor((2, 3)),
        torch.nn.Parameter(like),
        torch.zeros(2, 3).to_sparse(),
        None,
    ]
    try:
        return check(torch.ones(2, 3)) and not any(check(other) for other in others)
    except Exception:
        return False


_QUICK_IS_RIGHT = _right()
