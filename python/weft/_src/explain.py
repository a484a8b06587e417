"""`f.explain(*args)`: what a compiled function consists of, as an object; printing it is the report.

Decides how the compiler's report (lib/Pipelines/Report.cpp, stored with the program) is told to people: which kernels
there are, from which lines, what they read and write; calls of the library of factorisations; fusions refused and
copies with reasons; memory (memory.py), and that of sizes which depend on data; the time that compiling took
(ledger.py); why programs were made anew; and notes on what may surprise.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, array, ledger, memory, source, trace

_LINE = re.compile(r'"([^"]+)":(\d+)')
# Ops that only shape others: not worth a word in the name of a kernel.
_QUIET = frozenset({"broadcast", "constant", "reshape", "empty", "zeros", "convert", "transpose", "slice", "return"})
_WORDS = {"dot": "matmul", "logistic": "sigmoid", "reduce": "reduce"}

Bytes = "int | str"
"""A number of bytes; a formula in the named sizes where it is not known before the call."""


class Kernel(NamedTuple):
    """One launch of a kernel.

    Attributes:
        name: of the kernel, k0, k1, ... in the order of the first launch; launches of one kernel share it.
        symbol: its function in the IR. ops: what it computes, in order.
        lines: the user's lines ("file:line") it stems from. in_loop: whether it runs once per trip of a loop.
        read_bytes, written_bytes: of all operands and all results.
        kept: whether its result stays from call to call: it runs again when a captured array it reads is another one.
        inlined: whether it is so small that its code is part of what launches it, and its values may stay in registers.
    """

    name: str
    symbol: str
    ops: tuple[str, ...]
    lines: tuple[str, ...]
    in_loop: bool
    read_bytes: Any
    written_bytes: Any
    inlined: bool = False
    kept: bool = False

    @property
    def what(self) -> str:
        """Its ops in short, such as "matmul + add + select".

        >>> Kernel("k0", "k_1", ("dot", "broadcast", "add", "mul", "mul"), (), False, 0, 0).what
        'matmul + add + mul x2'
        """
        words = [_WORDS.get(op, op) for op in self.ops if op not in _QUIET] or [*self.ops] or ["nothing"]
        counts = Counter(words)
        parts = [word if n == 1 else f"{word} x{n}" for word, n in counts.items()]
        return " + ".join(parts if len(parts) <= 6 else [*parts[:5], f"{len(parts) - 5} more"])


class NotFused(NamedTuple):
    """Two kernels of which one reads what the other computes, and why they are not one.

    Attributes:
        producer, consumer: names of kernels. code: of the reason, stable, such as "W232" (docs/fusion.md says more).
        reason: in words. lines: where the value is made, then where it is read.
    """

    producer: str
    consumer: str
    code: str
    reason: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        where = f" ({_where(self.lines)})" if self.lines else ""
        return f"{self.producer} -> {self.consumer}: {self.code} {self.reason}{where}"


class LibraryCall(NamedTuple):
    """One call of the library of factorisations, between kernels.

    Attributes:
        op: what it computes, such as "svd". lines, in_loop, read_bytes, written_bytes: as of a kernel.
    """

    op: str
    lines: tuple[str, ...]
    in_loop: bool
    read_bytes: Any
    written_bytes: Any


class DataSize(NamedTuple):
    """A size that is known only when the program has found it.

    Attributes:
        name: in the IR. bound: what it is never more than, so that memory is planned; None where nothing says so.
        asked_bytes: a formula of the memory that is asked for when the size is known. lines: where it is found.
    """

    name: str
    bound: Any
    asked_bytes: Any
    lines: tuple[str, ...]

    def __str__(self) -> str:
        known = f"is bounded by {self.bound}" if self.bound is not None else "depends on data"
        asked = (
            f": {memory.bytes_text(self.asked_bytes)} are asked for when it is known" if self.asked_bytes != 0 else ""
        )
        return f"{self.name} {known}{asked}" + (f" ({_where(self.lines)})" if self.lines else "")


class Beside(NamedTuple):
    """Parts of the program that depend on none of each other and run at once, each on a thread, where that pays: where
    there are threads for them, and they take long enough (as measured in the call before; an estimate at first).

    Attributes:
        parts: the lines of each. estimated_us: how long each takes on one thread. shared: the share of that time that
        the threads can divide inside of the parts, where these run one after the other.

    >>> print(Beside((("f.py:3",), ("f.py:4",)), (120, 80), 0.0))
    f.py:3 | f.py:4 (about 120 | 80 us each)
    """

    parts: tuple[tuple[str, ...], ...]
    estimated_us: tuple[int, ...]
    shared: float

    def __str__(self) -> str:
        told = " | ".join(_where(part) for part in self.parts)
        return f"{told} (about {' | '.join(map(str, self.estimated_us))} us each)"


class Copy(NamedTuple):
    """A copy that the program makes, and why."""

    reason: str
    lines: tuple[str, ...]
    bytes: Any


class Explanation:
    """What `explain` found; printing it gives the report.

    Attributes:
        name, location: the function and where it stands. arguments: texts such as "x: f32[128,64]".
        kernels: the launches, in the order of the program. calls: those of the library of factorisations.
        not_fused: kernels that could not become one, with reasons. copies: with reasons.
        beside: parts that run side by side, on different threads.
        sizes: those that the program finds, and what bounds them.
        peak_bytes: what a call adds to a process that holds its arguments (a formula in text, which is a bound, where
        sizes are symbolic). memory: its parts (results, arena, kept, scratch, copies), which add up to it.
        kept_bytes: of what stays from call to call: captured arrays, packed.
        timings: stage -> milliseconds of tracing and compiling, by the clock. ledger: the same per stage, pass, kernel
        and line; prints as tables. recompiles: why each program of this function was made.
        notes: what may surprise. donated: names of the donated arguments.
        unchecked_reads: what the function may read that a later call cannot see changed.
        tier: "full", or "quick" while the first calls run code that was made fast (`jit(compile_budget=)`).
        report: the compiler's own report, as it is stored. is_stored: whether the program comes from the persistent
        cache; its timings are those of when it was compiled.
    """

    def __init__(self, jitted: Any, call: Any, variant: Any):
        report = variant.compiled.report
        f = _innermost(jitted.f)
        code = getattr(f, "__code__", None)
        self.report = report
        self.is_stored = variant.compiled.is_stored
        self.tier = variant.compiled.tier
        self.name = getattr(jitted.f, "__name__", type(jitted.f).__name__)
        self.location = "" if code is None else f"{source.display_path(code.co_filename)}:{code.co_firstlineno}"
        self.arguments = _arguments(call)
        kernels = {k["name"]: k for k in report["kernels"]}
        names: dict[str, str] = {}
        for launch in report["launches"]:
            names.setdefault(launch["kernel"], f"k{len(names)}")
        self.kernels = [
            Kernel(
                names[launch["kernel"]],
                launch["kernel"],
                tuple(kernels[launch["kernel"]]["ops"]),
                _short(launch["lines"]),
                launch["in_loop"],
                memory.total(launch["read_bytes"]),
                memory.total(launch["written_bytes"]),
                kernels[launch["kernel"]]["inlined"],
                launch["kept"],
            )
            for launch in report["launches"]
        ]
        self.calls = [
            LibraryCall(
                call["op"],
                _short(call["lines"]),
                call["in_loop"],
                memory.total(call["read_bytes"]),
                memory.total(call["written_bytes"]),
            )
            for call in report["calls"]
        ]
        self.beside = [_beside(group["parts"]) for group in report.get("beside", ())]
        self.sizes = [
            DataSize(
                size["symbol"],
                memory.size(size["bound"]) if size["bound"] else None,
                memory.size(size["bytes"]),
                _short(size["lines"]),
            )
            for size in report["sizes"]
        ]
        self.not_fused = [
            NotFused(
                self.kernels[pair["producer"]].name,
                self.kernels[pair["consumer"]].name,
                pair["code"],
                pair["reason"],
                _short(pair["lines"]),
            )
            for pair in report["not_fused"]
        ]
        self.copies = [Copy(c["reason"], _short(c["lines"]), memory.size(c["bytes"])) for c in report["copies"]]
        threads = variant.compiled.program.threads or _weft.num_threads()
        self.memory = memory.of(report, threads, _taken(call, variant), _copied(call))
        self.peak_bytes = self.memory.total
        self.kept_bytes = memory.size(report["kept_bytes"])
        self.ledger = ledger.of(report, self.kernels, variant.traced_ms)
        self.timings = self.ledger.stages
        self.recompiles = list(jitted.misses)
        self.donated = [call.paths[i] for i in call.donated]
        self.notes = _notes(call, variant)
        most = jitted.options.max_bytes
        if most is not None and memory.at(self.peak_bytes) > most:
            self.notes.append(f"takes more than max_bytes, which is {memory.bytes_text(most)}: the program needs it")
        self.unchecked_reads = list(variant.reads.unchecked)

    def __str__(self) -> str:
        head = f"{self.name}({', '.join(self.arguments)})"
        lines = [head + (" " * max(6, 88 - len(head)) + self.location if self.location else "")]
        compiled = sum(ms for stage, ms in self.timings.items() if stage != "traced")
        took = f"compiled in {_milliseconds(compiled)}" + (", from the cache" if self.is_stored else "")
        took += ", in part by the quick tier" if self.tier == "quick" else ""
        lines.append("  " + self._summary().ljust(70) + took)
        lines.append(f"  memory: {self.memory}")
        width = min(60, max((len(k.what) for k in self.kernels), default=0))
        kept = Counter(k.name for k in self.kernels if k.kept)
        for k in self.kernels:
            if k.kept and not (times := kept.pop(k.name, 0)):
                continue  # one line for all launches that are run once
            where = _where(k.lines)
            moved = memory.bytes_text(memory.total([k.read_bytes, k.written_bytes]))
            text = f"  {k.name:4}  {k.what:{width}}  {where:26}  {moved:>9}"
            lines.append(
                text.rstrip()
                + "  in a loop" * k.in_loop
                + "  inlined" * k.inlined
                + "  kept" * k.kept
                + (f"  {times} times" if k.kept and times > 1 else "")
            )
        for c in self.calls:
            moved = memory.bytes_text(memory.total([c.read_bytes, c.written_bytes]))
            lines.append(f"  call  {c.op}  {_where(c.lines)}  {moved}" + "  in a loop" * c.in_loop)
        lines += [f"  beside  {group}" for group in self.beside]
        lines += [f"  size {size}" for size in self.sizes]
        for pair, n in Counter(self.not_fused).items():
            lines.append(f"  not fused: {pair}" + (f"  {n} times" if n > 1 else ""))
        for copy in self.copies:
            lines.append(f"  copy  {copy.reason}  {', '.join(copy.lines)}  {memory.bytes_text(copy.bytes)}")
        lines += [f"  note: {note}" for note in self.notes]
        if len(self.recompiles) > 1:
            counts = Counter(self.recompiles)
            told = "; ".join(f"{reason} ({n}x)" for reason, n in counts.items())
            lines.append(f"  compiled {len(self.recompiles)} times: {told}")
        return "\n".join(lines)

    def _summary(self) -> str:
        distinct = len({k.name for k in self.kernels})
        launches = len(self.kernels)
        kernels = f"{distinct} kernel{'s' * (distinct != 1)}"
        parts = [kernels if distinct == launches else f"{kernels} in {launches} launches"]
        if self.calls:
            parts.append(f"{len(self.calls)} library call{'s' * (len(self.calls) != 1)}")
        parts.append(f"peak {memory.bytes_text(self.peak_bytes)}")
        if self.donated:
            parts.append(f"{len(self.donated)} donated")
        n = len(self.copies)
        parts.append(f"{n} cop{'ies' if n != 1 else 'y'}" if n else "no copies")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"<explanation of {self.name}: {self._summary()}>"


def explain(jitted: Any, args: tuple, kwargs: dict[str, Any]) -> Explanation:
    """The explanation of the program that a call with such arguments runs; makes that program if there is none yet.

    Args:
        jitted: what stands behind a jitted function.
        args, kwargs: of the call; nothing is run, and nothing donated is used up.

    Raises:
        WeftError: as the call itself would.
    """
    call, variant = jitted.prepared(args, kwargs)
    return Explanation(jitted, call, variant)


# -------------------------------------------------------------------------------------------------------------- parts


def _beside(parts: list[dict[str, Any]]) -> Beside:
    total = sum(part["ns"] for part in parts)
    return Beside(
        tuple(_short(part["lines"]) for part in parts),
        tuple(round(part["ns"] / 1000) for part in parts),
        sum(part["shared"] for part in parts) / total if total else 0.0,
    )


def _innermost(f: Any) -> Any:
    f = getattr(f, "func", f)
    return inspect.unwrap(f) if callable(f) else f


def _arguments(call: Any) -> list[str]:
    """One text for each argument: leaves as "x: f32[2]", containers as "p: {w f32[2], b f32[1]}"."""
    groups: dict[str, list[str]] = {}
    for path, spec in zip(call.paths, call.specs, strict=True):
        cut = re.match(r"[^\[.]+", path)
        name = cut.group() if cut else path
        inner = path[len(name) :]
        text = str(trace.Spec(spec.shape, spec.dtype))
        plain = re.sub(r"\['([^']*)'\]", r".\1", inner).lstrip(".")
        groups.setdefault(name, []).append(f"{plain} {text}" if inner else text)
    texts = []
    for name, parts in groups.items():
        single = len(parts) == 1 and " " not in parts[0]
        shown = parts if len(parts) <= 8 else [*parts[:7], f"{len(parts) - 7} more"]
        texts.append(f"{name}: {parts[0]}" if single else f"{name}: {{{', '.join(shown)}}}")
    return [f"{n}={v!r}" if isinstance(n, str) else f"{v!r}" for n, v in call.statics] + texts


def _is_foreign(leaf: Any) -> bool:
    """Whether it is memory of another library, which no program writes."""
    return not isinstance(leaf, (array.Array, trace.Spec))


def _taken(call: Any, variant: Any) -> list[int]:
    """The results that take the memory of an argument or a Variable."""
    leaves = call.leaves
    pairs = variant.compiled.program.donations
    return [result for result, i in pairs if i >= len(leaves) or not _is_foreign(leaves[i])]


def _copied(call: Any) -> list[int]:
    return [
        x.nbytes for x in call.leaves if isinstance(x, np.ndarray) and not (x.flags.c_contiguous and x.flags.aligned)
    ]


def _notes(call: Any, variant: Any) -> list[str]:
    notes = []
    foreign: dict[str, list[str]] = {}
    for i in call.donated:
        if _is_foreign(call.leaves[i]):
            foreign.setdefault(type(call.leaves[i]).__module__.split(".")[0], []).append(call.paths[i])
    for library, paths in foreign.items():
        who = f"{paths[0]} is" if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more are"
        notes.append(f"{who} donated but memory of {library}: read, never written or kept")
    reused = {argument for _, argument in variant.compiled.program.donations}
    for result, number in variant.updates:
        what = f"a Variable ({trace.spec_of(variant.captured[number])})"
        if (result, len(call.leaves) + number) in variant.compiled.program.donations:
            notes.append(f"{what} is updated in place")
        else:
            notes.append(f"{what} is read until its new value is written: that gets memory of its own")
    rest = [call.paths[i] for i in call.donated if i not in reused and call.paths[i] not in sum(foreign.values(), [])]
    if rest:
        who = f"{rest[0]} is" if len(rest) == 1 else f"{rest[0]} and {len(rest) - 1} more are"
        notes.append(f"{who} donated, but read until a result of the type is written: memory given back, not reused")
    captured = variant.captured
    if captured:
        shown = ", ".join(str(trace.spec_of(x)) for x in captured[:4]) + (", ..." if len(captured) > 4 else "")
        notes.append(f"reads {len(captured)} array{'s' * (len(captured) != 1)} from outside: {shown}")
    double = variant.double() if callable(variant.double) else variant.double
    if double:
        notes.append(f"f64 arithmetic from {_short(double)[0]}")
    if variant.unfinished:
        notes.append(f"it stays in the quick tier, since the full one does not compile: {variant.unfinished}")
    if variant.unkeyed:
        notes.append(f"the next process traces it again: {variant.unkeyed}")
    return notes


def first_double(module: Any, specs: Any) -> list[str]:
    """The line of the first op on float64 ("file:line"), where no argument is float64; else nothing."""
    from weft._src import dtypes

    if any(s.dtype is dtypes.float64 and not s.weak for s in specs):
        return []
    found: list[str] = []

    def look(op: Any) -> None:
        if found or not op.name.startswith("weft.") or op.name in ("weft.constant", "weft.convert"):
            return
        if any(_is_double(v) for v in op.results) and any(_is_double(v) for v in op.operands):
            found.extend(f"{file}:{line}" for file, line in _LINE.findall(str(op.location))[:1])

    module.operation.walk(look, pre_order=True)
    return found


def _is_double(value: Any) -> bool:
    return "xf64" in str(value.type) or "<f64" in str(value.type)


def lines_of(location: Any) -> list[str]:
    """The user's lines in a location of the IR, innermost first, each as "file:line"."""
    found = [f"{source.display_path(file)}:{line}" for file, line in _LINE.findall(str(location))]
    return list(dict.fromkeys(found))


def _short(lines: list[str]) -> tuple[str, ...]:
    def one(text: str) -> str:
        file, _, line = text.rpartition(":")
        return f"{source.display_path(file)}:{line}"

    return tuple(dict.fromkeys(one(x) for x in lines))


def _where(lines: tuple[str, ...]) -> str:
    """Lines in short: the file once.

    >>> _where(("a.py:1", "a.py:2", "b.py:3"))
    'a.py:1, 2, b.py:3'
    """
    parts, last = [], ""
    for line in lines[:6]:
        file, _, number = line.rpartition(":")
        parts.append(number if file == last else line)
        last = file
    return ", ".join(parts) + (f" +{len(lines) - 6}" if len(lines) > 6 else "")


def _milliseconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 1 else f"{ms * 1000:.0f} us"
