"""Checks of the built site: its links, and that nothing comes from elsewhere."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

RESOURCES = {
    "img": ("src", "srcset"),
    "script": ("src",),
    "link": ("href",),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "object": ("data",),
    "embed": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
"""Elements that a browser loads something for, and where they name it."""
STYLE = re.compile(r"url\(\s*['\"]?(?!data:|#)([^'\")]+)|@import\s+['\"]([^'\"]+)")


class Parts(HTMLParser):
    """Parser of a page, which collects its anchors, links and resources."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.resources: list[str] = []
        self._styled = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what an element names."""
        given = {name: value for name, value in attrs if value}
        self._styled = tag == "style"
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.resources += [given[name] for name in RESOURCES.get(tag, ()) if name in given]
        self.resources += styled(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        """Collect what a style sheet inside of a page names."""
        if self._styled:
            self.resources += styled(data)


def styled(text: str) -> list[str]:
    """Return the addresses that a style sheet loads.

    >>> styled("a {background: url(data:x)} b {src: url('f.woff2')}")
    ['f.woff2']
    """
    return [first or second for first, second in STYLE.findall(text)]


def faults(html: Path) -> list[str]:
    """Return the links and the resources of a built site that do not hold, one a line."""
    pages = {file: Parts(file.read_text(encoding="utf-8")) for file in sorted(html.rglob("*.html"))}
    anchors = {file.resolve(): parts.anchors for file, parts in pages.items()}
    found = []
    for file, parts in pages.items():
        name = file.relative_to(html)
        found += [f"{name}: {fault}" for fault in _of_links(file, parts.links, anchors)]
        found += [f"{name}: {fault}" for fault in _of_resources(file, parts.resources)]
    for file in sorted([*html.rglob("*.css"), *html.rglob("*.svg")]):
        text = file.read_text(encoding="utf-8")
        resources = styled(text) if file.suffix == ".css" else Parts(text).resources
        found += [f"{file.relative_to(html)}: {f}" for f in _of_resources(file, resources)]
    return found


def _of_links(file: Path, links: list[str], anchors: dict[Path, set[str]]) -> Iterator[str]:
    for link in links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (file.parent / unquote(parts.path)).resolve() if parts.path else file.resolve()
        if not target.is_file():
            yield f"a link to {link}, where nothing is"
        elif parts.fragment and unquote(parts.fragment) not in anchors.get(target, set()):
            yield f"a link to {link}, which has no such anchor"


def _of_resources(file: Path, resources: list[str]) -> Iterator[str]:
    for address in resources:
        parts = urlsplit(address)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            yield f"{address} is loaded from elsewhere"
        elif parts.path and not (file.parent / unquote(parts.path)).exists():
            yield f"{address} is loaded, and not there"
