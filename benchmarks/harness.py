"""How the benchmarks measure: engines in one process, in turns, each round long enough for the clock.

Decides what a number means. The engines of a benchmark take turns, so that what else the machine does falls on all of
them; a turn begins when the threads of the one before have stopped. A round repeats one engine's call until some
milliseconds have passed; reported are the best round and the median of the rounds, per call. Before it is timed, every
engine's result is held against the same computation in float64. An engine that is not installed is reported as that,
and one that fails with its error: neither is left out.
"""

from __future__ import annotations

import gc
import importlib
import os
import pathlib
import statistics
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

ROUND_SECONDS = 0.01


@dataclass
class Row:
    """One line of the table: an engine in a benchmark.

    Attributes:
        best, median: in `unit`, per call; None where there is no figure. first: the first call, in milliseconds.
        halves: the best of the first half of the rounds and of the second: how well a best is known.
        error: of the result against float64, relative to the largest element. note: why there is no figure.
    """

    what: str
    engine: str
    unit: str = "us"
    best: float | None = None
    median: float | None = None
    rounds: int = 0
    error: float | None = None
    first: float | None = None
    halves: tuple[float, float] | None = None
    note: str = ""


@dataclass
class Target:
    """What the project asks of a benchmark: a text and whether the rows hold it (None: a figure is missing)."""

    what: str
    wanted: str
    got: str
    holds: bool | None


@dataclass
class Result:
    """A benchmark's rows, its targets, and remarks on how it was taken."""

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        return asdict(self)


class Engine:
    """An engine in a benchmark.

    Args:
        make: returns the call to time, a function of nothing. What that needs (imports, inputs) it makes itself.
        result: from what the call returns to NumPy arrays, for the check; None: not checked (say why in the benchmark).
        wait: waits for what the call returned, where calls return early.
        times: how many calls make what the row is about, where a call does a part of it, or more.
        before: what is done before each round, untimed.
    """

    def __init__(
        self,
        make: Callable[[], Callable[[], Any]],
        result: Callable[[Any], Any] | None = None,
        wait: Callable[[Any], Any] | None = None,
        times: float = 1.0,
        before: Callable[[], Any] | None = None,
    ):
        self.make, self.result, self.wait, self.times, self.before = make, result, wait, times, before


def peer(name: str) -> Any:
    """The module, or ImportError: what `make` calls first."""
    return importlib.import_module(name)


def _error(got: Any, wanted: Any) -> float:
    worst = 0.0
    for g, w in zip(got, wanted, strict=True):
        g, w = np.asarray(g, np.float64), np.asarray(w, np.float64)
        if g.shape != w.shape:
            raise AssertionError(f"the result has shape {g.shape}, not {w.shape}")
        scale = np.abs(w).max() or 1.0
        error = float(np.abs(g - w).max() / scale)
        worst = max(worst, error if error == error else float("inf"))
    return worst


def measure(
    what: str,
    engines: dict[str, Engine],
    *,
    wanted: Any = None,
    tolerance: float = 1e-5,
    unit: str = "us",
    seconds: float = 1.0,
    wait_each: bool = True,
) -> list[Row]:
    """Times engines in turns.

    Args:
        wanted: the arrays that `Engine.result` must give, computed in float64. tolerance: on the largest difference,
            relative to the largest element of the array.
        seconds: how long each engine is timed.
        wait_each: wait for each call, or (where calls return early and their own time counts) for the last of a round.
    """
    rows: list[Row] = []
    timed: list[tuple[Row, Engine, Callable[[], Any], int, list[float]]] = []
    for name, engine in engines.items():
        row = Row(what, name, unit)
        rows.append(row)
        try:
            call = engine.make()
            begin = time.perf_counter()
            out = call()
            if engine.wait:
                engine.wait(out)
            row.first = (time.perf_counter() - begin) * 1e3
            if engine.result is not None:
                row.error = _error(engine.result(out), wanted)
                if not row.error <= tolerance:
                    row.note = f"wrong: {row.error:.1e} from float64, {tolerance:.0e} allowed"
                    continue
            timed.append((row, engine, call, _calls(engine, call, wait_each), []))
        except ImportError as e:
            row.note = f"not installed ({e.name})"
        except Exception as e:  # a peer that fails is a row that says so
            traceback.print_exc()
            row.note = f"fails: {type(e).__name__}: {str(e).strip().splitlines()[0][:80] if str(e).strip() else ''}"

    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + seconds * len(timed)
        while timed and (time.perf_counter() < end or len(timed[0][-1]) < 5):
            for _, engine, call, calls, times in timed:
                _settle()
                times.append(_round(engine, call, calls, wait_each))
    finally:
        gc.enable()
    for row, engine, _, _, times in timed:
        scale = {"us": 1e6, "ms": 1e3, "ns": 1e9}[unit] * engine.times
        row.best, row.median, row.rounds = min(times) * scale, statistics.median(times) * scale, len(times)
        half = len(times) // 2
        row.halves = min(times[:half]) * scale, min(times[half:]) * scale
    return rows


def _calls(engine: Engine, call: Callable[[], Any], wait_each: bool) -> int:
    """How many calls make a round. The faster of two tries counts: one may have met pages that were never touched."""
    calls = 1
    while (took := min(_round(engine, call, calls, wait_each) for _ in range(2)) * calls) < ROUND_SECONDS:
        calls = max(calls + 1, int(calls * min(10, 1.2 * ROUND_SECONDS / max(took, 1e-9))))
    return calls


def _settle() -> None:
    """Waits until the threads of the engine before have stopped: many spin after a call, for up to some 100 ms, and
    would take a core from the next one."""
    own, quiet, end = str(threading.get_native_id()), 0, time.perf_counter() + 0.5
    while quiet < 3 and time.perf_counter() < end:
        time.sleep(0.0005)
        quiet = 0 if any(_runs(thread) for thread in os.listdir("/proc/self/task") if thread != own) else quiet + 1


def _runs(thread: str) -> bool:
    try:
        return pathlib.Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except FileNotFoundError:  # it has ended
        return False


def _round(engine: Engine, call: Callable[[], Any], calls: int, wait_each: bool) -> float:
    wait, turns = engine.wait, range(calls)
    if engine.before:
        engine.before()
    begin = time.perf_counter()
    if wait is None:
        for _ in turns:
            call()
    elif wait_each:
        for _ in turns:
            wait(call())
    else:
        for _ in turns:
            out = call()
        wait(out)
    return (time.perf_counter() - begin) / calls


def fresh(what: str, engines: dict[str, list[str]], *, rounds: int = 5) -> list[Row]:
    """Times engines in processes of their own, in turns: each command prints a number of milliseconds as its last line.

    A command that exits with 3 says that its engine is not installed.
    """
    import subprocess

    rows = {name: Row(what, name, "ms") for name in engines}
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, command in engines.items():
            if rows[name].note:
                continue
            done = subprocess.run(command, capture_output=True, text=True, timeout=600)
            if done.returncode == 3:
                rows[name].note = "not installed"
            elif done.returncode:
                print(done.stderr)
                rows[name].note = f"fails: {done.stderr.strip().splitlines()[-1][:80]}"
            else:
                times[name].append(float(done.stdout.strip().splitlines()[-1]))
    for name, row in rows.items():
        if times[name]:
            row.best, row.median, row.rounds = min(times[name]), statistics.median(times[name]), len(times[name])
    return list(rows.values())


def best(rows: list[Row], engine: str) -> float | None:
    """The best figure of an engine, None where it has none."""
    return next((row.best for row in rows if row.engine == engine), None)


def at_most(what: str, rows: list[Row], engine: str, limit: float) -> Target:
    """A target: the engine's best is at most `limit`, in its own unit."""
    got = best(rows, engine)
    unit = rows[0].unit
    if got is None:
        return Target(what, f"{limit:g} {unit} or less", "no figure", None)
    return Target(what, f"{limit:g} {unit} or less", f"{got:.3g} {unit}", got <= limit)


def times_faster(what: str, rows: list[Row], engine: str, than: str, factor: float = 1.0) -> Target:
    """A target: the engine's best is `factor` times smaller than that of `than`, in the same run."""
    mine, other = best(rows, engine), best(rows, than)
    wanted = f"faster than {than}" if factor == 1 else f"{factor:g}x faster than {than}, or more"
    if mine is None or other is None:
        return Target(what, wanted, "no figure", None)
    return Target(what, wanted, f"{other / mine:.2f}x", other / mine > factor)


def write_between(path: pathlib.Path, begin: str, end: str, text: str) -> None:
    """Puts `text` between two marks of a file, instead of what stands there."""
    before, _, rest = path.read_text().partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
