"""How far two results are apart, and who is right.

Decides the measure (units in the last place: of each element of an elementwise function, else of the largest element)
and the arbiters: mpmath, NumPy in longdouble, and both libraries in float64 where they agree there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import ml_dtypes
import mpmath as mp
import numpy as np
from arguments import is_float
from language import Row


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


def _by_mpmath(row: Row, xs: list[np.ndarray], i: int, slope: int | None) -> Any:
    """The right answer for element i, or None where mpmath has none; `slope`: of the derivative by that argument."""
    at = [mp.mpf(float(x.reshape(-1)[i])) for x in xs]
    finite, known = all(map(mp.isfinite, at)), slope is not None and bool(row.slopes)
    if not finite and not known:
        return None
    try:
        if known:
            made = row.slopes[slope](*at)
        elif row.exact is not None:
            made = row.exact(*at) if slope is None else _slope(row.exact, at, slope)
        else:
            made = None
    except (ValueError, ZeroDivisionError, TypeError, OverflowError):
        return None
    if made is None or (slope is None and made == 0):  # mpmath has no -0
        return None
    if not finite and mp.isnan(made) and not any(map(mp.isnan, at)):  # inf - inf: a limit may differ
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


class Bounds(NamedTuple):
    """How far two results may be apart, how far each may be from the right answer, and in which unit."""

    between: float
    exact: float
    by_element: bool


# Answers for some elements of a result, by their flat places; None where the arbiter has none.
Arbiter = Callable[[np.ndarray], list]


def nobody(places: np.ndarray) -> list:
    """The arbiter where there is none."""
    return [None] * len(places)


def arbiter(row: Row, args: list, wide: Callable[[], Any], awkward: bool, index: int, slope: int | None) -> Arbiter:
    """That of result number `index`: mpmath, then NumPy, then both libraries in float64. slope: of the derivative by
    that argument."""

    def answer(places: np.ndarray) -> list:
        made = nobody(places)
        if (row.exact is not None or row.slopes) and all(isinstance(a, np.ndarray) and is_float(a) for a in args):
            xs = np.broadcast_arrays(*args)
            with mp.workdps(60):
                made = [_by_mpmath(row, xs, int(i), slope) for i in places]
        if slope is None and row.numpy is not None and any(m is None for m in made):
            with np.errstate(all="ignore"):
                found = row.numpy(*[a.astype(np.longdouble) if is_float(a) else a for a in args])
                found = np.asarray(found[index] if isinstance(found, tuple) else found).reshape(-1)[places]
            made = [f if m is None else m for m, f in zip(made, found, strict=True)]
        if any(m is None for m in made) and not (row.elementwise and awkward):
            both = wide()
            if both is not None:
                made = [f if m is None else m for m, f in zip(made, both[index].reshape(-1)[places], strict=True)]
        return made

    return answer


def compared(where: str, w: np.ndarray, j: np.ndarray, bounds: Bounds, answers: Arbiter) -> list[Finding]:
    """What comes of two arrays."""
    if w.shape != j.shape:
        return [Finding(where, "unknown", text=f"shapes {w.shape} and {j.shape}")]
    dtype = w.dtype if is_float(w) and _bits(w) <= _bits(j) else j.dtype
    if dtype.kind in "biu":
        return [_integers(where, w, j, answers)]
    return _floats(where, w.astype(np.float64), j.astype(np.float64), dtype, bounds, answers)


def _integers(where: str, w: np.ndarray, j: np.ndarray, answers: Arbiter) -> Finding:
    different = np.flatnonzero(np.asarray(w != j).reshape(-1))
    if not different.size:
        return Finding(where, "agree")
    places = different[:64]
    mine, theirs = (x.reshape(-1)[places] for x in (w, j))
    shown = f"weft {mine[0]!r}, jax {theirs[0]!r} ({different.size} of {w.size})"
    exact = answers(places)
    if any(e is None for e in exact):
        return Finding(where, "unknown", text=shown)
    kind = "weft" if (mine == exact).all() else "jax" if (theirs == exact).all() else "neither"
    return Finding(where, kind, text=shown)


def _floats(
    where: str, w: np.ndarray, j: np.ndarray, dtype: np.dtype, bounds: Bounds, answers: Arbiter
) -> list[Finding]:
    apart = distance(w, j, dtype, bounds.by_element).reshape(-1)
    most = float(apart.max()) if apart.size else 0.0
    if most <= bounds.between:
        return [Finding(where, "agree", most)]
    places = np.flatnonzero(apart > bounds.between)
    places = places[np.argsort(-apart[places], kind="stable")][:64]
    answered = answers(places)
    known = np.array([e is not None for e in answered])
    found = []
    if not known.all():
        found.append(Finding(where, "unknown", most, _shown(w, j, int(places[~known][0]), int((~known).sum()))))
    if not known.any():
        return found
    places, exact = places[known], np.array([e for e in answered if e is not None], np.longdouble)
    scale = None if bounds.by_element else np.abs(w[np.isfinite(w)]).max(initial=0)
    weft, other = (_errors(x.reshape(-1)[places], exact, dtype, scale) for x in (w, j))
    k = int(np.argmax(weft)) if (weft > bounds.exact).any() else int(np.argmax(other))
    shown = f"weft {weft[k]:.3g} and jax {other[k]:.3g} ULP from {np.float64(exact[k]):.17g}: "
    shown += _shown(w, j, int(places[k]), len(places))
    if weft[k] <= bounds.exact:
        kind = "weft" if (other > bounds.exact).any() else "agree"
    else:
        kind = "jax" if other[k] <= bounds.exact else "neither"
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
    return ml_dtypes.finfo(x.dtype).bits if is_float(x) else 64
