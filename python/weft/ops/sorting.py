"""Sorting: the array API's functions, and composites over the dialect's `sort` and `argsort`.

Decides the order in one place, the dialect's: NaN comes last, ascending or descending, and alike elements keep their
order (so every sort is stable). Positions are int64.
"""

from __future__ import annotations

from typing import Any

from weft._src import dims, dtypes
from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError, ShapeError
from weft._src.normalize import array, broadcast, convert, count, match, reshape, size_value, text
from weft._src.normalize import axis as one_axis
from weft._src.trace import Tracer, emit
from weft.ops import indexing

__all__ = ["argmax", "argmin", "argsort", "searchsorted", "sort", "top_k"]


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
    places = indexing._getitem(emit("argsort", [x], dim=along, descending=True), (*[slice(None)] * along, slice(0, k)))
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
    zeros = broadcast(convert(0, dtypes.int64), shape)
    if not isinstance(n, dims.Dim) and n == 0:
        return zeros
    (one, query), _ = match([reshape(indexing._getitem(x1, (slice(0, 1),)), ()), x2])
    x1 = convert(x1, one.dtype)
    if one.dtype.kind == "bool":
        x1, query = convert(x1, dtypes.uint8), convert(query, dtypes.uint8)
    bits = 48 if isinstance(n, dims.Dim) else n.bit_length()
    size = broadcast(size_value(n, dtypes.int64), shape)

    def step(i: Tracer, found: Tracer) -> Tracer:
        """The positions below which all elements come before the query grow by a power of two, or not."""
        by = emit("shift_left", [convert(1, dtypes.int64), emit("sub", [convert(bits - 1, dtypes.int64), i])])
        next = emit("add", [found, broadcast(by, shape)])
        last = emit("sub", [emit("min", [next, size]), broadcast(convert(1, dtypes.int64), shape)])
        element = indexing.take(x1, last)
        before = emit("lt" if side == "left" else "le", [element, query])
        if query.dtype.kind == "float":  # NaN is behind all others
            nan = emit("is_nan", [query])
            behind = nan if side == "right" else emit("and", [nan, emit("not", [emit("is_nan", [element])])])
            before = emit("or", [before, behind])
        return emit("select", [emit("and", [before, emit("le", [next, size])]), next, found])

    return fori_loop(0, bits, step, zeros)
