"""Checking and conversion of constructors' arguments, by the ranges in a signature.

A constructor declares ``beta_1: Decay = 0.9``. From that annotation alone, the library checks and
converts the argument, describes it in errors, and derives ``get_config``. Tests draw values from
it.
"""

import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np

from keras_optim.arguments.other_names import hint, without_idle
from keras_optim.arguments.ranges import KerasOptions, Range
from keras_optim.arguments.scalar import LARGEST, REFUSED, TOO_LARGE, plain_number
from keras_optim.formatting import shown


def checked(constructor: Callable[..., None]) -> Callable[..., None]:
    """Check and convert the arguments of a constructor before it runs.

    Raises:
        TypeError: for an unknown or missing argument, or one of the wrong type.
        ValueError: for a number outside its range.
        Both name the class, the argument, its range and the value received.
    """
    signature = inspect.signature(constructor)
    kinds = {p.kind: p.name for p in signature.parameters.values()}
    options = kinds.get(inspect.Parameter.VAR_KEYWORD, "")

    @functools.wraps(constructor)
    def checking(self: Any, *args: Any, **kwargs: Any) -> None:
        owner = type(self).__name__
        more = _hints(getattr(type(self), "_options", KerasOptions)) if options else {}
        hints = {**more, **_hints(constructor)}
        known = list(dict.fromkeys((*own_parameters(constructor), *more)))
        kwargs = without_idle(type(self), kwargs)
        for name, value in kwargs.items():
            if name not in known:
                raise TypeError(
                    f"{owner}: unknown argument `{name}`{hint(type(self), name, known)}. "
                    f"Received: {name}={shown(value)}. Arguments: {', '.join(known)}"
                )
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{owner}: {error}. Arguments: {', '.join(known)}") from None
        given = bound.arguments
        for name, value in list(given.items())[1:]:
            if name != options:
                given[name] = check(owner, name, value, hints.get(name, Any))
        for name, value in given.get(options, {}).items():
            given[options][name] = check(owner, name, value, hints[name])
        constructor(*bound.args, **bound.kwargs)

    checking.__signature__ = _readable(signature)  # type: ignore[attr-defined]
    return checking


def of_class(constructor: Callable[..., None]) -> inspect.Signature:
    """Return the signature of a class with this constructor.

    On PyTorch, Python 3.11.2 takes that of Keras's `__new__` for a class whose constructor is
    inherited; 3.11.7 does not.
    """
    signature = inspect.signature(constructor)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


class _Text(str):
    """An annotation that `help` shows without quotes."""

    __repr__ = str.__str__


def _readable(signature: inspect.Signature) -> inspect.Signature:
    """Return the signature for `help`, with the range of each argument in words."""
    parameters = []
    for parameter in signature.parameters.values():
        hint = parameter.annotation
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            parameter = parameter.replace(annotation=_Text("options"))
        elif hint is not parameter.empty and not isinstance(hint, str):
            parameter = parameter.replace(annotation=_Text(_describe(hint)))
        parameters.append(parameter)
    return signature.replace(parameters=parameters, return_annotation=signature.empty)


@functools.cache
def settable(constructor: Callable[..., None]) -> dict[str, Any]:
    """Return the annotations of the attributes that may be set later, and are checked then."""
    fixed = ("learning_rate", "name", "inner")
    hints = {**_hints(KerasOptions), **_hints(constructor)}
    names = (*KerasOptions.__annotations__, *own_parameters(constructor))
    return {n: hints[n] for n in names if n in hints and n not in fixed}


def own_parameters(constructor: Callable[..., None]) -> tuple[str, ...]:
    """Return the names of a constructor's parameters, without `self` and `**kwargs`."""
    parameters = list(inspect.signature(constructor).parameters.values())[1:]
    spelt = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(p.name for p in parameters if p.kind in spelt)


def defaults(constructor: Callable[..., None]) -> dict[str, Any]:
    """Return the defaults of these parameters; `inspect.Parameter.empty` if one has none."""
    parameters = inspect.signature(constructor).parameters
    return {name: parameters[name].default for name in own_parameters(constructor)}


def declared(constructor: Callable[..., None]) -> dict[str, Any]:
    """Return the annotation of each parameter of a constructor, Keras's options included."""
    hints = _hints(constructor)
    return {**{n: hints[n] for n in own_parameters(constructor)}, **_hints(KerasOptions)}


def check(owner: str, name: str, value: Any, hint: Any) -> Any:
    """Convert `value` to the type of `hint`, or raise an error that names `owner` and `name`.

    Integers, NumPy scalars, and arrays, tensors and variables without axes are taken as numbers
    and become plain Python ones, so that a saved configuration holds nothing else.

    >>> from keras_optim.arguments.ranges import Decay, LearningRate
    >>> check("Adam", "learning_rate", 1, LearningRate)
    1.0
    >>> check("Lion", "beta_1", 1.5, Decay)
    Traceback (most recent call last):
    ValueError: Lion: `beta_1` must be a number in [0, 1). Received: beta_1=1.5

    Of a list, a tuple or a dict each member is checked:

    >>> check("AggMo", "betas", [0, 0.5], tuple[Decay, ...])
    (0.0, 0.5)
    """
    for kind, _ in _alternatives(hint):
        holder = get_origin(kind)
        if holder is dict and isinstance(value, Mapping):
            return _checked_mapping(owner, name, value, hint, *get_args(kind))
        if holder in (list, tuple) and isinstance(value, list | tuple):
            member = get_args(kind)[0]
            return holder(check(owner, f"{name}[{i}]", v, member) for i, v in enumerate(value))
    converted = _matched(value, hint)
    if converted is REFUSED:
        kinds = [kind for kind, _ in _alternatives(hint)]
        instead = [kind._instead(owner, value) for kind in kinds if hasattr(kind, "_instead")]
        raise TypeError(
            f"{owner}: `{name}` must be {_describe(hint)}. Received: {name}={shown(value)}"
            f"{''.join(instead)}"
        )
    if converted is _OUTSIDE or converted is TOO_LARGE:
        limit = _limit(hint) if converted is TOO_LARGE else ""
        raise ValueError(
            f"{owner}: `{name}` must be {_describe(hint)}{limit}. Received: {name}={shown(value)}"
        )
    return converted


def plain(value: Any) -> Any:
    """Convert `value` for JSON: collections, which Keras wraps to track them, to lists and dicts.

    >>> plain((0.5, (1,)))
    [0.5, [1]]
    """
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    return [plain(member) for member in value] if isinstance(value, list | tuple) else value


def _checked_mapping(
    owner: str, name: str, value: Mapping[Any, Any], hint: Any, key: type, member: Any
) -> dict[Any, Any]:
    if not all(isinstance(k, key) for k in value):
        raise TypeError(
            f"{owner}: `{name}` must be {_describe(hint)}. Received: {name}={shown(value)}"
        )
    return {k: check(owner, f"{name}[{k!r}]", v, member) for k, v in value.items()}


_OUTSIDE = object()
"""A value of the right type, but outside its range."""


def _matched(value: Any, hint: Any) -> Any:
    outcome = REFUSED
    for kind, limits in _alternatives(hint):
        converted = _converted(value, kind)
        if converted is REFUSED:
            continue
        limited = limits is not None and limits.high != math.inf
        if kind in LARGEST and not limited and _too_large(converted, kind):
            outcome = TOO_LARGE
        elif converted is not TOO_LARGE and (limits is None or converted in limits):
            return converted
        else:
            outcome = _OUTSIDE
    return outcome


def _too_large(value: Any, kind: type) -> bool:
    """Whether no tensor can hold `value`; infinity is refused as such."""
    return value is TOO_LARGE or LARGEST[kind] < abs(value) < math.inf


def _limit(hint: Any) -> str:
    largest = [LARGEST[kind] for kind, _ in _alternatives(hint) if kind in LARGEST]
    return f", and at most {largest[0]:.10g}"


@functools.cache
def _hints(source: Any) -> dict[str, Any]:
    return typing.get_type_hints(source, include_extras=True)


def _alternatives(hint: Any) -> list[tuple[Any, Range | None]]:
    if get_origin(hint) in (Union, types.UnionType):
        return [pair for part in get_args(hint) for pair in _alternatives(part)]
    if get_origin(hint) is Annotated:
        kind, *notes = get_args(hint)
        return [(kind, next((n for n in notes if isinstance(n, Range)), None))]
    return [(hint, None)]


def _converted(value: Any, kind: Any) -> Any:
    if kind is Any:
        return value
    if kind is None or kind is type(None):
        return value if value is None else REFUSED
    if kind is bool:
        return bool(value) if isinstance(value, bool | np.bool_) else REFUSED
    if kind in (float, int):
        return plain_number(value, kind)
    if get_origin(kind) is Literal:
        same = any(type(value) is type(word) and value == word for word in get_args(kind))
        return value if same else REFUSED
    if get_origin(kind) is Callable:
        return value if callable(value) and not isinstance(value, type) else REFUSED
    if get_origin(kind) in (list, tuple, dict):
        return REFUSED
    return value if isinstance(value, kind) else REFUSED


def _describe(hint: Any) -> str:
    return " or ".join(_describe_one(kind, limits) for kind, limits in _alternatives(hint))


def _describe_one(kind: Any, limits: Range | None) -> str:
    if kind is None or kind is type(None):
        return "None"
    if kind is bool:
        return "True or False"
    if kind in (float, int):
        endless = limits is not None and math.inf in (-limits.low, limits.high)
        noun = "a finite number" if endless else "a number"
        return f"{noun if kind is float else 'an integer'} {limits or ''}".strip()
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    if get_origin(kind) is Callable:
        return "a callable without arguments" if get_args(kind)[0] == [] else "a function"
    if kind is str:
        return "a string"
    if get_origin(kind) in (list, tuple):
        if get_args(kind)[0] is Any:
            return "a list"
        return f"a list, each item {_describe(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        key, item = get_args(kind)
        return f"a dict, each key a {key.__name__}, each value {_describe(item)}"
    return str(getattr(kind, "_noun", f"a {getattr(kind, '__name__', kind)}"))
