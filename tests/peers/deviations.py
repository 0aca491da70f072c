"""What has to be done to a library where it deviates from the paper, so that both can be compared."""

import contextlib
import functools
import math
import pkgutil
import sys
from unittest import mock

import numpy as np

from tests.peers.libraries import torch_like
from tests.support.precision import x64


def adjusted(name, adjust):
    """The optimizer of that name, with `adjust(optimizer, group, t)` called before step t.

    It feeds a library hyper-parameters that vary so as to cancel what it does differently from the paper.
    """

    def make(params, **arguments):
        optimizer = pkgutil.resolve_name(name)(params, **arguments)
        steps = iter(range(1, 10**9))
        optimizer.register_step_pre_hook(lambda o, *_: adjust(o, o.param_groups[0], next(steps)))
        return optimizer

    return make


def epsilon_after_correction(optimizer, group, t):
    """For those that add epsilon to sqrt(v) before the bias correction, where the paper adds it after."""
    group["eps"] = 1e-2 * math.sqrt(1 - group["betas"][1] ** t)


def no_correction(optimizer, group, t):
    """For those with Adam's bias correction and epsilon before it, where the paper has no correction."""
    beta_1, beta_2 = group["betas"]
    group["lr"] *= (1 - beta_1**t) / math.sqrt(1 - beta_2**t)


def no_correction_torch(optimizer, group, t):
    """The same for torch's Adam, whose epsilon comes after the correction."""
    no_correction(optimizer, group, t)
    group["eps"] = 1e-2 / math.sqrt(1 - group["betas"][1] ** t)


def corrected_average(beta, t):
    """The decay that makes a plain average equal to the bias-corrected one of decay beta."""
    return beta * (1 - beta ** (t - 1)) / (1 - beta**t)


def adamod_adjust(optimizer, group, t):
    """The paper bounds the rate before the first moment's correction, the code after: correct the moment itself."""
    group["betas"] = (corrected_average(0.8, t), 0.95, 0.9)
    group["eps"] = 1e-2 * math.sqrt(1 - 0.95**t)


def adamp_adjust(optimizer, group, t):
    """Epsilon after the correction, while the projection gets the same epsilon: correct the moment itself."""
    beta_2 = corrected_average(0.95, t)
    scale = math.sqrt(1 - beta_2**t)
    group["betas"] = (0.8, beta_2)
    group["lr"] /= scale
    group["weight_decay"] = 0.1 * scale


def yogi_adjust(optimizer, group, t):
    """Its first moment starts where its second does, not at 0."""
    if t == 1:
        optimizer.init_group(group)
        for state in optimizer.state.values():
            state["exp_avg"].zero_()


def qhadam_adjust(optimizer, group, t):
    """It keeps the sums of its weights in float32: hold them in float64."""
    for state in optimizer.state.values():
        state["beta1_weight"], state["beta2_weight"] = (
            state["beta1_weight"].double(),
            state["beta2_weight"].double(),
        )


def madgrad_adjust(optimizer, group, t):
    """It adds epsilon to the learning rate."""
    group["lr"] -= 1e-2


def tiger_adjust(optimizer, group, t):
    """It has no scale: multiply the rate by it."""
    p = group["params"][0]
    group["lr"] *= p.square().mean().sqrt().item() if p.ndim >= 2 else 0.5


def optax_adafactor(optax, rate):
    """optax.adafactor without the parameters' scale; its own decay 1 - t^-0.7 is computed in float32."""
    return optax.chain(
        optax.scale_by_factored_rms(
            decay_rate_fn=lambda count, _: 1 - (count.astype("float64") + 1) ** -0.7,
            min_dim_size_to_factor=1,
            epsilon=1e-2,
        ),
        optax.clip_by_block_rms(0.7),
        optax.scale_by_learning_rate(rate),
    )


def optax_madgrad(optax, rate):
    """It adds epsilon to the learning rate, and computes sqrt(count + 1) in float32."""

    def adjusted_rate(count):
        import jax.numpy as jnp

        return rate(count) * jnp.sqrt(count.astype("float64") + 1) / jnp.sqrt(count + 1) - 1e-2

    return optax.contrib.madgrad(adjusted_rate, momentum=0.7, eps=1e-2)


def swats_optimizer(params, **arguments):
    """It writes the rate of its second phase where the rate of the first is set: keep it there."""
    optimizer, found = pkgutil.resolve_name("pytorch_optimizer.SWATS")(params, **arguments), []

    def before(optimizer, *_):
        if found:
            optimizer.param_groups[0]["lr"] = found[0]

    def after(optimizer, *_):
        group = optimizer.param_groups[0]
        if group["phase"] == "sgd" and not found:
            found.append(group["lr"])

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)
    return optimizer


def first_repeated(gradients):
    """The first three gradients equal and large, for SWATS to find a stable rate at its second step."""
    return [
        np.sign(gradients[0]) * 10 + gradients[0] if t < 3 else g for t, g in enumerate(gradients)
    ]


def growing(gradients):
    """Absolute values that only grow, for the maximum of v to be v."""
    return [np.sign(g) * (t + np.minimum(np.abs(g), 1)) for t, g in enumerate(gradients)]


def outputs_first(run):
    """For libraries whose kernels have their outputs on the first axis."""

    def move(tensor):
        return np.moveaxis(tensor, -1, 0).copy() if tensor.ndim >= 2 else tensor

    def moved(x, gradients, learning_rates):
        xs = run(move(x), [move(g) for g in gradients], learning_rates)
        return [np.moveaxis(x, 0, -1) if x.ndim >= 2 else x for x in xs]

    return moved


def po(name, **arguments):
    """A class of pytorch_optimizer."""
    return torch_like(f"pytorch_optimizer.{name}", **arguments)


def in_double(run):
    """For libraries whose Newton-Schulz iterations are in bfloat16: do them in float64."""

    def doubled(x, gradients, learning_rates):
        import pytorch_optimizer  # noqa: F401
        import torch

        name = "zero_power_via_newton_schulz_5"
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.double))
            for module in [m for n, m in sys.modules.items() if n.startswith("pytorch_optimizer.")]:
                if hasattr(module, name):
                    function = functools.partial(getattr(module, name), dtype=torch.float64)
                    stack.enter_context(mock.patch.object(module, name, function))
            return run(x, gradients, learning_rates)

    return doubled


def po_muon(name, groups=None, **arguments):
    """A class of pytorch_optimizer with groups for matrices and others, in float64."""

    def make(params, lr):
        matrix = params[0].ndim >= 2
        group = {"params": params, "use_muon": matrix, "lr": lr, **(groups or {}).get(matrix, {})}
        return pkgutil.resolve_name(f"pytorch_optimizer.{name}")([group], **arguments)

    return in_double(outputs_first(torch_like(make)))


def torch_lookahead(x, gradients, learning_rates):
    """pytorch_optimizer's Lookahead takes an optimizer, not parameters."""
    import pytorch_optimizer
    import torch

    p = torch.nn.Parameter(torch.tensor(x))
    optimizer = pytorch_optimizer.Lookahead(
        torch.optim.SGD([p], lr=1.0, momentum=0.7), k=4, alpha=0.3
    )
    xs = []
    for g, lr in zip(gradients, learning_rates):
        optimizer.param_groups[0]["lr"] = lr
        p.grad = torch.tensor(g)
        optimizer.step()
        xs.append(p.detach().numpy().copy())
    return xs


def optax_lookahead(x, gradients, learning_rates):
    """optax.lookahead works on pairs of fast and slow parameters."""
    import jax
    import jax.numpy as jnp
    import optax

    with x64():
        rates, xs = jnp.asarray(learning_rates), []
        transformation = optax.lookahead(optax.sgd(lambda count: rates[count], 0.7), 4, 0.3)
        x = optax.LookaheadParams.init_synced(jnp.asarray(x))
        state, update = transformation.init(x), jax.jit(transformation.update)
        for g in gradients:
            step, state = update(jnp.asarray(g), state, x)
            x = optax.apply_updates(x, step)
            xs.append(np.asarray(x.fast))
    return xs


def schedule_free(name, **arguments):
    """A Schedule-Free class, in its mode of training; by default of the package schedulefree."""

    def make(params, **options):
        path = name if "." in name else f"schedulefree.{name}"
        optimizer = pkgutil.resolve_name(path)(params, **options)
        optimizer.train()
        return optimizer

    return torch_like(make, **arguments)


def schedule_free_wrapper(library, **arguments):
    """The `ScheduleFreeWrapper` of a library, around SGD with momentum 0.6."""

    def make(params, lr, **options):
        import torch

        wrapper = pkgutil.resolve_name(f"{library}.ScheduleFreeWrapper")
        optimizer = wrapper(torch.optim.SGD(params, lr=lr, momentum=0.6), **options)
        optimizer.train()
        return optimizer

    return torch_like(make, **arguments)
