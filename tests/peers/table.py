"""Which library has which algorithm, and with which settings it is that of the paper."""

from tests.peers.deviations import (
    adamod_adjust,
    adamp_adjust,
    adjusted,
    epsilon_after_correction,
    first_repeated,
    growing,
    madgrad_adjust,
    no_correction,
    no_correction_torch,
    optax_adafactor,
    optax_lookahead,
    optax_madgrad,
    outputs_first,
    po,
    qhadam_adjust,
    swats_optimizer,
    tiger_adjust,
    torch_lookahead,
    yogi_adjust,
)
from tests.peers.libraries import Peer, keras_like, optax_like, torch_like

_B = dict(beta_1=0.8, beta_2=0.95)
_BE = dict(**_B, epsilon=1e-2)
_TORCH_BE = dict(betas=(0.8, 0.95), eps=1e-2)
_OPTAX_BE = dict(b1=0.8, b2=0.95, eps=1e-2)
_S = dict(initial_accumulator_value=0.2, epsilon=1e-2)
_RMS = dict(rho=0.8, momentum=0.6, epsilon=1e-2)
_TORCH_RMS = dict(alpha=0.8, momentum=0.6, eps=1e-2)
_TB = dict(betas=(0.8, 0.95))
_TBE = dict(**_TB, eps=1e-2)
_OB = dict(b1=0.8, b2=0.95)
_OBE = dict(**_OB, eps=1e-2)
_KBE = dict(beta_1=0.75, beta_2=0.9375, epsilon=1 / 64)  # exact in float32
_BOUND = dict(**_BE, final_learning_rate=0.08, gamma=0.2)
_ADAFACTOR = dict(beta_2_decay=-0.7, epsilon_1=1e-2, epsilon_2=0.5, clip_threshold=0.7)
_TINY_ADAFACTOR = dict(beta_2_decay=-0.7, epsilon_1=1e-30, epsilon_2=0.5, clip_threshold=1.1)
_LARS = dict(momentum=0.7, nesterov=False, trust_coefficient=0.3)
_FTRL = dict(l1_regularization_strength=2.0, l2_regularization_strength=0.25, beta=0.125)
_PROJECTION = dict(delta=0.7, wd_ratio=0.3, weight_decay=0.1)
_RPROP = dict(eta_minus=0.6, eta_plus=1.3, min_step_size=0.01, max_step_size=0.2)

PEERS = {
    "sgd, torch": Peer("sgd", dict(momentum=0.0, nesterov=False), torch_like("torch.optim.SGD")),
    "sgd momentum, torch": Peer(
        "sgd", dict(momentum=0.7, nesterov=False), torch_like("torch.optim.SGD", momentum=0.7)
    ),
    "sgd momentum, optax": Peer(
        "sgd", dict(momentum=0.7, nesterov=False), optax_like(lambda o, lr: o.sgd(lr, 0.7))
    ),
    "sgd momentum, keras": Peer(  # its momentum buffer holds the rate
        "sgd",
        dict(momentum=0.75, nesterov=False),
        keras_like("keras.optimizers.SGD", momentum=0.75),
        constant_rate=True,
    ),
    "sgd nesterov, torch": Peer(
        "sgd",
        dict(momentum=0.7, nesterov=True),
        torch_like("torch.optim.SGD", momentum=0.7, nesterov=True),
    ),
    "sgd nesterov, optax": Peer(
        "sgd", dict(momentum=0.7, nesterov=True), optax_like(lambda o, lr: o.sgd(lr, 0.7, True))
    ),
    "adagrad, torch": Peer(
        "adagrad",
        dict(**_S, epsilon_inside_sqrt=False),
        torch_like("torch.optim.Adagrad", initial_accumulator_value=0.2, eps=1e-2),
    ),
    "adagrad inside, optax": Peer(
        "adagrad",
        dict(**_S, epsilon_inside_sqrt=True),
        optax_like(lambda o, lr: o.adagrad(lr, 0.2, eps=1e-2)),
    ),
    "adagrad inside, keras": Peer(
        "adagrad",
        dict(initial_accumulator_value=0.25, epsilon=1 / 64, epsilon_inside_sqrt=True),
        keras_like("keras.optimizers.Adagrad", initial_accumulator_value=0.25, epsilon=1 / 64),
    ),
    "rmsprop, torch": Peer(
        "rmsprop", dict(**_RMS, centered=False), torch_like("torch.optim.RMSprop", **_TORCH_RMS)
    ),
    "rmsprop centered, torch": Peer(
        "rmsprop",
        dict(**_RMS, centered=True),
        torch_like("torch.optim.RMSprop", centered=True, **_TORCH_RMS),
    ),
    "rmsprop, optax": Peer(
        "rmsprop",
        dict(**_RMS, centered=False),
        optax_like(
            lambda o, lr: o.rmsprop(lr, decay=0.8, eps=1e-2, momentum=0.6, eps_in_sqrt=False)
        ),
        constant_rate=True,  # its momentum buffer holds the rate
    ),
    "rmsprop centered, optax": Peer(
        "rmsprop",
        dict(rho=0.8, momentum=0.0, epsilon=1e-2, centered=True),
        optax_like(
            lambda o, lr: o.rmsprop(lr, decay=0.8, eps=1e-2, centered=True, eps_in_sqrt=False)
        ),
    ),
    "adam, torch": Peer("adam", _BE, torch_like("torch.optim.Adam", **_TORCH_BE)),
    "adam, optax": Peer("adam", _BE, optax_like(lambda o, lr: o.adam(lr, **_OPTAX_BE))),
    "amsgrad, torch": Peer(
        "amsgrad", _BE, torch_like("torch.optim.Adam", amsgrad=True, **_TORCH_BE)
    ),
    "adamw, torch": Peer(
        "adamw",
        dict(**_BE, weight_decay=0.1),
        torch_like("torch.optim.AdamW", weight_decay=0.1, **_TORCH_BE),
    ),
    "adamw, optax": Peer(
        "adamw",
        dict(**_BE, weight_decay=0.1),
        optax_like(lambda o, lr: o.adamw(lr, weight_decay=0.1, **_OPTAX_BE)),
    ),
    "nadam, torch": Peer(
        "nadam",
        dict(**_BE, momentum_decay=0.3),
        torch_like("torch.optim.NAdam", momentum_decay=0.3, **_TORCH_BE),
    ),
    "radam, torch": Peer(
        "radam", dict(**_BE, sma_threshold=5.0), torch_like("torch.optim.RAdam", **_TORCH_BE)
    ),
    "radam 4, pytorch_optimizer": Peer(
        "radam",
        dict(**_BE, sma_threshold=4.0),
        torch_like(
            "pytorch_optimizer.RAdam", n_sma_threshold=4, degenerated_to_sgd=True, **_TORCH_BE
        ),
    ),
    "radam, optax": Peer(  # epsilon after the bias correction: only a tiny one agrees
        "radam",
        dict(**_B, epsilon=1e-15, sma_threshold=5.0),
        optax_like(lambda o, lr: o.radam(lr, b1=0.8, b2=0.95, eps=1e-15)),
    ),
    "adabelief, pytorch_optimizer": Peer(
        "adabelief", _BE, torch_like("pytorch_optimizer.AdaBelief", **_TORCH_BE)
    ),
    "adabelief, optax": Peer(
        "adabelief", _BE, optax_like(lambda o, lr: o.adabelief(lr, eps_root=1e-2, **_OPTAX_BE))
    ),
    "lookahead, pytorch_optimizer": Peer(
        "lookahead", dict(sync_period=4, slow_step_size=0.3, momentum=0.7), torch_lookahead
    ),
    "lookahead, optax": Peer(
        "lookahead", dict(sync_period=4, slow_step_size=0.3, momentum=0.7), optax_lookahead
    ),
    "nadamw, torch": Peer(
        "nadamw",
        dict(**_BE, momentum_decay=0.3, weight_decay=0.1),
        torch_like(
            "torch.optim.NAdam",
            momentum_decay=0.3,
            weight_decay=0.1,
            decoupled_weight_decay=True,
            **_TBE,
        ),
    ),
    "adamax, torch": Peer("adamax", _BE, torch_like("torch.optim.Adamax", **_TBE)),
    "adamax, optax": Peer("adamax", _BE, optax_like(lambda o, lr: o.adamax(lr, **_OBE))),
    "adamax, pytorch_optimizer": Peer("adamax", _BE, po("AdaMax", **_TBE)),
    "adadelta, torch": Peer(
        "adadelta",
        dict(rho=0.8, epsilon=1e-2),
        torch_like("torch.optim.Adadelta", rho=0.8, eps=1e-2),
    ),
    "adadelta, optax": Peer(
        "adadelta",
        dict(rho=0.8, epsilon=1e-2),
        optax_like(lambda o, lr: o.adadelta(lr, rho=0.8, eps=1e-2)),
    ),
    "adadelta, keras": Peer(
        "adadelta",
        dict(rho=0.75, epsilon=1 / 64),
        keras_like("keras.optimizers.Adadelta", rho=0.75, epsilon=1 / 64),
    ),
    "rprop, torch": Peer(
        "rprop", _RPROP, torch_like("torch.optim.Rprop", etas=(0.6, 1.3), step_sizes=(0.01, 0.2))
    ),
    "adafactor, torch": Peer(
        "adafactor",
        dict(**_TINY_ADAFACTOR, relative_step=True, scale_parameter=True),
        torch_like("torch.optim.Adafactor", beta2_decay=-0.7, eps=(1e-30, 0.5), d=1.1),
    ),
    "adafactor, optax": Peer(  # it factors the two longest axes
        "adafactor",
        dict(**_ADAFACTOR, relative_step=False, scale_parameter=False),
        optax_like(optax_adafactor),
        shapes=((), (5,), (4, 3), (1, 2, 3, 4)),
    ),
    "adafactor, pytorch_optimizer": Peer(
        "adafactor",
        dict(**_ADAFACTOR, relative_step=False, scale_parameter=True),
        po(
            "AdaFactor",
            betas=(None, 1.0 - 1e-9),
            decay_rate=-0.7,
            clip_threshold=0.7,
            eps1=1e-2,
            eps2=0.5,
            relative_step=False,
        ),
    ),
    "lamb, optax": Peer(
        "lamb",
        dict(**_BE, weight_decay=0.1),
        optax_like(lambda o, lr: o.lamb(lr, weight_decay=0.1, **_OBE)),
    ),
    "lamb, keras": Peer(
        "lamb", dict(**_KBE, weight_decay=0.0), keras_like("keras.optimizers.Lamb", **_KBE)
    ),
    "lars, optax": Peer(  # it takes the norm of the sum of gradient and decay
        "lars",
        dict(**_LARS, weight_decay=0.0),
        optax_like(
            lambda o, lr: o.lars(
                lr, trust_coefficient=0.3, momentum=0.7, trust_ratio_mask=lambda x: x.ndim > 1
            )
        ),
    ),
    "lars nesterov, optax": Peer(
        "lars",
        dict(momentum=0.7, nesterov=True, trust_coefficient=0.3, weight_decay=0.0),
        optax_like(
            lambda o, lr: o.lars(
                lr,
                trust_coefficient=0.3,
                momentum=0.7,
                nesterov=True,
                trust_ratio_mask=lambda x: x.ndim > 1,
            )
        ),
    ),
    "lars, pytorch_optimizer": Peer(  # its buffer does not hold the rate
        "lars",
        dict(**_LARS, weight_decay=0.1),
        po("LARS", momentum=0.7, trust_coefficient=0.3, weight_decay=0.1),
        constant_rate=True,
    ),
    "lion, optax": Peer("lion", _B, optax_like(lambda o, lr: o.lion(lr, weight_decay=0, **_OB))),
    "lion, pytorch_optimizer": Peer("lion", _B, po("Lion", **_TB)),
    "adabound, pytorch_optimizer": Peer(
        "adabound", _BOUND, po("AdaBound", final_lr=0.08, gamma=0.2, **_TBE)
    ),
    "amsbound, pytorch_optimizer": Peer(
        "amsbound", _BOUND, po("AdaBound", final_lr=0.08, gamma=0.2, ams_bound=True, **_TBE)
    ),
    "yogi, pytorch_optimizer": Peer(
        "yogi",
        dict(**_BE, initial_accumulator_value=0.2),
        torch_like(
            adjusted("pytorch_optimizer.Yogi", yogi_adjust), initial_accumulator=0.2, **_TBE
        ),
    ),
    "yogi from zero, optax": Peer(
        "yogi",
        dict(**_BE, initial_accumulator_value=0.0),
        optax_like(
            lambda o, lr: o.chain(
                o.scale_by_yogi(initial_accumulator_value=0.0, **_OBE), o.scale_by_learning_rate(lr)
            )
        ),
    ),
    "novograd, pytorch_optimizer": Peer("novograd", _BE, po("NovoGrad", **_TBE)),
    "novograd, optax": Peer("novograd", _BE, optax_like(lambda o, lr: o.novograd(lr, **_OBE))),
    "qhm, pytorch_optimizer": Peer(
        "qhm", dict(momentum=0.8, nu=0.6), po("QHM", momentum=0.8, nu=0.6)
    ),
    "qhadam, pytorch_optimizer": Peer(
        "qhadam",
        dict(**_BE, nu_1=0.6, nu_2=0.8),
        torch_like(adjusted("pytorch_optimizer.QHAdam", qhadam_adjust), nus=(0.6, 0.8), **_TBE),
    ),
    "qhadam as adam, torch": Peer(
        "qhadam", dict(**_BE, nu_1=1.0, nu_2=1.0), torch_like("torch.optim.Adam", **_TBE)
    ),
    "aggmo, pytorch_optimizer": Peer(
        "aggmo", dict(betas=(0.0, 0.6, 0.9)), po("AggMo", betas=(0.0, 0.6, 0.9))
    ),
    "aggmo as sgd, torch": Peer(
        "aggmo", dict(betas=(0.7,)), torch_like("torch.optim.SGD", momentum=0.7)
    ),
    "padam, pytorch_optimizer": Peer(  # it has no maximum
        "padam",
        dict(**_BE, partial=0.2),
        torch_like(adjusted("pytorch_optimizer.PAdam", no_correction), partial=0.2, **_TBE),
        gradients=growing,
    ),
    "padam as amsgrad, torch": Peer(
        "padam",
        dict(**_BE, partial=0.5),
        torch_like(adjusted("torch.optim.Adam", no_correction_torch), amsgrad=True, **_TBE),
    ),
    "swats, pytorch_optimizer": Peer(  # its tolerance is relative
        "swats",
        dict(**_B, epsilon=1e-3),
        torch_like(swats_optimizer, eps=1e-3, **_TB),
        constant_rate=True,
        gradients=first_repeated,
    ),
    "swats before the switch, pytorch_optimizer": Peer(
        "swats", dict(**_B, epsilon=1e-7), po("SWATS", eps=1e-7, **_TB)
    ),
    "adamod, pytorch_optimizer": Peer(
        "adamod",
        dict(**_BE, beta_3=0.9),
        torch_like(
            adjusted("pytorch_optimizer.AdaMod", adamod_adjust),
            betas=(0.8, 0.95, 0.9),
            eps=1e-2,
            adam_debias=True,
        ),
    ),
    "adamod as adam, torch": Peer(
        "adamod", dict(**_BE, beta_3=0.0), torch_like("torch.optim.Adam", **_TBE)
    ),
    "diffgrad, pytorch_optimizer": Peer(
        "diffgrad",
        _BE,
        torch_like(adjusted("pytorch_optimizer.DiffGrad", epsilon_after_correction), **_TBE),
    ),
    "adamp, pytorch_optimizer": Peer(
        "adamp",
        dict(**_BE, **_PROJECTION, nesterov=False),
        outputs_first(
            torch_like(adjusted("pytorch_optimizer.AdamP", adamp_adjust), **_TBE, **_PROJECTION)
        ),
    ),
    "adamp nesterov, pytorch_optimizer": Peer(
        "adamp",
        dict(**_BE, **_PROJECTION, nesterov=True),
        outputs_first(
            torch_like(
                adjusted("pytorch_optimizer.AdamP", adamp_adjust),
                nesterov=True,
                **_TBE,
                **_PROJECTION,
            )
        ),
    ),
    "sgdp, pytorch_optimizer": Peer(
        "sgdp",
        dict(
            momentum=0.7,
            nesterov=False,
            epsilon=1e-2,
            **{**_PROJECTION, "weight_decay": 0.1 / (1 - 0.7)},  # there divided by 1 - momentum
        ),
        outputs_first(po("SGDP", momentum=0.7, eps=1e-2, **_PROJECTION)),
    ),
    "sgdp nesterov, pytorch_optimizer": Peer(
        "sgdp",
        dict(
            momentum=0.7,
            nesterov=True,
            epsilon=1e-2,
            **{**_PROJECTION, "weight_decay": 0.1 / (1 - 0.7)},  # there divided by 1 - momentum
        ),
        outputs_first(po("SGDP", momentum=0.7, nesterov=True, eps=1e-2, **_PROJECTION)),
    ),
    "accsgd, pytorch_optimizer": Peer(
        "accsgd",
        dict(kappa=30.0, xi=4.0, small_constant=0.6),
        po("AccSGD", kappa=30.0, xi=4.0, constant=0.6),
    ),
    "madgrad, pytorch_optimizer": Peer(
        "madgrad",
        dict(momentum=0.7, epsilon=1e-2),
        torch_like(adjusted("pytorch_optimizer.MADGRAD", madgrad_adjust), momentum=0.7, eps=1e-2),
    ),
    "madgrad, optax": Peer(
        "madgrad",
        dict(momentum=0.7, epsilon=1e-2),
        optax_like(optax_madgrad),
    ),
    "ftrl, pytorch_optimizer": Peer(
        "ftrl",
        dict(learning_rate_power=-0.5, initial_accumulator_value=0.0, **_FTRL),
        po("FTRL", beta=0.125, lambda_1=2.0, lambda_2=0.25),
        constant_rate=True,
        from_zero=True,
    ),
    "ftrl, keras": Peer(  # its second strength is half the paper's
        "ftrl",
        dict(learning_rate_power=-0.75, initial_accumulator_value=0.5, **_FTRL),
        keras_like(
            "keras.optimizers.Ftrl",
            learning_rate_power=-0.75,
            initial_accumulator_value=0.5,
            l1_regularization_strength=2.0,
            l2_regularization_strength=0.125,
            beta=0.125,
        ),
        constant_rate=True,
        from_zero=True,
    ),
    "sm3, pytorch_optimizer": Peer(
        "sm3", dict(momentum=0.7, epsilon=1e-2), po("SM3", momentum=0.7, eps=1e-2)
    ),
    "sm3, optax": Peer(  # it fails on scalars
        "sm3",
        dict(momentum=0.7, epsilon=1e-2),
        optax_like(
            lambda o, lr: o.chain(o.scale_by_sm3(0.7, 1.0, 1e-2), o.scale_by_learning_rate(lr))
        ),
        shapes=((5,), (4, 3), (3, 3, 2, 4)),
    ),
    "fromage, pytorch_optimizer": Peer("fromage", {}, po("Fromage")),
    "fromage, optax": Peer("fromage", {}, optax_like(lambda o, lr: o.fromage(lr))),
    "signsgd, optax": Peer("signsgd", {}, optax_like(lambda o, lr: o.sign_sgd(lr))),
    "signsgd, pytorch_optimizer": Peer("signsgd", {}, po("SignSGD", momentum=0.0)),
    "signum, optax": Peer(
        "signum", dict(momentum=0.7), optax_like(lambda o, lr: o.signum(lr, 0.7))
    ),
    "signum, pytorch_optimizer": Peer("signum", dict(momentum=0.7), po("SignSGD", momentum=0.7)),
    "tiger unscaled, pytorch_optimizer": Peer(
        "tiger", dict(beta=0.8, scale_parameter=False), po("Tiger", beta=0.8, weight_decay=0.0)
    ),
    "tiger, pytorch_optimizer": Peer(
        "tiger",
        dict(beta=0.8, scale_parameter=True),
        torch_like(adjusted("pytorch_optimizer.Tiger", tiger_adjust), beta=0.8, weight_decay=0.0),
    ),
}
