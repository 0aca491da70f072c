"""Links between pages lead somewhere, also those to a heading."""

import re

import pytest

from tests.conftest import one_backend
from tests.docs.pages import PAGES, name, text

pytestmark = one_backend

LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def anchors(page):
    """The names of the headings of a page, as forges and the site write them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(page):
    for target, heading in LINK.findall(FENCE.sub("", text(page))):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        assert not heading or heading in anchors(path), f"{target}#{heading}"


def test_headings_are_named_as_forges_name_them():
    assert {"the-same-numbers", "your-own-results"} <= anchors(
        next(page for page in PAGES if page.name == "reproducing.md")
    )
