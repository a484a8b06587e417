"""The command line `python -m weft`: what it prints, its exit status, and that doctor knows every switch."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from weft._src.error_table import TABLE
from weft.tools import cli, doctor

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = pathlib.Path(doctor.__file__).parents[1]


def weft(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "weft", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={k: v for k, v in os.environ.items() if not k.startswith("WEFT_")} | environment,
    )


def test_help_names_the_commands_and_status_2_is_wrong_usage():
    done = weft("--help")
    assert done.returncode == 0
    assert "doctor" in done.stdout and "errors" in done.stdout
    wrong = weft("docter")
    assert wrong.returncode == 2 and "docter" in wrong.stderr


def test_errors_explains_a_code_lists_all_and_refuses_others():
    one = weft("errors", "wf1012")
    assert one.returncode == 0 and one.stdout.startswith("WF1012")
    assert [line.split()[0] for line in weft("errors").stdout.splitlines()] == list(TABLE)
    none = weft("errors", "WF0000")
    assert none.returncode == 1 and "WF0000" in none.stderr and not none.stdout


def test_doctor_says_the_same_to_people_and_programs():
    text, data = weft("doctor"), weft("doctor", "--json")
    findings = json.loads(data.stdout)
    assert text.returncode == data.returncode == any(f["status"] == "off" for f in findings)
    for f in findings:
        assert f["what"] in text.stdout and f["text"] in text.stdout and f["mend"] in text.stdout
    assert {"weft", "python", "runtime", "compiler"} <= {f["what"] for f in findings}


def test_doctor_finds_a_misspelt_variable():
    done = weft("doctor", WEFT_NUM_TREADS="2")
    assert done.returncode == 1
    assert re.search(r"OFF +WEFT_NUM_TREADS.*\n +-> did you mean WEFT_NUM_THREADS\?", done.stdout)


def status(findings):
    return [(f.status, f.what) for f in findings]


def test_doctor_judges_the_processor_and_the_threads():
    old = {"machine": "x86-64", "cpu_features": ["sse2"], "threads": 4, "allowed_cores": [0, 1], "cpu_quota": None}
    assert status(doctor._processor(old)) == [("off", "processor")]
    assert status(doctor._processor(old | {"cpu_features": ["avx2", "fma"]})) == [("ok", "processor")]
    assert status(doctor._threads(old, {"WEFT_NUM_THREADS": "4"})) == [("off", "threads")]
    assert status(doctor._threads(old, {"WEFT_NUM_THREADS": "four"})) == [("off", "threads")]
    two = doctor._threads(old | {"threads": 2, "cpu_quota": 1.5}, {})
    assert status(two) == [("ok", "threads")] and "1.5" in two[0].text


def test_doctor_knows_every_variable_that_the_sources_read():
    if not (ROOT / "lib" / "Runtime").is_dir():
        pytest.fail("the sources are not beside the tests")
    read = set()
    for folder in (ROOT / "lib", ROOT / "python"):
        for file in [*folder.rglob("*.cpp"), *folder.rglob("*.py")]:
            read |= set(re.findall(r"""(?:getenv|environ)[^\n]{0,16}["'](WEFT_[A-Z_]+)["']""", file.read_text()))
    assert read, "no variable found: has the pattern gone stale?"
    assert read == set(doctor.VARIABLES)


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m weft errors | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("WF") and "Traceback" not in done.stderr


def test_main_returns_the_status(capsys):
    assert cli.main(["errors", "WF1001"]) == 0
    assert "WF1001" in capsys.readouterr().out
