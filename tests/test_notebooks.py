"""The notebooks of docs/notebooks run from their first cell to their last, beside the data that ship."""

import os

import nbformat
import pytest
from nbclient import NotebookClient
from support import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
QUICKER = str(ROOT / "tests" / "quick_pictures")  # the pictures in run folders are painted for nobody here


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_results_draw_themselves(path, tmp_path, monkeypatch):
    folder = tmp_path / "docs" / "notebooks"
    folder.mkdir(parents=True)
    for name in ("configs", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("seeds=1000", "seeds=100")  # the same calls in a tenth of the time
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "PYTHONWARNINGS": "error::UserWarning", "PYTHONPATH": QUICKER})
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    drawn = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert sum("data:image/svg+xml" in text for text in drawn) >= 2
    assert all(cell.cell_type == "markdown" or not cell.outputs for cell in nbformat.read(path, as_version=4).cells)
