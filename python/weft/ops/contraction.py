"""Products that sum: matmul, tensordot, vecdot, dot, outer, einsum; all are the dialect's `dot`, or a sum of products.

Decides how vectors, leading axes and letters become batch, free and contracted dimensions. `dot` keeps the order batch,
free of the left, free of the right; a transpose follows where that is not what was asked for. Where no operand has a
free axis there is nothing but the sum to compute side by side: it is a reduction, whose order allows that.
"""

from __future__ import annotations

import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from weft._src import dims, dtypes
from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError, ShapeError
from weft._src.normalize import (
    array,
    as_array,
    broadcast,
    broadcast_shapes,
    common_type,
    convert,
    reshape,
    text,
    unsupported,
)
from weft._src.normalize import (
    axes as all_axes,
)
from weft._src.normalize import (
    axis as one_axis,
)
from weft._src.trace import Tracer, emit

__all__ = ["dot", "einsum", "matmul", "outer", "tensordot", "vecdot"]


def _pair(name: str, x1: Any, x2: Any) -> tuple[Tracer, Tracer]:
    """Both operands in their common dtype."""
    xs = [as_array(x1), as_array(x2)]
    d = common_type(xs).dtype
    if d.kind == "bool":
        raise unsupported(name, xs[0], "numbers")
    return convert(xs[0], d), convert(xs[1], d)


def _dot(a: Tracer, b: Tracer, batch: Sequence[tuple[int, int]], contract: Sequence[tuple[int, int]]) -> Tracer:
    if contract and len(batch) + len(contract) == len(a.shape) == len(b.shape):
        return _sum_of_products(a, b, [*batch, *contract], len(batch))
    return emit(
        "dot", [a, b],
        lhs_batch=[i for i, _ in batch], rhs_batch=[j for _, j in batch],
        lhs_contract=[i for i, _ in contract], rhs_contract=[j for _, j in contract],
    )  # fmt: skip


def _sum_of_products(a: Tracer, b: Tracer, pairs: Sequence[tuple[int, int]], kept: int) -> Tracer:
    """Of paired axes, of which all but the first `kept` are summed; narrow floats in float32, as `dot` does."""
    d = a.dtype
    made = []
    for x, order in ((a, [i for i, _ in pairs]), (b, [j for _, j in pairs])):
        x = convert(x, dtypes.float32) if d.kind == "float" and d.itemsize == 2 else x
        made.append(x if order == sorted(order) else emit("transpose", [x], permutation=order))
    return convert(emit("reduce", [emit("mul", made)], kind="add", dims=list(range(kept, len(pairs)))), d)


@op(arrays=2)
def matmul(x1: Any, x2: Any, /) -> Any:
    """The matrix product; leading axes broadcast, a vector stands for a row on the left and for a column on the right.

    Args:
        x1, x2: arrays of numbers with at least one axis, promoted to one dtype.

    Raises:
        ShapeError: WF1012 where the summed sizes differ, WF1011 for an operand without axes, WF1001 where the leading
        axes do not broadcast; DTypeError: WF1021, WF1022.

    >>> weft.matmul(weft.ones((2, 3)), weft.ones((3, 4))).shape
    (2, 4)
    """
    a, b = _pair("matmul", x1, x2)
    shown = (text(a), text(b))
    if not a.shape or not b.shape:
        raise ShapeError("WF1011", "matmul takes arrays with at least one axis.", operands=shown)
    k = (len(a.shape) - 1, max(len(b.shape) - 2, 0))
    if not dims.same(a.shape[k[0]], b.shape[k[1]]):
        which = "the second-to-last of the right" if len(b.shape) > 1 else "the size of the right"
        raise ShapeError(
            "WF1012",
            f"matmul: the last size of the left operand ({a.shape[-1]}) must equal {which} ({b.shape[k[1]]}).",
            operands=shown,
        )
    if len(a.shape) == 1 or len(b.shape) <= 2:
        return _dot(a, b, [], [k])  # all other axes are free, and stand where matmul wants them
    lead = broadcast_shapes(a.shape[:-2], b.shape[:-2], operands=(a, b))
    a = broadcast(a, (*lead, *a.shape[-2:]))
    b = broadcast(b, (*lead, *b.shape[-2:]))
    n = len(lead)
    return _dot(a, b, [(i, i) for i in range(n)], [(n + 1, n)])


@op(arrays=2)
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """The product summed over pairs of axes.

    Args:
        axes: how many of the last axes of `x1` meet the first of `x2`, or a pair of equally long sequences of axes.

    Raises:
        ShapeError: WF1012 where paired sizes differ; ArgumentValueError: WF1015 for malformed axes; AxisError: WF1002.

    >>> weft.tensordot(weft.ones((2, 3)), weft.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    a, b = _pair("tensordot", x1, x2)
    if isinstance(axes, (tuple, list)):
        if len(axes) != 2:
            raise ArgumentValueError("WF1015", "tensordot: axes is a number or a pair of sequences.")
        left, right = all_axes(axes[0], len(a.shape)), all_axes(axes[1], len(b.shape))
    else:
        n = operator.index(axes)
        if not 0 <= n <= min(len(a.shape), len(b.shape)):
            raise ArgumentValueError(
                "WF1015", f"tensordot: the operands do not both have {n} axes.", operands=(text(a), text(b))
            )
        left, right = tuple(range(len(a.shape) - n, len(a.shape))), tuple(range(n))
    if len(left) != len(right):
        raise ArgumentValueError("WF1015", f"tensordot: {len(left)} axes do not pair with {len(right)}.")
    for i, j in zip(left, right, strict=True):
        _check("tensordot", a, b, i, j)
    return _dot(a, b, [], list(zip(left, right, strict=True)))


def _check(name: str, a: Tracer, b: Tracer, i: int, j: int) -> None:
    if not dims.same(a.shape[i], b.shape[j]):
        raise ShapeError(
            "WF1012",
            f"{name}: the size of axis {i} of the left operand ({a.shape[i]}) must equal that of axis {j} of the right "
            f"({b.shape[j]}).",
            operands=(text(a), text(b)),
        )


@op(arrays=2)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The products of vectors along an axis, summed; the other axes broadcast.

    Args:
        axis: a negative number, counted in both.

    Raises:
        ShapeError: WF1012 where the sizes along the axis differ, WF1001; AxisError: WF1002.

    >>> weft.vecdot(weft.ones((5, 3)), weft.ones(3)).shape
    (5,)
    """
    a, b = _pair("vecdot", x1, x2)
    i, j = one_axis(axis, len(a.shape)), one_axis(axis, len(b.shape))
    _check("vecdot", a, b, i, j)
    n = a.shape[i]
    lead = broadcast_shapes(a.shape[:i] + a.shape[i + 1 :], b.shape[:j] + b.shape[j + 1 :], operands=(a, b))
    at = len(lead) - (len(a.shape) - 1 - i)  # the axis, among the common ones
    full = (*lead[:at], n, *lead[at:])
    rest = [k for k in range(len(full)) if k != at]
    return _dot(broadcast(a, full), broadcast(b, full), [(k, k) for k in rest], [(at, at)])


@op(arrays=2)
def dot(x1: Any, x2: Any, /) -> Any:
    """NumPy's dot: sums over the last axis of `x1` and the second-to-last of `x2` (its only one for a vector).

    Raises:
        ShapeError: WF1012 where these sizes differ.

    >>> weft.dot(weft.asarray([1.0, 2.0]), weft.asarray([3.0, 4.0]))
    Array(11., dtype=float32)
    """
    a, b = _pair("dot", x1, x2)
    if not a.shape or not b.shape:
        shape = a.shape or b.shape
        return emit("mul", [broadcast(a, shape), broadcast(b, shape)])
    j = max(len(b.shape) - 2, 0)
    _check("dot", a, b, len(a.shape) - 1, j)
    return _dot(a, b, [], [(len(a.shape) - 1, j)])


@op(arrays=2)
def outer(x1: Any, x2: Any, /) -> Any:
    """The products of each element of one vector with each of another.

    >>> weft.outer(weft.asarray([1, 2]), weft.asarray([3, 4, 5])).shape
    (2, 3)
    """
    a, b = _pair("outer", x1, x2)
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise ShapeError("WF1011", "outer takes two vectors.", operands=(text(a), text(b)))
    shape = (*a.shape, *b.shape)
    left = broadcast(reshape(a, (*a.shape, 1)), shape)
    return emit("mul", [left, broadcast(b, shape)])


# ------------------------------------------------------------------------------------------------------------- einsum


def einsum(subscripts: str, /, *operands: Any) -> Any:
    """Einstein's sum: a letter for each axis; letters that the result lacks are summed.

    Of three operands and more those are joined first that take the fewest products (NumPy's `einsum_path`), and a
    letter is summed as soon as no other operand and not the result has it.

    Args:
        subscripts: such as "bij,jk->bik". "..." stands for axes that broadcast, counted from the last; a letter twice
            in one term for a diagonal. Without "->" the result has the axes of "...", then the letters that appear
            once, in order.
        operands: as many arrays of numbers as there are terms.

    Raises:
        ArgumentValueError: WF1902 for malformed subscripts; ShapeError: WF1012 where one letter has two sizes, and for
        a diagonal of symbolic sizes, WF1011.

    >>> weft.einsum("ij,jk->ik", weft.ones((2, 3)), weft.ones((3, 4))).shape
    (2, 4)
    >>> weft.einsum("...ii", weft.ones((5, 3, 3))).shape
    (5,)
    """
    return _einsum(list(operands), subscripts.replace(" ", ""))


@op(sequence=True)
def _einsum(operands: Sequence[Any], subscripts: str) -> Any:
    xs = [as_array(x) for x in operands]
    d = common_type(xs).dtype
    if d.kind == "bool":
        raise unsupported("einsum", xs[0], "numbers")
    made = [array(convert(x, d)) for x in xs]
    terms, result = _parse(subscripts, [x.ndim for x in made])
    sizes: dict[str, Any] = {}
    for k, (term, x) in enumerate(zip(terms, made, strict=True)):
        if len(term) != len(x.shape):
            raise ShapeError("WF1011", f"einsum: {term!r} names {len(term)} axes.", operands=[text(y) for y in made])
        for letter, n in zip(term, x.shape, strict=True):
            if letter in _SPREAD and dims.same(sizes.get(letter, 1), 1):
                sizes[letter] = n
            elif not dims.same(sizes.setdefault(letter, n), n) and not (letter in _SPREAD and dims.same(n, 1)):
                raise ShapeError(
                    "WF1012", f"einsum: {letter!r} has the sizes {sizes[letter]} and {n}.",
                    operands=[text(y) for y in made],
                )  # fmt: skip
        made[k], terms[k] = _diagonals(x, term)
    for k, (term, x) in enumerate(zip(terms, made, strict=True)):  # of size 1 beside another: as if it were not there
        kept = [i for i, c in enumerate(term) if c not in _SPREAD or dims.same(x.shape[i], sizes[c])]
        made[k], terms[k] = reshape(x, tuple(x.shape[i] for i in kept)), "".join(term[i] for i in kept)
    for step in _order(terms, result, sizes):
        (x, have), *others = [(made[i], terms[i]) for i in step]
        for i in sorted(step, reverse=True):
            del made[i], terms[i]
        for k, (y, term) in enumerate(others, 1):
            needed = set(result).union(*terms, *(t for _, t in others[k:]))
            x, have = _sum_out(x, have, needed | set(term))
            y, term = _sum_out(y, term, needed | set(have))
            both = [c for c in have if c in term]
            batch = [c for c in both if c in needed]
            pairs = {c: (have.index(c), term.index(c)) for c in both}
            x = _dot(x, y, [pairs[c] for c in batch], [pairs[c] for c in both if c not in needed])
            have = "".join(batch + [c for c in have if c not in both] + [c for c in term if c not in both])
        made.append(x)
        terms.append(have)
    x, have = _sum_out(made[0], terms[0], set(result))
    order = [have.index(c) for c in result]
    return x if order == sorted(order) else emit("transpose", [x], permutation=order)


def _order(terms: Sequence[str], result: str, sizes: dict[str, Any]) -> list[tuple[int, ...]]:
    """Which operands are joined, step after step; what they make comes behind the others. Of three and more those of
    the fewest products: opt_einsum's order, which NumPy has. A named size stands for a middling one."""
    if len(terms) < 3:
        return [tuple(range(len(terms)))]
    plain = dict(zip(sizes, string.ascii_letters, strict=False))
    text = [",".join("".join(plain[c] for c in t) for t in some) for some in (terms, [result])]
    numbers = {c: n if isinstance(n, int) else 64 for c, n in sizes.items()}
    shaped = [np.broadcast_to(np.float32(0), [numbers[c] for c in t]) for t in terms]
    how = "optimal" if len(terms) < 5 else "greedy"
    return np.einsum_path("->".join(text), *shaped, optimize=how)[0][1:]


# The letters that stand for the axes of "...", the last axis first.
_SPREAD = "".join(chr(0x2460 + i) for i in range(20))


def _parse(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result."""
    left, arrow, result = subscripts.partition("->")
    terms = left.split(",")
    letters = "".join(terms).replace("...", "")
    if not arrow:
        result = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    plain = letters + result.replace("...", "")
    once = all(t.count("...") <= 1 for t in (*terms, result))
    if len(terms) != len(ranks) or not once or (plain and not (plain.isalpha() and plain.isascii())):
        raise ArgumentValueError("WF1902", f"einsum: {subscripts!r} does not name the axes of {len(ranks)} operands.")
    widest = 0
    for k, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        if "..." in term:
            spread = min(max(rank - len(term) + 3, 0), len(_SPREAD))
            widest = max(widest, spread)
            terms[k] = term.replace("...", _SPREAD[:spread][::-1])
    result = _SPREAD[:widest][::-1] + result if not arrow else result.replace("...", _SPREAD[:widest][::-1])
    if len(set(result)) != len(result) or not set(_SPREAD[:widest]) <= set(result) <= set("".join(terms)):
        raise ArgumentValueError(
            "WF1902",
            f"einsum: the result of {subscripts!r} names axes once, out of those of the operands, and all of '...'.",
        )
    return terms, result


def _diagonals(x: Tracer, term: str) -> tuple[Tracer, str]:
    """The diagonal over axes that have one letter."""
    from weft import linalg
    from weft.ops import movement

    while twice := next((c for c in term if term.count(c) > 1), None):
        i, j = term.index(twice), term.rindex(twice)
        if not dims.same(x.shape[i], x.shape[j]):
            raise ShapeError(
                "WF1012", f"einsum: {twice!r} has the sizes {x.shape[i]} and {x.shape[j]}.", operands=(text(x),)
            )
        x = linalg.diagonal(movement.moveaxis(x, (i, j), (-2, -1)))
        term = "".join(c for k, c in enumerate(term) if k not in (i, j)) + twice
    return x, term


def _sum_out(x: Tracer, term: str, needed: set[str]) -> tuple[Tracer, str]:
    """Sums over the letters that nothing else needs."""
    gone = [i for i, c in enumerate(term) if c not in needed]
    if not gone:
        return x, term
    return emit("reduce", [x], kind="add", dims=gone), "".join(c for c in term if c in needed)
