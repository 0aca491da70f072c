"""The pages of the documentation, and the blocks of code in them.

A block fenced as `python` runs on every backend. One that needs a backend has the comment
`<!-- on torch -->` (or jax, tensorflow) in the line before its fence. Blocks fenced as `py` need
processes or libraries of their own, and the files in `ELSEWHERE` run them.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FOLDERS = (DOCS, DOCS / "guides", DOCS / "learn")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(page for folder in FOLDERS for page in sorted(folder.glob("*.md"))),
]
CHOOSING, COMING_FROM = DOCS / "guides" / "choosing.md", DOCS / "guides" / "coming-from.md"
ELSEWHERE = {
    "continuing.md": "tests/convert/test_page.py",
    "several-devices.md": "tests/distribution/problem.py",
}
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
BACKENDS = ("jax", "tensorflow", "torch")
_MARKED = re.compile(r"^(?:<!-- on (\w+) -->\n)?```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def name(page):
    """The place of a page, from the root of the project."""
    return str(page.relative_to(ROOT))


def text(page):
    """The text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(text):
    """The blocks of a text in their order: the backend that each needs, or `""`, and its code."""
    found = _MARKED.findall(text)
    assert {backend for backend, _ in found} <= {"", *BACKENDS}, found
    assert len(re.findall("^<!-- on ", text, re.MULTILINE)) == sum(
        bool(backend) for backend, _ in found
    )
    return found
