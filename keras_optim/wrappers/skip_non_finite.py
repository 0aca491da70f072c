"""SkipNonFinite: no step if any gradient is infinite or not a number."""

from keras import ops

from keras_optim.optimizer import Slots, Tensor
from keras_optim.trees import Tree, chosen
from keras_optim.wrappers.wrapper import Wrapper


class SkipNonFinite(Wrapper):
    r"""Leave out each step in which any gradient of any variable is infinite or NaN.

    $$
    (x, s) \leftarrow \begin{cases} \text{inner step} & \text{all } g \text{ are finite} \\
    (x, s) & \text{otherwise} \end{cases}
    $$

    One bad batch otherwise ends the training: NaN enters the weights and all averages, and stays.
    Skipped steps leave weights and state as if the batch had not been, without weight decay. Bias
    corrections of the inner rule count only the other steps. `iterations` counts all batches, so a
    learning-rate schedule advances.

    `skipped` says how many steps were left out; many mean that something else is wrong. If losses
    overflow in float16, use `keras.optimizers.LossScaleOptimizer`, which also skips and lowers its
    scale (Keras puts it around the optimizer by itself under `mixed_float16`).

    Put it outside of other gradient transforms, so that it sees the gradients as they come.

    Args:
        inner: An optimizer of keras_optim, not built.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([1.0])
    >>> optimizer = keras_optim.SkipNonFinite(keras_optim.SGD(0.5))
    >>> for gradient in (1.0, np.nan, np.inf):
    ...     optimizer.apply([np.array([gradient], "float32")], [x])
    >>> print(x.numpy(), optimizer.skipped)
    [0.5] 2

    Reference:
        Micikevicius et al., "Mixed precision training", ICLR 2018,
        https://arxiv.org/abs/1710.03740
    """

    elementwise = False
    shared = {"skipped": 0.0}
    non_negative = ("skipped",)

    @property
    def skipped(self) -> int:
        """Number of steps that were left out so far."""
        if not self.state:
            return 0
        return int(ops.convert_to_numpy(self.state.shared_of(self)["skipped"].value))

    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        bad = ops.sum(ops.cast(ops.logical_not(ops.isfinite(g)), x.dtype))
        sums, carry = super().measure(g, x, s, made(t, s["skipped"]), lr)
        return {**sums, "non_finite": bad}, carry

    def pool(self, sums: Tree, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Tree]:
        shared, seen = super().pool(sums, s, made(t, s["skipped"]), lr)
        skip = sums["non_finite"] > 0
        once = ops.cast(skip, s["skipped"].dtype)
        shared = chosen(skip, s, shared, names=shared)
        return {**shared, "skipped": s["skipped"] + once}, {**seen, "skip": once}

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        inner, skip = s["inner"], s["skip"] > 0
        change, new = self.inner.step(g, x, inner, made(t, s["skipped"] - s["skip"]), lr)
        names = self.inner.slot_starts(x, inner)
        return ops.where(skip, ops.zeros_like(x), change), {
            "inner": chosen(skip, inner, new, names)
        }


def made(t: Tensor, skipped: Tensor) -> Tensor:
    """Return the step that the inner rule counts: without those that were left out before."""
    return t - ops.cast(skipped, t.dtype)
