"""`python -m weft cache`: the persistent cache for people.

Decides what is told of an entry, and that `check` ends with 1 where a file is not whole (it removes none: a process
that needs it does).
"""

from __future__ import annotations

import collections
import time

from weft._src import cache


def _size(n: int) -> str:
    """A number of bytes for people.

    >>> _size(512), _size(1536), _size(3 << 20)
    ('512 B', '1.5 KB', '3.0 MB')
    """
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1024 or unit == "GB":
            return f"{n} B" if unit == "B" else f"{n:.1f} {unit}"
        n = n / 1024  # type: ignore[assignment]
    raise AssertionError


def _store() -> cache.Store:
    return cache.Store(cache.folder(), cache.limit())


def show() -> int:
    """Prints all entries: when each was used last, its size, kind, key, and what it holds."""
    entries = [entry for entry, _ in _store().entries()]
    for e in entries:
        used = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(e.used))
        print(f"{used}  {_size(e.bytes):>9}  {e.kind:8}  {e.key}  {e.what or 'damaged'}")
    counts = collections.Counter(e.kind for e in entries)
    told = ", ".join(f"{counts[kind]} {kind}s" for kind in cache.KINDS if counts[kind])
    total = _size(sum(e.bytes for e in entries))
    print(
        f"{len(entries)} entries{f' ({told})' if told else ''}, {total} of {_size(cache.limit())}, in {cache.folder()}"
    )
    return 0


def check() -> int:
    """Verifies every file, and prints those that are not whole."""
    entries = _store().entries()
    wrong = [(e, reason) for e, reason in entries if reason]
    for e, reason in wrong:
        print(f"{cache.folder()}/{e.key}.{e.kind} {reason}")
    print(f"{len(entries) - len(wrong)} entries are whole, {len(wrong)} are not")
    return 1 if wrong else 0


def clear() -> int:
    """Removes all entries."""
    count, size = _store().clear()
    print(f"{count} files removed, {_size(size)}, from {cache.folder()}")
    return 0
