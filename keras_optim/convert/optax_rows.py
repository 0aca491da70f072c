"""Rows of the algorithms that optax has too."""

from collections.abc import Mapping
from typing import Any

from keras_optim.algorithms.adabelief import AdaBelief
from keras_optim.algorithms.adadelta import Adadelta
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamax import Adamax
from keras_optim.algorithms.adamaxw import AdamaxW
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.lamb import Lamb
from keras_optim.algorithms.lion import Lion
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.nadamw import NadamW
from keras_optim.algorithms.novograd import NovoGrad
from keras_optim.algorithms.optimisticadam import OptimisticAdam
from keras_optim.algorithms.optimisticgradientdescent import OptimisticGradientDescent
from keras_optim.algorithms.radam import RAdam
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.sgd import SGD
from keras_optim.algorithms.signsgd import SignSGD
from keras_optim.algorithms.signum import Signum
from keras_optim.algorithms.yogi import Yogi
from keras_optim.convert.counterparts import Library, Row
from keras_optim.convert.states import folded

_RATE = {"learning_rate": "learning_rate"}
_BETAS = {**_RATE, "b1": "beta_1", "b2": "beta_2"}
_ADAM = {**_BETAS, "eps": "epsilon"}
_DECAYED = {**_ADAM, "weight_decay": "weight_decay"}
_TWO = {"mu": "momentum", "nu": "velocity"}
_MAXIMUM = {"mu": "momentum", "nu": "maximum"}
_PLAIN = {"nesterov": False, "eps_root": 0.0}
_AHEAD = {"nesterov": True, "eps_root": 0.0}
_AT_ONCE = {"momentum_decay": 1e6}  # end the momentum's schedule at once, because optax has none


def _product(rule: Any, count: int) -> Mapping[str, float]:
    return {"momentum_product": rule.beta_1**count}


LIBRARY = Library(
    name="optax",
    rows=(
        Row(
            "sgd",
            SGD,
            {**_RATE, "momentum": "momentum", "nesterov": "nesterov"},
            {"trace": "momentum"},
            count="none",
            note="It keeps no step count: ours stays 0.",
        ),
        Row("adam", Adam, _ADAM, _TWO, fixed=_PLAIN),
        Row("adamw", AdamW, _DECAYED, _TWO, fixed=_PLAIN),
        Row("adamw", Adam, _DECAYED, _TWO, fixed=_PLAIN),
        *(
            Row(theirs, ours, arguments, _TWO, scalars=_product, fixed=_AHEAD, ours_fixed=_AT_ONCE)
            for theirs, ours, arguments in (
                ("nadam", Nadam, _ADAM),
                ("adam", Nadam, _ADAM),
                ("nadamw", NadamW, _DECAYED),
                ("adamw", NadamW, _DECAYED),
            )
        ),
        Row("adamax", Adamax, _ADAM, _MAXIMUM),
        Row("adamaxw", AdamaxW, _DECAYED, _MAXIMUM),
        Row("adamaxw", Adamax, _DECAYED, _MAXIMUM),
        Row(
            "adabelief",
            AdaBelief,
            {**_ADAM, "eps_root": "epsilon"},
            _TWO,
            fixed={"nesterov": False},
        ),
        Row("yogi", Yogi, _ADAM, _TWO, ours_free=("initial_accumulator_value",)),
        Row(
            "radam",
            RAdam,
            {**_ADAM, "threshold": "sma_threshold"},
            _TWO,
            fixed=_PLAIN,
            note="Epsilon is added after the bias correction there: in effect it is "
            "`epsilon * sqrt(1 - beta_2**t)`, the same late in training.",
        ),
        Row("lamb", Lamb, _DECAYED, _TWO, fixed={"eps_root": 0.0}),
        Row("novograd", NovoGrad, _ADAM, _TWO, fixed={"eps_root": 0.0, "weight_decay": 0.0}),
        Row("lion", Lion, {**_BETAS, "weight_decay": "weight_decay"}, {"mu": "momentum"}),
        Row(
            "rmsprop",
            RMSprop,
            {
                **_RATE,
                "decay": "rho",
                "eps": "epsilon",
                "eps_in_sqrt": "epsilon_inside_sqrt",
                "centered": "centered",
                "momentum": "momentum",
            },
            {"nu": "velocity", "mu": "mean", "trace": folded("momentum", "trace", -1.0)},
            fixed={"nesterov": False, "bias_correction": False},
            count="none",
            note="Their momentum holds the rate: equal while the rate stays.",
        ),
        Row(
            "adagrad",
            Adagrad,
            {
                **_RATE,
                "initial_accumulator_value": "initial_accumulator_value",
                "eps": "epsilon",
            },
            {"sum_of_squares": "accumulator"},
            ours_fixed={"epsilon_inside_sqrt": True},
            count="none",
        ),
        Row(
            "adadelta",
            Adadelta,
            {**_RATE, "rho": "rho", "eps": "epsilon"},
            {"e_g": "velocity", "e_x": "squared_steps"},
            fixed={"weight_decay": 0.0},
            count="none",
        ),
        Row(
            "optimistic_gradient_descent",
            OptimisticGradientDescent,
            {**_RATE, "beta": "optimism"},
            {"previous_gradient": "gradient"},
            fixed={"alpha": 1.0},
            count="none",
            note="It keeps no step count: ours becomes 1.",
        ),
        Row(
            "optimistic_adam_v2",
            OptimisticAdam,
            {**_ADAM, "beta": "optimism"},
            {**_TWO, "previous_gradient": "direction"},
            fixed={"alpha": 1.0, **_PLAIN},
        ),
        Row("sign_sgd", SignSGD, _RATE, {}, count="none"),
        Row("signum", Signum, {**_RATE, "beta": "momentum"}, {"ema": "momentum"}, count="kept"),
    ),
    refused={
        "adafactor": "it factors the two longest axes, and only long ones.",
        "amsgrad": "it takes the maximum of the corrected `v`, ours of `v`.",
        "fromage": "it has no state: begin with `keras_optim.Fromage(rate)`.",
        "optimistic_adam": "it is deprecated: the state of `optimistic_adam_v2` is the same.",
        "lars": "it has another norm, and spares vectors by masks.",
        "rprop": "it applies each step one call late.",
        "sm3": "its covers are kept differently.",
    },
    # Precisions, and arguments that only matter before the first step.
    ignored=frozenset({"mu_dtype", "accumulator_dtype", "initial_scale", "weight_decay_mask"}),
    advice={
        "learning_rate": "give a number or a schedule of Keras",
        "alpha": "give `learning_rate * alpha` and `beta / alpha` there",
        "clipnorm": "chain `optax.clip_by_block_rms` or the like there, and set it to None",
        "global_clipnorm": "chain `optax.clip_by_global_norm` there, and set it to None",
    },
)
