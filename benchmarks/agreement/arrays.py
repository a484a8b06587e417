"""Rows of functions of arrays: elementwise, reductions, sorting, movement.

Decides their domains and bounds, and which differences are meant to be.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
from language import ANY, FLOATS, INTS, NUMBERS, SOME, SOME_NUMBERS, Row, b, each, f, row, v

LIMIT = "at an infinity Weft has the limit of the slope, JAX has NaN"
NO_VALUE = "where the value is NaN, the slope of Weft is NaN"


def share(x: Any, y: Any) -> Any:
    """The slope of max(x, y) in x."""
    return None if mp.isnan(x) or mp.isnan(y) else mp.mpf(1) if x > y else mp.mpf(0.5) if x == y else mp.mpf(0)


def clip_slopes(x: Any, low: Any, high: Any) -> tuple:
    """Those of min(max(x, low), high)."""
    if any(map(mp.isnan, (x, low, high))):
        return None, None, None
    inner = max(x, low)
    through = share(-inner, -high)
    return share(x, low) * through, share(low, x) * through, share(-high, -inner)


def floored(x: Any, y: Any) -> Any:
    """-floor(x / y), the slope of a remainder in y; the quotient by an infinity is just above 0, or just below."""
    if mp.isinf(x):
        return None
    return mp.mpf(0 if x * y >= 0 else 1) if mp.isinf(y) else -mp.floor(x / y)


ELEMENTWISE = [
    each(
        "abs",
        dtypes=ANY,
        exact=None,
        slopes=(mp.sign,),
    ),
    each("acos", low=-1, high=1),
    each(
        "acosh",
        low=1,
        high=9,
        slopes=(lambda x: 1 / mp.sqrt((x - 1) * (x + 1)) if x > 1 else mp.nan if x < 1 else mp.inf,),
        decided={"gradient * infinities": NO_VALUE},
    ),
    each("add", 2, dtypes=ANY, exact=lambda x, y: x + y),
    each("asin", low=-1, high=1),
    each("asinh"),
    each("atan"),
    each(
        "atan2",
        2,
        slopes=(lambda x, y: y / (x * x + y * y), lambda x, y: -x / (x * x + y * y)),
        decided={"gradient * infinities": LIMIT},
    ),
    each("atanh", low=-1, high=1),
    each("bitwise_and", 2, dtypes=(*INTS, "bool"), diff=False),
    each("bitwise_invert", dtypes=(*INTS, "bool"), diff=False),
    each("bitwise_left_shift", 2, low=(-100, 0), high=(100, 8), dtypes=INTS, diff=False),
    each("bitwise_or", 2, dtypes=(*INTS, "bool"), diff=False),
    each("bitwise_right_shift", 2, low=(-100, 0), high=(100, 8), dtypes=INTS, diff=False),
    each("bitwise_xor", 2, dtypes=(*INTS, "bool"), diff=False),
    each(
        "cbrt",
        exact=lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    ),
    each("ceil", dtypes=NUMBERS, diff=False, exact=None),
    each(
        "copysign",
        2,
        decided={
            "gradient * edges": "the slope at x = -0 is that of the sign it has",
            "gradient * infinities": "the slope at x = -0 is that of the sign it has",
        },
    ),
    each("cos", low=-40, high=40),
    each("cosh"),
    each(
        "divide",
        2,
        dtypes=NUMBERS,
        exact=lambda x, y: x / y,
        slopes=(lambda x, y: 1 / y, lambda x, y: -x / (y * y)),
        decided={"gradient * edges": "a subnormal number divided by 0 has an infinite slope; JAX takes it for 0 / 0"},
    ),
    each("equal", 2, dtypes=ANY, diff=False),
    each("erf", numpy=None),
    each("erf_inv", low=-1, high=1, exact=mp.erfinv, numpy=None, exact_bound=4),
    each("erfc", numpy=None),
    each("exp", low=-20, high=20),
    each("exp2", low=-20, high=20, exact=lambda x: mp.mpf(2) ** x),
    each("expm1"),
    each("floor", dtypes=NUMBERS, diff=False, exact=None),
    each("floor_divide", 2, low=-50, high=50, dtypes=NUMBERS, exact=None),
    each(
        "fmod",
        2,
        low=-50,
        high=50,
        dtypes=NUMBERS,
        exact=lambda x, y: x - y * int(x / y),
        slopes=(lambda x, y: mp.mpf(1), lambda x, y: -mp.mpf(int(x / y))),
        decided={"gradient * edges": NO_VALUE, "gradient * infinities": NO_VALUE},
    ),
    each("greater", 2, dtypes=ANY, diff=False),
    each("greater_equal", 2, dtypes=ANY, diff=False),
    each(
        "hypot",
        2,
        exact=lambda x, y: mp.sqrt(x * x + y * y),
        slopes=(lambda x, y: x / mp.sqrt(x * x + y * y), lambda x, y: y / mp.sqrt(x * x + y * y)),
        decided={
            "gradient * edges": "at (0, 0), where there is no slope, and of the least subnormal numbers Weft has 0",
            "gradient * infinities": "at an infinity Weft has the slope 0, JAX has NaN",
        },
    ),
    each("imag"),
    each("isclose", 2, dtypes=("float32", "float64", "int32"), diff=False),
    each("isfinite", dtypes=NUMBERS, diff=False, exact=None),
    each("isinf", dtypes=NUMBERS, diff=False, exact=None),
    each("isnan", dtypes=NUMBERS, diff=False, exact=None),
    each("less", 2, dtypes=ANY, diff=False),
    each("less_equal", 2, dtypes=ANY, diff=False),
    each("log", low=0, high=9),
    each("log10", low=0, high=9),
    each("log1p", low=-1, high=9),
    each("log2", low=0, high=9, exact=lambda x: mp.log(x, 2)),
    each(
        "logaddexp",
        2,
        exact=lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
        slopes=(lambda x, y: 1 / (1 + mp.exp(y - x)), lambda x, y: 1 / (1 + mp.exp(x - y))),
        decided={"gradient * infinities": LIMIT},
    ),
    each("logical_and", 2, dtypes=ANY, diff=False),
    each("logical_not", dtypes=ANY, diff=False),
    each("logical_or", 2, dtypes=ANY, diff=False),
    each("logical_xor", 2, dtypes=ANY, diff=False),
    each("logistic", exact=lambda x: 1 / (1 + mp.exp(-x))),
    each("maximum", 2, dtypes=ANY, slopes=(share, lambda x, y: share(y, x))),
    each("minimum", 2, dtypes=ANY, slopes=(lambda x, y: share(-x, -y), lambda x, y: share(-y, -x))),
    each("multiply", 2, dtypes=ANY, exact=lambda x, y: x * y),
    each("nan_to_num", dtypes=NUMBERS, exact=None),
    each("negative", dtypes=NUMBERS),
    each("nextafter", 2, dtypes=("float32", "float64"), bound=0, diff=False),
    each("not_equal", 2, dtypes=ANY, diff=False),
    each("positive", dtypes=NUMBERS),
    each(
        "pow",
        2,
        low=(0, -4),
        high=(9, 4),
        dtypes=FLOATS,
        exact=mp.power,
        slopes=(
            lambda x, y: y * mp.power(x, y - 1) if y else mp.mpf(0),
            lambda x, y: mp.log(x) * mp.power(x, y) if x else mp.mpf(0) if y > 0 else None,
        ),
        decided={"gradient * edges": "of a subnormal exponent y, y - 1 is -1; JAX has NaN there"},
    ),
    each("real"),
    each("reciprocal", exact=lambda x: 1 / x),
    each(
        "remainder",
        2,
        low=-50,
        high=50,
        dtypes=NUMBERS,
        exact=lambda x, y: x - y * mp.floor(x / y),
        slopes=(lambda x, y: mp.mpf(1), floored),
        decided={"gradient * edges": NO_VALUE, "gradient * infinities": NO_VALUE},
    ),
    each("round", dtypes=NUMBERS, diff=False, exact=None),
    each("rsqrt", low=0, high=9, exact=lambda x: 1 / mp.sqrt(x)),
    each("sign", dtypes=NUMBERS, diff=False, exact=None),
    each("signbit", dtypes=FLOATS, diff=False),
    each("sin", low=-40, high=40),
    each("sinh"),
    each("sqrt", low=0, high=9),
    each("square", dtypes=NUMBERS, exact=lambda x: x * x),
    each("stop_gradient", dtypes=ANY),
    each("subtract", 2, dtypes=NUMBERS, exact=lambda x, y: x - y),
    each("tan"),
    each(
        "tanh",
        decided={"gradient *": "1 - tanh^2 is right to an ULP of 1, not of itself; JAX's is no better"},
    ),
    each("trunc", dtypes=NUMBERS, diff=False, exact=None),
    Row(
        "where",
        (v(b(7, 43), f(7, 43), f(7, 43)), v(b(3, 1), f(1, 5), f(3, 5)), v(b(0, 3), f(3), f())),
        ANY,
        elementwise=True,
        edges=False,
    ),
    Row(
        "clip",
        (v(f(7, 43), f(7, 43), f(7, 43)), v(f(3, 5), f(), f(5))),
        NUMBERS,
        elementwise=True,
        slopes=tuple(lambda x, low, high, i=i: clip_slopes(x, low, high)[i] for i in range(3)),
    ),
]

M = f(3, 5)
AXES = [v(f(7, 43)), v(f(7, 43), axis=0), v(f(4, 3, 5), axis=(0, -1)), v(f(3, 5), axis=1, keepdims=True), v(f())]
EMPTY = [
    v(f(0, 3), axis=0),
    v(
        f(
            0,
        )
    ),
]
RUNS = [
    v(
        f(
            5,
        )
    ),
    v(f(7, 43), axis=1),
    v(f(4, 0, 5), axis=0),
]


REDUCTIONS = [
    row("sum", *AXES, *EMPTY, dtypes=SOME, bound=16),
    row("prod", *AXES, *EMPTY, dtypes=SOME_NUMBERS, bound=32, gradient_bound=64),
    row("max", *AXES, dtypes=SOME, bound=0),
    row("min", *AXES, dtypes=SOME, bound=0),
    row("any", *AXES, *EMPTY, dtypes=SOME, diff=False),
    row("all", *AXES, *EMPTY, dtypes=SOME, diff=False),
    row(
        "allclose",
        v(f(3, 5), f(3, 5)),
        v(f(3, 5), by=lambda m, x: m.allclose(x, x + 1e-7 * abs(x))),
        v(f(0, 2), f(1, 2)),
        dtypes=("float32", "float64", "int32"),
        diff=False,
    ),
    row(
        "array_equal",
        v(f(3, 5), f(3, 5)),
        v(f(3, 5), by=lambda m, x: m.array_equal(x, x)),
        v(f(3), f(4)),
        dtypes=SOME,
        diff=False,
    ),
    row("mean", *AXES, *EMPTY, dtypes=SOME_NUMBERS, bound=16),
    row("var", *AXES, v(f(7, 3), axis=0, correction=1), dtypes=SOME_NUMBERS, bound=16),
    row("std", *AXES, v(f(7, 3), axis=0, correction=1), dtypes=SOME_NUMBERS, bound=16),
    row("count_nonzero", *AXES, *EMPTY, dtypes=SOME, diff=False),
    row("cumulative_sum", *RUNS, v(f(5), include_initial=True), dtypes=SOME_NUMBERS, bound=32),
    row("cumulative_prod", *RUNS, v(f(5), include_initial=True), dtypes=SOME_NUMBERS, bound=32, gradient_bound=64),
    row(
        "cummax",
        v(f(5, distinct=True), axis=0),
        v(f(7, 43, distinct=True), axis=1),
        v(f(7, 4, distinct=True), axis=0, reverse=True),
        dtypes=SOME_NUMBERS,
        bound=0,
    ),
    row(
        "cummin",
        v(f(5, distinct=True), axis=0),
        v(f(7, 43, distinct=True), axis=1),
        v(f(7, 4, distinct=True), axis=0, reverse=True),
        dtypes=SOME_NUMBERS,
        bound=0,
    ),
]
SORTING = [
    row(
        "sort",
        v(f(31, distinct=True)),
        v(f(7, 13, distinct=True), axis=0),
        v(f(3, 7, distinct=True), descending=True),
        v(f(0, 3)),
        dtypes=SOME,
        bound=0,
    ),
    row("argsort", v(f(31)), v(f(7, 13), axis=0), v(f(3, 7), descending=True), v(f(0, 3)), dtypes=SOME, diff=False),
    row("argmax", v(f(31)), v(f(7, 13), axis=0), v(f(3, 7), axis=1, keepdims=True), dtypes=SOME, diff=False),
    row("argmin", v(f(31)), v(f(7, 13), axis=0), v(f(3, 7), axis=1, keepdims=True), dtypes=SOME, diff=False),
    row(
        "top_k",
        v(f(31, distinct=True), by=lambda m, x: m.top_k(x, 4)),
        v(f(3, 9, distinct=True), by=lambda m, x: m.top_k(x, 1)),
        dtypes=SOME_NUMBERS,
        bound=0,
    ),
    row(
        "median",
        v(f(7, 43)),
        v(f(7, 4), axis=0),
        v(f(3, 4, 5), axis=(0, -1), keepdims=True),
        v(f(1)),
        dtypes=SOME_NUMBERS,
        bound=8,
    ),
    row(
        "quantile",
        v(f(7, 13), by=lambda m, x: m.quantile(x, 0.3)),
        v(f(7, 13), by=lambda m, x: m.quantile(x, m.asarray([0.0, 0.1, 0.9, 1.0]), axis=1)),
        v(f(3, 4, 5), by=lambda m, x: m.quantile(x, m.asarray([0.2, 0.7]), axis=(0, 2), keepdims=True)),
        *[
            v(f(7, 13), by=lambda m, x, method=method: m.quantile(x, 0.3, axis=0, method=method))
            for method in ("lower", "higher", "midpoint", "nearest")
        ],
        dtypes=SOME_NUMBERS,
        bound=64,
    ),
    row(
        "percentile",
        v(f(7, 13), by=lambda m, x: m.percentile(x, 30)),
        v(f(7, 13), by=lambda m, x: m.percentile(x, m.asarray([0.0, 10.0, 100.0]), axis=1)),
        dtypes=SOME_NUMBERS,
        bound=64,
    ),
    row(
        "searchsorted",
        v(f(9), f(4, 5), by=lambda m, x, y: m.searchsorted(m.sort(x), y)),
        v(f(9), f(7), by=lambda m, x, y: m.searchsorted(m.sort(x), y, side="right")),
        dtypes=SOME_NUMBERS,
        diff=False,
    ),
]
MOVEMENT = [
    row(
        "reshape",
        v(f(3, 4), by=lambda m, x: m.reshape(x, (2, 6))),
        v(f(3, 4), by=lambda m, x: m.reshape(x, (-1,))),
        dtypes=SOME,
        bound=0,
    ),
    row("ravel", v(M), v(f(0, 3)), dtypes=SOME, bound=0),
    row("permute_dims", v(f(2, 3, 4), axes=(2, 0, 1)), dtypes=SOME, bound=0),
    row("transpose", v(f(2, 3, 4)), v(f(2, 3, 4), by=lambda m, x: m.transpose(x, (1, 2, 0))), dtypes=SOME, bound=0),
    row("matrix_transpose", v(f(2, 3, 4)), dtypes=SOME, bound=0),
    row(
        "moveaxis",
        v(f(2, 3, 4), by=lambda m, x: m.moveaxis(x, 0, -1)),
        v(f(2, 3, 4), by=lambda m, x: m.moveaxis(x, (0, 1), (2, 0))),
        dtypes=SOME,
        bound=0,
    ),
    row("swapaxes", v(f(2, 3, 4), by=lambda m, x: m.swapaxes(x, 0, -1)), dtypes=SOME, bound=0),
    row(
        "broadcast_to",
        v(f(3, 1), by=lambda m, x: m.broadcast_to(x, (2, 3, 5))),
        v(f(), by=lambda m, x: m.broadcast_to(x, (0, 2))),
        dtypes=SOME,
        bound=0,
        gradient_bound=16,
    ),
    row("broadcast_arrays", v(f(3, 1), f(1, 4)), dtypes=SOME, bound=0),
    row("meshgrid", v(f(3), f(4)), v(f(3), f(4), f(2), indexing="ij"), dtypes=SOME, bound=0),
    row("expand_dims", v(M, axis=1), v(M, axis=-1), dtypes=SOME, bound=0),
    row("squeeze", v(f(1, 3, 1)), v(f(1, 3, 1), axis=0), dtypes=SOME, bound=0),
    row("flip", v(M), v(M, axis=1), v(f(2, 0), axis=0), dtypes=SOME, bound=0),
    row(
        "roll",
        v(M, by=lambda m, x: m.roll(x, 2)),
        v(M, by=lambda m, x: m.roll(x, (1, -2), axis=(0, 1))),
        dtypes=SOME,
        bound=0,
    ),
    row(
        "concat",
        v(f(2, 3), f(4, 3), by=lambda m, x, y: m.concat([x, y])),
        v(f(2, 3), f(2, 0), by=lambda m, x, y: m.concat([x, y], axis=1)),
        v(f(2, 3), f(4), by=lambda m, x, y: m.concat([x, y], axis=None)),
        dtypes=SOME,
        bound=0,
    ),
    row(
        "stack",
        v(M, M, by=lambda m, x, y: m.stack([x, y], axis=1)),
        v(f(), f(), by=lambda m, x, y: m.stack([x, y])),
        dtypes=SOME,
        bound=0,
    ),
    row("unstack", v(M), v(M, axis=1), dtypes=SOME, bound=0),
    row(
        "diff",
        v(f(7)),
        v(M, axis=0, n=2),
        v(M, by=lambda m, x: m.diff(x, prepend=x[:, :1])),
        dtypes=SOME_NUMBERS,
        bound=0,
    ),
    row(
        "repeat",
        v(M, by=lambda m, x: m.repeat(x, 3, axis=1)),
        v(M, by=lambda m, x: m.repeat(x, 2)),
        dtypes=SOME,
        bound=0,
    ),
    row(
        "tile",
        v(M, by=lambda m, x: m.tile(x, (2, 1))),
        v(M, by=lambda m, x: m.tile(x, (2, 1, 3))),
        dtypes=SOME,
        bound=0,
    ),
    row(
        "pad",
        v(M, by=lambda m, x: m.pad(x, ((1, 2), (0, 3)))),
        v(M, by=lambda m, x: m.pad(x, 1, constant_values=2)),
        dtypes=SOME_NUMBERS,
        bound=0,
    ),
]
ROWS = ELEMENTWISE + REDUCTIONS + SORTING + MOVEMENT
