"""One step of a rule on all variables: a pure function of tensors.

JAX traces it into the train step, where XLA fuses it; PyTorch compiles it with the options of Keras
around it; TensorFlow runs it in the graph and, under `tf.distribute`, once per device after the
all-reduce.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from keras import ops

from keras_optim.engine import norms
from keras_optim.engine.optimizer_state import Fixed, shared_names
from keras_optim.engine.tensorflow_memory import Turns
from keras_optim.engine.variable_step import VariableStep
from keras_optim.tensors import Tensor, widened
from keras_optim.trees import Tree, flattened, mapped, merged, nested

Places: TypeAlias = tuple[Any, Tensor | None]
"""The number of a variable, and those of its elements if not all are present."""


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
    places: Sequence[Places] | None = None,
) -> tuple[list[Tensor], list[dict[str, Tensor]], list[dict[str, Tensor]], dict[str, Tensor]]:
    """Return changes, written weights, new slots and new shared state of a step of `rule`. Pure.

    Gradients, variables and slots that are narrower than float32 are raised to it. So are the
    changes. Slots that are kept in bfloat16 are rounded to it. For weights that are not rounded to
    nearest, the new value is under `x`, perhaps with a compensation; else the dict is empty, and
    the caller adds the change. Slots and shared state have flat names. `total` sums a number over
    all variables, if the lists hold some of many. `places` says where each variable and its
    elements are among all; without it, `fixed` does.
    """
    gs, xs = [widened(g, like=x) for g, x in zip(gs, xs, strict=True)], [widened(x) for x in xs]
    rates = [ops.cast(lr, x.dtype) for x in xs]
    where = [(one.number, None) for one in fixed] if places is None else places
    steps = [
        VariableStep(one, x, slots, t, *at)
        for one, x, slots, at in zip(fixed, xs, states, where, strict=True)
    ]
    names = shared_names(rule)
    seen = nested(shared, names)

    def state(i: int, *more: Tree) -> Tree:
        return steps[i].state(*(_cast(tree, xs[i]) for tree in (seen, *more)))

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
    written: list[dict[str, Tensor]] = [{} for _ in xs]
    for i in reversed(range(len(xs))):
        with turns.of(xs[i], states[i]):
            changes[i], new = rule.step(gs[i], xs[i], ss[i], t, rates[i])
            new_states[i] = steps[i].new_slots(new)
            written[i] = steps[i].written(changes[i])
        turns.end(changes[i])
    if norms.STEPS in shared and rule._recording:
        shared = {**shared, **norms.noted(rule._recording, shared, changes, lr, total)}
    return changes, written, new_states, shared


def _cast(tree: Tree, x: Tensor) -> Tree:
    return mapped(lambda value: ops.cast(value, x.dtype), tree)


def _added(a: Tree, b: Tree) -> Tree:
    """Return the sum of two trees; each may lack names of the other."""
    both = {n for n in a if n in b}
    sums = {n: _added(a[n], b[n]) if isinstance(a[n], dict) else a[n] + b[n] for n in both}
    return {**a, **b, **sums}
