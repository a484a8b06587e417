"""Results whose size depends on values: positions of what is not zero, and what is there once.

Decides how a size comes to be known. Outside of a trace in two steps: a program counts, then one of that size (as a
named size, so one compile serves every count) finds. While tracing, the size must be said: `size=`, with `fill_value`
in the places that are left over.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from weft._src import dims, dtypes, trace
from weft._src.dispatch import op
from weft._src.errors import ConcretizationError, ShapeError, api_boundary
from weft._src.normalize import array, broadcast, convert, count, reshape, size_value, text
from weft._src.trace import Tracer, emit
from weft.ops import creation, elementwise, movement, reduction

__all__ = ["nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values"]


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Any
    inverse_indices: Any


def asarray(x: Any) -> Any:
    """`x` as an array or a tracer."""
    from weft._src.array import asarray

    return asarray(x)


def _places(total: Any, size: Any, name: str) -> Any:
    """An array that is as long as the result: `size` if it is given, else `total` elements."""
    if size is None:
        if trace.current() is not None:
            raise ConcretizationError("WF1409", f"the size of the result of {name} depends on values.")
        size = int(total)
    return creation.zeros((operator.index(size),), dtype=dtypes.bool_)


# ----------------------------------------------------------------------------------------------------------- nonzero


@api_boundary
def nonzero(x: Any, /, *, size: int | None = None, fill_value: int = 0) -> tuple:
    """The positions of the elements that are not zero, in row-major order: one array of indices for each axis.

    Args:
        x: an array with axes. size: how many; needed while tracing. Further ones are left out; if there are fewer, the
            rest is `fill_value`.

    Raises:
        ShapeError: WF1011 for an array without axes; ConcretizationError: WF1409 while tracing, without `size`.

    >>> weft.nonzero(weft.asarray([[0, 3], [4, 0]]))
    (Array([0, 1], dtype=int64), Array([1, 0], dtype=int64))
    """
    x = asarray(x)
    if not x.shape:
        raise ShapeError("WF1011", "nonzero takes an array with at least one axis.", operands=(text(x),))
    total = reduction.count_nonzero(x) if size is None and trace.current() is None else None
    return tuple(_nonzero(x, _places(total, size, "nonzero"), int(fill_value)))


@op(arrays=2)
def _nonzero(x: Any, places: Any, fill_value: int) -> list[Tracer]:
    x = array(x)
    flat = reshape(elementwise.truth(x), (count(x.shape),))
    positions, there = _positions(flat, array(places).shape[0])
    fill = broadcast(convert(fill_value, dtypes.int64), positions.shape)
    found, rest = [], positions
    for axis in reversed(range(len(x.shape))):
        n = broadcast(_size(x.shape[axis]), positions.shape)
        found.append(emit("select", [there, emit("rem", [rest, n]), fill]))
        rest = emit("div", [rest, n])
    return found[::-1]


def _positions(mask: Tracer, n: Any) -> tuple[Tracer, Tracer]:
    """Where a vector of truth values is true, for the first n of them; and whether there are so many."""
    from weft.ops.sorting import searchsorted

    shape = (n,)
    if not isinstance(mask.shape[0], dims.Dim) and mask.shape[0] == 0:
        return creation.iota(shape, 0, dtypes.int64), broadcast(convert(False, dtypes.bool_), shape)
    seen = reduction.cumulative_sum(convert(mask, dtypes.int64), axis=0)
    number = creation.iota(shape, 0, dtypes.int64)
    one = broadcast(convert(1, dtypes.int64), shape)
    positions = convert(searchsorted(seen, emit("add", [number, one])), dtypes.int64)
    return positions, emit("lt", [positions, broadcast(_size(mask.shape[0]), shape)])


def _size(n: Any) -> Tracer:
    return size_value(n, dtypes.int64)


# ------------------------------------------------------------------------------------------------------------ unique


@op
def _sorted(x: Any) -> list[Tracer]:
    """The elements in order, where they stood, and whether each differs from the one before."""
    from weft.ops.indexing import take
    from weft.ops.sorting import argsort

    x = array(x)
    flat = reshape(x, (count(x.shape),))
    if _is_zero(flat.shape[0]):
        return [flat, creation.iota((0,), 0, dtypes.int64), broadcast(convert(True, dtypes.bool_), (0,))]
    order = argsort(flat, stable=True)
    values = take(flat, order)
    n = flat.shape[0]
    if not isinstance(n, dims.Dim) and n <= 1:
        return [values, order, broadcast(convert(True, dtypes.bool_), (n,))]
    differs = emit("ne", [movement.cut(values, 0, 1, n - 1), movement.cut(values, 0, 0, n - 1)])
    first = broadcast(convert(True, dtypes.bool_), (1,))
    return [values, order, emit("concat", [first, differs], dim=0)]


@op(arrays=4)
def _groups(values: Any, order: Any, new: Any, places: Any) -> list[Tracer]:
    """The first of each run of equal values: value, place, the number of the run for each element, its length."""
    from weft.ops.indexing import take
    from weft.ops.sorting import argsort

    values, order, new = array(values), convert(array(order), dtypes.int64), array(new)
    n, k = values.shape[0], array(places).shape[0]
    if not isinstance(n, dims.Dim) and n == 0:
        empty = creation.iota((k,), 0, dtypes.int64)
        return [broadcast(convert(0, values.dtype), (k,)), empty, order, empty]
    starts, there = _positions(new, k)
    total = broadcast(_size(n), (k,))
    starts = emit("select", [there, starts, total])
    last = reshape(_size(n), (1,))
    ends = starts if _is_zero(k) else last if _is_one(k) else _joined(movement.cut(starts, 0, 1, k - 1), last)
    counts = emit("sub", [ends, starts])
    inside = emit("min", [starts, broadcast(_size(n - 1), (k,))])
    run = reduction.cumulative_sum(convert(new, dtypes.int64), axis=0)
    run = emit("sub", [run, broadcast(convert(1, dtypes.int64), run.shape)])
    inverse = take(run, argsort(order))
    return [take(values, inside), take(order, inside), inverse, counts]


def _joined(x: Tracer, y: Tracer) -> Tracer:
    return emit("concat", [x, y], dim=0)


def _is_one(n: Any) -> bool:
    return not isinstance(n, dims.Dim) and n == 1


def _is_zero(n: Any) -> bool:
    return not isinstance(n, dims.Dim) and n == 0


def _unique(x: Any, size: int | None, name: str) -> tuple[Any, Any, Any, Any]:
    x = asarray(x)
    values, order, new = _sorted(x)
    total = reduction.count_nonzero(new) if size is None and trace.current() is None else None
    values, indices, inverse, counts = _groups(values, order, new, _places(total, size, name))
    return values, indices, movement.reshape(inverse, x.shape), counts


@api_boundary
def unique_all(x: Any, /, *, size: int | None = None) -> UniqueAll:
    """The different elements in order; where each is first; for each element which it is; how often each is there.

    NaNs are all different, 0.0 and -0.0 are not.

    Args:
        x: an array. size: how many; needed while tracing. If there are fewer, the rest repeats the greatest, 0 times.

    Raises:
        ConcretizationError: WF1409 while tracing, without `size`.

    >>> weft.unique_all(weft.asarray([3, 1, 3])).counts
    Array([1, 2], dtype=int64)
    """
    return UniqueAll(*_unique(x, size, "unique_all"))


@api_boundary
def unique_counts(x: Any, /, *, size: int | None = None) -> UniqueCounts:
    """The different elements in order, and how often each is there (see `unique_all`).

    >>> weft.unique_counts(weft.asarray([3, 1, 3])).values
    Array([1, 3], dtype=int64)
    """
    values, _, _, counts = _unique(x, size, "unique_counts")
    return UniqueCounts(values, counts)


@api_boundary
def unique_inverse(x: Any, /, *, size: int | None = None) -> UniqueInverse:
    """The different elements in order, and for each element which of them it is (see `unique_all`).

    >>> weft.unique_inverse(weft.asarray([3, 1, 3])).inverse_indices
    Array([1, 0, 1], dtype=int64)
    """
    values, _, inverse, _ = _unique(x, size, "unique_inverse")
    return UniqueInverse(values, inverse)


@api_boundary
def unique_values(x: Any, /, *, size: int | None = None) -> Any:
    """The different elements in order (see `unique_all`).

    >>> weft.unique_values(weft.asarray([3, 1, 3]))
    Array([1, 3], dtype=int64)
    """
    return _unique(x, size, "unique_values")[0]
