"""Reductions: the array API's, and composites over the dialect's `reduce`.

Decides the dtype of a sum (integers and truth values are summed in the default integer or wider, as the array API
says), what the mean of integers is (the default float), and that float16 and bfloat16 means are taken in float32 and
rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._src import dims, dtypes
from weft._src.dispatch import op, reduction
from weft._src.dtypes import DType
from weft._src.errors import ShapeError
from weft._src.normalize import array, axes, convert, count, reshape, same_shape, size_value, text, unsupported, weakly
from weft._src.normalize import axis as one_axis
from weft._src.trace import Tracer, emit
from weft.ops.elementwise import equal, isclose, truth

__all__ = [
    "all", "allclose", "any", "array_equal", "count_nonzero", "cummax", "cummin", "cumulative_prod", "cumulative_sum",
    "max", "mean", "min", "prod", "std", "sum", "var",
]  # fmt: skip


def _fold(kind: str, x: Tracer, axis: Any, keepdims: bool) -> Tracer:
    """The dialect's reduce over axes as the user gives them."""
    folded = sorted(axes(axis, len(x.shape)))
    r = emit("reduce", [x], kind=kind, dims=folded) if folded else x
    if keepdims:
        r = reshape(r, tuple(1 if i in folded else n for i, n in enumerate(x.shape)))
    return r


def _sum_dtype(d: DType, dtype: Any) -> DType:
    """The array API's rule: narrow integers grow to the default integer's width, floats stay."""
    if dtype is not None:
        return dtypes.check_supported(dtypes.dtype(dtype))
    default = dtypes.default_int()
    if d.kind == "bool" or (d.kind == "int" and d.itemsize < default.itemsize):
        return default
    if d.kind == "uint" and d.itemsize < default.itemsize:
        return dtypes.uint64 if default.itemsize == 8 else dtypes.uint32
    return d


@op(collapse=reduction)
def sum(x: Any, /, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes; of nothing it is 0. The order of adding is fixed by the extents alone.

    Args:
        x: an array. axis: an axis, a tuple of them, or None for all. keepdims: reduced axes stay, with size 1.
        dtype: that of the result; by default that of `x`, for integers and truth values at least the default integer.

    Raises:
        AxisError: WF1002, WF1003.

    >>> weft.sum(weft.asarray([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Array([4., 6.], dtype=float32)
    """
    x = array(x)
    return _fold("add", convert(x, _sum_dtype(x.dtype, dtype)), axis, keepdims)


@op(collapse=reduction)
def prod(x: Any, /, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """The product over axes; of nothing it is 1.

    Args: as `sum`.

    >>> weft.prod(weft.asarray([2, 3, 4]))
    Array(24, dtype=int64)
    """
    x = array(x)
    return _fold("mul", convert(x, _sum_dtype(x.dtype, dtype)), axis, keepdims)


def _extreme(kind: str, of_bools: str, x: Any, axis: Any, keepdims: bool) -> Tracer:
    x = array(x)
    for i in axes(axis, len(x.shape)):
        if not isinstance(x.shape[i], dims.Dim) and x.shape[i] == 0:
            raise ShapeError("WF1018", f"{kind}: axis {i} has no elements.", operands=(text(x),))
    return weakly(_fold(of_bools if x.dtype.kind == "bool" else kind, x, axis, keepdims), x.weak_type)


@op(collapse=reduction)
def max(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The greatest element over axes; NaN if one is NaN.

    Args: as `sum`.

    Raises:
        AxisError: WF1002, WF1003; ShapeError: WF1018 over an axis of size 0.

    >>> weft.max(weft.asarray([[1, 5], [3, 4]]), axis=1)
    Array([5, 4], dtype=int64)
    """
    return _extreme("max", "or", x, axis, keepdims)


@op(collapse=reduction)
def min(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The smallest element over axes; NaN if one is NaN.

    Args and errors: as `max`.

    >>> weft.min(weft.asarray([[1, 5], [3, 4]]), axis=1)
    Array([1, 3], dtype=int64)
    """
    return _extreme("min", "and", x, axis, keepdims)


@op(collapse=reduction)
def any(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Whether any element over axes is true (numbers: not 0); of nothing, False.

    Args: as `sum`.

    >>> weft.any(weft.asarray([False, True]))
    Array(True, dtype=bool)
    """
    return _fold("or", truth(x), axis, keepdims)


@op(collapse=reduction)
def all(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Whether all elements over axes are true (numbers: not 0); of nothing, True.

    Args: as `sum`.

    >>> weft.all(weft.asarray([False, True]))
    Array(False, dtype=bool)
    """
    return _fold("and", truth(x), axis, keepdims)


@op(arrays=2)
def allclose(x1: Any, x2: Any, /, *, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether all elements are close, as `isclose` says.

    Args and errors: as `isclose`.

    >>> weft.allclose(weft.asarray([1.0, 2.0]), weft.asarray([1.000001, 2.0]))
    Array(True, dtype=bool)
    """
    return _fold("and", isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan), None, False)


@op(arrays=2)
def array_equal(x1: Any, x2: Any, /, *, equal_nan: bool = False) -> Any:
    """Whether two arrays have the same shape and equal elements.

    Args:
        x1, x2: arrays. equal_nan: whether NaN equals NaN.

    Raises:
        DTypeError: WF1021.

    >>> weft.array_equal(weft.asarray([1, 2]), weft.asarray([1.0, 2.0]))
    Array(True, dtype=bool)
    """
    x1, x2 = array(x1), array(x2)
    if not same_shape(x1.shape, x2.shape):
        return array(False)
    same = equal(x1, x2)
    if equal_nan and x1.dtype.kind == x2.dtype.kind == "float":
        same = emit("or", [same, emit("and", [emit("is_nan", [x1]), emit("is_nan", [x2])])])
    return _fold("and", same, None, False)


def in_wide(f: Callable[[Tracer], Tracer], x: Any, name: str, dtype: Any = None) -> Tracer:
    """`f` of `x` as floats: integers in the default float, 16-bit floats in float32 with one rounding at the end."""
    x = array(x)
    d = dtypes.dtype(dtype) if dtype is not None else x.dtype
    if d.kind in ("int", "uint", "bool"):
        d = dtypes.default_float()
    if d.kind != "float":
        raise unsupported(name, x, "floating-point numbers")
    return convert(f(convert(x, dtypes.float32 if d.itemsize == 2 else d)), d)


def _mean(x: Tracer, axis: Any, keepdims: bool, correction: float = 0.0) -> Tracer:
    from weft._src.normalize import broadcast

    total = _fold("add", x, axis, keepdims)
    n = size_value(count(tuple(x.shape[i] for i in axes(axis, len(x.shape)))), x.dtype)
    if correction:
        n = emit("sub", [n, convert(float(correction), x.dtype)])
        n = emit("max", [n, convert(0.0, x.dtype)])
    return emit("div", [total, broadcast(n, total.shape)])


@op(collapse=reduction)
def mean(x: Any, /, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """The arithmetic mean over axes; of nothing, NaN. Integers have a mean in the default float.

    Args: as `sum`; dtype is a floating one.

    >>> weft.mean(weft.asarray([1, 2, 6]))
    Array(3., dtype=float32)
    """
    return in_wide(lambda x: _mean(x, axis, keepdims), x, "mean", dtype)


def _variance(x: Tracer, axis: Any, correction: float, keepdims: bool) -> Tracer:
    """The mean of the squared distances from the mean, in two passes (no cancellation)."""
    from weft._src.normalize import broadcast

    middle = broadcast(_mean(x, axis, True), x.shape)
    apart = emit("sub", [x, middle])
    return _mean(emit("mul", [apart, apart]), axis, keepdims, correction)


@op(collapse=reduction)
def var(x: Any, /, axis: Any = None, *, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The variance over axes: the sum of squared distances from the mean, divided by n - correction.

    Args: as `sum`; correction: 1 for the estimate from a sample.

    >>> weft.var(weft.asarray([1.0, 2.0, 3.0, 4.0]))
    Array(1.25, dtype=float32)
    """
    return in_wide(lambda x: _variance(x, axis, correction, keepdims), x, "var")


@op(collapse=reduction)
def std(x: Any, /, axis: Any = None, *, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The standard deviation over axes: the square root of `var`.

    Args: as `var`.

    >>> weft.std(weft.asarray([1.0, 1.0, 5.0, 5.0]))
    Array(2., dtype=float32)
    """
    return in_wide(lambda x: emit("sqrt", [_variance(x, axis, correction, keepdims)]), x, "std")


@op(collapse=reduction)
def count_nonzero(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    """How many elements over axes are not 0 (of truth values: true).

    Args: as `sum`.

    >>> weft.count_nonzero(weft.asarray([[0, 3], [4, 5]]), axis=0)
    Array([1, 2], dtype=int64)
    """
    return _fold("add", convert(truth(x), dtypes.int64), axis, keepdims)


def _running(kind: str, x: Any, axis: Any, reverse: bool, name: str, dtype: Any = None) -> Tracer:
    x = array(x)
    if axis is None:
        if len(x.shape) != 1:
            raise ShapeError("WF1011", f"{name}: an array with several axes needs an axis.", operands=(text(x),))
        axis = 0
    if kind in ("add", "mul"):
        x = convert(x, _sum_dtype(x.dtype, dtype))
    if x.dtype.kind == "bool":
        raise unsupported(name, x, "numbers")
    dim = one_axis(axis, len(x.shape))
    return emit("cumulative", [x], kind=kind, dim=dim, reverse=bool(reverse), weak=x.weak_type)


def _with_initial(made: Tracer, axis: Any, value: int) -> Tracer:
    """The running folds of nothing first, then those of the elements."""
    from weft._src.normalize import broadcast

    dim = one_axis(0 if axis is None else axis, len(made.shape))
    first = broadcast(convert(value, made.dtype), tuple(1 if i == dim else n for i, n in enumerate(made.shape)))
    return emit("concat", [first, made], dim=dim, weak=made.weak_type)


@op
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False, reverse: bool = False
) -> Any:
    """The running sums along an axis. The order of adding is fixed by the extent alone.

    Args:
        x: an array. axis: needed where `x` has several. dtype: as for `sum`. include_initial: 0 comes first, so that
            there is one more. reverse: the sums run from the end.

    Raises:
        ShapeError: WF1011 for several axes without `axis`; AxisError: WF1002.

    >>> weft.cumulative_sum(weft.asarray([1, 2, 3]), include_initial=True)
    Array([0, 1, 3, 6], dtype=int64)
    """
    made = _running("add", x, axis, reverse, "cumulative_sum", dtype)
    return _with_initial(made, axis, 0) if include_initial else made


@op
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False, reverse: bool = False
) -> Any:
    """The running products along an axis.

    Args and errors: as `cumulative_sum`; 1 comes first with include_initial.

    >>> weft.cumulative_prod(weft.asarray([2.0, 3.0, 4.0]))
    Array([ 2.,  6., 24.], dtype=float32)
    """
    made = _running("mul", x, axis, reverse, "cumulative_prod", dtype)
    return _with_initial(made, axis, 1) if include_initial else made


@op
def cummax(x: Any, /, *, axis: int | None = None, reverse: bool = False) -> Any:
    """The greatest element so far, along an axis; NaN from the first NaN on.

    Args and errors: as `cumulative_sum`; DTypeError: WF1022 for truth values.

    >>> weft.cummax(weft.asarray([1, 3, 2]))
    Array([1, 3, 3], dtype=int64)
    """
    return _running("max", x, axis, reverse, "cummax")


@op
def cummin(x: Any, /, *, axis: int | None = None, reverse: bool = False) -> Any:
    """The smallest element so far, along an axis; NaN from the first NaN on.

    Args and errors: as `cummax`.

    >>> weft.cummin(weft.asarray([3, 1, 2]), reverse=True)
    Array([1, 1, 2], dtype=int64)
    """
    return _running("min", x, axis, reverse, "cummin")
