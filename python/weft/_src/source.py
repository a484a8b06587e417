"""Where the user is: finds the Python frames that do not belong to Weft, cheaply, and turns them into text late.

Decides three things. (1) What counts as internal: any file under a registered prefix (the weft package itself, plus
what libraries add with `register_internal`). (2) What is kept: at most `MAX_FRAMES` pairs (code object, instruction
offset), innermost first, interned so that the same place costs one dictionary look-up and is one object. (3) When
text is made: only when asked, since tracing visits a line thousands of times and prints it almost never.
"""

from __future__ import annotations

import os
import sys
import weakref
from itertools import islice
from types import CodeType, FrameType
from typing import NamedTuple

MAX_FRAMES = 8
"""How many user frames a location keeps. The C++ side and merged locations use the same bound."""

_prefixes: tuple[str, ...] = (os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,)
# Files that are never the user's, though they are in no package: the import system's own frames.
_FROZEN = "<frozen "
_internal_files: dict[str, bool] = {}


def register_internal(prefix: str) -> None:
    """Says that files whose path starts with `prefix` are a library's own, not the user's.

    Frames of such files are skipped when an error or an op looks for the line that it stems from. A library built on
    Weft calls this once, with its package folder, so that its users see their own lines.

    Args:
        prefix: a path (made absolute); a folder should end with a separator.

    >>> register_internal("/opt/mylib/src/")
    >>> is_internal("/opt/mylib/src/layers.py"), is_internal("/home/me/train.py")
    (True, False)
    """
    global _prefixes
    absolute = os.path.abspath(prefix) + (os.sep if prefix.endswith(("/", os.sep)) else "")
    if absolute not in _prefixes:
        _prefixes = (*_prefixes, absolute)
        _internal_files.clear()


def is_internal(filename: str) -> bool:
    """Whether frames of `filename` are hidden from users.

    >>> is_internal(__file__), is_internal("<stdin>")
    (True, False)
    """
    known = _internal_files.get(filename)
    if known is None:
        path = filename if filename.startswith("<") else os.path.abspath(filename)
        known = path.startswith(_prefixes) or filename.startswith(_FROZEN)
        _internal_files[filename] = known
    return known


class Frame(NamedTuple):
    """One user frame as text and numbers. Columns count UTF-8 bytes from 0, as CPython's `co_positions` does; `col`,
    `end_line` and `end_col` are None where the interpreter did not keep them.

    >>> Frame("train.py", "predict", 5, 11, 5, 40).short()
    'train.py:5'
    """

    filename: str
    function: str
    line: int
    col: int | None = None
    end_line: int | None = None
    end_col: int | None = None
    module: str | None = None
    first_line: int | None = None

    def short(self) -> str:
        """`file:line`, the file relative to the current folder where it lies inside it."""
        return f"{display_path(self.filename)}:{self.line}"

    @property
    def relative_line(self) -> int | None:
        """Line counted from the function's first; stored artifacts keep it, since it survives edits above."""
        return None if self.first_line is None else self.line - self.first_line


def display_path(filename: str) -> str:
    """`filename` as a person would write it from here: relative when it lies below the current folder.

    >>> display_path(os.path.join(os.getcwd(), "train.py"))
    'train.py'
    >>> display_path("<stdin>")
    '<stdin>'
    """
    if filename.startswith("<"):
        return filename
    try:
        here = os.getcwd() + os.sep
    except OSError:  # the current folder was deleted
        return filename
    return filename[len(here) :] if filename.startswith(here) else filename


class Stack:
    """An interned place in the user's program: up to `MAX_FRAMES` frames, innermost first. Compare with `is`.

    `raw` is the tuple of (code object, instruction offset) pairs, for the C++ side; `frames` is made on first use.
    """

    __slots__ = ("__weakref__", "_frames", "_modules", "raw")

    def __init__(self, raw: tuple[tuple[CodeType, int], ...], modules: tuple[str | None, ...]):
        self.raw = raw
        self._modules = modules
        self._frames: tuple[Frame, ...] | None = None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames as `Frame` objects, innermost first; empty where no user frame was on the stack."""
        if self._frames is None:
            self._frames = tuple(
                frame(code, lasti, module) for (code, lasti), module in zip(self.raw, self._modules, strict=True)
            )
        return self._frames

    @property
    def innermost(self) -> Frame | None:
        """The user's own line, or None where no user frame was on the stack."""
        return self.frames[0] if self.raw else None

    def __repr__(self) -> str:
        return "Stack(" + " < ".join(f"{f.short()} in {f.function}" for f in self.frames) + ")"


# Keyed by ids, because hashing a code object walks its constants each time. An id stays valid as long as its entry:
# the Stack keeps the code objects alive, and the weak dictionary drops the entry with the Stack.
_stacks: weakref.WeakValueDictionary[tuple[int, ...], Stack] = weakref.WeakValueDictionary()


def capture(skip: int = 0, limit: int = MAX_FRAMES) -> Stack:
    """The place in the user's code that led here, interned.

    Args:
        skip: how many further frames of the caller to leave out, internal or not.
        limit: keep at most this many frames.

    Returns:
        A `Stack`; two calls that come from the same instructions return the same object, as long as it is alive.

    >>> def here(): return capture()
    >>> [here() is here() for _ in range(2)]  # two places on one line are two stacks
    [False, False]
    >>> capture().innermost.function
    '<module>'
    """
    frame: FrameType | None = sys._getframe(skip + 1)
    frames: list[FrameType] = []
    key: list[int] = []
    while frame is not None and len(frames) < limit:
        code = frame.f_code
        internal = _internal_files.get(code.co_filename)
        if internal is None:
            internal = is_internal(code.co_filename)
        if not internal:
            frames.append(frame)
            key.append(id(code))
            key.append(frame.f_lasti)
        frame = frame.f_back
    found = _stacks.get(k := tuple(key))
    if found is None:
        found = Stack(tuple((f.f_code, f.f_lasti) for f in frames), tuple(f.f_globals.get("__name__") for f in frames))
        _stacks[k] = found
    return found


def frame(code: CodeType, lasti: int, module: str | None) -> Frame:
    """The place of an instruction: `lasti` is its offset in bytes in `code`, of the module named `module`."""
    # Two bytes per instruction; co_positions yields one entry for each.
    line, end_line, col, end_col = next(
        islice(code.co_positions(), max(lasti, 0) // 2, None), (code.co_firstlineno, None, None, None)
    )
    return Frame(
        code.co_filename,
        code.co_qualname,
        line or code.co_firstlineno,
        col,
        end_line,
        end_col,
        module,
        code.co_firstlineno,
    )


def source_line(frame: Frame) -> str | None:
    """The text of the frame's line without its newline, or None where the file cannot be read."""
    import linecache

    linecache.checkcache(frame.filename)
    text = linecache.getline(frame.filename, frame.line)
    return text.rstrip("\r\n") or None


def operand_columns(frame: Frame, count: int) -> list[tuple[int, int]] | None:
    """Where the operands of the expression at `frame` stand, as (line, column in characters), for carets in errors.

    Finds the syntax node with exactly the frame's extent: a binary or comparison operator, a call, an index, a sign.
    The file is parsed for this, so it is for error texts only.

    Args:
        frame: a place with columns.
        count: how many operands there are; a method call `x.dot(y)` counts `x` as the first.

    Returns:
        `count` positions, or None where source, columns or a fitting node are missing.
    """
    import ast
    import linecache

    if frame.col is None or frame.end_line is None:
        return None
    lines = linecache.getlines(frame.filename)
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return None
    extent = (frame.line, frame.col, frame.end_line, frame.end_col)
    for node in ast.walk(tree):
        if getattr(node, "lineno", None) != frame.line:
            continue
        if (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) != extent:  # type: ignore[attr-defined]
            continue
        operands = _operands_of(node, count)
        if operands is not None:
            return [(o.lineno, len(_bytes(lines, o.lineno)[: o.col_offset].decode(errors="replace"))) for o in operands]
    return None


def _bytes(lines: list[str], number: int) -> bytes:
    return lines[number - 1].encode() if 0 < number <= len(lines) else b""


def _operands_of(node, count: int):
    import ast

    found: list | None = None
    if isinstance(node, ast.BinOp):
        found = [node.left, node.right]
    elif isinstance(node, ast.AugAssign):
        found = [node.target, node.value]
    elif isinstance(node, ast.Compare):
        found = [node.left, *node.comparators]
    elif isinstance(node, ast.UnaryOp):
        found = [node.operand]
    elif isinstance(node, ast.Subscript):
        found = [node.value, node.slice]
    elif isinstance(node, ast.Call):
        found = list(node.args)
        if len(found) == 1 and count > 1 and isinstance(found[0], (ast.List, ast.Tuple)):
            found = list(found[0].elts)  # concat([a, b])
        if len(found) < count and isinstance(node.func, ast.Attribute):
            found = [node.func.value, *found]
        if any(isinstance(a, ast.Starred) for a in found):
            return None
        found = found[:count]
    return found if found is not None and len(found) == count else None
