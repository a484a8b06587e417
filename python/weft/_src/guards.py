"""What a traced function reads from outside, so that a call after a change traces anew.

Decides what is watched: the globals and closure cells that the function's bytecode names, and those of the Python functions
it reaches that way, as long as they are the user's. A name is watched by identity (an equal number that is another object
only costs a look at it), except modules, whose own names are not followed. What a function reads through attributes of
objects is not seen here.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterator
from typing import Any

from weft._src import dtypes, source

MISSING = ...
"""Stands for "there was no such entry"."""

Guard = tuple[Any, Any, Any]
"""(dict, name, object) or (cell, None, object): what must still be the same object."""

_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})


def reads_of(f: Callable[..., Any]) -> list[Guard]:
    """The guards of a function as it is now.

    >>> scale = 3
    >>> def f(x): return x * scale
    >>> [(name, value) for holder, name, value in reads_of(f) if name == "scale"]
    [('scale', 3)]
    """
    guards: list[Guard] = []
    seen: set[int] = set()
    defaults = vars(dtypes._defaults)
    # The default dtypes are part of what every function means.
    guards += [(defaults, name, defaults.get(name, MISSING)) for name in ("float", "int")]
    _collect(f, guards, seen)
    return guards


def _collect(f: Any, guards: list[Guard], seen: set[int]) -> None:
    f = getattr(f, "__func__", f)
    while hasattr(f, "__wrapped__") and not isinstance(f, types.FunctionType):
        f = f.__wrapped__
    if hasattr(f, "func") and hasattr(f, "keywords"):  # functools.partial
        for part in (f.func, *f.args, *f.keywords.values()):
            _collect(part, guards, seen)
        return
    if not isinstance(f, types.FunctionType) or id(f) in seen or source.is_internal(f.__code__.co_filename):
        return
    seen.add(id(f))
    for name in _globals_of(f.__code__):
        if name in f.__globals__:
            value = f.__globals__[name]
            if not isinstance(value, types.ModuleType):
                guards.append((f.__globals__, name, value))
                _collect(value, guards, seen)
        else:
            guards.append((f.__globals__, name, MISSING))
    for cell in f.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # not filled yet
            value = MISSING
        guards.append((cell, None, value))
        _collect(value, guards, seen)
    for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
        _collect(value, guards, seen)


def _globals_of(code: types.CodeType) -> Iterator[str]:
    """Names of globals that a code object and those inside it read."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in _READS:
            yield instruction.argval
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _globals_of(const)


def hold(guards: list[Guard]) -> bool:
    """Whether all that was read is the same now; equal numbers and strings of the same type count as the same.

    >>> d = {"a": 1}
    >>> hold([(d, "a", 1)]), hold([(d, "a", 2)]), hold([(d, "b", MISSING)])
    (True, False, True)
    """
    return all(_same(_now(holder, name), value) for holder, name, value in guards)


def current(guards: list[Guard]) -> list[Guard]:
    """The same guards on the objects that are there now, after `hold` said that they are as good."""
    return [(holder, name, _now(holder, name)) for holder, name, _ in guards]


def _now(holder: Any, name: Any) -> Any:
    if name is not None:
        return holder.get(name, MISSING)
    try:
        return holder.cell_contents
    except ValueError:
        return MISSING


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    # repr tells 0.0 from -0.0, which compare equal; NaN is the same as NaN.
    return type(a) is type(b) and isinstance(a, (bool, int, float, str, bytes)) and repr(a) == repr(b)
