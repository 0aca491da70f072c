"""AMSGrad: Adam whose rates never rise again."""

from keras_optim.algorithms.moments import Moments
from keras_optim.numerics import larger, unbias, unbiased_root
from keras_optim.optimizer import Slots, Tensor


class AMSGrad(Moments):
    r"""Adam with the largest second moment seen so far.

    $$
    u_t = \max(u_{t-1}, v_t), \qquad
    x_t = x_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{u_t / (1-\beta_2^t)} + \epsilon}
    $$

    with $m_t$, $v_t$ as in Adam. Adam forgets rare large gradients and can then walk away from the
    optimum even of a convex problem; here a weight's rate only falls. Costs one more slot. Worth
    trying where Adam oscillates late in training; elsewhere the two are close.

    Bias correction follows `torch.optim.Adam(amsgrad=True)` and Keras's `Adam(amsgrad=True)`: the
    maximum is over the raw `v` (the paper has no correction; `optax.amsgrad` takes the maximum
    over the corrected one). Keras differs in the place of epsilon, see `keras_optim.Adam`. For
    AdamW with `amsgrad` pass `weight_decay`.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.001.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example: after one large gradient the steps stay small, where Adam's grow again.

    >>> import numpy as np, keras, keras_optim
    >>> def last_step(optimizer):
    ...     x = keras.Variable([0.0])
    ...     for g in [100.0] + 100 * [-1.0]:
    ...         before = x.numpy()
    ...         optimizer.apply([np.array([g], "float32")], [x])
    ...     return (x.numpy() - before).round(4)
    >>> print(last_step(keras_optim.Adam(0.1, beta_2=0.5)))
    [0.1]
    >>> print(last_step(keras_optim.AMSGrad(0.1, beta_2=0.5)))
    [0.0014]

    Reference:
        Reddi, Kale, Kumar, "On the convergence of Adam and beyond", ICLR 2018,
        https://arxiv.org/abs/1904.09237
    """

    slots = ("momentum", "velocity", "max_velocity")
    memory = 3
    scale_invariant = True

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        m, v = self.averages(g, s)
        u = larger(s["max_velocity"], v)
        share, denominator = unbiased_root(u, self.beta_2, t, self.epsilon)
        change = -unbias(lr * share, self.beta_1, t) * m / denominator
        return change, {"momentum": m, "velocity": v, "max_velocity": u}
