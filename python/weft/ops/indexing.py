"""Indexing: integers, slices, None, `...` and arrays, in any mixture; and assigning to what they take.

Decides how Python's rules become at most one `reverse`, one `slice`, one `gather` and one `reshape`: negative steps
read the reversed axis, integers are slices of size 1 whose axis is then dropped, arrays count from the end where they
are negative, clamp where they read out of range and write nothing there. A mask is the positions of its truth values,
as many as there are (selection.py); assigning one value through a mask needs no positions.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, data_sizes, dims, dtypes, trace
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
    check_shape,
    common_type,
    convert,
    count,
    is_one,
    reshape,
    same_shape,
    shape_text,
    size_value,
    text,
)
from weft._src.normalize import axis as one_axis
from weft._src.trace import Tracer, emit

__all__ = ["dynamic_slice", "dynamic_update_slice", "take", "take_along_axis"]

# Stands in an index for the next array; what is static of an index can then be a key.
_ARRAY = "array"


def getitem(x: Any, index: Any) -> Any:
    """`x[index]`: a value, never a view.

    Args:
        x: an array. index: an int, a slice, None, `...`, an array of integers (negative ones count from the end, others
            are clamped), a mask, or a tuple of these, with NumPy's meaning. While tracing, the number of elements that
            a mask takes is a size of its own, the same for all uses of one mask.

    Raises:
        AxisError: WF1005 for an integer out of range, WF1006 for more indices than axes; ArgumentValueError: WF1016
        for a step of 0; DTypeError: WF1022 for an array of floats; ShapeError: WF1017 for a mask that does not fit;
        WrongArgumentError: WF1032 for anything else.

    >>> weft.arange(10)[2:8:3]
    Array([2, 5], dtype=int64)
    """
    if type(x) is _weft.Array and trace.current() is None and (part := x._leading(index)) is not None:
        return part
    if type(index) is Tracer and index.dtype.kind == "bool" and index.shape:
        return _masked(x, index)
    x, index = _by_data(x, index)
    key, arrays = _parsed(x, index)
    if arrays:
        return _getitem_arrays(x, key, *arrays)
    made = _getitem(x, tuple([None if isinstance(i, bool) else i for i in key]))
    return _getitem(made, _nothing(key, made)) if any(i is False for i in key) else made


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
    mask = isinstance(index, (Tracer, _weft.Array, np.ndarray)) and dtypes.dtype(index.dtype).kind == "bool"
    if mask and not _one_for_each(value, len(x.shape) - len(index.shape)):
        made = _where_set(x, index, value)
    else:
        made = index_update(x, index, value)
    trace.become(x, made)


def _one_for_each(value: Any, rest: int) -> bool:
    """Whether an assigned value has an axis for the elements that a mask takes, in front of the `rest` others."""
    shape = getattr(value, "shape", ())
    return len(shape) > rest and not is_one(shape[len(shape) - rest - 1])


def index_update(x: Any, index: Any, value: Any, kind: str = "set") -> Any:
    """`x` with `value` put at `x[index]`, or combined with what is there.

    Args:
        x, index, value: as for `setitem`. kind: "set", "add", "mul", "min" or "max". Of several values for one element
            all are applied, in order.

    >>> index_update(weft.zeros(3), [0, 0, 2], 1.0, "add")
    Array([2., 0., 1.], dtype=float32)
    """
    key, arrays = _parsed(x, index)
    if any(isinstance(i, bool) for i in key):
        raise UnsupportedError("WF1507", "assigning through a single truth value has no code yet.", operands=(text(x),))
    if arrays:
        return _update_arrays(x, value, key, kind, *arrays)
    return _set(x, value, key) if kind == "set" else _combine(x, value, key, kind)


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
    try:
        return operator.index(i)
    except TypeError:
        raise WrongArgumentError(
            "WF1032", f"an index is an integer, a slice, None or ..., not {type(i).__name__}.", operands=(text(x),)
        ) from None


def _parsed(x: Any, index: Any) -> tuple[tuple, list[Any]]:
    """What is static of an index, with a mark for each array of integers, and these."""
    from weft.ops import selection

    key: list[Any] = []
    arrays: list[Any] = []
    masks: list[tuple[int, tuple]] = []  # where in the key, and of which shape
    for i in index if isinstance(index, tuple) else (index,):
        if isinstance(i, list):
            i = np.asarray(i) if i else np.zeros(0, np.int64)
        if isinstance(i, (bool, np.bool_)):
            key.append(bool(i))
        elif isinstance(i, (Tracer, _weft.Array, np.ndarray)):
            kind = dtypes.dtype(i.dtype).kind
            if kind == "bool" and len(i.shape) == 0:
                key.append(bool(i))
            elif kind == "bool":
                masks.append((len(key), tuple(i.shape)))
                found = selection.found(i, "a mask") if isinstance(i, Tracer) else np.nonzero(np.asarray(i))
                key += [_ARRAY] * len(found)
                arrays += found
            elif kind in ("int", "uint"):
                key.append(_ARRAY)
                arrays.append(i)
            else:
                raise DTypeError("WF1022", f"an index is made of integers, not {dtypes.dtype(i.dtype).name}.",
                                 operands=(text(x), text(i)))  # fmt: skip
        else:
            key.append(_static(i, x))
    for at, shape in masks:
        axis = sum(1 for i in key[:at] if i is not None and not isinstance(i, bool))
        if Ellipsis in key[:at]:
            axis = len(x.shape) - sum(1 for i in key[at:] if i is not None and not isinstance(i, bool))
        if not same_shape(shape, tuple(x.shape[axis : axis + len(shape)])):
            raise ShapeError("WF1017", f"a mask of shape {shape_text(shape)} does not fit {text(x)}.",
                             operands=(text(x),))  # fmt: skip
    if arrays and any(isinstance(i, bool) for i in key):
        raise UnsupportedError("WF1507", "a single truth value beside arrays has no code yet.", operands=(text(x),))
    return tuple(key), arrays


def _by_data(x: Any, index: Any) -> tuple[Any, Any]:
    """An index whose slices of axes of sizes that depend on data are done: no comparison settles what they take, so it
    is computed. An integer becomes an array, which is clamped."""
    if type(x) is not Tracer or not any(data_sizes.depends_on_data(n) for n in x.shape):
        return x, index
    items = list(index) if isinstance(index, tuple) else [index]
    used = [0 if i is None or i is Ellipsis or isinstance(i, (bool, np.bool_)) else _num_axes(i) for i in items]
    axis, dots = 0, len(x.shape) - sum(used)
    for k, i in enumerate(items):
        if axis < len(x.shape) and data_sizes.depends_on_data(x.shape[axis]):
            if isinstance(i, slice) and not _keeps_size(i):
                places = _slice_places(x.shape[axis], i)
                x = _getitem_arrays(x, (*[slice(None)] * axis, _ARRAY), places)
                items[k] = slice(None)
            elif used[k] == 1 and _is_index(i):
                items[k] = convert(i, dtypes.int64)
        axis += dots if i is Ellipsis else used[k]
    return x, tuple(items)


def _keeps_size(s: slice) -> bool:
    """Whether a slice takes an axis whole, in order or backwards, so that it has the same size."""
    return s.start is None and s.stop is None and (s.step is None or s.step in (1, -1))


def _num_axes(i: Any) -> int:
    return len(i.shape) if hasattr(i, "shape") and i.shape and dtypes.dtype(i.dtype).kind == "bool" else 1


def _slice_places(n: Any, s: slice) -> Tracer:
    """The positions that a slice takes of an axis, by Python's rules, as many as there are."""
    step = 1 if s.step is None else _bound(s.step)
    if isinstance(step, dims.Dim) or step == 0:
        raise ArgumentValueError("WF1016", "the step of a slice is an integer other than 0.")
    size, one = size_value(n, dtypes.int64), convert(1, dtypes.int64)
    low = convert(0 if step > 0 else -1, dtypes.int64)
    high = size if step > 0 else emit("sub", [size, one])

    def bound(at: Any, default: Tracer) -> Tracer:
        at = _bound(at)
        if at is None:
            return default
        value = size_value(at, dtypes.int64)
        if not isinstance(at, dims.Dim) and at < 0:
            value = emit("add", [value, size])
        return emit("min", [emit("max", [value, low]), high])

    start, stop = (bound(s.start, low), bound(s.stop, high)) if step > 0 else (bound(s.start, high), bound(s.stop, low))
    way = emit("sub", [stop, start] if step > 0 else [start, stop])
    by = convert(abs(step), dtypes.int64)
    number = emit("div", [emit("add", [way, convert(abs(step) - 1, dtypes.int64)]), by])
    m = data_sizes.as_size(emit("max", [number, convert(0, dtypes.int64)]), "a slice")
    steps = emit(
        "mul", [emit("iota", [], results=[((m,), dtypes.int64)], dim=0), broadcast(convert(step, dtypes.int64), (m,))]
    )
    return emit("add", [broadcast(start, (m,)), steps])


def _masked(x: Any, mask: Tracer) -> Tracer:
    """What a mask over the first axes takes: one index into all their elements."""
    from weft.ops import selection

    x, k = array(x), len(mask.shape)
    if not same_shape(mask.shape, x.shape[:k]):
        raise ShapeError("WF1017", f"a mask {text(mask)} does not fit {text(x)}.", operands=(text(x), text(mask)))
    rows = reshape(x, (count(mask.shape), *x.shape[k:]))
    return _getitem_arrays(rows, (_ARRAY,), selection.found_flat(mask, "a mask"))


def _nothing(key: tuple, made: Any) -> tuple:
    """The index that takes nothing along the axes that False made."""
    dots = key.index(Ellipsis) if Ellipsis in key else len(key)
    kept = [i for i in key if i is not Ellipsis and not _is_index(i)]
    behind = sum(1 for i in key[dots:] if i is not Ellipsis and not _is_index(i))
    index = [slice(0, 0) if i is False else slice(None) for i in kept]
    return (*index[: len(index) - behind], Ellipsis, *index[len(index) - behind :])


def _is_index(i: Any) -> bool:
    return isinstance(i, int) and not isinstance(i, bool)


class _Places(NamedTuple):
    """What arrays take of an array: of `x[static]`, windows along `axes` at `indices`, put before axis `at`."""

    static: tuple
    part: Tracer
    indices: Tracer
    axes: list[int]
    at: int
    windows: tuple  # the shape, with axes of size 1 where arrays index
    shape: tuple  # the shape of the result


def _places(x: Tracer, key: tuple, arrays: tuple) -> _Places:
    rank = len(x.shape)
    used = sum(1 for i in key if i is not None and i is not Ellipsis)
    if used > rank:
        raise AxisError("WF1006", f"{used} indices for {rank} axes.", operands=(text(x),))
    if Ellipsis in key:
        dots = key.index(Ellipsis)
        key = (*key[:dots], *[slice(None)] * (rank - used), *key[dots + 1 :])
    static = tuple(slice(None) if i == _ARRAY else i for i in key)
    part = _getitem(x, static)
    # Integers count as arrays where NumPy asks whether these stand side by side.
    advanced = [i for i, item in enumerate(key) if item == _ARRAY or isinstance(item, int)]
    axes, axis = [], 0
    for item in key:
        if item == _ARRAY:
            axes.append(axis)
        axis += not isinstance(item, int)
    together = advanced[-1] - advanced[0] == len(advanced) - 1
    at = sum(1 for item in key[: advanced[0]] if not isinstance(item, int)) if together else 0
    made = [array(i) for i in arrays]
    common = broadcast_shapes(*(i.shape for i in made), operands=made)
    starts = []
    for i, axis in zip(made, axes, strict=True):
        n = part.shape[axis]
        if not isinstance(n, dims.Dim) and n == 0 and not any(size == 0 for size in common if isinstance(size, int)):
            raise AxisError("WF1005", f"axis {axis} has no elements to index.", operands=(text(x),))
        starts.append(reshape(broadcast(_from_start(i, n), common), (*common, 1)))
    indices = starts[0] if len(starts) == 1 else emit("concat", starts, dim=len(common))
    units = tuple(1 if i in axes else n for i, n in enumerate(part.shape))
    rest = [n for i, n in enumerate(part.shape) if i not in axes]
    before = sum(1 for i in range(at) if i not in axes)
    return _Places(static, part, indices, axes, at, (*units[:at], *common, *units[at:]),
                   (*rest[:before], *common, *rest[before:]))  # fmt: skip


def _from_start(i: Tracer, n: Any) -> Tracer:
    """Indices counted from the start, as int64. n: the size, or that of each index."""
    unsigned = i.dtype.kind == "uint"
    i = convert(i, dtypes.int64) if i.dtype is not dtypes.uint64 else i
    if unsigned:
        return convert(emit("min", [i, broadcast(convert((1 << 63) - 1, i.dtype), i.shape)]), dtypes.int64)
    zero = broadcast(convert(0, i.dtype), i.shape)
    size = n if isinstance(n, Tracer) else broadcast(size_value(n, i.dtype), i.shape)
    return emit("select", [emit("lt", [i, zero]), emit("add", [i, size]), i])


def _is_empty(p: _Places) -> bool:
    """Whether arrays without elements index an axis without elements: there is no window to speak of."""
    return any(not isinstance(n, dims.Dim) and n == 0 for n in (p.part.shape[axis] for axis in p.axes))


@op
def _getitem_arrays(x: Any, key: tuple, *arrays: Any) -> Any:
    x = array(x)
    p = _places(x, key, arrays)
    if _is_empty(p):
        return reshape(p.part, p.shape)  # both have no elements
    made = emit("gather", [p.part, p.indices], results=[(p.windows, x.dtype)], batch=0, dims=p.axes, at=p.at,
                bounds="clamp", weak=x.weak_type)  # fmt: skip
    return reshape(made, p.shape)


@op(arrays=2)
def _update_arrays(x: Any, value: Any, key: tuple, kind: str, *arrays: Any) -> Any:
    x = array(x)
    p = _places(x, key, arrays)
    if _is_empty(p):
        return x
    value = reshape(_assigned(x, value, p.shape), p.windows)
    made = emit("scatter", [p.part, p.indices, value], kind=kind, batch=0, dims=p.axes, at=p.at, bounds="drop")
    return made if same_shape(made.shape, x.shape) and _takes_all(p.static) else _set(x, made, p.static)


def _takes_all(static: tuple) -> bool:
    return all(i == slice(None) for i in static)


@op(arrays=2)
def _combine(x: Any, value: Any, key: tuple, kind: str) -> Any:
    x = array(x)
    part = _getitem(x, key)
    return _set(x, emit(kind, [part, _assigned(x, value, part.shape)]), key)


@op(arrays=2)
def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """The elements of `x` at positions along an axis.

    Args:
        x: an array. indices: an array of integers; negative ones count from the end, others are clamped. Its axes stand
            in the place of the axis. axis: by default, positions are counted in all elements.

    Raises:
        AxisError: WF1002, WF1005 for an axis of size 0; DTypeError: WF1022.

    >>> weft.take(weft.asarray([[1, 2, 3], [4, 5, 6]]), weft.asarray([2, 0]), axis=1)
    Array([[3, 1],
           [6, 4]], dtype=int64)
    """
    x, indices = array(x), _integers("take", indices)
    if axis is None:
        x, axis = reshape(x, (count(x.shape),)), 0
    along = one_axis(axis, len(x.shape))
    return _getitem_arrays(x, (*[slice(None)] * along, _ARRAY), indices)


def _integers(name: str, i: Any) -> Tracer:
    i = array(i)
    if i.dtype.kind not in ("int", "uint"):
        raise DTypeError("WF1022", f"{name}: indices are integers, not {i.dtype.name}.", operands=(text(i),))
    return i


@op(arrays=2)
def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """For each place of `indices`, the element of `x` at that position along an axis, in the same place of the others.

    Args:
        x: an array. indices: integers, as many axes as `x`; sizes of the other axes broadcast. Negative ones count from
            the end, others are clamped.

    Raises:
        ShapeError: WF1001, WF1012 for another number of axes; AxisError: WF1002; DTypeError: WF1022.

    >>> weft.take_along_axis(weft.asarray([[3, 1, 2], [6, 5, 4]]), weft.asarray([[0], [2]]))
    Array([[3],
           [4]], dtype=int64)
    """
    x, indices = array(x), _integers("take_along_axis", indices)
    rank = len(x.shape)
    if len(indices.shape) != rank:
        raise ShapeError(
            "WF1012", "take_along_axis: x and indices have as many axes.", operands=(text(x), text(indices))
        )
    along = one_axis(axis, rank)
    others = [i for i in range(rank) if i != along]
    batch = broadcast_shapes(tuple(x.shape[i] for i in others), tuple(indices.shape[i] for i in others),
                             operands=(x, indices))  # fmt: skip
    n, k = x.shape[along], indices.shape[along]
    if not isinstance(n, dims.Dim) and n == 0 and not (isinstance(k, int) and k == 0):
        raise AxisError("WF1005", f"axis {along} has no elements to index.", operands=(text(x),))
    # The other axes are batch dimensions, which stand in front.
    order = [*others, along]
    x, indices = (emit("transpose", [y], permutation=order, weak=y.weak_type) if along != rank - 1 else y
                  for y in (x, indices))  # fmt: skip
    x, indices = broadcast(x, (*batch, n)), broadcast(_from_start(indices, n), (*batch, k))
    made = emit("gather", [x, reshape(indices, (*batch, k, 1))], results=[((*batch, k, 1), x.dtype)], batch=rank - 1,
                dims=[rank - 1], at=0, bounds="clamp", weak=x.weak_type)  # fmt: skip
    made = reshape(made, (*batch, k))
    if along == rank - 1:
        return made
    return emit("transpose", [made], permutation=[order.index(i) for i in range(rank)], weak=x.weak_type)


def _starts(name: str, x: Tracer, starts: Any) -> Tracer:
    """One start for each axis, as a vector, counted from the front."""
    if isinstance(starts, (tuple, list)):
        parts = [reshape(convert(_integers(name, i), dtypes.int64), (1,)) for i in starts]
        starts = emit("concat", parts, dim=0) if parts else emit("iota", [], results=[((0,), dtypes.int64)], dim=0)
    starts = _integers(name, starts)
    if not same_shape(starts.shape, (len(x.shape),)):
        raise ShapeError("WF1012", f"{name} takes one start for each axis.", operands=(text(x), text(starts)))
    if not x.shape:
        return starts
    return _from_start(starts, emit("concat", [reshape(size_value(n, dtypes.int64), (1,)) for n in x.shape], dim=0))


def _vector(starts: Any) -> Any:
    """Starts as one argument of an op: arrays in a sequence become a vector."""
    from weft.ops.movement import stack

    arrays = isinstance(starts, (tuple, list)) and any(hasattr(i, "dtype") for i in starts)
    return stack(list(starts)) if arrays else starts


def dynamic_slice(x: Any, starts: Any, /, sizes: Any) -> Any:
    """The part of `x` that starts at positions known when the program runs; clamped so that it lies inside.

    Args:
        x: an array. starts: one integer for each axis, in a vector or a sequence; negative ones count from the end.
        sizes: of the part; static.

    Raises:
        ShapeError: WF1012 where they do not fit the axes; DTypeError: WF1022.

    >>> weft.dynamic_slice(weft.arange(6), weft.asarray([9]), (2,))
    Array([4, 5], dtype=int64)
    """
    sizes = check_shape(sizes)
    if hasattr(x, "shape") and not _fits(sizes, x):
        raise ShapeError("WF1012", f"dynamic_slice: no part of sizes {shape_text(sizes)}.", operands=(text(x),))
    return _dynamic_slice(x, _vector(starts), sizes)


def _fits(sizes: Any, x: Any) -> bool:
    """Whether a part of these sizes fits x, by the sizes that are known. Asked of the arrays of a call, since an eager
    op that serves all shapes knows none."""
    return len(sizes) == len(x.shape) and all(
        isinstance(n, dims.Dim) or isinstance(m, dims.Dim) or n <= m for n, m in zip(sizes, x.shape, strict=True)
    )


@op
def _dynamic_slice(x: Any, starts: Any, sizes: Any) -> Any:
    x = array(x)
    starts = _starts("dynamic_slice", x, starts)
    if not _fits(sizes, x):
        raise ShapeError("WF1012", f"dynamic_slice: no part of sizes {shape_text(sizes)}.", operands=(text(x),))
    if not sizes:
        return x
    return emit("gather", [x, starts], results=[(sizes, x.dtype)], batch=0, dims=list(range(len(sizes))), at=0,
                bounds="clamp", weak=x.weak_type)  # fmt: skip


def dynamic_update_slice(x: Any, update: Any, starts: Any, /) -> Any:
    """`x` with a part replaced, at positions known when the program runs; clamped so that it lies inside.

    Args:
        x: an array. update: an array of as many axes and of its dtype, nowhere larger. starts: one integer for each
            axis, in a vector or a sequence; negative ones count from the end.

    Raises:
        ShapeError: WF1012 where they do not fit; DTypeError: WF1028, WF1022.

    >>> weft.dynamic_update_slice(weft.zeros(4), weft.ones(2), weft.asarray([1]))
    Array([0., 1., 1., 0.], dtype=float32)
    """
    if hasattr(x, "shape") and hasattr(update, "shape") and not _fits(update.shape, x):
        raise ShapeError("WF1012", "dynamic_update_slice: the update does not fit.", operands=(text(x), text(update)))
    return _dynamic_update_slice(x, update, _vector(starts))


@op(arrays=2)
def _dynamic_update_slice(x: Any, update: Any, starts: Any) -> Any:
    x = array(x)
    update = array(_assigned(x, update, array(update).shape))
    starts = _starts("dynamic_update_slice", x, starts)
    if not _fits(update.shape, x):
        raise ShapeError("WF1012", "dynamic_update_slice: the update does not fit.", operands=(text(x), text(update)))
    return emit("scatter", [x, starts, update], kind="set", batch=0, dims=list(range(len(x.shape))), at=0,
                bounds="clamp")  # fmt: skip


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
