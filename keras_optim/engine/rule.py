"""One step of a rule on all variables: a pure function of tensors.

JAX traces it into the train step, where XLA fuses it; PyTorch compiles it with the options of Keras
around it; TensorFlow runs it in the graph and, under `tf.distribute`, once per device after the
all-reduce.
"""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_optim.engine import norms
from keras_optim.engine.optimizer_state import whole_state
from keras_optim.engine.tensorflow_memory import Turns
from keras_optim.tensors import Tensor, widened


def step_all(
    rule: Any,
    gs: Sequence[Tensor],
    xs: Sequence[Tensor],
    states: Sequence[dict[str, Tensor]],
    shared: dict[str, Tensor],
    t: Tensor,
    lr: Tensor,
    constants: Sequence[dict[str, Any]],
    total: Callable[[Tensor], Tensor] = lambda value: value,
) -> tuple[list[Tensor], list[dict[str, Tensor]], dict[str, Tensor]]:
    """One step of `rule` on all variables: their changes, new slots, new shared state. Pure.

    Gradients, variables and slots that are narrower than float32 are raised to it; so are the
    results, which are cast when they are stored. `total` sums a number over all variables, if the
    lists hold one variable of many.
    """
    gs, xs = [widened(g, like=x) for g, x in zip(gs, xs, strict=True)], [widened(x) for x in xs]
    rates = [ops.cast(lr, x.dtype) for x in xs]

    def state(i: int) -> dict[str, Any]:
        return whole_state(states[i], shared, constants[i], like=xs[i])

    totals: dict[str, Tensor] = {}
    for i, (g, x, rate) in enumerate(zip(gs, xs, rates, strict=True)):
        for name, value in rule.measure(g, x, state(i), t, rate).items():
            totals[name] = totals[name] + value if name in totals else value
    totals = {name: total(value) for name, value in totals.items()}
    shared = {**shared, **rule.pool(totals, shared, t, widened(lr))}

    changes, new_states, turns = list(xs), list(states), Turns()
    for i in reversed(range(len(xs))):
        with turns.of(xs[i], states[i]):
            changes[i], new_states[i] = rule.step(gs[i], xs[i], state(i), t, rates[i])
        turns.end(changes[i])
    if norms.STEPS in shared:
        shared = {**shared, **norms.noted(rule._recording, shared, changes, lr, total)}
    return changes, new_states, shared
