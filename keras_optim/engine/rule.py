"""One step of a rule on all variables: a pure function of tensors.

JAX traces it into the train step, where XLA fuses it; PyTorch compiles it with the options of Keras
around it; TensorFlow runs it in the graph and, under `tf.distribute`, once per device after the
all-reduce.
"""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_optim.engine import norms
from keras_optim.engine.optimizer_state import Fixed, shared_names
from keras_optim.engine.tensorflow_memory import Turns
from keras_optim.tensors import Tensor, widened
from keras_optim.trees import Tree, flattened, mapped, merged, nested


def step_all(
    rule: Any,
    gs: Sequence[Tensor],
    xs: Sequence[Tensor],
    states: Sequence[dict[str, Tensor]],
    shared: dict[str, Tensor],
    t: Tensor,
    lr: Tensor,
    fixed: Sequence[Fixed],
    total: Callable[[Tensor], Tensor] = lambda value: value,
) -> tuple[list[Tensor], list[dict[str, Tensor]], dict[str, Tensor]]:
    """Return the changes, new slots and new shared state of one step of `rule`. Pure.

    Gradients, variables and slots that are narrower than float32 are raised to it. So are the
    results, which are cast when they are stored. `total` sums a number over all variables, if the
    lists hold some of many. Slots and shared state have flat names.
    """
    gs, xs = [widened(g, like=x) for g, x in zip(gs, xs, strict=True)], [widened(x) for x in xs]
    rates = [ops.cast(lr, x.dtype) for x in xs]
    names = shared_names(rule)
    seen = nested(shared, names)

    def state(i: int, *more: Tree) -> Tree:
        return fixed[i].state(states[i], *(_cast(tree, xs[i]) for tree in (seen, *more)))

    sums: Tree = {}
    carried: list[Tree] = []
    for i, (g, x, rate) in enumerate(zip(gs, xs, rates, strict=True)):
        measured, carry = rule.measure(g, x, state(i), t, rate)
        sums = _added(sums, measured)
        carried.append(carry)
    kept, passing = rule.pooled(mapped(total, sums), seen, t, widened(lr))
    seen = merged(seen, kept)
    shared = {**shared, **flattened(seen, names)}

    ss = [merged(state(i, passing), carry) for i, carry in enumerate(carried)]
    ss = rule.together(gs, ss, t)
    changes, new_states, turns = list(xs), list(states), Turns()
    for i in reversed(range(len(xs))):
        with turns.of(xs[i], states[i]):
            changes[i], new = rule.step(gs[i], xs[i], ss[i], t, rates[i])
            new_states[i] = flattened(new, fixed[i].names)
        turns.end(changes[i])
    if norms.STEPS in shared and rule._recording:
        shared = {**shared, **norms.noted(rule._recording, shared, changes, lr, total)}
    return changes, new_states, shared


def _cast(tree: Tree, x: Tensor) -> Tree:
    return mapped(lambda value: ops.cast(value, x.dtype), tree)


def _added(a: Tree, b: Tree) -> Tree:
    """Return the sum of two trees; each may lack names of the other."""
    both = {n for n in a if n in b}
    sums = {n: _added(a[n], b[n]) if isinstance(a[n], dict) else a[n] + b[n] for n in both}
    return {**a, **b, **sums}
