"""Pictures of the pages: each is drawn by one command, is shown somewhere, and is small."""

import importlib
import re

import pytest

from docs.pictures import style
from docs.pictures.__main__ import PICTURES
from tests.conftest import one_backend
from tests.docs.pages import DOCS, PAGES, text

pytestmark = one_backend

SHOWN = {
    (page.parent / picture).resolve()
    for page in PAGES
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]*)\)", text(page))
}


def test_pictures_are_there_and_small():
    assert len(SHOWN) > 10
    for picture in SHOWN:
        assert 10_000 < picture.stat().st_size < 200_000, picture


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_shown_with_its_command(name):
    path = DOCS / "figures" / PICTURES[name]
    assert path in SHOWN
    assert any(f"python -m docs.pictures {name}`" in text(page) for page in PAGES)


def test_each_picture_of_the_textbook_has_a_command():
    files = {f"learn/{path.name}" for path in (DOCS / "figures" / "learn").iterdir()}
    assert files <= set(PICTURES.values())


@pytest.mark.parametrize("name", ["descent", "landscapes"])
def test_a_picture_drawn_twice_has_the_same_bytes(name, tmp_path):
    module = importlib.import_module(f"docs.pictures.{name}")
    first, second = (style.save(module.draw(), tmp_path / f"{i}.svg") for i in range(2))
    assert first.read_bytes() == second.read_bytes()
