"""C expressions for offsets into arrays."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from keras_optim.codegen.graph import Spread


def at_name(spread: Spread) -> str:
    """Return the name of the offset along some axes."""
    return "at_" + "_".join(str(-axis) for axis in sorted(spread, reverse=True))


def product(axes: Iterable[int]) -> str:
    """Return the number of positions along some axes."""
    return " * ".join(f"D[{-axis - 1}]" for axis in axes)


def place(to: Spread, of: Sequence[int], position: str) -> str:
    """Convert a position along the axes `of` into one along the axes `to`, a part of them."""
    axes = sorted(of, reverse=True)
    terms, inner, stride = [], list[int](), list[int]()
    for held, group in groupby(axes, lambda axis: axis in to):
        run = list(group)
        if held:
            term = f"{position} / ({product(inner)})" if inner else position
            term = f"({term}) % ({product(run)})" if run[-1] != axes[-1] else f"({term})"
            terms.append(f"{term} * ({product(stride)})" if stride else term)
            stride += run
        inner += run
    return " + ".join(terms) or "0"


def place_of_row(to: Spread, lead: Sequence[int]) -> str:
    """Return the position along the axes `to` at which the row of an element begins."""
    at = place(to - {-1}, lead, "row")
    return f"({at}) * C" if -1 in to else at


def parameters_of(signature: Mapping[str, str]) -> str:
    """Declare the parameters of a function."""
    return ", ".join(f"{kind} {name}".replace("* ", "*") for name, kind in signature.items())


def joined(lines: Iterable[str]) -> str:
    """Join the lines that are not empty."""
    return "\n".join(line for line in lines if line)
