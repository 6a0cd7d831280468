"""Views: what a person sees, from a snapshot alone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jupyter_aml.views import compare, entity, formats, job, listing, logs, preview, status, table

HOSTILE = '<script>alert("x")</script>'


def snapshot(**changes: Any) -> dict[str, Any]:
    made = {
        "place": "LOCAL",
        "name": "calm_ant",
        "display_name": "first try",
        "status": "Completed",
        "experiment": "diabetes",
        "started": 1_769_950_000,
        "ended": 1_769_950_185,
        "inputs": {"data": "azureml:iris:3", "lr": 0.05},
        "params": {"lr": "0.05", "depth": "4"},
        "metrics": {"auc": 0.98765432, "val_loss": 0.25},
        "curves": {"auc": [(0, 1000, 0.5), (1, 2000, 0.9)]},
        "log": "reading\nfitting\ndone\n",
    }
    return {**made, **changes}


def test_a_card_carries_the_badge_status_duration_metrics_and_log() -> None:
    drawn = job.html(snapshot())

    for part in ("LOCAL", "✓ Completed", "first try", "calm_ant", "3 min 05 s", "0.98765", "fitting"):
        assert part in drawn


@pytest.mark.parametrize("draw", [job.html, compare.html])
def test_nothing_from_a_snapshot_becomes_markup(draw: Any) -> None:
    bad = snapshot(
        name=HOSTILE, display_name=HOSTILE, log=HOSTILE, tags={HOSTILE: HOSTILE}, inputs={HOSTILE: HOSTILE},
        status=HOSTILE, place=HOSTILE, metrics={HOSTILE: 1.0}, outputs={HOSTILE: HOSTILE},
        curves={HOSTILE: [(0, 1, 1.0), (1, 2, 2.0)]},
    )  # fmt: skip
    drawn = draw({**bad, "runs": [bad]})

    assert "<script" not in drawn


def test_the_other_cards_escape_too() -> None:
    drawn = [
        entity.html({"title": HOSTILE, "entity": {"name": HOSTILE, "path": HOSTILE, HOSTILE: {"a": [HOSTILE]}}}),
        status.html({"workspace": HOSTILE, "host": {HOSTILE: HOSTILE}, "patched": [HOSTILE]}),
        listing.html({"entries": [{"name": HOSTILE}], "title": HOSTILE, "note": HOSTILE}),
        preview.html({"name": HOSTILE, "preview": preview.read("a.csv", HOSTILE.encode())}),
        table.html([{HOSTILE: HOSTILE, "Status": HOSTILE}], title=HOSTILE, note=HOSTILE),
    ]

    assert not [one for one in drawn if "<script" in one]


def test_pictures_are_images_with_data_not_inline_drawings() -> None:
    drawn = job.html(snapshot())

    assert "<svg" not in drawn
    assert re.search(r'<img alt="auc over its steps" src="data:image/svg\+xml;base64,', drawn)


def test_a_failed_job_shows_its_first_traceback_on_top() -> None:
    log = "start\nTraceback (most recent call last):\n  File \"train.py\", line 7, in <module>\nKeyError: 'agee'\nbye\n"
    drawn = job.html(snapshot(status="Failed", log=log))
    text = job.plain(snapshot(status="Failed", log=log))

    assert drawn.index("KeyError") < drawn.index("diabetes")
    assert text.index("KeyError: 'agee'") < text.index("diabetes")


def test_the_log_of_a_failed_job_does_not_repeat_the_traceback_shown_on_top() -> None:
    traceback = "Traceback (most recent call last):\n  File \"train.py\", line 7, in <module>\nKeyError: 'agee'"
    made = snapshot(status="Failed", log=f"  reading\n{traceback}\n", error={"message": "", "traceback": traceback})

    assert job.plain(made).count("KeyError") == 1
    assert job.html(made).count("KeyError") == 1
    assert "<h4>log</h4><pre>  reading</pre>" in job.html(made)
    assert "<h4>log</h4>" not in job.html({**made, "log": traceback})


def test_tables_and_comparisons_scroll_inside_their_cards() -> None:
    for drawn in (table.html([{"a": 1}]), compare.html({"runs": [snapshot()]})):
        assert '<div class="jp-Aml-scroll"><table' in drawn


def test_the_executors_traceback_wins_over_the_log() -> None:
    error = {"message": "Exited with code 1.", "traceback": "Traceback …\nValueError: no rows"}

    assert (
        job.failure(snapshot(status="Failed", error=error)) == "Traceback …\nValueError: no rows\nExited with code 1."
    )


def test_a_completed_job_whose_log_mentions_errors_shows_no_error() -> None:
    assert job.failure(snapshot(log="ERROR: retried\n")) == ""


def test_a_job_that_has_not_begun_shows_when_it_was_looked_at_and_no_duration() -> None:
    said = job.plain(snapshot(status="Queued", started=None, ended=None, now=1_769_950_025))

    assert "duration" not in said
    assert "as of" in said


def test_a_running_job_shows_its_duration_so_far() -> None:
    assert "25 s" in job.plain(snapshot(status="Running", ended=None, now=1_769_950_025))


def test_a_snapshot_with_nothing_in_it_is_still_a_card() -> None:
    assert "job" in job.plain({})
    assert "jp-Aml-card" in job.html({})


def test_a_metric_logged_without_steps_is_drawn_over_seconds() -> None:
    assert "time, s" in job.curve("auc", [(0, 1000, 0.5), (0, 2000, 0.6)])


def test_a_comparison_marks_the_best_of_each_metric_by_its_meaning() -> None:
    runs = [
        snapshot(name="a", display_name="", metrics={"auc": 0.9, "val_loss": 0.3}),
        snapshot(name="b", display_name="", metrics={"auc": 0.8, "val_loss": 0.1}),
    ]
    lines = compare.plain({"runs": runs, "place": "LOCAL"}).splitlines()

    assert next(line for line in lines if line.startswith("auc")).split() == ["auc", "0.9", "*", "0.8"]
    assert next(line for line in lines if line.startswith("val_loss")).split() == ["val_loss", "0.3", "0.1", "*"]


def test_a_comparison_shows_only_settings_that_differ_and_each_once() -> None:
    runs = [
        snapshot(name="a", display_name=""),
        snapshot(
            name="b", display_name="", inputs={"data": "azureml:iris:3", "lr": 0.1}, params={"lr": "0.1", "depth": "4"}
        ),
    ]
    text = compare.plain({"runs": runs})

    assert text.count("lr") == 1
    assert "depth" not in text


def test_runs_of_one_display_name_are_told_apart_by_name() -> None:
    assert compare.titles([snapshot(name="a"), snapshot(name="b")]) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "less"), [("val_loss", True), ("rmse", True), ("training_time", True), ("lossless_auc", False)]
)
def test_names_tell_whether_less_is_better(name: str, less: bool) -> None:
    assert compare.smaller_is_better(name) is less


def test_plain_tables_align_numbers_right_and_words_left() -> None:
    drawn = table.plain([{"Name": "ant", "auc": 0.5}, {"Name": "bee", "auc": 12}], title="jobs", place="LOCAL")

    assert drawn.splitlines() == ["jobs · LOCAL", "Name  auc", "────  ───", "ant   0.5", "bee    12"]


def test_wide_characters_keep_columns_aligned() -> None:
    lines = table.plain([{"a": "数据", "b": "x"}, {"a": "data", "b": "y"}]).splitlines()

    assert lines[2] == "数据  x"
    assert lines[3] == "data  y"


def test_an_empty_table_says_so() -> None:
    assert "Nothing here yet." in table.plain([], title="data")
    assert "Nothing here yet." in table.html([], title="data")


def test_nested_facts_become_blocks_and_empty_ones_are_left_out() -> None:
    made = {"name": "t", "version": "2", "inputs": {"a": {"type": "string"}}, "tags": {}, "x": None}
    text = entity.plain({"title": "component", "entity": made, "place": "LOCAL"})

    assert text.startswith("component · t:2 · LOCAL")
    assert '"type": "string"' in text
    assert "tags" not in text


def test_who_made_a_thing_and_when_is_one_line() -> None:
    made = {"name": "iris", "creation_context": {"created_at": "2026-01-31T14:05:00+00:00", "created_by": "ana"}}

    assert "created  2026-01-31 14:05 by ana" in entity.plain({"entity": made})


def test_sizes_in_the_status_are_read_as_bytes() -> None:
    assert "49 MB" in status.plain({"workspace": "local", "host": {"memory": 51_380_224}})


def test_folders_come_first_and_end_in_a_slash() -> None:
    text = listing.plain({"entries": [{"name": "a.csv", "size": 2048}, {"name": "z", "folder": True}], "title": "raw/"})

    assert [line.split()[0] for line in text.splitlines()[3:]] == ["z/", "a.csv"]
    assert "2.0 KB" in text


def test_a_chained_traceback_is_shown_whole() -> None:
    log = (
        "x\nTraceback (most recent call last):\n  a\nKeyError: 1\n\nDuring handling of the above exception, "
        "another exception occurred:\n\nTraceback (most recent call last):\n  b\nValueError: 2\nafter\n"
    )

    found = logs.first_error(log)

    assert found.startswith("Traceback")
    assert found.endswith("ValueError: 2")


def test_without_a_traceback_the_first_line_that_says_error_is_found() -> None:
    assert logs.first_error("0 errors\nbash: no such command\nerror: no space left\n") == "error: no space left"
    assert logs.first_error("fine\n") == ""


def test_progress_bars_and_colours_are_cleaned_from_logs() -> None:
    assert logs.tail("\x1b[31mred\x1b[0m\n 10%\r 50%\r100%\n") == "red\n100%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.42, "0.42 s"), (12, "12 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (273600, "3 d 4 h")],
)
def test_durations_read_as_a_person_says_them(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (0.123456789, "0.12346"), (2.0, "2"), (float("nan"), "nan"), (True, "yes"), (None, "")],
)
def test_values_are_short(value: object, text: str) -> None:
    assert formats.cell(value) == text


def test_a_csv_becomes_rows_with_numbers() -> None:
    found = preview.read("iris.csv", b"a,b\n1,x\n2.5,y\n")

    assert found.rows == [{"a": 1, "b": "x"}, {"a": 2.5, "b": "y"}]
    assert "2 columns" in found.note


def test_a_csv_with_repeated_and_missing_headings_keeps_all_columns() -> None:
    assert list(preview.read("x.csv", b"a,a,\n1,2,3\n").rows[0].values()) == [1, 2, 3]


def test_semicolons_are_understood() -> None:
    assert preview.read("x.csv", b"a;b\n1;2\n").rows == [{"a": 1, "b": 2}]


def test_the_last_incomplete_line_of_a_part_is_left_out() -> None:
    assert len(preview.read("x.csv", b"a,b\n1,2\n3,", total=9000).rows) == 1


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("x.csv", b"", "empty"),
        ("x.bin", b"\x00\x01", "binary"),
        ("x.json", b'{"a": 1}', "json"),
        ("x.json", b"{oops", "text"),
        ("x.jsonl", b'{"a": 1}\n{"a": 2}\n', "table"),
        ("x.txt", "größe\n".encode(), "text"),
        ("x.txt", b"\xff\xfe\xfa broken", "text"),
    ],
)
def test_each_file_gets_the_preview_of_its_kind(name: str, data: bytes, kind: str) -> None:
    found = preview.read(name, data)

    assert found.kind == kind
    assert preview.html({"name": name, "preview": found})
    assert preview.plain({"name": name, "preview": found})
