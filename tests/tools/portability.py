"""Files of unfinished runs, for other backends and later versions to continue.

`KERAS_BACKEND=jax python -m tests.tools.portability`, and so for the other two, adds the missing
files to `references/portable/format-N/`, as `python -m tests.tools.refresh` does. Existing files
and folders of older formats never change, because they stand for the files that users have kept.
(`--all` writes all files again.)
"""

import json
import pathlib
import sys

import keras
import numpy as np

import keras_optim
from keras_optim.state import files
from tests.support.catalog_cases import CASES, make
from tests.support.passes import apply
from tests.support.trajectories import gradients, numbers, starts, tensor, variables

FOLDER = pathlib.Path(__file__).parents[1] / "references" / "portable"
BACKENDS = ("jax", "tensorflow", "torch")
SHAPES = ((), (3,), (2, 3), (2, 1, 3))
BEFORE, AFTER = 4, 4
RATE = 0.125
OPTIONS = {"use_ema": True, "gradient_accumulation_steps": 2, "weight_decay": 0.5, "clipnorm": 1.0}


def cases():
    """Return optimizers by label: every one of the catalogue, its variants, and Keras's options."""
    return {**CASES, "adam-options": ("adam", OPTIONS)}


def steps():
    """Return the gradients of all steps: those before the file, then those after it."""
    return gradients(SHAPES, BEFORE + AFTER)


def flat(path):
    """Flatten a path of lists of arrays to one row of numbers per step."""
    return np.stack([np.concatenate([x.ravel() for x in xs]) for xs in path]).astype("float32")


def unflat(row):
    """Return the arrays of one row of numbers."""
    sizes = np.cumsum([int(np.prod(shape)) for shape in SHAPES])[:-1]
    return [part.reshape(s) for part, s in zip(np.split(row, sizes), SHAPES, strict=True)]


def recorded(name, case):
    """Record a run with the file in the middle: configuration, weights, state, and later path."""
    optimizer = make(name, learning_rate=RATE, **case)
    xs = variables(starts(SHAPES))
    path = advance(optimizer, xs, steps()[:BEFORE])
    store = {}
    optimizer.save_own_variables(store)
    return {
        "config": keras.saving.serialize_keras_object(optimizer),
        "path": flat([path[-1], *advance(optimizer, xs, steps()[BEFORE:])]),
        **{f"state/{key}": value for key, value in store.items()},
    }


def continued(record, with_state=True):
    """Take the steps after the file on this backend: one row of numbers per step."""
    optimizer = keras.saving.deserialize_keras_object(record["config"])
    xs = variables(unflat(record["path"][0]))
    optimizer.build(xs)
    if with_state:
        names = [key for key in record if key.startswith("state/")]
        optimizer.load_own_variables({n.removeprefix("state/"): record[n] for n in names})
    return flat(advance(optimizer, xs, steps()[BEFORE:]))


def advance(optimizer, xs, each):
    """Take step after step in place; return the values after each."""
    path = []
    for gs in each:
        apply(optimizer, [tensor(g) for g in gs], xs)
        path.append(numbers(xs))
    return path


# ---- whole models, in `.keras` files


def scheduled():
    schedule = keras_optim.schedules.Warmup(
        keras_optim.schedules.CosineAnnealing(0.05, decay_steps=20), warmup_steps=4
    )
    return keras_optim.AdamW(schedule, weight_decay=0.1)


def nested():
    inner = keras_optim.Nadam(0.02, weight_decay=0.1)
    inner.exclude_from_weight_decay(var_names=["bias"])
    return keras_optim.EMA(keras_optim.Lookahead(inner, sync_period=3), decay=0.5, warmup=False)


MODELS = {
    "adafactor": lambda: keras_optim.Adafactor(0.1, clipnorm=1.0),
    "scheduled": scheduled,
    "nested": nested,
}


def fit(model):
    """Train for an epoch of five steps on fixed data; return the weights after it."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 3)), random.normal(size=(40, 1))
    model.fit(x.astype("float32"), y.astype("float32"), batch_size=8, shuffle=False, verbose=0)
    return np.concatenate([w.ravel() for w in model.get_weights()])


def record_model(label, file):
    """Train, save to `file`, train on; return the weights at the end."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, "tanh", name="hidden"), keras.layers.Dense(1, name="output")]
    model = keras.Sequential([keras.Input((3,)), *layers], name="small")
    model.compile(MODELS[label](), "mse")
    fit(model)
    model.save(file)
    return fit(model)


# ---- the files


def folders():
    """Return a folder for each format so far."""
    return sorted(FOLDER.glob("format-*"))


def read(folder, backend):
    """Read the records of a backend: arrays by label and name."""
    file = folder / f"{backend}.npz"
    if not file.exists():
        return {}
    with np.load(file) as packed:
        index, configs = (json.loads(str(packed[name])) for name in ("index", "configs"))
        data = packed["data"]
    records, start = {}, 0
    for label, name, dtype, shape in index:
        end = start + int(np.prod(shape))
        array = data[start:end].astype(dtype).reshape(shape)
        records.setdefault(label, {})[name] = array
        start = end
    for label, config in configs.items():
        records[label]["config"] = config
    return records


def write(folder, backend, records):
    """Write all arrays packed in one, because separate heads would double the size."""
    arrays = [
        (label, name, np.asarray(value))
        for label, record in records.items()
        for name, value in record.items()
        if name != "config"
    ]
    index = [(label, name, str(a.dtype), a.shape) for label, name, a in arrays]
    data = np.concatenate([a.ravel() for _, _, a in arrays]).astype("float32")
    configs = {label: r["config"] for label, r in records.items() if "config" in r}
    np.savez_compressed(
        folder / f"{backend}.npz", index=json.dumps(index), data=data, configs=json.dumps(configs)
    )


def main(arguments):
    """Write the missing files of this backend."""
    backend, folder = keras.backend.backend(), FOLDER / f"format-{files.FORMAT}"
    folder.mkdir(parents=True, exist_ok=True)
    records = {} if "--all" in arguments else read(folder, backend)
    before = set(records)
    for label, (name, case) in cases().items():
        if label not in records:
            records[label] = recorded(name, case)
            print(f"added {label}")
    for label in MODELS:
        if f"model-{label}" not in records:
            file = folder / f"{backend}-{label}.keras"
            records[f"model-{label}"] = {"weights": record_model(label, file)}
            print(f"added {file.name}")
    if set(records) != before:
        write(folder, backend, records)


if __name__ == "__main__":
    main(sys.argv[1:])
