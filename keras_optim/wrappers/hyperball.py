"""Hyperball: matrices keep their norm, and turn by the same angle in each step."""

from collections.abc import Sequence
from typing import Any, Unpack

from keras import ops

from keras_optim.arguments.ranges import WeightDecay, Where, WrapperOptions
from keras_optim.contract import VariableSpec
from keras_optim.numerics import larger
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import Tree
from keras_optim.variables.hidden import HiddenMatrices
from keras_optim.wrappers.wrapper import Wrapper


class Hyperball(Wrapper):
    r"""Keep the norm of each hidden matrix: step along the sphere by a fixed length.

    $$
    X_t = R\, \frac{Y}{\lVert Y \rVert}, \qquad
    Y = X_{t-1} - \eta\, R\, \frac{D_t}{\lVert D_t \rVert}, \qquad R = \lVert X_0 \rVert
    $$

    with $D_t$ the step of the inner optimizer. So the rate is about the angle, in radians, by which
    a matrix turns in a step, and no weight decay has to be tuned: that of the inner optimizer
    applies to all other variables only, which it steps as ever. A matrix of zeros takes a plain
    step first.

    The norm is that of the present weights, so it follows weights that are loaded or set. Which
    variables are hidden matrices is as in `keras_optim.Muon`.

    Args:
        inner: An optimizer of keras_optim, not built.
        include: Variables that are taken as hidden matrices in any case: a pattern over paths, a
            list of patterns and variables, or a function of path and shape. Default None.
        exclude: Variables that are left to the inner optimizer, described likewise. Default None.
        output_layer: The kernel of the output layer, described likewise; `"auto"`: the last kernel;
            `None`: there is none. Default auto.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: at the build, a description matches no variable, or `include` takes one that is
            no matrix.

    Example: the norm stays 5.

    >>> import numpy as np, keras, keras_optim
    >>> x = keras.Variable([[3.0, 0.0], [0.0, 4.0]], name="kernel")
    >>> optimizer = keras_optim.Hyperball(keras_optim.Adam(0.1), output_layer=None)
    >>> optimizer.apply([np.array([[1.0, 2.0], [3.0, 4.0]], "float32")], [x])
    >>> print(x.numpy().round(3), np.linalg.norm(x.numpy()).round(4))
    [[ 2.948 -0.268]
     [-0.268  4.02 ]] 5.0

    Reference:
        Wen, Dang, Lyu, Ma, Liang, "Fantastic pretraining optimizers and where to find them II:
        Hyperball optimization", 2026, https://arxiv.org/abs/2606.16899
    """

    elementwise = False
    trial_arguments = {"output_layer": None}  # else a model of one matrix has no hidden one

    def __init__(
        self,
        inner: Optimizer,
        include: Where = None,
        exclude: Where = None,
        output_layer: Where = "auto",
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self._matrices = HiddenMatrices("Hyperball", include, exclude, output_layer)

    @property
    def include(self) -> Any:
        """The variables that count as hidden matrices in any case."""
        return self._matrices.given("include")

    @property
    def exclude(self) -> Any:
        """The variables that do not count as hidden matrices."""
        return self._matrices.given("exclude")

    @property
    def output_layer(self) -> Any:
        """The kernel of the output layer."""
        return self._matrices.given("output_layer")

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        roles = self._matrices.roles(variables)
        pairs = zip(super().constants(variables), roles, strict=True)
        return [{**constants, "on_sphere": role.hidden} for constants, role in pairs]

    def decay_inside(self, constants: Tree, decay: WeightDecay) -> WeightDecay:
        return 0.0 if constants["on_sphere"] else decay

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        change, new = self.inner.step(g, x, s["inner"], t, lr)
        if not s["on_sphere"]:
            return change, {"inner": new}
        radius, length = _length(x), _length(change)
        turned = x + lr * radius * change / _or_one(length)
        moved = radius * (turned / _or_one(_length(turned))) - x
        return ops.where((radius > 0.0) & (length > 0.0), moved, change), {"inner": new}

    def _find(self, variables: Sequence[Any], paths: Sequence[str]) -> None:
        super()._find(variables, paths)
        specs = [VariableSpec(p, tuple(v.shape)) for p, v in zip(paths, variables, strict=True)]
        self._matrices.find(variables, specs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._matrices.get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Hyperball":
        config = HiddenMatrices.from_config(config, cls.__name__)
        return super().from_config(config, custom_objects)


def _length(x: Tensor) -> Tensor:
    """Return the norm, of numbers of any size."""
    largest = larger(ops.max(x), -ops.min(x))
    unit = x / _or_one(largest)
    return largest * ops.sqrt(ops.sum(unit * unit))


def _or_one(x: Tensor) -> Tensor:
    return ops.where(x > 1e-37, x, ops.ones_like(x))
