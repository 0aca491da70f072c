"""Conversion from and to torch.optim. Only `to_torch` imports PyTorch."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_optim import keras_private
from keras_optim.convert import states
from keras_optim.convert.counterparts import Row
from keras_optim.convert.torch_rows import LIBRARY
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer
from keras_optim.wrappers.rate_multipliers import RateMultipliers
from keras_optim.wrappers.variable_rates import VariableRates

Axes = Sequence[Sequence[int] | None] | None


def from_torch(
    optimizer: Any, variables: Sequence[Any], algorithm: str | None = None, axes: Axes = None
) -> Optimizer:
    """Convert an optimizer of torch.optim to ours: arguments, state and step count.

    Parameter groups may differ in `lr` (the result is then `RateMultipliers` around ours) and in
    whether their weights decay. A scheduler is not converted, and a warning says so. Set
    `learning_rate` to a schedule instead, which then sees the step count.

    Args:
        optimizer: One of torch.optim, or its `state_dict()`.
        variables: The Keras variables, one for each parameter and in their order, or `None` to
            leave out a parameter, such as a frozen one. They must have the weights already,
            because the conversion does not change these.
        algorithm: Name of the class, for a state dict: `"AdamW"`.
        axes: For each variable `None`, or the order in which it has the parameter's axes, as
            `numpy.transpose` takes it: `(1, 0)` for the weight of `torch.nn.Linear` and the
            kernel of `keras.layers.Dense`, `(2, 3, 1, 0)` for `Conv2d`. Default `None`: all axes
            are in the same order.

    Returns:
        An optimizer of keras_optim, built for `variables`.

    Raises:
        ValueError: it has no counterpart here, or does not fit the variables; the message names
            the reason.

    Example: a state dict may hold plain arrays.

    >>> import numpy as np, keras, keras_optim
    >>> group = {"lr": 0.5, "momentum": 0.5, "nesterov": False, "params": [0]}
    >>> state = {0: {"momentum_buffer": np.array([1.0])}}
    >>> saved = {"state": state, "param_groups": [group]}
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.convert.from_torch(saved, [x], algorithm="SGD")
    >>> optimizer.apply([np.array([1.0], "float32")], [x])
    >>> print(x.numpy())
    [0.25]
    """
    saved = optimizer if isinstance(optimizer, Mapping) else optimizer.state_dict()
    if saved is optimizer and algorithm is None:
        raise ValueError(
            "from_torch: a state dict does not name its algorithm; give the class, "
            "as in `algorithm='AdamW'`."
        )
    algorithm = algorithm or type(optimizer).__name__
    keys = [key for group in saved["param_groups"] for key in group["params"]]
    states.check_lengths("from_torch", variables, keys)
    row, config, decayed, multipliers = _joined(algorithm, saved["param_groups"])
    if any("initial_lr" in group for group in saved["param_groups"]):
        warnings.warn(
            "from_torch: the scheduler is not converted; the rate is the present one, "
            f"{config['learning_rate']}.",
            stacklevel=2,
        )
    all_orders = _orders(axes, variables)
    keys, decayed, multipliers, orders = (
        [value for value, variable in zip(values, variables, strict=True) if variable is not None]
        for values in (keys, decayed, multipliers, all_orders)
    )
    variables = [variable for variable in variables if variable is not None]

    ours: Optimizer = row.ours(**config)
    states.exempt(ours, variables, decayed)
    if any(m != 1.0 for m in multipliers):
        ours = RateMultipliers(ours, VariableRates(variables, multipliers))
    ours.build(variables)

    arrays = [_arrays(saved["state"].get(key, {}), o) for key, o in zip(keys, orders, strict=True)]
    count = states.one_count("from_torch", row, [int(s.get("step", 0)) for s in arrays])
    scalars = {}
    if count and isinstance(row.scalars, Mapping):
        scalars = {name: arrays[0][theirs] for theirs, name in row.scalars.items()}
    states.take(row, ours, arrays, count, **scalars)
    return ours


def to_torch(optimizer: Optimizer, parameters: Sequence[Any], axes: Axes = None) -> Any:
    """Convert our optimizer to one of torch.optim for `parameters`.

    This is the reverse of `from_torch`. `RateMultipliers` and exclusions from weight decay become
    parameter groups. A schedule becomes its present rate, and a warning says so.

    Args:
        optimizer: One of keras_optim, built; `RateMultipliers` may be around it.
        parameters: PyTorch's parameters, one for each variable and in their order. They must have
            the weights already, because the conversion does not change these.
        axes: As in `from_torch`, for each variable.

    Returns:
        An optimizer of torch.optim.

    Raises:
        ValueError: it is not built, has no counterpart there, or does not fit the parameters.
    """
    import torch

    states.check_built("to_torch", optimizer)
    multiplied = isinstance(optimizer, RateMultipliers)
    rule = optimizer.inner if multiplied else optimizer
    rate = states.present_rate("to_torch", optimizer)
    row, arguments = LIBRARY.write(optimizer, rule, rate)
    parameters, variables = list(parameters), keras_private.trainable_variables(optimizer)
    states.check_lengths("to_torch", variables, parameters)

    groups: dict[Any, dict[str, Any]] = {}
    for parameter, constants in zip(parameters, states.constants_of(optimizer), strict=True):
        decayed, multiplier = constants["decayed"], constants.get("multiplier", 1.0)
        group = groups.setdefault((decayed, multiplier), {"params": [], "lr": rate * multiplier})
        if not decayed and arguments.get("weight_decay"):
            group["weight_decay"] = 0.0
        group["params"].append(parameter)
    theirs = getattr(torch.optim, row.theirs)(list(groups.values()), **arguments)

    given, orders = states.give(row, optimizer), _orders(axes, variables)
    multipliers = [c.get("multiplier", 1.0) for c in states.constants_of(optimizer)]
    for parameter, variable, state, order, multiplier in zip(
        parameters, variables, given, orders, multipliers, strict=True
    ):
        back = np.argsort(order).tolist()
        shape = tuple(variable.shape[axis] for axis in back)
        if tuple(parameter.shape) != shape:
            raise ValueError(
                f"to_torch: the parameter for {variable.path} must have the shape {shape}. "
                f"Received: shape {tuple(parameter.shape)}. Are they in the order of the "
                "variables, and their axes too?"
            )
        count = torch.tensor(float(states.count_of(optimizer)))
        kept = {} if row.count == "none" else {"step": count}
        for name, value in state.items():
            kept[name] = torch.tensor(_transposed(value, back)).to(parameter)
        if row.derived:
            numbers = row.derived(rule, rate * multiplier, states.count_of(optimizer))
            kept.update({name: torch.tensor(number) for name, number in numbers.items()})
        if isinstance(row.scalars, Mapping):
            for name, ours in row.scalars.items():
                number = float(keras.ops.convert_to_numpy(optimizer.state.shared[ours].value))
                kept[name] = torch.tensor(number, dtype=torch.float64)
        theirs.state[parameter] = kept
    return theirs


def _joined(
    algorithm: str, groups: Sequence[Mapping[str, Any]]
) -> tuple[Row, dict[str, Any], list[bool], list[float]]:
    """Merge all groups: a row, our arguments, and for each parameter its decay and rate share."""
    found = [LIBRARY.read(algorithm, group) for group in groups]
    row, config = found[0]
    rates = [c["learning_rate"] for _, c in found]
    decays = [c.get("weight_decay") or 0.0 for _, c in found]
    rate, decay = (next((v for v in values if v), 0.0) for values in (rates, decays))
    problem = ""
    if any(other is not row for other, _ in found):
        problem = "its groups differ in their arguments"
    elif wrong := [
        name
        for name in config
        if name not in ("learning_rate", "weight_decay")
        and any(c[name] != config[name] for _, c in found)
    ]:
        problem = f"its groups differ in {', '.join(wrong)}"
    elif set(decays) - {0.0, decay}:
        given = f"Received: weight_decay={shown(decays)}"
        problem = f"its groups may decay by one value or not at all. {given}"
    if problem:
        raise ValueError(f"{algorithm} of torch.optim cannot be converted: {problem}.")
    config["learning_rate"] = rate
    if "weight_decay" in config:
        config["weight_decay"] = decay
    parameters = [i for i, group in enumerate(groups) for _ in group["params"]]
    decayed = [decays[i] == decay for i in parameters]
    return row, config, decayed, [rates[i] / rate if rate else 1.0 for i in parameters]


def _orders(axes: Axes, variables: Sequence[Any]) -> list[list[int]]:
    """Return the order of the parameter's axes for each variable."""
    if axes is not None and len(axes) != len(variables):
        raise ValueError(
            f"`axes` must have one entry for each variable. Received: {len(axes)} entries, "
            f"{len(variables)} variables"
        )
    orders = []
    for variable, order in zip(variables, axes or [None] * len(variables), strict=True):
        own = [] if variable is None else list(range(len(variable.shape)))
        if order is not None and sorted(order) != own:
            raise ValueError(
                f"`axes` of {variable.path}, of shape {tuple(variable.shape)}, must be an order "
                f"of its axes. Received: {shown(order)}"
            )
        orders.append(own if order is None else list(order))
    return orders


def _transposed(value: np.ndarray, order: list[int]) -> np.ndarray:
    return np.transpose(value, order) if value.ndim == len(order) else value


def _arrays(state: Mapping[str, Any], order: list[int]) -> dict[str, np.ndarray]:
    """Convert tensors on any device, of any precision, numbers and arrays to NumPy arrays."""
    arrays = {
        name: value.detach().double().cpu().numpy() if hasattr(value, "detach") else value
        for name, value in state.items()
        if value is not None
    }
    return {name: _transposed(np.asarray(value), order) for name, value in arrays.items()}
