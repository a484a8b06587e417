"""Sorting: the array API's functions, and composites over the dialect's `sort` and `argsort`.

Decides the order in one place, the dialect's: NaN comes last, ascending or descending, and alike elements keep their
order (so every sort is stable). Positions are int64. Quantiles are elements of what is sorted, or between two of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weft._src import dims, dtypes
from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError, ShapeError
from weft._src.normalize import array, axes, broadcast, convert, count, match, reshape, size_value, text, unsupported
from weft._src.normalize import axis as one_axis
from weft._src.trace import Tracer, cast, constant, emit
from weft.ops import indexing, movement
from weft.ops.reduction import in_wide

__all__ = ["argmax", "argmin", "argsort", "median", "percentile", "quantile", "searchsorted", "sort", "top_k"]


@op
def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements along an axis in order; NaN last.

    Args:
        x: an array of at least one axis. descending: from the greatest. stable: for the array API's sake; it always is.

    Raises:
        AxisError: WF1002.

    >>> weft.sort(weft.asarray([3.0, 1.0, weft.nan, 2.0]), descending=True)
    Array([ 3.,  2.,  1., nan], dtype=float32)
    """
    x = array(x)
    return emit("sort", [x], dim=one_axis(axis, len(x.shape)), descending=bool(descending), weak=x.weak_type)


@op
def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The positions of the elements along an axis in order.

    Args and errors: as `sort`.

    >>> weft.argsort(weft.asarray([3, 1, 2]))
    Array([1, 2, 0], dtype=int64)
    """
    x = array(x)
    return emit("argsort", [x], dim=one_axis(axis, len(x.shape)), descending=bool(descending))


def _position(kind: str, x: Any, axis: Any, keepdims: bool) -> Tracer:
    x = array(x)
    shape = x.shape
    if axis is None:
        x, axis = reshape(x, (count(shape),)), 0
        kept = (1,) * len(shape)
    else:
        axis = one_axis(axis, len(shape))
        kept = tuple(1 if i == axis else n for i, n in enumerate(shape))
    n = x.shape[axis]
    if not isinstance(n, dims.Dim) and n == 0:
        raise ShapeError("WF1018", f"arg{kind}: axis {axis} has no elements.", operands=(text(x),))
    if x.dtype.kind == "bool":
        x = convert(x, dtypes.uint8)
    others = [i for i in range(len(x.shape)) if i != axis]
    best = emit("reduce", [x], kind=kind, dims=[axis])
    best = emit("broadcast", [best], results=[(x.shape, x.dtype)], dims=others)
    hit = emit("eq", [x, best])
    if x.dtype.kind == "float":  # where a NaN is, it is the extreme, and equals nothing
        hit = emit("or", [hit, emit("is_nan", [x])])
    place = emit("iota", [], results=[(x.shape, dtypes.int64)], dim=axis)
    none = broadcast(convert((1 << 63) - 1, dtypes.int64), x.shape)
    first = emit("reduce", [emit("select", [hit, place, none])], kind="min", dims=[axis])
    if isinstance(n, dims.Dim):  # of nothing: -1
        empty = emit("eq", [first, broadcast(convert((1 << 63) - 1, dtypes.int64), first.shape)])
        first = emit("select", [empty, broadcast(convert(-1, dtypes.int64), first.shape), first])
    return reshape(first, kept) if keepdims else first


@op
def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The position of the greatest element along an axis: the first of equal ones; the first NaN if there is one.

    Args:
        x: an array. axis: by default, positions are counted in all elements. keepdims: the axis stays, with size 1.

    Raises:
        AxisError: WF1002; ShapeError: WF1018 over an axis of size 0 (-1 where the size is known at run time only).

    >>> weft.argmax(weft.asarray([[1, 5], [7, 4]]), axis=1)
    Array([1, 0], dtype=int64)
    """
    return _position("max", x, axis, keepdims)


@op
def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The position of the smallest element along an axis: the first of equal ones; the first NaN if there is one.

    Args and errors: as `argmax`.

    >>> weft.argmin(weft.asarray([[1, 5], [7, 4]]))
    Array(0, dtype=int64)
    """
    return _position("min", x, axis, keepdims)


@op
def top_k(x: Any, k: int, /, *, axis: int = -1) -> Any:
    """The k greatest elements along an axis, in descending order, and their positions.

    Raises:
        ArgumentValueError: WF1902 for more elements than there are; AxisError: WF1002.

    >>> weft.top_k(weft.asarray([1.0, 9.0, 4.0]), 2)
    (Array([9., 4.], dtype=float32), Array([1, 2], dtype=int64))
    """
    x = array(x)
    along = one_axis(axis, len(x.shape))
    n = x.shape[along]
    if k < 0 or not n >= k:
        raise ArgumentValueError("WF1902", f"top_k: {k} of {n} elements.", operands=(text(x),))
    places = emit("argsort", [x], dim=along, descending=True, first=k)
    return indexing.take_along_axis(x, places, axis=along), places


@op(arrays=2)
def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    """Where elements are to be inserted in a sorted vector so that it stays sorted.

    Args:
        x1: a sorted vector. x2: an array of elements to insert. side: "left" before equal elements, "right" behind.
        sorter: positions that sort `x1` (from `argsort`).

    Raises:
        ShapeError: WF1011 where `x1` is no vector; ArgumentValueError: WF1902 for another side; DTypeError: WF1021.

    >>> weft.searchsorted(weft.asarray([1.0, 2.0, 2.0, 5.0]), weft.asarray([2.0, 9.0]), side="right")
    Array([3, 4], dtype=int64)
    """
    from weft._src.control import fori_loop

    if side not in ("left", "right"):
        raise ArgumentValueError("WF1902", f'side is "left" or "right", not {side!r}.')
    x1 = array(x1)
    if len(x1.shape) != 1:
        raise ShapeError("WF1011", "searchsorted takes a vector.", operands=(text(x1),))
    if sorter is not None:
        x1 = indexing.take(x1, sorter)
    n, shape = x1.shape[0], array(x2).shape
    if not isinstance(n, dims.Dim) and n == 0:
        return broadcast(convert(0, dtypes.int64), shape)
    short = not isinstance(n, dims.Dim) and n < 2**30
    place = dtypes.int32 if short else dtypes.int64  # of half the bytes, where places and their sums fit
    (one, query), _ = match([reshape(indexing._getitem(x1, (slice(0, 1),)), ()), x2])
    x1 = convert(x1, one.dtype)
    if one.dtype.kind == "bool":
        x1, query = convert(x1, dtypes.uint8), convert(query, dtypes.uint8)
    bits = 48 if isinstance(n, dims.Dim) else n.bit_length()
    size = broadcast(size_value(n, place), shape)

    def step(i: Tracer, found: Tracer) -> Tracer:
        """The positions below which all elements come before the query grow by a power of two, or not."""
        by = emit("shift_left", [convert(1, dtypes.int64), emit("sub", [convert(bits - 1, dtypes.int64), i])])
        next = emit("add", [found, broadcast(convert(by, place), shape)])
        last = emit("sub", [emit("min", [next, size]), broadcast(convert(1, place), shape)])
        element = indexing.take(x1, last)
        before = emit("lt" if side == "left" else "le", [element, query])
        if query.dtype.kind == "float":  # NaN is behind all others
            nan = emit("is_nan", [query])
            behind = nan if side == "right" else emit("and", [nan, emit("not", [emit("is_nan", [element])])])
            before = emit("or", [before, behind])
        return emit("select", [emit("and", [before, emit("le", [next, size])]), next, found])

    return convert(fori_loop(0, bits, step, broadcast(convert(0, place), shape)), dtypes.int64)


# ---------------------------------------------------------------------------------------------------------- quantiles

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@op
def median(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The middle of the elements over axes, when they are sorted: of an even number, the mean of the two in the middle.

    Args and errors: as `quantile`.

    >>> weft.median(weft.asarray([[3.0, 1.0], [2.0, 9.0], [7.0, 5.0]]), axis=0)
    Array([3., 5.], dtype=float32)
    """
    return _quantile("median", x, 0.5, axis, "linear", keepdims)


@op
def quantile(x: Any, q: Any, /, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """Below which number a part `q` of the elements over axes lies.

    With n elements in order, it stands at position q (n - 1), which is computed in float64; between two elements
    `method` decides (R. Hyndman and Y. Fan, "Sample quantiles in statistical packages", 1996, definition 7).

    Args:
        x: an array of numbers. q: one number from 0 to 1, or several: a list or an array of one axis.
        axis: an axis, a tuple of them, or None for all. keepdims: these axes stay, with size 1.
        method: "linear" between the two, "lower" or "higher", "midpoint", or the "nearest" one (ties to the even
            position).

    Returns:
        An array of the dtype of `x`, of integers in the default float (float16 and bfloat16 are interpolated in
        float32 and rounded once). Several `q` make a first axis. NaN where an element is NaN, or where an element of
        an array `q` is not from 0 to 1.

    Raises:
        ArgumentValueError: WF1902 for a number that is not from 0 to 1, or another method; AxisError: WF1002, WF1003;
        ShapeError: WF1018 over an axis of size 0, WF1011 for a `q` of more axes; DTypeError: WF1022.

    >>> weft.quantile(weft.asarray([1.0, 2.0, 4.0, 8.0]), [0.5, 0.75])
    Array([3., 5.], dtype=float32)
    """
    return _quantile("quantile", x, q, axis, method, keepdims)


@op
def percentile(x: Any, q: Any, /, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """Below which number `q` percent of the elements over axes lie.

    Args and errors: as `quantile`, with `q` from 0 to 100.

    >>> weft.percentile(weft.asarray([1, 2, 4, 8]), 75)
    Array(5., dtype=float32)
    """
    return _quantile("percentile", x, q, axis, method, keepdims, whole=100)


def _quantile(name: str, x: Any, q: Any, axis: Any, method: str, keepdims: bool, whole: int = 1) -> Tracer:
    if method not in _METHODS:
        raise ArgumentValueError("WF1902", f"{name}: the methods are {', '.join(_METHODS)}, not {method!r}.")
    x = array(x)
    folded = axes(axis, len(x.shape))
    for i in folded:
        if not isinstance(x.shape[i], dims.Dim) and x.shape[i] == 0:
            raise ShapeError("WF1018", f"{name}: axis {i} has no elements.", operands=(text(x),))
    q = _parts(name, q, whole)
    others = [i for i in range(len(x.shape)) if i not in folded]
    kept = tuple(1 if i in folded else n for i, n in enumerate(x.shape)) if keepdims else None
    lead, n = tuple(x.shape[i] for i in others), count(tuple(x.shape[i] for i in sorted(folded)))

    def of(x: Tracer) -> Tracer:
        rows = reshape(movement.permute_dims(x, (*others, *sorted(folded))), (*lead, n))
        made = _at(emit("sort", [rows], dim=len(lead), descending=False), n, q, method)
        if not q.shape:
            return made if kept is None else reshape(made, kept)
        made = movement.moveaxis(made, -1, 0)
        return made if kept is None else reshape(made, (*q.shape, *kept))

    return in_wide(of, x, name)


def _parts(name: str, q: Any, whole: int) -> Tracer:
    """The parts as float64 from 0 to 1."""
    if isinstance(q, (bool, int, float, list, tuple)):
        try:
            numbers = np.asarray(q, np.float64)
        except (TypeError, ValueError):
            numbers = None
        if numbers is not None:
            if not ((numbers >= 0) & (numbers <= whole)).all():
                raise ArgumentValueError("WF1902", f"{name}: q is from 0 to {whole}, not {q!r}.")
            q = constant(numbers, dtypes.float64)
    q = array(q)
    if q.dtype.kind not in ("float", "int", "uint"):
        raise unsupported(name, q, "numbers as q")
    if len(q.shape) > 1:
        raise ShapeError("WF1011", f"{name}: q is one number, or has one axis.", operands=(text(q),))
    q = cast(q, dtypes.float64)
    return q if whole == 1 else emit("div", [q, broadcast(convert(whole, dtypes.float64), q.shape)])


def _at(x: Tracer, n: Any, q: Tracer, method: str) -> Tracer:
    """Elements of sorted rows at the parts `q` of their length; the axis of the rows becomes that of `q`."""

    def wide(number: float) -> Tracer:
        return broadcast(convert(number, dtypes.float64), q.shape)

    last = emit("sub", [size_value(n, dtypes.float64), convert(1.0, dtypes.float64)])
    place = emit("mul", [q, broadcast(last, q.shape)])
    low = emit("round" if method == "nearest" else "ceil" if method == "higher" else "floor", [place])

    def element(place: Tracer) -> Tracer:
        return indexing.take(x, cast(place, dtypes.int64), axis=-1)

    made = element(low)
    if method in ("linear", "midpoint"):
        weight = emit("sub", [place, low])
        whole = emit("eq", [weight, wide(0.0)])  # the neighbour does not count, and may be infinite
        if method == "midpoint":
            weight = wide(0.5)
        right, left = (broadcast(cast(w, x.dtype), made.shape) for w in (weight, emit("sub", [wide(1.0), weight])))
        between = emit("add", [emit("mul", [made, left]), emit("mul", [element(emit("ceil", [place])), right])])
        made = emit("select", [broadcast(whole, made.shape), made, between])
    # NaN is sorted to the end. Comparisons with NaN are false.
    inside = emit("and", [emit("ge", [q, wide(0.0)]), emit("le", [q, wide(1.0)])])
    nan = emit("is_nan", [reshape(element(broadcast(last, (1,))), (*x.shape[:-1], *(1 for _ in q.shape)))])
    good = emit("and", [broadcast(inside, made.shape), emit("not", [broadcast(nan, made.shape)])])
    return emit("select", [good, made, broadcast(convert(float("nan"), x.dtype), made.shape)])
