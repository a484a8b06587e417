"""One row tried: values, gradients and batches.

Decides what is compared with what, and that a difference where Weft is wrong, or that nobody can arbitrate, is bad
unless the row lists it.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from arguments import BATCH, Case, batch, cases, is_float
from judge import Bounds, Finding, arbiter, compared, distance, nobody
from language import Row
from libraries import Side, attempt, leaves, sides


@dataclass
class Outcome:
    """A row's findings by part (values, gradient, vmap), dtypes that differ, and what must not be."""

    row: Row
    parts: dict[str, list[Finding]] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def add(self, part: str, *found: Finding) -> None:
        """Puts findings where they belong; a difference that is not listed is bad."""
        for f in found:
            self.parts.setdefault(part, []).append(f)
            if f.kind in ("agree", "weft", "alone"):
                continue
            listed = [p for p in self.row.decided if fnmatch.fnmatch(f"{part} {f.where}", p)]
            if listed:
                self.used.add(listed[0])
                f.kind, f.text = "decided", self.row.decided[listed[0]]
            else:
                self.bad.append(f"{part} {f.where}: {f.kind}: {f.text}")


def tried(row: Row) -> Outcome:
    """A row's outcome."""
    out = Outcome(row)
    for case in cases(row):
        w, j = sides(row, case.variant)
        got = _values(out, case, w, j)
        if got is None:
            continue
        if row.diff and case.dtype in ("float32", "float64"):
            _gradients(out, case, w, j, got)
        first = (case.variant.dtypes or row.dtypes)[0]
        if row.vmap and not case.awkward and case.dtype == first:
            _batches(out, case, w, j)
    out.bad += [f"listed, but agrees: {p}" for p in row.decided if p not in out.used]
    return out


def _values(out: Outcome, case: Case, w: Side, j: Side) -> list[np.ndarray] | None:
    row = out.row
    got, refused = attempt(w.values, case.args)
    theirs, theirs_refused = attempt(j.values, case.args)
    if refused or theirs_refused:
        out.add("values", _refused(case.where, refused, theirs_refused))
        return None
    if len(got) != len(theirs):
        out.add("values", Finding(case.where, "unknown", text=f"{len(got)} and {len(theirs)} results"))
        return None
    bounds = Bounds(row.bound, row.exact_bound, row.elementwise)
    wide = lambda: _both_wide(w, j, case.args, "values")  # noqa: E731
    for i, (a, b) in enumerate(zip(got, theirs, strict=True)):
        if str(a.dtype) != str(b.dtype):
            out.dtypes.setdefault(f"{a.dtype}, not {b.dtype}", case.where)
        for where, part in case.parts():
            judge = arbiter(row, case.at(part), wide, case.awkward, i, None)
            out.add("values", *compared(where, _of(a, case, part), _of(b, case, part), bounds, judge))
    return got


def _of(x: np.ndarray, case: Case, part: slice) -> np.ndarray:
    return x[part] if case.awkward else x


def _refused(where: str, weft: str, other: str) -> Finding:
    """One of them, or both, do not take the arguments."""
    kind = "agree" if weft and other else "error" if weft else "alone"
    return Finding(where, kind, text=f"weft: {weft or 'answers'}; jax: {other or 'answers'}")


def _both_wide(w: Side, j: Side, args: list, how: str, extra: tuple = ()) -> list[np.ndarray] | None:
    """Both in float64, if they agree there; otherwise they are no arbiter."""
    if not any(isinstance(a, np.ndarray) and is_float(a) for a in args):
        return None
    wide = [a.astype(np.float64) if isinstance(a, np.ndarray) and is_float(a) else a for a in args]
    if extra:
        extra = ([c.astype(np.float64) for c in extra[0]], extra[1])
    (a, refused), (b, theirs) = attempt(getattr(w, how), wide, *extra), attempt(getattr(j, how), wide, *extra)
    if refused or theirs:
        return None
    for x, y in zip(a, b, strict=True):
        if x.shape != y.shape or (x.dtype.kind == "f" and (distance(x, y, np.dtype(np.float64), False) > 1e6).any()):
            return None
    return a


def _gradients(out: Outcome, case: Case, w: Side, j: Side, got: list[np.ndarray]) -> None:
    row, args, at = out.row, case.args, case.floats
    floats = [r for r in got if is_float(r)]
    if not at or not floats:
        return
    rng = np.random.default_rng(1)
    # With cotangents of 1, mpmath's slopes are the answers, where nothing was broadcast.
    plain = row.elementwise and all(isinstance(a, np.ndarray) and a.shape == got[0].shape for a in args)
    cts = [np.ones(r.shape, r.dtype) if plain else rng.uniform(0.5, 2, r.shape).astype(r.dtype) for r in floats]
    mine, refused = attempt(w.gradient, args, cts, at)
    theirs, theirs_refused = attempt(j.gradient, args, cts, at)
    if refused or theirs_refused:
        out.add("gradient", _refused(case.where, refused, theirs_refused))
        return
    bound = max(row.gradient_bound, 2 * row.bound)
    bounds = Bounds(bound, bound, row.elementwise)
    wide = lambda: _both_wide(w, j, args, "gradient", (cts, at))  # noqa: E731
    known = row if plain else row._replace(exact=None, slopes=())
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        a, b = a + a.dtype.type(0), b + b.dtype.type(0)  # the sign of a zero slope says nothing
        for where, part in case.parts():
            judge = arbiter(known, case.at(part), wide, case.awkward, i, at[i])
            out.add("gradient", *compared(where, _of(a, case, part), _of(b, case, part), bounds, judge))


def _batches(out: Outcome, case: Case, w: Side, j: Side) -> None:
    """A batch against a call for each of its elements."""
    row, many = out.row, batch(out.row, case)
    got, refused = attempt(w.batch, many)
    if refused:
        out.add("vmap", _refused(case.where, refused, attempt(j.batch, many)[1]))
        return
    singles: list[Any] = [leaves(w.call(*[w.given(a)[k] for a in many])) for k in range(BATCH)]
    for i, b in enumerate(got):
        alone = np.stack([s[i] for s in singles])
        out.add("vmap", *compared(case.where, b, alone, Bounds(row.bound, row.bound, row.elementwise), nobody))
