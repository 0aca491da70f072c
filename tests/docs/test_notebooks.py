"""The notebooks run from top to bottom, and hold the outputs of a run.

Each takes half a minute, so they run on one backend. The guides have the same calls on all three.
"""

import pytest

nbformat = pytest.importorskip("nbformat", reason="of requirements/dev.txt")
from nbclient import NotebookClient  # noqa: E402

from tests.conftest import one_backend  # noqa: E402
from tests.docs.pages import DOCS  # noqa: E402

NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
names = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code(notebook):
    """The cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# Of the notebook's own machinery: its sockets are local, and closed by their finalizers.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@names
@one_backend
def test_a_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    for cell in code(notebook):
        cell.outputs = []
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    assert all(cell.execution_count for cell in code(notebook))


@one_backend
def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["compare_on_your_model", "first_steps"]


@names
@one_backend
def test_a_notebook_was_run_in_order_and_is_small(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert all(output.output_type != "error" for output in outputs)
    assert path.stat().st_size < 300_000
