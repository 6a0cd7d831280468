"""A body with its header is an ordinary script whose line numbers are the cell's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from jupyter_aml.commands.scripts.header import Parameter, Result, arguments, compose, readable

ALL = (
    Parameter("data", "path"),
    Parameter("lr", "float", 0.1),
    Parameter("depth", "int", 3),
    Parameter("deep", "bool", default=True),
    Parameter("word", "str", 'it\'s "quoted"'),
)


def run(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "train.py").write_text(script)
    return subprocess.run(
        [sys.executable, "train.py", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_inputs_are_variables_of_their_types(tmp_path: Path) -> None:
    script = compose("print(repr((data, lr, depth, deep, word)))", ALL, ())
    done = run(script, tmp_path, "--data", "x.csv", "--lr", "1e-3", "--deep", "False")

    assert done.stdout == "('x.csv', 0.001, 3, False, 'it\\'s \"quoted\"')\n"


def test_the_readable_form_does_the_same(tmp_path: Path) -> None:
    script = readable(compose("print(repr((data, lr, depth, deep, word)))", ALL, ()))
    done = run(script, tmp_path, "--data", "x.csv", "--deep", "0")

    assert done.stdout == "('x.csv', 0.1, 3, False, 'it\\'s \"quoted\"')\n"
    assert script.startswith("import argparse\nimport os\nparser = argparse.ArgumentParser()\n")


def test_results_are_paths_whose_folders_exist(tmp_path: Path) -> None:
    body = "import os\nprint(os.path.isdir(model), os.path.isdir(os.path.dirname(table)), os.path.exists(table))"
    script = compose(body, (), (Result("model", "mlflow_model"), Result("table", "uri_file")))
    done = run(script, tmp_path, "--table", "out/deep/table.csv")

    assert done.stdout == "True True False\n", done.stderr
    assert (tmp_path / "outputs" / "model").is_dir()


def test_tracebacks_carry_the_cells_line_numbers(tmp_path: Path) -> None:
    done = run(compose("a = 1\n\nraise ValueError(lr)", ALL[1:2], (), first=2), tmp_path)

    assert 'train.py", line 4, in <module>' in done.stderr


def test_a_body_that_is_the_whole_cell_keeps_its_numbers_too(tmp_path: Path) -> None:
    done = run(compose("#| aml: command train\nraise ValueError(lr)", ALL[1:2], (), first=1), tmp_path)

    assert 'train.py", line 2, in <module>' in done.stderr


def test_lines_taken_off_the_top_of_the_body_are_counted(tmp_path: Path) -> None:
    done = run(compose("raise ValueError(lr)", ALL[1:2], (), first=5), tmp_path)

    assert 'train.py", line 5, in <module>' in done.stderr


def test_future_imports_stay_first(tmp_path: Path) -> None:
    script = compose("from __future__ import annotations\nx: Unknown = lr\nraise ValueError(x)", ALL[1:2], ())
    done = run(script, tmp_path)

    assert script.startswith("from __future__ import annotations; import argparse")
    assert "line 4" in done.stderr
    assert "ValueError: 0.1" in done.stderr


def test_an_input_of_data_is_required(tmp_path: Path) -> None:
    done = run(compose("print(data)", ALL[:1], ()), tmp_path)

    assert done.returncode == 2
    assert "required: --data" in done.stderr


def test_a_body_without_inputs_stays_as_it_is(tmp_path: Path) -> None:
    assert compose("print(1)", (), ()) == "# no inputs, no results\nprint(1)\n"


def test_the_command_line_quotes_texts_only() -> None:
    line = arguments((Parameter("data", "path"), Parameter("word", "str", "a b")), (Result("model", "mlflow_model"),))

    assert line == '--data ${{inputs.data}} --word "${{inputs.word}}" --model ${{outputs.model}}'


def test_scripts_of_other_origin_are_shown_as_they_are() -> None:
    assert readable("import os\nprint(1)\n") == "import os\nprint(1)\n"


def test_a_script_of_spark_begins_with_its_session_and_leaves_folders_to_spark() -> None:
    script = compose("print(spark, rows)", (), (Result("rows", "uri_folder"),), spark=True)

    assert script.startswith(
        "from pyspark.sql import SparkSession; spark = SparkSession.builder.getOrCreate(); import "
    )
    assert "makedirs" not in script
    assert readable(script).splitlines()[1] == "spark = SparkSession.builder.getOrCreate()"
    assert (
        readable(compose("print(spark)", (), (), spark=True)).splitlines()[0] == "from pyspark.sql import SparkSession"
    )
