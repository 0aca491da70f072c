"""A compiled step is compiled once, whatever changes between steps, and gives its buffers away."""

import numpy as np
import pytest
from keras import ops

import keras_optim
from tests.conftest import BACKEND
from tests.support.catalog_cases import EVERY, make
from tests.support.passes import apply, stateless_apply
from tests.support.trajectories import difference, gradients, run, starts, tensor, variables
from tests.support.xla import USUAL

if BACKEND == "torch":
    pytest.skip("what PyTorch compiles is in tests/codegen", allow_module_level=True)

STEPS, VALUES = gradients(steps=3), starts()


def scheduled(name):
    schedule = keras_optim.schedules.CosineAnnealing(0.1, decay_steps=10)
    return make(name, learning_rate=schedule, global_clipnorm=1.0, weight_decay=0.1)


@pytest.mark.skipif(BACKEND != "jax", reason="JAX's")
@pytest.mark.parametrize("name", EVERY)
def test_jax_compiles_once_and_reuses_the_buffers(name):
    """With all passes of XLA, as for users."""
    import jax

    optimizer, xs = scheduled(name), variables(VALUES)
    optimizer.build(xs)

    def pure(values, state, gs):
        return stateless_apply(optimizer, state, gs, values)

    step = jax.jit(pure, donate_argnums=(0, 1), compiler_options=USUAL)
    values = [ops.copy(x.value) for x in xs]
    state = [ops.copy(v.value) for v in optimizer.variables]
    unread = optimizer.state.shared.get("loss")  # that of the step before
    for gs in STEPS:
        pairs = zip(state, optimizer.variables, strict=True)
        old = [*values, *(value for value, held in pairs if held is not unread)]
        values, state = step(values, state, [tensor(g) for g in gs])
        assert all(v.is_deleted() for v in old if v.size)
    assert step._cache_size() == 1
    assert [v.dtype for v in state] == [v.value.dtype for v in optimizer.variables]
    eagerly = run(scheduled(name), VALUES, STEPS)
    assert difference([[np.asarray(v) for v in values]], eagerly[-1:]) < 1e-5


@pytest.mark.skipif(BACKEND != "jax", reason="JAX's")
def test_another_rate_is_no_reason_to_compile_again():
    import jax

    optimizer, xs = keras_optim.Adam(0.1), variables(VALUES)
    optimizer.build(xs)
    step = jax.jit(lambda state, gs, values: optimizer.stateless_apply(state, gs, values)[0])
    values, gs = [x.value for x in xs], [tensor(g) for g in STEPS[0]]
    ends = []
    for rate in (0.1, 0.2):
        optimizer.learning_rate = rate
        ends.append(step([v.value for v in optimizer.variables], gs, values)[0])
    assert step._cache_size() == 1
    assert np.any(np.asarray(ends[0]) != np.asarray(ends[1]))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's")
@pytest.mark.parametrize("name", ["adam", "adafactor", "lookahead(adam)", "nadam"])
def test_tensorflow_traces_once(name):
    import tensorflow as tf

    optimizer, xs = make(name, learning_rate=0.1, global_clipnorm=1.0), variables(VALUES)
    optimizer.build(xs)
    step = tf.function(lambda gs: apply(optimizer, gs, xs))
    for gs, rate in zip(STEPS, (0.1, 0.2, 0.3)):
        optimizer.learning_rate = rate
        step([tensor(g) for g in gs])
    assert step.experimental_get_tracing_count() == 1
    assert int(optimizer.iterations.numpy()) == 3
