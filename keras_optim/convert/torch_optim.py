"""torch.optim. PyTorch is imported by `to_torch` alone."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_optim import keras_private
from keras_optim.algorithms.adadelta import Adadelta
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamax import Adamax
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.amsgrad import AMSGrad
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.nadamw import NadamW
from keras_optim.algorithms.radam import RAdam
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.rprop import Rprop
from keras_optim.algorithms.sgd import SGD
from keras_optim.convert import states
from keras_optim.convert.counterparts import Library, Row, Slot
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer
from keras_optim.wrappers.rate_multipliers import RateMultipliers
from keras_optim.wrappers.variable_rates import VariableRates

_EPS = {"lr": "learning_rate", "eps": "epsilon"}
_ADAM: dict[str, str | tuple[str, ...]] = {**_EPS, "betas": ("beta_1", "beta_2")}
_DECAYED = {**_ADAM, "weight_decay": "weight_decay"}
_TWO = {"exp_avg": "momentum", "exp_avg_sq": "velocity"}
_THREE = {**_TWO, "max_exp_avg_sq": "max_velocity"}
_L2 = {"weight_decay": 0}
_BESIDE = {"decoupled_weight_decay": True}
_SIGN = Slot("sign", lambda s, *_: np.sign(s["prev"]), lambda s, *_: s["sign"])
_STEP_SIZE = Slot(
    "step_size",
    lambda s, *_: s["step_size"],
    lambda s, x, rate, rule: np.where(s["step_size"] > 0.0, s["step_size"], rate),
)

LIBRARY = Library(
    name="torch.optim",
    rows=(
        Row(
            "SGD",
            SGD,
            {"lr": "learning_rate", "momentum": "momentum", "nesterov": "nesterov"},
            {"momentum_buffer": "momentum"},
            fixed={**_L2, "dampening": 0},
            count="none",
            note="It keeps no step count: ours stays 0.",
        ),
        Row(
            "SGD",
            SGD,
            {"lr": "learning_rate", "weight_decay": "weight_decay"},
            {},
            fixed={"momentum": 0, "nesterov": False, "dampening": 0},
            ours_fixed={"momentum": 0.0, "nesterov": False},
            count="none",
            note="Without momentum both kinds of decay are one.",
        ),
        Row("Adam", Adam, _ADAM, _TWO, fixed={**_L2, "amsgrad": False}),
        Row("Adam", AMSGrad, _ADAM, _THREE, fixed={**_L2, "amsgrad": True}),
        Row("AdamW", AdamW, _DECAYED, _TWO, fixed={"amsgrad": False}),
        Row("AdamW", AMSGrad, _DECAYED, _THREE, fixed={"amsgrad": True}),
        Row("AdamW", Adam, _DECAYED, _TWO, fixed={"amsgrad": False}),
        Row("Adam", AdamW, _DECAYED, _TWO, fixed={"amsgrad": False, **_BESIDE}),
        Row("Adam", AMSGrad, _DECAYED, _THREE, fixed={"amsgrad": True, **_BESIDE}),
        Row("Adamax", Adamax, _ADAM, {"exp_avg": "momentum", "exp_inf": "maximum"}, fixed=_L2),
        Row(
            "NAdam",
            Nadam,
            {**_ADAM, "momentum_decay": "momentum_decay"},
            _TWO,
            scalars={"mu_product": "momentum_product"},
            fixed=_L2,
        ),
        Row(
            "NAdam",
            NadamW,
            {**_DECAYED, "momentum_decay": "momentum_decay"},
            _TWO,
            scalars={"mu_product": "momentum_product"},
            fixed=_BESIDE,
        ),
        Row("RAdam", RAdam, _ADAM, _TWO, fixed=_L2, ours_fixed={"sma_threshold": 5.0}),
        Row("RAdam", RAdam, _DECAYED, _TWO, fixed=_BESIDE, ours_fixed={"sma_threshold": 5.0}),
        Row(
            "RMSprop",
            RMSprop,
            {**_EPS, "alpha": "rho", "momentum": "momentum", "centered": "centered"},
            {"square_avg": "velocity", "grad_avg": "mean", "momentum_buffer": "momentum"},
            fixed=_L2,
            count="kept",
        ),
        Row(
            "Adagrad",
            Adagrad,
            {**_EPS, "initial_accumulator_value": "initial_accumulator_value"},
            {"sum": "accumulator"},
            fixed={**_L2, "lr_decay": 0},
            ours_fixed={"epsilon_inside_sqrt": False},
            count="kept",
        ),
        Row(
            "Adadelta",
            Adadelta,
            {**_EPS, "rho": "rho"},
            {"square_avg": "velocity", "acc_delta": "squared_steps"},
            fixed=_L2,
            count="kept",
        ),
        Row(
            "Rprop",
            Rprop,
            {
                "lr": "learning_rate",
                "etas": ("eta_minus", "eta_plus"),
                "step_sizes": ("min_step_size", "max_step_size"),
            },
            {"prev": _SIGN, "step_size": _STEP_SIZE},
            count="kept",
        ),
    ),
    refused={
        "ASGD": "its rule is not here.",
        "Adafactor": "its `eps[0]` is a floor, ours is added, and it factors other axes.",
        "LBFGS": "it is a method of `keras_optim.minimize` here.",
        "Muon": "its rule is not here.",
        "SparseAdam": "`LazyRows(Adam())` has its rule, but for epsilon.",
    },
    ignored=frozenset(
        {"params", "param_names", "initial_lr", "swa_lr"}
        | {"foreach", "fused", "capturable", "differentiable"}
        | {"decoupled_weight_decay"}  # fixed, where it matters
    ),
    fixed={"maximize": False},
    advice={
        "weight_decay": "it is part of the gradient there: give the layers the regularizer "
        "`keras.regularizers.L2(weight_decay / 2)` and set it to 0 in the group",
        "lr_decay": "take `keras.optimizers.schedules.InverseTimeDecay`, and set it to 0",
        "clipnorm": "clip the gradients there, and set it to None",
        "clipvalue": "clip the gradients there, and set it to None",
        "global_clipnorm": "call `torch.nn.utils.clip_grad_norm_` there, and set it to None",
    },
)

Axes = Sequence[Sequence[int] | None] | None


def from_torch(
    optimizer: Any, variables: Sequence[Any], algorithm: str | None = None, axes: Axes = None
) -> Optimizer:
    """Ours for `variables`, where an optimizer of torch.optim stands.

    Arguments, state and step count come along. Of parameter groups, those may differ in `lr`
    (the result is then `RateMultipliers` around ours) and in whether their weights decay. A
    scheduler stays behind, with a warning: set `learning_rate` to a schedule, which then sees the
    step count.

    Args:
        optimizer: One of torch.optim, or its `state_dict()`.
        variables: The Keras variables, one for each parameter and in their order, `None` for a
            parameter to be left out, as one that is frozen. They must have the weights already;
            these are left as they are.
        algorithm: Name of the class, for a state dict: `"AdamW"`.
        axes: For each variable `None`, or the order in which it has the parameter's axes, as
            `numpy.transpose` takes it: `(1, 0)` for the weight of `torch.nn.Linear` and the
            kernel of `keras.layers.Dense`, `(2, 3, 1, 0)` for `Conv2d`. `None`: all as they are.

    Returns:
        An optimizer of keras_optim, built for `variables`.

    Raises:
        ValueError: it has no counterpart here, or does not fit the variables; the message says
            what is in the way.

    Example: plain arrays will do.

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
            "from_torch: a state dict does not say which algorithm it is of; give its class, "
            "as in `algorithm='AdamW'`."
        )
    algorithm = algorithm or type(optimizer).__name__
    keys = [key for group in saved["param_groups"] for key in group["params"]]
    states.check_lengths("from_torch", variables, keys)
    row, config, decayed, multipliers = _joined(algorithm, saved["param_groups"])
    if any("initial_lr" in group for group in saved["param_groups"]):
        warnings.warn(
            "from_torch: the scheduler stays behind; the rate is the present one, "
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
    """An optimizer of torch.optim for `parameters`, where ours stands: the reverse of `from_torch`.

    `RateMultipliers` and exclusions from weight decay become parameter groups. Of a schedule only
    the present rate comes along, with a warning.

    Args:
        optimizer: One of keras_optim, built; `RateMultipliers` may be around it.
        parameters: PyTorch's parameters, one for each variable and in their order. They must have
            the weights already; these are left as they are.
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
    for parameter, variable, state, order in zip(parameters, variables, given, orders, strict=True):
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
        if isinstance(row.scalars, Mapping):
            for name, ours in row.scalars.items():
                number = float(keras.ops.convert_to_numpy(optimizer.state.shared[ours].value))
                kept[name] = torch.tensor(number, dtype=torch.float64)
        theirs.state[parameter] = kept
    return theirs


def _joined(
    algorithm: str, groups: Sequence[Mapping[str, Any]]
) -> tuple[Row, dict[str, Any], list[bool], list[float]]:
    """One row and our arguments for all groups; for each parameter whether it decays, its share."""
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
    """For each variable the order of the parameter's axes."""
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
    """Of tensors on any device, in any precision; of numbers or arrays."""
    arrays = {
        name: value.detach().double().cpu().numpy() if hasattr(value, "detach") else value
        for name, value in state.items()
        if value is not None
    }
    return {name: _transposed(np.asarray(value), order) for name, value in arrays.items()}
