"""Steps of `fit` and of `apply` on an embedding, timed by `benchmarks.step_cost.embedding`."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import keras_optim

BACKEND = keras.backend.backend()
WIDTH, BATCH, LENGTH = 16, 128, 64


def words(rows: int, random: np.random.Generator) -> np.ndarray:
    """Make a batch of texts in which few words are frequent, by Zipf's law, as in language."""
    ranks = np.exp(random.uniform(0, np.log(rows), (BATCH, LENGTH)))
    return np.minimum(ranks.astype("int32"), rows - 1)


def fit_step(optimizer: keras.optimizers.Optimizer, rows: int) -> Callable[[], Any]:
    """Make one step of `fit` of a small text classifier."""
    random = np.random.default_rng(0)
    layers = [keras.layers.Embedding(rows, WIDTH), keras.layers.GlobalAveragePooling1D()]
    model = keras.Sequential([keras.Input((LENGTH,), dtype="int32"), *layers])
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer, "binary_crossentropy")
    x, y = words(rows, random), random.integers(0, 2, (BATCH, 1)).astype("float32")
    return lambda: model.train_on_batch(x, y)


def apply_step(optimizer: keras.optimizers.Optimizer, rows: int, sparse: bool) -> Callable[[], Any]:
    """Make one `apply`, compiled and with donated buffers if the backend's trainer does this."""
    random = np.random.default_rng(0)
    variable = keras.Variable(random.normal(size=(rows, WIDTH)), name="embeddings")
    indices = words(rows, random).ravel()
    values = random.normal(size=(len(indices), WIDTH)).astype("float32")
    optimizer.build([variable])
    if BACKEND == "tensorflow":
        import tensorflow as tf

        slices = tf.IndexedSlices(*map(tf.constant, (values, indices, (rows, WIDTH))))
        gradient = slices if sparse else tf.convert_to_tensor(slices)
        traced = tf.function(lambda: optimizer.apply([gradient], [variable]), jit_compile=False)
        return lambda: (traced(), variable.value[0, 0].numpy())
    if BACKEND == "torch":
        import torch

        slices = torch.sparse_coo_tensor(
            torch.tensor(indices)[None].long(), torch.tensor(values), (rows, WIDTH)
        )
        gradient = slices if sparse else slices.to_dense()
        return lambda: optimizer.apply([gradient], [variable])
    import jax
    from jax.experimental.sparse import BCOO

    slices = BCOO((jax.numpy.array(values), jax.numpy.array(indices)[:, None]), shape=(rows, WIDTH))
    gradient = slices if sparse else slices.todense()
    jitted = jax.jit(
        lambda state, values, g: optimizer.stateless_apply(state, [g], values),
        donate_argnums=(0, 1),
    )
    kept = [[variable.value], [v.value for v in optimizer.variables]]

    def step() -> None:
        kept[:] = jitted(kept[1], kept[0], gradient)
        jax.block_until_ready(kept)

    return step


def adam() -> keras_optim.Optimizer:
    """Make the inner optimizer."""
    return keras_optim.Adam(1e-3)


def lazy() -> keras_optim.Optimizer:
    """Make the optimizer that updates only the rows in use."""
    return keras_optim.LazyRows(adam())


def contestants(rows: int) -> dict[str, Callable[[], Any]]:
    """List the timed optimizers by name."""
    return {
        "fit, Keras's Adam": fit_step(keras.optimizers.Adam(1e-3), rows),
        "fit, Adam": fit_step(adam(), rows),
        "fit, LazyRows(Adam)": fit_step(lazy(), rows),
        "apply, Adam, dense": apply_step(adam(), rows, False),
        "apply, LazyRows(Adam), dense": apply_step(lazy(), rows, False),
        "apply, LazyRows(Adam), sparse": apply_step(lazy(), rows, True),
    }


def measure(counts: Sequence[int], rounds: int) -> None:
    """Time them all for each number of rows, and print the table."""
    table = Table("ms per step", *(f"{rows:,} rows" for rows in counts))
    columns = []
    for rows in counts:
        steps = contestants(rows)
        for step in steps.values():
            step(), step()
        times: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(rounds):
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                times[name].append(1e3 * (time.perf_counter() - start))
        columns.append({name: statistics.median(values) for name, values in times.items()})
        keras.utils.clear_session()
    for name in columns[0]:
        table.add_row(name, *(f"{column[name]:.2f}" for column in columns))
    Console().print(f"{BACKEND}, {WIDTH} columns, batches of {BATCH} x {LENGTH} words", table)
