"""Links from code such as `keras_optim.Adam(1e-3)` to the page of the name."""

import posixpath
import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform

import keras_optim
from docs.site import reference
from docs.site.rows import ROWS

LINKED = (nodes.reference, nodes.title, pending_xref)
NAME = re.compile(r"keras_optim\.(?P<name>(?:(?:callbacks|schedules|convert)\.)?\w+)(?:\(.*\))?")


def targets() -> dict[str, tuple[str, str]]:
    """Return the page and the anchor of each public name.

    >>> targets()["Adam"], targets()["schedules.Cyclic"]
    (('optimizers/adam', ''), ('reference/schedules', 'cyclic'))
    """
    found = {row.algorithm.__name__: (f"optimizers/{row.name}", "") for row in ROWS}
    for page, (_, module, names) in reference.PAGES.items():
        prefix = module.removeprefix("keras_optim").lstrip(".")
        for name in names or getattr(keras_optim, prefix).__all__:
            whole = f"{prefix}.{name}" if prefix else name
            found[whole] = (f"reference/{page}", name.lower())
    return found


class LinkNames(SphinxTransform):
    """Turns code that begins with a public name into a link to its page."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Look at each piece of code of a page that is no link yet."""
        known, here = targets(), self.env.docname
        for literal in list(self.document.findall(nodes.literal)):
            match = NAME.fullmatch(literal.astext())
            if not match or isinstance(literal.parent, LINKED):
                continue
            page, anchor = known.get(match["name"], ("", ""))
            if not page or page == here or page not in self.env.found_docs:
                continue
            link = nodes.reference("", "", internal=True, refuri=address(here, page, anchor))
            literal.replace_self(link)
            link += literal


def address(here: str, page: str, anchor: str = "") -> str:
    """Return the address of a page, as a link on another page has it.

    >>> address("optimizers/adam", "reference/base", "get")
    '../reference/base.html#get'
    """
    path = posixpath.relpath(f"{page}.html", posixpath.dirname(here))
    return f"{path}#{anchor}" if anchor else path
