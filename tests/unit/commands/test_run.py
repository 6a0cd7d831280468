"""Running: words to outcomes, formats and faults."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.commands import faults, output
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.docs import markdown
from jupyter_aml.commands.grammar import Args, Flag, Grammar, Noun, Verb, build
from jupyter_aml.commands.hush import hushed
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import AmlError, ResourceError, UsageError

RECORDS = [{"name": "a", "n": 1, "tags": {"x": 1}}, {"name": "b", "n": 2, "tags": {}}]
Runner = Callable[..., Any]


@pytest.fixture
def do(grammar: Grammar) -> Runner:
    def runner(line: str, body: str | None = None, context: Context | None = None) -> Any:
        return run(tokenize(line), context or Context(namespace={}), body=body, table=grammar)

    return runner


def table_of(result: object, *, columns: tuple[str, ...] = ()) -> Grammar:
    def verb(context: Context, args: Args) -> Outcome:
        del context, args
        return Outcome(result, columns=columns, title="things", place="LOCAL")

    return build((Noun("thing", "Things.", (Verb("list", "List.", verb),)),))


def listed(result: object, line: str = "thing list", columns: tuple[str, ...] = ()) -> Outcome:
    outcome = run(tokenize(line), Context(namespace={}), table=table_of(result, columns=columns))
    assert outcome is not None
    return outcome


def test_a_verb_gets_its_arguments_and_its_result_comes_back(do: Runner) -> None:
    assert do("data create iris").entity == {"name": "iris", "body": None}


def test_a_query_picks_from_the_plain_form() -> None:
    assert listed(RECORDS, 'thing list --query "[].name"').entity == ["a", "b"]


def test_a_query_that_is_no_jmespath_is_refused() -> None:
    with pytest.raises(UsageError, match="--query") as caught:
        listed(RECORDS, 'thing list --query "[?"')

    assert "--query status" in caught.value.remedy


def test_formats_are_those_of_az() -> None:
    outcome = listed(RECORDS)

    assert json.loads(output.render(outcome, "json")) == RECORDS
    assert output.render(outcome, "yaml").startswith("- name: a\n  n: 1\n")
    assert output.render(outcome, "tsv") == "a\t1\t\nb\t2\t"
    assert output.render(outcome, "none") == ""
    assert output.render(outcome, "table").splitlines()[0].split() == ["name", "n"]


@pytest.mark.parametrize(
    ("value", "text"), [("x y", "x y"), (True, "true"), (3, "3"), (["a", "b"], "a\nb"), (None, "")]
)
def test_a_bare_value_is_printed_bare_as_tsv(value: object, text: str) -> None:
    assert output.render(Outcome(value), "tsv") == text


def test_json_keeps_letters_that_are_not_ascii() -> None:
    assert output.render(Outcome({"a": "ä"}), "json") == '{\n  "a": "ä"\n}'


def test_an_outcome_with_a_format_shows_as_that_format() -> None:
    outcome = listed(RECORDS, "thing list -o yaml")

    assert repr(outcome) == output.render(outcome, "yaml")
    assert set(outcome._repr_mimebundle_()) == {"text/plain"}
    assert outcome._repr_html_() is None


def test_columns_are_paths_with_heads() -> None:
    records = [{"name": "a", "creation_context": {"created_at": "2026"}}]
    outcome = listed(records, columns=("name", "created=creation_context.created_at"))

    assert repr(outcome).splitlines()[1].split() == ["name", "created"]
    assert "LOCAL" in repr(outcome)
    assert "LOCAL" in outcome._repr_html_()


def test_a_record_shows_its_fields_and_its_place() -> None:
    outcome = Outcome({"name": "a", "version": "3"}, place="AZURE", title="data")

    assert "AZURE" in repr(outcome)
    assert "version" in outcome._repr_html_()


def test_a_kind_of_drawing_is_a_module_of_views(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(html=lambda s: f"<b>{s['x']}</b>", plain=lambda s: f"plain {s['x']}")
    monkeypatch.setitem(sys.modules, "jupyter_aml.views.odd", module)
    outcome = Outcome({}, kind="odd", details=lambda: {"x": 1})

    assert repr(outcome) == "plain 1"
    assert outcome._repr_mimebundle_() == {"text/plain": "plain 1", "text/html": "<b>1</b>"}


def test_an_outcome_has_the_attributes_of_its_entity() -> None:
    job = Outcome(SimpleNamespace(name="j", status="Running"))

    assert (job.status, str(job)) == ("Running", "j")
    assert "status" in dir(job)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = job.nothing


def test_an_outcome_of_a_list_is_iterated_and_counted() -> None:
    outcome = Outcome([1, 2])

    assert (list(outcome), len(outcome), outcome[1], 2 in outcome, bool(Outcome([]))) == ([1, 2], 2, 2, True, False)


def test_refresh_fetches_the_entity_again() -> None:
    states = iter(["Running", "Completed"])
    job = Outcome(SimpleNamespace(status="NotStarted"), again=lambda: SimpleNamespace(status=next(states)))

    assert [job.refresh().status, job.refresh().status] == ["Running", "Completed"]


def test_a_workspace_named_on_the_line_is_the_target_of_this_command_only() -> None:
    seen = []

    def verb(context: Context, args: Args) -> None:
        seen.append(context.target)

    context = Context(namespace={})
    table = build((Noun("thing", "Things.", (Verb("list", "List.", verb),)),))
    run(tokenize("thing list -w ws -g rg --subscription s"), context, table=table)

    assert (seen[0].workspace, seen[0].group, seen[0].subscription) == ("ws", "rg", "s")
    assert not context.target


def test_a_file_named_dash_is_standard_input_in_a_terminal(do: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("name: x\n"))

    assert do("data create -f -", context=Context()).entity["body"] == "name: x\n"


def test_a_file_named_dash_is_the_body_of_a_cell_and_nothing_else_there(do: Runner) -> None:
    assert do("data create -f -", "name: x\n").entity["body"] == "name: x\n"
    with pytest.raises(UsageError, match="reads the body of a cell") as caught:
        do("data create -f -")

    assert "%%aml" in caught.value.remedy


# ---- help


def test_help_lists_nouns_verbs_and_cells(do: Runner) -> None:
    shown = do("-h").entity

    for expected in ("connect", "role assignment", "%%aml command", "--query JMESPATH"):
        assert expected in shown


def test_help_of_a_verb_shows_form_flags_and_examples(do: Runner) -> None:
    shown = do("data create -h").entity

    for expected in (
        "%aml data create [NAME] [PATH] [--flags]",
        "-n, --name NAME",
        "-t, --type uri_file|uri_folder|mltable",
        "--set NAME=VALUE",
        "(several)",
        "%aml data create iris iris.csv",
    ):
        assert expected in shown


def test_the_version_is_told(do: Runner) -> None:
    from jupyter_aml import __version__

    assert do("--version").entity == f"jupyter_aml {__version__}"


def test_help_in_a_terminal_leaves_the_percent_sign_out(do: Runner) -> None:
    shown = do("data create -h", context=Context(prefix="aml")).entity

    assert "%" not in shown
    assert "aml data create iris iris.csv" in shown


def test_the_reference_has_every_verb(grammar: Grammar) -> None:
    page = markdown(grammar)

    for expected in ("### `%aml data create [NAME] [PATH]`", "### `%%aml command [NAME]`", "uri_file\\|uri_folder"):
        assert expected in page


# ---- context


def test_a_destructive_command_without_a_person_needs_yes() -> None:
    with pytest.raises(UsageError, match="Nobody can be asked") as caught:
        Context().confirm("Delete iris?", yes=False)

    assert "--yes" in caught.value.remedy
    Context().confirm("Delete iris?", yes=True)


def test_the_answer_no_changes_nothing() -> None:
    with pytest.raises(AmlError, match="Nothing was changed"):
        Context(interactive=True, ask=lambda _question: False).confirm("Delete?", yes=False)


def test_a_result_is_bound_to_a_variable() -> None:
    names: dict[str, Any] = {}
    Context(namespace=names).bind("job", 1)

    assert names == {"job": 1}


@pytest.mark.parametrize(("name", "namespace"), [("a b", {}), ("job", None)])
def test_a_variable_that_cannot_be_is_refused(name: str, namespace: Any) -> None:
    with pytest.raises(UsageError, match=f"--var {name}"):
        Context(namespace=namespace).bind(name, 1)


def test_warnings_can_be_left_out() -> None:
    told: list[str] = []
    Context(stderr=told.append).warn("careful")
    Context(stderr=told.append, quiet=True).warn("silence")

    assert told == ["careful\n"]


def test_paths_start_at_the_folder_of_the_context(tmp_path: Path) -> None:
    assert Context(cwd=tmp_path).path("a/b") == tmp_path / "a" / "b"


# ---- faults


def answer(body: dict[str, Any], status: int = 404) -> Exception:
    from azure.core.exceptions import HttpResponseError

    response = SimpleNamespace(status_code=status, reason="r", text=lambda: json.dumps(body))
    return HttpResponseError(message="(X) long", response=response)


def test_an_answer_of_the_service_becomes_a_sentence_with_its_code_and_remedy() -> None:
    body = {
        "error": {
            "code": "ResourceNotFound",
            "message": "Data iris:9 is not in workspace local. Type %aml data list.",
            "additionalInfo": [{"type": "Remedy", "info": {"value": "Type %aml data list."}}],
        }
    }
    found = faults.translate(answer(body))

    assert isinstance(found, ResourceError)
    assert (found.status, found.code, found.remedy) == (404, "ResourceNotFound", "Type %aml data list.")
    assert faults.lines(found) == ["Data iris:9 is not in workspace local. (ResourceNotFound)", "Type %aml data list."]


def test_a_validation_error_of_the_sdk_is_a_sentence() -> None:
    from azure.ai.ml.exceptions import ErrorCategory, ErrorTarget, ValidationException

    error = ValidationException(
        message="The path is empty.",
        no_personal_data_message="",
        target=ErrorTarget.DATA,
        error_category=ErrorCategory.USER_ERROR,
    )

    found = faults.translate(error)

    assert type(found) is AmlError
    assert found.message == "The path is empty."


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    found = faults.translate(FileNotFoundError(2, "No such file or directory", "a.yml"))

    assert found is not None
    assert found.message == "No such file or directory: a.yml"


def test_a_bug_is_not_translated() -> None:
    assert faults.translate(KeyError("x")) is None
    assert "0.1" in faults.bug_report(KeyError("x"), "0.1")


def test_a_flag_of_a_verb_hides_the_common_one_of_its_name() -> None:
    verb = Verb("x", "X.", lambda _c, _a: None, flags=(Flag("query", "Mine."), Flag("web", "Web.", "w")))
    flags = {flag.name: flag for flag in verb.all_flags}

    assert flags["query"].help == "Mine."
    assert flags["workspace-name"].short == ""


NOT_THERE = """
\x1b[30m
1) Resource was not found.
\x1b[39m

Details:

\x1b[31m(x) Asset irs does not exist in workspace local.\x1b[39m

Resolutions:
1) Double-check that the resource has been specified correctly and that you have access to it.
If using the CLI, you can also check the full log in debug mode

Additional Resources: The easiest way ...
"""


def sdk_error(message: str) -> Exception:
    from azure.ai.ml.exceptions import MlException

    return MlException(message=message, no_personal_data_message="")


def test_the_sdks_long_message_for_a_missing_asset_is_one_line() -> None:
    found = faults.translate(sdk_error(NOT_THERE))

    assert isinstance(found, ResourceError)
    assert (found.status, found.message) == (404, "Asset irs does not exist in workspace local.")


def test_the_sdks_message_about_fields_names_them() -> None:
    message = (
        "Error: \n1) One or more fields are invalid\n\nDetails:\n\n"
        "(x) type:\n- Not a valid string\n(x) path:\n- Missing\n"
        "Resolutions:\n1) Double-check all parameters.\nIf using the CLI, x"
    )
    found = faults.translate(sdk_error(message))

    assert found is not None
    assert faults.lines(found) == [
        "type: Not a valid string\npath: Missing",
        "One or more fields are invalid.",
        "Double-check all parameters.",
    ]


def test_the_json_of_a_validation_names_the_paths() -> None:
    message = json.dumps({"result": "Failed", "errors": [{"message": "Not a valid URL.", "path": "jobs.a.code"}]})
    found = faults.translate(sdk_error(message))

    assert found is not None
    assert found.message == "jobs.a.code: Not a valid URL."


def test_the_sdks_names_of_enumerations_are_the_services_words() -> None:
    from jupyter_aml.commands.plain import plain

    found = plain({"a": "CreatedByType.USER", "b": "ProvisioningState.IN_PROGRESS", "c": "Foo.BAR", "d": "type"})

    assert found == {"a": "User", "b": "InProgress", "c": "Foo.BAR", "d": "type"}


class DictJob(dict[str, Any]):
    """Like the SDK's command: a dict by inheritance, empty as one."""

    name = "quiet_sky"

    def _to_dict(self) -> dict[str, Any]:
        return {"name": self.name}


def test_a_job_that_inherits_from_dict_is_a_job(do: Runner) -> None:
    job = Outcome(DictJob())

    assert bool(job)
    assert job.plain == {"name": "quiet_sky"}
    with pytest.raises(UsageError, match="no name before a value"):
        do("command --input {job}", "pass", Context(namespace={"job": job}))


@pytest.mark.parametrize(("verbose", "count"), [(False, 0), (True, 1)])
def test_notes_about_experimental_classes_are_left_out(
    caplog: pytest.LogCaptureFixture, verbose: bool, count: int
) -> None:
    from azure.ai.ml._utils import _experimental

    with hushed(verbose=verbose):
        _experimental.module_logger.warning("Class X: %s", _experimental.EXPERIMENTAL_CLASS_MESSAGE)
        _experimental.module_logger.warning("Something else.")

    told = [record.getMessage() for record in caplog.records]
    assert sum("experimental" in text for text in told) == count
    assert "Something else." in told
