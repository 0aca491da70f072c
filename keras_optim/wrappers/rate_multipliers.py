"""Another learning rate for each layer: multipliers by variable path."""

from collections.abc import Sequence
from typing import Any, Unpack

from keras import ops

from keras_optim.arguments.ranges import NonNegative, WrapperOptions
from keras_optim.contract import VariableSpec, layers, passes_on
from keras_optim.formatting import shown
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.trees import Tree, mapped
from keras_optim.variables.paths import first_matches
from keras_optim.wrappers.variable_rates import VariableRates
from keras_optim.wrappers.wrapper import Wrapper


class RateMultipliers(Wrapper):
    r"""A learning rate of its own for each layer, by patterns over the variables' paths.

    $$
    \eta_i = \eta \cdot \text{multiplier of the first pattern found in the path of variable } i
    $$

    Fine-tuning wants small rates, or none, for the layers that were pretrained, and large ones for
    the new head. Paths look like `"encoder/dense_1/kernel"`: see `[v.path for v in model.weights]`.
    Variables that no pattern matches keep the rate.

    A multiplier of 0 freezes: neither the weights nor their state change, by no gradient and no
    weight decay. (If a layer stays frozen all the time, `layer.trainable = False` saves its
    gradient and state as well.) Weight decay is in proportion to the rate, so it is multiplied too,
    as for parameter groups in PyTorch. The options `clipnorm` and `global_clipnorm` see all
    gradients as they are.

    Args:
        inner: An optimizer of keras_optim, not built.
        multipliers: A dict from patterns, regular expressions that are searched for in the path,
            to multipliers >= 0. The first pattern that is found counts. `^` is the beginning of the
            path or of any part of it after a `/`, so `"^body/"` finds `sequential/body/kernel` as
            well as `body/kernel`. Or the result of `layerwise_decay`.
        **kwargs: Options of every optimizer that `inner` does not set, see
            `keras_optim.Optimizer`.

    Raises:
        ValueError: at the build, for a pattern that matches no variable, or for multipliers of
            which none belongs to the variables; or for several rates of an optimizer that
            estimates one rate for all, such as `Prodigy` (0 is allowed).

    Example:

    >>> import numpy as np, keras, keras_optim
    >>> xs = [keras.Variable([1.0], name=name) for name in ("embedding", "body", "head")]
    >>> optimizer = keras_optim.RateMultipliers(
    ...     keras_optim.SGD(0.1), {"embedding": 0.0, "head": 5.0}
    ... )
    >>> optimizer.apply([np.array([1.0], "float32")] * 3, xs)
    >>> [round(float(x.numpy()[0]), 4) for x in xs]
    [1.0, 0.9, 0.5]

    Reference:
        Howard, Ruder, "Universal language model fine-tuning for text classification", ACL 2018,
        https://arxiv.org/abs/1801.06146
    """

    trial_arguments = {"multipliers": {".": 1.0}}

    def __init__(
        self,
        inner: Optimizer,
        multipliers: dict[str, NonNegative] | VariableRates,
        **kwargs: Unpack[WrapperOptions],
    ):
        super().__init__(inner, **kwargs)
        self.multipliers = multipliers

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        paths = [variable.path for variable in variables]
        rates = self.multipliers
        if isinstance(rates, VariableRates):
            multipliers = rates.located(paths).values()
        else:
            found = first_matches(rates, paths, type(self).__name__, "multipliers")
            multipliers = [rates[p] if isinstance(p, str) else 1.0 for p in found]
        joint = [rule for rule in layers(self.inner) if rule.joint]
        if joint and len({m for m in multipliers if m}) > 1:
            raise ValueError(
                f"RateMultipliers: {type(joint[0]).__name__} estimates one rate for all variables, "
                "so multipliers other than 0 must be equal. "
                f"Received: multipliers={shown(self.multipliers)}"
            )
        inner = super().constants(variables)
        return [{**c, "multiplier": m} for c, m in zip(inner, multipliers, strict=True)]

    @passes_on
    def measure(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tree, Slots]:
        sums, carry = super().measure(g, x, s, t, s["multiplier"] * lr)
        return sums if s["multiplier"] else mapped(ops.zeros_like, sums), carry

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        if not s["multiplier"]:
            return ops.zeros_like(x), {"inner": s["inner"]}
        change, new = self.inner.step(g, x, s["inner"], t, s["multiplier"] * lr)
        return change, {"inner": new}

    def _find(self, variables: Sequence[Any], paths: Sequence[str]) -> None:
        super()._find(variables, paths)
        if isinstance(self.multipliers, VariableRates):
            self.multipliers = self.multipliers.located(paths, variables)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if isinstance(self.multipliers, VariableRates):
            config["multipliers"] = self.multipliers.get_config()
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "RateMultipliers":
        if isinstance(config.get("multipliers"), list):
            config = {**config, "multipliers": VariableRates.from_config(config["multipliers"])}
        return super().from_config(config, custom_objects)
