"""Names of a model's layers, different for any two of them."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_optim.variables.paths import path_of


def layer_names(model: Any, variables: Sequence[Any]) -> list[str]:
    """Return, for each of `variables`, the name of the layer of `model` that it belongs to.

    Layers of a model inside the model have its name in front. A layer that contains others counts
    as one. Of layers with equal names, the second gets the suffix `_2`, and so on. A variable
    outside all layers is named by its path.

    >>> inner = [keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="d")], name=n)
    ...          for n in "ab"]
    >>> model = keras.Sequential([*inner, keras.layers.Dense(1, name="d")])
    >>> model.build((None, 1))
    >>> layer_names(model, model.trainable_variables)
    ['a/d', 'a/d', 'b/d', 'b/d', 'd', 'd']
    """
    names: dict[int, str] = {}
    taken: set[str] = set()

    def give(layer: Any, name: str) -> None:
        new = [v for v in layer.variables if id(v) not in names]
        unique, count = name, 1
        while unique in taken:
            count += 1
            unique = f"{name}_{count}"
        if new:
            taken.add(unique)
            names.update({id(v): unique for v in new})

    def walk(outer: Any, prefix: str) -> None:
        for layer in outer.layers:
            if isinstance(layer, keras.Model):
                walk(layer, f"{prefix}{layer.name}/")
            else:
                give(layer, f"{prefix}{layer.name}")
        give(outer, prefix.rstrip("/") or outer.name)

    walk(model, "")
    return [names.get(id(v)) or path_of(v) for v in variables]
