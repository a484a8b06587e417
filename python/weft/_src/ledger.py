"""The ledger of a compilation: where its time went, per stage, pass, kernel and line.

Decides how the compiler's times (lib/Pipelines/Report.cpp) are given to what the user knows. Stages are by the clock;
the rest is time of all threads that worked, so its sum may be more. A kernel's time is given in equal parts to its
launches, and of each to its lines; what is done for the program as a whole (graph passes, the entry) has no line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

_SHOWN = 12
WHOLE = "the program as a whole"


class Ledger(NamedTuple):
    """Milliseconds of one compilation; printing it gives tables, the dearest first.

    Attributes:
        stages: by the clock, in order: tracing, then the compiler's stages; `native` is all that is done for each
            kernel and the entry, in threads, side by side.
        passes: of all threads, by pass; `llvm: ...` are the parts of LLVM.
        kernels: of all threads, by the kernel's name in `explain()`; those from the cache and inlined ones took none.
        lines: of all threads, by the user's line ("file:line"), and under `WHOLE` what belongs to none.

    >>> ledger = Ledger({"native": 3.0}, {"llvm: passes": 4.0}, {"k0": 3.0}, {"a.py:1": 3.0, WHOLE: 1.0})
    >>> print(ledger)  # doctest: +NORMALIZE_WHITESPACE
    stage (by the clock)       ms
      native                  3.0
    pass (of all threads)      ms
      llvm: passes            4.0  100%
    kernel (of all threads)    ms
      k0                      3.0   75%
    line (of all threads)      ms
      a.py:1                  3.0   75%
      the program as a whole  1.0   25%
    """

    stages: dict[str, float]
    passes: dict[str, float]
    kernels: dict[str, float]
    lines: dict[str, float]

    def __str__(self) -> str:
        total = sum(self.passes.values())
        tables = [("stage (by the clock)", [(k, v) for k, v in self.stages.items()], 0.0)]
        for what, times in (("pass", self.passes), ("kernel", self.kernels), ("line", self.lines)):
            tables.append((f"{what} (of all threads)", _dearest(times), total))
        width = max(len(k) for head, rows, _ in tables for k in (head, *(f"  {k}" for k, _ in rows)))
        texts = []
        for head, rows, of in tables:
            if rows:
                texts.append(f"{head:{width}}  {'ms':>7}")
            texts += [f"  {k:{width - 2}}  {ms:7.1f}" + (f"  {ms / of:4.0%}" if of else "") for k, ms in rows]
        return "\n".join(texts)


def _dearest(times: dict[str, float]) -> list[tuple[str, float]]:
    rows = sorted(((k, ms) for k, ms in times.items() if ms), key=lambda item: -item[1])
    rest = rows[_SHOWN:]
    return rows[:_SHOWN] + ([(f"{len(rest)} more", sum(ms for _, ms in rest))] if rest else [])


def of(report: dict[str, Any], kernels: Iterable[Any], traced_ms: float) -> Ledger:
    """The ledger in a compiler's report.

    Args:
        kernels: the launches, as `explain` tells them. traced_ms: what tracing took, 0 where nothing was traced.
    """
    stages = {"traced": traced_ms} if traced_ms else {}
    stages |= {stage["stage"]: stage["ms"] for stage in report["stages"]}
    passes = {p["pass"]: p["ms"] for p in report["passes"]}
    took = {k["name"]: k["compile_ms"] for k in report["kernels"]}
    launches: dict[str, list[Any]] = {}
    for kernel in kernels:
        launches.setdefault(kernel.symbol, []).append(kernel)
    lines: dict[str, float] = {}
    for symbol, places in launches.items():
        for place in places:
            for line in place.lines or (WHOLE,):
                part = took[symbol] / len(places) / max(1, len(place.lines))
                lines[line] = lines.get(line, 0.0) + part
    lines[WHOLE] = lines.get(WHOLE, 0.0) + sum(passes.values()) - sum(took.values())
    named = {places[0].name: took[symbol] for symbol, places in launches.items()}
    return Ledger(stages, passes, named, lines)
