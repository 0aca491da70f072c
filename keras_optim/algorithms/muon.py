"""Muon: momentum made orthogonal, for the matrices of hidden layers."""

from typing import Literal, Unpack

from keras_optim.algorithms.hidden_matrices import (
    Coefficients,
    Iterations,
    MuonFamily,
    matched_scale,
)
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    NonNegative,
    WeightDecay,
    Where,
)
from keras_optim.optimizer import Slots, Tensor
from keras_optim.variables.hidden import Role


class Muon(MuonFamily):
    r"""Make the momentum of each hidden matrix orthogonal; step all other weights by AdamW.

    $$
    \begin{aligned}
    M_t &= \mu M_{t-1} + (1-\mu)\, G_t, \qquad U_t = \mu M_t + (1-\mu)\, G_t \\
    O_t &= \text{NewtonSchulz}(U_t) \approx U V^\top \text{ of } U_t = U \Sigma V^\top \\
    X_t &= (1 - \eta\lambda)\, X_{t-1} - \eta\, s\, O_t, \qquad
    s = 0.2 \sqrt{\max(n_{in}, n_{out})} \text{ or } \sqrt{\max(1, n_{out} / n_{in})}
    \end{aligned}
    $$

    All singular values of a step are about equal, so rare directions learn as fast as frequent
    ones. A matrix keeps half of Adam's state. With the first scale ("match_rms_adamw") steps are as
    long as AdamW's, so its rates and decays fit. The second ("original") needs larger ones, 0.02
    in the authors' code.

    Hidden matrices are found by path and shape (`keras_optim.variables.hidden`): kernels of dense,
    convolutional, attention and recurrent layers, without embeddings, biases, scales, depthwise
    kernels and the output layer, which is the last kernel. A convolution's kernel is a matrix of
    `height * width * inputs` rows. `summary()` shows which variables got which rule.

    Differs from `keras.optimizers.Muon`: that takes matrices of two axes only, and the output layer
    as well; sums its momentum (the same step); has no second scale; and epsilon as Keras's Adam.
    As here: `torch.optim.Muon`, whose default scale is "original", in bfloat16.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        momentum: In [0, 1), decay of the mean of the gradient, $\mu$. Default 0.95.
        nesterov: Whether to look ahead; else $U_t = M_t$. Default True.
        weight_decay: >= 0 or `None`, multiplied by the rate. Default 0.1.
        adjust_lr: The scale of a step, `"match_rms_adamw"` or `"original"`, see above.
            Default match_rms_adamw.
        ns_steps: Iterations, in [1, 100]. Default 5.
        ns_coefficients: Their polynomials: `"jordan"`; `"quintic"` (5 iterations), singular values
            nearer to 1; `"polar_express"` (5 or 8), `"cans"` (5), also for very small singular
            values. Default jordan.
        ns_epsilon: >= 1e-30, added to the norm that the matrix is divided by. Default 1e-7.
        ns_dtype: `"bfloat16"`, faster where the hardware has it; `None`: that of the weights.
            Default None.
        adam_lr_ratio: >= 0, AdamW's rate as a factor of `learning_rate`. Default 1.0.
        adam_beta_1: In [0, 1). Default 0.9.
        adam_beta_2: In [0, 1). Default 0.999.
        adam_weight_decay: >= 0; `None`: as `weight_decay`. Default None.
        epsilon: >= 1e-30, added to AdamW's root. Default 1e-8.
        include: Variables that are taken as hidden matrices in any case: a pattern over paths, a
            list of patterns and variables, or a function of path and shape. Default None.
        exclude: Variables that are left to AdamW, described likewise. Default None.
        output_layer: The kernel of the output layer, described likewise; `"auto"`: the last kernel;
            `None`: there is none, as with tied embeddings. Default auto.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: `ns_steps` does not fit `ns_coefficients`; or, at the build, a description
            matches no variable, or `include` takes one that is no matrix.

    Example: a step in two directions of very different gradients.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable(np.zeros((2, 2), "float32"), name="kernel")
    >>> optimizer = keras_optim.Muon(
    ...     1.0, adjust_lr="original", ns_coefficients="cans", output_layer=None
    ... )
    >>> optimizer.apply([np.array([[0.0, -30.0], [0.2, 0.0]], "float32")], [x])
    >>> print(x.numpy().round(1))
    [[ 0.   1.1]
     [-1.   0. ]]
    >>> optimizer.summary()
    Muon, 1 variable, 4 weights
        kernel, 2 x 2
    AdamW, 0 variables, 0 weights

    Reference:
        Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024,
        https://kellerjordan.github.io/posts/muon; Liu et al., "Muon is scalable for LLM training",
        2025, https://arxiv.org/abs/2502.16982
    """

    trial_variants = ({"adjust_lr": "original", "nesterov": False},)

    def __init__(  # type: ignore[misc]  # weight_decay, an option elsewhere, is an argument
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        momentum: Decay = 0.95,
        nesterov: bool = True,
        weight_decay: WeightDecay = 0.1,
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
        self.adjust_lr = adjust_lr

    def matrix_change(self, o: Tensor, role: Role, s: Slots, lr: Tensor) -> tuple[Tensor, Slots]:
        original = max(1.0, role.outputs / role.inputs) ** 0.5
        scale = original if self.adjust_lr == "original" else matched_scale(role)
        return -lr * scale * o, {}
