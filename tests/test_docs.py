"""The examples of the pages run as they stand, one after the other."""

import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("page", ["tools.md"])
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.M | re.S)
    assert len(blocks) > 5
    namespace = {}
    for block in blocks:
        exec(compile(block, page, "exec"), namespace)


def test_pictures_are_there_and_small():
    assert 10_000 < (DOCS / "schedules.png").stat().st_size < 200_000
