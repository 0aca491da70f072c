"""One small training, the same on one device and on several."""

import re
from pathlib import Path

import keras
import numpy as np

import keras_optim
from keras_optim.tensors import tensor
from tests.support import passes
from tests.support.catalog_cases import EVERY, FEW, make, rule_of

BATCH, STEPS = 8, 4
_random = np.random.default_rng(0)
X = _random.normal(size=(BATCH * STEPS, 6, 4)).astype("float32")
Y = _random.normal(size=(BATCH * STEPS, 2)).astype("float32")

# Beside the catalogue: what looks at all gradients together, or draws at random.
OPTIONS = {
    "clipnorm": ("sgd", {"momentum": 0.9, "clipnorm": 0.05}),
    "global_clipnorm": ("sgd", {"momentum": 0.9, "global_clipnorm": 0.05}),
    "clipvalue": ("sgd", {"momentum": 0.9, "clipvalue": 0.01}),
    "use_ema": ("sgd", {"use_ema": True, "ema_momentum": 0.5}),
    "loss_scale_factor": ("adam", {"loss_scale_factor": 8.0}),
    "weight_decay": ("adafactor", {"weight_decay": 0.1}),
}
SETTINGS = {
    "adadelta": {"learning_rate": 1.0},
    # Roots and eigenvectors of few gradients magnify the rounding of a sum.
    "shampoo": {"epsilon": 0.01},
    **{name: {"block_size": 2} for name in ("soap", "klshampoo", "splus")},
}
CASES = [*EVERY, *OPTIONS, "noise", "measured", "routed"]
ONE_LOSS = [case for case in CASES if case in EVERY and rule_of(case).sees_loss]
"""Those that see the loss, which replicas have each for themselves: refused."""
REPLICATED = [case for case in CASES if case not in ONE_LOSS]


def in_each_step(case):
    """Whether each step of an optimizer has as many passes."""
    outer = rule_of(case.partition("(")[0])
    return rule_of(case).second in ("none", "gradient") and outer is not keras_optim.LookSAM


MIRRORED = [c for c in REPLICATED if c not in EVERY or in_each_step(c)]
"""Those that `tf.distribute` can train: it refuses second passes in some steps only, too."""
SOME = [case for case in CASES if case in FEW or case not in EVERY]


class Measured(keras_optim.Optimizer):
    """Steps as long as the sum of all gradients' squares, counted over all variables."""

    shared = {"longest": 0.0}

    def measure(self, g, x, s, t, lr):
        return {"total": keras.ops.sum(g * g)}, {}

    def pool(self, sums, s, t, lr):
        return {"longest": keras.ops.sqrt(sums["total"]) + s["longest"]}, {}

    def update(self, g, x, s, t, lr):
        return -lr * s["longest"] * g, {}


def kernels(spec):
    return len(spec.shape) > 2


def optimizer(case):
    """A new optimizer for one of `CASES`."""
    if case == "noise":
        return keras_optim.GradientNoise(keras_optim.SGD(0.05), eta=0.1, seed=1)
    if case == "measured":
        return Measured(0.05)
    if case == "routed":
        rate = keras_optim.schedules.Warmup(0.1, 2)
        rules = {
            "bias": keras_optim.SGD(rate, momentum=0.9),
            kernels: make("shampoo", **SETTINGS["shampoo"]),
        }
        return keras_optim.Route({**rules, ".": keras_optim.Nadam(0.05, weight_decay=0.1)})
    name, options = OPTIONS.get(case, (case, {}))
    return make(name, **{"learning_rate": 0.05, **SETTINGS.get(name, {}), **options})


def model():
    """Weights of one, two and three axes, always with the same values."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Conv1D(8, 3, activation="tanh", name="conv"),
        keras.layers.Flatten(),
        keras.layers.Dense(2, use_bias=False, name="dense"),
    ]
    return keras.Sequential([keras.Input((6, 4)), *layers])


def batches():
    return [(X[i : i + BATCH], Y[i : i + BATCH]) for i in range(0, len(X), BATCH)]


def fitted(case, **compiled):
    """A model after `STEPS` batches of `fit`."""
    network = model()
    network.compile(optimizer(case), "mse", **compiled)
    passes.ready(network).fit(X, Y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    return network


def numbers(network):
    """All weights and all state of a model."""
    variables = [*network.trainable_variables, *network.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(tensor(v)), "float64") for v in variables]


def difference(ours, theirs):
    """The largest difference between two lists of arrays, relative where they are above 1."""
    return max(
        float(np.max(np.abs(a - b) / (1.0 + np.abs(b)), initial=0.0))
        for a, b in zip(ours, theirs, strict=True)
    )


def examples(engine):
    """The code of the page on several devices that belongs to an engine."""
    page = (Path(__file__).parents[2] / "docs" / "guides" / "several-devices.md").read_text(
        encoding="utf-8"
    )
    section = page.split(f"\n## {engine}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^```py\n(.*?)^```", section, re.DOTALL | re.MULTILINE))


def run_examples(engine):
    """What the examples leave behind."""
    names = {"__name__": "examples"}
    exec(compile(examples(engine), f"several-devices.md, {engine}", "exec"), names)
    return names


def tried(function, *arguments):
    """What a function returns, or the error it raises, as text."""
    try:
        return function(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
