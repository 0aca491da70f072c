"""`keras.distribution`, and lowering for TPU. Processes of their own have several devices."""

import pytest

from keras_optim.contract import innermost
from tests.conftest import BACKEND
from tests.distribution import problem
from tests.distribution.processes import findings, wrong

if BACKEND != "jax":
    pytest.skip("keras.distribution works on JAX only", allow_module_level=True)

ALGORITHMS = {case: innermost(problem.optimizer(case)) for case in problem.CASES}
WITHOUT_SLOTS = {case for case, algorithm in ALGORITHMS.items() if not algorithm.slots}
WITHOUT_SLOTS.remove("routed")  # its rules have them


def test_data_parallel_and_model_parallel(tmp_path):
    """Every optimizer gives the weights and the state of one device: sharded weights, batches too.

    With replicas of all weights, those that have all facts.
    """
    found = findings("devices", tmp_path)
    assert wrong(found["data"]) == {}
    assert wrong(found["model"]) == {}
    assert set(found["data"]) == set(problem.SOME)
    assert set(found["model"]) == set(problem.CASES)
    assert found["misplaced"] == []
    assert {case for case, slots in found["sharded"].items() if not slots} == WITHOUT_SLOTS
    assert wrong(found["large"]) == {}
    assert set(found["rounded"].values()) == {0.0}


def test_two_processes(tmp_path):
    """Weights are sharded over the processes, and each has half of the batch."""
    found = findings("jax_processes", tmp_path, processes=2)
    assert wrong(found) == {"noise without a seed": found["noise without a seed"]}
    assert "GradientNoise: `seed` must be given" in found["noise without a seed"]


@pytest.mark.parametrize("case", problem.CASES)
def test_the_train_step_lowers_for_tpu(case):
    """Forward, gradients and update, as they would be compiled on a TPU."""
    import jax
    from jax import export

    network = problem.model()
    rule = problem.optimizer(case)
    rule.build(network.trainable_variables)

    def step(weights, state, x, y):
        def loss(weights):
            outputs, _ = network.stateless_call(weights, [], x, training=True)
            return jax.numpy.mean((outputs - y) ** 2)

        slope = jax.grad(loss)

        def products(directions):
            return jax.jvp(slope, (weights,), (directions,))[1]

        curved = {"hessian_product": products, "sampled_gradient": lambda: slope(weights)}
        second = curved.get(rule.second, slope)
        seen = {"loss": loss(weights)} if rule.sees_loss else {}
        return rule.stateless_apply(state, slope(weights), weights, second=second, **seen)

    values = [[v.value for v in vs] for vs in (network.trainable_variables, rule.variables)]
    batch = problem.batches()[0]
    lowered = export.export(jax.jit(step), platforms=["tpu"])(*values, *batch)
    assert lowered.platforms == ("tpu",)
    assert [a.shape for a in lowered.out_avals] == [v.shape for vs in values for v in vs]
    assert "callback" not in lowered.mlir_module()
