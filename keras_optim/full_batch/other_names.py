"""Argument names of scipy, torch, optax and Keras, and the names in `minimize`."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from keras_optim.arguments.other_names import hint

_OURS = {
    "callback": ("callbacks",),
    "data": ("x", "y", "sample_weight", "dataset", "inputs", "targets"),
    "gradient_tolerance": ("tol", "gtol", "pgtol", "tolerance_grad", "grad_tol", "atol"),
    "loss": ("loss_fn", "criterion"),
    "max_evaluations": ("max_eval", "maxfun", "maxfev", "max_nfev"),
    "max_iterations": (
        *("maxiter", "max_iter", "max_steps", "steps", "niter", "iterations", "epochs"),
    ),
    "method": ("optimizer", "solver", "algorithm"),
    "target": ("fun", "fn", "func", "f", "function", "closure", "model", "objective"),
    "value_tolerance": ("ftol", "tolerance_change", "rtol", "xtol", "f_tol"),
    "variables": ("x0", "params", "parameters", "init_params", "var_list", "weights"),
    "verbose": ("disp", "iprint", "verbosity", "progress"),
}
_ADVICE = {
    "use `method=keras_optim.LBFGS(history_size=...)`": (
        *("history_size", "memory_size", "maxcor", "m"),
    ),
    "use `method=keras_optim.TruncatedNewton(inner_iterations=...)`": (
        *("inner_iterations", "maxcg"),
    ),
    "leave it out, derivatives are computed": (
        *("jac", "grad", "gradient", "hess", "hessp", "has_aux"),
    ),
    "leave it out, a line search finds the length of each step": (
        *("lr", "learning_rate", "line_search", "line_search_fn", "linesearch", "maxls"),
    ),
    "leave it out, `minimize` is unconstrained": ("bounds", "constraints"),
    "use an argument for each of them": ("options", "kwargs"),
    "use a function without arguments, which closes over them": ("args",),
}
WORDS = {word: (ours,) for ours, theirs in _OURS.items() for word in theirs}
ADVICE = {word: advice for advice, theirs in _ADVICE.items() for word in theirs}


def refused(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `function`: its error about an unknown argument suggests our name for it.

    Raises:
        TypeError: when called with an argument that `function` does not have, or without one
            that it needs.
    """
    known = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in known:
                instead = hint(object, name, known, WORDS, ADVICE)
                raise TypeError(
                    f"minimize: unknown argument `{name}`{instead}. Arguments: {', '.join(known)}"
                )
        try:
            inspect.signature(function).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"minimize: {error}. Arguments: {', '.join(known)}") from None
        return function(*args, **kwargs)

    return called
