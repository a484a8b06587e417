"""Moving elements: shapes, axes, joining, padding.

Decides what the array API's names mean in the dialect's reshape, transpose, broadcast, reverse, slice, pad and concat.
Symbolic sizes pass through where the result's sizes are expressions in them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from weft._src import _weft, data_sizes, dims, dtypes, trace
from weft._src.dispatch import op
from weft._src.errors import (
    ArgumentValueError,
    ShapeError,
    UnsupportedError,
    WeftError,
    WrongArgumentError,
)
from weft._src.normalize import (
    array,
    as_array,
    axes,
    broadcast,
    broadcast_shapes,
    check_shape,
    common_type,
    convert,
    count,
    is_one,
    same_shape,
    shape_text,
    text,
    unsupported,
)
from weft._src.normalize import (
    axis as one_axis,
)
from weft._src.normalize import (
    reshape as _reshape,
)
from weft._src.trace import Tracer, emit
from weft.ops.elementwise import subtract

__all__ = [
    "broadcast_arrays", "broadcast_to", "concat", "diff", "expand_dims", "flip", "matrix_transpose", "meshgrid",
    "moveaxis", "pad",
    "permute_dims", "ravel", "repeat", "reshape", "roll", "split", "squeeze", "stack", "swapaxes", "tile", "transpose",
    "unstack",
]  # fmt: skip


def _on_the_same_memory(shape_of: Any) -> Any:
    """The eager form of an op that only changes the shape: no program is needed. Errors are told by the op itself."""

    def eager(x: Any, *args: Any, **kwargs: Any) -> Any:
        if type(x) is not _weft.Array:
            return NotImplemented
        try:
            shape = shape_of(x.shape, *args, **kwargs)
        except (TypeError, WeftError):
            return NotImplemented
        return NotImplemented if shape is None else x._reshaped(shape)

    return eager


def _reshaped(old: tuple, shape: Any, *, copy: bool | None = None) -> tuple | None:
    sizes = [operator.index(n) for n in shape] if isinstance(shape, (tuple, list)) else [operator.index(shape)]
    have, want = math.prod(old), math.prod(n for n in sizes if n != -1)
    if (holes := sizes.count(-1)) == 1 and want > 0 and have % want == 0:
        sizes[sizes.index(-1)] = have // want
    elif holes or have != want or min(sizes, default=0) < 0:
        return None
    return tuple(sizes)


@op(eager=_on_the_same_memory(_reshaped))
def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
    """The same elements, in row-major order, under another shape.

    Args:
        x: an array. shape: as many elements; one size may be -1 and is computed. copy: for the array API's sake.

    Raises:
        ShapeError: WF1013 where the numbers of elements differ; WF1008 for what is no shape.

    >>> weft.reshape(weft.arange(6), (2, -1)).shape
    (2, 3)
    """
    x = array(x)
    sizes = list(shape) if isinstance(shape, (tuple, list)) else [shape]
    holes = [i for i, n in enumerate(sizes) if not isinstance(n, dims.Dim) and n == -1]
    if len(holes) > 1:
        raise ShapeError("WF1013", "at most one size of a reshape may be -1.", operands=(text(x),))
    if holes:
        sizes[holes[0]] = 1
    new = list(check_shape(sizes))
    have, want = count(x.shape), count(tuple(new))
    if holes:
        zero = not isinstance(want, dims.Dim) and want == 0
        rest = None if zero else dims.exact_div(have, want)
        if rest is None:
            raise _reshape_error(x, shape)
        new[holes[0]] = rest
    elif not dims.same(have, want):
        raise _reshape_error(x, shape)
    return _reshape(x, tuple(new))


def _reshape_error(x: Tracer, shape: Any) -> ShapeError:
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    return ShapeError(
        "WF1013",
        f"reshape: {count(x.shape)} elements do not fit the shape {shape_text(shape)}.",
        operands=(text(x),),
    )


@op(eager=_on_the_same_memory(lambda old: (math.prod(old),)))
def ravel(x: Any, /) -> Any:
    """All elements in row-major order, on one axis.

    >>> weft.ravel(weft.ones((2, 3))).shape
    (6,)
    """
    x = array(x)
    return _reshape(x, (count(x.shape),))


@op
def permute_dims(x: Any, /, axes: Any) -> Any:
    """`x` with its axes in another order: axis i of the result is axis `axes[i]` of `x`.

    Raises:
        ArgumentValueError: WF1015 if `axes` is no permutation; AxisError: WF1002, WF1003.

    >>> weft.permute_dims(weft.ones((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    return _permute(array(x), axes)


def _permute(x: Tracer, order: Any) -> Tracer:
    from weft._src.normalize import axes as all_axes

    order = all_axes(order, len(x.shape), "axes")
    if len(order) != len(x.shape):
        raise ArgumentValueError(
            "WF1015", f"{order} does not name each of the {len(x.shape)} axes once.", operands=(text(x),)
        )
    if order == tuple(range(len(order))):
        return x
    return emit("transpose", [x], permutation=list(order), weak=x.weak_type)


@op
def transpose(x: Any, /, axes: Any = None) -> Any:
    """`x` with its axes in the order given; by default in reverse order, as `x.T` for matrices.

    Args and errors: as `permute_dims`.

    >>> weft.transpose(weft.ones((2, 3))).shape
    (3, 2)
    """
    x = array(x)
    return _permute(x, tuple(reversed(range(len(x.shape)))) if axes is None else axes)


@op
def matrix_transpose(x: Any, /) -> Any:
    """`x` with its last two axes exchanged.

    Raises:
        ShapeError: WF1011 for less than two axes.

    >>> weft.matrix_transpose(weft.ones((2, 3, 4))).shape
    (2, 4, 3)
    """
    x = array(x)
    n = len(x.shape)
    if n < 2:
        raise ShapeError("WF1011", "matrix_transpose takes an array with at least 2 axes.", operands=(text(x),))
    return _permute(x, (*range(n - 2), n - 1, n - 2))


@op
def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    """`x` with some axes at other places; the others keep their order.

    Raises:
        ArgumentValueError: WF1015 if the two differ in number; AxisError: WF1002, WF1003.

    >>> weft.moveaxis(weft.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = array(x)
    n = len(x.shape)
    old, new = axes(source, n, "source"), axes(destination, n, "destination")
    if len(old) != len(new):
        raise ArgumentValueError("WF1015", f"{len(old)} axes do not move to {len(new)} places.", operands=(text(x),))
    order = [i for i in range(n) if i not in old]
    for place, i in sorted(zip(new, old, strict=True)):
        order.insert(place, i)
    return _permute(x, tuple(order))


@op
def swapaxes(x: Any, axis1: int, axis2: int, /) -> Any:
    """`x` with two axes exchanged.

    >>> weft.swapaxes(weft.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    x = array(x)
    order = list(range(len(x.shape)))
    i, j = one_axis(axis1, len(order)), one_axis(axis2, len(order))
    order[i], order[j] = order[j], order[i]
    return _permute(x, tuple(order))


@op
def broadcast_to(x: Any, /, shape: Any) -> Any:
    """`x` repeated along new leading axes and along axes of size 1.

    Raises:
        ShapeError: WF1014 where a size is neither equal nor 1.

    >>> weft.broadcast_to(weft.asarray([1, 2]), (2, 2))
    Array([[1, 2],
           [1, 2]], dtype=int64)
    """
    x = array(x)
    new = check_shape(shape)
    try:
        fits = same_shape(broadcast_shapes(x.shape, new), new)
    except ShapeError:
        fits = False
    if not fits:
        raise ShapeError("WF1014", f"{text(x)} does not broadcast to {shape_text(new)}.", operands=(text(x),))
    return broadcast(x, new)


@op(arrays=1000)
def broadcast_arrays(*arrays: Any) -> Any:
    """All arrays repeated to their common shape.

    Raises:
        ShapeError: WF1001.

    >>> [a.shape for a in weft.broadcast_arrays(weft.ones((2, 1)), weft.ones(3))]
    [(2, 3), (2, 3)]
    """
    made = [array(x) for x in arrays]
    shape = broadcast_shapes(*(x.shape for x in made), operands=made)
    return [broadcast(x, shape) for x in made]


@op(arrays=1000)
def meshgrid(*arrays: Any, indexing: str = "xy") -> Any:
    """Coordinate arrays of a grid, from the coordinates along each of its axes.

    Args:
        arrays: vectors. indexing: "xy" exchanges the first two axes, "ij" does not.

    Raises:
        ArgumentValueError: WF1902 for another indexing; ShapeError: WF1011 for what is no vector.

    >>> [a.shape for a in weft.meshgrid(weft.ones(2), weft.ones(3))]
    [(3, 2), (3, 2)]
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentValueError("WF1902", f'indexing is "xy" or "ij", not {indexing!r}.')
    made = [array(x) for x in arrays]
    for x in made:
        if len(x.shape) > 1:
            raise ShapeError("WF1011", "meshgrid takes vectors.", operands=(text(x),))
    sizes = [count(x.shape) for x in made]
    order = list(range(len(made)))
    if indexing == "xy" and len(made) > 1:
        order[:2] = [1, 0]
    shape = tuple(sizes[i] for i in order)
    return [
        emit("broadcast", [_reshape(x, (n,))], results=[(shape, x.dtype)], dims=[order.index(i)])
        for i, (x, n) in enumerate(zip(made, sizes, strict=True))
    ]


def _expanded(old: tuple, axis: Any = 0) -> tuple:
    new = axes(axis, len(old) + (len(axis) if isinstance(axis, (tuple, list)) else 1))
    rest = iter(old)
    return tuple(1 if i in new else next(rest) for i in range(len(old) + len(new)))


@op(eager=_on_the_same_memory(_expanded))
def expand_dims(x: Any, /, axis: Any = 0) -> Any:
    """`x` with new axes of size 1 at the places given, counted in the result.

    Raises:
        AxisError: WF1002, WF1003.

    >>> weft.expand_dims(weft.ones((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)
    """
    x = array(x)
    n = len(x.shape) + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    new = axes(axis, n)
    old = iter(x.shape)
    return _reshape(x, tuple(1 if i in new else next(old) for i in range(n)))


def _squeezed(old: tuple, axis: Any = None) -> tuple | None:
    gone = [i for i, n in enumerate(old) if n == 1] if axis is None else axes(axis, len(old))
    return None if any(old[i] != 1 for i in gone) else tuple(n for i, n in enumerate(old) if i not in gone)


@op(eager=_on_the_same_memory(_squeezed))
def squeeze(x: Any, /, axis: Any = None) -> Any:
    """`x` without axes of size 1: those given, or all of them.

    Raises:
        ShapeError: WF1013 if a given axis has another size; AxisError: WF1002, WF1003.

    >>> weft.squeeze(weft.ones((1, 2, 1)), axis=0).shape
    (2, 1)
    """
    x = array(x)
    if axis is None:
        gone: tuple = tuple(i for i, n in enumerate(x.shape) if is_one(n))
    else:
        gone = axes(axis, len(x.shape))
        for i in gone:
            if not is_one(x.shape[i]):
                raise ShapeError("WF1013", f"squeeze: axis {i} has the size {x.shape[i]}, not 1.", operands=(text(x),))
    return _reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in gone))


@op
def flip(x: Any, /, *, axis: Any = None) -> Any:
    """`x` with the order of elements reversed along axes; by default along all.

    Raises:
        AxisError: WF1002, WF1003.

    >>> weft.flip(weft.arange(3))
    Array([2, 1, 0], dtype=int64)
    """
    x = array(x)
    turned = sorted(axes(axis, len(x.shape)))
    return emit("reverse", [x], dims=turned, weak=x.weak_type) if turned else x


def cut(x: Tracer, along: int, start: int, size: Any) -> Tracer:
    """`size` elements from `start` along an axis."""
    shape = (*x.shape[:along], size, *x.shape[along + 1 :])
    starts = [start if i == along else 0 for i in range(len(shape))]
    return emit("slice", [x], results=[(shape, x.dtype)], starts=starts, strides=[1] * len(shape), weak=x.weak_type)


@op
def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Any:
    """`x` with its elements moved along axes; those that leave at one end come in at the other.

    Args:
        x: an array. shift: by how many places, one integer or one for each axis. axis: by default all elements in
        order.

    Raises:
        AxisError: WF1002; ArgumentValueError: WF1015 if there are not as many shifts as axes.

    >>> weft.roll(weft.arange(5), 2)
    Array([3, 4, 0, 1, 2], dtype=int64)
    """
    x = array(x)
    if axis is None:
        return _reshape(roll(_reshape(x, (count(x.shape),)), shift, axis=0), x.shape)
    many = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(many)
    if len(shifts) != len(many):
        raise ArgumentValueError("WF1015", f"{len(shifts)} shifts for {len(many)} axes.", operands=(text(x),))
    for i, by in zip(many, shifts, strict=True):
        i = one_axis(i, len(x.shape))
        n = x.shape[i]
        if is_one(n) or by == 0 or (not isinstance(n, dims.Dim) and n == 0):
            continue
        k = operator.index(by)
        if not isinstance(n, dims.Dim):
            k %= n
        elif not n >= abs(k):
            raise UnsupportedError(
                "WF1507", f"a shift by {k} of an axis of {n} elements, which are fewer.", operands=(text(x),)
            )
        if k == 0:
            continue
        if k > 0:
            if isinstance(n, dims.Dim):  # the last ones of a named size begin at no number
                turned = emit("reverse", [cut(emit("reverse", [x], dims=[i]), i, 0, k)], dims=[i])
            else:
                turned = cut(x, i, n - k, k)
            x = _join([turned, cut(x, i, 0, n - k)], i)
        else:
            x = _join([cut(x, i, -k, n + k), cut(x, i, 0, -k)], i)
    return x


def _join(xs: Sequence[Tracer], along: int) -> Tracer:
    return xs[0] if len(xs) == 1 else emit("concat", list(xs), dim=along)


@op(sequence=True)
def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    """Arrays joined along an axis; their dtypes are promoted.

    Args:
        arrays: a sequence of arrays. axis: None joins all elements in order.

    Raises:
        ShapeError: WF1007 where the other axes differ; AxisError: WF1002; WrongArgumentError: WF1032 for no arrays.

    >>> weft.concat([weft.asarray([1, 2]), weft.asarray([3])])
    Array([1, 2, 3], dtype=int64)
    """
    made = _several("concat", arrays)
    if axis is None:
        made = [_reshape(x, (count(x.shape),)) for x in made]
        axis = 0
    along = one_axis(axis, len(made[0].shape))
    first = made[0].shape
    for x in made[1:]:
        same = len(x.shape) == len(first) and all(
            i == along or dims.same(m, n) for i, (m, n) in enumerate(zip(first, x.shape, strict=True))
        )
        if not same:
            raise ShapeError(
                "WF1007",
                f"concat along axis {along}: the other sizes of {shape_text(first)} and {shape_text(x.shape)} differ.",
                operands=[text(y) for y in made],
            )
    return _join(made, along)


@op(sequence=True)
def stack(arrays: Any, /, *, axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis; their dtypes are promoted.

    Raises:
        ShapeError: WF1007 where the shapes differ; AxisError: WF1002; WrongArgumentError: WF1032 for no arrays.

    >>> weft.stack([weft.asarray([1, 2]), weft.asarray([3, 4])], axis=1)
    Array([[1, 3],
           [2, 4]], dtype=int64)
    """
    made = _several("stack", arrays)
    for x in made[1:]:
        if not same_shape(x.shape, made[0].shape):
            raise ShapeError(
                "WF1007",
                f"stack: the shapes {shape_text(made[0].shape)} and {shape_text(x.shape)} differ.",
                operands=[text(y) for y in made],
            )
    along = one_axis(axis, len(made[0].shape) + 1)
    return _join([_reshape(x, (*x.shape[:along], 1, *x.shape[along:])) for x in made], along)


def _several(name: str, arrays: Any) -> list[Tracer]:
    xs = [as_array(x) for x in arrays]
    if not xs:
        raise WrongArgumentError("WF1032", f"{name} needs at least one array.")
    d = common_type(xs).dtype
    return [convert(x, d) for x in xs]


@op
def unstack(x: Any, /, *, axis: int = 0) -> Any:
    """The parts of `x` along an axis of static size, as a tuple of arrays without that axis.

    Raises:
        AxisError: WF1002; ConcretizationError: WF1406 for a symbolic size.

    >>> [a.shape for a in weft.unstack(weft.ones((2, 3)))]
    [(3,), (3,)]
    """
    x = array(x)
    i = one_axis(axis, len(x.shape))
    rest = (*x.shape[:i], *x.shape[i + 1 :])
    return tuple(_reshape(cut(x, i, k, 1), rest) for k in range(operator.index(x.shape[i])))


@op(arrays=1)
def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """The differences of neighbours along an axis.

    Args:
        x: an array of numbers. n: how often differences are taken. prepend, append: arrays to join before and after.

    Raises:
        AxisError: WF1002; ArgumentValueError: WF1902 for a negative n; ShapeError: WF1007; DTypeError: WF1022 for truth
        values.

    >>> weft.diff(weft.asarray([1, 4, 9, 16]), n=2)
    Array([2, 2], dtype=int64)
    """
    x = array(x)
    i = one_axis(axis, len(x.shape))
    if operator.index(n) < 0:
        raise ArgumentValueError("WF1902", f"n is 0 or more, not {n}.")
    parts = [p for p in (prepend, x, append) if p is not None]
    if n and len(parts) > 1:
        x = concat(parts, axis=i)
    for _ in range(n):
        size = x.shape[i]
        if is_one(size) or (not isinstance(size, dims.Dim) and size == 0):
            return cut(x, i, 0, 0)
        x = subtract(cut(x, i, 1, size - 1), cut(x, i, 0, size - 1))
    return x


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None, size: int | None = None) -> Any:
    """`x` with each element along an axis (by default: all elements in order) repeated.

    Args:
        repeats: one integer, or an array of one for each element along the axis; negative ones count as 0. One that is
            known only when the program runs gives a size that depends on data.
        size: of the axis in the result, where `repeats` is an array or traced and that is to be known beforehand: what
            is too much is cut off, and what is missing is the last element.

    Raises:
        AxisError: WF1002; ShapeError: WF1008 for a negative number, WF1012 for an array of another size;
        DTypeError: WF1022 for an array of floats.

    >>> weft.repeat(weft.asarray([1, 2]), 2)
    Array([1, 1, 2, 2], dtype=int64)
    >>> weft.repeat(weft.asarray([1, 2]), weft.asarray([3, 1]))
    Array([1, 1, 1, 2], dtype=int64)
    """
    if not getattr(repeats, "shape", None) and not isinstance(repeats, (list, tuple)):
        if type(repeats) is not Tracer or trace.known_value(repeats) is not None:
            return _repeat(x, operator.index(repeats) if hasattr(repeats, "dtype") else repeats, axis)
        repeats = reshape(repeats, (1,))
    return _repeat_each(x, repeats, None if size is None else operator.index(size), axis)


@op(arrays=2)
def _repeat_each(x: Any, repeats: Any, size: int | None, axis: int | None) -> Any:
    from weft.ops.creation import iota
    from weft.ops.indexing import take
    from weft.ops.reduction import cumulative_sum, sum
    from weft.ops.sorting import searchsorted

    x, repeats = array(x), array(repeats)
    if repeats.dtype.kind not in ("int", "uint"):
        raise unsupported("repeat", repeats, "integers")
    if axis is None:
        x, axis = _reshape(x, (count(x.shape),)), 0
    i = one_axis(axis, len(x.shape))
    n = x.shape[i]
    if repeats.ndim != 1 or not (is_one(repeats.shape[0]) or dims.same(repeats.shape[0], n)):
        raise ShapeError("WF1012", "repeat takes one number for each element.", operands=(text(x), text(repeats)))
    if not isinstance(n, dims.Dim) and n == 0:
        return x
    counts = convert(repeats, dtypes.int64)
    counts = emit("max", [counts, broadcast(convert(0, dtypes.int64), counts.shape)])
    counts = broadcast(counts, (n,))
    made = data_sizes.as_size(sum(counts), "repeat") if size is None else size
    # Element k of the result is the first whose last copy lies behind k.
    place = searchsorted(cumulative_sum(counts, axis=0), iota((made,), 0, dtypes.int64), side="right")
    return take(x, place, axis=i)


@op
def _repeat(x: Any, repeats: int, axis: int | None) -> Any:
    x = array(x)
    (n,) = check_shape(repeats)
    if axis is None:
        x, axis = _reshape(x, (count(x.shape),)), 0
    i = one_axis(axis, len(x.shape)) + 1
    wide = (*x.shape[:i], n, *x.shape[i:])
    kept = [k for k in range(len(wide)) if k != i]
    x = emit("broadcast", [x], results=[(wide, x.dtype)], dims=kept)
    return _reshape(x, (*wide[: i - 1], wide[i - 1] * n, *wide[i + 1 :]))


@op
def split(x: Any, sections: Any, /, *, axis: int = 0) -> list:
    """The parts of `x` along an axis.

    Args:
        x: an array. sections: how many parts of one size, or the positions where parts after the first begin.

    Raises:
        AxisError: WF1002; ArgumentValueError: WF1902 where the parts have no one size; SizeError: WF1401 for positions
        along an axis of a symbolic size.

    >>> a, b = weft.split(weft.arange(5), [2])
    >>> a, b
    (Array([0, 1], dtype=int64), Array([2, 3, 4], dtype=int64))
    """
    x = array(x)
    i = one_axis(axis, len(x.shape))
    n = x.shape[i]
    if isinstance(sections, (list, tuple)):
        ends = [*(min(max(operator.index(k) + (n if k < 0 else 0), 0), n) for k in sections), n]
        starts = [0, *ends[:-1]]
        return [cut(x, i, a, max(b - a, 0)) for a, b in zip(starts, ends, strict=True)]
    parts = operator.index(sections)
    if parts < 1 or not dims.same(n // parts * parts, n):
        raise ArgumentValueError("WF1902", f"split: {n} elements make no {parts} parts of one size.")
    return [cut(x, i, k * (n // parts), n // parts) for k in range(parts)]


@op
def tile(x: Any, repetitions: Any, /) -> Any:
    """`x` as a whole repeated along each axis.

    Args:
        repetitions: how often, one integer for each axis (fewer: the last axes; more: new leading axes).

    >>> weft.tile(weft.asarray([1, 2]), (2, 2))
    Array([[1, 2, 1, 2],
           [1, 2, 1, 2]], dtype=int64)
    """
    x = array(x)
    times = check_shape(repetitions)
    rank = max(len(times), len(x.shape))
    times = (1,) * (rank - len(times)) + times
    old = (1,) * (rank - len(x.shape)) + tuple(x.shape)
    wide = tuple(n for pair in zip(times, old, strict=True) for n in pair)
    x = emit("broadcast", [_reshape(x, old)], results=[(wide, x.dtype)], dims=[2 * i + 1 for i in range(rank)])
    return _reshape(x, tuple(t * n for t, n in zip(times, old, strict=True)))


@op
def pad(x: Any, pad_width: Any, /, *, constant_values: Any = 0) -> Any:
    """`x` with a value put before and after its elements along each axis.

    Args:
        pad_width: one integer, one (before, after) for all axes, or one such pair for each axis.
        constant_values: the value, a number or an array without axes.

    Raises:
        ArgumentValueError: WF1016 for a malformed or negative pad_width; ScalarRangeError: WF1026.

    >>> weft.pad(weft.asarray([1, 2]), (1, 2))
    Array([0, 1, 2, 0, 0], dtype=int64)
    """
    x = array(x)
    rank = len(x.shape)
    pairs = _pairs(pad_width, rank)
    if pairs is None:
        raise ArgumentValueError(
            "WF1016", f"pad_width {pad_width} is not one (before, after) for each of {rank} axes.", operands=(text(x),)
        )
    value = convert(constant_values, x.dtype) if x.dtype.kind != "bool" else convert(bool(constant_values), x.dtype)
    if all(p == (0, 0) for p in pairs):
        return x
    low, high = [p[0] for p in pairs], [p[1] for p in pairs]
    return emit("pad", [x, value], low=low, high=high, interior=[0] * rank)


def _pairs(width: Any, rank: int) -> list[tuple[int, int]] | None:
    """NumPy's forms of pad_width as one pair for each axis; None for anything else."""
    try:
        if not isinstance(width, (tuple, list)):
            found = [(operator.index(width),) * 2] * rank
        elif all(not isinstance(w, (tuple, list)) for w in width):
            pair = tuple(operator.index(w) for w in width)
            found = [pair * 2 if len(pair) == 1 else pair] * rank
        else:
            found = [tuple(operator.index(n) for n in w) for w in width]
            found = [p * 2 if len(p) == 1 else p for p in found]
            found = found * rank if len(found) == 1 else found
    except TypeError:
        return None
    good = len(found) == rank and all(len(p) == 2 and min(p) >= 0 for p in found)
    return found if good else None  # type: ignore[return-value]
