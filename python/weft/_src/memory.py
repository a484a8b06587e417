"""What a call of a program needs of the machine's memory, told before it runs.

Decides the parts of `explain().peak_bytes` and how each is counted: as the runtime takes it (lib/Runtime/Buffer.cpp
rounds to pages, lib/Runtime/Call.cpp gives scratch to threads). Not counted are arguments, which the caller has; the
code; what a library of factorisations works in; and sizes that only the data tell (`explain().sizes`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from weft._src import _weft, dims


class Memory(NamedTuple):
    """The bytes that a call adds to a process that holds its arguments and nothing of the call yet: formulas in text
    where sizes are symbolic, which are bounds.

    Attributes:
        results: of what is returned, but for what takes the memory of a donated argument.
        arena: of temporaries: one call's, planned as a whole.
        kept: of what stays from call to call: captured arrays, packed.
        scratch: of the threads, each of which packs for itself.
        copies: of NumPy arguments with gaps, which a call copies.

    >>> m = Memory(64, 128, 0, 0, 0)
    >>> m.total, str(m)
    (192, 'results 64 B + arena 128 B')
    """

    results: Any
    arena: Any
    kept: Any
    scratch: Any
    copies: Any

    @property
    def total(self) -> Any:
        """The sum of the parts."""
        return total(self)

    def __str__(self) -> str:
        parts = [f"{name} {bytes_text(n)}" for name, n in self._asdict().items() if n != 0]
        return " + ".join(parts) or "none"


def of(report: dict[str, Any], threads: int, taken: Iterable[int] = (), copied: Iterable[int] = ()) -> Memory:
    """The memory in a compiler's report.

    Args:
        report: what the compiler tells of the program.
        threads: that run a call.
        taken: results that take the memory of an argument, by number.
        copied: the bytes of each argument that is copied.
    """
    given = set(taken)
    return Memory(
        total(_block(size(n)) for i, n in enumerate(report["result_bytes"]) if i not in given),
        _block(size(report["arena_bytes"])),
        _block(size(report["kept_bytes"])),
        _scratch(report["scratch"], threads),
        total(_block(n) for n in copied),
    )


def _scratch(uses: list[dict[str, Any]], threads: int) -> Any:
    """The caller's own, then what each thread needs in the bodies of loops, and in parts of the program, that it may
    take part in; and in bodies inside of parts."""
    blocks = [_greatest(size(use["own"]) for use in uses)]
    for number in range(threads):
        bodies = [use["body"] for use in uses if use["threads"] == 0 or use["threads"] > number]
        beside = [use for use in uses if use.get("beside", 0) > number]
        blocks.append(_greatest(map(size, [*bodies, *(use["own"] for use in beside)])))
        blocks.append(_greatest(size(use["body"]) for use in beside))
    return total(map(_block, blocks))


def _greatest(sizes: Iterable[Any]) -> Any:
    """The greatest number, and all formulas beside it: no less than the greatest of all."""
    sizes = list(sizes)
    formulas = dict.fromkeys(n for n in sizes if not isinstance(n, int))
    return total([max((n for n in sizes if isinstance(n, int)), default=0), *formulas])


def _block(n: Any) -> Any:
    """What memory of so many bytes takes; a formula stands for itself."""
    return (_weft.buffer_footprint(n) if n else 0) if isinstance(n, int) else n


def size(text: Any) -> Any:
    """A size of the report: an int, or the text of a formula."""
    try:
        return int(text)
    except ValueError:
        return str(dims.parse(text))


def total(sizes: Iterable[Any]) -> Any:
    """The sum of sizes, each an int or a formula's text.

    >>> total([1, "4*B", 2, "B+1"])
    '5*B+4'
    """
    result: Any = 0
    for n in sizes:
        one = size(n)
        result = result + (one if isinstance(one, int) else dims.parse(one))
    return result if isinstance(result, int) else str(result)


def at(n: Any, size: int = 256) -> int:
    """A number of bytes where each named size is `size`.

    >>> at(12), at("4*B+S")
    (12, 1280)
    """
    if isinstance(n, int):
        return n
    formula = dims.parse(n)
    return formula.evaluate(dict.fromkeys(formula.symbols, size))


def bytes_text(n: Any) -> str:
    """A number of bytes for people.

    >>> bytes_text(0), bytes_text(999), bytes_text(98304), bytes_text("4*B")
    ('0 B', '999 B', '96 KB', '4*B B')
    """
    if not isinstance(n, int):
        return f"{n} B"
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1024 or unit == "GB":
            return f"{n:.3g} {unit}" if n < 1000 else f"{n:.0f} {unit}"
        n = n / 1024
    raise AssertionError
