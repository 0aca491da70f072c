"""Runs begun in torch.optim are continued here, and the other way round, to rounding."""

import keras
import numpy as np
import pytest

import keras_optim
from keras_optim import convert
from keras_optim.convert.torch_rows import LIBRARY
from tests.convert.halves import EXACT, FIRST, SECOND, STARTS, moved, ours_on, variables
from tests.support.trajectories import difference, numbers

if keras.backend.backend() != "torch":
    pytest.skip("PyTorch is there with its own backend only", allow_module_level=True)

import torch

from tests.convert.torch_runs import doubles, parameters, step_once, theirs_on

__all__ = ["doubles"]

BE = dict(betas=(0.8, 0.95), eps=1e-2)
BEGUN_THERE = [
    ("SGD", {}),
    ("SGD", dict(weight_decay=0.1)),
    ("SGD", dict(momentum=0.7)),
    ("SGD", dict(momentum=0.7, nesterov=True)),
    ("Adam", BE),
    ("Adam", dict(**BE, amsgrad=True)),
    ("Adam", dict(**BE, weight_decay=0.1, decoupled_weight_decay=True)),
    ("Adam", dict(**BE, amsgrad=True, weight_decay=0.1, decoupled_weight_decay=True)),
    ("AdamW", dict(**BE, weight_decay=0.1)),
    ("AdamW", dict(**BE, weight_decay=0.1, amsgrad=True)),
    ("Adamax", BE),
    ("NAdam", dict(**BE, momentum_decay=0.3)),
    ("NAdam", dict(**BE, momentum_decay=0.3, weight_decay=0.1, decoupled_weight_decay=True)),
    ("RAdam", BE),
    ("RAdam", dict(**BE, weight_decay=0.1, decoupled_weight_decay=True)),
    ("RMSprop", dict(alpha=0.8, eps=1e-2)),
    ("RMSprop", dict(alpha=0.8, eps=1e-2, momentum=0.6, centered=True)),
    ("Adagrad", dict(initial_accumulator_value=0.2, eps=1e-2)),
    ("Adadelta", dict(rho=0.8, eps=1e-2)),
    ("Rprop", dict(etas=(0.6, 1.3), step_sizes=(0.01, 0.2))),
    ("ASGD", dict(lambd=0.5, alpha=0.6, t0=3)),
]
OURS = dict(beta_1=0.8, beta_2=0.95, epsilon=1e-2)
BEGUN_HERE = [
    lambda: keras_optim.SGD(0.05, momentum=0.7),
    lambda: keras_optim.Adam(0.05, **OURS),
    lambda: keras_optim.Adam(0.05, **OURS, weight_decay=0.1),
    lambda: keras_optim.AdamW(0.05, **OURS, weight_decay=None),
    lambda: keras_optim.AMSGrad(0.05, **OURS),
    lambda: keras_optim.AMSGrad(0.05, **OURS, weight_decay=0.1),
    lambda: keras_optim.Adamax(0.05, **OURS),
    lambda: keras_optim.Nadam(0.05, **OURS, momentum_decay=0.3),
    lambda: keras_optim.NadamW(0.05, **OURS, momentum_decay=0.3, weight_decay=0.1),
    lambda: keras_optim.RAdam(0.05, **OURS, weight_decay=0.1),
    lambda: keras_optim.RMSprop(0.05, rho=0.8, momentum=0.6, epsilon=1e-2, centered=True),
    lambda: keras_optim.Adagrad(0.05, initial_accumulator_value=0.2, epsilon=1e-2),
    lambda: keras_optim.Adadelta(0.05, rho=0.8, epsilon=1e-2),
    lambda: keras_optim.Rprop(0.05, eta_minus=0.6, eta_plus=1.3, max_step_size=0.2),
    lambda: keras_optim.ASGD(0.05, l2_regularization_strength=0.5, start_step=4),
]


@pytest.mark.parametrize(("name", "arguments"), BEGUN_THERE)
def test_begun_there(name, arguments):
    ps = parameters()
    theirs = getattr(torch.optim, name)(ps, lr=0.05, **arguments)
    theirs_on(theirs, ps, FIRST)
    xs = variables([p.detach().numpy() for p in ps])
    ours = convert.from_torch(theirs, xs)
    again_ps = parameters(numbers(xs))
    again = convert.to_torch(ours, again_ps)
    before = numbers(xs)
    path = theirs_on(theirs, ps, SECOND)
    assert difference(ours_on(ours, xs, SECOND), path) < EXACT
    assert difference(theirs_on(again, again_ps, SECOND), path) < EXACT
    assert moved(path, before) > 0.01
    assert int(ours.iterations) == (8 if name == "SGD" else 16)


@pytest.mark.parametrize("make", BEGUN_HERE)
def test_begun_here(make):
    xs, ours = variables(), make()
    ours_on(ours, xs, FIRST)
    ps = parameters(numbers(xs))
    theirs = convert.to_torch(ours, ps)
    path = ours_on(ours, xs, SECOND)
    assert difference(theirs_on(theirs, ps, SECOND), path) < EXACT


@pytest.mark.parametrize("make", BEGUN_HERE)
def test_not_begun_at_all(make):
    """Without a step, the state to begin with is that of a new optimizer there."""
    xs, ours = variables(), make()
    ours.build(xs)
    ps = parameters()
    theirs = convert.to_torch(ours, ps)
    assert difference(theirs_on(theirs, ps, FIRST), ours_on(ours, xs, FIRST)) < EXACT


@pytest.mark.parametrize("start", [1, 5, 12, 100])
def test_the_mean_of_asgd_comes_along(start):
    """Begun before, at and after the start of averaging, and there and back again."""
    ps = parameters()
    theirs = torch.optim.ASGD(ps, lr=0.05, lambd=0.5, t0=start - 2)
    theirs_on(theirs, ps, FIRST)
    xs = variables([p.detach().numpy() for p in ps])
    ours = convert.from_torch(theirs, xs)
    again_ps = parameters(numbers(xs))
    again = convert.to_torch(ours, again_ps)
    for optimizer, parts in ((theirs, ps), (again, again_ps)):
        theirs_on(optimizer, parts, SECOND)
    ours_on(ours, xs, SECOND)
    trained = numbers(xs)
    ours.finalize_variable_values(xs)
    for optimizer, parts in ((theirs, ps), (again, again_ps)):
        means = [optimizer.state[p]["ax"].numpy() for p in parts]
        assert difference([numbers(xs)], [means]) < EXACT
    assert (difference([numbers(xs)], [trained]) > 0.01) == (start < 16)


def test_every_row_is_tried():
    tried = set()
    for name, arguments in BEGUN_THERE:
        theirs = getattr(torch.optim, name)(parameters(), lr=0.05, **arguments)
        tried.add(id(LIBRARY.read(name, theirs.param_groups[0])[0]))
    for make in BEGUN_HERE:
        ours = make()
        tried.add(id(LIBRARY.write(ours, ours, 0.05)[0]))
    assert tried == {id(row) for row in LIBRARY.rows}


def test_every_class_is_known():
    for name, value in vars(torch.optim).items():
        is_class = isinstance(value, type) and issubclass(value, torch.optim.Optimizer)
        if is_class and value is not torch.optim.Optimizer:
            assert name in {row.theirs for row in LIBRARY.rows} | set(LIBRARY.refused), name


def test_a_state_dict_from_a_file(tmp_path):
    ps = parameters()
    theirs = torch.optim.AdamW(ps, lr=0.05)
    theirs_on(theirs, ps, FIRST)
    torch.save(theirs.state_dict(), tmp_path / "optimizer.pt")
    saved = torch.load(tmp_path / "optimizer.pt", weights_only=True)
    xs = variables([p.detach().numpy() for p in ps])
    with pytest.raises(ValueError, match="does not name its algorithm"):
        convert.from_torch(saved, xs)
    ours = convert.from_torch(saved, xs, algorithm="AdamW")
    assert difference(ours_on(ours, xs, SECOND), theirs_on(theirs, ps, SECOND)) < EXACT


def test_groups_become_multipliers_and_exclusions_and_groups_again():
    ps = parameters()
    groups = [
        {"params": ps[:1], "lr": 0.02, "weight_decay": 0.0},
        {"params": ps[1:3], "lr": 0.1},
        {"params": ps[3:], "lr": 0.02},
    ]
    theirs = torch.optim.AdamW(groups, lr=1.0, weight_decay=0.1)
    theirs_on(theirs, ps, FIRST)
    xs = variables([p.detach().numpy() for p in ps])
    ours = convert.from_torch(theirs, xs)
    assert type(ours) is keras_optim.RateMultipliers
    again_ps = parameters(numbers(xs))
    again = convert.to_torch(ours, again_ps)
    path = theirs_on(theirs, ps, SECOND)
    assert difference(ours_on(ours, xs, SECOND), path) < EXACT
    assert difference(theirs_on(again, again_ps, SECOND), path) < EXACT
    assert len(again.param_groups) == 3


def test_layers_whose_kernels_have_other_axes():
    """A network of PyTorch and the same in Keras; the gradients are those of the first."""
    images = torch.tensor(np.random.default_rng(0).normal(size=(6, 2, 5, 5)))
    there = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(27, 27)
    )
    layers = [
        keras.layers.Conv2D(3, 3, activation="tanh", dtype="float64"),
        keras.layers.Permute((3, 1, 2)),
        keras.layers.Flatten(),
        keras.layers.Dense(27, dtype="float64"),
    ]
    here = keras.Sequential([keras.Input((5, 5, 2)), *layers])
    theirs, ps = torch.optim.Adam(there.parameters(), lr=0.01, eps=1e-2), list(there.parameters())
    axes = [(2, 3, 1, 0), None, (1, 0), None]

    def as_here(tensors):
        values = [t.detach().numpy() for t in tensors]
        return [v if o is None else np.transpose(v, o) for v, o in zip(values, axes)]

    def step_there():
        theirs.zero_grad()
        torch.mean(there(images) ** 2).backward()
        theirs.step()
        return as_here(p.grad for p in ps)

    for _ in range(4):
        step_there()
    here.set_weights(as_here(ps))
    xs = here.trainable_variables
    with pytest.raises(ValueError, match=r"state `momentum` of .*kernel must have the shape"):
        convert.from_torch(theirs, xs)
    ours = convert.from_torch(theirs, xs, axes=axes)
    back = [torch.nn.Parameter(p.detach().clone()) for p in ps]
    again = convert.to_torch(ours, back, axes=axes)
    for p, q in zip(back, ps):
        for name, value in theirs.state[q].items():
            np.testing.assert_array_equal(again.state[p][name], value)
    assert (
        difference(ours_on(ours, xs, [step_there() for _ in range(4)])[-1:], [as_here(ps)]) < EXACT
    )


def test_a_frozen_parameter_is_left_out():
    ps = parameters()
    theirs = torch.optim.Adam(ps, lr=0.05, eps=1e-2)
    step_once(ps, theirs, only=[0, 2, 3])
    x, _, y, z = variables([p.detach().numpy() for p in ps])
    ours = convert.from_torch(theirs, [x, None, y, z], axes=[None, None, (0, 1), None])
    path = theirs_on(theirs, ps, [[g[0], None, *g[2:]] for g in SECOND])
    steps = [[g[0], *g[2:]] for g in SECOND]
    assert difference(ours_on(ours, [x, y, z], steps), [[p[0], *p[2:]] for p in path]) < EXACT


def test_variables_of_one_path_are_told_apart():
    ps = parameters()
    groups = [{"params": ps[:2], "lr": 0.1}, {"params": ps[2:], "lr": 0.2}]
    xs = [keras.Variable(v, dtype="float64", name="same") for v in STARTS]
    ours = convert.from_torch(torch.optim.Adam(groups), xs)
    assert [c["multiplier"] for c in ours.state.constants] == [1.0] * 2 + [2.0] * (len(xs) - 2)
    for group, decay in zip(groups, (0.0, 0.1)):
        group.update(lr=0.1, weight_decay=decay)
    ours = convert.from_torch(torch.optim.AdamW(groups), xs)
    assert [c["decayed"] for c in ours.state.constants] == [False] * 2 + [True] * (len(xs) - 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions(dtype):
    """Any precision is read, and the parameters' own is given."""
    ps = [torch.nn.Parameter(torch.tensor(v).to(dtype)) for v in STARTS]
    theirs = torch.optim.Adam(ps, lr=0.05)
    for p, g in zip(ps, FIRST[0]):
        p.grad = torch.tensor(np.asarray(g, "float64")).to(dtype)
    theirs.step()
    ours = convert.from_torch(theirs, variables())
    again = convert.to_torch(ours, ps)
    for p in ps:
        assert again.state[p]["exp_avg"].dtype == dtype
        assert torch.equal(again.state[p]["exp_avg"], theirs.state[p]["exp_avg"])


def test_the_rate_is_the_number_that_was_given():
    """Not 0.10000000149, which is what single precision makes of it."""
    keras.config.set_floatx("float32")
    ours = keras_optim.Adam(0.1)
    ours.build([keras.Variable([1.0])])
    p = torch.nn.Parameter(torch.tensor([1.0]))
    assert convert.to_torch(ours, [p]).param_groups[0]["lr"] == 0.1
