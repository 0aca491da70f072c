"""Pages of the public functions and classes beside the optimizers, from their docstrings."""

import inspect
from collections.abc import Iterator
from typing import Any

import keras_optim
from docs.site.docstrings import documented
from docs.site.markdown import definitions, escaped, fence
from docs.site.rows import ROWS
from docs.site.signatures import signature

PAGES = {
    "base": ("The base of every optimizer", "keras_optim", ("Optimizer", "get", "names")),
    "comparing": ("Comparisons", "keras_optim", ("compare", "Workload")),
    "full-batch": (
        "Full-batch methods",
        "keras_optim",
        ("minimize", "LBFGS", "ConjugateGradient", "TruncatedNewton"),
    ),
    "steps": (
        "Second gradients, averages, rates of layers",
        "keras_optim",
        ("two_pass", "two_passes", "hessian_products", "evaluation_weights", "layerwise_decay"),
    ),
    "schedules": ("Schedules", "keras_optim.schedules", ()),
    "callbacks": ("Callbacks", "keras_optim.callbacks", ()),
    "convert": ("Conversion of runs", "keras_optim.convert", ()),
}
"""Title, module and names of a page; without names all of the module."""
MODULES = {"schedules", "callbacks", "convert"}


def pages() -> dict[str, str]:
    """Return the Markdown of each page, by its name."""
    found = {name: page(name) for name in PAGES}
    lines = []
    for name, (title, module, _) in PAGES.items():
        entries = ", ".join(
            f"[`{module}.{entry}`]({name}.md#{entry.lower()})" for entry in _names(name)
        )
        lines.append(f"* [{title}]({name}.md): {entries}")
    text = "\n".join(lines)
    found["index"] = (
        "# Public names\n\nOptimizers have [pages of their own](../optimizers/index.md). "
        f"All other public names:\n\n{text}\n\n"
        + "```{toctree}\n:hidden:\n\n"
        + "\n".join(PAGES)
        + "\n```\n"
    )
    return found


def undocumented() -> set[str]:
    """Return the public names of the package without a page."""
    known = {name for page in PAGES for name in _names(page)}
    optimizers = {row.algorithm.__name__ for row in ROWS}
    return set(keras_optim.__all__) - known - optimizers - MODULES - {"__version__"}


def page(name: str) -> str:
    """Return the Markdown of one page."""
    title, module, _ = PAGES[name]
    lead = []
    if name in MODULES:
        lead = [escaped(inspect.getdoc(_module(module)) or "")]
    entries = (_entry(module, entry) for entry in _names(name))
    return "\n\n".join([f"# {title}", *lead, *entries]) + "\n"


def _module(name: str) -> Any:
    return keras_optim if name == "keras_optim" else getattr(keras_optim, name.split(".")[1])


def _names(page: str) -> list[str]:
    _, module, names = PAGES[page]
    return list(names or _module(module).__all__)


def _entry(module: str, name: str) -> str:
    of = getattr(_module(module), name)
    parts = [f"## {name}", fence(signature(of, f"{module}.{name}"), "python"), body(of)]
    if inspect.isclass(of):
        parts += [_method(name, method, attribute) for method, attribute in _methods(of)]
    return "\n\n".join(parts)


def body(of: Any) -> str:
    """Return the docstring of a function or a class as Markdown."""
    if not (getattr(of, "__module__", None) or "").startswith("keras_optim"):
        return f"Keras's own, `{of.__module__}.{of.__name__}`."
    found = documented(of)
    parts = [escaped(found.summary), *map(escaped, found.paragraphs)]
    for label, items in (
        ("Arguments", found.arguments),
        ("Attributes", found.attributes),
        ("Raises", found.raises),
    ):
        if items:
            parts += [f"**{label}**", definitions(items)]
    if found.returns:
        parts.append(f"**Returns** {escaped(found.returns)}")
    if found.example:
        title = f": {found.example_title}" if found.example_title else ""
        parts += [f"**Example**{title}", fence(found.example, "pycon")]
    if found.reference:
        parts.append(f"**Reference** {escaped(found.reference)}")
    return "\n\n".join(parts)


def _methods(of: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class of ours documents itself."""
    for owner in of.__mro__:
        if not owner.__module__.startswith("keras_optim"):
            continue
        for name, value in vars(owner).items():
            function = value.fget if isinstance(value, property) else value
            function = getattr(function, "__func__", function)
            public = not name.startswith("_") and inspect.isfunction(function)
            if public and inspect.getdoc(function) and getattr(of, name, None) is not None:
                yield name, value


def _method(owner: str, name: str, value: Any) -> str:
    if isinstance(value, property):
        return "\n\n".join([f"### {owner}.{name}", body(value.fget)])
    function = getattr(value, "__func__", value)
    return "\n\n".join(
        [f"### {owner}.{name}", fence(signature(function, f"{name}"), "python"), body(function)]
    )
