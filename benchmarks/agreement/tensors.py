"""Rows of functions that read elements of their arguments more than once or at places: contractions, indexing, windows;
and of what makes arrays.

Decides their arguments and bounds, and which differences are meant to be.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import weft as wf
from language import SOME, SOME_NUMBERS, WIDE, b, f, i, row, v

M = f(3, 5)


CONTRACTION = [
    row(
        "matmul",
        v(f(7, 43), f(43, 5)),
        v(f(43), f(43, 2)),
        v(f(5, 3), f(3)),
        v(f(2, 1, 3, 4), f(3, 4, 2)),
        v(f(3, 0), f(0, 2)),
        v(f(4), f(4)),
        dtypes=SOME_NUMBERS,
        bound=64,
    ),
    row(
        "tensordot",
        v(f(3, 4, 5), f(4, 5, 2)),
        v(f(3, 4), f(2, 3), axes=((0,), (1,))),
        v(f(3), f(4), axes=0),
        dtypes=SOME_NUMBERS,
        bound=64,
    ),
    row(
        "vecdot",
        v(f(3, 43), f(3, 43)),
        v(f(4, 1, 3), f(2, 3)),
        v(f(5, 2), f(5, 2), axis=0),
        dtypes=SOME_NUMBERS,
        bound=64,
    ),
    row("dot", v(f(43), f(43)), v(M, f(5, 2)), v(f(), M), v(f(2, 3, 4), f(4)), dtypes=SOME_NUMBERS, bound=64),
    row("outer", v(f(3), f(4)), dtypes=SOME_NUMBERS),
    row(
        "einsum",
        v(f(3, 4), f(4, 5), by=lambda m, x, y: m.einsum("ij,jk->ik", x, y)),
        v(f(2, 3, 4), f(2, 4, 5), f(5), by=lambda m, x, y, z: m.einsum("bij,bjk,k->bi", x, y, z)),
        v(f(4, 4), by=lambda m, x: m.einsum("ii->i", x)),
        v(f(4, 4), by=lambda m, x: m.einsum("ii", x)),
        v(f(3, 4), f(4, 3), by=lambda m, x, y: m.einsum("ij,ji", x, y)),
        v(f(2, 3, 4), f(2, 4, 5), by=lambda m, x, y: m.einsum("...ij,...jk->...ik", x, y)),
        dtypes=SOME_NUMBERS,
        bound=64,
    ),
]

SLICES = {
    "x[1]": lambda x: x[1],
    "x[-1, 2:]": lambda x: x[-1, 2:],
    "x[::-2, None]": lambda x: x[::-2, None],
    "x[..., 1]": lambda x: x[..., 1],
    "x[3:1:-1, 1:5:3]": lambda x: x[3:1:-1, 1:5:3],
    "x[2:2]": lambda x: x[2:2],
    "x[[2, 0, 2]]": lambda x: x[np.array([2, 0, 2])],
    "x[:, [1, -1]]": lambda x: x[:, np.array([1, -1])],
    "x[[0, 1], [2, 3]]": lambda x: x[np.array([0, 1]), np.array([2, 3])],
    "x[[[0], [1]], [2, 3]]": lambda x: x[np.array([[0], [1]]), np.array([2, 3])],
}


def written(index: Any, kind: str) -> Any:
    """x with values put at an index, by each library's own means."""

    def weft(x: Any, value: Any) -> Any:
        from weft._src.trace import fresh

        x = fresh(x)
        if kind == "set":
            x[index] = value
        else:
            from weft.ops.indexing import index_update

            return index_update(x, index, value, kind)
        return x

    name = {"mul": "multiply"}.get(kind, kind)
    return {"weft": weft, "jax": lambda x, value: getattr(x.at[index], name)(value)}


INDEXING = [
    row(
        "x[i]",
        *[v(f(4, 6), by=lambda m, x, g=g: g(x)) for g in SLICES.values()],
        v(f(4, 6), i(3, high=3), by=lambda m, x, k: x[k]),
        v(f(4, 6), i(3, high=3), i(3, low=-6, high=5), by=lambda m, x, k, l: x[k, l]),
        v(f(4, 6), i(2, 2, high=5), by=lambda m, x, k: x[1:3, k]),
        dtypes=SOME,
        bound=0,
        gradient_bound=4,
    ),
    row(
        "x[i] = y",
        v(f(4, 6), f(6), **written(1, "set")),
        v(f(4, 6), f(2, 2), **written((slice(1, 3), slice(0, 6, 4)), "set")),
        v(f(4, 6), f(), **written((slice(None), 2), "set")),
        v(f(4, 6), f(2, 6), **written(np.array([3, 0]), "set")),
        v(f(4, 6), f(2), **written((np.array([3, 0]), np.array([1, 1])), "set")),
        dtypes=SOME,
        bound=0,
    ),
    row(
        "x.at[i].add",
        v(f(4, 6), f(3, 6), **written(np.array([3, 0, 3]), "add")),
        v(f(4, 6), f(6), **written(1, "add")),
        dtypes=SOME_NUMBERS,
    ),
    row(
        "x.at[i].mul",
        v(f(4, 6), f(3, 6), **written(np.array([3, 0, 3]), "mul")),
        v(f(4, 6), f(6), **written(1, "mul")),
        dtypes=SOME_NUMBERS,
    ),
    row(
        "x.at[i].max",
        v(f(4, 6), f(3, 6), **written(np.array([3, 0, 3]), "max")),
        v(f(4, 6), f(6), **written(1, "max")),
        dtypes=SOME_NUMBERS,
    ),
    row(
        "x.at[i].min",
        v(f(4, 6), f(3, 6), **written(np.array([3, 0, 3]), "min")),
        v(f(4, 6), f(6), **written(1, "min")),
        dtypes=SOME_NUMBERS,
    ),
    row(
        "take",
        v(M, i(2, 2, high=2), axis=0),
        v(M, i(4, low=-5, high=4), axis=1),
        v(M, i(4, high=14)),
        v(f(7), i(0)),
        dtypes=SOME,
        bound=0,
        gradient_bound=4,
    ),
    row(
        "take_along_axis",
        v(M, i(2, 5, high=2), axis=0),
        v(M, i(3, 7, low=-5, high=4), axis=1),
        dtypes=SOME,
        bound=0,
        gradient_bound=4,
    ),
    row(
        "dynamic_slice",
        v(f(5, 6), i(high=3), i(high=4), by=lambda m, x, k, l: m.dynamic_slice(x, (k, l), (2, 3))),
        v(f(5, 6), i(low=4, high=9), i(low=-9, high=0), by=lambda m, x, k, l: m.dynamic_slice(x, (k, l), (2, 3))),
        dtypes=SOME,
        bound=0,
    ),
    row(
        "dynamic_update_slice",
        v(f(5, 6), f(2, 3), i(high=3), i(high=4), by=lambda m, x, y, k, l: m.dynamic_update_slice(x, y, (k, l))),
        v(
            f(5, 6),
            f(2, 3),
            i(low=4, high=9),
            i(low=-9, high=0),
            by=lambda m, x, y, k, l: m.dynamic_update_slice(x, y, (k, l)),
        ),
        dtypes=SOME,
        bound=0,
    ),
    row(
        "nonzero",
        v(f(3, 4)),
        v(b(9), by=lambda m, x: m.nonzero(x, size=5)),
        v(b(0)),
        dtypes=("int64", "float32", "bool"),
        diff=False,
        vmap=False,
    ),
    row("unique_values", v(i(31, high=6, dtype=None)), v(f(0)), dtypes=SOME_NUMBERS, diff=False, vmap=False),
    row("unique_counts", v(i(31, high=6, dtype=None)), dtypes=SOME_NUMBERS, diff=False, vmap=False),
    row("unique_inverse", v(i(31, high=6, dtype=None)), dtypes=SOME_NUMBERS, diff=False, vmap=False),
    row("unique_all", v(i(31, high=6, dtype=None)), dtypes=SOME_NUMBERS, diff=False, vmap=False),
]

DTYPES = (
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "bfloat16",
    "float16",
    "float32",
    "float64",
)


def promoted(m: Any) -> Any:
    """The common dtype of each pair, by its place in DTYPES."""

    def one(x: str, y: str) -> int:
        try:
            return DTYPES.index(str(np.dtype(str(m.result_type(getattr(m, x), getattr(m, y))).replace("weft.", ""))))
        except (TypeError, ValueError):
            return -1

    return m.asarray(np.array([[one(x, y) for y in DTYPES] for x in DTYPES]))


def limits(m: Any) -> Any:
    """What finfo and iinfo say."""
    floats = [m.finfo(getattr(m, d)) for d in DTYPES if "float" in d]
    ints = [m.iinfo(getattr(m, d)) for d in DTYPES if "int" in d]
    found = [[float(x.bits), float(x.eps), float(x.max), float(x.min), float(x.smallest_normal)] for x in floats]
    return m.asarray(np.array(found)), m.asarray(np.array([[float(x.bits), float(x.max), float(x.min)] for x in ints]))


CREATION = [
    row(
        "arange",
        v(by=lambda m: m.arange(7)),
        v(by=lambda m: m.arange(2, 9, 3)),
        v(by=lambda m: m.arange(0.0, 1.0, 0.1)),
        v(by=lambda m: m.arange(5, 0, -2)),
        v(by=lambda m: m.arange(3, 1)),
        v(by=lambda m: m.arange(4, dtype=m.float32)),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
    ),
    row(
        "linspace",
        v(by=lambda m: m.linspace(0, 1, 7)),
        v(by=lambda m: m.linspace(-2.0, 5.0, 4, endpoint=False)),
        v(by=lambda m: m.linspace(3, 3, 1)),
        v(by=lambda m: m.linspace(0, 1, 0)),
        v(by=lambda m: m.linspace(0, 10, 5, dtype=m.int32)),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
    ),
    row(
        "eye",
        v(by=lambda m: m.eye(4)),
        v(by=lambda m: m.eye(3, 5, k=1)),
        v(by=lambda m: m.eye(3, k=-4, dtype=m.int8)),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
    ),
    row(
        "full",
        v(by=lambda m: m.full((2, 3), 1.5)),
        v(by=lambda m: m.full((), 7)),
        v(by=lambda m: m.full((0, 2), True)),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
    ),
    row(
        "zeros",
        v(by=lambda m: m.zeros((2, 3))),
        v(by=lambda m: m.zeros((2,), dtype=m.bfloat16)),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
    ),
    row(
        "ones",
        v(by=lambda m: m.ones((2, 3))),
        v(by=lambda m: m.ones((0,), dtype=m.uint8)),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
    ),
    row("full_like", v(M, fill_value=3), v(f(0, 2), fill_value=1), dtypes=SOME_NUMBERS, diff=False),
    row("zeros_like", v(M), dtypes=SOME, diff=False),
    row("ones_like", v(M), dtypes=SOME, diff=False),
    row("empty", v(by=lambda m: m.zeros_like(m.empty((2, 3)))), dtypes=WIDE[:1], diff=False, vmap=False),
    row("empty_like", v(M, by=lambda m, x: m.zeros_like(m.empty_like(x))), dtypes=SOME, diff=False),
    row("tril", v(M), v(f(2, 4, 4), k=-1), v(M, k=2), v(M, k=-7), dtypes=SOME, bound=0),
    row("triu", v(M), v(f(2, 4, 4), k=-1), v(M, k=2), v(M, k=7), dtypes=SOME, bound=0),
    row(
        "asarray",
        v(by=lambda m: m.asarray([[1, 2], [3, 4]])),
        v(by=lambda m: m.asarray([1.5, 2])),
        v(by=lambda m: m.asarray(True)),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
    ),
    row(
        "astype",
        *[
            v(f(4, 9, low=-300, high=300), by=lambda m, x, d=d: m.astype(x, getattr(m, d)))
            for d in ("int8", "uint8", "int32", "float16", "bfloat16", "float32", "float64", "bool")
        ],
        dtypes=SOME,
        vmap=True,
    ),
    row(
        "result_type",
        v(by=promoted),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
        decided={
            "values *": "uint64 and a signed integer have no common dtype, as in the array API; JAX takes a float"
        },
    ),
    row("finfo, iinfo", v(by=limits), dtypes=WIDE[:1], diff=False, vmap=False),
    row(
        "isdtype",
        v(
            by=lambda m: m.asarray(
                [
                    [m.isdtype(m.dtype(d), k) for d in DTYPES]
                    for k in ("bool", "signed integer", "unsigned integer", "integral", "real floating", "numeric")
                ]
            )
        ),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
    ),
    row(
        "can_cast",
        v(by=lambda m: m.asarray([[bool(m.can_cast(getattr(m, x), getattr(m, y))) for x in DTYPES] for y in DTYPES])),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
        decided={
            "values *": "an integer can be cast to any float that it is promoted with; JAX asks whether all digits fit"
        },
    ),
]

WINDOWS = [
    row(
        "convolution",
        v(
            f(2, 3, 8, 7),
            f(4, 3, 3, 2),
            weft=lambda x, w: wf.convolution(x, w),
            jax=lambda x, w: jax.lax.conv_general_dilated(x, w, (1, 1), "VALID"),
        ),
        v(
            f(2, 4, 9),
            f(6, 2, 3),
            weft=lambda x, w: wf.convolution(x, w, stride=2, padding=((2, 1),), dilation=2, groups=2),
            jax=lambda x, w: jax.lax.conv_general_dilated(
                x, w, (2,), ((2, 1),), rhs_dilation=(2,), feature_group_count=2
            ),
        ),
        v(
            f(1, 2, 5, 5),
            f(3, 2, 3, 3),
            weft=lambda x, w: wf.convolution(x, w, padding="same", x_dilation=2),
            jax=lambda x, w: jax.lax.conv_general_dilated(x, w, (1, 1), ((1, 1), (1, 1)), lhs_dilation=(2, 2)),
        ),
        bound=64,
    ),
    row(
        "reduce_window add",
        v(
            f(4, 9),
            weft=lambda x: wf.reduce_window(x, "add", (2, 3), stride=(1, 2)),
            jax=lambda x: jax.lax.reduce_window(x, np.zeros((), x.dtype)[()], jax.lax.add, (2, 3), (1, 2), "VALID"),
        ),
        bound=8,
    ),
    row(
        "reduce_window max",
        v(
            f(4, 9, distinct=True),
            weft=lambda x: wf.reduce_window(x, "max", (2, 3), stride=(1, 2)),
            jax=lambda x: jax.lax.reduce_window(
                x, np.asarray(-np.inf, x.dtype)[()], jax.lax.max, (2, 3), (1, 2), "VALID"
            ),
        ),
        bound=0,
    ),
    row(
        "reduce_window min",
        v(
            f(4, 9, distinct=True),
            weft=lambda x: wf.reduce_window(x, "min", (2, 3), padding=1),
            jax=lambda x: jax.lax.reduce_window(
                x, np.asarray(np.inf, x.dtype)[()], jax.lax.min, (2, 3), (1, 1), ((1, 1), (1, 1))
            ),
        ),
        bound=0,
    ),
]

ROWS = CONTRACTION + INDEXING + CREATION + WINDOWS
