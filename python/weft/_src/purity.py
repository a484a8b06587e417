"""What a function may not do while it is traced, since a call of the compiled program would not do it.

Decides which calls are impure: those that read the clock, random state, files, the terminal, the environment; they are
told by the interpreter while the function runs (python/src/Purity.cpp), so it does not matter where in the user's code,
or in a library that it calls, they stand. Calls that Weft, NumPy and the standard library make for themselves (a log
record's time) are none. NumPy's random functions cannot be seen so: for them the states of the generators that the
function can reach are compared.
"""

from __future__ import annotations

import builtins
import contextlib
import datetime
import importlib
import os
import pathlib
import random
import secrets
import sys
import time
import types
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np

from weft._src import _weft, guards, source
from weft._src.errors import ImpureError

_HINT = "pass the value as an argument; `allow_impure=True` freezes it knowingly."


def _names(module: Any, names: str) -> list[Any]:
    return [getattr(module, n) for n in names.split() if hasattr(module, n)]


_C_FUNCTIONS = [
    *_names(
        time,
        "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time"
        " thread_time_ns localtime gmtime ctime",
    ),
    *_names(random.Random(), "random getrandbits seed"),
    *_names(builtins, "open input"),
    *_names(os, "urandom getpid getcwd listdir scandir open read stat"),
    *_names(datetime.datetime, "now utcnow today"),
    datetime.date.today,
]
_PYTHON_FUNCTIONS = [type(os.environ).__getitem__, type(os.environ).__iter__, type(os.environ).__len__]
# Files whose functions only pass on what their caller asked for.
_THROUGH = frozenset(
    f.__code__.co_filename
    for f in (
        os.getenv, type(os.environ).get, random.Random.randint, uuid.uuid4, secrets.token_bytes,
        pathlib.Path.read_text, random.SystemRandom.random,
    )
)  # fmt: skip
_NUMPY = os.path.dirname(np.__file__)


def _on_call(what: Any) -> None:
    """Raises if the user's code makes this call; `what`: a C function, or the code of a Python function."""
    frame = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename not in _THROUGH and not filename.startswith(_NUMPY):
            break
        frame = frame.f_back
    if frame is None or guards.is_library(frame.f_code.co_filename):
        return
    if isinstance(what, types.CodeType):
        name = "os.environ"
    else:
        owner = getattr(what, "__self__", None)
        name = getattr(owner, "__name__", None) or type(owner).__name__
        name = f"{name.removeprefix('_')}.{what.__name__}" if name not in ("builtins", "_io", "io") else what.__name__
    where = source.frame(frame.f_code, frame.f_lasti, frame.f_globals.get("__name__"))
    raise ImpureError("WF1204", f"{name} was called while a function is traced.", where=where, hint=_HINT)


_weft.set_watched_calls(
    [*_C_FUNCTIONS, *(f.__code__ for f in _PYTHON_FUNCTIONS)], importlib._bootstrap._find_and_load.__code__, _on_call
)

_watching = False


class Watch:
    """What was seen of a trace: `entered`, the code of all Python functions that ran; None where nobody looked."""

    entered: list[types.CodeType] | None = None


@contextlib.contextmanager
def watched(name: str, reads: guards.Reads) -> Iterator[Watch]:
    """While the function `name` is traced inside: impure calls raise, and so does what it wrote, at the end.

    Raises:
        ImpureError: WF1204 for an impure call, WF1211 for a write to what the function captured.
    """
    generators = [np.random.mtrand._rand, *reads.generators]
    before = [_state(g) for g in generators]
    on = sys.getprofile() is None and _weft.watch_calls(True)
    watch = Watch()
    try:
        yield watch
    finally:
        if on:
            watch.entered = _weft.watch_calls(False)
    for g, state in zip(generators, before, strict=True):
        if _state(g) != state:
            raise ImpureError("WF1204", f"{name} drew random numbers of NumPy's while it was traced.", hint=_HINT)
    changed = guards.changed(reads)
    if changed:
        raise ImpureError("WF1211", f"{name} writes to {', '.join(changed)} while it is traced.")


def _state(generator: Any) -> Any:
    """The state of a generator, to be compared."""
    if isinstance(generator, random.Random):
        return generator.getstate()
    bits = getattr(generator, "bit_generator", None) or generator._bit_generator
    return repr(_plain(bits.state))


def _plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _plain(v) for k, v in x.items()}
    return x.tobytes() if isinstance(x, np.ndarray) else x
