"""Azure from a real kernel: the code to type stands in the cell, a refusal is three lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from stand_in.authority import APPLICATION, TENANT, Authority
from stand_in.server import Azure

from jupyter_aml.testing import demo, fence

HERE = Path(__file__).parent


def run(folder: Path, home: Path, *sources: str, **variables: str) -> list[Any]:
    """The cells, run in a kernel to which Azure's names lead to the stand-in; every other way out must stay unused."""
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
    book = nbformat.v4.new_notebook(cells=cells)
    private, report = folder / "jupyter", folder / "network.txt"
    client = NotebookClient(
        book,
        timeout=120,
        km=demo.kernel_manager(private),
        resources={"metadata": {"path": str(folder)}},
        allow_errors=True,
    )
    environment = demo.kernel_environment(private, home, report)
    environment |= {"PYTHONPATH": str(HERE), "JUPYTER_AML_OFFLINE": "", **variables}
    client.execute(env=environment, cleanup_kc=True)
    assert fence.attempts(report) == []
    return list(book.cells)


def text(cell: Any) -> str:
    shown = [
        output.get("text") or output.get("data", {}).get("text/plain") or "\n".join(output.get("traceback", []))
        for output in cell.outputs
    ]
    return demo.COLOURS.sub("", "\n".join(shown))


def test_a_person_signs_in_by_the_code_in_the_cell_and_works(
    azure: Azure, authority: Authority, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "iris.csv").write_text("a\n1\n", encoding="utf-8")
    _, connected, who, made, listed, status, own = run(
        tmp_path,
        home,
        "%load_ext jupyter_aml",
        f"%aml connect {azure.target} --sign-in device-code --var ml",
        "%aml whoami",
        "%aml data create iris iris.csv",
        "%aml data list",
        "%aml status",
        "type(ml).__module__, ml.data.get('iris', label='latest').version",
    )

    assert "AZURE" in text(connected)
    # whoever asks first: the line, or what reads the workspace's names for TAB since the cell before
    shown = text(connected) + text(who)
    assert "open https://login.microsoftonline.com/device and type the code F4K3-C0D3" in shown
    assert authority.person in text(who)
    assert "iris" in text(made)
    assert "AZURE" in text(listed)
    assert "iris" in text(listed)
    assert "AZURE" in text(status)
    assert "('azure.ai.ml._ml_client', '1')" in text(own)
    assert len(authority.grants("device_code")) == 1


@pytest.mark.parametrize("way", ["auto", "service-principal"])
def test_a_wrong_secret_is_two_lines_without_a_traceback(azure: Azure, home: Path, tmp_path: Path, way: str) -> None:
    *_, listed = run(
        tmp_path,
        home,
        "%load_ext jupyter_aml",
        f"%aml connect {azure.target} --sign-in {way}",
        "%aml data list",
        AZURE_TENANT_ID=TENANT,
        AZURE_CLIENT_ID=APPLICATION,
        AZURE_CLIENT_SECRET="wrong-secret",
    )

    assert text(listed).strip().splitlines() == [
        f"Azure refused the sign-in: Invalid client secret provided for app '{APPLICATION}' (AADSTS7000215).",
        "Put the secret's value, not its id, into AZURE_CLIENT_SECRET.",
    ]
