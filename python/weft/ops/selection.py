"""Results whose size depends on values: positions of what is not zero, what is taken by a mask, and what is there once.

Decides how a size comes to be known: what is there is counted, and from there on the number is a size of its own
(`data_sizes.as_size`), so one compile serves every count. Or it is said, by `size=`, with `fill_value` in the places
that are left over.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from weft._src import data_sizes, dims, dtypes
from weft._src.dispatch import op
from weft._src.errors import ShapeError, api_boundary
from weft._src.normalize import array, broadcast, convert, count, reshape, size_value, text
from weft._src.normalize import axis as one_axis
from weft._src.trace import Tracer, emit
from weft.ops import creation, elementwise, movement, reduction

__all__ = [
    "argwhere", "compress", "extract", "flatnonzero", "nonzero", "unique_all", "unique_counts", "unique_inverse",
    "unique_values",
]  # fmt: skip


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


def _places(size: Any) -> Any:
    """An array that is as long as a size that is said, so that programs do not differ by it; None where none is."""
    return None if size is None else creation.zeros((operator.index(size),), dtype=dtypes.bool_)


# ----------------------------------------------------------------------------------------------------------- nonzero


@api_boundary
def nonzero(x: Any, /, *, size: int | None = None, fill_value: int = 0) -> tuple:
    """The positions of the elements that are not zero, in row-major order: one array of indices for each axis.

    Args:
        x: an array with axes. size: how many, if the result is to have a size known beforehand. Further ones are left
            out; if there are fewer, the rest is `fill_value`.

    Raises:
        ShapeError: WF1011 for an array without axes.

    >>> weft.nonzero(weft.asarray([[0, 3], [4, 0]]))
    (Array([0, 1], dtype=int64), Array([1, 0], dtype=int64))
    """
    x = asarray(x)
    if not x.shape:
        raise ShapeError("WF1011", "nonzero takes an array with at least one axis.", operands=(text(x),))
    return tuple(_nonzero(x, _places(size), int(fill_value)))


@op(arrays=2)
def _nonzero(x: Any, places: Any, fill_value: int) -> list[Tracer]:
    if places is None:
        return found(array(x), "nonzero")
    x = array(x)
    mask = _flat(x)
    n = array(places).shape[0]
    positions = _positions(mask, n)
    indices = _unravelled(positions, x.shape)
    fill = broadcast(convert(fill_value, dtypes.int64), (n,))
    there = emit("lt", [creation.iota((n,), 0, dtypes.int64), broadcast(_total(mask), (n,))])
    return [emit("select", [there, i, fill]) for i in indices]


@api_boundary
def flatnonzero(x: Any, /, *, size: int | None = None, fill_value: int = 0) -> Any:
    """The positions of the elements that are not zero, counted in row-major order.

    Args:
        x: an array. size, fill_value: as in `nonzero`.

    >>> weft.flatnonzero(weft.asarray([[0, 3], [4, 0]]))
    Array([1, 2], dtype=int64)
    """
    return nonzero(movement.reshape(asarray(x), (-1,)), size=size, fill_value=fill_value)[0]


@api_boundary
def argwhere(x: Any, /, *, size: int | None = None, fill_value: int = 0) -> Any:
    """The positions of the elements that are not zero, in row-major order: a row of indices for each.

    Args:
        x: an array with axes. size, fill_value: as in `nonzero`.

    Raises:
        ShapeError: WF1011 for an array without axes.

    >>> weft.argwhere(weft.asarray([[0, 3], [4, 0]]))
    Array([[0, 1],
           [1, 0]], dtype=int64)
    """
    return movement.stack(list(nonzero(x, size=size, fill_value=fill_value)), axis=1)


@api_boundary
def compress(
    condition: Any, x: Any, /, axis: int | None = None, *, size: int | None = None, fill_value: Any = 0
) -> Any:
    """The slices of `x` along an axis that a vector of conditions takes.

    Args:
        condition: a vector, of which what is not zero takes a slice; where it is shorter, what is behind is not taken.
        x: an array. axis: which; without it, of the elements in row-major order.
        size: how many, if the result is to have a size known beforehand. Further ones are left out; if there are fewer,
            the rest is `fill_value`.

    Raises:
        AxisError: WF1002; ShapeError: WF1011 for a condition that is no vector, WF1012 for one that is longer than the
        axis, or of another symbolic size.

    >>> weft.compress(weft.asarray([False, True]), weft.asarray([[1, 2], [3, 4], [5, 6]]), axis=0)
    Array([[3, 4]], dtype=int64)
    """
    return _taken(asarray(condition), asarray(x), _places(size), "compress", axis, fill_value)


@api_boundary
def extract(condition: Any, x: Any, /, *, size: int | None = None, fill_value: Any = 0) -> Any:
    """The elements of `x` where a condition of its shape is not zero, in row-major order.

    Args:
        condition, x: arrays of as many elements. size, fill_value: as in `compress`.

    Raises:
        ShapeError: WF1012 where they have other numbers of elements.

    >>> x = weft.asarray([[1, 2], [3, 4]])
    >>> weft.extract(x % 2 == 0, x)
    Array([2, 4], dtype=int64)
    """
    condition, x = asarray(condition), asarray(x)
    if not dims.same(count(condition.shape), count(x.shape)):
        raise ShapeError(
            "WF1012", "extract takes a condition of as many elements as x has.", operands=(text(condition), text(x))
        )
    return _taken(movement.reshape(condition, (-1,)), x, _places(size), "extract", None, fill_value)


@op(arrays=3)
def _taken(condition: Any, x: Any, places: Any, name: str, axis: int | None, fill_value: Any) -> Tracer:
    """The slices of x along an axis that a condition takes."""
    from weft.ops.indexing import take

    condition, x = array(condition), array(x)
    if len(condition.shape) != 1:
        raise ShapeError("WF1011", f"{name} takes a vector of conditions.", operands=(text(condition),))
    if axis is None:
        x, axis = reshape(x, (count(x.shape),)), 0
    axis = one_axis(axis, len(x.shape))
    m, n = condition.shape[0], x.shape[axis]
    if not dims.same(m, n) and (isinstance(m, dims.Dim) or isinstance(n, dims.Dim) or m > n):
        raise ShapeError(
            "WF1012", f"{name} takes a condition no longer than the axis.", operands=(text(condition), text(x))
        )
    if places is None:
        return take(x, found_flat(condition, name), axis=axis) if not _is_zero(n) else x
    k = array(places).shape[0]
    shape = (*x.shape[:axis], k, *x.shape[axis + 1 :])
    fill = broadcast(convert(fill_value, x.dtype), shape)
    if _is_zero(n):
        return fill
    mask = elementwise.truth(condition)
    there = emit("lt", [creation.iota((k,), 0, dtypes.int64), broadcast(_total(mask), (k,))])
    there = emit("broadcast", [there], results=[(shape, dtypes.bool_)], dims=[axis])
    return emit("select", [there, take(x, _positions(mask, k), axis=axis), fill])


def found(x: Tracer, what: str) -> list[Tracer]:
    """The positions of all elements that are not zero, one vector for each axis."""
    return _unravelled(found_flat(x, what), x.shape)


def found_flat(x: Tracer, what: str) -> Tracer:
    """The positions of all elements that are not zero, counted in row-major order."""
    mask = _flat(x)
    return _positions(mask, 0 if _is_zero(mask.shape[0]) else data_sizes.as_size(_total(mask), what))


def _flat(x: Tracer) -> Tracer:
    """The truth values of the elements, in row-major order."""
    return reshape(elementwise.truth(x), (count(x.shape),))


def _total(mask: Tracer) -> Tracer:
    return reduction.count_nonzero(mask)


def _positions(mask: Tracer, n: Any) -> Tracer:
    """Where a vector of truth values is true, for the first n of them; 0 in the places that are left over."""
    if _is_zero(n) or _is_zero(mask.shape[0]):
        return broadcast(convert(0, dtypes.int64), (n,))
    number = reduction.cumulative_sum(convert(mask, dtypes.int64), axis=0)
    one = broadcast(convert(1, dtypes.int64), mask.shape)
    nowhere = broadcast(convert(-1, dtypes.int64), mask.shape)
    to = emit("select", [mask, emit("sub", [number, one]), nowhere])
    column = (*mask.shape, 1)
    return emit(
        "scatter",
        [
            broadcast(convert(0, dtypes.int64), (n,)),
            reshape(to, column),
            reshape(creation.iota(mask.shape, 0, dtypes.int64), column),
        ],
        kind="set",
        batch=0,
        dims=[0],
        at=0,
        bounds="drop",
    )


def _unravelled(positions: Tracer, shape: tuple) -> list[Tracer]:
    """One vector of indices for each axis, from positions in row-major order."""
    indices, rest = [], positions
    for axis in reversed(range(1, len(shape))):
        n = broadcast(_size(shape[axis]), positions.shape)
        indices.append(emit("rem", [rest, n]))
        rest = emit("div", [rest, n])
    return [rest, *reversed(indices)]


def _size(n: Any) -> Tracer:
    return size_value(n, dtypes.int64)


# ------------------------------------------------------------------------------------------------------------ unique


@op(arrays=2)
def _unique(x: Any, places: Any, name: str, wanted: tuple[str, ...]) -> list[Tracer]:
    """Of the first of each run of equal values, once they are sorted: value, place, the number of the run for each
    element, its length; those that are wanted, so that no program computes the others."""
    from weft.ops.indexing import take
    from weft.ops.sorting import argsort

    x = array(x)
    flat = reshape(x, (count(x.shape),))
    n = flat.shape[0]
    order = convert(argsort(flat, stable=True), dtypes.int64)
    values = take(flat, order) if not _is_zero(n) else flat
    new = _new(values)
    k = array(places).shape[0] if places is not None else 0 if _is_zero(n) else data_sizes.as_size(_total(new), name)

    def inverse() -> Tracer:
        run = reduction.cumulative_sum(convert(new, dtypes.int64), axis=0)
        run = emit("sub", [run, broadcast(convert(1, dtypes.int64), run.shape)])
        return reshape(take(run, argsort(order)) if not _is_zero(n) else run, x.shape)

    # One more than there are, so that each but the last has one behind it; past the end, where all end.
    at = (k + 1,)
    starts = _positions(new, k + 1)
    there = emit("lt", [creation.iota(at, 0, dtypes.int64), broadcast(_total(new), at)])
    starts = emit("select", [there, starts, broadcast(_size(n), at)])
    first, behind = movement.cut(starts, 0, 0, k), movement.cut(starts, 0, 1, k)
    if _is_zero(n):
        picked = {"values": broadcast(convert(0, x.dtype), (k,)), "indices": first}
    else:
        inside = emit("min", [first, broadcast(emit("sub", [_size(n), _size(1)]), (k,))])
        picked = {"values": take(values, inside), "indices": take(order, inside)}
    made = {**picked, "inverse": inverse(), "counts": emit("sub", [behind, first])}
    return [made[name] for name in wanted]


def _new(values: Tracer) -> Tracer:
    """Whether each element of a sorted vector differs from the one before."""
    from weft.ops.indexing import take

    number = creation.iota(values.shape, 0, dtypes.int64)
    zero = broadcast(convert(0, dtypes.int64), values.shape)
    first = emit("eq", [number, zero])
    if _is_zero(values.shape[0]):
        return first
    before = emit("max", [emit("sub", [number, broadcast(convert(1, dtypes.int64), values.shape)]), zero])
    return emit("or", [first, emit("ne", [values, take(values, before)])])


def _is_zero(n: Any) -> bool:
    return not isinstance(n, dims.Dim) and n == 0


@api_boundary
def unique_all(x: Any, /, *, size: int | None = None) -> UniqueAll:
    """The different elements in order; where each is first; for each element which it is; how often each is there.

    NaNs are all different, 0.0 and -0.0 are not.

    Args:
        x: an array. size: how many, if the results are to have a size known beforehand. If there are fewer, the rest
            repeats the greatest, 0 times.

    >>> weft.unique_all(weft.asarray([3, 1, 3])).counts
    Array([1, 2], dtype=int64)
    """
    return UniqueAll(*_unique(asarray(x), _places(size), "unique_all", ("values", "indices", "inverse", "counts")))


@api_boundary
def unique_counts(x: Any, /, *, size: int | None = None) -> UniqueCounts:
    """The different elements in order, and how often each is there (see `unique_all`).

    >>> weft.unique_counts(weft.asarray([3, 1, 3])).values
    Array([1, 3], dtype=int64)
    """
    return UniqueCounts(*_unique(asarray(x), _places(size), "unique_counts", ("values", "counts")))


@api_boundary
def unique_inverse(x: Any, /, *, size: int | None = None) -> UniqueInverse:
    """The different elements in order, and for each element which of them it is (see `unique_all`).

    >>> weft.unique_inverse(weft.asarray([3, 1, 3])).inverse_indices
    Array([1, 0, 1], dtype=int64)
    """
    return UniqueInverse(*_unique(asarray(x), _places(size), "unique_inverse", ("values", "inverse")))


@api_boundary
def unique_values(x: Any, /, *, size: int | None = None) -> Any:
    """The different elements in order (see `unique_all`).

    >>> weft.unique_values(weft.asarray([3, 1, 3]))
    Array([1, 3], dtype=int64)
    """
    return _unique(asarray(x), _places(size), "unique_values", ("values",))[0]
