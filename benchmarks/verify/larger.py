"""Checks that need the whole of a data set, and hours without an accelerator."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras

import keras_optim
from benchmarks.verify import models
from benchmarks.verify.checks import CannotRun, Check, Found, Request, around
from benchmarks.verify.fitting import fitted
from benchmarks.workloads import datasets, published

CIFAR = 50_000
"""Training images of the whole CIFAR-10."""
WORDS, LENGTH = 20_000, 200
ACCURACY = "test accuracy at the last epoch"

DEEPOBS: dict[str, tuple[str, Callable[[], Any]]] = {
    "sgd": ("0.841", lambda: keras_optim.SGD(6.31e-2)),
    "momentum": ("0.845", lambda: keras_optim.SGD(3.98e-4, momentum=0.99)),
    "adam": ("0.845", lambda: keras_optim.Adam(3.98e-4)),
}


def _only(optimizer: Callable[[], Any]) -> list[Any]:
    return [optimizer()]


def _cifar(optimizer: Callable[[], Any], request: Request) -> Found:
    row = datasets.DATASETS["cifar10"]
    edition = datasets.available(row, request.data_dir, request.folder)
    if edition is not None and edition.train < CIFAR:
        raise CannotRun(f"CIFAR-10 is a subset of {edition.train:,} images here")
    if edition is None and request.offline:
        raise CannotRun("CIFAR-10 is not on this machine, and --offline forbids to download it")
    published.fetched(["cifar"], request.folder, request.data_dir)
    edition = datasets.available(row, request.data_dir, request.folder, cached=True)
    assert edition is not None, "it was fetched"
    train, test = datasets.read(edition, request.folder)
    return _last(
        models.deepobs_3c3d,
        optimizer(),
        (train.x, train.y),
        (test.x, test.y),
        request,
        epochs=100,
        batch_size=128,
    )


def _imdb(build: Callable[[], keras.Model], request: Request) -> Found:
    home = os.environ.get("KERAS_HOME") or "~/.keras"
    path = Path(home).expanduser() / "datasets" / "imdb.npz"
    if not path.exists() and request.offline:
        raise CannotRun(f"{path.name} of Keras is not on this machine, and --offline is given")
    try:
        data, test = keras.datasets.imdb.load_data(num_words=WORDS)
    except Exception as error:  # networks fail in many ways
        reason = f"{path.name} of Keras cannot be downloaded here ({type(error).__name__})"
        raise CannotRun(reason) from error
    (x, y), (test_x, test_y) = (
        (keras.utils.pad_sequences(words, maxlen=LENGTH), labels) for words, labels in (data, test)
    )
    optimizer = keras_optim.Adam(0.001, epsilon=1e-7)
    return _last(build, optimizer, (x, y), (test_x, test_y), request, epochs=2, batch_size=32)


def _last(
    build: Callable[[], keras.Model],
    optimizer: Any,
    data: Any,
    test: Any,
    request: Request,
    **how: Any,
) -> Found:
    keras.utils.set_random_seed(1)
    model = build()
    single = model.output_shape[-1] == 1
    loss = f"{'binary' if single else 'sparse_categorical'}_crossentropy"
    model.compile(optimizer, loss=loss, metrics=["accuracy"])
    after = fitted(model, data, test, request.own, request.tell, **how)
    return {ACCURACY: [after[-1]["val_accuracy"]]}


CHECKS = (
    *(
        Check(
            f"deepobs-{name}",
            f"DeepOBS's cifar10_3c3d with augmentation, {name}, 100 epochs",
            "Schneider et al. 2019, DeepOBS (arXiv 1903.05499), baselines",
            "https://arxiv.org/abs/1903.05499",
            (around(ACCURACY, value, 0.018, "the spread of DeepOBS's ten seeds", 3),),
            partial(_cifar, optimizer),
            partial(_only, optimizer),
            seconds=12 * 3600,
            long=True,
        )
        for name, (value, optimizer) in DEEPOBS.items()
    ),
    *(
        Check(
            f"imdb-{name}",
            f"{model} on 20,000 words of IMDB, batches of 32, Adam, 2 epochs",
            f"keras.io, {title}",
            f"https://keras.io/examples/nlp/{page}/",
            (around(ACCURACY, value, 0.02, "two points: the page has one run and no spread"),),
            partial(_imdb, build),
            lambda: [keras_optim.Adam(0.001, epsilon=1e-7)],
            seconds=seconds,
            long=True,
        )
        for name, model, title, page, value, build, seconds in (
            (
                "transformer",
                "one transformer block",
                "Text classification with Transformer",
                "text_classification_with_transformer",
                "0.8745",
                models.transformer,
                900,
            ),
            (
                "bilstm",
                "two bidirectional LSTMs",
                "Bidirectional LSTM on IMDB",
                "bidirectional_lstm_imdb",
                "0.8428",
                models.bilstm,
                3600,
            ),
        )
    ),
)
