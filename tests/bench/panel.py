"""The panel in Chromium: a page of a long list, a change until it is seen, the first rows, and how long a page is held.

There is no other panel of Azure ML to measure beside it; the limits are what a person takes for at once.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from jupyter_aml import widgets
from jupyter_aml.local.store.catalogue import Store
from tests.bench.rows import Row
from tests.browser.lab import Lab, chromium, running

JOBS = 100_000
ROUNDS, CHANGES = 30, 30
SECONDS = 6
ROWS = "#jupyter-aml [role=treeitem]"
FILL = f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{JOBS})
INSERT INTO jobs(name, type, status, experiment, display_name, parent, compute, created, modified, archived,
 created_by, body, state) SELECT printf('job-%06d', i), 'Command', 'Completed', 'bench', printf('train %d', i), '', '',
 1700000000 + i, 1700000000 + i, 0, 'me',
 '{{"jobType":"Command","command":"python train.py","experimentName":"bench"}}', '{{}}' FROM n"""
SEEN = """name => new Promise(resolve => {
  const look = () => [...document.querySelectorAll('#jupyter-aml [role=treeitem]')]
    .some(one => one.textContent.includes(name)) && (watch.disconnect(), resolve(Date.now()));
  const watch = new MutationObserver(look);
  watch.observe(document.getElementById('jupyter-aml'), {subtree: true, childList: true, characterData: true});
  look();
})"""
LONGEST = """seconds => new Promise(resolve => {
  const until = performance.now() + seconds * 1000;
  let longest = 0, before = performance.now();
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
    if (now < until) setTimeout(tick, 4); else resolve(longest);
  };
  tick();
})"""
BUSY = "() => { const until = performance.now() + 150; while (performance.now() < until); }"
FIRST = """() => window.jupyterapp.restored.then(() => new Promise(resolve => {
  const ready = performance.now();
  const look = () => document.querySelector('#jupyter-aml [role=treeitem]')
    ? resolve(performance.now() - ready) : requestAnimationFrame(look);
  look();
}))"""
SCROLL = """seconds => new Promise(resolve => {
  const box = document.querySelector('#jupyter-aml [role=tree]');
  const until = performance.now() + seconds * 1000;
  const step = () => {
    box.scrollTop += 400;
    if (performance.now() < until) requestAnimationFrame(step); else resolve();
  };
  step();
})"""
LOUD = """import time
line = 'x' * 80
until = time.time() + {seconds}
while time.time() < until:
    print('\\n'.join([line] * 50), flush=True)
    time.sleep(0.05)
"""


def measure(*, quick: bool) -> list[Row]:
    """Each figure in a JupyterLab of its own, over a workspace of 100,000 jobs."""
    rounds = 8 if quick else ROUNDS
    with running() as lab, chromium() as browser:
        workspace = _fill(lab)
        page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
        page.set_default_timeout(60_000)
        _open(lab, page, "?reset")
        pages = [_timed(lab, f"arm{workspace}/jobs?$top=200&api-version=2024-10-01") for _ in range(rounds)]
        firsts = [_first(lab, page) for _ in range(min(rounds, 8))]
        changes = [_seen(lab, page, workspace) for _ in range(rounds)]
        if _held(page, lambda: page.evaluate(BUSY)) < 100:
            msg = "Chromium does not report that the page is held."
            raise AssertionError(msg)
        scrolled = _held(page, lambda: page.evaluate(SCROLL, SECONDS))
        logged = _loud(lab, page, workspace)
    return [
        Row.of(f"200 of {JOBS:,} jobs through Jupyter Server", pages, most=200),
        Row.of("JupyterLab ready → first rows of the panel", firsts, most=1000),
        Row.of("a change of the workspace → its row in the panel", changes, most=500),
        Row.of(f"longest hold of the page, scrolling {JOBS:,} jobs", [scrolled], most=200),
        Row.of("longest hold of the page, 1,000 log lines a second", [logged], most=200),
        Row.of("largest module of a widget", bundles(), unit="kB", most=150),
    ]


def bundles() -> list[float]:
    """The size of the largest widget's module in kB, as a page loads it."""
    sizes = [file.stat().st_size / 1000 for file in Path(widgets.__file__).parent.glob("*/widget.js")]
    return [max(sizes)]


def _fill(lab: Lab) -> str:
    store = Store.open(lab.home)
    store.rings = False
    workspace = store.workspace(store.create())
    with workspace.database.write() as transaction:
        transaction.execute(FILL)
    arm_id = workspace.entry.arm_id
    workspace.database.close()
    store.database.close()
    return arm_id


def _open(lab: Lab, page: Page, query: str) -> None:
    page.goto(f"{lab.url}lab{query}{'&' if query else '?'}token={lab.token}")
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget")
    page.evaluate("() => window.jupyterapp.commands.execute('aml:show-panel')")
    page.wait_for_selector(ROWS)
    page.wait_for_timeout(1500)  # JupyterLab saves its layout a second after a change


def _ask(lab: Lab, path: str, method: str = "GET", body: Any = None) -> Any:
    headers = {"Authorization": f"token {lab.token}", "Content-Type": "application/json"}
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{lab.url}jupyter-aml/{path}", sent, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def _timed(lab: Lab, path: str) -> float:
    began = time.perf_counter()
    found = _ask(lab, path)
    took = 1000 * (time.perf_counter() - began)
    assert len(found["value"]) == 200
    return took


def _first(lab: Lab, page: Page) -> float:
    page.goto(f"{lab.url}lab?token={lab.token}")
    page.wait_for_function("() => window.jupyterapp")
    return float(page.evaluate(FIRST))


def _seen(lab: Lab, page: Page, workspace: str) -> float:
    """Milliseconds from the moment at which a job was archived, made anew or renamed until the panel shows it."""
    name = f"seen {secrets.token_hex(4)}"
    page.evaluate(f"name => {{ window.seen = ({SEEN})(name); }}", name)
    _ask(lab, f"arm{workspace}/jobs/job-{JOBS:06d}", "PATCH", {"properties": {"displayName": name}})
    changed = 1000 * time.time()
    return max(float(page.evaluate("() => window.seen")) - changed, 0.0)


def _held(page: Page, work: Any) -> float:
    """For how long the page answered nothing, at most, while something was done; in milliseconds."""
    page.evaluate(f"seconds => {{ window.longest = ({LONGEST})(seconds); }}", SECONDS)
    work()
    return float(page.evaluate("() => window.longest"))


def _loud(lab: Lab, page: Page, workspace: str) -> float:
    folder = lab.root / "loud"
    folder.mkdir()
    (folder / "main.py").write_text(LOUD.format(seconds=SECONDS + 4), encoding="utf-8")
    spec = {
        "name": "loud",
        "code": str(folder),
        "command": "python main.py",
        "environment": "azureml:AzureML-sklearn-1.5@latest",
    }
    words = ["job", "create", "--file", "-"]
    ended = _ask(lab, "commands", "POST", {"workspace": workspace, "words": words, "body": json.dumps(spec)})
    assert ended["code"] == 0, ended
    place = {"workspace": workspace, "segment": "jobs", "name": "loud"}
    page.evaluate("place => window.jupyterapp.commands.execute('aml:open', place)", place)
    page.get_by_role("tab", name="Log").click()
    page.wait_for_function("() => document.querySelector('.jp-AmlLab-lines')?.textContent.length > 1000")
    return _held(page, lambda: page.wait_for_timeout(1000 * SECONDS))
