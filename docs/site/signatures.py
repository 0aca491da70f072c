"""Signatures of public functions and classes, as code."""

import inspect
from typing import Any


def signature(of: Any, name: str = "") -> str:
    """Return a call with all arguments and their defaults, one a line where they are many.

    >>> def scale(x, factor=2.0, *, inverse=False): ...
    >>> signature(scale, "scale")
    'scale(x, factor=2.0, *, inverse=False)'
    """
    name = name or f"keras_optim.{of.__name__}"
    stars: dict[Any, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    parts: list[str] = []
    keyword = False
    for parameter in inspect.signature(of).parameters.values():
        kind, default = parameter.kind, parameter.default
        if parameter.name == "self":
            continue
        if kind is inspect.Parameter.KEYWORD_ONLY and not keyword:
            parts.append("*")
        keyword = keyword or kind in (
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.VAR_POSITIONAL,
        )
        text = f"{stars.get(kind, '')}{parameter.name}"
        parts.append(text if default is inspect.Parameter.empty else f"{text}={_shown(default)}")
    line = f"{name}({', '.join(parts)})"
    if len(line) <= 88:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), ")"])


def _shown(default: Any) -> str:
    return getattr(default, "__name__", None) or repr(default)
