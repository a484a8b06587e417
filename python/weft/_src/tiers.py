"""Two tiers of code: a first call that may not compile for long is answered by code that is made fast (lib/Target), and
a thread makes the code that runs fast, which later calls take.

Decides who compiles beside the program, and what may happen meanwhile: one thread, one program after another. A fork
and the end of the process wait for the program being compiled, since a thread that vanishes in the middle would leave
locks taken; at the end the others are dropped, and a forked child goes on with them by a thread of its own.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import os
import threading
from collections.abc import Callable


class Worker:
    """Runs jobs one after another in a thread that starts with the first of them and ends with the last.

    >>> done = []
    >>> worker = Worker()
    >>> worker.add(lambda: done.append(1)); worker.wait(); done
    [1]
    """

    def __init__(self) -> None:
        self._jobs: collections.deque[Callable[[], None]] = collections.deque()
        self._busy = threading.Lock()  # held while a job runs
        self._state = threading.Condition()
        self._running = False

    def add(self, job: Callable[[], None]) -> None:
        """Runs a job, which raises nothing, after those that were added before."""
        with self._state:
            self._jobs.append(job)
            self._start()

    def wait(self) -> None:
        """Returns when nothing is left to do."""
        with self._state:
            self._state.wait_for(lambda: not self._running)

    def drop(self) -> None:
        """Forgets jobs that have not begun, and returns when the one that has is done."""
        with self._state:
            self._jobs.clear()
        self.wait()

    def _start(self) -> None:
        if self._jobs and not self._running:
            self._running = True
            threading.Thread(target=self._run, name="weft-compile", daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # this thread alone, on Linux, and those that it starts: calls go first
            os.nice(5)
        while True:
            with self._busy:
                with self._state:
                    if not self._jobs:
                        self._running = False
                        self._state.notify_all()
                        return
                    job = self._jobs.popleft()
                job()

    def before_fork(self) -> None:
        self._busy.acquire()  # between two jobs
        self._state.acquire()

    def after_fork(self) -> None:
        self._state.release()
        self._busy.release()

    def after_fork_in_child(self) -> None:
        jobs = self._jobs
        self.__init__()  # type: ignore[misc]  # the thread, and who waited, are not here
        for job in jobs:
            self.add(job)


WORKER = Worker()
atexit.register(WORKER.drop)
os.register_at_fork(
    before=WORKER.before_fork,
    after_in_parent=WORKER.after_fork,
    after_in_child=WORKER.after_fork_in_child,
)
