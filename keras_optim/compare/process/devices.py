"""Devices: the choice of one on each backend, and its description.

The command line calls `environment` before it imports a backend; `prepare` runs in the process
that imports one.
"""

import importlib.util
import os
import textwrap
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from keras_optim.compare.process.errors import UsageError, one_line

BACKENDS = ("jax", "tensorflow", "torch")
DEVICES = ("auto", "cpu", "gpu", "tpu")


def installed_backends() -> list[str]:
    """List the installed backends, the preferred one first."""
    return [name for name in BACKENDS if importlib.util.find_spec(name) is not None]


def chosen(asked: str | None) -> str:
    """Choose the backend: `asked`, else KERAS_BACKEND, else the first that is installed.

    Raises:
        UsageError: it is unknown or not installed.
    """
    name, installed = asked or os.environ.get("KERAS_BACKEND"), installed_backends()
    if not installed:
        raise UsageError("no backend is installed: pip install jax")
    if not name:
        return installed[0]
    if name not in BACKENDS:
        raise UsageError(f"KERAS_BACKEND is {name!r}; use one of {', '.join(BACKENDS)}")
    if name not in installed:
        raise UsageError(
            f"backend {name} is not installed: pip install {name}; "
            f"installed: {', '.join(installed)}"
        )
    return name


def environment(backend: str, device: str) -> dict[str, str]:
    """Return the variables that keep a process to `device`, set before it imports `backend`."""
    variables = {"KERAS_BACKEND": backend}
    if device == "cpu":
        keep = {
            "jax": {"JAX_PLATFORMS": "cpu"},
            "tensorflow": {"CUDA_VISIBLE_DEVICES": "-1"},
            "torch": {"KERAS_TORCH_DEVICE": "cpu"},
        }
        variables.update(keep[backend])
    return variables


@dataclass(frozen=True)
class Devices:
    """The devices a run trains on."""

    kind: str
    """cpu, gpu or tpu."""
    count: int
    description: str
    """Their name in the backend."""
    scope: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)
    """Context in which to create and compile model and optimizer."""


def prepare(backend: str, device: str) -> Devices:
    """Set up `device` in this process; "auto" is the best one found.

    Raises:
        UsageError: the device is absent; the text names the devices that were found.
    """
    return {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[backend](device)


def _jax(device: str) -> Devices:
    import jax
    import keras

    found = jax.devices()
    kind = _JAX_KINDS.get(found[0].platform, found[0].platform)
    if device not in ("auto", kind):
        raise _missing("JAX", device, [f"{d.platform} ({d.device_kind})" for d in found])
    if len(found) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel())
    return Devices(kind, len(found), found[0].device_kind)


_JAX_KINDS = {"cuda": "gpu", "rocm": "gpu"}


def _tensorflow(device: str) -> Devices:
    import tensorflow as tf

    found = [d.name.removeprefix("/physical_device:") for d in tf.config.list_physical_devices()]
    gpus = tf.config.list_physical_devices("GPU")
    address = os.environ.get("TPU_NAME")
    if tf.config.list_physical_devices("TPU") or device == "tpu":
        address = address or "local"
    if device == "tpu" or (device == "auto" and address):
        try:
            return _tensorflow_tpu(tf, address)
        except Exception as error:  # without a TPU, TensorFlow raises errors of many kinds
            if device == "tpu":
                raise _missing("TensorFlow", device, found, one_line(error)) from error
    if device in ("auto", "gpu") and gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
        return Devices("gpu", 1, name)
    if device == "gpu":
        raise _missing("TensorFlow", device, found)
    return Devices("cpu", 1, "cpu")


def _tensorflow_tpu(tf: Any, address: str | None) -> Devices:
    """Connect to the TPU at `address` ("local": in this machine), its cores in one strategy."""
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address)
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    strategy = tf.distribute.TPUStrategy(resolver)
    return Devices("tpu", strategy.num_replicas_in_sync, "TPU", strategy.scope)


def _torch(device: str) -> Devices:
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        gpus.append("Apple MPS")
    found = ["cpu", *(f"gpu ({name})" for name in gpus)]
    if device == "tpu":
        raise _missing("PyTorch", device, found, "Keras runs PyTorch on no TPU")
    if device == "gpu" and not gpus:
        raise _missing("PyTorch", device, found)
    # Keras itself uses the first GPU, unless `environment` says cpu.
    return Devices("cpu", 1, "cpu") if device == "cpu" or not gpus else Devices("gpu", 1, gpus[0])


def _missing(library: str, device: str, found: list[str], reason: str = "") -> UsageError:
    because = f" ({textwrap.shorten(reason, 120)})" if reason else ""
    return UsageError(
        f"--device {device}: {library} finds no {device.upper()}{because}; found: "
        f"{', '.join(found)}. Use --device auto, or install {library} for that device."
    )
