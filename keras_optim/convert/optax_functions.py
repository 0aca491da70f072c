"""The functions of optax. It is imported when one is converted."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_optim import keras_private
from keras_optim.algorithms.adabelief import AdaBelief
from keras_optim.algorithms.adadelta import Adadelta
from keras_optim.algorithms.adagrad import Adagrad
from keras_optim.algorithms.adam import Adam
from keras_optim.algorithms.adamax import Adamax
from keras_optim.algorithms.adamw import AdamW
from keras_optim.algorithms.lamb import Lamb
from keras_optim.algorithms.lion import Lion
from keras_optim.algorithms.nadam import Nadam
from keras_optim.algorithms.nadamw import NadamW
from keras_optim.algorithms.novograd import NovoGrad
from keras_optim.algorithms.radam import RAdam
from keras_optim.algorithms.rmsprop import RMSprop
from keras_optim.algorithms.sgd import SGD
from keras_optim.algorithms.signsgd import SignSGD
from keras_optim.algorithms.signum import Signum
from keras_optim.algorithms.yogi import Yogi
from keras_optim.convert import states
from keras_optim.convert.counterparts import Array, Library, Row
from keras_optim.convert.states import folded
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer

_RATE = {"learning_rate": "learning_rate"}
_BETAS = {**_RATE, "b1": "beta_1", "b2": "beta_2"}
_ADAM = {**_BETAS, "eps": "epsilon"}
_DECAYED = {**_ADAM, "weight_decay": "weight_decay"}
_TWO = {"mu": "momentum", "nu": "velocity"}
_MAXIMUM = {"mu": "momentum", "nu": "maximum"}
_PLAIN = {"nesterov": False, "eps_root": 0.0}
_AHEAD = {"nesterov": True, "eps_root": 0.0}
_AT_ONCE = {"momentum_decay": 1e6}  # the schedule of the momentum is over at once: optax has none


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
                "centered": "centered",
                "momentum": "momentum",
            },
            {"nu": "velocity", "mu": "mean", "trace": folded("momentum", "trace", -1.0)},
            fixed={"eps_in_sqrt": False, "nesterov": False, "bias_correction": False},
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
        Row("sign_sgd", SignSGD, _RATE, {}, count="none"),
        Row("signum", Signum, {**_RATE, "beta": "momentum"}, {"ema": "momentum"}, count="kept"),
    ),
    refused={
        "adafactor": "it factors the two longest axes, and only long ones.",
        "amsgrad": "it takes the maximum of the corrected `v`, ours of `v`.",
        "fromage": "it has no state: `keras_optim.Fromage(rate)` goes on from it.",
        "lars": "it has another norm, and spares vectors by masks.",
        "rprop": "it applies each step one call late.",
        "sm3": "its covers are kept differently.",
    },
    # Precisions, and what mattered at the start.
    ignored=frozenset({"mu_dtype", "accumulator_dtype", "initial_scale", "weight_decay_mask"}),
    advice={
        "learning_rate": "give a number or a schedule of Keras",
        "clipnorm": "chain `optax.clip_by_block_rms` or the like there, and set it to None",
        "global_clipnorm": "chain `optax.clip_by_global_norm` there, and set it to None",
    },
)


def from_optax(algorithm: str, state: Any, variables: Sequence[Any], **arguments: Any) -> Optimizer:
    """Ours for `variables`, where a transformation of optax stands.

    Its state has no names and mostly no arguments, so give those that made it:
    `from_optax("adamw", state, variables, learning_rate=1e-3, weight_decay=0.1)`. What is left out
    has optax's default; with `optax.inject_hyperparams` all numbers are in the state.

    Args:
        algorithm: Name of the function, `"adamw"`.
        state: The state that it gave.
        variables: The Keras variables, in the order of `jax.tree.leaves(params)`. They must have
            the weights already; these are left as they are.
        **arguments: Of that function. `learning_rate` may be a schedule of Keras; `mask` must be
            a tree of truth values.

    Returns:
        An optimizer of keras_optim, built for `variables`.

    Raises:
        TypeError: the function has no such argument.
        ValueError: it has no counterpart here, or does not fit the variables; the message says
            what is in the way.
    """
    import jax
    import optax

    LIBRARY.rows_of(algorithm)
    fields = list(_fields(state))
    arguments = {**dict(_hyperparameters(fields)), **arguments}
    rate = arguments.get("learning_rate")
    if callable(rate) and not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        raise ValueError(
            f"{algorithm} of optax cannot be converted: `learning_rate` is a function of the step. "
            "Give a number, or a schedule of Keras."
        )
    signature = inspect.signature(getattr(optax, algorithm))
    bound = signature.bind(**arguments)
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    mask = arguments.pop("mask", None)
    row, config = LIBRARY.read(algorithm, arguments)
    variables = list(variables)

    kept: dict[str, list[Array]] = {}
    counts = []
    for owner, name, value in fields:
        leaves = jax.tree.leaves(value)
        if name == "count":
            counts += [int(count) for count in leaves]
        elif name in row.slots:
            states.check_lengths("from_optax", variables, leaves)
            kept[name] = leaves
        elif leaves and name != "hyperparams":
            raise ValueError(
                f"{algorithm} of optax cannot be converted: the state holds `{name}` "
                f"({owner}), which optax.{algorithm} does not keep."
            )
    ours = row.ours(**config)
    needed = {n for n, slot in row.slots.items() if getattr(slot, "ours", slot) in ours.slots}
    if missing := sorted(needed - set(kept)):
        raise ValueError(
            f"{algorithm} of optax cannot be converted: the state has no `{missing[0]}`. Is it of "
            "this function, with these arguments?"
        )
    if mask is not None:
        states.exempt(ours, variables, _truths(mask, variables))
    ours.build(variables)
    arrays = [
        {n: np.asarray(leaves[i]) for n, leaves in kept.items()} for i in range(len(variables))
    ]
    if len(set(counts)) > 1:
        raise ValueError(
            f"{algorithm} of optax cannot be converted: it has several counts, {counts}."
        )
    states.take(row, ours, arrays, max(counts, default=0))
    return ours


def to_optax(optimizer: Optimizer, params: Any) -> tuple[Any, Any]:
    """A transformation of optax and its state, where ours stands: the reverse of `from_optax`.

    Of a schedule only the present rate comes along, with a warning.

    Args:
        optimizer: One of keras_optim, built; not a wrapper.
        params: A tree of arrays whose leaves are the variables' values, in their order.

    Returns:
        The transformation, and its state for `params`.

    Raises:
        ValueError: it is not built, has no counterpart there, or does not fit `params`.
    """
    import jax
    import jax.numpy as jnp
    import optax

    states.check_built("to_optax", optimizer)
    row, arguments = LIBRARY.write(optimizer, optimizer, states.present_rate("to_optax", optimizer))
    leaves, tree = jax.tree.flatten(params)
    variables = keras_private.trainable_variables(optimizer)
    states.check_lengths("to_optax", variables, leaves)
    for leaf, variable in zip(leaves, variables, strict=True):
        if tuple(np.shape(leaf)) != tuple(variable.shape):
            raise ValueError(
                f"to_optax: the leaf for {variable.path} must have the shape "
                f"{tuple(variable.shape)}. Received: shape {np.shape(leaf)}. Are they in the order "
                "of the variables?"
            )
    decayed = [c["decayed"] for c in states.constants_of(optimizer)]
    if not all(decayed) and arguments.get("weight_decay"):
        arguments["mask"] = tree.unflatten(decayed)
    transformation = getattr(optax, row.theirs)(**arguments)
    given, count = states.give(row, optimizer), states.count_of(optimizer)

    def filled(node: Any) -> Any:
        if hasattr(node, "_fields"):
            changes = {}
            for name in node._fields:
                old = getattr(node, name)
                if name == "count":
                    changes[name] = jnp.asarray(count, old.dtype)
                elif name in row.slots and given and name in given[0]:
                    new = [s[name] for s in given]
                    changes[name] = tree.unflatten(
                        [
                            jnp.asarray(n, o.dtype)
                            for n, o in zip(new, jax.tree.leaves(old), strict=True)
                        ]
                    )
                else:
                    changes[name] = filled(old)
            return node._replace(**changes)
        return tuple(map(filled, node)) if type(node) is tuple else node

    return transformation, filled(transformation.init(params))


def _fields(node: Any) -> Iterator[tuple[str, str, Any]]:
    """The fields of all named tuples of a state: owner, name, value."""
    for name in getattr(node, "_fields", ()):
        if name == "inner_state":
            yield from _fields(getattr(node, name))
        else:
            yield type(node).__name__, name, getattr(node, name)
    if type(node) in (tuple, list):
        for part in node:
            yield from _fields(part)


def _hyperparameters(fields: Sequence[tuple[str, str, Any]]) -> Iterator[tuple[str, Any]]:
    for _, name, value in fields:
        if name == "hyperparams":
            yield from ((key, np.asarray(number).item()) for key, number in value.items())


def _truths(mask: Any, variables: Sequence[Any]) -> list[bool]:
    import jax

    leaves = jax.tree.leaves(mask)
    if callable(mask) or len(leaves) != len(variables):
        raise ValueError(
            "from_optax: `mask` must be a tree with one truth value for each variable. "
            f"Received: {shown(mask)}"
        )
    return [bool(leaf) for leaf in leaves]
