"""Rows of the algorithms that torch.optim has too."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_optim.algorithms.adadelta import Adadelta
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamax import Adamax
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.amsgrad import AMSGrad
from keras_optim.algorithms.asgd import ASGD
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.nadamw import NadamW
from keras_optim.algorithms.radam import RAdam
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.rprop import Rprop
from keras_optim.algorithms.sgd import SGD
from keras_optim.convert.counterparts import Library, Row, Slot

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
_MEAN = Slot("lag", lambda s, x, *_: s["ax"] - x, lambda s, x, *_: x + s["lag"])


def _of_asgd(rule: Any, rate: float, count: int) -> Mapping[str, float]:
    decay = 1.0 + rule.l2_regularization_strength * rate * count
    return {"eta": rate / decay**rule.power, "mu": 1.0 / max(1, count - rule.start_step + 2)}


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
            ours_fixed={"epsilon_inside_sqrt": False},
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
        Row(
            "ASGD",
            ASGD,
            {
                "lr": "learning_rate",
                "lambd": "l2_regularization_strength",
                "alpha": "power",
                "t0": "start_step",
            },
            {"ax": _MEAN},
            fixed=_L2,
            shifts={"start_step": 2},
            derived=_of_asgd,
            note="Equal while the rate stays: theirs follows a change one step later.",
        ),
    ),
    refused={
        "Adafactor": "its `eps[0]` is a floor, ours is added, and it factors other axes.",
        "LBFGS": "it is a method of `keras_optim.minimize` here.",
        "Muon": "it has the matrices alone. Create `keras_optim.Muon`; its momentum begins again.",
        "SparseAdam": "`LazyRows(Adam())` has its rule, but for epsilon.",
    },
    ignored=frozenset(
        {"params", "param_names", "initial_lr", "swa_lr"}
        | {"foreach", "fused", "capturable", "differentiable"}
        | {"decoupled_weight_decay"}  # rows in which it matters fix it
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
