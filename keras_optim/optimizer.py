"""An algorithm as a Keras optimizer: building, weight decay, running, saving, configuration."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Unpack

import keras

from keras_optim import formatting, keras_private, tensors
from keras_optim.arguments import descriptions, hyperparameters, rule_checks, scalar
from keras_optim.arguments.ranges import (
    DECAY_OPTIONS,
    OWN_OPTIONS,
    PRECISION,
    KerasOptions,
    LearningRate,
)
from keras_optim.contract import Slots, Tensor, VariableSpec, layers
from keras_optim.decay_options import DecayOptions
from keras_optim.engine import distribution, norms, run, second_pass, seen_loss, slots, validation
from keras_optim.engine.optimizer_state import OptimizerState, named_rules
from keras_optim.state import attached, evaluation_weights, files
from keras_optim.variables.decay import check_patterns
from keras_optim.variables.paths import choices_from, located, path_of, same_variables

__all__ = ["Optimizer", "Slots", "Tensor"]


class Optimizer(DecayOptions, keras_private.KerasOptimizer):
    """Base of every algorithm of keras_optim.

    A subclass states its facts, stores its hyper-parameters under their own names and writes
    `update`. Building, running on each backend, weight decay, saving, configuration and the
    checking of arguments are done here and in the modules beside it.

    Args:
        learning_rate: A number >= 0, a `keras.optimizers.schedules.LearningRateSchedule`, or a
            callable without arguments.
        weight_decay: >= 0 or `None`. Decoupled: each step first subtracts
            `learning_rate * weight_decay * x`. A dict of patterns and numbers has one for each
            variable, that of the first pattern in its path; 0 if there is none.
        cautious_weight_decay: Whether only weights decay that the step does not lengthen, those
            with `u * x >= 0` for a step of `-learning_rate * u`. `u` is then the direction before
            the decay. Default `False`.
        corrected_weight_decay: A list of patterns over paths, or `None`: variables whose decay is
            multiplied by the rate over the largest rate so far, as in `AdamC`. Default `None`.
        clipnorm, clipvalue, global_clipnorm: > 0 or `None`; at most one. As in Keras.
        use_ema, ema_momentum, ema_overwrite_frequency: As in Keras.
        loss_scale_factor: > 0 or `None`. As in Keras.
        gradient_accumulation_steps: An integer >= 2 or `None`. As in Keras.
        state_dtype: `"bfloat16"` or `None`, which is float32. See docs/guides/precision.md.
        weight_rounding: Of weights in half precision: `"nearest"`, `"stochastic"` or `"kahan"`.
        rounding_seed: An integer >= 0, from which the bits of stochastic rounding follow.
        name: Name of the optimizer.

    Raises:
        TypeError: unknown argument or wrong type.
        ValueError: number outside its range.

    Example:

    >>> import numpy as np
    >>> import keras
    >>> class SignDescent(Optimizer):
    ...     def update(self, g, x, s, t, lr):
    ...         return -lr * keras.ops.sign(g), {}
    >>> x = keras.Variable([1.0, -2.0])
    >>> SignDescent(learning_rate=0.5).apply([np.array([3.0, -0.1], "float32")], [x])
    >>> print(x.numpy())
    [ 0.5 -1.5]
    """

    state: OptimizerState = None  # type: ignore[assignment]  # until it is built
    """The state of the variables, once the optimizer is built."""

    _paths: tuple[str, ...] = ()
    _wrapped_by: str | None = None
    _keeps_rate = False
    """Whether it has a rate of its own inside of another optimizer."""
    _recording: norms.Recording | None = None
    __signature__: ClassVar[inspect.Signature]
    _noun = "an optimizer of keras_optim"

    @classmethod
    def _instead(cls, owner: str, value: Any) -> str:
        """Return advice for a caller who gave `value` for an optimizer of keras_optim."""
        return descriptions.instead(owner, value, Optimizer)

    # ---- construction

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = hyperparameters.checked(cls.__init__)  # type: ignore[method-assign]
        cls.__signature__ = hyperparameters.of_class(cls.__init__)
        rule_checks.check_methods(cls)
        keras.saving.register_keras_serializable(cls.__module__.partition(".")[0])(cls)

    def __init__(self, learning_rate: LearningRate = 1e-3, **kwargs: Unpack[KerasOptions]):
        given: dict[str, Any] = {**kwargs}
        own = {name: given.pop(name) for name in DECAY_OPTIONS if name in given}
        own |= {name: given.pop(name, default) for name, default in PRECISION.items()}
        super().__init__(learning_rate, **given)
        self._awaited: dict[str, Any] = {}
        for option, value in own.items():
            setattr(self, option, value)
        validation.check_precision(self)

    @property
    def learning_rate(self) -> Any:
        """The rate that the next step uses. Set it to a number, a schedule or a callable."""
        return keras_private.current_rate(self)

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        if not self._keeps_rate:
            self._refuse_if_wrapped("set the rate of")
        title = type(self).__name__
        if not scalar.is_traced(value):
            value = hyperparameters.check(title, "learning_rate", value, LearningRate)
        held = keras_private.learning_rate(self)
        if not callable(value) and not isinstance(held, keras.Variable):
            raise TypeError(
                f"{title}: `learning_rate` must be a schedule or a callable, because the optimizer "
                f"was made with {descriptions.rate(held)}. "
                f"Received: learning_rate={formatting.shown(value)}"
            )
        keras.optimizers.Optimizer.learning_rate.fset(self, value)

    def __repr__(self) -> str:
        return descriptions.described(self)

    def get_config(self) -> dict[str, Any]:
        """Return every argument of the constructor, from the attribute of its name."""
        config = super().get_config() | {name: getattr(self, name) for name in PRECISION}
        for name in hyperparameters.own_parameters(type(self).__init__):
            if name != "learning_rate":
                config[name] = hyperparameters.plain(getattr(self, name))
        config |= self._decay_config()
        if self._paths and (self._looks_at_paths() or self._decays_by_path()):
            config["variable_paths"] = list(self._paths)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Optimizer":
        """Return a new optimizer, without state, from its configuration."""
        config = dict(config)
        excluded = config.pop("exclude_from_weight_decay", ())
        known = config.pop("variable_paths", ())
        optimizer = super().from_config(config, custom_objects)
        optimizer._excluded = choices_from(excluded, cls.__name__, "exclude_from_weight_decay")
        optimizer._remember(known)
        return optimizer

    def _remember(self, paths: Sequence[str]) -> None:
        """Take the paths, in which patterns and places were found, from a configuration."""
        self._paths = tuple(
            hyperparameters.check(type(self).__name__, "variable_paths", paths, list[str])
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if (hint := hyperparameters.settable(type(self).__init__).get(name)) is not None:
            value = hyperparameters.check(type(self).__name__, name, value, hint)
        if name in OWN_OPTIONS and not (name == "weight_decay" and self._keeps_rate):
            self._refuse_if_wrapped(f"set `{name}` of")
        if name in ("weight_decay", *DECAY_OPTIONS):
            self._check_decay(name, value)
        if name in PRECISION:
            validation.check_before_build(self, name)
        super().__setattr__(name, value)
        if self.state and self.state.native and name not in ("learning_rate", "state"):
            self.state.native.forget()

    # ---- state

    def build(self, variables: Sequence[Any]) -> None:
        """Create the state of `variables`. Building again for the same variables does nothing.

        Raises:
            TypeError: no list of floating point variables.
            ValueError: no variable, or one twice; already built for others; or a pattern of weight
                decay that matches none.
        """
        self._refuse_if_wrapped("build")
        title = type(self).__name__
        variables = validation.checked_variables(title, "variables", variables)
        if self.built:
            keras_private.check_known(self, variables)
            return
        if not variables:
            raise ValueError(f"{title}: `variables` must hold at least one variable.")
        validation.checked_kinds(
            title, [v for v in variables if not keras_private.takes_its_gradient(self, v)]
        )
        distribution.check_strategy(self, variables)
        validation.check_precision(self)
        paths = self._known_paths(variables)
        specs = [VariableSpec(p, tuple(v.shape)) for p, v in zip(paths, variables, strict=True)]
        constants = self.constants(specs)
        check_patterns(self.weight_decay, paths, title)
        super().build(variables)
        created = [slots.created(self, v, c) for v, c in zip(variables, constants, strict=True)]
        self.state = OptimizerState(
            slots=[kept for _, kept in created],
            slot_names=[names for names, _ in created],
            shared=slots.created_shared(self, variables),
            owners=list(named_rules(self)),
            constants=constants,
            native=run.native_steps(Optimizer),
        )
        for rule in layers(self):
            rule.state = self.state  # so that its counts can be read
        if self._recording:
            norms.add(self)
        files.load_awaited(self)
        if self.averaging:
            attached.attach(self)

    def _known_paths(self, variables: Sequence[Any]) -> tuple[str, ...]:
        """Return the paths that decide: those before saving, if the variables are the same."""
        now = tuple(path_of(v) for v in variables)
        self._paths = self._paths if same_variables(self._paths, now) else now
        self._find(variables, self._paths)
        return self._paths

    def _find(self, variables: Sequence[Any], paths: Sequence[str]) -> None:
        """Find the positions of variables that were given themselves."""
        name = "exclude_from_weight_decay"
        self._excluded = located(self._excluded, paths, variables, type(self).__name__, name)

    def _looks_at_paths(self) -> bool:
        return self._decays_by_path() or type(self).constants is not Optimizer.constants

    def add_variable(
        self, shape: Any, initializer: Any = "zeros", dtype: Any = None, **kwargs: Any
    ) -> Any:
        """Call Keras's method; state is kept in float32, or as its initializer says."""
        dtype = getattr(initializer, "kept_in", None) or tensors.wide(dtype)
        return super().add_variable(shape, initializer, dtype=dtype, **kwargs)

    @property
    def variables(self) -> list[Any]:
        """Variables of all state, in the order in which Keras hands them over."""
        run.refuse_another_model(self)
        return super().variables

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Any:
        """Call Keras's method; state lies over devices as its variable does, on every backend."""
        initializer = distribution.spread_like(reference_variable, initializer)
        return super().add_variable_from_reference(reference_variable, name, initializer)

    # ---- running

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Any] | None = None,
        second: Callable[..., Sequence[Any]] | None = None,
        loss: Any = None,
    ) -> None:
        """Update `trainable_variables` (default: those it was built for) by their gradients.

        Args:
            grads: Gradients at the weights.
            trainable_variables: The variables that they belong to.
            second: A function for optimizers with a second pass: of nothing, for the gradients at
                the weights that the variables have when it is called (SAM), or for those of drawn
                labels (SophiaG); of directions, for Hessian products (SophiaH).
            loss: The loss before any scaling, for an optimizer that sees it, such as MoMo.

        Raises:
            TypeError: something else than lists of tensors and variables.
            ValueError: gradients and variables differ in number or shape; a variable is unknown
                or given twice; or a second pass or the loss is needed, and nobody offers it.
        """
        if self.sees_loss:
            seen_loss.note(self, loss, trainable_variables)
        run.apply(self, Optimizer, grads, trainable_variables, super().apply, second)

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
        second: Callable[..., Sequence[Any]] | None = None,
        loss: Any = None,
    ) -> Any:
        """Call Keras's method; `second` is as in `apply`, but SAM's takes values of variables."""
        offering = second_pass.given(second)
        with offering, seen_loss.given(loss):
            return super().stateless_apply(optimizer_variables, grads, trainable_variables)

    def on_variables(self, variables: Sequence[Any]) -> None:
        """Note whose gradients this step has, for norms by layer."""
        if self._recording:
            norms.note_variables(self, variables)

    def on_gradients(self, grads: Sequence[Any]) -> Sequence[Any]:
        """Add the gradients of all replicas up, and record their norm before they are clipped."""
        grads = distribution.summed(self, grads)
        if self.clipnorm or self.clipvalue or self.global_clipnorm:
            grads = [g if g is None else tensors.widened(g) for g in grads]
        if self._recording:
            norms.note_gradient(self, grads)
        return grads

    def update_variables(self, grads: Any, variables: Any, learning_rate: Any) -> None:
        """Run the rule."""
        run.run(self, grads, variables, learning_rate)

    def _refuse_if_wrapped(self, action: str) -> None:
        if self._wrapped_by:
            raise ValueError(
                f"This {type(self).__name__} is wrapped by {self._wrapped_by}: "
                f"{action} the wrapper instead."
            )

    # ---- evaluation weights

    @property
    def averaging(self) -> bool:
        """Whether the evaluation weights differ from the training weights."""
        return type(self).evaluate is not Optimizer.evaluate

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Leave the evaluation weights in the model. Keras calls this at the end of `fit`."""
        if tensors.purged((*keras_private.trainable_variables(self), *self._variables)):
            return  # the first step of a `fit` on JAX raised: that error is the one to see
        super().finalize_variable_values(var_list)
        if self.use_ema:
            tensors.unshare(keras_private.averages(self))
        evaluation_weights.swap_in(self)
        if self.averaging:
            attached.at_end_of_fit(self)

    # ---- saving

    def save_own_variables(self, store: Any) -> None:
        """Write the state, each number under a name of its own. Keras calls this."""
        evaluation_weights.warn_in_checkpoint(self)
        files.save(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Read the state that matches by name, and warn of the rest. Keras calls this."""
        files.load(self, store)

    def __reduce__(self) -> tuple[Any, ...]:
        """Support `pickle` and `copy.deepcopy`: the copy takes up its state when it is built."""
        state: dict[str, Any] = {}
        files.save(self, state)
        return files.restored, (type(self), self.get_config(), state)
