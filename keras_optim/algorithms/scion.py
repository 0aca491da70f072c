"""Scion: steps to the edge of a ball, whose norm fits the layer."""

from typing import Literal, Unpack

from keras import ops

from keras_optim import newton_schulz
from keras_optim.algorithms.hidden_matrices import (
    Coefficients,
    ForHiddenMatrices,
    Iterations,
    check_iterations,
)
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    Positive,
    Where,
)
from keras_optim.numerics import bounded, ema, mean, sign
from keras_optim.optimizer import Slots, Tensor
from keras_optim.variables.hidden import Role


class Scion(ForHiddenMatrices):
    r"""Step by the element of a ball that goes down fastest, in a norm for each kind of layer.

    $$
    \begin{aligned}
    M_t &= \mu M_{t-1} + (1-\mu)\, G_t, \qquad
    X_t = X_{t-1} - \eta\, \rho\, D_t \quad\text{or, constrained,}\quad
    X_t = (1 - \eta)\, X_{t-1} - \eta\, \rho\, D_t \\
    D_t &= \begin{cases}
    \sqrt{n_{out} / n_{in}} / k\ \text{NewtonSchulz}(M_t) & \text{hidden matrices} \\
    \text{sign}(M_t) / n & \text{embeddings and the output layer} \\
    M_t / (\text{RMS}(M_t) + \epsilon) & \text{all others}
    \end{cases}
    \end{aligned}
    $$

    with $k$ the places of a convolution's window, $n_{in}$ its channels, and $n$ the inputs of the
    output layer or the length of an embedded vector. All layers move by fixed amounts in norms that
    fit them, so the best rate hardly changes with the width of a model. Constrained, weights stay
    within the ball of radius $\rho$, and need no decay. The authors begin with orthogonal kernels
    of norm $\rho$, which is part of their method and left to the model's initializers here.

    Which variables are hidden matrices is as in `keras_optim.Muon`; `summary()` shows it. The radii
    are those of the authors for language models. Keras has no Scion. pytorch-optimizer's `momentum`
    is $1 - \mu$.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.00025.
        momentum: In [0, 1), decay of the mean of the gradient, $\mu$. Default 0.9.
        constrained: Whether weights stay within the ball. Default False.
        hidden_radius: > 0, $\rho$ of hidden matrices. Default 50.0.
        output_radius: > 0, of embeddings and the output layer. Default 3000.0.
        other_radius: > 0, of all others. Default 1.0.
        ns_steps: Iterations, in [1, 100]. Default 5.
        ns_coefficients: Their polynomials, see `Muon`: `"jordan"`, `"quintic"`, `"polar_express"`
            or `"cans"`. Default jordan.
        ns_epsilon: >= 1e-30, added to the norm that the matrix is divided by. Default 1e-7.
        ns_dtype: `"bfloat16"`, faster where the hardware has it; `None`: that of the weights.
            Default None.
        epsilon: >= 1e-30, added to the root mean square of others. Default 1e-8.
        include: Variables that are taken as hidden matrices in any case, see `Muon`. Default None.
        exclude: Variables that are not taken as such, likewise. Default None.
        output_layer: The kernel of the output layer, likewise; `"auto"`: the last kernel; `None`:
            there is none. Default auto.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Raises:
        ValueError: as in `keras_optim.Muon`.

    Example: constrained to a ball of radius 2, from zero.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable(np.zeros((2, 3), "float32"), name="kernel")
    >>> optimizer = keras_optim.Scion(0.5, constrained=True, output_radius=2.0)
    >>> for _ in range(4):
    ...     optimizer.apply([np.array([[1.0, 2.0, 0.1], [0.0, -7.0, 1.0]], "float32")], [x])
    >>> print(x.numpy().round(3))
    [[-0.938 -0.938 -0.938]
     [ 0.     0.938 -0.938]]

    Reference:
        Pethick et al., "Training deep learning models with norm-constrained LMOs", ICML 2025,
        https://arxiv.org/abs/2502.07529
    """

    slots = ("momentum",)
    memory = 1
    scale_invariant = True
    trial_rate = 1e-3
    trial_arguments = {**ForHiddenMatrices.trial_arguments, "hidden_radius": 1.0}
    trial_variants = ({"constrained": True},)

    def __init__(
        self,
        learning_rate: LearningRate = 2.5e-4,
        momentum: Decay = 0.9,
        constrained: bool = False,
        *,
        hidden_radius: Positive = 50.0,
        output_radius: Positive = 3000.0,
        other_radius: Positive = 1.0,
        ns_steps: Iterations = 5,
        ns_coefficients: Coefficients = "jordan",
        ns_epsilon: Epsilon = 1e-7,
        ns_dtype: Literal["bfloat16"] | None = None,
        epsilon: Epsilon = 1e-8,
        include: Where = None,
        exclude: Where = None,
        output_layer: Where = "auto",
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, include, exclude, output_layer, **kwargs)
        self.momentum = momentum
        self.constrained = constrained
        self.hidden_radius = hidden_radius
        self.output_radius = output_radius
        self.other_radius = other_radius
        self.ns_steps = ns_steps
        self.ns_coefficients = ns_coefficients
        self.ns_epsilon = ns_epsilon
        self.ns_dtype = ns_dtype
        self.epsilon = epsilon
        self.shrinks = constrained
        check_iterations(self)

    def rule_names(self) -> tuple[str, ...]:
        return "Scion, spectral norm", "Scion, signs", "Scion, root mean square"

    def rule_of(self, role: Role) -> int:
        return {"hidden": 0, "embedding": 1, "output": 1, "other": 2}[role.kind]

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m = ema(s["momentum"], g, self.momentum)
        change = -lr * self.direction(m, s["role"])
        return change - lr * x if self.constrained else change, {"momentum": m}

    def direction(self, m: Tensor, role: Role) -> Tensor:
        """The element of the ball that goes down fastest, with its sign reversed."""
        if role.hidden:
            polynomials = newton_schulz.iterations(self.ns_coefficients, self.ns_steps)
            o = newton_schulz.orthogonalized(
                ops.reshape(m, (role.inputs, role.outputs)),
                polynomials,
                self.ns_epsilon,
                self.ns_dtype,
            )
            scale = (role.outputs * role.window / role.inputs) ** 0.5 / role.window
            return self.hidden_radius * scale * ops.reshape(o, m.shape)
        if role.kind == "other":
            rms = ops.sqrt(mean(m * m))
            return bounded(self.other_radius / (rms + self.epsilon) * m)
        length = role.inputs if role.kind == "output" else role.outputs
        return self.output_radius / length * sign(m)
