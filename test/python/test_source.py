"""Finding the user's line: internal frames are skipped, places are interned, text comes late and is right."""

import gc
import os

import pytest
from weft._src import source
from weft._src.source import Frame, capture, operand_columns


def call(text, tmp_path, name="user.py", **scope):
    path = tmp_path / name
    path.write_text(text)
    exec(compile(text, str(path), "exec"), scope)
    return scope, str(path)


def test_innermost_frame_with_columns(tmp_path):
    scope, path = call("def f():\n    return [1, here( 2 )]\ngot = f()[1]\n", tmp_path, here=lambda _: capture(1))
    inner, outer, *_ = scope["got"].frames
    assert (inner.filename, inner.function, inner.line, inner.col, inner.end_col) == (path, "f", 2, 15, 24)
    assert inner.relative_line == 1 and (outer.line, outer.function) == (3, "<module>")


def test_internal_frames_are_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "_prefixes", source._prefixes)
    folder = tmp_path / "lib"
    folder.mkdir()
    lib, lib_path = call("def api(g): return inner(g)\ndef inner(g): return g()\n", folder, "lib.py")
    user = "def f():\n    return api(capture)\nx = f()\n"
    before, _ = call(user, tmp_path, api=lib["api"], capture=capture)
    assert [f.function for f in before["x"].frames[:3]] == ["inner", "api", "f"]
    source.register_internal(str(folder) + os.sep)
    after, _ = call(user, tmp_path, api=lib["api"], capture=capture)
    assert [f.function for f in after["x"].frames[:2]] == ["f", "<module>"]
    assert source.is_internal(lib_path) and not source.is_internal(str(tmp_path / "library.py"))
    monkeypatch.undo()
    source._internal_files.clear()


def test_same_place_is_one_object_and_other_places_are_not():
    def here():
        return capture()

    a, b = (here() for _ in range(2)), (here() for _ in range(2))
    assert len({id(s) for s in [*a]}) == 1
    assert next(iter(b)) is not None
    loop = [here() for _ in range(3)]
    assert loop[0] is loop[1] is loop[2] and loop[0] is not here()


def test_stacks_are_freed_with_their_last_user():
    gc.collect()
    before = len(source._stacks)
    stacks = [eval(compile("f()", f"<made {i}>", "eval"), {"f": capture}) for i in range(5)]
    assert len(source._stacks) == before + 5
    assert stacks[0].innermost.filename == "<made 0>"
    del stacks
    gc.collect()
    assert len(source._stacks) == before


def test_at_most_eight_frames():
    def deep(n):
        return capture() if n == 0 else deep(n - 1)

    frames = deep(20).frames
    assert len(frames) == source.MAX_FRAMES and {f.function for f in frames} == {
        "test_at_most_eight_frames.<locals>.deep"
    }


def test_no_text_is_made_before_it_is_asked_for(monkeypatch):
    def fail(*_):
        raise AssertionError("text was made while capturing")

    monkeypatch.setattr(source, "frame", fail)
    stack = eval(compile("f()", "<late>", "eval"), {"f": capture})
    with pytest.raises(AssertionError):
        _ = stack.frames


@pytest.mark.parametrize(
    ("text", "span", "count", "operands"),
    [
        ("y = a @ bb", (4, 10), 2, ["a", "bb"]),
        ("a += bb", (0, 7), 2, ["a", "bb"]),
        ("y = (a < bb)", (5, 11), 2, ["a", "bb"]),
        ("y = -a", (4, 6), 1, ["a"]),
        ("y = f(a, bb, k=1)", (4, 17), 2, ["a", "bb"]),
        ("y = f([a, bb])", (4, 14), 2, ["a", "bb"]),
        ("y = a.dot(bb)", (4, 13), 2, ["a", "bb"]),
        ("y = a[bb]", (4, 9), 2, ["a", "bb"]),
        ("é = 'é', a @ bb", (11, 17), 2, ["a", "bb"]),  # columns of frames count bytes, those of carets characters
        ("y = f(*a)", (4, 9), 2, None),
        ("y = a @ bb", (4, 9), 2, None),
        ("y = f(a)", (4, 8), 2, None),
    ],
)
def test_operand_columns(text, span, count, operands, tmp_path):
    path = tmp_path / "user.py"
    path.write_text(text + "\n")
    found = operand_columns(Frame(str(path), "f", 1, span[0], 1, span[1]), count)
    assert operands == (
        None if found is None else [text[c : c + len(o)] for (_, c), o in zip(found, operands, strict=True)]
    )


def test_operands_on_several_lines(tmp_path):
    path = tmp_path / "user.py"
    path.write_text("y = f(a,\n      b)\n")
    assert operand_columns(Frame(str(path), "f", 1, 4, 2, 8), 2) == [(1, 6), (2, 6)]


def test_paths_are_relative_to_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert source.display_path(str(tmp_path / "a" / "b.py")) == os.path.join("a", "b.py")
    assert source.display_path("/elsewhere/c.py") == "/elsewhere/c.py"
