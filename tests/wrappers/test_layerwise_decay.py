"""Which layers count, and how far they are from the output."""

import math

import keras
import numpy as np
import pytest
from keras import layers

import keras_optim
from tests.conftest import one_backend
from tests.support.trajectories import numbers
from tests.wrappers.test_rate_multipliers import model_of


def depths(model, decay=0.5):
    """The depth of each layer, by the first name in its variables' paths that is one."""
    rates = keras_optim.layerwise_decay(model, decay)
    found = {}
    for path, rate in rates.items():
        found.setdefault(path.split("/")[-2], set()).add(round(math.log(rate, decay)))
    assert all(len(depth) == 1 for depth in found.values())
    return {name: depth for name, (depth,) in found.items()}


def conv(x, name, strides=1):
    x = layers.Conv2D(2, 1, strides, use_bias=False, name=f"{name}_conv")(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def image():
    return keras.Input((4, 4, 2))


def ending(inputs, x):
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(2, name="head")(x))


def test_a_model_with_a_model_inside():
    body = model_of(["one", "two"], name="body")
    body.layers[0].trainable = False
    normalization = layers.BatchNormalization(name="norm")
    head = layers.Dense(1, name="head")
    model = keras.Sequential(
        [keras.Input((3,)), body, normalization, layers.Dropout(0.1), layers.PReLU(), head]
    )
    rates = keras_optim.layerwise_decay(model, 0.5)
    expected = [0.5] * 5 + [1.0] * 2
    assert rates.values() == expected and len(rates) == 7
    assert list(rates) == [v.path for v in model.trainable_variables]
    optimizer = keras_optim.RateMultipliers(keras_optim.SGD(1.0), rates)
    before = numbers(model.trainable_variables)
    ones = [keras.ops.ones(v.shape) for v in model.trainable_variables]
    optimizer.apply(ones, model.trainable_variables)
    after = numbers(model.trainable_variables)
    moved = [np.mean(b - a) for b, a in zip(before, after, strict=True)]
    np.testing.assert_allclose(moved, expected, rtol=1e-5)


def test_a_layer_that_is_used_twice_counts_where_it_is_first():
    shared = layers.Dense(3, use_bias=False, name="shared")
    inputs = keras.Input((3,))
    hidden = layers.Dense(3, use_bias=False, name="middle")(shared(inputs))
    model = keras.Model(inputs, layers.Dense(1, use_bias=False, name="head")(shared(hidden)))
    assert depths(model) == {"shared": 2, "middle": 1, "head": 0}


def test_what_is_before_the_first_layer_belongs_to_it():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.BatchNormalization(name="norm"),
            layers.Dense(3, name="first"),
            layers.Dense(1, name="last"),
        ]
    )
    assert depths(model) == {"norm": 1, "first": 1, "last": 0}


def test_blocks_by_name_are_one_layer():
    """As in ResNet: a shortcut with a layer of its own, and one without."""
    inputs = image()
    x = layers.ReLU()(conv(inputs, "stem"))
    for block in ("conv2_block1", "conv2_block2"):
        shortcut = conv(x, f"{block}_0") if block.endswith("1") else x
        y = layers.ReLU(name=f"{block}_1_relu")(conv(x, f"{block}_1"))
        x = layers.Add(name=f"{block}_add")([shortcut, conv(y, f"{block}_2")])
        x = layers.ReLU(name=f"{block}_out")(x)
    by_layer = depths(ending(inputs, x))
    assert len(by_layer) == 13
    expected = {"stem": 3, "conv2_block1": 2, "conv2_block2": 1, "head": 0}
    for name, depth in by_layer.items():
        assert depth == next(d for block, d in expected.items() if name.startswith(block)), name


def test_normalisation_before_the_layers_of_a_block():
    """As in DenseNet and the second ResNet."""
    inputs = image()
    x = conv(inputs, "stem")
    for block in ("conv2_block1", "conv2_block2"):
        y = layers.BatchNormalization(name=f"{block}_0_bn")(x)
        y = layers.Conv2D(2, 1, use_bias=False, name=f"{block}_1_conv")(layers.ReLU()(y))
        x = layers.Concatenate(name=f"{block}_concat")([x, y])
    x = layers.BatchNormalization(name="bn")(x)
    assert depths(ending(inputs, x)) == {
        "stem_conv": 3,
        "stem_bn": 3,
        "conv2_block1_0_bn": 2,
        "conv2_block1_1_conv": 2,
        "conv2_block2_0_bn": 1,
        "conv2_block2_1_conv": 1,
        "bn": 1,
        "head": 0,
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("block2a_expand", "block2a_project"),
        ("block_12_expand", "block_12_project"),
        ("expanded_conv_depthwise", "expanded_conv_project"),
        ("expanded_conv_3_expand", "expanded_conv_3_project"),
        ("convnext_tiny_stage_0_block_1_depthwise", "convnext_tiny_stage_0_block_1_pointwise"),
        ("encoder_layer_3_attention", "encoder_layer_3_ffn"),
    ],
)
def test_names_of_blocks(first, second):
    assert depths(model_of([first, second, "head"])) == {first: 1, second: 1, "head": 0}


@pytest.mark.parametrize(
    "names", [("block_1", "block_2"), ("layer_norm_a", "layer_norm_b"), ("block1_a", "block2_a")]
)
def test_names_that_are_no_blocks(names):
    assert depths(model_of([*names, "head"])) == {names[0]: 2, names[1]: 1, "head": 0}


def test_a_block_without_trained_layers_does_not_count():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(3, name="first"),
            layers.Dropout(0.1, name="block1_dropout"),
            layers.BatchNormalization(name="block1_bn"),
            layers.Dense(3, name="block2_dense"),
        ]
    )
    assert depths(model) == {"first": 1, "block1_bn": 1, "block2_dense": 0}


def test_parallel_branches_are_at_one_depth():
    """As in Inception: three ways of one, two and no layers."""
    inputs = image()
    x = conv(inputs, "stem")
    short = conv(x, "short")
    long = conv(conv(x, "long1"), "long2")
    x = layers.Concatenate()([short, long, layers.MaxPooling2D(1)(x)])
    by_layer = depths(ending(inputs, x))
    found = {name.removesuffix("_conv"): d for name, d in by_layer.items() if "_bn" not in name}
    assert found == {"stem": 3, "long1": 2, "long2": 1, "short": 1, "head": 0}
    assert all(by_layer[f"{name}_bn"] == d for name, d in found.items() if name != "head")


def test_branches_in_models_inside():
    """Two towers, one of them deeper, each a model of its own, and two heads."""

    def tower(count, name):
        inputs = x = keras.Input((3,))
        for i in range(count):
            x = layers.Dense(3, use_bias=False, name=f"{name}{i}")(x)
        return keras.Model(inputs, x, name=name)

    left, right = keras.Input((3,)), keras.Input((3,))
    x = layers.Concatenate()([tower(2, "deep")(left), tower(1, "flat")(right)])
    x = layers.Dense(3, use_bias=False, name="joint")(x)
    heads = [layers.Dense(1, use_bias=False, name=name)(x) for name in ("one", "two")]
    assert depths(keras.Model([left, right], heads)) == {
        "deep0": 3,
        "deep1": 2,
        "flat0": 2,
        "joint": 1,
        "one": 0,
        "two": 0,
    }


class Block(layers.Layer):
    """A layer made of layers, as in transformers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = [layers.Dense(3), layers.LayerNormalization(), layers.Dense(3)]

    def build(self, shape):
        for layer in self.inside:
            layer.build(shape)

    def call(self, x):
        for layer in self.inside:
            x = layer(x)
        return x


def test_a_layer_made_of_layers_is_one():
    inputs = keras.Input((2,), dtype="int32")
    words = layers.Embedding(5, 3, name="words")(inputs)
    places = layers.Embedding(2, 3, name="places")(inputs)
    x = layers.LayerNormalization(name="norm")(words + places)
    x = layers.GlobalAveragePooling1D()(Block(name="b")(Block(name="a")(x)))
    model = keras.Model(inputs, layers.Dense(1, name="head")(x))
    counted = {}
    for rate in keras_optim.layerwise_decay(model, 0.5).values():
        counted[rate] = counted.get(rate, 0) + 1
    assert counted == {0.125: 4, 0.25: 6, 0.5: 6, 1.0: 2}


def test_floor_and_warning():
    model = model_of([f"dense{i}" for i in range(5)])
    assert keras_optim.layerwise_decay(model, 0.5, floor=0.2).values()[::2] == [
        0.2,
        0.2,
        0.25,
        0.5,
        1.0,
    ]
    expected = r"rate of \S*dense0/kernel is multiplied by 4e-05: 4 layers come after it.*`floor`"
    with pytest.warns(UserWarning, match=expected):
        keras_optim.layerwise_decay(model, 0.08)
    assert min(keras_optim.layerwise_decay(model, 0.08, floor=1e-4).values()) == 1e-4
    assert min(keras_optim.layerwise_decay(model, 0.0).values()) == 0.0  # frozen on purpose


def test_what_is_refused():
    model = model_of(["dense"])
    with pytest.raises(ValueError, match="must be built and have layers with trainable weights"):
        keras_optim.layerwise_decay(keras.Sequential([layers.Dense(1)]), 0.5)
    with pytest.raises(ValueError, match=r"layerwise_decay: `decay` must be a number in \[0, 1\)"):
        keras_optim.layerwise_decay(model, 1.5)
    with pytest.raises(ValueError, match=r"layerwise_decay: `floor` must be a number in \[0, 1\]"):
        keras_optim.layerwise_decay(model, 0.5, floor=-1)
    rates = keras_optim.layerwise_decay(model, 0.5)
    optimizer = keras_optim.RateMultipliers(keras_optim.SGD(), rates)
    with pytest.raises(ValueError, match=r"`multipliers` belong to .* does not have.*: other"):
        optimizer.build([keras.Variable([1.0], name="other")])


def test_what_it_does_not_know_keeps_the_rate():
    body = model_of(["one", "two"])
    rates = keras_optim.layerwise_decay(body, 0.5)
    model = keras.Sequential([keras.Input((3,)), body, layers.Dense(1)])
    body.layers[0].trainable = False
    optimizer = keras_optim.RateMultipliers(keras_optim.SGD(), rates)
    optimizer.build(model.trainable_variables)
    assert [c["multiplier"] for c in optimizer.state.constants] == [1.0] * 4
    body.layers[0].trainable = True
    optimizer = keras_optim.RateMultipliers(keras_optim.SGD(), rates)
    optimizer.build(model.trainable_variables)
    assert [c["multiplier"] for c in optimizer.state.constants] == [0.5] * 2 + [1.0] * 4


@one_backend  # it takes seconds
def test_resnet():
    body = keras.applications.ResNet50(
        weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3)
    )
    rates = keras_optim.layerwise_decay(keras.Sequential([body, layers.Dense(10)]), 0.8)
    assert sorted(set(rates.values())) == pytest.approx([0.8**i for i in range(17, -1, -1)])
