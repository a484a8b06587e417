#!/usr/bin/env python3
"""Weft beside JAX, function by function: values, gradients and batches, written to docs/agreement.md.

    python benchmarks/agreement [names or patterns] [--write [FILE]] [--verbose]

Decides what "agree" means. The rows (arrays.py, tensors.py, programs.py) name a function and the arguments it is given;
numbers come from a generator seeded by the row's name. An elementwise function is measured element by element in units
in the last place (ULP), any other in units of eps times the largest element. What differs by more than the row's bound
is arbitrated: by mpmath or NumPy where the row has such a function, else by both libraries in float64, if they agree
there. A difference where Weft is wrong, or that nobody can arbitrate, must be listed in the row with its reason; the
exit status is 1 for one that is not, and for a listed one that is none.
"""

from __future__ import annotations

import argparse
import fnmatch
import math
import pathlib
import sys
import traceback
import zlib
from dataclasses import dataclass, field
from typing import Any

import arrays
import jax
import ml_dtypes
import mpmath as mp
import numpy as np
import programs
import tensors
import weft as wf
from language import Draw, Row, Variant

ROWS = arrays.ROWS + tensors.ROWS + programs.ROWS
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "agreement.md"
BATCH = 3
# Gradients are products and sums of a few rounded factors.
GRADIENT_BOUND = 16.0
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, math.inf, -math.inf, math.nan]


class _Jax:
    """JAX under the names that Weft has: `jax.numpy`, then `jax`, then `jax.lax`."""

    nn, random, linalg = jax.nn, jax.random, jax.numpy.linalg
    tree = jax.tree

    def __getattr__(self, name: str) -> Any:
        for home in (jax.numpy, jax, jax.lax):
            if hasattr(home, name):
                return getattr(home, name)
        raise AttributeError(name)


JAX = _Jax()


def _named(home: Any, path: str) -> Any:
    for part in path.split("."):
        home = getattr(home, part)
    return home


# ---------------------------------------------------------------------------------------------------------- arguments


def drawn(draw: Draw, dtype: str, rng: np.random.Generator, batch: tuple = ()) -> np.ndarray:
    """An argument: of the case's dtype unless the draw has its own."""
    d = np.dtype(draw.dtype or dtype)
    shape = (*batch, *draw.shape)
    if d.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    low, high = draw.low, draw.high
    if d.kind in "iu":
        low = max(low, 0) if d.kind == "u" else low
        return rng.integers(math.ceil(low), max(math.ceil(low) + 1, math.floor(high) + 1), shape).astype(d)
    if draw.distinct:  # apart from each other, in a random order: where ties would be a matter of taste
        n = math.prod(shape)
        return (rng.permutation(n) / max(n, 1) * (high - low) + low).reshape(shape).astype(d)
    made = rng.uniform(low, high, shape)
    if draw.positive_definite:
        made = made @ np.swapaxes(made, -1, -2) + draw.shape[-1] * np.eye(draw.shape[-1])
    return made.astype(d)


def edges(arity: int, dtype: str) -> list[np.ndarray]:
    """All pairs (triples) of awkward numbers, those first where none is infinite or NaN."""
    d = np.dtype(dtype)
    if d.kind == "b":
        values = np.array([False, True])
    elif d.kind in "iu":
        info = np.iinfo(d)
        values = np.array(
            sorted({0, 1, 2, 7, info.max, info.min, info.min // 2, *([-1, -3] if d.kind == "i" else [])}), d
        )
    else:
        info = ml_dtypes.finfo(d)
        more = [float(info.max), -float(info.max), float(info.smallest_normal), float(info.smallest_subnormal)]
        values = np.array([*EDGES, *more]).astype(d)
    grid = np.meshgrid(*[np.arange(len(values))] * arity, indexing="ij")
    made = [values[g.reshape(-1)] for g in grid]
    order = np.argsort(~_finite(made), kind="stable")
    return [x[order] for x in made]


def _finite(args: list[np.ndarray]) -> np.ndarray:
    return np.all([np.isfinite(x.astype(np.float64)) for x in args], axis=0)


def _parts(where: str, args: list, awkward: bool) -> list[tuple[str, slice]]:
    """What findings are made of: awkward numbers are looked at apart, the finite ones first."""
    if not awkward:
        return [(where, slice(None))]
    n = int(_finite(args).sum())
    return [(where, slice(0, n)), (where.replace("edges", "infinities"), slice(n, None))]


# --------------------------------------------------------------------------------------------------------- distances


def _unit(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The unit in the last place of `dtype` at x."""
    info = ml_dtypes.finfo(dtype)
    least = round(math.log2(float(info.smallest_normal)))
    exponent = np.frexp(np.where(np.isfinite(x), x, 1.0))[1] - 1
    return np.ldexp(np.longdouble(1), np.maximum(exponent, least) - info.nmant)


def distance(a: np.ndarray, b: np.ndarray, dtype: np.dtype, by_element: bool) -> np.ndarray:
    """How far apart, in ULP of each element (or of the largest one); infinite where only one is NaN, or infinite."""
    a, b = np.asarray(a, np.longdouble), np.asarray(b, np.longdouble)
    with np.errstate(all="ignore"):
        large = np.maximum(np.abs(a), np.abs(b))
        if not by_element and large.size:
            finite = large[np.isfinite(large)]
            large = np.full_like(large, finite.max() if finite.size else 1)
        apart = np.abs(a - b) / _unit(large, dtype)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    zeros = (a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b)) & by_element
    apart = np.where(same, 0, np.where(np.isnan(apart), np.inf, apart))
    return np.where(zeros, np.inf, apart).astype(np.float64)


@dataclass
class Finding:
    """What came of one comparison. kind: agree, weft (it is right), alone (JAX refuses), jax, neither, unknown,
    error (Weft refuses)."""

    where: str
    kind: str
    ulp: float = 0.0
    text: str = ""


@dataclass
class Outcome:
    """A row's findings by part: values, gradient, vmap."""

    row: Row
    parts: dict[str, list[Finding]] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)


# ----------------------------------------------------------------------------------------------------- calling both


def _numpy(x: Any) -> np.ndarray:
    if hasattr(x, "__array_namespace__") and str(x.dtype) == "bfloat16" and not isinstance(x, jax.Array):
        return np.asarray(wf.astype(x, wf.float32)).astype(ml_dtypes.bfloat16)
    if str(getattr(x, "dtype", "")).startswith("key"):
        return np.asarray((jax.random if isinstance(x, jax.Array) else wf.random).key_data(x))
    return np.asarray(x)


def _leaves(x: Any) -> list[np.ndarray]:
    if x is None:
        return []
    if isinstance(x, (list, tuple)):
        return [leaf for y in x for leaf in _leaves(y)]
    if isinstance(x, dict):
        return [leaf for k in sorted(x) for leaf in _leaves(x[k])]
    return [_numpy(x)]


class _Side:
    """One of the two libraries."""

    def __init__(self, name: str, home: Any, function: Any, kwargs: dict):
        self.name, self.home, self._function, self._kwargs = name, home, function, kwargs

    def given(self, x: Any) -> Any:
        if isinstance(x, Key):
            keys = self.home.random.key(x.seed)
            return keys if not x.batch else self.home.random.split(keys, x.batch)
        return self.home.asarray(x)

    def call(self, *xs: Any) -> Any:
        return self._function(*xs, **self._kwargs)

    def values(self, args: list) -> list[np.ndarray]:
        return _leaves(self.call(*map(self.given, args)))

    def batch(self, args: list) -> list[np.ndarray]:
        return _leaves(self.home.vmap(self.call)(*map(self.given, args)))

    def gradient(self, args: list, cotangents: list, at: list[int]) -> list[np.ndarray]:
        """What the cotangents of the floating results pull back to the arguments `at`."""
        fixed = list(map(self.given, args))

        def of(*xs: Any) -> list:
            full = list(fixed)
            for i, x in zip(at, xs, strict=True):
                full[i] = x
            return [y for y in _flat(self.call(*full)) if str(y.dtype).lstrip("bf") in ("loat16", "loat32", "loat64")]

        def run(xs: list, cts: list) -> Any:
            return self.home.vjp(of, *xs)[1](list(cts))

        return _leaves(self.home.jit(run)([fixed[i] for i in at], [self.given(c) for c in cotangents]))


def _flat(x: Any) -> list:
    if x is None:
        return []
    if isinstance(x, (list, tuple)):
        return [leaf for y in x for leaf in _flat(y)]
    if isinstance(x, dict):
        return [leaf for k in sorted(x) for leaf in _flat(x[k])]
    return [x]


@dataclass
class Key:
    """An argument that is a key: each library makes its own."""

    seed: int
    batch: int = 0


def sides(row: Row, v: Variant) -> tuple[_Side, _Side]:
    """Weft's function and JAX's."""
    made = []
    for name, home, own in (("weft", wf, v.weft), ("jax", JAX, v.jax)):
        if v.by is not None:
            f, kwargs = (lambda *xs, home=home: v.by(home, *xs)), {}
        elif own is not None:
            f, kwargs = own, {}
        else:
            f, kwargs = _named(home, row.name), v.kwargs
        made.append(_Side(name, home, f, kwargs))
    return made[0], made[1]


# ------------------------------------------------------------------------------------------------------- arbitration


def _by_mpmath(row: Row, xs: list[np.ndarray], i: int, slope: int | None) -> Any:
    """The right answer for element i, or None where mpmath has none; `slope`: of the derivative by that argument."""
    at = [mp.mpf(float(x.reshape(-1)[i])) for x in xs]
    if not all(map(mp.isfinite, at)):
        return None
    try:
        made = row.exact(*at) if slope is None else _slope(row.exact, at, slope)
    except (ValueError, ZeroDivisionError, TypeError, OverflowError):
        return None
    if made is None or (slope is None and made == 0):  # mpmath has no -0
        return None
    return np.longdouble(mp.nstr(mp.re(made), 30)) if mp.im(made) == 0 else np.longdouble(np.nan)


def _slope(f: Any, at: list, k: int) -> Any:
    """The derivative by argument k, from differences; None where those from the left and the right are not alike."""

    def rise(h: Any) -> Any:
        return (f(*[x + h if i == k else x for i, x in enumerate(at)]) - f(*at)) / h

    size = abs(at[k]) or min([abs(x) for x in at if x] + [mp.mpf(1)])
    h = size * mp.mpf(10) ** -20
    right, left = rise(h), rise(-h)
    if at[k] == 0 and abs(rise(h / 10**10)) > 1000 * max(1, abs(right)):
        return None if mp.sign(right) != mp.sign(left) else mp.sign(right) * mp.inf
    middle = (right + left) / 2
    return middle if abs(right - left) <= mp.mpf(10) ** -15 * (abs(middle) + (at[k] == 0)) else None


def compared(
    where: str, w: np.ndarray, j: np.ndarray, bound: float, by_element: bool, arbiter: Any, exact_bound: float
) -> list[Finding]:
    """What comes of two arrays."""
    if w.shape != j.shape:
        return [Finding(where, "unknown", text=f"shapes {w.shape} and {j.shape}")]
    dtype = w.dtype if w.dtype.kind not in "biu" and ml_dtypes.finfo(w.dtype).bits <= _bits(j) else j.dtype
    if dtype.kind in "biu":
        different = np.asarray(w != j)
        if not different.any():
            return [Finding(where, "agree")]
        worst = np.flatnonzero(different.reshape(-1))[:64]
        mine, theirs = (x.reshape(-1)[worst] for x in (w, j))
        shown = f"weft {mine[0]!r}, jax {theirs[0]!r} ({int(different.sum())} of {w.size})"
        exact = arbiter(worst) if arbiter else [None]
        if any(e is None for e in exact):
            return [Finding(where, "unknown", text=shown)]
        kind = "weft" if (mine == exact).all() else "jax" if (theirs == exact).all() else "neither"
        return [Finding(where, kind, text=shown)]
    wide_w, wide_j = w.astype(np.float64), j.astype(np.float64)
    apart = distance(wide_w, wide_j, dtype, by_element).reshape(-1)
    most = float(apart.max()) if apart.size else 0.0
    if most <= bound:
        return [Finding(where, "agree", most)]
    worst = np.flatnonzero(apart > bound)
    worst = worst[np.argsort(-apart[worst], kind="stable")][:64]
    exact = arbiter(worst) if arbiter else [None] * len(worst)
    known = np.array([e is not None for e in exact])
    found = []
    if not known.all():
        found.append(
            Finding(where, "unknown", most, _shown(wide_w, wide_j, int(worst[~known][0]), int((~known).sum())))
        )
    if not known.any():
        return found
    worst, exact = worst[known], np.array([e for e in exact if e is not None], np.longdouble)
    scale = None if by_element else np.abs(wide_w[np.isfinite(wide_w)]).max(initial=0)
    weft, other = (_errors(x.reshape(-1)[worst], exact, dtype, scale) for x in (wide_w, wide_j))
    k = int(np.argmax(weft)) if (weft > exact_bound).any() else int(np.argmax(other))
    shown = f"weft {weft[k]:.3g} and jax {other[k]:.3g} ULP from {np.float64(exact[k]):.17g}: "
    shown += _shown(wide_w, wide_j, int(worst[k]), len(worst))
    if weft[k] <= exact_bound:
        kind = "weft" if (other > exact_bound).any() else "agree"
    else:
        kind = "jax" if other[k] <= exact_bound else "neither"
    return [*found, Finding(where, kind, float(weft[k]), shown)]


def _shown(w: np.ndarray, j: np.ndarray, i: int, count: int) -> str:
    at = tuple(map(int, np.unravel_index(i, w.shape)))
    return f"weft {w[at]:.9g}, jax {j[at]:.9g} at {at} ({count} of {w.size})"


def _errors(x: np.ndarray, exact: np.ndarray, dtype: np.dtype, scale: float | None) -> np.ndarray:
    """Distances from right answers: in ULP of each, or of the largest element."""
    info = ml_dtypes.finfo(dtype)
    if scale is None:  # beyond the greatest number, rounding gives infinity; below half the least one, zero
        limit = np.longdouble(float(info.max)) * (1 + np.ldexp(np.longdouble(1), -info.nmant - 2))
        exact = np.where(np.abs(exact) > limit, np.copysign(np.longdouble(np.inf), exact), exact)
        return np.where((x == 0) & (exact == 0), 0, distance(x, exact, dtype, True))
    with np.errstate(all="ignore"):
        off = np.abs(x - exact) / _unit(np.longdouble(scale), dtype)
    same = (x == exact) | (np.isnan(x) & np.isnan(exact))
    return np.where(same, 0, np.where(np.isnan(off), np.inf, off)).astype(np.float64)


def _bits(x: np.ndarray) -> int:
    return 64 if x.dtype.kind in "biu" else ml_dtypes.finfo(x.dtype).bits


def _both_wide(w: _Side, j: _Side, args: list, how: str, bound: float, extra: tuple = ()) -> list[np.ndarray] | None:
    """Both in float64, if they agree there; otherwise they are no arbiter."""
    if not any(isinstance(a, np.ndarray) and a.dtype.kind not in "biu" for a in args):
        return None
    wide = [a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind not in "biu" else a for a in args]
    if extra:
        extra = ([c.astype(np.float64) for c in extra[0]], extra[1])
    try:
        a, b = getattr(w, how)(wide, *extra), getattr(j, how)(wide, *extra)
    except Exception:
        return None
    for x, y in zip(a, b, strict=True):
        if x.shape != y.shape or (x.dtype.kind == "f" and (distance(x, y, np.dtype(np.float64), False) > 1e6).any()):
            return None
    return a


# ---------------------------------------------------------------------------------------------------------------- rows


def _arbiter(row: Row, args: list, wide: Any, index: int, awkward: bool, slope: int | None = None) -> Any:
    """Answers for some elements of result number `index`: by mpmath, by NumPy, by both in float64."""

    def answer(worst: np.ndarray) -> list:
        made: list[Any] = [None] * len(worst)
        floats = all(isinstance(a, np.ndarray) and a.dtype.kind not in "biu" for a in args)
        if row.exact is not None and floats:
            xs = np.broadcast_arrays(*args)
            with mp.workdps(60):
                made = [_by_mpmath(row, xs, int(i), slope) for i in worst]
        if slope is None and row.numpy is not None and any(m is None for m in made):
            with np.errstate(all="ignore"):
                given = [a if a.dtype.kind in "biu" else a.astype(np.longdouble) for a in args]
                found = row.numpy(*given)
                found = np.asarray(found[index] if isinstance(found, tuple) else found).reshape(-1)[worst]
            made = [f if m is None else m for m, f in zip(made, found, strict=True)]
        if any(m is None for m in made) and not (row.elementwise and awkward):
            both = wide()
            if both is not None:
                made = [f if m is None else m for m, f in zip(made, both[index].reshape(-1)[worst], strict=True)]
        return made

    return answer


def _cases(row: Row) -> Any:
    """(label, variant, dtype, arguments, whether they are awkward)."""
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))
    for number, v in enumerate(row.variants):
        for dtype in v.dtypes or row.dtypes[: None if number == 0 else 1]:
            label = f"{dtype} {number}"
            args = [Key(rng.integers(1 << 31).item()) if d is None else drawn(d, dtype, rng) for d in v.draws]
            yield label, v, dtype, args, False
    if row.elementwise and row.edges:
        v = row.variants[0]
        for dtype in row.dtypes:
            yield f"{dtype} edges", v, dtype, edges(len(v.draws), dtype), True


def _listed(row: Row, outcome: Outcome, part: str, used: set[str], *found: Finding) -> None:
    """Puts findings where they belong; a difference that is not listed is bad."""
    for f in found:
        _listed_one(row, outcome, part, used, f)


def _listed_one(row: Row, outcome: Outcome, part: str, used: set[str], f: Finding) -> None:
    outcome.parts.setdefault(part, []).append(f)
    if f.kind in ("agree", "weft", "alone"):
        return
    for pattern, reason in row.decided.items():
        if fnmatch.fnmatch(f"{part} {f.where}", pattern):
            used.add(pattern)
            f.text = reason
            f.kind = "decided"
            return
    outcome.bad.append(f"{part} {f.where}: {f.kind}: {f.text}")


def _attempt(f: Any, *args: Any) -> tuple[Any, str]:
    try:
        return f(*args), ""
    except Exception as e:
        if VERBOSE > 1:
            traceback.print_exc()
        return None, f"{type(e).__name__}: {str(e).strip().splitlines()[0][:150] if str(e).strip() else ''}"


def checked(row: Row) -> Outcome:
    """A row's outcome."""
    out = Outcome(row)
    used: set[str] = set()
    for where, v, dtype, args, awkward in _cases(row):
        w, j = sides(row, v)
        bound = row.bound
        got, refused = _attempt(w.values, args)
        theirs, theirs_refused = _attempt(j.values, args)
        if refused or theirs_refused:
            _listed(row, out, "values", used, _refused(where, refused, theirs_refused))
            continue
        if len(got) != len(theirs):
            _listed(row, out, "values", used, Finding(where, "unknown", text=f"{len(got)} and {len(theirs)} results"))
            continue
        wide = lambda how="values", extra=(): _both_wide(w, j, args, how, bound, extra)  # noqa: B023,E731
        for i, (a, b) in enumerate(zip(got, theirs, strict=True)):
            if str(a.dtype) != str(b.dtype):
                out.dtypes.setdefault(f"{a.dtype}, not {b.dtype}", where)
            for place, part in _parts(where, args, awkward):
                arbiter = _arbiter(row, [x[part] for x in args] if awkward else args, wide, i, awkward)
                f = compared(
                    place,
                    a[part] if awkward else a,
                    b[part] if awkward else b,
                    bound,
                    row.elementwise,
                    arbiter,
                    row.exact_bound,
                )
                _listed(row, out, "values", used, *f)
        _gradients(row, out, used, where, w, j, args, got, dtype, awkward)
        if row.vmap and not awkward and where == f"{(v.dtypes or row.dtypes)[0]} {row.variants.index(v)}":
            _batches(row, out, used, where, w, v, args, dtype)
    out.bad += [f"listed, but agrees: {p}" for p in row.decided if p not in used]
    return out


def _refused(where: str, weft: str, other: str) -> Finding:
    """One of them, or both, do not take the arguments."""
    kind = "agree" if weft and other else "error" if weft else "alone"
    return Finding(where, kind, text=f"weft: {weft or 'answers'}; jax: {other or 'answers'}")


def _gradients(row, out, used, where, w, j, args, got, dtype, awkward) -> None:
    if not row.diff or dtype not in ("float32", "float64"):
        return
    at = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind not in "biu"]
    floats = [r for r in got if r.dtype.kind not in "biu"]
    if not at or not floats:
        return
    rng = np.random.default_rng(1)
    # With cotangents of 1, mpmath's slopes are the answers, where nothing was broadcast.
    plain = row.elementwise and all(isinstance(a, np.ndarray) and a.shape == got[0].shape for a in args)
    cts = [np.ones(r.shape, r.dtype) if plain else rng.uniform(0.5, 2, r.shape).astype(r.dtype) for r in floats]
    mine, refused = _attempt(w.gradient, args, cts, at)
    theirs, theirs_refused = _attempt(j.gradient, args, cts, at)
    if refused or theirs_refused:
        _listed(row, out, "gradient", used, _refused(where, refused, theirs_refused))
        return
    bound = max(row.gradient_bound, 2 * row.bound)
    wide = lambda: _both_wide(w, j, args, "gradient", bound, (cts, at))  # noqa: E731
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        a, b = a + a.dtype.type(0), b + b.dtype.type(0)  # the sign of a zero slope says nothing
        for place, part in _parts(where, args, awkward):
            given = [x[part] for x in args] if awkward else args
            arbiter = _arbiter(row if plain else row._replace(exact=None), given, wide, i, awkward, slope=at[i])
            f = compared(
                place, a[part] if awkward else a, b[part] if awkward else b, bound, row.elementwise, arbiter, bound
            )
            _listed(row, out, "gradient", used, *f)


def _batches(row, out, used, where, w, v, args, dtype) -> None:
    rng = np.random.default_rng(zlib.crc32(b"vmap" + row.name.encode()))
    many = [
        Key(a.seed, BATCH) if isinstance(a, Key) else drawn(d, dtype, rng, (BATCH,))
        for a, d in zip(args, v.draws, strict=True)
    ]
    batch, refused = _attempt(w.batch, many)
    if refused:
        _, theirs = _attempt(sides(row, v)[1].batch, many)
        _listed(row, out, "vmap", used, _refused(where, refused, theirs))
        return

    def one(k: int) -> list:
        return _leaves(w.call(*[w.given(a)[k] for a in many]))

    singles = [one(k) for k in range(BATCH)]
    for i, b in enumerate(batch):
        alone = np.stack([s[i] for s in singles])
        f = compared(where, b, alone, row.bound, row.elementwise, None, row.bound)
        _listed(row, out, "vmap", used, *f)


# --------------------------------------------------------------------------------------------------------------- table


WORDS = {
    "weft": "Weft is right",
    "alone": "JAX refuses",
    "jax": "JAX IS RIGHT",
    "neither": "NEITHER",
    "unknown": "DIFFER",
    "error": "WEFT REFUSES",
}


def _cell(findings: list[Finding] | None) -> str:
    if not findings:
        return "-"
    agree = [f.ulp for f in findings if f.kind == "agree"]
    cells = []
    if agree:
        cells.append(f"agree ({max(agree):.2g})" if max(agree) else "agree")
    for kind, words in WORDS.items():
        where = sorted({f.where for f in findings if f.kind == kind})
        if where:
            cells.append(f"{words} ({_places(where)})")
    reasons = dict.fromkeys(f.text for f in findings if f.kind == "decided")
    cells += [f"differ: {r}" for r in reasons]
    return "; ".join(cells)


def _places(where: list[str]) -> str:
    short = sorted({w if not w[-1].isdigit() else w.split(" ")[0] for w in where})
    return ", ".join(short)


def page(outcomes: list[Outcome], before: str) -> str:
    """docs/agreement.md: the rows of this run, and for other functions those that it has already."""
    rows = {line.split("`")[1]: line for line in before.splitlines() if line.startswith("| `")}
    for o in outcomes:
        cells = [_cell(o.parts.get(p)) for p in ("values", "gradient", "vmap")]
        rows[o.row.name] = "| " + " | ".join([f"`{o.row.name}`", *cells, "; ".join(o.dtypes)]) + " |"
    lines = [
        HEAD.format(jax=jax.__version__),
        "| function | values | gradient | vmap | dtype |",
        "|---|---|---|---|---|",
    ]
    kept = [rows[row.name] for row in ROWS if row.name in rows]
    return "\n".join([*lines, *kept, "", summary(kept), ""])


def summary(rows: list[str]) -> str:
    decided = [r for r in rows if "differ: " in r]
    right = [r for r in rows if r not in decided and ("Weft is right" in r or "JAX refuses" in r)]
    return (
        f"Written so far: {len(rows)} of the functions that the program knows. "
        f"{len(rows) - len(decided) - len(right)} agree everywhere; {len(right)} differ "
        f"somewhere, where Weft is right or JAX has no answer; {len(decided)} differ by a decision that is named."
    )


HEAD = """# Agreement with JAX

<!-- Written by `python benchmarks/agreement --write`; do not edit. -->

Every function that Weft and JAX both have, given the same numbers. JAX is {jax}, with 64-bit numbers. The arguments
(shapes, dtypes, domains) are in `benchmarks/agreement/`; elementwise functions are also given all pairs of awkward
numbers (zeros with their signs, infinities, NaN, the greatest, the smallest, a subnormal). In brackets is the largest
difference in units in the last place: of each element for elementwise functions, else of the largest element. Where the
two are further apart than the row allows, mpmath, NumPy or both in float64 say who is right. A gradient is what random
cotangents pull back; vmap is compared with a call for each element. What is left differs by a decision, which the cell
names; `python benchmarks/agreement` fails for a difference that is not in this table.
"""
VERBOSE = 0


def main() -> int:
    global VERBOSE
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["*"])
    parser.add_argument("--write", nargs="?", type=pathlib.Path, const=PAGE, help="write the rows that were tried")
    parser.add_argument("--verbose", "-v", action="count", default=0)
    given = parser.parse_args()
    VERBOSE = given.verbose
    jax.config.update("jax_enable_x64", True)
    wf.set_default_dtype(float=wf.float64)
    outcomes = []
    for row in ROWS:
        if not any(fnmatch.fnmatch(row.name, n) for n in given.names):
            continue
        o = checked(row)
        outcomes.append(o)
        if o.bad or VERBOSE:
            print(f"{row.name}: " + "; ".join(f"{p}: {_cell(o.parts.get(p))}" for p in ("values", "gradient", "vmap")))
        for line in o.bad:
            print(f"    {line}")
        if VERBOSE:
            for f in (f for fs in o.parts.values() for f in fs if f.kind in ("weft", "alone")):
                print(f"    {f.where}: {f.text}")
        if given.write and not o.bad:  # row by row: a run that is cut short has written what it knows
            given.write.write_text(page([o], given.write.read_text() if given.write.exists() else ""))
        sys.stdout.flush()
    bad = [o.row.name for o in outcomes if o.bad]
    print(f"{len(outcomes)} functions, {len(bad)} of them differ for no reason: {', '.join(bad)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
