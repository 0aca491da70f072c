"""Nadam: Adam with Nesterov's look ahead."""

from keras_optim.algorithms.moments import NesterovMoments


class Nadam(NesterovMoments):
    r"""Adam with Nesterov momentum and a momentum that warms up.

    $$
    \begin{aligned}
    \mu_t &= \beta_1 \left(1 - \tfrac12\, 0.96^{\,t \psi}\right), \qquad
    \Pi_t = \mu_t\, \Pi_{t-1}, \quad \Pi_0 = 1 \\
    x_t &= x_{t-1} - \frac{\eta}{\sqrt{\hat v_t} + \epsilon} \left(
        \frac{\mu_{t+1}\, m_t}{1 - \Pi_t\, \mu_{t+1}} + \frac{(1-\mu_t)\, g_t}{1-\Pi_t} \right)
    \end{aligned}
    $$

    with $m_t$, $\hat v_t$ as in Adam and $\psi$ = `momentum_decay`. Reacts to a new gradient one
    step earlier than Adam; often a little faster early on. Tune as Adam.

    Differs from `keras.optimizers.Nadam` in its schedule, $0.96^t$ there: `momentum_decay=1` gives
    its steps. As here: `torch.optim.NAdam`. `optax.nadam` has no schedule: a very large
    `momentum_decay`, such as 1e6, gives its steps.

    Args:
        learning_rate: >= 0, or a schedule. Default 0.002.
        beta_1: In [0, 1), decay of the mean of the gradient. Default 0.9.
        beta_2: In [0, 1), decay of the mean of its square. Default 0.999.
        epsilon: >= 1e-30, added to the root. Default 1e-8.
        momentum_decay: >= 0, how fast the momentum warms up. Default 0.004.
        **kwargs: Options of every optimizer, see `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.Nadam(learning_rate=0.1)
    >>> optimizer.apply([np.array([3.0], "float32")], [x])
    >>> print(x.numpy().round(3))
    [0.894]

    Reference:
        Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016,
        https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
    """

    memory = 2
    scale_invariant = True
