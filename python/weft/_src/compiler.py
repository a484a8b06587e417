"""From a traced program to native code: options, stages and texts.

Decides which options there are, and how a stage is asked for by name.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from weft._src import _weft, cache
from weft._src.errors import ArgumentValueError, ArtifactError

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
    """Native code: the program ready to be called, its image's bytes, and the report that `explain` reads; its key in
    the persistent cache, the lines of each op of its trace (`_weft.module_lines`), and whether it was found there;
    whether its code tells lines of the user's, and calls Python functions."""

    program: Any
    image: bytes
    report: dict
    key: str
    lines: dict
    is_stored: bool
    tells_lines: bool = False
    calls_python: bool = False


_recent: dict[str, Compiled] = {}
_MAX_RECENT = 128
# Their lines are in the native code, so that a failed check tells them.
_TELLS_LINES = ("weft.check", "weft.print", "weft.callback")


def compile_module(module: Any, opts: Options, what: str = "an op") -> Compiled:
    """Compiles a module at stage `traced`, and loads it; the module itself is not changed.

    The same text under the same options is compiled once: a lambda or a method that is wrapped anew, or traced anew
    since something it reads has changed, finds its native code, and so does the next process (cache.py). Of a new
    program, only kernels that no other one had are compiled.

    Args:
        module: the traced module. opts: what for. what: the program's name for people who look into the cache.

    Raises:
        CompileError: WF1505 if a pass fails; the compiler's own codes where it gives them.
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
        kernels = cache.Kernels(store, f"a kernel of {what}") if store else None
        image, _ = _weft.compile(module.clone(), opts.text(), kernels)
        found = _loaded(image, key, lines, opts)
        if store:
            store.write("program", key, cache.pack_program(image, told), what)
    found = found._replace(tells_lines=tells_lines, calls_python="weft.callback" in text)
    _recent[mark] = found  # the latest last
    while len(_recent) > _MAX_RECENT:
        _recent.pop(next(iter(_recent)), None)
    return found


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


def _loaded(image: bytes, key: str, lines: dict, opts: Options, stored: dict | None = None) -> Compiled:
    """An image as a program; `stored`: the lines of its trace, where it comes from the cache."""
    program = _weft.Program(image)
    program.threads = opts.threads
    report = json.loads(program.metadata)
    pairs = iter(report["donations"])
    program.donations = list(zip(pairs, pairs, strict=True))
    program.kept_from = report["kept_from"]
    if stored is not None:
        report = cache.rebase(report, stored, lines)
    return Compiled(program, image, report, key, lines, stored is not None)
