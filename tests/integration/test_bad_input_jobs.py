"""Jobs that go wrong through the unmodified SDK: each ends `Failed` with a sentence, and the next one runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, Output
from azure.ai.ml.entities import Data
from azure.core.exceptions import HttpResponseError

from jupyter_aml.agent import processes

from .conftest import Lab, wait_for


@pytest.fixture(autouse=True)
def the_next_job_runs(lab: Lab) -> Any:
    """Whatever a test did, nothing else is damaged: an ordinary job still completes."""
    yield
    name, status = lab.run("print('still here')")
    assert (status, lab.log(name)) == ("Completed", "still here\n")


def test_a_script_that_exits_3_fails_with_its_code_and_last_line(lab: Lab) -> None:
    name, status = lab.run("import sys; print('no such table'); sys.exit(3)")

    assert status == "Failed"
    assert lab.error(name) == "The command ended with exit code 3. Its last line: no such table"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGKILL, "The run was killed by signal 9 SIGKILL (out of memory?)."),
        (signal.SIGSEGV, "The run was killed by signal 11 SIGSEGV."),
    ],
)
def test_a_script_that_is_killed_fails_with_the_signals_name(lab: Lab, number: int, said: str) -> None:
    name, status = lab.run(f"import os; print('begun'); os.kill(os.getpid(), {int(number)})")

    assert status == "Failed"
    assert lab.error(name) == said
    assert lab.log(name) == f"begun\n{said}\n"


def test_a_program_of_a_shell_command_that_is_killed_is_told_by_its_signal(lab: Lab) -> None:
    name, status = lab.run(command="echo begun\nbash -c 'kill -SEGV $$'\nexit $?")

    assert status == "Failed"
    assert "exit code 139. A program of it was killed by signal 11 SIGSEGV." in lab.error(name)


def test_a_failing_script_shows_its_own_traceback_first(lab: Lab) -> None:
    name, status = lab.run(
        """
        import logging
        try:
            {}["handled"]
        except KeyError:
            logging.exception("carried on")
        raise ValueError("no rows")
        """
    )
    snapshot = lab.reader().snapshot(name)

    assert status == "Failed"
    assert snapshot["error"]["message"] == "ValueError: no rows"
    assert snapshot["error"]["traceback"].startswith("Traceback (most recent call last):\n")
    assert "train.py" in snapshot["error"]["traceback"].splitlines()[1]
    assert "KeyError" not in snapshot["error"]["traceback"]


def test_a_placeholder_that_names_nothing_is_refused_and_no_job_is_made(lab: Lab) -> None:
    before = len(list(lab.client.jobs.list()))

    with pytest.raises(Exception, match="'rat' referenced in command"):  # the SDK looks at inputs itself
        lab.submit(command="echo ${{inputs.rat}}", inputs={"rate": 0.1})
    with pytest.raises(Exception, match=r"outputs\.modl|'modl'"):
        lab.submit(command="echo ${{outputs.modl}}", outputs={"model": Output(type="uri_folder")})
    with pytest.raises(HttpResponseError, match="names no value of the job"):
        lab.submit(command="echo ${{nam}}")

    assert len(list(lab.client.jobs.list())) == before


def test_a_missing_script_fails_with_its_name(lab: Lab) -> None:
    name, status = lab.run("pass", command="python trian.py")

    assert status == "Failed"
    assert "trian.py" in lab.error(name)


def test_a_missing_input_in_a_datastore_is_named(lab: Lab) -> None:
    uri = "azureml://datastores/workspaceblobstore/paths/nowhere/x.csv"
    name, status = lab.run(command="cat ${{inputs.d}}", inputs={"d": Input(type="uri_file", path=uri)})

    assert status == "Failed"
    assert "nowhere/x.csv" in lab.error(name)
    assert lab.error(name) in lab.log(name)


def test_a_missing_local_input_is_refused_before_anything_is_sent(lab: Lab) -> None:
    before = len(list(lab.client.jobs.list()))

    with pytest.raises(Exception, match=r"not.*exist|No such file"):
        lab.submit(command="cat ${{inputs.d}}", inputs={"d": Input(type="uri_file", path="./nowhere.csv")})

    assert len(list(lab.client.jobs.list())) == before


def test_an_empty_folder_of_data_is_refused(lab: Lab) -> None:
    Path("empty").mkdir()

    with pytest.raises(Exception, match=r"(?i)empty"):
        lab.client.data.create_or_update(Data(name="empty", version="1", type="uri_folder", path="empty"))

    assert "empty" not in [one.name for one in lab.client.data.list()]


def test_an_empty_folder_of_code_is_refused(lab: Lab) -> None:
    Path("no code").mkdir()

    with pytest.raises(Exception, match=r"(?i)empty"):
        lab.submit(command="true", code="no code")


def test_a_csv_of_0_bytes_is_kept_and_the_script_that_reads_it_says_so_itself(lab: Lab) -> None:
    Path("empty.csv").touch()
    lab.client.data.create_or_update(Data(name="zero", version="1", type="uri_file", path="empty.csv"))

    name, status = lab.run(
        "import sys, pandas as pd\nprint(pd.read_csv(sys.argv[1]))",
        command="python train.py ${{inputs.d}}",
        inputs={"d": Input(type="uri_file", path="azureml:zero:1")},
    )

    assert status == "Failed"
    assert lab.error(name) == "EmptyDataError: No columns to parse from file"


STRANGE = ("a b.csv", "ü ñ 日本.csv", "50% & #1 + x;'\"$HOME.csv", "-rf", "ʀ\u0301é.csv")


def test_strange_names_of_files_and_folders_arrive_as_they_are(lab: Lab) -> None:
    data = Path("dåta & more")
    for name in STRANGE:
        path = data / "deep er" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    lab.client.data.create_or_update(
        Data(name="strange", version="1", type="uri_folder", path=str(data), description="Ünï 日本 'quoted' \\ \"x\"")
    )

    name, status = lab.run(
        """
        import os, pathlib, sys
        source, target = map(pathlib.Path, sys.argv[1:3])
        for path in sorted(source.rglob("*")):
            if path.is_file():
                kept = target / "öut" / path.name
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        print(sys.argv[3])
        """,
        command="python train.py ${{inputs.d}} ${{outputs.o}} 'Zoë says ${{inputs.text}}'",
        inputs={"d": Input(type="uri_folder", path="azureml:strange:1"), "text": "ü $HOME \\n"},
        outputs={"o": Output(type="uri_folder", name="strange_out")},
        display_name="Zoë's jöb 日本",
        description="ünï",
        tags={"wer": "Zoë", "日本": "ja"},
    )
    assert status == "Completed", lab.error(name)
    assert lab.log(name) == "Zoë says ü $HOME \\n\n"
    assert lab.client.data.get("strange", "1").description == "Ünï 日本 'quoted' \\ \"x\""
    job = lab.client.jobs.get(name)
    assert (job.display_name, job.tags["日本"]) == ("Zoë's jöb 日本", "ja")

    lab.client.jobs.download(name, download_path="döwn load", output_name="o")

    found = {path.name: path.read_text(encoding="utf-8") for path in Path("döwn load").rglob("*") if path.is_file()}
    assert found == {name: name for name in STRANGE}


def test_names_that_are_no_utf_8_do_not_stop_a_job(lab: Lab) -> None:
    name, status = lab.run(
        r"""
        import os
        os.makedirs(b"outputs/d\xff")
        open(b"outputs/d\xff/caf\xe9.txt", "w").write("x")
        open("outputs/ok.txt", "w").write("x")
        print(b"\xff\xfe in the log".decode(errors="surrogateescape").encode(errors="surrogateescape"))
        os.write(1, b"\xff\xfe raw\n")
        """
    )

    assert status == "Completed", lab.error(name)
    assert lab.log_path(name).read_bytes().endswith(b"\xff\xfe raw\n")
    lab.client.jobs.stream(name)
    assert "raw" in lab.reader().snapshot(name)["log"]


def memory(pid: int) -> int:
    """The most bytes of memory that a process has held."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM:")).split()[1]) * 1024


MIB = 1 << 20


def print_much(lab: Lab, megabytes: int, capsys: Any) -> None:
    """A script prints without end while the host stays small, the log is read by its offsets, the stream ends."""
    lab.run("pass")
    pid = lab.host()["pid"]
    line = "x" * 1023
    Path("/proc", str(pid), "clear_refs").write_text("5", encoding="ascii")  # VmHWM begins anew
    before = memory(pid)

    name = lab.submit(f"for _ in range({megabytes} * 1024): print({line!r})")
    lab.client.jobs.stream(name)

    assert lab.status(name) == "Completed"
    assert memory(pid) - before < 40 * MIB
    assert lab.log_path(name).stat().st_size == megabytes * MIB
    streamed = capsys.readouterr().out
    assert streamed.count(line) == megabytes * 1024
    reader = lab.reader()
    url = reader.log_files(name)["user_logs/std_log.txt"]
    middle = megabytes * MIB // 2
    assert reader.bytes_of(url, middle, middle + 1023) == (f"{line}\n".encode(), megabytes * MIB)
    assert len(reader.snapshot(name)["log"]) < MIB


def test_a_script_that_prints_20_mb_leaves_the_host_small_and_its_log_readable(lab: Lab, capsys: Any) -> None:
    print_much(lab, 20, capsys)


@pytest.mark.soak
def test_a_script_that_prints_200_mb_leaves_the_host_small_and_its_log_readable(lab: Lab, capsys: Any) -> None:
    print_much(lab, 200, capsys)


def test_a_log_that_grows_is_streamed_while_it_grows_and_each_line_comes_once(lab: Lab, capsys: Any) -> None:
    name = lab.submit("import time\nfor n in range(40):\n    print('line', n)\n    time.sleep(0.02)")

    lab.client.jobs.stream(name)

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("line ")]
    assert lines == [f"line {n}" for n in range(40)]


def write_many(lab: Lab, files: int) -> None:
    name, status = lab.run(
        f"""
        import os, sys
        for n in range({files}):
            place = os.path.join(sys.argv[1], str(n % 100))
            os.makedirs(place, exist_ok=True)
            open(os.path.join(place, f"{{n}}.txt"), "w").write(str(n))
        """,
        command="python train.py ${{outputs.o}}",
        outputs={"o": Output(type="uri_folder", name=f"many{files}")},
    )

    assert status == "Completed", lab.error(name)
    made = lab.client.data.get(f"many{files}", "1")
    kept = lab.folder / "blobs"
    found = sum(1 for path in kept.rglob("*.txt") if f"/{name}/" in str(path))
    assert found == files
    assert name in made.path
    assert not (lab.folder / "work" / name).exists()


def test_a_script_that_writes_5000_files_keeps_them_all(lab: Lab) -> None:
    write_many(lab, 5_000)


@pytest.mark.soak
def test_a_script_that_writes_100000_files_keeps_them_all(lab: Lab) -> None:
    write_many(lab, 100_000)


FORKS = """
import os, pathlib, sys, time
pids = pathlib.Path(sys.argv[1])
for n in range(12):
    if os.fork() == 0:
        if n % 2:
            os.setsid()
        if n % 3 == 0 and os.fork():
            os._exit(0)
        (pids / str(os.getpid())).touch()
        time.sleep(300)
while len(list(pids.iterdir())) < 12:
    time.sleep(0.01)
print("forked")
{last}
"""


def living(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if processes.alive(int(path.name), 0)]


def test_children_that_a_script_leaves_behind_end_with_it(lab: Lab, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()

    _, status = lab.run(FORKS.format(last=""), command=f"python train.py '{pids}'")

    assert status == "Completed"
    assert len(list(pids.iterdir())) == 12
    assert living(pids) == []


def test_a_script_that_never_ends_is_cancelled_with_all_its_children(lab: Lab, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    name = lab.submit(FORKS.format(last="while True: pass"), command=f"python train.py '{pids}'")
    wait_for(lambda: "forked" in lab.log(name), "the script's first line")

    lab.client.jobs.begin_cancel(name).result()

    assert lab.end(name) == "Canceled"
    assert living(pids) == []


def test_a_script_that_never_ends_is_ended_at_its_time_limit(lab: Lab, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()

    name, status = lab.run(FORKS.format(last="while True: pass"), command=f"python train.py '{pids}'", timeout=3)

    assert status == "Failed"
    assert lab.error(name) == "The job ran longer than its limit of 3 s and was ended."
    assert lab.error(name) in lab.log(name)
    assert living(pids) == []


def test_a_job_that_is_submitted_while_the_host_is_dead_starts_a_new_one(lab: Lab) -> None:
    first = lab.kill_host()

    name, status = lab.run("print('up')")

    assert status == "Completed", lab.error(name)
    assert lab.host()["pid"] != first


def test_a_job_with_an_unknown_compute_or_environment_is_refused_with_the_nearest(lab: Lab) -> None:
    with pytest.raises(HttpResponseError, match="plain"):
        lab.submit(command="true", environment="plian:1")
    with pytest.raises(HttpResponseError, match=r"local|compute"):
        lab.submit(command="true", compute="gpu-cluster")


def test_an_output_that_cannot_be_kept_fails_the_job_in_words_and_keeps_its_log(lab: Lab) -> None:
    uri = "azureml://datastores/workspaceblobstore/paths/taken"
    line = "python train.py ${{outputs.o}}"
    as_file, as_folder = Output(type="uri_file", path=uri), Output(type="uri_folder", path=f"{uri}/")
    first, status = lab.run("import sys\nopen(sys.argv[1], 'w').write('x')", command=line, outputs={"o": as_file})
    assert status == "Completed", lab.error(first)

    name, status = lab.run("print('done')", command=line, outputs={"o": as_folder})

    assert status == "Failed"
    assert "would bear the same name" in lab.error(name)
    assert lab.log(name).startswith("done\n")
    kept = [path.read_text() for path in (lab.folder / "blobs").rglob("taken")]
    assert kept == ["x"]


def test_a_script_that_closes_deletes_or_replaces_what_is_ours_still_ends(lab: Lab) -> None:
    name, status = lab.run(
        """
        import os, shutil
        print("begun", flush=True)
        here = os.getcwd()
        shutil.rmtree(os.path.join(here, "outputs"), ignore_errors=True)
        os.chdir("/")
        shutil.rmtree(here)
        os.close(1)
        os.close(2)
        """
    )

    assert status == "Completed", lab.error(name)
    assert lab.log(name) == "begun\n"


def test_a_job_whose_supervisor_is_killed_fails_and_nothing_of_it_is_left(lab: Lab, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    name = lab.submit(FORKS.format(last="while True: time.sleep(1)"), command=f"python train.py '{pids}'")
    wait_for(lambda: "forked" in lab.log(name), "the script's first line")

    os.kill(lab.supervisor(name), signal.SIGKILL)

    assert lab.end(name) == "Failed"
    assert "killed from outside" in lab.error(name)
    assert lab.error(name) in lab.log(name)
    wait_for(lambda: not living(pids), "the end of every child")
