"""The quickstart ends well, and the comparison of its outputs notices what has changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat

from jupyter_aml.testing import stored

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"
SHOWN = "from IPython.display import display\ndisplay({data!r}, raw=True)"


def cells() -> dict[str, Any]:
    """The code cells by id."""
    book = nbformat.read(NOTEBOOK, as_version=4)
    return {cell.id: cell for cell in book.cells if cell.cell_type == "code"}


def text(cell: Any) -> str:
    return "\n".join(out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)


def test_it_shows_good_ends_and_no_warning() -> None:
    found = cells()

    assert {out.output_type for cell in found.values() for out in cell.outputs} == {
        "stream", "display_data", "execute_result",
    }  # fmt: skip
    assert {out.name for cell in found.values() for out in cell.outputs if out.output_type == "stream"} == {"stdout"}
    assert "~/.local/share/jupyter_aml" in text(found["connect"])
    for name in ("command", "show", "rerun"):
        assert re.match(r"✓ Completed · train · \w+ · LOCAL\n", text(found[name]))


def altered(said: str) -> str:
    """A text in which the last digit of the last number with a point is another one."""
    found = list(re.finditer(r"\d\.\d*\d", said))[-1]
    other = str((int(said[found.end() - 1]) + 1) % 10)
    return said[: found.end() - 1] + other + said[found.end() :]


def test_another_metric_and_another_number_in_a_table_are_noticed(home: Path, tmp_path: Path) -> None:
    asked = f"import os\nprint([name for name in {stored.TOLD!r} if name in os.environ])"
    none = nbformat.v4.new_output("stream", name="stdout", text="[]\n")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(asked, outputs=[none], execution_count=1)])
    for name in ("follow", "show", "compare", "numbers", "predict"):
        said = text(cells()[name])
        for shown in (said, altered(said)):
            source = SHOWN.format(data={"text/plain": shown})
            output = nbformat.v4.new_output("display_data", data={"text/plain": said})
            book.cells.append(nbformat.v4.new_code_cell(source, outputs=[output], execution_count=1))
    nbformat.write(book, tmp_path / "n.ipynb")

    checked = stored.check(tmp_path / "n.ipynb", tmp_path / "run", home)

    assert not checked.same
    assert "5 failed, 6 passed" in checked.report, checked.report
    assert checked.report.count("FAILED") == 5
