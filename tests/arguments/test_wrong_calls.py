"""Wrong calls: each a clear error at once, and it harms nothing."""

import math

import keras
import numpy as np
import pytest

import keras_optim
from tests.support.trajectories import gradients, numbers, starts, tensor, variables

VALUES, STEPS = starts(), gradients(steps=2)

# ---- calls: made on an optimizer that is built for `xs`; it must go on as if nothing had happened


NOT_ON_TENSORFLOW = "stateless_apply is not supported with the TensorFlow"


def other():
    return variables(VALUES)


CALLS = {
    # gradients
    "too few gradients": (lambda o, xs, gs: o.apply(gs[:3], xs), ValueError, "3 gradients, 4 var"),
    "too many gradients": (lambda o, xs, gs: o.apply([*gs, gs[0]], xs), ValueError, "5 gradients"),
    "too few, no variables": (lambda o, xs, gs: o.apply(gs[:3]), ValueError, "3 gradients, 4 var"),
    "no gradients": (lambda o, xs, gs: o.apply([], xs), ValueError, "0 gradients, 4 var"),
    "only None": (lambda o, xs, gs: o.apply([None] * 4, xs), ValueError, "No gradients provided"),
    "gradients are None": (lambda o, xs, gs: o.apply(None, xs), TypeError, "`grads` must be a l"),
    "a single tensor": (lambda o, xs, gs: o.apply(gs[2], xs), TypeError, "`grads` must be a list"),
    "a dict": (lambda o, xs, gs: o.apply({"x": gs[0]}, xs), TypeError, "`grads` must be a list"),
    "a string": (lambda o, xs, gs: o.apply("abcd", xs), TypeError, "`grads` must be a list"),
    "strings": (lambda o, xs, gs: o.apply(["a", *gs[1:]], xs), TypeError, "x0.*must be a tensor"),
    "objects": (lambda o, xs, gs: o.apply([object(), *gs[1:]], xs), TypeError, "must be a tensor"),
    "complex numbers": (
        lambda o, xs, gs: o.apply([np.array(1j), *gs[1:]], xs),
        TypeError,
        "x0 must be a tensor of real numbers. Received: .*complex",
    ),
    "booleans": (
        lambda o, xs, gs: o.apply([np.array(True), *gs[1:]], xs),
        TypeError,
        "x0 must be a tensor of real numbers. Received: .*bool",
    ),
    "a shape that broadcasts": (
        lambda o, xs, gs: o.apply([gs[0], np.ones((1,), "float32"), *gs[2:]], xs),
        ValueError,
        r"gradient of x1 must have shape \(5,\). Received: shape \(1,\)",
    ),
    "a scalar for a vector": (
        lambda o, xs, gs: o.apply([gs[0], gs[0], *gs[2:]], xs),
        ValueError,
        r"gradient of x1 must have shape \(5,\). Received: shape \(\)",
    ),
    "a vector for a scalar": (
        lambda o, xs, gs: o.apply([gs[1], *gs[1:]], xs),
        ValueError,
        r"gradient of x0 must have shape \(\). Received: shape \(5,\)",
    ),
    "a transposed gradient": (
        lambda o, xs, gs: o.apply([*gs[:2], np.ones((3, 4), "float32"), gs[3]], xs),
        ValueError,
        r"gradient of x2 must have shape \(4, 3\). Received: shape \(3, 4\)",
    ),
    "the wrong order": (lambda o, xs, gs: o.apply(gs[::-1], xs), ValueError, "must have shape"),
    # variables
    "unknown variables": (lambda o, xs, gs: o.apply(gs, other()), ValueError, "Unknown variable"),
    "one unknown": (
        lambda o, xs, gs: o.apply(gs, [*xs[:3], other()[3]]),
        ValueError,
        "Unknown variable",
    ),
    "a variable twice": (
        lambda o, xs, gs: o.apply([gs[0], gs[0]], [xs[0], xs[0]]),
        ValueError,
        "x0 is given twice",
    ),
    "arrays for variables": (
        lambda o, xs, gs: o.apply(gs, VALUES),
        TypeError,
        "`trainable_variables` must be a list of variables. Received: .*ndarray",
    ),
    "a single variable": (
        lambda o, xs, gs: o.apply([gs[0]], xs[0]),
        TypeError,
        "`trainable_variables` must be a list",
    ),
    "names for variables": (
        lambda o, xs, gs: o.apply(gs, ["x0", "x1", "x2", "x3"]),
        TypeError,
        "`trainable_variables` must be a list of variables. Received: .*str",
    ),
    "built for others": (lambda o, xs, gs: o.build(other()), ValueError, "Unknown variable"),
    "a second model": (
        lambda o, xs, gs: o.build([*xs, other()[0]]),
        ValueError,
        "Unknown variable",
    ),
    "swapped pairs": (
        lambda o, xs, gs: o.apply_gradients(zip(xs, gs, strict=True)),
        TypeError,
        "`trainable_variables` must be a list of variables",
    ),
    # the rate
    "rate -1": (lambda o, xs, gs: setattr(o, "learning_rate", -1), ValueError, "learning_rate=-1"),
    "rate NaN": (lambda o, xs, gs: setattr(o, "learning_rate", math.nan), ValueError, "=nan"),
    "rate inf": (lambda o, xs, gs: setattr(o, "learning_rate", math.inf), ValueError, "=inf"),
    "rate None": (lambda o, xs, gs: setattr(o, "learning_rate", None), TypeError, "=None"),
    "rate 'fast'": (lambda o, xs, gs: setattr(o, "learning_rate", "fast"), TypeError, "'fast'"),
    "rate [0.1]": (lambda o, xs, gs: setattr(o, "learning_rate", [0.1]), TypeError, r"\[0.1\]"),
    "rate True": (lambda o, xs, gs: setattr(o, "learning_rate", True), TypeError, "=True"),
    "rate 1j": (lambda o, xs, gs: setattr(o, "learning_rate", 1j), TypeError, "=1j"),
    "rate a class": (
        lambda o, xs, gs: setattr(o, "learning_rate", keras_optim.schedules.OneCycle),
        TypeError,
        "`learning_rate` must be",
    ),
    "iterations": (lambda o, xs, gs: setattr(o, "iterations", 3), AttributeError, "iterations"),
    # weight decay
    "exclusion too late": (
        lambda o, xs, gs: o.exclude_from_weight_decay(var_names=["bias"]),
        ValueError,
        "before the optimizer is built",
    ),
    # stateless
    "too little state": (
        lambda o, xs, gs: o.stateless_apply([], gs, [x.value for x in xs]),
        ValueError,
        f"optimizer_variables|{NOT_ON_TENSORFLOW}",
    ),
    "too few values": (
        lambda o, xs, gs: o.stateless_apply([v.value for v in o.variables], gs, []),
        ValueError,
        f"trainable_variables|{NOT_ON_TENSORFLOW}",
    ),
    # wrapping
    "wrapped when built": (
        lambda o, xs, gs: keras_optim.Lookahead(o),
        ValueError,
        "`inner` must be a new optimizer. Received: Adam, already built",
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_call_harms_nothing(call):
    do, error, message = CALLS[call]
    optimizer, xs = keras_optim.Adam(0.1), variables(VALUES)
    gs = [[tensor(g) for g in step] for step in STEPS]
    optimizer.apply(gs[0], xs)
    before = snapshot(optimizer, xs)
    with pytest.raises(error, match=message):
        do(optimizer, xs, gs[1])
    assert snapshot(optimizer, xs) == before
    optimizer.apply(gs[1], xs)
    untouched, ys = keras_optim.Adam(0.1), variables(VALUES)
    for step in gs:
        untouched.apply(step, ys)
    assert [x.tolist() for x in numbers(xs)] == [y.tolist() for y in numbers(ys)]


def snapshot(optimizer, xs):
    return [value.tolist() for value in numbers((*xs, *optimizer.variables))]


# ---- calls on an optimizer that is not built, and constructions that need more than one argument

NEW = {
    "apply unbuilt": (lambda: adam().apply([tensor(1.0)]), ValueError, "must already be built"),
    "stateless unbuilt": (
        lambda: adam().stateless_apply([], [], []),
        ValueError,
        f"must be built|{NOT_ON_TENSORFLOW}",
    ),
    "build nothing": (lambda: adam().build([]), ValueError, "at least one variable"),
    "build None": (lambda: adam().build(None), TypeError, "must be a list of variables"),
    "build a variable": (lambda: adam().build(other()[2]), TypeError, "must be a list of var"),
    "build arrays": (lambda: adam().build(VALUES), TypeError, "must be a list of variables"),
    "build a model": (lambda: adam().build(keras.Sequential()), TypeError, "a list of variables"),
    "build twice the same": (lambda: adam().build([X, X]), ValueError, "is given twice"),
    "build integers": (
        lambda: adam().build([keras.Variable([1, 2], dtype="int32", trainable=False, name="n")]),
        TypeError,
        "n has dtype int32: .*floating",
    ),
    "exclude a string": (
        lambda: adam().exclude_from_weight_decay(var_names="bias"),
        TypeError,
        "`var_names` must be a list.*Received: var_names='bias'",
    ),
    "exclude numbers": (
        lambda: adam().exclude_from_weight_decay(var_names=[3]),
        TypeError,
        r"`var_names\[0\]` must be a str",
    ),
    "exclude no expression": (lambda: excluding("("), ValueError, r"'\(', which is no regular"),
    "exclude nothing there": (lambda: excluding("biass"), ValueError, "matches no variable"),
    "exclude no variables": (
        lambda: adam().exclude_from_weight_decay(var_list=["bias"]),
        TypeError,
        "`var_list` must be a list of variables. Received: .*str",
    ),
    "get nothing": (lambda: keras_optim.get(""), ValueError, "No optimizer is called ''"),
    "get a typo": (lambda: keras_optim.get("adm"), ValueError, "Did you mean: adam"),
    "get None": (lambda: keras_optim.get(None), ValueError, "No optimizer is called None"),
    "get with an unknown argument": (
        lambda: keras_optim.get("adam", momentum=0.9),
        TypeError,
        "Adam: unknown argument `momentum`",
    ),
    "a wrapper without inner": (lambda: keras_optim.Lookahead(), TypeError, "'inner'"),
    "inner is a name": (lambda: keras_optim.EMA("adam"), TypeError, "`inner` must be"),
    "inner is a class": (lambda: keras_optim.EMA(keras_optim.Adam), TypeError, "`inner` must be"),
    "inner is Keras's": (
        lambda: keras_optim.EMA(keras.optimizers.Adam()),
        TypeError,
        "`inner` must be",
    ),
    "inner is wrapped": (lambda: wrapped_twice(), ValueError, "already wrapped by EMA"),
    "wrapped in itself": (
        lambda: keras_optim.EMA(keras_optim.Lookahead(keras_optim.EMA(adam()))),
        ValueError,
        "must not",
    ),
    "an option twice": (
        lambda: keras_optim.EMA(keras_optim.Adam(clipnorm=1), clipnorm=2),
        ValueError,
        "`clipnorm` is set on `inner` already",
    ),
    "two averages": (lambda: keras_optim.EMA(adam(), use_ema=True), ValueError, "`use_ema`"),
    "two clippings": (
        lambda: keras_optim.Adam(clipnorm=1, global_clipnorm=1),
        ValueError,
        "Only one of",
    ),
    "nesterov alone": (lambda: keras_optim.SGD(nesterov=True), ValueError, "needs `momentum`"),
    "too many positional": (
        lambda: keras_optim.Adam(0.1, 0.9, 0.9, 1e-8, 1),
        TypeError,
        "too many positional",
    ),
    "config with a stranger": (
        lambda: keras_optim.Adam.from_config({"learning_rate": 0.1, "wrong": 1}),
        TypeError,
        "unknown argument `wrong`",
    ),
    "config out of range": (
        lambda: keras_optim.Adam.from_config({"beta_1": 2.0}),
        ValueError,
        "`beta_1` must be",
    ),
    "config of a wrapper without inner": (
        lambda: keras_optim.EMA.from_config({"decay": 0.9}),
        TypeError,
        "'inner'",
    ),
    "no pattern matches": (
        lambda: keras_optim.RateMultipliers(adam(), {"nowhere": 2.0}).build(other()),
        ValueError,
        "'nowhere', which matches no",
    ),
    "minimize by an optimizer": (
        lambda: keras_optim.minimize(lambda: 0.0, variables=[X], method=adam()),
        ValueError,
        "Adam goes into `compile`",
    ),
    "compile a method": (
        lambda: keras.Sequential([keras.layers.Dense(1)]).compile(optimizer=keras_optim.LBFGS()),
        (TypeError, ValueError),
        "minimize",
    ),
    "layerwise decay of no model": (
        lambda: keras_optim.layerwise_decay("model", 0.9),
        TypeError,
        "model",
    ),
}
X = variables([np.ones(2)])[0]


def adam():
    return keras_optim.Adam()


def excluding(pattern):
    optimizer = keras_optim.Adam(weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=[pattern])
    optimizer.build(other())


def wrapped_twice():
    inner = adam()
    keras_optim.EMA(inner)
    keras_optim.Lookahead(inner)


@pytest.mark.parametrize("call", NEW)
def test_a_wrong_beginning(call):
    do, error, message = NEW[call]
    with pytest.raises(error, match=message):
        do()
