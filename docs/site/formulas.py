"""Formulas as MathML, which browsers draw by themselves, made while the site is built."""

from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

CONVERTER = LatexToMathML()
LOGGER = logging.getLogger(__name__)


def mathml(latex: str, *, display: bool) -> str:
    """Return a formula as MathML.

    >>> mathml("x", display=False)
    '<math><mi>x</mi></math>'
    """
    return str(CONVERTER.convert_with_local_state(latex, displaystyle=display))


def inline(writer: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    _write(writer, node, display=False)


def block(writer: Any, node: nodes.math_block) -> None:
    """Write a formula of its own."""
    writer.body.append('<div class="formula">')
    _write(writer, node, display=True)
    writer.body.append("</div>\n")
    raise nodes.SkipNode


def _write(writer: Any, node: nodes.Element, *, display: bool) -> None:
    try:
        writer.body.append(mathml(node.astext(), display=display))
    except LatexError as error:
        LOGGER.warning("no formula: %s", error, location=node)
    if not display:
        raise nodes.SkipNode
