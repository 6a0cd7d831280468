"""TAB in a notebook cell of JupyterLab: its own completer shows our words and the workspace's names."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.browser.book import CONNECT, PATIENCE, Book

pytestmark = pytest.mark.browser

# Names that no other notebook of these tests gives: they share a workspace.
DATA = """pathlib = __import__("pathlib")
for name in ("zebras", "zinnias"):
    _ = pathlib.Path(f"{name}.csv").write_text("x\\n1\\n")
    %aml data create {name} {name}.csv
"""


def offered(book: Book, text: str, *wanted: str) -> bool:
    """Whether TAB comes to offer just what is wanted; names of the workspace are read in the background."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if book.complete(2, text) == list(wanted):
            return True
        book.page.keyboard.press("Escape")
    return False


def test_tab_completes_nouns_verbs_flags_and_names_of_the_workspace(opened: Callable[..., Book]) -> None:
    book = opened(CONNECT, DATA, "")
    book.run(0)
    book.run(1)

    assert offered(book, "%aml da", "data", "datastore")
    assert offered(book, "%aml data cr", "create")
    assert offered(book, "x = %aml job li", "list")
    assert book.accept(2) == "x = %aml job list"
    assert offered(book, "%aml data list --archived", "--archived-only")
    assert offered(book, "%aml data show z", "zebras", "zinnias")
    assert offered(book, "%aml data show zebras:", "zebras:1")
    assert offered(book, "%%aml command train --input data=ze", "zebras")
    assert offered(book, "%%aml command train --input data=zebras@", "zebras@latest")
    assert book.accept(2) == "%%aml command train --input data=zebras@latest"
