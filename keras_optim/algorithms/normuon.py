"""NorMuon: Muon whose steps are as long for each neuron."""

from typing import Literal, Unpack

from keras import ops

from keras_optim.algorithms.hidden_matrices import Coefficients, Iterations, MuonFamily
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    NonNegative,
    WeightDecay,
    Where,
)
from keras_optim.numerics import ema, mean, norm
from keras_optim.optimizer import Slots, Tensor
from keras_optim.variables.hidden import Role


class NorMuon(MuonFamily):
    r"""Muon, then divide the step of each neuron by its running root mean square.

    $$
    \begin{aligned}
    O_t &= \text{NewtonSchulz}(U_t), \qquad
    v_t = \beta_2 v_{t-1} + (1-\beta_2)\, \text{mean}_{in}(O_t^2), \qquad
    D_t = \frac{O_t}{\sqrt{v_t} + \epsilon} \\
    X_t &= (1 - \eta\lambda)\, X_{t-1} - \eta\, s\, \frac{D_t}{\lVert D_t \rVert}, \qquad
    s = 0.2 \sqrt{n_{in} n_{out}} \text{ or }
    \lVert O_t \rVert \sqrt{\max(1, n_{out} / n_{in})}
    \end{aligned}
    $$

    with $U_t$ as in Muon, and one number $v$ for each output of a matrix. After Newton-Schulz
    iterations some neurons still move much farther than others; this evens them out, at next to no
    memory. Which variables are hidden matrices, and what happens to all others, is as in
    `keras_optim.Muon`, and so are rates.

    The first scale ("match_rms_adamw") is that of the paper, the second ("original") that of the
    authors' code, which means the squares of a convolution over the width of its window alone.
    Here its kernel is one matrix. Keras has no NorMuon.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        momentum: In [0, 1), decay of the mean of the gradient. Default 0.95.
        nesterov: Whether to look ahead. Default True.
        weight_decay: >= 0 or `None`, multiplied by the rate. Default 0.1.
        beta_2: In [0, 1), decay of the mean square of each neuron. Default 0.95.
        adjust_lr: The scale of a step, `"match_rms_adamw"` or `"original"`, see above.
            Default match_rms_adamw.
        ns_steps: Iterations, in [1, 100]. Default 5.
        ns_coefficients: Their polynomials, see `Muon`: `"jordan"`, `"quintic"`, `"polar_express"`
            or `"cans"`. Default jordan.
        ns_epsilon: >= 1e-30, added to the norm that the matrix is divided by. Default 1e-7.
        ns_dtype: `"bfloat16"`, faster where the hardware has it; `None`: that of the weights.
            Default None.
        adam_lr_ratio: >= 0, AdamW's rate as a factor of `learning_rate`. Default 1.0.
        adam_beta_1: In [0, 1). Default 0.9.
        adam_beta_2: In [0, 1). Default 0.999.
        adam_weight_decay: >= 0; `None`: as `weight_decay`. Default None.
        epsilon: >= 1e-30, added to the roots, also to AdamW's. Default 1e-8.
        include: Variables that are taken as hidden matrices in any case, see `Muon`. Default None.
        exclude: Variables that are left to AdamW, likewise. Default None.
        output_layer: The kernel of the output layer, likewise; `"auto"`: the last kernel; `None`:
            there is none. Default auto.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: as in `keras_optim.Muon`.

    Example: the root mean square of a step is 0.2 of the rate.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable(np.zeros((2, 3), "float32"), name="kernel")
    >>> optimizer = keras_optim.NorMuon(1.0, output_layer=None)
    >>> optimizer.apply([np.array([[1.0, 2.0, 3.0], [0.0, -7.0, 1.0]], "float32")], [x])
    >>> print(np.sqrt(np.mean(x.numpy() ** 2)).round(4))
    0.2

    Reference:
        Li et al., "NorMuon: making Muon more efficient and scalable", 2025,
        https://arxiv.org/abs/2510.05491
    """

    trial_variants = ({"adjust_lr": "original", "nesterov": False},)

    def __init__(  # type: ignore[misc]  # weight_decay, an option elsewhere, is an argument
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        momentum: Decay = 0.95,
        nesterov: bool = True,
        weight_decay: WeightDecay = 0.1,
        beta_2: Decay = 0.95,
        adjust_lr: Literal["match_rms_adamw", "original"] = "match_rms_adamw",
        ns_steps: Iterations = 5,
        ns_coefficients: Coefficients = "jordan",
        ns_epsilon: Epsilon = 1e-7,
        ns_dtype: Literal["bfloat16"] | None = None,
        adam_lr_ratio: NonNegative = 1.0,
        adam_beta_1: Decay = 0.9,
        adam_beta_2: Decay = 0.999,
        adam_weight_decay: NonNegative | None = None,
        epsilon: Epsilon = 1e-8,
        include: Where = None,
        exclude: Where = None,
        output_layer: Where = "auto",
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(
            learning_rate,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            ns_steps=ns_steps,
            ns_coefficients=ns_coefficients,
            ns_epsilon=ns_epsilon,
            ns_dtype=ns_dtype,
            adam_lr_ratio=adam_lr_ratio,
            adam_beta_1=adam_beta_1,
            adam_beta_2=adam_beta_2,
            adam_weight_decay=adam_weight_decay,
            epsilon=epsilon,
            include=include,
            exclude=exclude,
            output_layer=output_layer,
            **kwargs,
        )
        self.beta_2 = beta_2
        self.adjust_lr = adjust_lr

    def matrix_slots(self, x: Tensor, role: Role) -> Slots:
        return {"neurons": ops.zeros((1, role.outputs), x.dtype)}

    def matrix_change(self, o: Tensor, role: Role, s: Slots, lr: Tensor) -> tuple[Tensor, Slots]:
        v = ema(s["neurons"], mean(o * o, axis=0), self.beta_2)
        d = o / (ops.sqrt(v) + self.epsilon)
        length = 0.2 * (role.inputs * role.outputs) ** 0.5
        if self.adjust_lr == "original":
            length = norm(o) * max(1.0, role.outputs / role.inputs) ** 0.5
        return -lr * length / (norm(d) + self.epsilon) * d, {"neurons": v}
