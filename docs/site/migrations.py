"""Rows of the guide for users of other libraries that name an optimizer."""

import functools
import re
from dataclasses import dataclass

from docs.site import places

ROW = re.compile(r"^\| (?P<theirs>.+?) \| (?P<ours>.+?) \| (?P<change>.*?) ?\|$", re.MULTILINE)
OPTIONS = {
    *("DecoupledWeightDecayExtension", "clip_grad_norm_", "MultiSteps", "inject_hyperparams"),
    *("apply_if_finite", "clip_by_global_norm", "add_decayed_weights"),
}
"""Things of other libraries that are an option here, of any optimizer."""
HEAD = re.compile(r"^\| `?(?P<library>[\w.]+(?: [\w.]+)?)`? \| ours[^|]*\|", re.MULTILINE)


@dataclass(frozen=True)
class Migration:
    """Class or function of another library, our call in its place, and what changes."""

    library: str
    theirs: str
    ours: str
    change: str


@functools.cache
def migrations() -> tuple[Migration, ...]:
    """Read the tables of the guide."""
    page = places.page("coming-from.md", "migrate.md")
    if page is None:
        return ()
    found, library = [], ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if head := HEAD.match(line):
            library = head["library"]
        elif not line.startswith("|"):
            library = "" if line.startswith("#") else library
        elif library and not line.startswith("|--") and (row := ROW.match(line)):
            found.append(Migration(library, row["theirs"], row["ours"], row["change"]))
    return tuple(found)


def of(name: str) -> list[Migration]:
    """Return the rows whose call of ours begins with a class.

    >>> [row.library for row in of("Adamax")]
    ['keras.optimizers', 'torch.optim', 'optax']
    """
    return [
        row
        for row in migrations()
        if row.ours.startswith(f"`keras_optim.{name}(") and row.theirs.strip("`") not in OPTIONS
    ]
