"""Places of files: of the repository, of the pages that are made, and of the built site."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build" / "site"


def page(*names: str) -> Path | None:
    """Return the first page of `docs/` or its folders that has one of these names.

    >>> page("parity.md").name
    'parity.md'
    """
    for name in names:
        for folder in (DOCS, *(DOCS / part for part in ("guides", "learn"))):
            if (folder / name).is_file():
                return folder / name
    return None
