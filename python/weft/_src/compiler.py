"""From a traced program to native code: options, stages and texts.

Decides which options there are, and how a stage is asked for by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from weft._src import _weft, cache, memory
from weft._src.errors import ArgumentValueError, ArtifactError

STAGES = ("traced", "resolved", "optimized", "kernels", "planned", "linalg", "scheduled", "bufferized", "llvm")
"""The forms of a program that are IR, in order; `llvm-ir` and `asm` come after them as texts."""


class Options(NamedTuple):
    """What a program is compiled for.

    numerics: "strict" (bit for bit the reference interpreter), "default" or "fast". threads: to plan for and to run
    with, 0: as many as there are. target: "host" or a target's name. debug: "lines" writes the user's lines into the
    native code, for debuggers and profilers (equal kernels are then not shared). max_bytes: what a call should take, as
    `explain().peak_bytes` counts it. keep_bytes: how much of that may be packed captured arrays, where it is limited.
    """

    numerics: str = "default"
    threads: int = 0
    target: str = "host"
    debug: str | None = None
    max_bytes: int | None = None
    keep_bytes: int | None = None

    def text(self) -> str:
        """As the compiler reads it."""
        debug = f"debug={self.debug}\n" if self.debug else ""
        keep = "" if self.keep_bytes is None else f"keep_bytes={self.keep_bytes}\n"
        return f"numerics={self.numerics}\nthreads={self.threads}\ntarget={self.target}\n{debug}{keep}"


def options(
    numerics: str = "default", threads: int | None = None, target: str = "host", debug: str | None = None,
    max_bytes: int | None = None,
) -> Options:  # fmt: skip
    """Checked options.

    Raises:
        ArgumentValueError: WF1902 for a value that is not one.

    >>> options(threads=2)
    Options(numerics='default', threads=2, target='host', debug=None, max_bytes=None, keep_bytes=None)
    """
    if numerics not in ("strict", "default", "fast"):
        raise ArgumentValueError("WF1902", f"numerics is 'strict', 'default' or 'fast', not {numerics!r}.")
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ArgumentValueError("WF1902", f"threads is a positive int or None, not {threads!r}.")
    if debug not in (None, "lines"):
        raise ArgumentValueError("WF1902", f"debug is 'lines' or None, not {debug!r}.")
    if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 0):
        raise ArgumentValueError("WF1902", f"max_bytes is a number of bytes, 0 or more, or None, not {max_bytes!r}.")
    return Options(numerics, threads or 0, target, debug, max_bytes)


def checked_budget(seconds: Any) -> float | None:
    """Seconds to compile for, or None.

    Raises:
        ArgumentValueError: WF1902 for anything else.
    """
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise ArgumentValueError("WF1902", f"compile_budget is seconds, 0 or more, or None, not {seconds!r}.")
    return float(min(seconds, 1e6))


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
    """Native code: the program ready to be called, its image's bytes, and what the compiler tells of it; its key in
    the persistent cache, the lines of each op of its trace (`_weft.module_lines`), and, where it was found there, those
    of the trace that it was compiled from; whether its code tells lines of the user's, and calls Python functions;
    where it is of the quick tier, what makes the same program of the full one, in any thread."""

    program: Any
    image: bytes
    told: dict
    key: str
    lines: dict
    stored_lines: dict | None = None
    tells_lines: bool = False
    calls_python: bool = False
    finish: Callable[[], Compiled] | None = None

    @property
    def report(self) -> dict:
        """What is told of it, in the lines of its trace: for `explain`, a call needs none of it."""
        return self.told if self.stored_lines is None else cache.rebase(self.told, self.stored_lines, self.lines)

    @property
    def is_stored(self) -> bool:
        """Whether it was found in the persistent cache."""
        return self.stored_lines is not None

    @property
    def tier(self) -> str:
        """ "full", or "quick": some of its code was made fast rather than to run fast."""
        return self.told["tier"]


_recent: dict[str, Compiled] = {}
_MAX_RECENT = 128
# Their lines are in the native code, so that a failed check tells them.
_TELLS_LINES = ("weft.check", "weft.print", "weft.callback")


class _Kernels:
    """Kernels that the quick tier has in full already, beside those of the persistent cache."""

    def __init__(self, stored: cache.Kernels | None):
        self.stored = stored
        self.made: dict[str, bytes] = {}

    def find(self, key: str) -> bytes | None:
        return self.made.get(key) or (self.stored.find(key) if self.stored else None)

    def keep(self, key: str, data: bytes) -> None:
        self.made[key] = data
        if self.stored:
            self.stored.keep(key, data)


def compile_module(module: Any, opts: Options, what: str = "an op", budget: float | None = None) -> Compiled:
    """Compiles a module at stage `traced`, and loads it; the module itself is not changed.

    Where a call would take more than `opts.max_bytes`, less is kept from call to call: what fits, else nothing. The
    rest is what the program needs.

    Args:
        module: the traced module. opts: what for. what: the program's name for people who look into the cache.
        budget: seconds after which the rest is made of the quick tier, which is kept nowhere; None: all is of the full.

    Raises:
        CompileError: WF1505 if a pass fails; the compiler's own codes where it gives them.
    """
    found = _compiled(module, opts, what, budget)
    if opts.max_bytes is None:
        return found

    def taken() -> memory.Memory:
        return memory.of(
            found.report, opts.threads or _weft.num_threads(), [result for result, _ in found.program.donations]
        )

    need = taken()
    room = opts.max_bytes - memory.at(need.total) + memory.at(need.kept)
    for keep in (max(room, 0), 0):
        if need.kept == 0 or memory.at(need.total) <= opts.max_bytes:
            break
        found = _compiled(module, opts._replace(keep_bytes=keep), what, budget)
        need = taken()
    return found


def _compiled(module: Any, opts: Options, what: str, budget: float | None) -> Compiled:
    """A module compiled as the options say.

    The same text under the same options is compiled once: a lambda or a method that is wrapped anew, or traced anew
    since something it reads has changed, finds its native code, and so does the next process (cache.py). Of a new
    program, only kernels that no other one had are compiled.
    """
    text = module.get_asm(enable_debug_info=bool(opts.debug))
    tells_lines = any(op in text for op in _TELLS_LINES)
    if tells_lines:
        text = module.get_asm(enable_debug_info=True)
    told = _weft.module_lines(module)
    key = program_key(text, opts)
    mark = cache.digest(key, told)
    found = _recent.pop(mark, None)
    lines = found.lines if found else json.loads(told)
    found = found or stored(key, lines, opts)
    if found is None:
        store = cache.store()
        stored_kernels = cache.Kernels(store, f"a kernel of {what}") if store else None
        kernels = stored_kernels if budget is None else _Kernels(stored_kernels)

        def compiled(module: Any, limit: str = "") -> Compiled:
            image, _ = _weft.compile(module, opts.text() + limit, kernels)
            made = _loaded(image, key, lines, opts)
            if store and made.tier == "full":
                store.write("program", key, cache.pack_program(image, told), what)
            return made

        if budget is None:
            found = compiled(module.clone())
        else:
            found = compiled(module.clone(), f"budget={budget * 1e3:.3f}\n")
            if found.tier == "quick":
                whole = module.get_asm(enable_debug_info=True)  # the module's context is this thread's
                found = found._replace(
                    finish=lambda: remembered(compiled(_weft.ir.Module.parse(whole, context=_weft.ir.Context())))
                )

    def remembered(found: Compiled) -> Compiled:
        found = found._replace(tells_lines=tells_lines, calls_python="weft.callback" in text)
        if found.tier == "full":
            _recent[mark] = found  # the latest last
            while len(_recent) > _MAX_RECENT:
                _recent.pop(next(iter(_recent)), None)
        return found

    return remembered(found)


def program_key(text: str, opts: Options) -> str:
    """The content key of a program: its text, what it is compiled for, and by which compiler."""
    host = cache.host_id() if opts.target == "host" else ""
    return cache.digest(text, opts.text(), host, cache.compiler_id())


def stored(key: str, lines: dict, opts: Options) -> Compiled | None:
    """The program under a key in the persistent cache, told in the lines of this trace (`_weft.module_lines`)."""
    store = cache.store()
    content = store.read("program", key) if store else None
    if store is None or content is None:
        return None
    try:
        found = cache.unpack_program(content)
        return _loaded(found.image, key, lines, opts, found.lines)
    except ArtifactError as err:
        store.reject("program", key, f"does not load: {err.message}")
        return None


def _loaded(image: bytes, key: str, lines: dict, opts: Options, stored_lines: dict | None = None) -> Compiled:
    """An image as a program; `stored_lines`: of the trace that it was compiled from, where it comes from the cache."""
    program = _weft.Program(image)
    program.threads = opts.threads
    told = json.loads(program.metadata)
    pairs = iter(told["donations"])
    program.donations = list(zip(pairs, pairs, strict=True))
    program.kept_from = told["kept_from"]
    return Compiled(program, image, told, key, lines, stored_lines)
