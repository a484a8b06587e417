"""From a traced program to native code: options, stages and texts.

Decides which options there are, and how a stage is asked for by name.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from weft._src import _weft
from weft._src.errors import ArgumentValueError

STAGES = ("traced", "resolved", "optimized", "kernels", "planned", "linalg", "scheduled", "bufferized", "llvm")
"""The forms of a program that are IR, in order; `llvm-ir` and `asm` come after them as texts."""


class Options(NamedTuple):
    """What a program is compiled for.

    numerics: "strict" (bit for bit the reference interpreter), "default" or "fast". threads: to plan for and to run
    with, 0: as many as there are. target: "host" or a target's name. debug: "lines" writes
    the user's lines into the native code, for debuggers and profilers (equal kernels are then not shared).
    """

    numerics: str = "default"
    threads: int = 0
    target: str = "host"
    debug: str | None = None

    def text(self) -> str:
        """As the compiler reads it."""
        debug = f"debug={self.debug}\n" if self.debug else ""
        return f"numerics={self.numerics}\nthreads={self.threads}\ntarget={self.target}\n{debug}"


def options(
    numerics: str = "default", threads: int | None = None, target: str = "host", debug: str | None = None
) -> Options:
    """Checked options.

    Raises:
        ArgumentValueError: WF1902 for a value that is not one.

    >>> options(threads=2)
    Options(numerics='default', threads=2, target='host', debug=None)
    """
    if numerics not in ("strict", "default", "fast"):
        raise ArgumentValueError("WF1902", f"numerics is 'strict', 'default' or 'fast', not {numerics!r}.")
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ArgumentValueError("WF1902", f"threads is a positive int or None, not {threads!r}.")
    if debug not in (None, "lines"):
        raise ArgumentValueError("WF1902", f"debug is 'lines' or None, not {debug!r}.")
    return Options(numerics, threads or 0, target, debug)


def as_text(module: Any, stage: str, opts: Options, *, locations: bool = False) -> str:
    """The text of a module (at stage `traced`) at another stage; the module itself is not changed.

    Args:
        module: the traced module.
        stage: one of STAGES, "llvm-ir" or "asm".
        opts: what it is compiled for.
        locations: whether ops print with the user's lines.

    Raises:
        ArgumentValueError: WF1504 for a stage that does not exist.
    """
    if stage in ("llvm-ir", "asm"):
        return _weft.compile_to_text(module.clone(), stage, opts.text())
    if stage not in STAGES:
        raise ArgumentValueError(
            "WF1504", f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}, llvm-ir, asm."
        )
    copy = module.clone()
    if stage != "traced":
        _weft.pipeline(copy, "traced", stage, opts.text())
    return copy.get_asm(enable_debug_info=locations, elide_large_constants=True)


class Compiled(NamedTuple):
    """Native code: the program ready to be called, its image's bytes, and the report that `explain` reads."""

    program: Any
    image: bytes
    report: dict


_recent: dict[bytes, Compiled] = {}
_MAX_RECENT = 128


def compile_module(module: Any, opts: Options) -> Compiled:
    """Compiles a module at stage `traced`, and loads it; the module itself is not changed.

    The same text (lines of the user included) under the same options is compiled once: a lambda or a method that is
    wrapped anew, or traced anew since something it reads has changed, finds its native code.

    Raises:
        CompileError: WF1505 if a pass fails; the compiler's own codes where it gives them.
    """
    text = opts.text() + module.get_asm(enable_debug_info=True)
    key = hashlib.blake2b(text.encode(), digest_size=16).digest()
    found = _recent.pop(key, None)
    if found is None:
        image, report = _weft.compile(module.clone(), opts.text())
        program = _weft.Program(image)
        program.threads = opts.threads
        found = Compiled(program, image, json.loads(report))
        pairs = iter(found.report["donations"])
        program.donations = list(zip(pairs, pairs, strict=True))
    _recent[key] = found  # the latest last
    while len(_recent) > _MAX_RECENT:
        _recent.pop(next(iter(_recent)), None)
    return found
