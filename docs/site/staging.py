"""Source of the site: the pages of `docs/`, whose links are turned, and those that are made."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from docs.site import drawings, home, optimizer_page, overview, places, reference
from docs.site.rows import FAMILIES
from keras_optim.catalog import Row

WRITTEN = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages outside of `docs/`, and their places on the site."""
COMING = {places.DOCS / name for name in ("results", "toys.md", "verify.md")}
"""Pages that may not be written yet; until then, links to them are their text."""
LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
COPIED = {".md", ".png", ".svg", ".ipynb"}


def stage(rows: Sequence[Row], folder: Path) -> None:
    """Write all sources of the site into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in sources():
        _copy(file, folder)
    if drawings.available():
        drawings.write(rows, folder)
        _write(folder, "optimizers/gallery.md", drawings.gallery(rows))
    _write(folder, "optimizers/index.md", overview.overview(rows))
    for name in FAMILIES:
        if members := [row for row in rows if row.family == name]:
            _write(folder, f"optimizers/families/{name}.md", overview.family(name, members))
    for row in rows:
        _write(folder, f"optimizers/{row.name}.md", optimizer_page.page(row))
    for name, text in reference.pages().items():
        _write(folder, f"reference/{name}.md", text)
    _write(folder, "index.md", home.page(rows, folder))


def sources() -> list[Path]:
    """Return the files of the repository that are part of the site as they are."""
    found = [
        file
        for file in sorted(places.DOCS.rglob("*"))
        if file.suffix in COPIED and places.HERE not in file.parents
    ]
    return [*found, *(places.ROOT / name for name in WRITTEN)]


def place(file: Path) -> PurePosixPath:
    """Return the place on the site of a file of the repository.

    >>> str(place(places.DOCS / "figures" / "soak.png")), str(place(places.ROOT / "README.md"))
    ('figures/soak.png', 'readme.md')
    """
    if file.name in WRITTEN and file.parent == places.ROOT:
        return PurePosixPath(WRITTEN[file.name])
    return PurePosixPath(file.relative_to(places.DOCS).as_posix())


def turned(text: str, file: Path) -> str:
    """Return a page whose links to files lead to their places on the site.

    A link to a folder leads to its index.

    >>> turned("[pages](docs/parity.md#parity)", places.ROOT / "README.md")
    '[pages](parity.md#parity)'
    """
    here = place(file).parent
    known = set(sources())

    def link(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(file.parent / match["target"]))
        target = target / "index.md" if target / "index.md" in known else target
        if target not in known:
            return match["text"] if {target, target.parent} & COMING else match[0]
        there = os.path.relpath(place(target), here).replace(os.sep, "/")
        return f"[{match['text']}]({there}{match['anchor'] or ''})"

    parts, end = [], 0
    for fence in FENCED.finditer(text):
        parts += [LINK.sub(link, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(link, text[end:])])


def _copy(file: Path, folder: Path) -> None:
    to = folder / place(file)
    to.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".md":
        to.write_text(turned(file.read_text(encoding="utf-8"), file), encoding="utf-8")
    else:
        shutil.copyfile(file, to)


def _write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
