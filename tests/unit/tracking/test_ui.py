"""MLflow's own UI: its files, and that nothing of it leaves the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_aml.local.arm.http import Request, Response
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import rest
from jupyter_aml.local.tracking.api import ui
from tests.unit.tracking.conftest import ADA, NOW, Ask

ROOT = "http://127.0.0.1:1/mlflow/v2.0/w"


def get(workspace: Workspace, path: str) -> Response:
    request = Request.build("GET", f"{ROOT}{path}", identity=ADA)
    return rest.handle(workspace, request, path.partition("?")[0], NOW)


def text(response: Response) -> str:
    return b"".join(response.chunks()).decode()


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A UI of two files, beside a file that is none of it."""
    folder = tmp_path / "mlflow" / "server" / "js" / "build"
    (folder / "static" / "js").mkdir(parents=True)
    (folder / "index.html").write_text("<p>the page")
    (folder / "static" / "js" / "main.abc123.js").write_text("1")
    (folder.parent / "secret.txt").write_text("no")
    monkeypatch.setattr(ui, "folder", lambda: folder)
    return folder


def test_the_installed_mlflow_brings_its_page_and_is_not_imported_for_it(workspace: Workspace) -> None:
    response = get(workspace, "/")

    page = text(response)
    assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    script = page.partition('src="static-files/')[2].partition('"')[0]
    sent = get(workspace, f"/static-files/{script}")
    assert (sent.status, sent.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert sent.length > 1000
    sent.stream.close()


def test_the_page_may_not_speak_to_anybody_else(workspace: Workspace, build: Path) -> None:
    response = get(workspace, "/")

    assert text(response) == "<p>the page"
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self' data: blob: ")
    assert "http" not in policy
    assert "frame-ancestors 'self'" in policy
    assert response.headers["Cache-Control"] == "no-cache"


def test_files_with_a_digest_in_their_names_are_kept_by_the_browser(workspace: Workspace, build: Path) -> None:
    response = get(workspace, "/static-files/static/js/main.abc123.js")

    assert text(response) == "1"
    assert "immutable" in response.headers["Cache-Control"]


def test_an_address_without_a_slash_leads_to_the_one_with_it(workspace: Workspace, build: Path) -> None:
    response = get(workspace, "?a=b")

    assert (response.status, response.headers["Location"]) == (308, f"{ROOT}/?a=b")


@pytest.mark.parametrize(
    ("path", "status"),
    [("static-files/../secret.txt", 400), ("static-files/nothing.js", 404), ("static-files/static", 404)],
)
def test_nothing_but_the_uis_files_is_served(workspace: Workspace, build: Path, path: str, status: int) -> None:
    assert get(workspace, f"/{path}").status == status


def test_a_missing_mlflow_is_said_with_what_to_install(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "folder", lambda: None)

    response = get(workspace, "/")

    said = text(response)
    assert response.status == 501
    assert "needs the package mlflow, which is not installed" in said
    assert "pip install 'jupyter_aml[ml]'" in said


def test_an_mlflow_without_its_ui_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "__init__.py").write_text("raise ImportError")
    monkeypatch.setattr(ui.importlib.util, "find_spec", lambda name: _Spec([str(tmp_path / "mlflow")]))

    assert ui.folder.__wrapped__() is None


class _Spec:
    def __init__(self, places: list[str]) -> None:
        self.submodule_search_locations = places


def test_the_uis_own_usage_reports_are_off(ask: Ask) -> None:
    assert ask("GET", "3.0/mlflow/ui-telemetry")[1]["disable_ui_telemetry"] is True
    assert ask("POST", "3.0/mlflow/ui-telemetry", {"records": [{}]}) == (200, {"status": "disabled"})
