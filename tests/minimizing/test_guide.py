"""The guide: every block of code in docs/minimize.md runs, and its figure is there."""

import pathlib
import re

DOCS = pathlib.Path(__file__).parents[2] / "docs"


def test_the_code_of_the_guide_runs():
    text = (DOCS / "minimize.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) >= 4
    names = {}
    for block in blocks:
        exec(compile(block, "docs/minimize.md", "exec"), names)
    assert names["result"].value < 1e-3


def test_the_figure_is_small():
    assert "(minimize.png)" in (DOCS / "minimize.md").read_text()
    assert 10_000 < (DOCS / "minimize.png").stat().st_size < 200_000
