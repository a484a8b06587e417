"""Every error and warning that Weft raises: the classes, their text, and how Weft's own frames are hidden.

Decides the form of a message (head with code and user's line, source line with carets, one sentence, one hint), which
class derives from which builtin, and where tracebacks are cut. The codes themselves, with their long explanations,
stand in `error_table.py`, which is loaded only when an error is raised or explained. Text is made when it is printed,
not when the error is made.
"""

from __future__ import annotations

import functools
import os
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from weft._src import source
from weft._src.source import Frame, Stack

_F = TypeVar("_F", bound=Callable[..., Any])


class WeftError(Exception):
    """Base of all errors of Weft. Each class also derives from the builtin that fits, so `except ValueError` works.

    Args:
        code: the stable code, such as "WF1012"; it must stand in the table of codes under this very class.
        message: one sentence: what was expected and what came.
        hint: one piece of advice; without it the table's own hint for the code is shown, "" shows none.
        where: the user's place: a `Stack`, a `Frame`, or None for "the user frame that is running now". False: none.
        operands: short texts such as "f32[64,128]", one for each operand, drawn under the operands in the source line.

    Attributes:
        code, message, hint, operands: as given.
        frames: the user's frames, innermost first.

    >>> import weft._src.errors as e
    >>> try:
    ...     raise e.ShapeError("WF1012", "matmul: the inner sizes differ (64 and 32).", where=False, hint="")
    ... except ValueError as err:
    ...     print(err.report())
    weft.ShapeError [WF1012]
    matmul: the inner sizes differ (64 and 32).
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        where: Stack | Frame | Sequence[Frame] | bool | None = None,
        operands: Sequence[str] = (),
    ):
        message += annotated(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.operands = tuple(operands)
        self._hint = hint
        self._where: Any = source.capture(1) if where is None or where is True else where

    @property
    def hint(self) -> str:
        """The advice shown last; "" when there is none."""
        return entry(self.code).hint if self._hint is None else self._hint

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The user's frames, innermost first; empty when the error belongs to no line of Python."""
        where = self._where
        if where is False:
            return ()
        if isinstance(where, Stack):
            return where.frames
        return (where,) if isinstance(where, Frame) else tuple(where)

    def report(self) -> str:
        """The whole text as in the documentation, from `weft.ShapeError [WF1012] at ...` to the hint."""
        return f"weft.{type(self).__name__} {self}"

    def __str__(self) -> str:
        return _text(self.code, self.message, self.hint, self.frames, self.operands)

    def __reduce__(self):
        # Stacks hold code objects, which do not pickle; frames do.
        return _rebuild, (type(self).__name__, self.code, self.message, self._hint, self.frames, self.operands)


def _no_notes(message: str) -> str:
    """Nothing: no size of data is known yet."""
    return ""


annotated: Callable[[str], str] = _no_notes
"""What is added to a message; data_sizes.py tells of the sizes in it that depend on data."""


def _rebuild(
    name: str, code: str, message: str, hint: str | None, frames: tuple[Frame, ...], operands: tuple[str, ...]
):
    return CLASSES[name](code, message, hint=hint, where=frames, operands=operands)


class ShapeError(WeftError, ValueError):
    """Shapes that do not fit each other or the op."""


class AxisError(WeftError, ValueError, IndexError):
    """An axis or a static index that lies outside the array."""


class DTypeError(WeftError, TypeError):
    """Element types that do not fit each other or the op."""


class UnsupportedDtypeError(DTypeError):
    """An element type that Weft does not have, or has only a place for as yet."""


class ScalarRangeError(WeftError, OverflowError):
    """A Python number that the element type cannot hold."""


class WrongArgumentError(WeftError, TypeError):
    """A function got arguments it does not take: their number, names or kinds."""


class ArgumentValueError(WeftError, ValueError):
    """An argument of the right kind with a value that is not allowed."""


class TreeError(WeftError, ValueError):
    """Nested containers whose structures do not agree."""


class TracerError(WeftError, TypeError):
    """Something that cannot be done with a value that is being traced."""


class ConcretizationError(TracerError):
    """A traced value was needed as a Python number or truth value."""


class LeakedTracerError(TracerError):
    """A traced value was used after the function that made it had returned."""


class ImpureError(TracerError):
    """A traced function read or changed something that the compiled program cannot see."""


class RecursiveTraceError(WeftError, RecursionError):
    """A traced function calls itself without end."""


class ControlFlowError(TracerError):
    """Branches or loop bodies whose results do not agree, or a form of control flow that is not there yet."""


class DerivativeError(WeftError, TypeError):
    """A derivative that does not exist or is not defined."""


class BatchError(WeftError, ValueError):
    """Axes that `vmap` cannot map over."""


class SizeError(WeftError, ValueError):
    """A symbolic size that is malformed, unknown, or violates an assumption."""


class UndecidedSizeError(SizeError):
    """A comparison of symbolic sizes that the assumptions do not decide."""


class IRError(WeftError, ValueError):
    """IR text or bytecode that does not parse or verify."""


class CompileError(WeftError, RuntimeError):
    """The compiler could not make native code."""


class NotBuiltError(WeftError, ImportError):
    """The compiled part of Weft is missing or does not match the Python part."""


class ArtifactError(WeftError, RuntimeError):
    """A file of compiled code that is foreign, truncated, or made for another machine."""


class BorderError(WeftError, BufferError):
    """Memory of another library that cannot be taken or handed out as asked."""


class DonatedError(WeftError, RuntimeError):
    """An array was used after it had been donated to a call."""


class OutOfMemoryError(WeftError, MemoryError):
    """The memory that a program needs cannot be had."""


class CheckError(WeftError, AssertionError):
    """A `check` of a program found its condition false."""


class CallbackError(WeftError, TypeError):
    """A Python function that a program calls returned something else than was promised."""


class StoppedError(WeftError, RuntimeError):
    """A running program was stopped on request. Ctrl-C itself raises `KeyboardInterrupt`, as everywhere in Python."""


class UnsupportedError(WeftError, NotImplementedError):
    """Something that Weft does not do yet."""


class InternalError(WeftError, RuntimeError):
    """A bug in Weft."""


class WeftWarning(UserWarning):
    """Base of all warnings of Weft."""


class PerformanceWarning(WeftWarning):
    """Works, but slower or with more memory than it could."""


class SemanticsWarning(WeftWarning):
    """Works, but maybe not as its author expects."""


CLASSES: dict[str, type] = {
    c.__name__: c
    for c in list(globals().values())
    if isinstance(c, type) and issubclass(c, (WeftError, WeftWarning)) and c.__module__ == __name__
}
"""All classes by name; they are public as `weft.<name>` and print so."""

for _c in CLASSES.values():
    _c.__module__ = "weft"


def entry(code: str):
    """The row of the table of codes; `InternalError` for a code that is not in it.

    >>> entry("WF1012").title
    'shapes of the operands do not fit the op'
    """
    from weft._src.error_table import TABLE

    row = TABLE.get(code)
    if row is None:
        raise InternalError("WF1990", f"the code {code!r} is not in the table of errors.", where=False)
    return row


def error(code: str, message: str, **kwargs: Any) -> WeftError:
    """Makes (does not raise) the error of the class that the table gives for `code`; arguments as for `WeftError`.

    For places that know only the code, such as the C++ side.

    >>> type(error("WF1012", "sizes differ.", where=False)).__name__
    'ShapeError'
    """
    cls = CLASSES[entry(code).cls]
    if kwargs.get("where") is None:
        kwargs["where"] = source.capture(1)
    return cls(code, message, **kwargs)


def explain(code: str) -> str:
    """The long explanation of a code, with an example of code that raises it.

    Args:
        code: such as "WF1012"; case does not matter, and "1012" is taken too.

    Raises:
        ArgumentValueError: WF1902, if there is no such code.

    >>> print(explain("WF1012").splitlines()[0])
    WF1012 (ShapeError): shapes of the operands do not fit the op
    """
    from weft._src.error_table import TABLE

    wanted = code.strip().upper()
    wanted = wanted if wanted.startswith("WF") else f"WF{wanted}"
    row = TABLE.get(wanted)
    if row is None:
        import difflib

        near = difflib.get_close_matches(wanted, TABLE, n=1)
        hint = f"did you mean {near[0]}?" if near else "`weft.errors.codes()` lists all codes."
        raise ArgumentValueError("WF1902", f"there is no error code {code!r}.", hint=hint)
    parts = [f"{wanted} ({row.cls}): {row.title}", "", row.explanation]
    if row.example:
        parts += ["", "Raised by:", "", *("    " + line for line in row.example.splitlines())]
    if row.hint:
        parts += ["", f"hint: {row.hint}"]
    return "\n".join(parts)


def codes() -> dict[str, str]:
    """All codes with their titles, in order.

    >>> codes()["WF1012"]
    'shapes of the operands do not fit the op'
    """
    from weft._src.error_table import TABLE

    return {code: row.title for code, row in sorted(TABLE.items())}


# ---------------------------------------------------------------------------------------------------------- warnings

_silenced: set[str] = set()


def silence(*codes: str) -> None:
    """Switches the warnings with these codes off for this process. `WEFT_SILENCE=WF9001,WF9002` does the same.

    >>> silence("WF9999")
    """
    _silenced.update(c.upper() for c in codes)


def warn(
    code: str,
    message: str,
    *,
    hint: str | None = None,
    where: Stack | Frame | None = None,
    operands: Sequence[str] = (),
) -> None:
    """Warns in the form of the errors, once for each place, and names the switch that silences the code.

    Args: as for `WeftError`.
    """
    if code in _silenced or code in os.environ.get("WEFT_SILENCE", "").upper().split(","):
        return
    place = source.capture(1) if where is None else where
    frames = place.frames if isinstance(place, Stack) else (place,)
    row = entry(code)
    advice = row.hint if hint is None else hint
    text = _text(code, message, advice, frames, operands) + f"\nsilence: WEFT_SILENCE={code}"
    category = CLASSES[row.cls]
    if frames:
        frame = frames[0]
        warnings.warn_explicit(text, category, frame.filename, frame.line, module=frame.module or "<unknown>")
    else:
        warnings.warn(text, category, stacklevel=2)


# -------------------------------------------------------------------------------------------------------------- text


def _text(code: str, message: str, hint: str, frames: Sequence[Frame], operands: Sequence[str]) -> str:
    lines = [f"[{code}]"]
    if frames:
        frame = frames[0]
        lines[0] += f" at {frame.short()}, in {frame.function}"
        lines += _picture(frame, operands)
    elif operands:
        lines.append("    " + ", ".join(operands))
    lines.append(message)
    if hint:
        lines.append(f"hint: {hint}")
    return "\n".join(lines)


def _picture(frame: Frame, operands: Sequence[str]) -> list[str]:
    """The source line with a caret under each operand; without known columns, carets under the whole expression."""
    text = source.source_line(frame)
    if text is None:
        return ["    " + ", ".join(operands)] if operands else []
    shift = len(text) - len(text.lstrip()) - 4  # the line is shown with four blanks before it
    lines = ["    " + text.strip()]
    places = source.operand_columns(frame, len(operands)) if operands else None
    if places is not None and all(line == frame.line for line, _ in places):
        return lines + _carets([(col - shift, f"^ {label}") for (_, col), label in zip(places, operands, strict=True)])
    label = ", ".join(operands)
    if frame.col is not None and frame.end_col is not None:
        raw = text.encode()
        start = len(raw[: frame.col].decode(errors="replace"))
        end = len(raw[: frame.end_col].decode(errors="replace")) if frame.end_line == frame.line else len(text)
        if (start, end) != (len(text) - len(text.lstrip()), len(text)) or label:
            lines.append(" " * max(start - shift, 0) + f"{'^' * max(end - start, 1)} {label}".rstrip())
    elif label:
        lines.append("    " + label)
    return lines


def _carets(marks: list[tuple[int, str]]) -> list[str]:
    """Puts the marks on one line where they do not touch, otherwise on lines of their own: a caret never moves."""
    rows: list[str] = []
    for column, label in sorted(marks):
        for i, row in enumerate(rows):
            if len(row) + 2 <= column:
                rows[i] = row.ljust(column) + label
                break
        else:
            rows.append(" " * column + label)
    return rows


# --------------------------------------------------------------------------------------------------------- tracebacks


def _full() -> bool:
    return os.environ.get("WEFT_TRACEBACK", "").lower() == "full"


def trim(exc: BaseException) -> BaseException:
    """Removes Weft's own frames from the traceback of `exc` and returns `exc`; `WEFT_TRACEBACK=full` keeps them.

    An exception that is not Weft's but stems from Weft's own code is a bug of Weft and keeps all its frames.
    """
    if _full():
        return exc
    if not isinstance(exc, WeftError) and _ends_inside(exc):
        return exc
    kept = []
    tb = exc.__traceback__
    while tb is not None:
        if not source.is_internal(tb.tb_frame.f_code.co_filename):
            kept.append(tb)
        tb = tb.tb_next
    result = None
    for t in reversed(kept):
        result = types.TracebackType(result, t.tb_frame, t.tb_lasti, t.tb_lineno)
    exc.__traceback__ = result
    # "During handling of the above exception" would show an inner failure of Weft; a context of the user's stays.
    if isinstance(exc, WeftError) and exc.__context__ is not None and _ends_inside(exc.__context__):
        exc.__suppress_context__ = True
    return exc


def _ends_inside(exc: BaseException) -> bool:
    tb = exc.__traceback__
    last = None
    while tb is not None:
        last, tb = tb, tb.tb_next
    return last is not None and source.is_internal(last.tb_frame.f_code.co_filename)


def api_boundary(function: _F) -> _F:
    """Decorates a public function so that the tracebacks of errors that leave it hold only the user's frames.

    Costs nothing but one Python call; put it on entry points, not on the path of compiled calls.

    >>> @api_boundary
    ... def f(x): return x + 1
    >>> f(1)
    2
    """

    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as exc:
            trim(exc)
            # A bare raise re-raises with the traceback that `trim` has set, and adds no entry for this frame.
            raise

    return inner  # type: ignore[return-value]
