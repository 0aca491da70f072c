"""The blocks of AdamMini, which follow from paths and shapes."""

import keras
import pytest

import keras_optim
from tests.conftest import one_backend

pytestmark = one_backend


def moments(layer, shapes, **arguments):
    """Return the shape of the second moment of each variable, by the end of its path."""
    layer.build(*shapes)
    optimizer = keras_optim.AdamMini(**arguments)
    optimizer.build(layer.trainable_variables)
    found = zip(layer.trainable_variables, optimizer.state.slots, strict=True)
    return {v.path.partition("/")[2]: tuple(slots["velocity"].shape) for v, slots in found}


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (keras.layers.Dense(3), (None, 4), {"kernel": (1, 3), "bias": (3,)}),
        (keras.layers.Embedding(5, 3), (None,), {"embeddings": (5, 1)}),
        (keras.layers.Conv1D(3, 2), (None, 5, 4), {"kernel": (1, 1, 1), "bias": (3,)}),
        (keras.layers.LayerNormalization(), (None, 3), {"gamma": (1,), "beta": (1,)}),
        (
            keras.layers.GRU(2, reset_after=False),
            (None, 5, 4),
            {
                "gru_cell/kernel": (1, 6),
                "gru_cell/recurrent_kernel": (1, 6),
                "gru_cell/bias": (6,),
            },
        ),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_blocks_of_layers(layer, shape, expected):
    assert moments(layer, [shape]) == expected


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention"])
def test_blocks_of_attention(kind):
    if kind == "MultiHeadAttention":
        layer, heads = keras.layers.MultiHeadAttention(3, 2), (3, 3)
    else:
        layer, heads = keras.layers.GroupQueryAttention(2, 4, 2), (4, 2)
    q, kv = heads
    assert moments(layer, [(None, 4, 6), (None, 4, 6)]) == {
        "query/kernel": (1, q, 1),
        "query/bias": (q, 2),
        "key/kernel": (1, kv, 1),
        "key/bias": (kv, 2),
        "value/kernel": (1, kv, 2),
        "value/bias": (kv, 2),
        "attention_output/kernel": (1, 1, 6),
        "attention_output/bias": (6,),
    }


def test_patterns_come_first_and_must_match():
    given = {"blocks": {"kernel": "row", "bias": "tensor"}}
    assert moments(keras.layers.Dense(3), [(None, 4)], **given) == {"kernel": (4, 1), "bias": (1,)}
    with pytest.raises(ValueError, match="AdamMini: `blocks` got 'head', which matches no"):
        moments(keras.layers.Dense(3), [(None, 4)], blocks={"head": "row"})
    with pytest.raises(TypeError, match=r"AdamMini: `blocks\['kernel'\]` must be 'weight' or"):
        keras_optim.AdamMini(blocks={"kernel": "unit"})
