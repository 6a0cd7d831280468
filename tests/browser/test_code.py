"""The code of jobs, what they have written, and the environments and computes they name, in the panel's pages."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.book import CONNECT, DARK, LIGHT, Book
from tests.browser.lab import Lab
from tests.browser.panel import ENVIRONMENT, HARM, Service, faultless, fold, page_of, row

pytestmark = pytest.mark.browser

SCRIPT = "import lib.words\n\nprint(lib.words.WORD)\n"
WRITES = f"""import mlflow, pathlib
class Twice(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input['x'] * 2
import pandas as pd
frame = pd.DataFrame({{'x': [1.0]}})
signature = mlflow.models.infer_signature(frame, frame['x'])
mlflow.pyfunc.save_model('saved', python_model=Twice(), signature=signature, pip_requirements=['mlflow'])
mlflow.log_artifacts('saved', 'deep/model')
mlflow.log_text({HARM!r}, 'out/page.html')
mlflow.log_text('a,b\\n1,2\\n', 'out/rows.csv')
pathlib.Path('some.bin').write_bytes(b'\\0' * 2048)
mlflow.log_artifact('some.bin', 'out')
"""


def project(service: Service) -> Path:
    """A folder of code: a script, a module, a notebook, binary data."""
    folder = service.lab.root / f"project-{secrets.token_hex(4)}"
    (folder / "lib").mkdir(parents=True)
    (folder / "main.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "lib" / "words.py").write_text("WORD = 'said'\n", encoding="utf-8")
    (folder / "weights.bin").write_bytes(b"\0" * 3072)
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": [f"# Title {HARM}"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": "a = 1\nb = 2"},
    ]
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (folder / "fit.ipynb").write_text(json.dumps(book), encoding="utf-8")
    return folder


def create(service: Service, **spec: object) -> str:
    name = f"code_{secrets.token_hex(4)}"
    service.run("job", "create", "--file", "-", body=json.dumps({"name": name, **spec}))
    return name


def opened_page(desk: Page, service: Service, segment: str, name: str, title: str = "") -> Locator:
    """The page of an object."""
    place = {"workspace": service.workspace, "segment": segment, "name": name}
    desk.evaluate("place => window.jupyterapp.commands.execute('aml:open', place)", place)
    found = page_of(desk, title or name)
    expect(found).to_be_visible()
    return found


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_code_of_a_job_is_browsed_and_read(panel: Locator, desk: Page, service: Service, theme: str) -> None:
    name = create(service, code=str(project(service)), command="python main.py", environment=ENVIRONMENT)
    desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    try:
        page = opened_page(desk, service, "jobs", name)
        page.get_by_role("tab", name="Code").click()
        page.get_by_role("button", name="main.py").click()
        script = page.get_by_role("region", name="main.py", exact=True).last
        expect(script.locator("[data-line]")).to_have_count(3)
        assert script.text_content() == SCRIPT
        numbers = "one => getComputedStyle(one, '::before').content"
        assert script.locator("[data-line='3']").evaluate(numbers) in {'"3"', "attr(data-line)"}
        assert "mono" in script.evaluate("one => getComputedStyle(one).fontFamily").lower()
        faultless(desk)

        page.get_by_role("button", name="fit.ipynb").click()
        expect(page.get_by_role("region", name="Cell 2, code")).to_have_text("a = 1\nb = 2\n")
        expect(page.get_by_role("region", name="Cell 1, markdown")).to_contain_text(HARM)
        faultless(desk)
        page.get_by_role("button", name="weights.bin").click()
        expect(page.get_by_text("3.0 KB of binary data; there is no preview.")).to_be_visible()
        page.get_by_role("button", name="lib/").click()
        page.get_by_role("button", name="words.py").click()
        expect(page.get_by_role("region", name="words.py", exact=True).last).to_have_text("WORD = 'said'\n")
        assert desk.evaluate("() => window.harmed") is None
    finally:
        desk.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", LIGHT)


def test_steps_of_a_pipeline_are_folders_and_a_job_without_code_says_so(
    panel: Locator, desk: Page, service: Service
) -> None:
    step = {"type": "command", "command": "python main.py", "environment": ENVIRONMENT}
    steps = {"train": {**step, "code": str(project(service))}, "idle": {**step, "command": "echo hi"}}
    name = create(service, type="pipeline", settings={"default_compute": "serverless"}, jobs=steps)
    page = opened_page(desk, service, "jobs", name)

    page.get_by_role("tab", name="Code").click()
    expect(page.get_by_role("button", name="train/")).to_be_visible()
    expect(page.get_by_role("button", name="idle/")).to_have_count(0)
    page.get_by_role("button", name="train/").click()
    expect(page.get_by_role("button", name="main.py")).to_be_visible()

    bare = create(service, command="echo hi", environment=ENVIRONMENT)
    page = opened_page(desk, service, "jobs", bare)
    page.get_by_role("tab", name="Code").click()
    expect(page.get_by_text("This job has no code.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_a_job_has_written_is_shown_as_what_it_is_and_downloaded(
    panel: Locator, desk: Page, service: Service, opened: Callable[..., Book]
) -> None:
    name = service.job(WRITES)
    assert service.ended(name) == "Completed"
    book = opened(CONNECT)
    book.run(0)
    page = opened_page(desk, service, "jobs", name)
    page.get_by_role("tab", name="Files").click()
    page.get_by_role("button", name="out/").click()
    page.get_by_role("button", name="page.html").click()
    expect(page.get_by_role("region", name="page.html", exact=True).last).to_have_text(f"{HARM}\n")
    page.get_by_role("button", name="rows.csv").click()
    expect(page.get_by_role("columnheader", name="b", exact=True)).to_be_visible()
    page.get_by_role("button", name="some.bin").click()
    expect(page.get_by_text("2.0 KB of binary data")).to_be_visible()
    faultless(desk)
    with desk.expect_download() as download:
        page.get_by_role("link", name="Download page.html").click()
    assert download.value.suggested_filename == "page.html"
    assert Path(download.value.path()).read_text(encoding="utf-8") == HARM
    assert desk.evaluate("() => window.harmed") is None

    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("button", name="rows.csv")).to_be_visible()
    page.get_by_role("button", name="artifacts", exact=True).click()
    page.get_by_role("button", name="deep/").click()
    page.get_by_role("button", name="model/").click()
    model = page.get_by_role("region", name="MLflow model")
    expect(model).to_contain_text("python_function")
    expect(model.get_by_role("cell", name="double").first).to_be_visible()
    page.get_by_role("button", name="MLmodel").click()
    expect(page.locator("pre[aria-label=MLmodel]")).to_contain_text("loader_module: mlflow.pyfunc.model")
    faultless(desk)
    model.get_by_role("button", name="Insert code that loads it").click()
    expect(book.cell(1)).to_be_visible()
    source = desk.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.source")
    assert f'mlflow.pyfunc.load_model("runs:/{name}/deep/model")' in source
    book.write(1, f"{source}\nimport pandas as pd\nmodel.predict(pd.DataFrame({{'x': [21.0]}})).tolist()")
    expect(book.run(1)).to_contain_text("[42.0]")


def test_a_model_that_is_registered_is_loaded_by_its_version(
    panel: Locator, desk: Page, service: Service, opened: Callable[..., Book]
) -> None:
    name = service.job(WRITES)
    assert service.ended(name) == "Completed"
    model = f"twice{secrets.token_hex(3)}"
    place = f"azureml://jobs/{name}/outputs/artifacts/paths/deep/model/"
    service.run("model", "create", "--name", model, "--type", "mlflow_model", "--path", place)
    book = opened(CONNECT)
    book.run(0)
    page = opened_page(desk, service, "models", model)

    expect(page.get_by_role("region", name="MLflow model")).to_contain_text("python_function")
    page.get_by_role("button", name="Insert code that loads it").click()
    expect(book.cell(1)).to_be_visible()
    source = desk.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.source")
    assert f'load_model("models:/{model}/1")' in source
    book.write(1, f"{source}\nimport pandas as pd\nmodel.predict(pd.DataFrame({{'x': [21.0]}})).tolist()")
    expect(book.run(1)).to_contain_text("[42.0]")


def test_a_job_leads_to_its_environment_and_its_compute(panel: Locator, desk: Page, service: Service) -> None:
    environment = f"clinic{secrets.token_hex(3)}"
    conda = {"name": "clinic", "dependencies": [{"pip": ["pyyaml>=1"]}]}
    spec = {"name": environment, "image": "python:3.11", "conda_file": conda}
    service.run("environment", "create", "--file", "-", body=json.dumps(spec))
    compute = f"cluster{secrets.token_hex(3)}"
    service.run("compute", "create", "--name", compute, "--max-instances", "3")
    asked = {"command": "sleep 600", "environment": f"azureml:{environment}:1", "compute": f"azureml:{compute}"}
    name = create(service, **asked)
    try:
        page = opened_page(desk, service, "jobs", name)
        page.get_by_role("button", name=f"{environment}:1").click()
        page = page_of(desk, environment)
        expect(page.get_by_text("python:3.11", exact=True)).to_be_visible()
        expect(page.get_by_role("region", name="Conda file", exact=True).last).to_contain_text("pyyaml>=1")
        page.get_by_role("button", name="Show what is installed").click()
        expect(page.get_by_role("row", name=re.compile("PyYAML .* pyyaml>=1", re.IGNORECASE))).to_be_visible()
        faultless(desk)

        page = opened_page(desk, service, "jobs", name)
        page.get_by_role("button", name=compute, exact=True).click()
        page = page_of(desk, compute)
        expect(page.get_by_text("0 to 3")).to_be_visible()
        expect(page.get_by_role("button", name=name)).to_be_visible()
        faultless(desk)
        service.ask(f"arm{service.workspace}/jobs/{name}/cancel", "POST")
        expect(page.get_by_text("No job runs on it now.")).to_be_visible()
    finally:
        service.ask(f"arm{service.workspace}/jobs/{name}/cancel", "POST")


def test_part_and_folder_are_there_again_after_a_reload(panel: Locator, tab: Page, lab: Lab, service: Service) -> None:
    name = create(service, code=str(project(service)), command="python main.py", environment=ENVIRONMENT)
    tab.goto(f"{lab.url}lab/workspaces/code?reset&token={lab.token}")
    tab.wait_for_function("() => window.jupyterapp?.shell?.currentWidget")
    page = opened_page(tab, service, "jobs", name)
    page.get_by_role("tab", name="Code").click()
    page.get_by_role("button", name="lib/").click()
    expect(page.get_by_role("button", name="words.py")).to_be_visible()
    tab.wait_for_timeout(1500)  # JupyterLab writes its layout a second after a change

    tab.goto(f"{lab.url}lab/workspaces/code?token={lab.token}")
    tab.wait_for_function("() => window.jupyterapp?.shell?.currentWidget")
    page = page_of(tab, name)
    expect(page.get_by_role("tab", name="Code")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("button", name="words.py")).to_be_visible()


def test_the_folder_of_a_datastore_stays_open_when_its_page_is_looked_at_again(
    panel: Locator, desk: Page, service: Service
) -> None:
    file = service.lab.root / "kept.csv"
    file.write_text("a\n1\n", encoding="utf-8")
    folder = f"kept{secrets.token_hex(3)}"
    service.run("cp", str(file), f"workspaceblobstore/{folder}/kept.csv")
    fold(panel, "Datastores")
    row(panel, "workspaceblobstore").click()
    page = page_of(desk, "workspaceblobstore")
    page.get_by_role("button", name=f"{folder}/").click()
    page.get_by_role("button", name="kept.csv").click()
    expect(page.get_by_role("columnheader", name="a", exact=True)).to_be_visible()

    service.run("cp", str(file), f"workspaceblobstore/{folder}/more.csv")
    page.get_by_role("button", name="Refresh").click()

    expect(page.get_by_role("button", name="more.csv")).to_be_visible()
    expect(page.get_by_role("columnheader", name="a", exact=True)).to_be_visible()
