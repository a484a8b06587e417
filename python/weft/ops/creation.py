"""Arrays from nothing: constants, ranges, the identity.

Decides default dtypes (float32, int64 for integer ranges) and how ranges are computed: in float64 from the index,
rounded once, so element i does not depend on those before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._src import _weft, dims, dtypes, trace
from weft._src.dispatch import op
from weft._src.dtypes import DType
from weft._src.errors import WrongArgumentError, api_boundary
from weft._src.normalize import (
    array,
    as_array,
    broadcast,
    check_device,
    check_shape,
    common_type,
    convert,
    is_number,
    number,
    size_value,
    value_error,
)
from weft._src.trace import Tracer, emit

__all__ = [
    "arange", "empty", "empty_like", "eye", "full", "full_like", "linspace", "ones", "ones_like", "tril", "triu",
    "zeros",
    "zeros_like",
]  # fmt: skip


def _dtype(dtype: Any, default: DType) -> DType:
    return default if dtype is None else dtypes.check_supported(dtypes.dtype(dtype))


def iota(shape: tuple, dim: int, d: DType) -> Tracer:
    """Each element's index along a dimension."""
    return emit("iota", [], results=[(shape, d)], dim=dim)


def _filled(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """The eager form of `full`: memory filled by the runtime."""
    if not is_number(fill_value) or isinstance(fill_value, complex):
        return NotImplemented
    d = _dtype(dtype, dtypes.weak_type_of(fill_value).dtype)
    sizes = check_shape(shape)
    if d is dtypes.bfloat16 or any(isinstance(n, dims.Dim) for n in sizes):
        return NotImplemented
    check_device(device)
    return _weft.filled(d.code, sizes, number(fill_value, d).tobytes())


def _filled_with(value: int) -> Callable[..., Any]:
    def eager(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
        return _filled(shape, value, dtype=_dtype(dtype, dtypes.default_float()), device=device)

    return eager


def _filled_like(value: int | None) -> Callable[..., Any]:
    def eager(x: Any, *fill: Any, dtype: Any = None, device: Any = None, **named: Any) -> Any:
        if type(x) is not _weft.Array or len(fill) > 1 or named:
            return NotImplemented
        number = value if value is not None else fill[0] if fill else None
        return _filled(x.shape, number, dtype=_dtype(dtype, x.dtype), device=device)

    return eager


@op(arrays=0, eager=_filled)
def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of one value.

    Args:
        shape: sizes (ints and Dims), or one size. fill_value: a number or an array without axes.
        dtype: by default that of the value: bool, the default integer or the default float for Python numbers.

    Raises:
        ShapeError: WF1008; ScalarRangeError: WF1026; UnsupportedDtypeError: WF1023, WF1024.

    >>> weft.full((2, 2), 7)
    Array([[7, 7],
           [7, 7]], dtype=int64)
    """
    check_device(device)
    if is_number(fill_value):
        value = convert(fill_value, _dtype(dtype, dtypes.weak_type_of(fill_value).dtype))
    else:
        value = array(fill_value)
        value = convert(value, _dtype(dtype, value.dtype))
    return broadcast(value, check_shape(shape))


@op(arrays=0, eager=_filled_with(0))
def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of zeros, by default of the default float.

    Args and errors: as `full`.

    >>> weft.zeros(3)
    Array([0., 0., 0.], dtype=float32)
    """
    return full(shape, 0, dtype=_dtype(dtype, dtypes.default_float()), device=device)


@op(arrays=0, eager=_filled_with(1))
def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of ones, by default of the default float.

    Args and errors: as `full`.

    >>> weft.ones((1, 2), dtype=weft.int8)
    Array([[1, 1]], dtype=int8)
    """
    return full(shape, 1, dtype=_dtype(dtype, dtypes.default_float()), device=device)


@op(arrays=0, eager=_filled_with(0))
def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array whose values do not matter: zeros, since values here never depend on what memory held before.

    Args and errors: as `full`.

    >>> weft.empty((2, 3)).shape
    (2, 3)
    """
    return zeros(shape, dtype=dtype, device=device)


@op(eager=_filled_like(None))
def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of one value with the shape of `x`, and its dtype if none is given.

    >>> weft.full_like(weft.asarray([1.5, 2.5]), 4)
    Array([4., 4.], dtype=float32)
    """
    x = array(x)
    return full(x.shape, fill_value, dtype=_dtype(dtype, x.dtype), device=device)


@op(eager=_filled_like(0))
def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of zeros with the shape of `x`, and its dtype if none is given.

    >>> weft.zeros_like(weft.asarray([1, 2]))
    Array([0, 0], dtype=int64)
    """
    return full_like(x, 0, dtype=dtype, device=device)


@op(eager=_filled_like(1))
def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of ones with the shape of `x`, and its dtype if none is given.

    >>> weft.ones_like(weft.asarray([1, 2]))
    Array([1, 1], dtype=int64)
    """
    return full_like(x, 1, dtype=dtype, device=device)


@op(eager=_filled_like(0))
def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """As `zeros_like`; see `empty`.

    >>> weft.empty_like(weft.asarray([1, 2])).shape
    (2,)
    """
    return full_like(x, 0, dtype=dtype, device=device)


def _places(shape: tuple) -> Any:
    """What tells an op its sizes: outside of a trace an array of that shape, so that one program serves every size."""
    if trace.current() is None:
        return _weft.filled(dtypes.bool_.code, shape, b"\0")
    return broadcast(convert(False, dtypes.bool_), shape)


@api_boundary
def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Any:
    """The numbers start, start + step, ... below `stop` (above it, if step is negative).

    Args:
        start, stop: numbers; with one of them only, it is the stop and the start is 0. `stop` may be a Dim if step
        is 1. step: not 0.
        dtype: by default the default integer if all three are integers, else the default float.

    Raises:
        ArgumentValueError: WF1902 for a step of 0; ScalarRangeError: WF1026; WrongArgumentError: WF1032.

    >>> weft.arange(5), weft.arange(1.0, 2.0, 0.5)
    (Array([0, 1, 2, 3, 4], dtype=int64), Array([1. , 1.5], dtype=float32))
    """
    check_device(device)
    if stop is None:
        start, stop = 0, start
    symbolic = isinstance(stop, dims.Dim)
    numbers = [start, step] if symbolic else [start, stop, step]
    if not all(is_number(n) and not isinstance(n, complex) for n in numbers):
        raise WrongArgumentError("WF1032", "arange takes Python numbers.")
    whole = all(isinstance(n, int) for n in numbers)
    d = _dtype(dtype, dtypes.default_int() if whole else dtypes.default_float())
    if symbolic:
        if not (whole and step == 1):
            raise value_error("arange up to a symbolic size steps by 1 from an integer.")
        n: Any = stop - start
    else:
        if step == 0:
            raise value_error("arange: the step is not 0.")
        n = max(0, -((start - stop) // step) if whole else math.ceil((stop - start) / step))
    if whole:
        for end in (start, start if symbolic or n == 0 else start + (n - 1) * step):
            dtypes.check_scalar(end, d)
        start, step = int(start), int(step)
        if not all(-(1 << 63) <= x < 1 << 63 for x in (start, step)):  # unsigned: the same bits
            start, step = ((x + (1 << 63)) % (1 << 64) - (1 << 63) for x in (start, step))
    else:
        start, step = float(start), float(step)
    return _steps(_places((n,)), start, step, d)


@op(arrays=3)
def _steps(places: Tracer, start: Any, step: Any, d: DType) -> Tracer:
    """start + i * step for each place i."""
    wide = dtypes.int64 if common_type([as_array(start)]).dtype.kind == "int" else dtypes.float64
    i = convert(iota(places.shape, 0, dtypes.int64), wide)
    if not (is_number(step) and step == 1):
        i = emit("mul", [i, broadcast(convert(step, wide), i.shape)])
    if not (is_number(start) and start == 0):
        i = emit("add", [i, broadcast(convert(start, wide), i.shape)])
    return convert(i, d)


@api_boundary
def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Any:
    """`num` numbers at equal distances from `start` to `stop`.

    Args:
        start, stop: Python numbers. num: how many. endpoint: whether the last one is `stop`.
        dtype: by default the default float.

    Raises:
        ShapeError: WF1008; WrongArgumentError: WF1032.

    >>> weft.linspace(0, 1, 5)
    Array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    check_device(device)
    if not (is_number(start) and is_number(stop)) or isinstance(start, complex) or isinstance(stop, complex):
        raise WrongArgumentError("WF1032", "linspace takes Python numbers.")
    (n,) = check_shape(num)
    gaps = n - 1 if endpoint else n
    step = (stop - start) / gaps if gaps > 0 else 0.0
    d = _dtype(dtype, dtypes.default_float())
    return _between(_places((n,)), float(start), float(step), float(stop), bool(endpoint and n > 1), d)


@op(arrays=4)
def _between(places: Tracer, start: Any, step: Any, stop: Any, exact: bool, d: DType) -> Tracer:
    """start + i * step for each place i; `exact`: the last one is `stop`, whatever the products rounded to."""
    wide = dtypes.float64
    shape = places.shape
    i = iota(shape, 0, dtypes.int64)
    x = emit("mul", [convert(i, wide), broadcast(convert(step, wide), shape)])
    x = emit("add", [x, broadcast(convert(start, wide), shape)])
    if exact:
        last = emit("eq", [i, broadcast(size_value(shape[0] - 1, dtypes.int64), shape)])
        x = emit("select", [last, broadcast(convert(stop, wide), shape), x])
    return convert(x, d)


@api_boundary
def eye(n_rows: Any, n_cols: Any = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Any:
    """Ones on a diagonal, zeros elsewhere.

    Args:
        n_rows, n_cols: sizes; n_cols is n_rows by default. k: which diagonal; positive ones lie above the main one.
        dtype: by default the default float.

    >>> weft.eye(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    check_device(device)
    shape = check_shape((n_rows, n_rows if n_cols is None else n_cols))
    if not any(isinstance(n, dims.Dim) for n in shape):
        k = min(max(int(k), -shape[0]), shape[1])  # beyond, there is no diagonal either
    return _eye(_places(shape), int(k), _dtype(dtype, dtypes.default_float()))


@op
def _eye(places: Tracer, k: int, d: DType) -> Tracer:
    return convert(_diagonal("eq", places.shape, k), d)


def _diagonal(compare: str, shape: tuple, k: int) -> Tracer:
    """column - row compared with k, for each place of the last two axes."""
    rank = len(shape)
    rows, columns = (iota(shape[-2:], i, dtypes.int64) for i in (0, 1))
    if k:
        rows = emit("add", [rows, broadcast(convert(int(k), dtypes.int64), rows.shape)])
    return broadcast(emit(compare, [columns, rows]), shape) if rank > 2 else emit(compare, [columns, rows])


def _triangle(x: Any, k: int, compare: str, name: str) -> Tracer:
    from weft._src.errors import ShapeError
    from weft._src.normalize import text

    x = array(x)
    if len(x.shape) < 2:
        raise ShapeError("WF1011", f"{name} takes an array with at least 2 axes.", operands=(text(x),))
    zero = broadcast(convert(False if x.dtype.kind == "bool" else 0, x.dtype), x.shape)
    return emit("select", [_diagonal(compare, x.shape, k), x, zero])


@op
def tril(x: Any, /, *, k: int = 0) -> Any:
    """`x` with zeros above a diagonal of its last two axes.

    >>> weft.tril(weft.ones((2, 2)))
    Array([[1., 0.],
           [1., 1.]], dtype=float32)
    """
    return _triangle(x, k, "le", "tril")


@op
def triu(x: Any, /, *, k: int = 0) -> Any:
    """`x` with zeros below a diagonal of its last two axes.

    >>> weft.triu(weft.ones((2, 2)))
    Array([[1., 1.],
           [0., 1.]], dtype=float32)
    """
    return _triangle(x, k, "ge", "triu")
