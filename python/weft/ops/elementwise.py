"""Elementwise functions: those of the array API, and every elementwise op of the dialect under its name.

Decides which dtypes an op is computed in: operands meet in their common dtype and shape; ops on floats turn integers
into the default float. What is one op in the dialect is made from its line there (a new op appears here by itself,
under its own name or the array API's); the rest are composites over these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._src import dtypes
from weft._src._op_table import OPS
from weft._src.dispatch import elementwise, op
from weft._src.normalize import (
    alike,
    array,
    as_array,
    check_device,
    common_type,
    convert,
    floating,
    is_number,
    match,
    unsupported,
)
from weft._src.trace import Tracer, emit

# The array API's names where the dialect's differ; None: not public under a name of its own.
_NAMES: dict[str, str | None] = {
    "neg": "negative", "not": "bitwise_invert", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "shift_left": "bitwise_left_shift", "shift_right": "bitwise_right_shift", "sub": "subtract", "mul": "multiply",
    "div": "divide", "rem": "fmod", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal", "max": "maximum", "min": "minimum", "is_nan": "isnan", "is_inf": "isinf",
    "is_finite": "isfinite", "select": None, "convert": None, "stop_gradient": None,
    "erf_inv_coarse": None, "gelu_tanh": None,
    "checkpoint_name": None, "strong_mul": None,
}  # fmt: skip
_TEST_OF_INTEGER = {"is_nan": False, "is_inf": False, "is_finite": True}
_KINDS = {
    "Float": "floating-point numbers", "Number": "numbers", "Int": "integers", "IntOrBool": "integers or truth values",
    "Plain": "numbers or truth values",
}  # fmt: skip
# What truth values do in ops on numbers, as in NumPy: + is or, * is and, and False < True.
_OF_BOOLS = {"add": "or", "mul": "and", "max": "or", "min": "and"}
_COMPARISONS = ("lt", "le", "gt", "ge")
# Rounding leaves integers as they are.
_ROUNDING = ("floor", "ceil", "trunc", "round")


def _operands(name: str, xs: list[Any]) -> tuple[list[Tracer], bool]:
    """Operands of a dialect op in the dtype it takes."""
    xs = [as_array(x) for x in xs]
    takes = OPS[name].operands[0][1]
    d, weak = common_type(xs)
    if takes == "Float":
        d = floating(xs)
    bad = {"Number": ("bool",), "Int": ("bool", "float"), "IntOrBool": ("float",)}.get(takes, ())
    if d.kind in bad:
        worst = next(x for x in xs if common_type([x]).dtype.kind == d.kind)
        raise unsupported(_NAMES.get(name) or name, worst, _KINDS[takes])
    # `match` would give operands back that are alike, so it need not be asked.
    return (xs if alike(xs) and d is xs[0].dtype else match(xs, d)[0]), weak


def _apply(name: str, *xs: Any) -> Tracer:
    """One dialect op on operands as they come."""
    row = OPS[name]
    if name in _OF_BOOLS or name in _COMPARISONS or name in _ROUNDING or name in _TEST_OF_INTEGER:
        xs = tuple(as_array(x) for x in xs)
        kind = common_type(xs).dtype.kind
        if kind == "bool" and name in _OF_BOOLS:
            name = _OF_BOOLS[name]
        elif kind == "bool" and name in _COMPARISONS:
            xs = tuple(convert(x, dtypes.uint8) for x in xs)
        elif kind != "float" and name in _ROUNDING:
            return array(xs[0])
        elif kind != "float" and name in _TEST_OF_INTEGER:
            x = array(xs[0])
            from weft.ops.creation import full

            return full(x.shape, _TEST_OF_INTEGER[name])
    operands, weak = _operands(name, list(xs))
    return emit(name, operands, weak=weak and row.results[0][1] != "Bool")


_NUMERIC_UNARY_DOC = """

Args:
    x: an array{of}. Integers become the default float where the op is one on floats.

Returns:
    An array of the shape of `x`{result}.

Raises:
    DTypeError: WF1022 for elements that the op does not take; WrongArgumentError: WF1031 for what is no array.

>>> weft.{name}(weft.asarray({sample})).shape
(2,)
"""
_BINARY_DOC = """

Args:
    x1, x2: arrays or numbers{of}; promoted to one dtype and broadcast to one shape.

Returns:
    An array of their common shape{result}.

Raises:
    ShapeError: WF1001 where the shapes do not broadcast; DTypeError: WF1021, WF1022 for elements that have no common
    dtype or that the op does not take; ScalarRangeError: WF1026 for a Python integer out of range.

>>> weft.{name}(weft.asarray({sample}), {sample}[0]).shape
(2,)
"""


def _made(name: str) -> Callable[..., Any]:
    """The public function of a dialect op."""
    row = OPS[name]
    public = _NAMES.get(name) or name
    takes = row.operands[0][1]
    if len(row.operands) == 1:

        def function(x: Any, /) -> Any:
            return _apply(name, x)
    elif len(row.operands) == 2:

        def function(x1: Any, x2: Any, /) -> Any:
            return _apply(name, x1, x2)
    else:

        def function(*xs: Any) -> Any:
            return _apply(name, *xs)

    doc = _NUMERIC_UNARY_DOC if len(row.operands) == 1 else _BINARY_DOC
    function.__name__ = function.__qualname__ = public
    function.__module__ = __name__
    function.__doc__ = (row.summary[0].upper() + row.summary[1:] + "." + doc).format(
        name=public,
        of=f" of {_KINDS[takes]}" if takes in _KINDS else "",
        result=" of truth values" if row.results[0][1] == "Bool" else " and of that dtype",
        sample="[1, 2]" if takes.startswith("Int") else "[0.5, 0.25]" if name != "acosh" else "[1.5, 2.0]",
    )
    return op(function, arrays=len(row.operands), collapse=elementwise)


__all__ = []
for _name, _row in OPS.items():
    if _row.family == "Elementwise" and _NAMES.get(_name, _name) is not None:
        _public = _NAMES.get(_name) or _name
        globals()[_public] = _made(_name)
        __all__.append(_public)


def _composite(arrays: int) -> Callable[..., Any]:
    """Decorator of a composite that is computed element by element."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        __all__.append(function.__name__)
        return op(function, arrays=arrays, collapse=elementwise)

    return decorate


def _divide(x1: Any, x2: Any) -> Tracer:
    d = floating([as_array(x1), as_array(x2)])
    weak = common_type([as_array(x1), as_array(x2)]).weak
    return emit("div", match([x1, x2], d)[0], weak=weak)


@_composite(2)
def divide(x1: Any, x2: Any, /) -> Any:
    """The true quotient `x1 / x2`; integers are divided in the default float.

    Args:
        x1, x2: arrays or numbers; promoted to one dtype and broadcast to one shape.

    Raises:
        ShapeError: WF1001; DTypeError: WF1021.

    >>> weft.divide(weft.asarray([1, 2]), 4)
    Array([0.25, 0.5 ], dtype=float32)
    """
    return _divide(x1, x2)


@_composite(2)
def floor_divide(x1: Any, x2: Any, /) -> Any:
    """The greatest integer not above `x1 / x2`, as Python's `//`; for integers, anything divided by 0 is 0.

    Floats follow CPython's float_divmod: the quotient is taken of what is left when the remainder is gone, so it is not
    off by one where `x1 / x2` rounds up to an integer.

    Args:
        x1, x2: arrays or numbers; promoted to one dtype and broadcast to one shape.

    Raises:
        ShapeError: WF1001; DTypeError: WF1021, WF1022 for truth values.

    >>> weft.floor_divide(weft.asarray([-7, 7]), 2)
    Array([-4,  3], dtype=int64)
    """
    (x, y), weak = _operands("div", [x1, x2])
    if x.dtype.kind == "uint":
        return emit("div", [x, y], weak=weak)
    if x.dtype.kind == "float":  # it is made of steps
        x, y = emit("stop_gradient", [x]), emit("stop_gradient", [y])
    zero = _like(x, 0)
    r = emit("rem", [x, y])
    differ = _and(emit("ne", [r, zero]), emit("xor", [emit("lt", [r, zero]), emit("lt", [y, zero])]))
    one = _like(x, 1)
    if x.dtype.kind == "int":
        q = emit("div", [x, y])
        return _weakly(emit("select", [differ, emit("sub", [q, one]), q]), weak)
    q = emit("div", [emit("sub", [x, r]), y])
    q = emit("select", [differ, emit("sub", [q, one]), q])
    floor = emit("floor", [q])
    above = emit("gt", [emit("sub", [q, floor]), _like(x, 0.5)])
    q = emit("select", [above, emit("add", [floor, one]), floor])
    # A quotient of zero has the sign of x1 / x2.
    q = emit("select", [emit("eq", [q, zero]), emit("mul", [zero, emit("div", [x, y])]), q])
    return _weakly(emit("select", [emit("eq", [y, zero]), emit("div", [x, y]), q]), weak)


@_composite(2)
def remainder(x1: Any, x2: Any, /) -> Any:
    """What `x1 // x2` leaves, with the sign of `x2`, as Python's `%`; for integers, the remainder by 0 is 0.

    Args:
        x1, x2: arrays or numbers; promoted to one dtype and broadcast to one shape.

    Raises:
        ShapeError: WF1001; DTypeError: WF1021, WF1022 for truth values.

    >>> weft.remainder(weft.asarray([-7, 7]), 3)
    Array([2, 1], dtype=int64)
    """
    (x, y), weak = _operands("rem", [x1, x2])
    r = emit("rem", [x, y])
    if x.dtype.kind == "uint":
        return _weakly(r, weak)
    zero = _like(x, 0)
    differ = emit("xor", [emit("lt", [r, zero]), emit("lt", [y, zero])])
    differ = _and(emit("ne", [r, zero]), differ)
    r = emit("select", [differ, emit("add", [r, y]), r])
    if x.dtype.kind == "float":  # a remainder of zero has the sign of x2: z + 0 is +0 for both zeros
        sign = _sign(y)
        r = emit("mul", [sign, emit("add", [emit("mul", [sign, r]), zero])])
    return _weakly(r, weak)


@_composite(2)
def pow(x1: Any, x2: Any, /) -> Any:
    """`x1` to the power of `x2`. For integers a negative power gives 0, unless `x1` is 1 or -1.

    Args:
        x1, x2: arrays or numbers; promoted to one dtype and broadcast to one shape. The Python number 2 squares.

    Raises:
        ShapeError: WF1001; DTypeError: WF1021, WF1022 for truth values.

    >>> weft.pow(weft.asarray([2.0, 3.0]), 3)
    Array([ 8., 27.], dtype=float32)
    """
    if is_number(x2) and x2 == 2 and common_type([as_array(x1), x2]).dtype.kind != "bool":
        (x, _), weak = _operands("mul", [x1, x2])
        return emit("mul", [x, x], weak=weak)
    return _apply("pow", x1, x2)


@_composite(1)
def positive(x: Any, /) -> Any:
    """The numbers themselves.

    >>> weft.positive(weft.asarray([-1]))
    Array([-1], dtype=int64)
    """
    x = array(x)
    if x.dtype.kind == "bool":
        raise unsupported("positive", x, _KINDS["Number"])
    return x


@_composite(1)
def abs(x: Any, /) -> Any:
    """The absolute value; the least integer of a signed dtype stays.

    Args:
        x: an array of numbers.

    >>> weft.abs(weft.asarray([-1.5, 2.0]))
    Array([1.5, 2. ], dtype=float32)
    """
    x = array(x)
    return x if x.dtype.kind in ("bool", "uint") else emit("abs", [x], weak=x.weak_type)


@_composite(1)
def real(x: Any, /) -> Any:
    """The real part: of real numbers, they themselves.

    >>> weft.real(weft.asarray([1.5]))
    Array([1.5], dtype=float32)
    """
    return positive.function(x)


@_composite(1)
def imag(x: Any, /) -> Any:
    """The imaginary part: of real numbers, zeros.

    >>> weft.imag(weft.asarray([1.5]))
    Array([0.], dtype=float32)
    """
    return _like(positive.function(x), 0)


@_composite(1)
def conj(x: Any, /) -> Any:
    """The complex conjugate: of real numbers, they themselves.

    >>> weft.conj(weft.asarray([1.5]))
    Array([1.5], dtype=float32)
    """
    return positive.function(x)


@_composite(1)
def square(x: Any, /) -> Any:
    """`x * x`.

    >>> weft.square(weft.asarray([3, 4]))
    Array([ 9, 16], dtype=int64)
    """
    x = array(x)
    return _apply("mul", x, x)


@_composite(1)
def reciprocal(x: Any, /) -> Any:
    """`1 / x`.

    >>> weft.reciprocal(weft.asarray([2.0, 4.0]))
    Array([0.5 , 0.25], dtype=float32)
    """
    return _divide(1, x)


@_composite(2)
def hypot(x1: Any, x2: Any, /) -> Any:
    """`sqrt(x1**2 + x2**2)`, scaled by the greater of the two so that no square overflows; infinite if either is.

    >>> weft.hypot(weft.asarray([3.0, 5.0]), weft.asarray([4.0, 12.0]))
    Array([ 5., 13.], dtype=float32)
    """
    (x, y), weak = _operands("atan2", [x1, x2])
    large = emit("max", [emit("abs", [x]), emit("abs", [y])])
    none = emit("eq", [large, _like(x, 0)])
    # The value does not depend on the scale, so no slope goes through it.
    scale = emit("stop_gradient", [emit("select", [none, _like(x, 1), large])])
    a, b = emit("div", [x, scale]), emit("div", [y, scale])
    r = emit("mul", [scale, emit("sqrt", [emit("add", [emit("mul", [a, a]), emit("mul", [b, b])])])])
    r = emit("select", [none, large, r])
    infinite = emit("or", [emit("is_inf", [x]), emit("is_inf", [y])])
    return _weakly(emit("select", [infinite, _like(x, math.inf), r]), weak)


@_composite(2)
def logaddexp(x1: Any, x2: Any, /) -> Any:
    """`log(exp(x1) + exp(x2))` without overflow: the greater one plus log1p(exp(-|x1 - x2|)).

    >>> weft.logaddexp(weft.asarray([0.0, 100.0]), weft.asarray([0.0, 0.0]))
    Array([  0.6931472, 100.       ], dtype=float32)
    """
    (x, y), weak = _operands("atan2", [x1, x2])
    apart = emit("neg", [emit("abs", [emit("sub", [x, y])])])
    large = emit("max", [x, y])
    r = emit("add", [large, emit("log1p", [emit("exp", [apart])])])
    # Equal infinities have no difference.
    equal = emit("add", [large, _like(x, math.log(2.0))])
    return _weakly(emit("select", [emit("eq", [x, y]), equal, r]), weak)


@_composite(1)
def signbit(x: Any, /) -> Any:
    """Whether the sign is minus: also for -0.0. NaN counts as positive.

    >>> weft.signbit(weft.asarray([-0.0, 0.0, -1.0]))
    Array([ True, False,  True], dtype=bool)
    """
    x = array(x)
    if x.dtype.kind == "bool":
        raise unsupported("signbit", x, _KINDS["Number"])
    zero = _like(x, 0)
    negative = emit("lt", [x, zero])
    if x.dtype.kind != "float":
        return negative
    minus_zero = emit("and", [emit("eq", [x, zero]), emit("lt", [emit("div", [_like(x, 1), x]), zero])])
    return emit("or", [negative, minus_zero])


@_composite(2)
def copysign(x1: Any, x2: Any, /) -> Any:
    """The absolute value of `x1` with the sign of `x2` (that of a NaN counts as plus).

    >>> weft.copysign(weft.asarray([1.0, -2.0]), weft.asarray([-0.0, 3.0]))
    Array([-1.,  2.], dtype=float32)
    """
    (x, y), weak = _operands("atan2", [x1, x2])
    differ = emit("xor", [signbit.function(x), signbit.function(y)])
    return _weakly(emit("select", [differ, emit("neg", [x]), x]), weak)


@_composite(2)
def logical_and(x1: Any, x2: Any, /) -> Any:
    """Whether both are true; numbers are true unless 0.

    >>> weft.logical_and(weft.asarray([True, True]), weft.asarray([True, False]))
    Array([ True, False], dtype=bool)
    """
    return emit("and", match([truth(x1), truth(x2)])[0])


@_composite(2)
def logical_or(x1: Any, x2: Any, /) -> Any:
    """Whether one of them is true; numbers are true unless 0.

    >>> weft.logical_or(weft.asarray([True, False]), False)
    Array([ True, False], dtype=bool)
    """
    return emit("or", match([truth(x1), truth(x2)])[0])


@_composite(2)
def logical_xor(x1: Any, x2: Any, /) -> Any:
    """Whether exactly one of them is true; numbers are true unless 0.

    >>> weft.logical_xor(weft.asarray([True, False]), True)
    Array([False,  True], dtype=bool)
    """
    return emit("xor", match([truth(x1), truth(x2)])[0])


@_composite(1)
def logical_not(x: Any, /) -> Any:
    """Whether `x` is false; numbers are false if 0.

    >>> weft.logical_not(weft.asarray([True, False]))
    Array([False,  True], dtype=bool)
    """
    return emit("not", [truth(x)])


@_composite(3)
def where(condition: Any, x1: Any, x2: Any, /) -> Any:
    """`x1` where the condition holds, else `x2`.

    Args:
        condition: an array of truth values (numbers are true unless 0).
        x1, x2: arrays or numbers, promoted to one dtype; all three broadcast to one shape.

    Raises:
        ShapeError: WF1001; DTypeError: WF1021.

    >>> weft.where(weft.asarray([True, False]), 1.0, 2.0)
    Array([1., 2.], dtype=float32)
    """
    from weft._src.normalize import broadcast, broadcast_shapes

    given = [as_array(condition), as_array(x1), as_array(x2)]
    common = common_type(given[1:])
    made = [truth(given[0]), convert(given[1], common.dtype), convert(given[2], common.dtype)]
    shape = broadcast_shapes(*(x.shape for x in made), operands=given)
    return emit("select", [broadcast(x, shape) for x in made], weak=common.weak)


@_composite(3)
def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """`x`, but not below `min` and not above `max`. The result has the dtype of `x`.

    Args:
        x: an array of numbers. min, max: bounds that broadcast with it, or None; where min is above max, max wins.

    Raises:
        ShapeError: WF1001; DTypeError: WF1022 for truth values; ScalarRangeError: WF1026.

    >>> weft.clip(weft.asarray([-2.0, 0.5, 3.0]), 0, 1)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    x = array(x)
    if x.dtype.kind == "bool":
        raise unsupported("clip", x, _KINDS["Number"])
    d, weak = x.dtype, x.weak_type
    if min is not None:
        x = emit("max", match([x, min], d)[0], weak=weak)
    if max is not None:
        x = emit("min", match([x, max], d)[0], weak=weak)
    return x


@_composite(1)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """`x` in another dtype: floats round to even, float to integer truncates and saturates (NaN gives 0), to bool: x
    != 0.

    Args:
        x: an array or number. dtype: the new dtype. copy: taken for the array API's sake; values never share memory.

    Raises:
        UnsupportedDtypeError: WF1023, WF1024.

    >>> weft.astype(weft.asarray([1.7, -300.0]), weft.uint8)
    Array([1, 0], dtype=uint8)
    """
    check_device(device)
    return convert(array(x), dtypes.check_supported(dtypes.dtype(dtype)))


@_composite(2)
def nextafter(x1: Any, x2: Any, /) -> Any:
    """The next number of the dtype after `x1`, towards `x2`; `x2` itself where they are equal.

    A step of |x| u (1 + 2 u), where u is half an eps, is rounded to one unit (S. Rump et al., "Computing predecessor
    and successor in rounding to nearest", 2009). Small numbers are scaled first, and below twice the smallest normal
    number all units are alike.

    Args:
        x1, x2: arrays or numbers; promoted to one dtype and broadcast to one shape.

    Raises:
        ShapeError: WF1001; DTypeError: WF1021.

    >>> weft.nextafter(weft.asarray([1.0, 0.0]), weft.asarray([2.0, -1.0]))
    Array([ 1.0000001e+00, -1.4012985e-45], dtype=float32)
    """
    (x, y), weak = _operands("atan2", [x1, x2])
    info = dtypes.finfo(x.dtype)
    u, normal = info.eps / 2, info.smallest_normal
    size, up = emit("abs", [x]), emit("lt", [x, y])

    def moved(x: Tracer, step: Tracer) -> Tracer:
        return emit("add", [x, emit("select", [up, step, emit("neg", [step])])])

    scale = emit("select", [emit("lt", [size, _like(x, 1)]), _like(x, 1 / normal), _like(x, 1)])
    step = emit("mul", [emit("mul", [size, scale]), _like(x, u * (1 + 2 * u))])
    r = emit("div", [moved(emit("mul", [x, scale]), step), scale])
    r = emit("select", [emit("lt", [size, _like(x, 2 * normal)]), moved(x, _like(x, normal * info.eps)), r])
    greatest = emit("select", [up, _like(x, info.min), _like(x, info.max)])
    r = emit("select", [emit("is_inf", [x]), greatest, r])
    from_below = _and(emit("lt", [x, _like(x, 0)]), emit("eq", [r, _like(x, 0)]))
    r = emit("select", [from_below, _like(x, -0.0), r])
    r = emit("select", [emit("eq", [x, y]), y, r])
    nan = emit("or", [emit("is_nan", [x]), emit("is_nan", [y])])
    return _weakly(emit("select", [nan, emit("add", [x, y]), r]), weak)


@_composite(2)
def isclose(x1: Any, x2: Any, /, *, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether |x1 - x2| <= atol + rtol |x2|, or both are the same infinity.

    Args:
        x1, x2: arrays or numbers; promoted to one dtype and broadcast to one shape; integers become the default float.
        equal_nan: whether NaN is close to NaN.

    Raises:
        ShapeError: WF1001; DTypeError: WF1021.

    >>> weft.isclose(weft.asarray([1.0, 2.0]), weft.asarray([1.000001, 2.1]))
    Array([ True, False], dtype=bool)
    """
    x, y = _operands("atan2", [x1, x2])[0]
    apart = emit("abs", [emit("sub", [x, y])])
    allowed = emit("add", [_like(x, float(atol)), emit("mul", [emit("abs", [y]), _like(x, float(rtol))])])
    finite = _and(emit("is_finite", [x]), emit("is_finite", [y]))
    close = emit("or", [emit("eq", [x, y]), _and(finite, emit("le", [apart, allowed]))])
    return emit("or", [close, _and(emit("is_nan", [x]), emit("is_nan", [y]))]) if equal_nan else close


@_composite(1)
def nan_to_num(x: Any, /, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """`x` with numbers for NaN and the infinities; by default 0, the greatest and the least of the dtype.

    >>> weft.nan_to_num(weft.asarray([weft.nan, weft.inf, 1.0]), posinf=9.0)
    Array([0., 9., 1.], dtype=float32)
    """
    x = array(x)
    if x.dtype.kind != "float":
        return x
    info, weak = dtypes.finfo(x.dtype), x.weak_type
    for test, value in (
        (emit("eq", [x, _like(x, math.inf)]), info.max if posinf is None else posinf),
        (emit("eq", [x, _like(x, -math.inf)]), info.min if neginf is None else neginf),
        (emit("is_nan", [x]), nan),
    ):
        x = emit("select", [test, _like(x, float(value)), x])
    return _weakly(x, weak)


def truth(x: Any) -> Tracer:
    """`x` as truth values: unless 0."""
    return convert(array(x), dtypes.bool_)


def _like(x: Tracer, value: Any) -> Tracer:
    """A constant with the dtype and the shape of `x`."""
    from weft._src.normalize import broadcast

    return broadcast(convert(value, x.dtype), x.shape)


def _weakly(x: Tracer, weak: bool) -> Tracer:
    x.weak_type = weak
    return x


def _and(a: Tracer, b: Tracer) -> Tracer:
    return emit("and", [a, b])


def _sign(y: Tracer) -> Tracer:
    """1 or -1 by the sign of y."""
    return emit("select", [signbit(y), _like(y, -1), _like(y, 1)])


__all__ = list(dict.fromkeys(__all__))
