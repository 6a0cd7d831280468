"""Variables of a run that depend on what runs beside it."""

from __future__ import annotations

from jupyter_aml.local.jobs import variables


def test_runs_that_share_the_cores_start_so_many_threads() -> None:
    assert variables.threads(None) == {}
    assert set(variables.threads(2).values()) == {"2"}
    assert "OMP_NUM_THREADS" in variables.threads(2)
