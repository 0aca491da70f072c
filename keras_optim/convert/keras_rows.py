"""Rows of the algorithms that Keras has too."""

from typing import Any

from keras_optim.algorithms.adadelta import Adadelta
from keras_optim.algorithms.adafactor import Adafactor
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamax import Adamax
from keras_optim.algorithms.adamaxw import AdamaxW
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.amsgrad import AMSGrad
from keras_optim.algorithms.ftrl import Ftrl
from keras_optim.algorithms.lamb import Lamb
from keras_optim.algorithms.lion import Lion
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.nadamw import NadamW
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.sgd import SGD
from keras_optim.algorithms.sgdw import SGDW
from keras_optim.arguments.ranges import DECAY_OPTIONS, OPTION_DEFAULTS, PRECISION
from keras_optim.convert.counterparts import Array, Library, Row, Slot
from keras_optim.convert.states import folded, without_axis

_OURS = ("name", *DECAY_OPTIONS, *PRECISION)
_OPTIONS = (name for name in OPTION_DEFAULTS if name not in _OURS)
_COMMON = {name: name for name in ("learning_rate", *_OPTIONS)}
_UNDECAYED = {name: name for name in _COMMON if name != "weight_decay"}


def _same(*names: str) -> dict[str, str]:
    return {**_COMMON, **{name: name for name in names}}


_MOMENTS = _same("beta_1", "beta_2", "epsilon")
_TWO = {"_momentums": "momentum", "_velocities": "velocity"}
_THREE = {**_TWO, "_velocity_hats": "max_velocity"}
_HAT = (
    "Epsilon is added before the bias correction there: in effect it is "
    "`epsilon / sqrt(1 - beta_2**t)`, the same late in training."
)
_ROOT = " Epsilon is inside the root there: equal where gradients are well above `sqrt(epsilon)`."


def _quadratic(n: Array, rate: float, rule: Any) -> Array:
    return (rule.beta + n**-rule.learning_rate_power) / rate


_RESIDUE = Slot(
    "residue",
    lambda s, x, rate, rule: s["_linears"] + _quadratic(s["_accumulators"], rate, rule) * x,
    lambda s, x, rate, rule: s["residue"] - _quadratic(s["accumulator"], rate, rule) * x,
)

LIBRARY = Library(
    name="keras.optimizers",
    rows=(
        *(
            Row(
                "SGD",
                ours,
                _same("momentum", "nesterov"),
                {"momentums": folded("momentum", "momentums", -1.0)},
                note="Equal while the rate stays: their momentum holds it.",
            )
            for ours in (SGD, SGDW)
        ),
        Row("Adam", Adam, _MOMENTS, _TWO, fixed={"amsgrad": False}, note=_HAT),
        Row("Adam", AMSGrad, _MOMENTS, _THREE, fixed={"amsgrad": True}, note=_HAT),
        Row("AdamW", AdamW, _MOMENTS, _TWO, fixed={"amsgrad": False}, note=_HAT),
        Row("AdamW", AMSGrad, _MOMENTS, _THREE, fixed={"amsgrad": True}, note=_HAT),
        *(
            Row(
                "Adamax",
                ours,
                _MOMENTS,
                {"_m": "momentum", "_u": "maximum"},
                note="Epsilon is added to the maximum there, inside it here.",
            )
            for ours in (Adamax, AdamaxW)
        ),
        Row(
            "Nadam",
            Nadam,
            _MOMENTS,
            _TWO,
            scalars={"_u_product": "momentum_product"},
            ours_fixed={"momentum_decay": 1.0},
        ),
        Row(
            "Nadam",
            NadamW,
            _MOMENTS,
            _TWO,
            scalars={"_u_product": "momentum_product"},
            ours_fixed={"momentum_decay": 1.0},
        ),
        *(
            Row(
                "RMSprop",
                RMSprop,
                _same("rho", "momentum", "epsilon", "centered"),
                {
                    "_velocities": "velocity",
                    "_average_gradients": "mean",
                    "_momentums": folded("momentum", "_momentums", 1.0),
                },
                ours_fixed={"epsilon_inside_sqrt": inside},
                note="Their momentum holds the rate." + ("" if inside else _ROOT),
            )
            for inside in (True, False)
        ),
        Row(
            "Adagrad",
            Adagrad,
            _same("initial_accumulator_value", "epsilon"),
            {"_accumulators": "accumulator"},
            ours_fixed={"epsilon_inside_sqrt": True},
        ),
        Row(
            "Adadelta",
            Adadelta,
            _same("rho", "epsilon"),
            {"_accumulated_grads": "velocity", "_accumulated_delta_vars": "squared_steps"},
        ),
        Row(
            "Adafactor",
            Adafactor,
            _same("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold"),
            {"_r": without_axis("rows", "_r", -1), "_c": without_axis("columns", "_c", -2)},
            short_slots={"_v": "rows"},
            ours_fixed={"relative_step": True, "scale_parameter": True},
        ),
        Row(
            "Ftrl",
            Ftrl,
            _same(
                "learning_rate_power",
                "initial_accumulator_value",
                "l1_regularization_strength",
                "l2_regularization_strength",
                "l2_shrinkage_regularization_strength",
                "beta",
            ),
            {"_accumulators": "accumulator", "_linears": _RESIDUE},
            factors={"l2_regularization_strength": 2.0},
            note="Equal while the rate stays: where it falls, their weights shrink.",
        ),
        Row("Lion", Lion, _same("beta_1", "beta_2"), {"_momentums": "momentum"}),
        Row(
            "Lamb",
            Lamb,
            {**_UNDECAYED, "beta_1": "beta_1", "beta_2": "beta_2", "epsilon": "epsilon"},
            _TWO,
            fixed={"weight_decay": None},
        ),
    ),
    refused={
        "LossScaleOptimizer": "convert its `inner_optimizer`, and put it around ours.",
        "MultiOptimizer": "convert each of its optimizers.",
        "Muon": "it takes other variables. Create `keras_optim.Muon`; its momentum begins again.",
        "ScheduleFreeAdamW": "its rule is not here.",
    },
    ignored=frozenset({"name", "relative_step"}),  # their rate is capped in both cases
    advice={
        "weight_decay": "Lamb's decay is beside the ratio there and inside it here",
    },
)
