"""Argument names of other libraries, and our names for them.

A constructor looks them up when it does not know an argument. It suggests only arguments it has.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

WORDS: Mapping[str, tuple[str, ...]] = {
    # rates
    "lr": ("learning_rate", "initial_learning_rate", "max_learning_rate", "peak_learning_rate"),
    "eta": ("learning_rate",),
    "step_size": ("decay_steps", "step_size_up", "learning_rate"),
    "learning_rate": (
        "initial_learning_rate",
        "peak_learning_rate",
        "max_learning_rate",
        "schedule",
    ),
    "initial_lr": ("initial_learning_rate", "start_learning_rate", "learning_rate"),
    "init_value": ("initial_learning_rate", "start_learning_rate"),
    "base_lr": ("base_learning_rate", "learning_rate"),
    "min_lr": ("end_learning_rate", "min_learning_rate", "base_learning_rate"),
    "max_lr": ("max_learning_rate", "peak_learning_rate"),
    "maximal_learning_rate": ("max_learning_rate",),
    "initial_learning_rate": ("base_learning_rate", "peak_learning_rate", "schedule"),
    "peak_value": ("peak_learning_rate", "max_learning_rate"),
    "start_lr": ("start_learning_rate", "min_learning_rate"),
    "end_lr": ("end_learning_rate", "max_learning_rate"),
    "end_value": ("end_learning_rate",),
    "eta_min": ("end_learning_rate",),
    "final_lr": ("final_learning_rate", "end_learning_rate"),
    # moments
    "betas": ("beta_1 beta_2",),
    "b1": ("beta_1",),
    "b2": ("beta_2",),
    "beta": ("beta_1", "momentum"),
    "beta1": ("beta_1", "momentum"),
    "beta2": ("beta_2", "rho"),
    "beta_1": ("momentum", "beta"),
    "beta_2": ("rho",),
    "momentum": ("beta_1", "beta"),
    "momentum_decay": ("momentum", "beta_1"),
    "mu": ("momentum", "beta_1"),
    "rho": ("beta_2",),
    "alpha": ("rho", "slow_step_size", "power"),
    "decay": ("rho",),
    "nus": ("nu_1 nu_2",),
    "etas": ("eta_minus eta_plus",),
    "step_sizes": ("min_step_size max_step_size",),
    "eps_in_sqrt": ("epsilon_inside_sqrt",),
    "eps": ("epsilon", "epsilon_1 epsilon_2", "small_constant"),
    "epsilon": ("epsilon_1 epsilon_2", "small_constant"),
    "initial_accumulator": ("initial_accumulator_value",),
    "trust_coeff": ("trust_coefficient",),
    "lambd": ("l2_regularization_strength",),
    "lambda_": ("radius",),
    "ord": ("norm",),
    "t0": ("start_step",),
    "l1": ("l1_regularization_strength",),
    "l2": ("l2_regularization_strength",),
    # options of every optimizer
    "wd": ("weight_decay",),
    "weight_decay_rate": ("weight_decay",),
    "clip_norm": ("global_clipnorm",),
    "grad_clip_norm": ("global_clipnorm",),
    "max_norm": ("global_clipnorm",),
    "max_grad_norm": ("global_clipnorm",),
    "clip_value": ("clipvalue",),
    "accumulation_steps": ("gradient_accumulation_steps",),
    "every_k_schedule": ("gradient_accumulation_steps",),
    "adjust_lr_fn": ("adjust_lr",),
    "ns_coeffs": ("ns_coefficients",),
    # wrappers
    "optimizer": ("inner",),
    "inner_optimizer": ("inner",),
    "base_optimizer": ("inner",),
    "k": ("sync_period",),
    "average_decay": ("decay",),
    "ema_decay": ("decay", "ema_momentum"),
    "dynamic_decay": ("warmup",),
    "num_updates": ("warmup",),
    "swa_start": ("start_step",),
    "start_averaging": ("start_step",),
    "average_period": ("period",),
    "swa_freq": ("period",),
    # schedules and methods
    "gamma": ("decay_rate",),
    "T_max": ("decay_steps",),
    "total_iters": ("decay_steps", "total_steps", "warmup_steps"),
    "total_steps": ("decay_steps",),
    "decay_steps": ("total_steps",),
    "transition_steps": ("decay_steps",),
    "num_training_steps": ("total_steps", "decay_steps"),
    "num_warmup_steps": ("warmup_steps",),
    "anneal_strategy": ("anneal",),
    "milestones": ("boundaries",),
    "memory_size": ("history_size",),
    "c1": ("decrease",),
    "c2": ("curvature",),
}
"""For a foreign word, our candidates; the first that a constructor has is suggested. A candidate of
several names stands for all of them together."""

_A_SCHEDULE = "give `learning_rate` a schedule, such as those of `keras_optim.schedules`"
_NO_COUNTERPART = "leave it out, it has no counterpart"
_OF_COMPILE = "it belongs to `model.compile`"

ADVICE: Mapping[str, str] = {
    "decay": _A_SCHEDULE,
    "lr_decay": _A_SCHEDULE,
    "warmup_init": _A_SCHEDULE,
    "warmup_proportion": _A_SCHEDULE,
    "total_steps": _A_SCHEDULE,
    "amsgrad": "only `keras_optim.AMSGrad` and `keras_optim.AMSBound` keep the maximum",
    "nesterov": "`keras_optim.SGD`, `Nadam` and `NadamW` have it",
    "nu": "`keras_optim.QHM` and `keras_optim.QHAdam` have it",
    "dampening": "see `keras_optim.QHM`",
    "params": "variables are given to `build` or `apply`, or come from `model.compile`",
    "jit_compile": _OF_COMPILE,
    "steps_per_execution": _OF_COMPILE,
    **dict.fromkeys(
        ("maximize", "foreach", "fused", "capturable", "differentiable"), _NO_COUNTERPART
    ),
}
"""Advice for words that stand for no argument."""

CLASSES: Mapping[str, Mapping[str, str]] = {
    "Adam": {"amsgrad": "use `keras_optim.AMSGrad`", "nesterov": "use `keras_optim.Nadam`"},
    "AdamW": {
        "amsgrad": "use `keras_optim.AMSGrad(weight_decay=...)`",
        "nesterov": "use `keras_optim.NadamW`",
    },
    "AdaBound": {"amsgrad": "use `keras_optim.AMSBound`"},
    "Adafactor": {
        "decay_rate": "use `beta_2_decay`, which is its negative",
        "multiply_by_parameter_scale": "use `scale_parameter`",
        "d": "use `clip_threshold`",
    },
    "CosineAnnealing": {
        "alpha": "use `end_learning_rate`, a rate: `alpha * initial_learning_rate`",
        "warmup_steps": "put `keras_optim.schedules.Warmup` around it",
    },
    "Muon": {
        "exclude_layers": "use `exclude`",
        "exclude_embeddings": "embeddings are excluded; take them by `include`",
        "rms_rate": 'use `adjust_lr`: "match_rms_adamw" is a rate of 0.2',
        **dict.fromkeys(("muon_a", "muon_b", "muon_c"), "use `ns_coefficients`"),
    },
    "NaturalExponentialDecay": {"gamma": "use `decay_rate=-math.log(gamma)`"},
}
"""Advice that holds for one class and those derived from it."""

IDLE: Mapping[str, Mapping[str, Any]] = {"Adam": {"amsgrad": False}, "AdamW": {"amsgrad": False}}
"""Arguments of Keras's class of the same name that may be given their default."""


def without_idle(owner: type, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Drop arguments of Keras's class of the same name that have their default there."""
    idle = {n: v for c in owner.__mro__ for n, v in IDLE.get(c.__name__, {}).items()}
    return {n: v for n, v in arguments.items() if not (n in idle and v is idle[n])}


def hint(
    owner: type,
    word: str,
    known: Sequence[str],
    words: Mapping[str, tuple[str, ...]] = WORDS,
    advice: Mapping[str, str] = ADVICE,
) -> str:
    """Return advice for the unknown argument `word`, such as `": use ..."`, or an empty text.

    >>> hint(object, "lr", ["learning_rate"]), hint(object, "learningrate", ["learning_rate"])
    (': use `learning_rate`', ': perhaps `learning_rate` is meant')
    """
    for parent in owner.__mro__:
        if text := CLASSES.get(parent.__name__, {}).get(word):
            return f": {text}"
    for meant in words.get(word, ()):
        if set(meant.split()) <= set(known):
            return ": use " + " and ".join(f"`{name}`" for name in meant.split())
    if word in advice:
        return f": {advice[word]}"
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.7)
    return f": perhaps `{lower[near[0]]}` is meant" if near else ""
