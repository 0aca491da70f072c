"""Uses the installed package as a stranger would: from an empty folder, nothing else on the path.

Run by `tox -e package`, not by pytest.
"""

import importlib.metadata
import os
import pathlib
import sys

# Python puts this file's folder first; an installed package must not need it.
sys.path.pop(0)

import keras
import numpy as np

import keras_optim
from keras_optim.catalog import find

assert os.listdir() == [], f"not an empty folder: {os.listdir()}"
assert "site-packages" in keras_optim.__file__, keras_optim.__file__
files = importlib.metadata.files("keras_optim") or []
folders = {pathlib.PurePosixPath(str(f)).parts[0] for f in files}
assert {f for f in folders if not f.endswith(".dist-info")} == {"keras_optim"}, folders
assert any(str(f) == "keras_optim/py.typed" for f in files)

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
for name in keras_optim.names():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    rate = find(name).algorithm.trial_rate
    rate = 0.05 if rate == keras_optim.Optimizer.trial_rate else rate
    optimizer = keras_optim.get(name, learning_rate=rate)
    model.compile(optimizer=optimizer, loss="mse")
    if optimizer.second != "none" or optimizer.sees_loss:
        keras_optim.two_pass(model)
    history = model.fit(x, x[:, :1], epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0], (name, history)
    model.save("model.keras")
    assert type(keras.models.load_model("model.keras").optimizer) is type(model.optimizer)
    os.remove("model.keras")
count = len(keras_optim.names())
print(f"keras_optim {keras_optim.__version__}: {count} optimizers train, installed.")
