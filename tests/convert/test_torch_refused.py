"""Optimizers of torch.optim that do not convert, and the messages that say why."""

import keras
import pytest

import keras_optim
from keras_optim import convert
from tests.convert.halves import EXACT, FIRST, SECOND, ours_on, variables
from tests.support.trajectories import difference

if keras.backend.backend() != "torch":
    pytest.skip("PyTorch is there with its own backend only", allow_module_level=True)

import torch

from tests.convert.torch_runs import doubles, parameters, step_once, theirs_on

__all__ = ["doubles"]

REFUSED_THERE = {
    "L2 is not decoupled": (
        lambda ps: torch.optim.Adam(ps, weight_decay=0.1),
        r"Adam of torch.optim cannot be converted: `weight_decay` must be 0. Received: "
        r"weight_decay=0.1 \(it is part of the gradient there: give the layers the regularizer",
    ),
    "dampening": (lambda ps: torch.optim.SGD(ps, momentum=0.9, dampening=0.5), "`dampening` must"),
    "maximize": (lambda ps: torch.optim.Adam(ps, maximize=True), "`maximize` must be False"),
    "lr_decay": (lambda ps: torch.optim.Adagrad(ps, lr_decay=0.1), "InverseTimeDecay"),
    "not here": (lambda ps: torch.optim.Adafactor(ps), "Adafactor of torch.optim .* is a floor"),
    "groups with other betas": (
        lambda ps: torch.optim.Adam([{"params": ps[:2], "betas": (0.5, 0.9)}, {"params": ps[2:]}]),
        "groups differ in beta_1, beta_2",
    ),
    "two decays": (
        lambda ps: torch.optim.AdamW([{"params": ps[:2], "weight_decay": 0.5}, {"params": ps[2:]}]),
        r"decay by one value or not at all. Received: weight_decay=\[0.5, 0.01\]",
    ),
}


@pytest.mark.parametrize("case", REFUSED_THERE)
def test_what_has_no_counterpart_here_is_said(case):
    make, message = REFUSED_THERE[case]
    ps = parameters()
    with pytest.raises(ValueError, match=message):
        convert.from_torch(step_once(ps, make(ps)), variables())


REFUSED_HERE = {
    "clipping": (lambda: keras_optim.Adam(clipnorm=1.0), "`clipnorm` has no .*clip the gradients"),
    "an average": (lambda: keras_optim.Adam(use_ema=True), "`use_ema` has no counterpart"),
    "accumulation": (
        lambda: keras_optim.Adam(gradient_accumulation_steps=2),
        "`gradient_accumulation_steps` has no counterpart",
    ),
    "a decay beside momentum": (
        lambda: keras_optim.SGD(momentum=0.9, weight_decay=0.1),
        "SGD to torch.optim cannot be converted: `weight_decay` has no counterpart",
    ),
    "another threshold": (lambda: keras_optim.RAdam(sma_threshold=4.0), "must be 5.0"),
    "a wrapper": (lambda: keras_optim.Lookahead(keras_optim.Adam()), "Lookahead to torch.optim"),
    "a rule of ours": (lambda: keras_optim.Yogi(), "Yogi to torch.optim: no algorithm there"),
}


@pytest.mark.parametrize("case", REFUSED_HERE)
def test_what_has_no_counterpart_there_is_said(case):
    make, message = REFUSED_HERE[case]
    ours = make()
    ours.build(variables())
    with pytest.raises(ValueError, match=message):
        convert.to_torch(ours, parameters())


def test_counts_that_differ():
    ps = parameters()
    theirs = step_once(ps, step_once(ps, torch.optim.Adam(ps)), only=[0, 2])
    with pytest.raises(ValueError, match=r"different numbers of steps.*\[2, 1, 2, 1\]"):
        convert.from_torch(theirs, variables())
    # Where the rule does not look at the count, it does not matter.
    theirs = torch.optim.RMSprop(ps, alpha=0.8, eps=1e-2)
    step_once(ps, step_once(ps, theirs), only=[0, 2])
    xs = variables([p.detach().numpy() for p in ps])
    ours = convert.from_torch(theirs, xs)
    assert int(ours.iterations) == 2
    assert difference(ours_on(ours, xs, SECOND), theirs_on(theirs, ps, SECOND)) < EXACT


def test_what_stays_behind_is_said():
    ps = parameters()
    theirs = torch.optim.Adam(ps, lr=0.5)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(theirs, 0.5)
    step_once(ps, theirs)
    scheduler.step()
    with pytest.warns(
        UserWarning, match="scheduler is not converted; the rate is the present one, 0.25"
    ):
        ours = convert.from_torch(theirs, variables())
    ours = keras_optim.Adam(keras.optimizers.schedules.InverseTimeDecay(0.5, 1, 1.0))
    ours_on(ours, variables(), FIRST[:1])
    with pytest.warns(
        UserWarning, match="schedule is not converted; the rate is the present one, 0.25"
    ):
        assert convert.to_torch(ours, parameters()).param_groups[0]["lr"] == 0.25


def test_what_does_not_fit():
    ps = parameters()
    theirs = step_once(ps, torch.optim.Adam(ps))
    with pytest.raises(ValueError, match="Received: 3 variables, 4 parameters"):
        convert.from_torch(theirs, variables()[:3])
    with pytest.raises(ValueError, match=r"`axes` of x2, of shape \(4, 3\), must be an order"):
        convert.from_torch(theirs, variables(), axes=[None, None, (0, 0), None])
    with pytest.raises(ValueError, match="2 entries, 4 variables"):
        convert.from_torch(theirs, variables(), axes=[None, None])
    ours = convert.from_torch(theirs, variables())
    with pytest.raises(ValueError, match=r"for x0 must have the shape \(\). Received: shape \(2,"):
        convert.to_torch(ours, ps[::-1])
    with pytest.raises(ValueError, match="is not built"):
        convert.to_torch(keras_optim.Adam(), ps)
    with pytest.raises(ValueError, match="not in the table"):
        convert.from_torch(theirs, variables(), algorithm="Adma")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_decay": {"x0": 0.1}}, "`weight_decay` must be 'one number'"),
        ({"cautious_weight_decay": True}, "`cautious_weight_decay` has no counterpart"),
        ({"corrected_weight_decay": ["."]}, "`corrected_weight_decay` has no counterpart"),
    ],
)
def test_options_of_weight_decay_have_no_counterpart(options, message):
    ours = keras_optim.AdamW(**options)
    ours.build(variables())
    with pytest.raises(ValueError, match=message):
        convert.to_torch(ours, parameters())
