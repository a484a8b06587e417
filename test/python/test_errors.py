"""Errors: the table is sound, texts have the promised form, Weft's own frames stay hidden."""

import builtins
import os
import pathlib
import pickle
import re
import subprocess
import sys
import textwrap
import traceback
import warnings

import pytest
import weft.errors
from weft._src import errors, source
from weft._src.error_table import TABLE, reference
from weft._src.errors import CLASSES, ShapeError, WeftError, WeftWarning, api_boundary

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run_user_file(tmp_path, text, name="train.py", env=None):
    """Runs a program in an own process, from its own folder, and returns its standard error."""
    (tmp_path / name).write_text(textwrap.dedent(text))
    result = subprocess.run(
        [sys.executable, name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(errors.__file__).parents[2]), **(env or {})},
    )
    return result.stderr


# Stands for a library function inside Weft: its frame is hidden, as frames of the package are.
LIBRARY = """
    from weft._src import source
    from weft._src.errors import ShapeError, api_boundary

    class Spec:
        def __init__(self, text): self.text = text
        @api_boundary
        def __matmul__(self, other): return matmul(self, other)

    @api_boundary
    def matmul(a, b):
        check(a, b)

    def check(a, b):
        raise ShapeError("WF1012", "matmul: the last size of the left operand (64) must equal the second-to-last of "
                         "the right (32).", operands=[a.text, b.text])
"""


def test_the_example_of_the_documentation(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "mylib.py").write_text(textwrap.dedent(LIBRARY))
    program = """\
        import os, sys
        sys.path.insert(0, "lib")
        import mylib
        mylib.source.register_internal(os.path.abspath("lib") + os.sep)
        def predict(p, x):
            return (x @ p["w1"], p["b1"])
        p = {"w1": mylib.Spec("f32[32,128]"), "b1": None}
        predict(p, mylib.Spec("f32[128,64]"))
    """
    text = run_user_file(tmp_path, program)
    assert text.endswith(
        textwrap.dedent("""\
        weft.ShapeError: [WF1012] at train.py:6, in predict
            return (x @ p["w1"], p["b1"])
                    ^ f32[128,64]
                        ^ f32[32,128]
        matmul: the last size of the left operand (64) must equal the second-to-last of the right (32).
        hint: reshape an operand, or transpose one that is stored the other way (.mT).
        """)
    )
    assert "mylib.py" not in text and "errors.py" not in text and text.count("File ") == 2
    full = run_user_file(tmp_path, program, env={"WEFT_TRACEBACK": "full"})
    assert "in check" in full and "mylib.py" in full


@pytest.mark.parametrize("code", sorted(TABLE))
def test_row_of_the_table(code):
    row = TABLE[code]
    assert re.fullmatch(r"WF[0-9]{4}", code) and row.cls in CLASSES and row.title and row.explanation.endswith(".")
    cls = CLASSES[row.cls]
    if issubclass(cls, WeftError):
        others = [b for b in cls.__mro__ if b.__module__ == "builtins" and b not in (Exception, BaseException, object)]
        assert others, f"{row.cls} derives from no builtin that fits"
    else:
        assert issubclass(cls, WeftWarning)
    if row.example:
        compile(row.example, code, "exec")
    text = weft.errors.explain(code.lower())
    assert row.title in text and (not row.hint or row.hint in text)


def test_every_class_is_public_and_used():
    assert set(CLASSES) <= set(weft.errors.__all__)
    abstract = {"WeftError", "WeftWarning"}
    assert set(CLASSES) - abstract == {row.cls for row in TABLE.values()}
    shadowing = [n for n in CLASSES if hasattr(builtins, n)]
    assert shadowing == [], "`from weft.errors import *` must not replace a builtin"


def test_every_code_in_the_sources_is_in_the_table_under_its_class():
    found = set()
    files = [
        f
        for d in ("lib", "include", "tools", "python")
        for e in ("*.cpp", "*.h", "*.td", "*.py")
        for f in (ROOT / d).rglob(e)
    ]
    assert files
    for f in files:
        if f.name == "error_table.py":
            continue
        text = f.read_text()
        # a raise in Python names class and code side by side
        for cls, code in re.findall(r"\b([A-Za-z]+)\(\s*\"(WF[0-9]{4})\"", text):
            if cls in CLASSES:
                assert TABLE[code].cls == cls, f"{f.name}: {code} is of class {TABLE[code].cls}, not {cls}"
        quoted = re.findall(r"[\"\[](WF[0-9]{4})[\"\]]", text)
        found |= {(code, f.name) for code in quoted if code != "WF9999"}
    assert {pair for pair in found if pair[0] not in TABLE} == set()


def test_every_status_of_the_runtime_is_in_the_table():
    header = (ROOT / "include" / "weft" / "Runtime" / "Error.h").read_text()
    codes = {f"WF{n}" for n in re.findall(r"WEFT_ERR_\w+ = (\d+)", header)}
    assert codes == {code for code in TABLE if code.startswith("WF50")}


def test_the_page_of_the_documentation_is_the_table():
    made = "run PYTHONPATH=python python -m weft._src.error_table > docs/errors.md"
    assert (ROOT / "docs" / "errors.md").read_text() == reference(), made


def test_explain_suggests():
    with pytest.raises(ValueError, match=r"did you mean WF10\d\d\?"):
        weft.errors.explain("WF10122")
    assert weft.errors.explain("1012") == weft.errors.explain("WF1012")
    assert list(weft.errors.codes()) == sorted(TABLE)


@pytest.mark.parametrize("cls", [c for c in CLASSES.values() if issubclass(c, WeftError)], ids=lambda c: c.__name__)
def test_errors_pickle_with_their_place(cls):
    err = cls("WF1012", "sizes differ.", operands=["f32[2]"])
    again = pickle.loads(pickle.dumps(err))
    assert type(again) is cls and str(again) == str(err) and again.code == "WF1012" and again.frames == err.frames
    assert again.frames[0].filename == __file__ and cls.__module__ == "weft"


def test_the_hint_can_be_replaced_or_dropped():
    assert "hint: reshape" in str(ShapeError("WF1012", "x", where=False))
    assert str(ShapeError("WF1012", "x", where=False, hint="h")).endswith("\nhint: h")
    assert str(ShapeError("WF1012", "x", where=False, hint="")) == "[WF1012]\nx"


def test_unknown_code_is_our_bug():
    with pytest.raises(errors.InternalError, match="WF1990"):
        str(ShapeError("WF0000", "x"))


def test_error_by_code_has_the_class_of_the_table():
    for code, row in TABLE.items():
        if issubclass(CLASSES[row.cls], WeftError):
            assert type(errors.error(code, "x.", where=False)).__name__ == row.cls


@pytest.mark.parametrize(
    ("line", "drawn"),
    [
        ("y = f(x0,          x1)", ["    y = f(x0,          x1)", "          ^ A          ^ B"]),
        ("y = f(x0, x1)", ["    y = f(x0, x1)", "          ^ A", "              ^ B"]),
        ("y = 'é', f(x0,          x1)", ["    y = 'é', f(x0,          x1)", "               ^ A          ^ B"]),
        ("y = f(*[x0, x1])", ["    y = f(*[x0, x1])", "        ^^^^^^^^^^^^ A, B"]),
    ],
)
def test_carets_stand_under_operands(line, drawn, tmp_path):
    path = tmp_path / "user.py"
    path.write_text(line)
    seen = []
    exec(compile(line, str(path), "exec"), {"f": lambda *_: seen.append(source.capture(1)), "x0": 1, "x1": 2})
    assert errors._picture(seen[0].frames[0], ["A", "B"]) == drawn


def test_operands_on_other_lines_leave_the_whole_expression_marked(tmp_path):
    text = "y = f(x0,\n      x1)"
    path = tmp_path / "user.py"
    path.write_text(text)
    seen = []
    exec(compile(text, str(path), "exec"), {"f": lambda *_: seen.append(source.capture(1)), "x0": 1, "x1": 2})
    assert errors._picture(seen[0].frames[0], ["A", "B"]) == ["    y = f(x0,", "        ^^^^^ A, B"]


def test_carets_never_move():
    assert errors._carets([(4, "^ a"), (20, "^ b")]) == ["    ^ a             ^ b"]
    assert errors._carets([(4, "^ long label"), (8, "^ b")]) == ["    ^ long label", "        ^ b"]
    assert errors._carets([(8, "^ b"), (4, "^ long label"), (30, "^ c")]) == [
        "    ^ long label              ^ c",
        "        ^ b",
    ]


def test_boundary_keeps_the_users_frames_and_the_users_context():
    def user_callback():
        raise KeyError("mine")

    boundary_like_weft = api_boundary(lambda f: f())
    with pytest.raises(KeyError) as info:
        boundary_like_weft(user_callback)
    files = [f.filename for f in traceback.extract_tb(info.value.__traceback__)]
    assert errors.__file__ not in files and files[-1] == __file__


def test_boundary_keeps_all_frames_of_a_bug_in_weft():
    from weft._src import pytree

    @api_boundary
    def broken():
        return pytree.unflatten(object(), [])  # an AttributeError inside the package

    with pytest.raises(AttributeError) as info:
        broken()
    assert pytree.__file__ in [f.filename for f in traceback.extract_tb(info.value.__traceback__)]


def test_errors_point_at_the_user_through_weft_frames():
    import weft.tree

    with pytest.raises(weft.errors.TreeError) as info:
        weft.tree.map(lambda a, b: a, [1], (1,))
    frame = info.value.frames[0]
    assert frame.filename == __file__ and frame.function.startswith("test_errors_point_at_the_user")
    assert "weft.tree.map(lambda a, b: a, [1], (1,))" in str(info.value)


def test_warnings_have_the_form_of_errors_and_a_switch(monkeypatch):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        errors.warn("WF9001", "f has been compiled 20 times.")
        monkeypatch.setenv("WEFT_SILENCE", "WF1,wf9001")
        errors.warn("WF9001", "again.")
        monkeypatch.delenv("WEFT_SILENCE")
        monkeypatch.setattr(errors, "_silenced", {"WF9001"})
        errors.warn("WF9001", "again.")
    (w,) = caught
    assert w.filename == __file__ and issubclass(w.category, weft.errors.PerformanceWarning)
    assert re.match(r"\[WF9001\] at .*test_errors.py:\d+, in test_warnings", str(w.message))
    assert str(w.message).endswith("silence: WEFT_SILENCE=WF9001")


def test_source_that_is_gone_leaves_the_sentence():
    frame = source.Frame("gone.py", "f", 3)
    assert str(ShapeError("WF1012", "x.", where=frame, hint="", operands=["f32[1]"])) == (
        "[WF1012] at gone.py:3, in f\n    f32[1]\nx."
    )
