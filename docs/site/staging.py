"""Source of the site: the pages of `docs/`, whose links are turned, and those that are made."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from docs.site import drawings, home, optimizer_page, overview, places, reference
from docs.site.rows import FAMILIES, ROWS
from keras_optim.catalog import Row

WRITTEN = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages outside of `docs/`, and their places on the site."""
LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
COPIED = {".md", ".png", ".svg", ".ipynb", ".html", ".csv"}
MODULES = {
    places.ROOT / f"{row.algorithm.__module__.replace('.', '/')}.py": row.name for row in ROWS
}
"""Names of the optimizers by their source files."""


def stage(rows: Sequence[Row], folder: Path) -> None:
    """Write all sources of the site into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in sources():
        _copy(file, folder, rows)
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


def turned(text: str, file: Path, rows: Sequence[Row] = ROWS) -> str:
    """Return a page whose links to files lead to their places on the site.

    A link to a folder leads to its index, and one to the source of an optimizer to its page. If the
    site has no page for it, the link is its text.

    >>> turned("[pages](docs/parity.md#parity)", places.ROOT / "README.md")
    '[pages](parity.md#parity)'
    """
    here = place(file).parent
    known = set(sources())
    named = {row.name for row in rows}

    def link(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(file.parent / match["target"]))
        target = target / "index.md" if target / "index.md" in known else target
        if name := MODULES.get(target):
            if name not in named:
                return match["text"]
            to = PurePosixPath(f"optimizers/{name}.md")
        elif target in known:
            to = place(target)
        else:
            return match[0]
        there = os.path.relpath(to, here).replace(os.sep, "/")
        return f"[{match['text']}]({there}{match['anchor'] or ''})"

    parts, end = [], 0
    for fence in FENCED.finditer(text):
        parts += [LINK.sub(link, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(link, text[end:])])


def _copy(file: Path, folder: Path, rows: Sequence[Row]) -> None:
    to = folder / place(file)
    to.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".md":
        to.write_text(turned(file.read_text(encoding="utf-8"), file, rows), encoding="utf-8")
    else:
        shutil.copyfile(file, to)


def _write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
