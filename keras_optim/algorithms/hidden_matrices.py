"""What optimizers for matrices of hidden layers have in common: the choice, and AdamW beside it."""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Unpack

from keras import ops

from keras_optim import keras_private, newton_schulz
from keras_optim.algorithms.grouping import groups
from keras_optim.arguments.ranges import (
    Decay,
    Epsilon,
    KerasOptions,
    LearningRate,
    NonNegative,
    Range,
    WeightDecay,
    Where,
)
from keras_optim.contract import VariableSpec
from keras_optim.numerics import ema, unbias, unbiased_root
from keras_optim.optimizer import Optimizer, Slots, Tensor
from keras_optim.tensors import mixed, reshaped
from keras_optim.trees import Tree
from keras_optim.variables.hidden import HiddenMatrices, Role
from keras_optim.variables.listing import listed

Iterations = Annotated[int, Range(1, 100)]
Coefficients = Literal["jordan", "quintic", "polar_express", "cans"]


class ForHiddenMatrices(Optimizer):
    """Abstract parent: knows which variables are matrices of hidden layers, by their `Role`."""

    elementwise = False
    no_kernel = "products of matrices"
    trial_arguments = {"output_layer": None}  # else a model of one matrix has no hidden one

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        include: Where = None,
        exclude: Where = None,
        output_layer: Where = "auto",
        **kwargs: Unpack[KerasOptions],
    ):
        super().__init__(learning_rate, **kwargs)
        self._matrices = HiddenMatrices(type(self).__name__, include, exclude, output_layer)

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

    def rule_names(self) -> tuple[str, ...]:
        """The names of its rules, for `summary`."""
        return type(self).__name__, "AdamW"

    def rule_of(self, role: Role) -> int:
        """The number, in `rule_names`, of the rule that updates a variable."""
        return 0 if role.hidden else 1

    def constants(self, variables: Sequence[VariableSpec]) -> list[Tree]:
        roles = self._matrices.roles(variables)
        pairs = zip(super().constants(variables), roles, strict=True)
        return [{**constants, "role": role} for constants, role in pairs]

    def _find(self, variables: Sequence[Any], paths: Sequence[str]) -> None:
        super()._find(variables, paths)
        specs = [VariableSpec(p, tuple(v.shape)) for p, v in zip(paths, variables, strict=True)]
        self._matrices.find(variables, specs)

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print which rule updates which variables; before the build, the optimizer alone.

        Args:
            print_fn: The function that prints a line. Default: `print`.
        """
        if not self.built:
            print_fn(f"{self!r}, not built")
            return
        roles = [constants["role"] for constants in self.state.constants]
        sizes = [f", {role.inputs} x {role.outputs}" if role.hidden else "" for role in roles]
        variables = keras_private.trainable_variables(self)
        chosen = [self.rule_of(role) for role in roles]
        for line in listed(variables, chosen, self.rule_names(), sizes):
            print_fn(line)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._matrices.get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "ForHiddenMatrices":
        config = HiddenMatrices.from_config(config, cls.__name__)
        return super().from_config(config, custom_objects)


class MuonFamily(ForHiddenMatrices):
    """Abstract parent: momentum, made orthogonal, for hidden matrices; AdamW for all others.

    A subclass writes `matrix_change`, and `matrix_slots` if a matrix keeps more than the momentum.
    Matrices of equal shape are made orthogonal together.
    """

    slots = ("momentum",)
    memory = 1
    scale_invariant = True

    def __init__(  # type: ignore[misc]  # weight_decay, an option elsewhere, is an argument
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        momentum: Decay = 0.95,
        nesterov: bool = True,
        weight_decay: WeightDecay = 0.1,
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
            learning_rate, include, exclude, output_layer, weight_decay=weight_decay, **kwargs
        )
        self.momentum = momentum
        self.nesterov = nesterov
        self.ns_steps = ns_steps
        self.ns_coefficients = ns_coefficients
        self.ns_epsilon = ns_epsilon
        self.ns_dtype = ns_dtype
        self.adam_lr_ratio = adam_lr_ratio
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        check_iterations(self)

    def matrix_slots(self, x: Tensor, role: Role) -> Slots:
        """The slots of a hidden matrix beside its momentum, see `Rule.slot_starts`."""
        return {}

    def matrix_change(self, o: Tensor, role: Role, s: Slots, lr: Tensor) -> tuple[Tensor, Slots]:
        """The change of a hidden matrix, and its new slots beside the momentum.

        `o` is its orthogonal matrix, of its inputs and outputs.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `matrix_change`.")

    def source(self, u: Tensor) -> Tensor:
        """Return the matrix that is made orthogonal, from the momentum."""
        return u

    def together(self, gs: Sequence[Tensor], ss: Sequence[Tree], t: Tensor) -> Sequence[Tree]:
        def kind(i: int, g: Tensor) -> tuple[Any, int] | None:
            role = ss[i]["role"]
            return ((role.inputs, role.outputs), math.prod(g.shape)) if role.hidden else None

        found = list(ss)
        for group in groups(gs, kind):
            us, ms = zip(*(self.momenta(gs[i], ss[i]) for i in group), strict=True)
            for i, *one in zip(group, self.orthogonal(ops.stack(us)), ms, strict=True):
                found[i] = {**ss[i], "directed": one}
        return found

    def momenta(self, g: Tensor, s: Slots) -> tuple[Tensor, Tensor]:
        """Return the matrix that is made orthogonal, and the new momentum."""
        share, role = 1.0 - self.momentum, s["role"]
        m = mixed(s["momentum"], g, share)
        u = mixed(m, g, share) if self.nesterov else m
        return self.source(reshaped(u, (role.inputs, role.outputs))), m

    def orthogonal(self, u: Tensor) -> Tensor:
        """About the nearest orthogonal matrix, or those of a stack."""
        polynomials = newton_schulz.iterations(self.ns_coefficients, self.ns_steps)
        return newton_schulz.orthogonalized(u, polynomials, self.ns_epsilon, self.ns_dtype)

    def slot_starts(self, x: Tensor, constants: Tree) -> Tree:
        role = constants["role"]
        own = self.matrix_slots(x, role) if role.hidden else {"velocity": None}
        return {"momentum": None, **own}

    def step(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        """With the rate and the weight decay of AdamW for variables that are no hidden matrix.

        The change of a matrix does not depend on it, so there its decay is added alone.
        """
        if s["role"].hidden:
            change, new = self.update(g, x, s, t, lr)
            if s["weight_decay"]:
                change = change + self.decayed(x, s, lr, change)
            return change, new
        if s["decayed"] and self.adam_weight_decay is not None:
            s = {**s, "weight_decay": self.adam_weight_decay}
        return super().step(g, x, s, t, self.adam_lr_ratio * lr)

    def update(self, g: Tensor, x: Tensor, s: Slots, t: Tensor, lr: Tensor) -> tuple[Tensor, Slots]:
        role = s["role"]
        if not role.hidden:
            m = ema(s["momentum"], g, self.adam_beta_1)
            v = ema(s["velocity"], g * g, self.adam_beta_2)
            share, denominator = unbiased_root(v, self.adam_beta_2, t, self.epsilon)
            change = -unbias(lr * share, self.adam_beta_1, t) * m / denominator
            return change, {"momentum": m, "velocity": v}
        if "directed" in s:
            o, m = s["directed"]
        else:
            u, m = self.momenta(g, s)
            o = self.orthogonal(u)
        change, new = self.matrix_change(o, role, s, lr)
        return reshaped(change, tuple(x.shape)), {"momentum": m, **new}


def check_iterations(optimizer: Any) -> None:
    """Raise a ValueError if there are no polynomials for `ns_steps`."""
    try:
        newton_schulz.iterations(optimizer.ns_coefficients, optimizer.ns_steps)
    except ValueError as error:
        raise ValueError(
            f"{type(optimizer).__name__}: `ns_steps` must fit `ns_coefficients`: {error}. "
            f"Received: ns_steps={optimizer.ns_steps}"
        ) from None


def matched_scale(role: Role) -> float:
    """The factor by which an orthogonal matrix gets the root mean square of Adam's steps, 0.2."""
    return float(0.2 * max(role.inputs, role.outputs) ** 0.5)
