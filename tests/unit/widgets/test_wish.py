"""Whether a widget stands in for a live form, and that one stands in for a job wherever it is shown."""

from __future__ import annotations

import sys

import pytest
from ipywidgets.widgets import widget as registry

from jupyter_aml.client.connection import Connection
from jupyter_aml.errors import AmlError
from jupyter_aml.widgets import EndpointTester, JobCard, wish

from .conftest import submitted


def test_one_widget_stands_in_for_a_job_in_all_cells(
    connection: Connection, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(wish.WISH, "always")
    other = submitted(connection, "kind_owl")
    before = set(registry._instances)

    first, again, second = (wish.beside(connection, name) for name in (job, job, other))

    assert first.bundle == again.bundle != second.bundle
    first.close()
    anew = wish.beside(connection, job)
    assert anew.bundle != first.bundle, "one that was closed is not shown again"
    first.close()
    assert anew.bundle == wish.beside(connection, job).bundle, "nor does it close another"
    for one in (anew, second):
        one.close()
    assert set(registry._instances) == before


def test_one_widget_stands_in_for_an_endpoint(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EndpointTester, "check", lambda _: None)
    monkeypatch.setenv(wish.WISH, "never")
    assert wish.tester(connection, "iris", "onlineEndpoints").bundle == {}
    monkeypatch.setenv(wish.WISH, "always")
    before = set(registry._instances)

    first, again = (wish.tester(connection, "iris", "onlineEndpoints") for _ in range(2))
    batch = wish.tester(connection, "iris", "batchEndpoints")

    assert first.bundle == again.bundle != batch.bundle
    for one in (first, batch):
        one.close()
    assert set(registry._instances) == before


def test_where_no_widget_can_be_the_card_stands_alone(
    connection: Connection, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(wish.WISH, "never")
    assert wish.beside(connection, job).bundle == {}
    monkeypatch.setenv(wish.WISH, "always")
    assert wish.beside(connection, "nobody").bundle == {}

    def away(_: JobCard) -> None:
        msg = "The service is away."
        raise AmlError(msg)

    monkeypatch.setattr(JobCard, "check", away)
    assert wish.beside(connection, job).bundle == {}
    for name in ("anywidget", "jupyter_aml.widgets.job_card"):
        monkeypatch.setitem(sys.modules, name, None)
    assert wish.beside(connection, job).bundle == {}


def test_vs_code_is_known_whatever_server_its_kernel_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(wish.WISH, raising=False)
    monkeypatch.setenv(wish.SERVER, "1")
    assert not wish.wanted()
    monkeypatch.setattr(sys.modules["__main__"], "__vsc_ipynb_file__", "/book.ipynb", raising=False)
    assert wish.wanted()
