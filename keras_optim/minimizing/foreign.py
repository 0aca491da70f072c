"""Names of arguments that scipy, torch, optax and Keras have, and what `minimize` calls them."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

HINTS = {
    "callback": ("callbacks",),
    "data": ("x", "y", "sample_weight", "dataset", "inputs", "targets"),
    "gradient_tolerance": ("tol", "gtol", "pgtol", "tolerance_grad", "grad_tol", "atol"),
    "loss": ("loss_fn", "criterion"),
    "max_evaluations": ("max_eval", "maxfun", "maxfev", "max_nfev"),
    "max_iterations": (
        "maxiter",
        "max_iter",
        "max_steps",
        "steps",
        "niter",
        "iterations",
        "epochs",
    ),
    "method": ("optimizer", "solver", "algorithm"),
    "target": ("fun", "fn", "func", "f", "function", "closure", "model", "objective"),
    "value_tolerance": ("ftol", "tolerance_change", "rtol", "xtol", "f_tol"),
    "variables": ("x0", "params", "parameters", "init_params", "var_list", "weights"),
    "verbose": ("disp", "iprint", "verbosity", "progress"),
    "method=keras_optim.LBFGS(history_size=...)": ("history_size", "memory_size", "maxcor", "m"),
    "method=keras_optim.TruncatedNewton(inner_iterations=...)": ("inner_iterations", "maxcg"),
    "nothing: derivatives are computed": ("jac", "grad", "gradient", "hess", "hessp", "has_aux"),
    "nothing: a line search finds the length of each step": (
        *("lr", "learning_rate", "line_search", "line_search_fn", "linesearch", "maxls"),
    ),
    "nothing: it is unconstrained": ("bounds", "constraints"),
    "an argument for each of them": ("options", "kwargs"),
    "a function without arguments, which closes over them": ("args",),
}
"""Our name or advice, with the names that others have for it."""


def refused(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with an error for each unknown argument that says what it is called here.

    Raises:
        TypeError: when called with an argument that `function` does not have, or without one
            that it needs.
    """
    known = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in known:
                raise TypeError(
                    f"minimize: unknown argument `{name}`{_hint(name)}. "
                    f"Arguments: {', '.join(known)}"
                )
        try:
            inspect.signature(function).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"minimize: {error}. Arguments: {', '.join(known)}") from None
        return function(*args, **kwargs)

    return called


def _hint(name: str) -> str:
    for ours, theirs in HINTS.items():
        if name in theirs:
            return f"; use `{ours}`" if ours.isidentifier() or "=" in ours else f"; use {ours}"
    return ""
