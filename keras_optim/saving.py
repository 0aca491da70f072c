"""The state of an optimizer on disk: every number under a name of its own.

Keras stores it by position, and drops all of it when one variable more or less is found. Here a
slot is called `momentum.3` (slot, index of the variable), so that what matches is loaded and what
does not is named.
"""

import warnings
from typing import Any

import numpy as np
from keras import ops

from keras_optim import recording
from keras_optim.running import tensor

FORMAT = 1


def named_state(optimizer: Any) -> dict[str, Any]:
    """Every variable of `optimizer` under its name in a file."""
    named = {"iteration": optimizer._iterations}
    if any(optimizer._learning_rate is v for v in optimizer.variables):
        named["learning_rate"] = optimizer._learning_rate
    if not optimizer.built:
        return named
    recorded = (*recording.NAMES, recording.STEPS)
    named.update(optimizer._plan.shared)
    for i, state in enumerate(optimizer._plan.states):
        named.update({f"{slot}.{i}": variable for slot, variable in state.items()})
    kept_by_keras = {
        "average": getattr(optimizer, "_model_variables_moving_average", ()),
        "gradient_accumulator": getattr(optimizer, "_accumulated_gradients", ()),
    }
    for name, variables in kept_by_keras.items():
        named.update({f"{name}.{i}": v for i, v in enumerate(variables) if v is not None})
    known = {id(variable) for variable in named.values()}
    others = (v for v in optimizer.variables if id(v) not in known)  # added by a subclass
    named.update({f"other.{variable.name}": variable for variable in others})
    return {name: variable for name, variable in named.items() if name not in recorded}


def save(optimizer: Any, store: Any) -> None:
    """Write the state of `optimizer` into `store`, a mapping from names to arrays."""
    store["format"] = np.array(FORMAT)
    for name, variable in named_state(optimizer).items():
        store[name] = ops.convert_to_numpy(tensor(variable))


def load(optimizer: Any, store: Any) -> None:
    """Read the state of `optimizer` from `store`: all that matches by name and shape.

    The learning rate is part of the configuration as well: where only one side keeps it as a
    number, the configuration decides. A warning names everything else that did not match, or
    says that the file holds the state of another optimizer, and leaves this one as it is.

    Raises:
        ValueError: the file was written by a newer version of keras_optim; nothing is changed.
    """
    title = type(optimizer).__name__
    keys = set(store.keys())
    if "format" not in keys:
        warnings.warn(
            f"{title}: the file holds the state of another optimizer, so training would begin "
            "anew. To go on from the file, compile with the optimizer that saved it, under the "
            "same dtype policy (mixed_float16 saves a LossScaleOptimizer around it).",
            stacklevel=2,
        )
        return
    version = int(np.asarray(store["format"]))
    if version > FORMAT:
        raise ValueError(
            f"{title}: the file has format {version}; this version of keras_optim reads up to "
            f"{FORMAT}. Update keras_optim, or load the model with `compile=False`."
        )
    named = named_state(optimizer)
    saved = keys - {"format"}
    matching = {
        n: v for n, v in named.items() if n in saved and np.shape(store[n]) == tuple(v.shape)
    }
    for name, variable in matching.items():
        variable.assign(np.asarray(store[name]))
    missed = (set(named) | saved) - set(matching) - {"learning_rate"}
    if missed:
        warnings.warn(
            f"{title}: state that does not match the file was left as it is: "
            f"{', '.join(sorted(missed))}.",
            stacklevel=2,
        )
