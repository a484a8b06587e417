"""A progress line on the terminal: for long compiles, and for the loops of the examples.

Written here rather than taken from a library, since Weft needs nothing but NumPy: one line, redrawn at most ten times a
second, only on a terminal, and only after `delay` seconds, so that short work prints nothing. When the output is no
terminal nothing is drawn at all: logs stay clean.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, TypeVar

T = TypeVar("T")
_INTERVAL = 0.1
_WIDTH = 24


class Progress:
    """A line such as `train  [########........]  3/10  loss 0.31  2 s left`, as a context manager.

    Args:
        label: what is being done.
        total: number of steps, or None if it is not known.
        delay: seconds before the line appears.
        stream: where to draw; standard error by default.
        clock: a monotonic clock in seconds.

    >>> with Progress("compile", total=3) as p:  # no terminal here: draws nothing
    ...     for _ in range(3):
    ...         p.step("kernel")
    >>> p.done
    3
    """

    def __init__(
        self,
        label: str,
        total: int | None = None,
        *,
        delay: float = 0.0,
        stream: TextIO | None = None,
        clock=time.monotonic,
    ):
        self.label = label
        self.total = total
        self.done = 0
        self._note = ""
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._start = clock()
        self._next = self._start + delay
        self._width = 0  # of the line now on the terminal
        self._live = bool(getattr(self._stream, "isatty", lambda: False)())

    def step(self, note: str = "", n: int = 1) -> None:
        """Counts `n` steps and shows `note` beside the count; keeps the last note if it is empty."""
        self.done += n
        self._note = note or self._note
        if self._live and (now := self._clock()) >= self._next:
            self._next = now + _INTERVAL
            self._draw(now)

    def text(self, now: float | None = None) -> str:
        """The line as it would be drawn at time `now`."""
        elapsed = (self._clock() if now is None else now) - self._start
        parts = [self.label]
        if self.total:
            filled = min(self.done * _WIDTH // self.total, _WIDTH)
            parts += [f"[{'#' * filled}{'.' * (_WIDTH - filled)}]", f"{self.done}/{self.total}"]
        elif self.done:
            parts.append(str(self.done))
        if self._note:
            parts.append(self._note)
        if self.total and 0 < self.done < self.total:
            parts.append(f"{_seconds(elapsed / self.done * (self.total - self.done))} left")
        else:
            parts.append(_seconds(elapsed))
        return "  ".join(parts)

    def _draw(self, now: float) -> None:
        import shutil

        line = self.text(now)[: max(shutil.get_terminal_size().columns - 1, 1)]
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    def close(self, keep: bool = True) -> None:
        """Ends the line: leaves its last state on the terminal, or wipes it with `keep=False`. A line that never
        appeared is not drawn now."""
        if self._live and self._width:
            if keep:
                self._draw(self._clock())
                self._stream.write("\n")
            else:
                self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
        self._live = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        self.close()


def _seconds(s: float) -> str:
    if s < 1:
        return f"{s * 1000:.0f} ms"
    return f"{s:.1f} s" if s < 10 else f"{s:.0f} s" if s < 120 else f"{s / 60:.0f} min"


def track(items: Iterable[T], label: str, total: int | None = None, **options: Any) -> Iterator[T]:
    """Passes `items` through and shows how far it is; options as for `Progress`.

    >>> list(track([1, 2], "count"))
    [1, 2]
    """
    size = len(items) if total is None and hasattr(items, "__len__") else total  # type: ignore[arg-type]
    with Progress(label, size, **options) as progress:
        for item in items:
            yield item
            progress.step()
