"""Device of the timed steps: threads, the speed of memory, and PyTorch's GPU if it has one."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import keras
import numpy as np

BACKEND = keras.backend.backend()
TURN = 0.002
"""Seconds that each thread works on its part of the memory without a break."""


def threads(count: int | None) -> int:
    """Set the number of PyTorch's threads, `None` for all; return the number."""
    if BACKEND != "torch":
        return os.cpu_count() or 1
    import torch

    torch.set_num_threads(count or os.cpu_count() or 1)
    return int(torch.get_num_threads())


def on_gpu() -> bool:
    """Tell whether PyTorch has a GPU; it then runs all contenders there."""
    if BACKEND != "torch":
        return False
    import torch

    return bool(torch.cuda.is_available())


def wait() -> None:
    """Wait until the device has done all its work."""
    if on_gpu():
        import torch

        torch.cuda.synchronize()


def kernels(step: Callable[[], Any]) -> int | None:
    """Count the kernels that one step launches on a GPU; `None` without a GPU."""
    if not on_gpu():
        return None
    import torch

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        step()
        wait()
    on_device = [e for e in profile.events() if e.device_type == torch.autograd.DeviceType.CUDA]
    return sum(not event.name.startswith(("Memcpy", "Memset")) for event in on_device)


def bandwidth(used: int, size: int) -> float:
    """Measure bytes per second, read and written, of multiplying `size` bytes in place.

    A step uses as much memory, so it finds the same share of it in the cache. The multiplication is
    in place, because a copy would first read the bytes that it overwrites. The result is NaN for a
    GPU of another backend.
    """
    if on_gpu():
        return _on_gpu(size)
    if _elsewhere():
        return float("nan")
    parts = [np.ones(max(size // 4 // used, 1), "float32") for _ in range(used)]

    def multiply(part: np.ndarray, times: int) -> float:
        start = perf_counter()
        for _ in range(times):
            np.multiply(part, 1.0, out=part)
        return (perf_counter() - start) / times

    once = min(multiply(parts[0], 1) for _ in range(5))
    times = max(1, round(TURN / once))
    with ThreadPoolExecutor(used) as pool:
        slowest = (max(pool.map(multiply, parts, [times] * used)) for _ in range(15))
        return 2 * sum(part.nbytes for part in parts) / min(slowest)


def _elsewhere() -> bool:
    """Tell whether JAX or TensorFlow works on an accelerator."""
    if BACKEND == "jax":
        import jax

        return bool(jax.default_backend() != "cpu")
    return BACKEND == "tensorflow" and bool(keras.distribution.list_devices("gpu"))


def _on_gpu(size: int) -> float:
    import torch

    part = torch.ones(max(size // 4, 1), device="cuda")
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    times = 20
    part.mul_(1.0)
    start.record()
    for _ in range(times):
        part.mul_(1.0)
    end.record()
    wait()
    return 2 * 4 * part.numel() * times / (1e-3 * start.elapsed_time(end))
