"""A search in JupyterLab: its card in the notebook, alive and frozen, and its page with the models and their charts."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.book import CARD, CONNECT, Book
from tests.browser.panel import Service, faultless, page_of, row

pytestmark = pytest.mark.browser

Opened = Callable[..., Book]
WINES = f"{CONNECT}\nfrom sklearn.datasets import load_wine\nwines = load_wine(as_frame=True).frame"
LINE = (
    "best = %aml automl {{wines}} target --metric accuracy --allow LogisticRegression DecisionTree KNN "
    "--trials 3 --minutes 3 --name {name} --display-name {name}"
)
FROZEN = ".jp-RenderedHTML .jp-Aml-card"
MINUTE = 60_000.0


@pytest.fixture
def name() -> str:
    return f"search_{secrets.token_hex(4)}"


def test_a_search_shows_its_best_models_while_it_runs_and_is_frozen_with_them(opened: Opened, name: str) -> None:
    book = opened(WINES, LINE.format(name=name), "best.wait().status", "len(best.predict(wines))")
    book.run(0)
    book.run(1)
    card = book.card(1)

    expect(card).to_contain_text("best models", timeout=MINUTE)
    expect(card).to_contain_text("LogisticRegression")
    expect(card.locator(".jp-AmlLab-chart").first).to_be_visible()
    expect(book.run(2)).to_contain_text("Completed", timeout=MINUTE)
    expect(book.run(3)).to_contain_text("178")

    frozen = book.output(1).locator(FROZEN)
    expect(frozen).to_have_count(1)
    expect(frozen).to_contain_text("maximize accuracy")
    expect(frozen).to_contain_text("LogisticRegression")
    expect(frozen).to_contain_text("★")
    expect(book.output(1).locator(CARD)).to_have_count(1)
    book.looks_right()


def test_the_page_of_a_search_ranks_the_models_and_leads_to_the_charts_of_the_best(
    opened: Opened, panel: Locator, desk: Page, service: Service, name: str
) -> None:
    book = opened(WINES, LINE.format(name=name), "best.wait().status")
    for index in range(3):
        book.run(index)
    assert service.ended(name) == "Completed"
    row(panel, name).first.click()
    page = page_of(desk, name)

    page.get_by_role("tab", name="Models").click()
    table = page.get_by_role("table").first
    expect(table).to_contain_text("LogisticRegression")
    expect(table).to_contain_text("★ best")
    faultless(desk)
    first = table.get_by_role("row").nth(1)
    first.get_by_role("button").click()
    child = page_of(desk, f"{name}_3")
    child.get_by_role("tab", name="Files").click()
    child.get_by_role("button", name="outputs/").click()
    child.get_by_role("button", name="confusion_matrix.png").click()

    expect(child.get_by_role("img", name="confusion_matrix.png")).to_have_js_property("naturalWidth", 660)
