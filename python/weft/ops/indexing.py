"""Indexing with static indices: integers, slices, None, `...`, in any mixture; and assigning to what they take.

Decides how Python's rules become at most one `reverse`, one `slice` and one `reshape`: negative steps read the reversed
axis, integers are slices of size 1 whose axis is then dropped. Indices that are arrays have their place but no code
yet.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, dims, dtypes, trace
from weft._src.dispatch import op
from weft._src.errors import (
    ArgumentValueError,
    AxisError,
    DTypeError,
    ShapeError,
    UnsupportedError,
    WrongArgumentError,
)
from weft._src.normalize import (
    array,
    as_array,
    broadcast,
    broadcast_shapes,
    common_type,
    convert,
    is_one,
    reshape,
    same_shape,
    shape_text,
    text,
)
from weft._src.trace import Tracer, emit

__all__: list[str] = []


def getitem(x: Any, index: Any) -> Any:
    """`x[index]`: a value, never a view.

    Args:
        x: an array. index: an int, a slice, None, `...`, or a tuple of these.

    Raises:
        AxisError: WF1005 for an integer out of range, WF1006 for more indices than axes; ArgumentValueError: WF1016
        for a step of 0; UnsupportedError: WF1507 for an array as index; WrongArgumentError: WF1032 for anything else.

    >>> weft.arange(10)[2:8:3]
    Array([2, 5], dtype=int64)
    """
    if type(x) is _weft.Array and trace.current() is None and (part := x._leading(index)) is not None:
        return part
    items = index if isinstance(index, tuple) else (index,)
    return _getitem(x, tuple([_static(i, x) for i in items]))


def setitem(x: Any, index: Any, value: Any) -> None:
    """`x[index] = value`: puts another value behind the handle `x`; nothing else that was made of it changes.

    Args:
        x: an array. index: as for `getitem`, or an array of truth values of the shape of `x`.
        value: a number or an array that broadcasts to the shape of `x[index]`, of a dtype that that of `x` holds.

    Raises:
        TracerError: WF1206 while tracing, for an array that the function only reads; ShapeError: WF1017;
        DTypeError: WF1028; and as `getitem`.

    >>> x = weft.arange(5)
    >>> x[1:3] = 7
    >>> x
    Array([0, 7, 7, 3, 4], dtype=int64)
    """
    if isinstance(index, (Tracer, _weft.Array, np.ndarray)) and dtypes.dtype(index.dtype).kind == "bool":
        made = _where_set(x, index, value)
    else:
        items = index if isinstance(index, tuple) else (index,)
        made = _set(x, value, tuple([_static(i, x) for i in items]))
    trace.become(x, made)


@op(arrays=2)
def _set(x: Any, value: Any, index: tuple) -> Any:
    x = array(x)
    region = _region(x, index)
    value = _assigned(x, value, region.shape)
    if any(not isinstance(n, dims.Dim) and n == 0 for n in region.sizes):
        return x
    value = _reversed(reshape(value, tuple(region.sizes)), region.after)
    if all(map(dims.same, region.sizes, x.shape)):
        return _reversed(value, region.before)
    inside = broadcast(convert(True, dtypes.bool_), value.shape)
    old = _reversed(x, region.before)
    spread = [_spread(part, old.shape, region) for part in (inside, value)]
    return _reversed(emit("select", [spread[0], spread[1], old]), region.before)


def _assigned(x: Tracer, value: Any, shape: tuple) -> Tracer:
    """An assigned value in the dtype of `x`, under the shape of the elements that it replaces."""
    value = as_array(value)
    if common_type([x, value]).dtype is not x.dtype:
        raise DTypeError("WF1028", f"{text(value)} is assigned to elements of {x.dtype.name}.", operands=(text(x),))
    value = convert(value, x.dtype)
    while len(value.shape) > len(shape) and is_one(value.shape[0]):
        value = reshape(value, value.shape[1:])
    try:
        fits = same_shape(broadcast_shapes(value.shape, shape), shape)
    except ShapeError:
        fits = False
    if not fits:
        raise ShapeError(
            "WF1017", f"{text(value)} does not broadcast to {shape_text(shape)}, the shape of what it is assigned to.",
            operands=(text(x),),
        )  # fmt: skip
    return broadcast(value, shape)


def _spread(part: Tracer, shape: tuple, region: _Region) -> Tracer:
    """The elements of a region at their places in an array of a shape; zeros elsewhere."""
    zero = convert(False if part.dtype.kind == "bool" else 0, part.dtype)
    gaps = [s - 1 for s in region.strides]
    ends = [s + (n - 1) * by + 1 for s, n, by in zip(region.starts, region.sizes, region.strides, strict=True)]
    rest = [n - end for n, end in zip(shape, ends, strict=True)]
    high = [0 if isinstance(n, dims.Dim) else n for n in rest]
    part = emit("pad", [part, zero], low=region.starts, high=high, interior=gaps)
    for axis, n in enumerate(rest):  # a symbolic number of zeros
        if isinstance(n, dims.Dim):
            more = broadcast(zero, (*part.shape[:axis], n, *part.shape[axis + 1 :]))
            part = emit("concat", [part, more], dim=axis)
    return part


@op(arrays=3)
def _where_set(x: Any, mask: Any, value: Any) -> Any:
    x, mask = array(x), array(mask)
    if len(mask.shape) > len(x.shape) or not same_shape(mask.shape, x.shape[: len(mask.shape)]):
        raise ShapeError("WF1017", f"a mask {text(mask)} does not fit {text(x)}.", operands=(text(x), text(mask)))
    value = _assigned(x, value, x.shape[len(mask.shape) :])
    mask = emit("broadcast", [mask], results=[(x.shape, mask.dtype)], dims=list(range(len(mask.shape))))
    return emit("select", [mask, broadcast(value, x.shape), x])


def _static(i: Any, x: Any) -> Any:
    if i is None or i is Ellipsis:
        return i
    if isinstance(i, slice):
        return slice(_bound(i.start), _bound(i.stop), _bound(i.step))
    if isinstance(i, (bool, np.bool_, np.ndarray, _weft.Array, Tracer, list)):
        raise UnsupportedError(
            "WF1507",
            f"an index that is {'a truth value' if isinstance(i, (bool, np.bool_)) else 'an array'} has no code yet.",
            operands=(text(x),),
        )
    try:
        return operator.index(i)
    except TypeError:
        raise WrongArgumentError(
            "WF1032", f"an index is an integer, a slice, None or ..., not {type(i).__name__}.", operands=(text(x),)
        ) from None


def _bound(n: Any) -> Any:
    if n is None or isinstance(n, dims.Dim):
        return n
    try:
        return operator.index(n)
    except TypeError:
        raise WrongArgumentError("WF1032", f"the bounds of a slice are integers, not {type(n).__name__}.") from None


class _Region(NamedTuple):
    """The elements that an index takes: of `x` reversed along `before`, from `starts` by `strides`, `sizes` of them,
    reversed along `after`; `shape` is that of the result, without the axes of integers and with new ones."""

    before: list[int]
    starts: list[int]
    strides: list[int]
    sizes: list[Any]
    after: list[int]
    shape: tuple


@op
def _getitem(x: Any, index: tuple) -> Any:
    x = array(x)
    region = _region(x, index)
    x = _reversed(x, region.before)
    starts, strides, sizes = region.starts, region.strides, region.sizes
    if any(starts) or any(s != 1 for s in strides) or not all(map(dims.same, sizes, x.shape)):
        x = emit("slice", [x], results=[(tuple(sizes), x.dtype)], starts=starts, strides=strides, weak=x.weak_type)
    return reshape(_reversed(x, region.after), region.shape)


def _reversed(x: Tracer, axes: list[int]) -> Tracer:
    return emit("reverse", [x], dims=axes, weak=x.weak_type) if axes else x


def _region(x: Tracer, index: tuple) -> _Region:
    """What Python's rules make of an index of integers, slices, None and `...`."""
    rank = len(x.shape)
    used = sum(1 for i in index if i is not None and i is not Ellipsis)
    if used > rank:
        raise AxisError("WF1006", f"{used} indices for {rank} axes.", operands=(text(x),))
    dots = sum(1 for i in index if i is Ellipsis)
    if dots > 1:
        raise ArgumentValueError("WF1016", "an index has at most one '...'.", operands=(text(x),))
    whole = (slice(None),) * (rank - used)
    at = index.index(Ellipsis) if dots else len(index)
    index = (*index[:at], *whole, *index[at + dots :])

    shape: list[Any] = []  # of the result
    starts, strides, sizes, turned = [], [], [], []
    for i in index:
        if i is None:
            shape.append(1)
            continue
        axis = len(sizes)
        n = x.shape[axis]
        if isinstance(i, slice):
            start, step, size = _range(n, i)
            shape.append(size)
        else:
            start, step, size = _one(x, axis, i)
        if step < 0:
            turned.append(axis)
            start, step = n - 1 - start, -step
        starts.append(start)
        strides.append(step)
        sizes.append(size)
    # What counts from the end of a symbolic size is static from the end of the reversed axis.
    for axis, start in enumerate(starts):
        if isinstance(start, dims.Dim):
            last = (sizes[axis] - 1) * strides[axis] + start
            other = x.shape[axis] - 1 - last
            if isinstance(other, dims.Dim):
                raise UnsupportedError(
                    "WF1507", f"a slice that starts at {start} has no code yet.", operands=(text(x),)
                )
            starts[axis] = other
            turned.append(-1 - axis)
    before = sorted({t for t in turned if t >= 0} ^ {-1 - t for t in turned if t < 0})
    after = sorted(-1 - t for t in turned if t < 0)
    return _Region(before, starts, strides, sizes, after, tuple(shape))


def _one(x: Tracer, axis: int, i: int) -> tuple[Any, int, Any]:
    n = x.shape[axis]
    if isinstance(n, dims.Dim):
        inside = n > i if i >= 0 else n >= -i  # asks the assumptions
    else:
        inside = -n <= i < n
    if not inside:
        raise AxisError("WF1005", f"index {i} is out of range for axis {axis} of size {n}.", operands=(text(x),))
    return (i if i >= 0 else n + i), 1, 1


def _range(n: Any, s: slice) -> tuple[Any, int, Any]:
    """Start, step and number of elements of a slice of an axis of size n, by Python's rules."""
    step = 1 if s.step is None else s.step
    if isinstance(step, dims.Dim) or step == 0:
        raise ArgumentValueError("WF1016", "the step of a slice is an integer other than 0.")
    if not any(isinstance(m, dims.Dim) for m in (n, s.start, s.stop)):
        start, stop, step = slice(s.start, s.stop, step).indices(n)
        size = len(range(start, stop, step))
        return (start if size else 0), (step if size else 1), size
    if step < 0:
        if s.start is not None or s.stop is not None:
            raise UnsupportedError("WF1507", "a backward slice with bounds on a symbolic size has no code yet.")
        return n - 1, step, _ceil_div(n, -step)
    start = 0 if s.start is None else _clamp(s.start, n)
    stop = n if s.stop is None else _clamp(s.stop, n)
    length = stop - start
    if isinstance(length, int):
        length = max(length, 0)
    elif isinstance(start, dims.Dim) or not (isinstance(start, int) and start == 0 and dims.same(stop, n)):
        length = length if length >= 0 else 0  # asks the assumptions
    return start, step, _ceil_div(length, step)


def _clamp(bound: Any, n: Any) -> Any:
    """A bound of a slice inside 0 .. n; what the sizes do not settle is asked of the assumptions."""
    if dims.same(bound, n):
        return n
    if not isinstance(bound, dims.Dim) and bound == 0:
        return 0
    if not isinstance(bound, dims.Dim) and bound < 0:
        return n + bound if n >= -bound else 0
    return bound if n >= bound else n


def _ceil_div(a: Any, b: int) -> Any:
    return a if b == 1 else -(-a // b) if not isinstance(a, dims.Dim) else (a + (b - 1)) // b
