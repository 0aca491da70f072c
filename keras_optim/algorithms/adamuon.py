"""AdaMuon: Muon of signs, scaled for each weight."""

from keras import ops

from keras_optim.algorithms.hidden_matrices import MuonFamily
from keras_optim.numerics import ema, norm, sign
from keras_optim.optimizer import Slots, Tensor
from keras_optim.variables.hidden import Role


class AdaMuon(MuonFamily):
    r"""Make the signs of the momentum orthogonal, then divide by a running root mean square.

    $$
    \begin{aligned}
    O_t &= \text{NewtonSchulz}(\text{sign}(U_t)), \qquad
    V_t = \mu V_{t-1} + (1-\mu)\, O_t^2, \qquad
    D_t = \frac{O_t}{\sqrt{V_t} + \epsilon} \\
    X_t &= (1 - \eta\lambda)\, X_{t-1}
    - \eta\, 0.2 \sqrt{n_{in} n_{out}}\, \frac{D_t}{\lVert D_t \rVert + \epsilon}
    \end{aligned}
    $$

    with $U_t$ as in Muon. The root mean square of a step is 0.2 of the rate, as of AdamW's, whose
    rates and decays fit. A matrix keeps as much state as with Adam. Which variables are hidden
    matrices, and what happens to all others, is as in `keras_optim.Muon`.

    This is the algorithm of the paper's second version and of the authors' code. The first version
    had no sign, and pytorch-optimizer still has none. Keras has no AdaMuon.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        momentum: In [0, 1), decay of the mean of the gradient and of $V$. Default 0.95.
        nesterov: Whether to look ahead. Default True.
        weight_decay: >= 0 or `None`, multiplied by the rate. Default 0.1.
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
    >>> optimizer = keras_optim.AdaMuon(1.0, output_layer=None)
    >>> optimizer.apply([np.array([[1.0, 2.0, 3.0], [0.0, -7.0, 1.0]], "float32")], [x])
    >>> print(np.sqrt(np.mean(x.numpy() ** 2)).round(4))
    0.2

    Reference:
        Si, Zhang, Shen, "AdaMuon: adaptive Muon optimizer", 2025,
        https://arxiv.org/abs/2507.11005
    """

    memory = 2
    trial_variants = ({"nesterov": False},)

    def matrix_slots(self, x: Tensor, role: Role) -> Slots:
        return {"squares": None}

    def source(self, u: Tensor) -> Tensor:
        return sign(u)

    def matrix_change(self, o: Tensor, role: Role, s: Slots, lr: Tensor) -> tuple[Tensor, Slots]:
        v = ema(ops.reshape(s["squares"], o.shape), o * o, self.momentum)
        d = o / (ops.sqrt(v) + self.epsilon)
        length = 0.2 * (role.inputs * role.outputs) ** 0.5
        change = -lr * length / (norm(d) + self.epsilon) * d
        return change, {"squares": ops.reshape(v, s["squares"].shape)}
