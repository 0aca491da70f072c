"""Distribution of state and gradients over several devices.

On JAX, `keras.distribution` spreads variables over a mesh. On TensorFlow, `tf.distribute` keeps a
copy of them on each replica. On PyTorch, `fully_shard` makes DTensors of them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_optim import keras_private
from keras_optim.tensors import BACKEND, Tensor, native_value, tf

Directed = Callable[[Any, Tensor, Any, Tensor], tuple[Tensor, Any]]


def replicated(variable: Any, rank: int) -> Any:
    """Return the layout of state of another shape than its `variable`: whole, on each device."""
    layout = keras_private.layout(variable)
    if isinstance(layout, keras.distribution.TensorLayout):
        return keras.distribution.TensorLayout((None,) * rank, layout.device_mesh)
    return None


def spread_like(variable: Any, initializer: Any) -> Callable[..., Tensor]:
    """Make an initializer return values that can be added to `variable`, see `alike`."""
    initializer = keras.initializers.get(initializer)
    if not is_dtensor(native_value(variable)):
        return initializer

    def spread(shape: Any, dtype: Any = None) -> Tensor:
        return alike(native_value(variable), initializer(shape, dtype=dtype))

    spread.kept_in = getattr(initializer, "kept_in", None)  # type: ignore[attr-defined]
    return spread


def alike(reference: Tensor, value: Tensor) -> Tensor:
    """Return `value` as a DTensor if `reference` is one, so that they can be added.

    It lies over the devices as `reference` does; of another shape, it is whole on each of them.
    """
    if not is_dtensor(reference) or is_dtensor(value):
        return value
    from torch.distributed.tensor import Replicate, distribute_tensor

    mesh, same = reference.device_mesh, tuple(value.shape) == tuple(reference.shape)
    placements = reference.placements if same else [Replicate()] * mesh.ndim
    value = keras.ops.convert_to_tensor(value)
    return distribute_tensor(value, mesh, placements, src_data_rank=None)


def whole(value: Tensor) -> Tensor:
    """Return all of a DTensor, on each device; another tensor as it is."""
    return value.full_tensor() if is_dtensor(value) else value


def on_parts(function: Callable[..., Tensor], *values: Tensor) -> Tensor:
    """Return a function of DTensors that each device computes from its own parts of them."""
    first: Any = values[0]
    part = function(*(value.to_local() for value in values))
    return type(first).from_local(
        part, first.device_mesh, first.placements, shape=first.shape, stride=first.stride()
    )


def on_whole_tensors(directed: Directed) -> Directed:
    """Decorate a method of `g`, `s` and `t`, for matrix functions that DTensors do not have.

    It sees the whole tensors on each device. Its direction is spread again as `g` is, and its new
    slots as the old ones.
    """

    def whole_directed(self: Any, g: Tensor, s: Any, t: Tensor) -> tuple[Tensor, Any]:
        if not is_dtensor(g):
            return directed(self, g, s, t)
        direction, new = directed(self, whole(g), {n: whole(v) for n, v in s.items()}, whole(t))
        return alike(g, direction), {name: alike(s[name], value) for name, value in new.items()}

    return whole_directed


def summed(optimizer: Any, grads: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the gradients, added up over the replicas of `tf.distribute`.

    Raises:
        ValueError: outside of `strategy.run`, under another strategy than the optimizer's, or
            compiled in a way that TensorFlow cannot run on several devices.
    """
    if BACKEND != "tensorflow" or not tf().distribute.has_strategy():
        return grads
    check_strategy(optimizer, ())
    context = tf().distribute.get_replica_context()
    if context is None:
        title = type(optimizer).__name__
        raise ValueError(f"{title}: under a strategy, call `apply` inside of `strategy.run`.")
    _check_compilation(optimizer)
    return context.all_reduce(tf().distribute.ReduceOp.SUM, list(grads))


def add(optimizer: Any, variable: Any, change: Tensor) -> bool:
    """Add `change` to a variable in place, and return whether the backend can.

    TensorFlow does so in one operation; on other backends it would save nothing.
    """
    dtype = keras.backend.standardize_dtype(change.dtype)
    if BACKEND != "tensorflow" or tf().distribute.has_strategy() or variable.dtype != dtype:
        return False
    negative = tf().is_symbolic_tensor(change) and change.op.type == "Neg"
    if negative:  # one operation on the whole tensor less; the same bits
        optimizer.assign_sub(variable, change.op.inputs[0])
    else:
        optimizer.assign_add(variable, change)
    return True


def assign(optimizer: Any, values: Sequence[tuple[Any, Tensor]]) -> None:
    """Give each variable its new value; under `tf.distribute`, its copy on each replica."""
    if BACKEND != "tensorflow" or not tf().distribute.has_strategy():
        for variable, value in values:
            value = value if is_dtensor(native_value(variable)) else whole(value)
            optimizer.assign(variable, value)
        return
    variables = [native_value(variable) for variable, _ in values]

    def on_each_replica(strategy: Any, values: Sequence[Tensor]) -> None:
        for variable, value in zip(variables, values, strict=True):
            strategy.extended.update(variable, optimizer.assign, args=(value,), group=False)

    tf().__internal__.distribute.interim.maybe_merge_call(
        on_each_replica, keras_private.strategy(optimizer), [value for _, value in values]
    )


def check_strategy(optimizer: Any, variables: Sequence[Any]) -> None:
    """Refuse an optimizer that cannot run, or would run wrongly, under `tf.distribute`.

    Raises:
        ValueError: the optimizer was made under another strategy than its variables or the step,
            or has an option that its strategy cannot run.
    """
    if BACKEND != "tensorflow":
        return
    title, distribute = type(optimizer).__name__, tf().distribute
    own = keras_private.strategy(optimizer)
    elsewhere = distribute.has_strategy() and distribute.get_strategy() is not own
    created_here = own.extended.variable_created_in_scope
    if elsewhere or not all(created_here(native_value(v)) for v in variables):
        raise ValueError(
            f"{title}: model and optimizer must be made under one strategy. Construct both, and "
            "call `compile`, inside of `with strategy.scope():`."
        )
    for option, instead in _UNMIRRORED.items():
        if getattr(optimizer, option) and _runs_in_threads(own):
            raise ValueError(
                f"{title}: `{option}` does not run under {type(own).__name__}, whose replicas "
                f"cannot wait for each other inside of a condition. {instead}"
            )


def check_scaling(title: str) -> None:
    """Refuse a second pass inside the condition in which `LossScaleOptimizer` makes its steps.

    Raises:
        ValueError: under a strategy whose replicas are threads.
    """
    if BACKEND == "tensorflow" and tf().distribute.has_strategy():
        strategy = tf().distribute.get_strategy()
        if _runs_in_threads(strategy):
            raise ValueError(
                f"{title}: under {type(strategy).__name__}, a second pass cannot run inside of a "
                'LossScaleOptimizer. Use the policy "mixed_bfloat16", or call `compile` with '
                "auto_scale_loss=False."
            )


def check_replicas(
    title: str, reason: str = "each replica would see the curvature of its own part of the batch"
) -> None:
    """Refuse a pass in some steps only, on several replicas of `tf.distribute`.

    Raises:
        ValueError: there are several.
    """
    if BACKEND == "tensorflow" and tf().distribute.has_strategy():
        strategy = tf().distribute.get_strategy()
        if strategy.num_replicas_in_sync > 1:
            raise ValueError(
                f"{title}: {type(strategy).__name__} is not supported, because {reason}. Use one "
                "device, or JAX with keras.distribution.DataParallel."
            )


_UNMIRRORED = {
    "gradient_accumulation_steps": "Leave it out and use a larger batch.",
    "ema_overwrite_frequency": "Leave it out, or put keras_optim.EMA around the optimizer.",
}


def check_one_loss(title: str) -> None:
    """Refuse a rule that sees the loss where each replica has one of its own.

    Raises:
        ValueError: several replicas train under a strategy, or several processes on PyTorch.
    """
    several = BACKEND != "jax" and processes() > 1
    if BACKEND == "tensorflow" and tf().distribute.has_strategy():
        several = tf().distribute.get_strategy().num_replicas_in_sync > 1
    if several:
        raise ValueError(
            f"{title}: each replica has a loss of its own, and the step needs that of all. Train "
            "on one device, or with keras.distribution on JAX."
        )


def _runs_in_threads(strategy: Any) -> bool:
    threaded = (tf().distribute.MirroredStrategy, tf().distribute.MultiWorkerMirroredStrategy)
    return isinstance(strategy, threaded)


def _check_compilation(optimizer: Any) -> None:
    """Refuse a step that is traced in a way in which its replicas could not run."""
    strategy, title = keras_private.strategy(optimizer), type(optimizer).__name__
    if not _runs_in_threads(strategy) or strategy.num_replicas_in_sync == 1:
        return
    graph = tf().compat.v1.get_default_graph()
    while outer := getattr(graph, "outer_graph", None):
        # TensorFlow's own error would be "You must feed a value for placeholder tensor".
        if [type(graph).__name__, type(outer).__name__] == ["FuncGraph", "CondBranchFuncGraph"]:
            raise ValueError(
                f"{title}: {type(strategy).__name__} cannot run a compiled step inside of a "
                "condition. Call `compile` with steps_per_execution=1."
            )
        # "Trying to access resource ... located in device CPU:1 from device CPU:0".
        context = type(outer._get_control_flow_context()).__name__
        if context == "XLAControlFlowContext" and strategy.extended._use_merge_call():
            raise ValueError(
                f"{title}: XLA cannot compile a step for several devices that are not GPUs. "
                "Call `compile` with jit_compile=False."
            )
        graph = outer


def processes() -> int:
    """Return the number of processes that train together."""
    if BACKEND == "jax":
        import jax

        return int(jax.process_count())
    if BACKEND == "tensorflow":
        strategy = tf().distribute.get_strategy()
        return getattr(strategy.extended, "_num_workers", 1)
    if BACKEND == "torch":
        import torch.distributed as torch_distributed

        if torch_distributed.is_available() and torch_distributed.is_initialized():
            return int(torch_distributed.get_world_size())
    return 1


def is_dtensor(value: Any) -> bool:
    """Whether a tensor of PyTorch lies over several devices."""
    return BACKEND == "torch" and hasattr(value, "placements")
