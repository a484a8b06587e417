"""docs/add-an-op.md tells the truth: its code is the tree's, one line makes an op, and the ops that it shows were added
in the files that it names."""

import importlib.util
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "add-an-op.md").read_text()
SHOWN = re.findall(r"^`([\w/.-]+)`:\n\n```\n(.*?)```$", PAGE, re.DOTALL | re.MULTILINE)
FILES = [re.findall(r"`([\w/.-]+)`", text) for text in re.findall(r"^Files: (.*?)\.$", PAGE, re.DOTALL | re.MULTILINE)]
TD = pathlib.Path("weft/Dialect/Weft/Ops/Elementwise.td")


def test_the_page_shows_code():
    assert len(SHOWN) >= 6 and [len(files) for files in FILES] == [2, 5]


@pytest.mark.parametrize(("path", "code"), SHOWN, ids=lambda s: s.splitlines()[0][:40])
def test_the_code_shown_is_the_trees(path, code):
    assert code in (ROOT / path).read_text()


def ops_of(include, folder):
    """The op table that tools/gen_op_table.py makes of a copy of the dialect."""
    prefix = subprocess.run(["llvm-config-22", "--prefix"], check=True, capture_output=True, text=True).stdout.strip()
    command = ["python3", ROOT / "tools" / "gen_op_table.py", include / "weft/Dialect/Weft/WeftOps.td", "--tblgen",
               f"{prefix}/bin/llvm-tblgen", "-I", include, "-I", f"{prefix}/include", "--python", folder / "table.py",
               "--enums", folder / "enums.inc"]  # fmt: skip
    subprocess.run(command, check=True)
    spec = importlib.util.spec_from_file_location("table", folder / "table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.OPS


@pytest.mark.skipif(shutil.which("llvm-config-22") is None, reason="the wheel is tested where LLVM is out of reach")
def test_one_line_makes_an_elementwise_op(tmp_path):
    include = tmp_path / "include"
    shutil.copytree(ROOT / "include", include)
    line = next(code for path, code in SHOWN if path.endswith("Elementwise.td"))
    name = re.search(r'<"(\w+)"', line).group(1)
    with_line = ops_of(include, tmp_path)
    text = (include / TD).read_text()
    (include / TD).write_text(text.replace(line, ""))
    without = ops_of(include, tmp_path)
    assert set(with_line) - set(without) == {name}
    (include / TD).write_text(text.replace(line, line + line.replace(name, "another").replace("Softplus", "Another")))
    added = ops_of(include, tmp_path)
    assert set(added) - set(with_line) == {"another"}
    assert added["another"]._replace(description="") == with_line[name]._replace(description="")


GENERATED = {"docs/dialect.md"}


@pytest.mark.parametrize(("subject", "files"), zip(("Op softplus", "Op cumulative"), FILES, strict=True))
def test_the_ops_shown_were_added_in_these_files(subject, files):
    """By the change that added each; where the history is not at hand there is nothing to compare."""
    git = ["git", "-C", ROOT]
    found = subprocess.run([*git, "log", "--format=%H", f"--grep=^{subject}"], capture_output=True, text=True)
    if found.returncode or not found.stdout:
        shallow = subprocess.run([*git, "rev-parse", "--is-shallow-repository"], capture_output=True, text=True)
        assert shallow.stdout.strip() != "false", f"no commit begins with {subject!r}"
        pytest.skip(reason="no history here")
    changed = subprocess.run([*git, "show", "--name-only", "--format=", found.stdout.split()[-1]], check=True,
                             capture_output=True, text=True).stdout.split()  # fmt: skip
    assert set(changed) - GENERATED == set(files)
