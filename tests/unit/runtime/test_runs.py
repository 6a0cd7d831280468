"""A script sees what `python script.py` shows it, forked or started afresh."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.runtime.spec import Python

from .conftest import Bench, wait_until


def test_a_script_runs_and_its_lines_are_in_the_log(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import sys; print('hello', *sys.argv[1:]); print('worse', file=sys.stderr)")

    end, text = bench.run(provisioner, bench.spec("a b", "ü"))

    assert end.ok
    assert end.code == 0
    assert end.ended >= end.started > 0
    assert text == "hello a b ü\nworse\n"


def test_the_main_module_is_as_python_makes_it(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        '''
        """Words."""
        import json, os, sys
        print(json.dumps({
            "names": sorted(globals()), "file": __file__, "name": __name__, "doc": __doc__, "spec": __spec__,
            "argv": sys.argv, "path0": sys.path[0], "cwd": os.getcwd(),
            "main": sys.modules["__main__"].__dict__ is globals(),
            "loader": type(__loader__).__name__, "stdin": sys.stdin.read(), "orig": sys.orig_argv[1:],
            "prefix": sys.prefix, "executable": sys.executable, "venv": os.environ["VIRTUAL_ENV"],
        }))
        '''
    )
    spec = bench.spec("--x", "1")

    _, text = bench.run(provisioner, spec)
    seen = json.loads(text)

    names = (
        "__annotations__ __builtins__ __cached__ __doc__ __file__ __loader__ __name__ __package__ __spec__ json os sys"
    )
    assert set(seen.pop("names")) | {"__annotations__"} == set(names.split())
    assert seen == {
        "file": str(bench.code / "train.py"),
        "name": "__main__",
        "doc": "Words.",
        "spec": None,
        "argv": ["train.py", "--x", "1"],
        "path0": str(bench.code),
        "cwd": str(bench.code),
        "main": True,
        "loader": "SourceFileLoader",
        "stdin": "",
        "orig": ["train.py", "--x", "1"],
        "prefix": spec.overlay,
        "executable": str(Path(spec.overlay, "bin", "python")),
        "venv": spec.overlay,
    }


def test_the_environment_is_the_given_one_and_nothing_else(
    bench: Bench, provisioner: Provisioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    bench.script("import os, json; print(json.dumps(dict(os.environ))); os.system('echo $MINE')")
    spec = bench.spec(env={"MINE": "yes", "PYTHONDONTWRITEBYTECODE": "1"})

    _, text = bench.run(provisioner, spec)
    seen = json.loads(text.splitlines()[0])

    assert seen["MINE"] == "yes"
    assert "SECRET_OF_THE_HOST" not in seen
    assert "PYTHONDONTWRITEBYTECODE" not in seen
    assert seen["PATH"].startswith(str(Path(spec.overlay, "bin")))
    assert text.splitlines()[1] == "yes"


def test_modules_beside_the_script_and_on_the_python_path_are_found(bench: Bench, provisioner: Provisioner) -> None:
    extra = bench.folder / "extra"
    extra.mkdir()
    (extra / "far.py").write_text("value = 2")
    bench.script("value = 1", "near.py")
    bench.script("import near, far; print(near.value + far.value)")

    _, text = bench.run(provisioner, bench.spec(env={"PYTHONPATH": str(extra)}))

    assert text == "3\n"


def test_a_module_runs_as_with_the_m_flag(bench: Bench, provisioner: Provisioner) -> None:
    (bench.code / "pkg").mkdir()
    bench.script("", "pkg/__init__.py")
    bench.script("import sys; print(__name__, __spec__.name, sys.argv[1:], sys.argv[0], sys.path[0])", "pkg/job.py")

    _, text = bench.run(provisioner, bench.spec(python=Python(module="pkg.job", args=("7",))))

    assert text == f"__main__ pkg.job ['7'] {bench.code / 'pkg' / 'job.py'} {bench.code}\n"


def test_a_missing_module_ends_with_1_and_says_so(bench: Bench, provisioner: Provisioner) -> None:
    end, text = bench.run(provisioner, bench.spec(python=Python(module="pkg.nothing")))

    assert end.code == 1
    assert "No module named" in text


def test_a_missing_script_ends_with_2_and_pythons_words(bench: Bench, provisioner: Provisioner) -> None:
    end, text = bench.run(provisioner, bench.spec(script="nowhere.py"))

    assert end.code == 2
    assert text.endswith(f"can't open file '{bench.code / 'nowhere.py'}': [Errno 2] No such file or directory\n")


@pytest.mark.parametrize(
    ("statement", "code", "text"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('enough')", 1, "enough\n"),
        ("raise SystemExit(257)", 1, ""),
        ("os._exit(9)", 9, ""),
    ],
)
def test_exit_statuses_are_pythons(
    bench: Bench, provisioner: Provisioner, statement: str, code: int, text: str
) -> None:
    bench.script(f"import os, sys\n{statement}")

    end, seen = bench.run(provisioner, bench.spec())

    assert (end.code, end.signal, end.reason, end.error) == (code, None, "exited", None)
    assert seen == text


def test_a_run_that_kills_itself_ends_with_the_signal(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    end, _ = bench.run(provisioner, bench.spec())

    assert (end.code, end.signal, end.reason) == (None, signal.SIGKILL, "exited")


def test_an_uncaught_exception_is_printed_as_python_prints_it_and_recorded(
    bench: Bench, provisioner: Provisioner
) -> None:
    bench.script("def inner():\n    raise ValueError('so wröng')\n\nprint('before')\ninner()\n")

    end, text = bench.run(provisioner, bench.spec())

    path = bench.code / "train.py"
    expected = (
        "Traceback (most recent call last):\n"
        f'  File "{path}", line 5, in <module>\n    inner()\n'
        f"  File \"{path}\", line 2, in inner\n    raise ValueError('so wröng')\n"
        "ValueError: so wröng\n"
    )
    assert text == f"before\n{expected}"
    assert end.code == 1
    assert end.error == {"type": "ValueError", "message": "so wröng", "traceback": expected}


def test_a_syntax_error_shows_only_the_script(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("x = (1,\n")

    end, text = bench.run(provisioner, bench.spec())

    assert end.code == 1
    assert text.splitlines()[0] == f'  File "{bench.code / "train.py"}", line 1'
    assert text.splitlines()[-1] == "SyntaxError: '(' was never closed"


def test_the_end_of_a_script_runs_threads_hooks_and_closes_files(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        """
        import atexit, threading, time
        class Closes:
            def __del__(self): print("deleted")
        atexit.register(print, "atexit")
        threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
        left_open = open("out.txt", "w"); left_open.write("all of it")
        thing = Closes()
        print("main")
        """
    )

    end, text = bench.run(provisioner, bench.spec())

    assert end.ok
    assert text == "main\nthread\natexit\ndeleted\n"
    assert (bench.code / "out.txt").read_text() == "all of it"


def test_lines_are_in_the_log_while_the_script_runs(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import time\nprint('live')\ntime.sleep(60)")
    spec = bench.spec()

    handle = bench.start(provisioner, spec)

    wait_until(lambda: Path(spec.log).exists() and Path(spec.log).read_text() == "live\n")
    assert handle.poll() is None


def test_twenty_megabytes_of_output_all_arrive(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("for i in range(200_000): print('x' * 99)")

    end, text = bench.run(provisioner, bench.spec())

    assert end.ok
    assert len(text) == 20_000_000


def test_the_log_is_appended_to(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("print('second')")
    spec = bench.spec()
    Path(spec.log).write_text("first\n")

    _, text = bench.run(provisioner, spec)

    assert text == "first\nsecond\n"


def test_a_missing_working_folder_is_said_in_the_log(bench: Bench, provisioner: Provisioner) -> None:
    spec = bench.spec()
    bench.code.rmdir()

    end, text = bench.run(provisioner, spec)

    assert end.code == 125
    assert "could not be set up" in text
    assert str(bench.code) in text
    assert end.error is not None


def test_a_timeout_ends_the_run(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import time; time.sleep(60)")

    end, _ = bench.run(provisioner, bench.spec(timeout=0.3))

    assert (end.reason, end.signal) == ("timeout", signal.SIGTERM)
    assert end.ended - end.started < 5


def test_a_hook_of_the_script_for_uncaught_exceptions_is_called(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import sys\nsys.excepthook = lambda k, e, t: print('mine', e)\nraise KeyError(1)")

    end, text = bench.run(provisioner, bench.spec())

    assert end.code == 1
    assert text == "mine 1\n"


def test_directory_listings_are_sorted(bench: Bench, provisioner: Provisioner) -> None:
    for name in "dbca":
        bench.script("", f"{name}.txt")
    bench.script("import os; print(os.listdir('.')[:4])")

    _, text = bench.run(provisioner, bench.spec())

    assert text == "['a.txt', 'b.txt', 'c.txt', 'd.txt']\n"


def test_a_class_may_hold_the_function_for_directory_listings(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import os\nclass Accessor:\n    listdir = os.listdir\nprint(len(Accessor().listdir('.')) > 0)")

    end, text = bench.run(provisioner, bench.spec())

    assert (end.code, text) == (0, "True\n")


def test_random_numbers_differ_between_runs(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import random, numpy; print(random.random(), numpy.random.rand())")

    _, first = bench.run(provisioner, bench.spec())
    _, second = bench.run(provisioner, bench.spec())

    assert not set(first.split()) & set(second.split())


WORKERS = """
import multiprocessing, os, sys

def square(x):
    return x * x, sys.executable

if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print(pool.map(square, range(4)))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_in_a_script(bench: Bench, provisioner: Provisioner, method: str) -> None:
    bench.script(WORKERS.format(method=method))
    spec = bench.spec()

    end, text = bench.run(provisioner, spec)

    assert end.ok, text
    assert text == f"{[(x * x, str(Path(spec.overlay, 'bin', 'python'))) for x in range(4)]}\n"


def test_joblib_workers_compute_and_leave(bench: Bench, provisioner: Provisioner) -> None:
    bench.script(
        """
        from joblib import Parallel, delayed
        from sklearn.datasets import load_breast_cancer
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.model_selection import cross_val_score

        def name(x):
            return x * 2

        if __name__ == "__main__":
            print(Parallel(n_jobs=2)(delayed(name)(i) for i in range(3)))
            x, y = load_breast_cancer(return_X_y=True)
            print(cross_val_score(HistGradientBoostingClassifier(max_iter=3), x, y, cv=2, n_jobs=2).shape)
        """
    )

    end, text = bench.run(provisioner, bench.spec())

    assert end.ok, text
    assert text == "[0, 2, 4]\n(2,)\n"


def test_the_interpreter_of_the_run_is_this_one(bench: Bench, provisioner: Provisioner) -> None:
    bench.script("import sys; print(*sys.version_info[:3])")

    _, text = bench.run(provisioner, bench.spec())

    assert text.split() == [str(part) for part in sys.version_info[:3]]
