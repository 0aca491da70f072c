"""The matrices of hidden layers in models of Keras, and how arguments change the choice."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_optim
from keras_optim.contract import VariableSpec
from keras_optim.variables.hidden import HiddenMatrices
from tests.conftest import one_backend

pytestmark = one_backend


def resnet():
    def block(x, filters, strides):
        shortcut = x
        if strides > 1:
            shortcut = layers.Conv2D(filters, 1, strides, name=f"short_{filters}")(x)
        for s in (strides, 1):
            x = layers.Conv2D(filters, 3, s, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        return layers.Add()([x, shortcut])

    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(16, 3, padding="same")(inputs)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        x = block(x, filters, strides)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def transformer():
    inputs = keras.Input((12,))
    x = layers.Embedding(100, 32)(inputs)
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 8)(y, y)
        y = layers.LayerNormalization()(x)
        x = x + layers.Dense(32)(layers.Dense(128, "relu")(y))
    return keras.Model(inputs, layers.Dense(100)(layers.LayerNormalization()(x)))


def roles_of(model, **arguments):
    variables = model.trainable_variables
    specs = [VariableSpec(v.path, tuple(v.shape)) for v in variables]
    chooser = HiddenMatrices("Muon", **arguments)
    chooser.find(variables, specs)
    return dict(zip([v.path for v in variables], chooser.roles(specs), strict=True))


def kinds(model, kind, **arguments):
    return [path for path, role in roles_of(model, **arguments).items() if role.kind == kind]


@pytest.mark.parametrize("make", [resnet, transformer])
def test_nearly_all_weights_of_hidden_layers_are_taken(make):
    model = make()
    sizes = {v.path: int(np.prod(v.shape)) for v in model.trainable_variables}
    outside = [p for p in sizes if "embedding" in p] + list(sizes)[-2:]
    hidden = {p: n for p, n in sizes.items() if p not in outside}
    taken = kinds(model, "hidden")
    assert set(taken) <= set(hidden)
    assert sum(sizes[p] for p in taken) > 0.95 * sum(hidden.values())
    assert all(path.endswith("kernel") for path in taken)
    assert kinds(model, "output") == [list(sizes)[-2]]
    assert kinds(model, "embedding") == [p for p in sizes if "embedding" in p]


def test_the_axes_of_attention():
    roles = roles_of(transformer())
    found = {tuple(p.split("/")[-2:]): (r.inputs, r.outputs) for p, r in roles.items()}
    for name in ("query", "key", "value"):
        assert found[name, "kernel"] == (32, 4 * 8)
    assert found["attention_output", "kernel"] == (4 * 8, 32)
    heads = [r for p, r in roles.items() if p.endswith("query/bias")]
    assert heads and not any(role.hidden for role in heads)


def test_unequal_sides_of_attention():
    """So that a wrong flattening would be another shape."""
    attention = layers.MultiHeadAttention(4, 8, value_dim=5, output_shape=7)
    attention.build((None, 12, 30), (None, 12, 30))
    roles = roles_of(attention, output_layer=None)
    found = {p.split("/")[-2]: (r.inputs, r.outputs) for p, r in roles.items() if r.hidden}
    expected = {"query": (30, 32), "key": (30, 32), "value": (30, 20)}
    assert found == {**expected, "attention_output": (20, 7)}


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Conv2D(8, 3), (9, 9, 4), {"kernel": (36, 8, 9)}),
        (layers.Conv1D(8, 3), (9, 4), {"kernel": (12, 8, 3)}),
        (layers.Dense(8), (4,), {"kernel": (4, 8, 1)}),
        (layers.Dense(1), (4,), {}),
        (layers.DepthwiseConv2D(3), (9, 9, 4), {}),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (9, 9, 4), {}),
        (layers.DepthwiseConv2D(3, name="dw"), (9, 9, 4), {}),
        (layers.SeparableConv2D(8, 3), (9, 9, 4), {"pointwise_kernel": (4, 8, 1)}),
        (layers.LSTM(6), (9, 4), {"kernel": (4, 24, 1), "recurrent_kernel": (6, 24, 1)}),
        (layers.GRU(6), (9, 4), {"kernel": (4, 18, 1), "recurrent_kernel": (6, 18, 1)}),
        (layers.PReLU(), (9, 9, 4), {}),
        (layers.LayerNormalization(axis=(1, 2)), (9, 4), {}),
        (layers.Embedding(20, 4), (), {}),
    ],
    ids=lambda x: x.name if isinstance(x, layers.Layer) else None,
)
def test_layers(layer, shape, expected):
    layer.build((None, *shape))
    found = {
        path.split("/")[-1]: (role.inputs, role.outputs, role.window)
        for path, role in roles_of(layer, output_layer=None).items()
        if role.hidden
    }
    assert found == expected


def test_an_output_layer_of_one_unit_is_the_last_kernel():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(1)])
    first, last = (v.path for v in model.trainable_variables if "kernel" in v.path)
    assert kinds(model, "hidden") == [first] and kinds(model, "output") == [last]


def small():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Embedding(9, 4, name="embedding"),
            layers.Flatten(),
            layers.Dense(6, name="body"),
            layers.Dense(7, name="neck"),
            layers.Dense(3, name="head"),
        ],
        name="model",
    )


BODY, NECK, HEAD, TABLE = "body/kernel", "neck/kernel", "head/kernel", "embedding/embeddings"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [BODY, NECK]),
        ({"exclude": "neck"}, [BODY]),
        ({"exclude": ["neck", "body"]}, []),
        ({"include": "embeddings$"}, [TABLE, BODY, NECK]),
        ({"include": "head/kernel"}, [BODY, NECK, HEAD]),
        ({"include": "kernel", "exclude": "neck"}, [BODY, HEAD]),
        ({"output_layer": None}, [BODY, NECK, HEAD]),
        ({"output_layer": "body"}, [NECK, HEAD]),
        ({"output_layer": ["neck", "head"]}, [BODY]),
        ({"exclude": lambda spec: spec.shape[-1] == 6}, [NECK]),
        ({"include": lambda spec: spec.path.endswith("embeddings")}, [TABLE, BODY, NECK]),
    ],
)
def test_arguments_change_the_choice(arguments, expected):
    def taken(optimizer):
        pairs = zip(model.trainable_variables, optimizer.state.constants, strict=True)
        return [v.path.removeprefix("model/") for v, c in pairs if c["role"].hidden]

    model = small()
    optimizer = keras_optim.Muon(**arguments)
    optimizer.build(model.trainable_variables)
    assert taken(optimizer) == expected
    again = keras_optim.Muon.from_config(optimizer.get_config())
    again.build(model.trainable_variables)
    assert taken(again) == expected and again.get_config() == optimizer.get_config()


def test_variables_themselves():
    model = small()
    neck = next(v for v in model.trainable_variables if v.path.endswith(NECK))
    for given in ([neck], [neck, "body"]):
        optimizer = keras_optim.Muon(exclude=given)
        assert not any(v is neck for v in optimizer.variables)
        optimizer.build(model.trainable_variables)
        roles = [c["role"] for c in optimizer.state.constants]
        hidden = [v.path for v, r in zip(model.trainable_variables, roles, strict=True) if r.hidden]
        assert [p.removeprefix("model/") for p in hidden] == [BODY] * (len(given) == 1)
    other = keras_optim.Muon(exclude=[keras.Variable(np.ones((2, 2)), name="stranger")])
    with pytest.raises(ValueError, match="Muon: `exclude` got the variable stranger, which is not"):
        other.build(model.trainable_variables)


@pytest.mark.parametrize("argument", ["include", "exclude", "output_layer"])
def test_a_pattern_that_matches_nothing_is_an_error(argument):
    optimizer = keras_optim.Muon(**{argument: "kernle"})
    with pytest.raises(ValueError, match=f"Muon: `{argument}` got 'kernle', which matches no var"):
        optimizer.build(small().trainable_variables)


def test_what_is_no_matrix_cannot_be_included():
    optimizer = keras_optim.Muon(include="body")
    with pytest.raises(ValueError, match=r"`include` takes model/body/bias, which is no matrix.*6"):
        optimizer.build(small().trainable_variables)


@pytest.mark.parametrize("wrong", [3, ["a", 3], {"a": 1}, str])
def test_descriptions_of_other_kinds_are_refused(wrong):
    with pytest.raises(TypeError, match="Muon: `exclude` must"):
        keras_optim.Muon(exclude=wrong)


def test_the_summary():
    lines = []
    optimizer = keras_optim.Muon(1e-3)
    optimizer.summary(lines.append)
    assert lines == ["Muon(learning_rate=0.001), not built"]
    lines.clear()
    optimizer.build(small().trainable_variables)
    optimizer.summary(lines.append)
    assert lines == [
        "Muon, 2 variables, 162 weights",
        "    model/body/kernel, 20 x 6",
        "    model/neck/kernel, 6 x 7",
        "AdamW, 5 variables, 73 weights",
        "    model/embedding/embeddings",
        "    model/body/bias",
        "    model/neck/bias",
        "    model/head/kernel",
        "    model/head/bias",
    ]


def test_the_choice_is_kept_when_paths_change(tmp_path):
    """A loaded model has other names of layers; the patterns keep their meaning."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(5), layers.Dense(6), layers.Dense(3)])
    path = model.trainable_variables[0].path
    model.compile(keras_optim.Muon(exclude=path), "mse")
    x = np.random.default_rng(0).normal(size=(8, 4))
    model.fit(x, x[:, :3], verbose=0)
    model.save(tmp_path / "model.keras")
    keras.layers.Dense(2)  # the next names have other numbers
    loaded = keras.models.load_model(tmp_path / "model.keras")
    before, after = (
        [c["role"].hidden for c in m.optimizer.state.constants] for m in (model, loaded)
    )
    assert before == after == [False, False, True, False, False, False]
    for m in (model, loaded):
        m.fit(x, x[:, :3], verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
