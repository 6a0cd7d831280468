"""Placeholders of a command: what they become, and how a wrong one is refused."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs.binding import Path, Scope, Text, bind, check, expand, literal, placeholders


def test_inputs_outputs_and_names_become_their_values() -> None:
    scope = Scope(
        inputs={"data": Path("/in/iris.csv"), "lr": Text("0.1")},
        outputs={"model": Path("/out/model")},
        names={"name": Text("happy_fox"), "default_datastore": Text("workspaceblobstore")},
    )

    bound = bind(
        "python t.py --data ${{inputs.data}} --lr ${{ inputs.lr }} -o ${{outputs.model}}"
        " ${{name}}@${{default_datastore}}",
        scope,
    )

    assert bound == "python t.py --data /in/iris.csv --lr 0.1 -o /out/model happy_fox@workspaceblobstore"


def test_an_optional_group_is_kept_when_its_input_was_given() -> None:
    scope = Scope(inputs={"depth": Text("3")})

    assert bind("python t.py $[[ --depth ${{inputs.depth}} ]] --end", scope) == "python t.py --depth 3 --end"


@pytest.mark.parametrize("inputs", [{}, {"depth": None}])
def test_an_optional_group_goes_when_its_input_was_left_out(inputs: dict[str, Text | None]) -> None:
    assert bind("python t.py $[[--depth ${{inputs.depth}}]] --end", Scope(inputs=inputs)) == "python t.py  --end"


def test_an_unknown_input_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ResourceError, match=r"uses \$\{\{inputs.dta\}\}, which names no input") as caught:
        check("python t.py ${{inputs.dta}}", Scope(inputs={"data": Text("x")}))

    assert caught.value.status == 400
    assert caught.value.target == "properties.command"
    assert caught.value.remedy == "Did you mean ${{inputs.data}}?"


def test_an_unknown_input_of_a_job_without_inputs_says_to_give_one() -> None:
    with pytest.raises(ResourceError) as caught:
        check("python t.py ${{inputs.data}}", Scope())

    assert caught.value.remedy == "Give the job the input `data`."


def test_a_word_that_is_no_placeholder_of_azure_is_refused() -> None:
    with pytest.raises(ResourceError) as caught:
        check("echo ${{nmae}}", Scope(names={"name": Text("j")}))

    assert caught.value.remedy == "Did you mean ${{name}}?"


def test_a_typo_inside_an_optional_group_is_an_input_left_out() -> None:
    check("python t.py $[[--x ${{inputs.typo}}]]", Scope(inputs={"data": Text("x")}))


def test_a_literal_of_several_words_stays_several_words() -> None:
    assert bind("echo ${{inputs.words}}", Scope(inputs={"words": Text("a b")})) == "echo a b"


@pytest.mark.parametrize("word", ["${{inputs.f}}", "'${{inputs.f}}'", '"${{inputs.f}}"'])
@settings(max_examples=25, deadline=None)
@given(path=st.text(alphabet="ab $`'\"\\*/é", min_size=1))
def test_a_path_stays_one_word_of_the_shell_however_the_user_quoted_it(word: str, path: str) -> None:
    command = bind(f"printf '%s\\n' {word}", Scope(inputs={"f": Path(path)}))

    assert subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout.decode() == path + "\n"


def test_plain_paths_are_not_quoted() -> None:
    assert bind("cat ${{inputs.f}}/x.csv", Scope(inputs={"f": Path("/a/b-c_d.1")})) == "cat /a/b-c_d.1/x.csv"


def test_commands_of_several_lines_and_shell_variables_are_left_alone() -> None:
    command = "for f in a b; do\n  echo $f ${HOME} {{x}} $[1+1]\ndone"

    assert bind(command, Scope()) == command


def test_placeholders_are_listed_once_and_without_groups() -> None:
    found = placeholders("${{inputs.a}} $[[${{inputs.b}}]] ${{outputs.c}} ${{inputs.a}}")

    assert found == ["inputs.a", "outputs.c"]


def test_uris_expand_names_and_keep_what_they_do_not_know() -> None:
    uri = "azureml://datastores/${{default_datastore}}/paths/${{name}}/${{other}}"

    assert expand(uri, {"name": "j", "default_datastore": "d"}) == "azureml://datastores/d/paths/j/${{other}}"


@pytest.mark.parametrize(("value", "text"), [(True, "True"), (3, "3"), (0.5, "0.5"), ("1e-3", "1e-3")])
def test_literals_look_as_python_writes_them(value: object, text: str) -> None:
    assert literal(value) == text
