"""Linear algebra: the array API's extension, and what NumPy has beside it.

Decides what follows from which factors (weft.ops.linalg has those, with their derivatives). All are total: a matrix
that has no factor (not positive definite, singular, not finite) gives NaN or infinity and never an error. float16 and
bfloat16 are computed in float32.

>>> import weft as wf
>>> wf.linalg.solve(wf.asarray([[2.0, 0.0], [0.0, 4.0]]), wf.asarray([1.0, 1.0]))
Array([0.5 , 0.25], dtype=float32)
"""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

from weft._src import dims, dtypes, normalize
from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError, ShapeError
from weft._src.normalize import as_array, broadcast, broadcast_shapes, convert, floating, match, reshape, text
from weft._src.trace import Tracer, emit
from weft.nn.common import as_float, wide
from weft.ops import elementwise, movement, reduction
from weft.ops import linalg as factors
from weft.ops.contraction import matmul, outer, tensordot, vecdot
from weft.ops.creation import eye
from weft.ops.elementwise import where
from weft.ops.movement import cut, matrix_transpose

__all__ = [
    "LU", "QR", "SVD", "Eigh", "Lstsq", "Slogdet", "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh",
    "inv", "lstsq", "lu", "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "norm", "outer",
    "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals", "tensordot", "trace", "vecdot",
    "vector_norm",
]  # fmt: skip


class LU(NamedTuple):
    """`x[..., permutation, :] = lower @ upper`, row by row."""

    permutation: Any
    lower: Any
    upper: Any


class QR(NamedTuple):
    """`x = Q @ R`."""

    Q: Any
    R: Any


class Eigh(NamedTuple):
    """`x @ eigenvectors = eigenvectors * eigenvalues`."""

    eigenvalues: Any
    eigenvectors: Any


class SVD(NamedTuple):
    """`x = (U * S) @ Vh`, where U and Vh are not square."""

    U: Any
    S: Any
    Vh: Any


class Lstsq(NamedTuple):
    """What `lstsq` returns: the solution, the sum of squares that is left, and what tells how well it is determined."""

    x: Any
    residuals: Any
    rank: Any
    singular_values: Any


class Slogdet(NamedTuple):
    """The sign of a determinant, and the logarithm of its magnitude."""

    sign: Any
    logabsdet: Any


# ----------------------------------------------------------------------------------------------------------- operands


def _matrices(name: str, x: Any, square: bool = False) -> tuple[Tracer, Any]:
    """The operand in a float dtype of at least 32 bits, and the dtype of the result."""
    x = as_float(x)
    if x.ndim < 2:
        raise ShapeError("WF1011", f"{name} takes matrices: arrays with at least two axes.", operands=(text(x),))
    if square and not dims.same(x.shape[-1], x.shape[-2]):
        raise ShapeError(
            "WF1012", f"{name} takes square matrices; the last two sizes are {x.shape[-2]} and {x.shape[-1]}.",
            operands=(text(x),),
        )  # fmt: skip
    return wide(x), x.dtype


def _symmetric(name: str, x: Any) -> tuple[Tracer, Any]:
    """The mean of square matrices and their transposes, and the dtype of the result."""
    a, d = _matrices(name, x, square=True)
    return 0.5 * a + 0.5 * matrix_transpose(a), d


def _least(x: Tracer) -> Any:
    """The less of the sizes of matrices."""
    m, n = x.shape[-2:]
    if not dims.same(m, n) and (isinstance(m, dims.Dim) or isinstance(n, dims.Dim)):
        raise ShapeError("WF1012", "which of two symbolic sizes is less is not known.", operands=(text(x),))
    return factors.least(m, n)


def _zeros(x: Tracer) -> Tracer:
    return broadcast(convert(0.0, x.dtype), x.shape)


# ------------------------------------------------------------------------------------------------------ factorisations


@op
def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The lower triangular L with `x = L @ L.mT`, or the upper `L.mT`.

    Args:
        x: symmetric positive definite matrices, of shape (..., n, n); the mean of `x` and its transpose is factored.
        upper: whether the result is the upper triangular factor.

    Returns:
        An array of the shape of `x`; NaN in that triangle where a matrix is not positive definite.

    Raises:
        ShapeError: WF1011, WF1012 for other than square matrices.

    >>> cholesky(np.float32([[4, 2], [2, 5]]))
    Array([[2., 0.],
           [1., 2.]], dtype=float32)
    """
    a, d = _symmetric("cholesky", x)
    factor = factors.cholesky(a)
    return convert(matrix_transpose(factor) if upper else factor, d)


@op
def lu(x: Any, /) -> LU:
    """The factors of matrices with exchanged rows: `x[permutation] = lower @ upper` for one matrix, with ones on the
    diagonal of `lower`.

    Args:
        x: matrices of shape (..., m, n); k is the less of m and n.

    Returns:
        LU(permutation, lower, upper), of shapes (..., m), (..., m, k) and (..., k, n).

    Raises:
        ShapeError: WF1011; WF1012 where m and n are different symbolic sizes.

    >>> lu(np.float32([[0, 2], [4, 4]])).upper
    Array([[4., 4.],
           [0., 2.]], dtype=float32)
    """
    a, d = _matrices("lu", x)
    k = _least(a)
    both, order = factors.lu(a)
    lower, upper = factors.columns(both, 0, k), factors.rows(both, 0, k)
    lower = where(factors.index(lower, -2) == factors.index(lower, -1), 1.0, factors.below(lower))
    return LU(order, convert(lower, d), convert(factors.above(upper), d))


@op
def qr(x: Any, /, *, mode: str = "reduced") -> QR:
    """`x = Q @ R` with orthonormal columns of Q and an upper triangular R, by reflections (Householder, 1958).

    Args:
        x: matrices of shape (..., m, n); k is the less of m and n.
        mode: "reduced": Q of shape (..., m, k), R of (..., k, n); "complete": (..., m, m) and (..., m, n).

    Raises:
        ShapeError: WF1011, WF1012; ArgumentValueError: WF1902 for another mode.

    >>> qr(np.float32([[3], [4]])).R
    Array([[-5.]], dtype=float32)
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentValueError("WF1902", f"mode is 'reduced' or 'complete', not {mode!r}.")
    a, d = _matrices("qr", x)
    _least(a)
    q, r = factors.qr(a, mode == "complete")
    return QR(convert(q, d), convert(r, d))


@op
def eigh(x: Any, /) -> Eigh:
    """The eigenvalues of symmetric matrices, ascending, and orthonormal eigenvectors in the columns.

    Args:
        x: symmetric matrices, of shape (..., n, n); the mean of `x` and its transpose is taken.

    Returns:
        Eigh(eigenvalues, eigenvectors), of shapes (..., n) and (..., n, n); NaN where `x` has NaN or infinities. The
        derivative takes the turn between vectors of equal eigenvalues as 0: it is right for what depends on the space
        that they span, or on all values alike, and not for what takes these vectors one by one.

    Raises:
        ShapeError: WF1011, WF1012 for other than square matrices.

    >>> eigh(np.float32([[2, 0], [0, 1]])).eigenvalues
    Array([1., 2.], dtype=float32)
    """
    a, d = _symmetric("eigh", x)
    values, vectors = factors.eigh(a)
    return Eigh(convert(values, d), convert(vectors, d))


@op
def eigvalsh(x: Any, /) -> Any:
    """The eigenvalues of symmetric matrices, ascending.

    Args, Raises: as `eigh`.

    >>> eigvalsh(np.float32([[0, 1], [1, 0]]))
    Array([-1.,  1.], dtype=float32)
    """
    a, d = _symmetric("eigvalsh", x)
    return convert(factors.eigvalsh(a), d)


@op
def svd(x: Any, /, *, full_matrices: bool = True) -> SVD:
    """The singular values of matrices, descending, and their vectors: for one matrix, `x = (U[:, :k] * S) @ Vh[:k]`.

    Args:
        x: matrices of shape (..., m, n); k is the less of m and n.
        full_matrices: whether U and Vh are square; else of shapes (..., m, k) and (..., k, n).

    Returns:
        SVD(U, S, Vh); NaN where `x` has NaN or infinities. Of derivatives holds what `eigh` says, for vectors of equal
        singular values and for those that make U and Vh square.

    Raises:
        ShapeError: WF1011; WF1012 where m and n are different symbolic sizes.

    >>> svd(np.float32([[0, 3], [4, 0]])).S
    Array([4., 3.], dtype=float32)
    """
    a, d = _matrices("svd", x)
    _least(a)
    return SVD(*(convert(y, d) for y in factors.svd(a, bool(full_matrices))))


@op
def svdvals(x: Any, /) -> Any:
    """The singular values of matrices, descending.

    Raises: as `svd`.

    >>> svdvals(np.float32([[3, 0, 0], [0, 4, 0]]))
    Array([4., 3.], dtype=float32)
    """
    a, d = _matrices("svdvals", x)
    _least(a)
    return convert(factors.svdvals(a), d)


# ----------------------------------------------------------------------------------------------------------- solutions


def _system(name: str, x1: Any, x2: Any, square: bool = True) -> tuple[Tracer, Tracer, Any, bool]:
    """Both sides with common leading axes, the dtype of the result, and whether the right one was a vector."""
    given = [as_array(x1), as_array(x2)]
    d = floating(given)
    a, b = (wide(convert(x, d)) for x in given)
    shown = [text(x) for x in given]
    if a.ndim < 2 or b.ndim < 1:
        raise ShapeError("WF1011", f"{name} takes matrices, and a vector or matrices.", operands=shown)
    is_vector = b.ndim == 1
    if is_vector:
        b = reshape(b, (*b.shape, 1))
    if (square and not dims.same(a.shape[-1], a.shape[-2])) or not dims.same(a.shape[-2], b.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ShapeError("WF1012", f"{name} takes {kind}, and as many rows on the right as they have.", operands=shown)
    lead = broadcast_shapes(a.shape[:-2], b.shape[:-2], operands=given)
    return broadcast(a, (*lead, *a.shape[-2:])), broadcast(b, (*lead, *b.shape[-2:])), d, is_vector


def _answer(x: Tracer, d: Any, is_vector: bool) -> Tracer:
    return convert(reshape(x, x.shape[:-1]) if is_vector else x, d)


@op(arrays=2)
def solve(x1: Any, x2: Any, /) -> Any:
    """The x with `x1 @ x = x2`, by elimination with exchanged rows.

    Args:
        x1: square matrices, of shape (..., n, n). x2: a vector of shape (n,), or matrices of shape (..., n, k).

    Returns:
        An array of the shape of `x2` (leading axes broadcast); infinite or NaN where a matrix is singular.

    Raises:
        ShapeError: WF1011, WF1012; WF1001 where leading axes do not broadcast.

    >>> solve(np.float32([[0, 2], [4, 0]]), np.float32([2, 8]))
    Array([2., 1.], dtype=float32)
    """
    a, b, d, is_vector = _system("solve", x1, x2)
    return _answer(factors.solve(a, b), d, is_vector)


@op(arrays=2)
def solve_triangular(x1: Any, x2: Any, /, *, lower: bool = False, unit_diagonal: bool = False) -> Any:
    """The x with `x1 @ x = x2`, for triangular matrices, of which only that triangle is read.

    Args:
        x1, x2: as in `solve`. lower: which triangle. unit_diagonal: take the diagonal as ones.

    Raises: as `solve`.

    >>> solve_triangular(np.float32([[2, 9], [1, 4]]), np.float32([2, 5]), lower=True)
    Array([1., 1.], dtype=float32)
    """
    a, b, d, is_vector = _system("solve_triangular", x1, x2)
    x = factors.triangular_solve(a, b, lower=bool(lower), unit_diagonal=bool(unit_diagonal))
    return _answer(x, d, is_vector)


@op
def inv(x: Any, /) -> Any:
    """The inverses of square matrices; infinite or NaN where there is none.

    Raises:
        ShapeError: WF1011, WF1012.

    >>> inv(np.float32([[2, 0], [0, 4]]))
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    a, d = _matrices("inv", x, square=True)
    return convert(factors.solve(a, broadcast(eye(a.shape[-1], dtype=a.dtype), a.shape)), d)


@op
def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    """The pseudo-inverses of matrices (Moore and Penrose), by singular values.

    Args:
        x: matrices of shape (..., m, n).
        rtol: singular values of at most this times the greatest count as 0: a number, or an array of one for each
            matrix; by default the greater of m and n times the distance from 1 to the next number of the dtype.

    Returns:
        An array of shape (..., n, m). The derivative holds where the rank does not change.

    Raises:
        ShapeError: WF1011; WF1012 where m and n are different symbolic sizes.

    >>> pinv(np.float32([[2, 0], [0, 0], [0, 4]])).tolist()
    [[0.5, 0.0, 0.0], [0.0, 0.0, 0.25]]
    """
    a, d = _matrices("pinv", x)
    return convert(_pinv(a, rtol), d)


def _pinv(a: Tracer, rtol: Any) -> Tracer:
    return _zeros(matrix_transpose(a)) if dims.same(_least(a), 0) else factors.pinv(a, _tolerance(a, rtol))


@op(arrays=2)
def lstsq(x1: Any, x2: Any, /, *, rtol: float | None = None) -> Lstsq:
    """The x for which the sum of squares of `x2 - x1 @ x` is least; of several the one of the least norm.

    It is the pseudo-inverse of `x1` times `x2`.

    Args:
        x1: matrices of shape (..., m, n). x2: a vector of shape (m,), or matrices of shape (..., m, k).
        rtol: as in `pinv`.

    Returns:
        Lstsq(x, residuals, rank, singular_values): the solution, of shape (n,) or (..., n, k); that sum, for each
        column of `x2` (NumPy leaves it out where the rank is less than n); as `matrix_rank`; as `svdvals`. The
        derivative holds where the rank does not change. NaN where `x1` has NaN or infinities.

    Raises:
        ShapeError: WF1011; WF1012 where rows differ, or m and n are different symbolic sizes; WF1001.

    >>> line = lstsq(np.float32([[0, 1], [1, 1], [2, 1]]), np.float32([1, 3, 5]))
    >>> line.x.round(4).tolist(), line.rank.item()
    ([2.0, 1.0], 2)
    """
    a, b, d, is_vector = _system("lstsq", x1, x2, square=False)
    x = matmul(_pinv(a, rtol), b)
    left = b - matmul(a, x)
    residuals = reduction.sum(left * left, axis=-2)
    s = factors.svdvals(a)
    return Lstsq(_answer(x, d, is_vector), _answer(residuals, d, is_vector), _rank(a, s, rtol), convert(s, d))


@op
def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    """How many singular values of matrices count as other than 0.

    Args:
        x, rtol: as in `pinv`.

    Returns:
        An integer for each matrix.

    Raises: as `pinv`.

    >>> matrix_rank(np.float32([[1, 2], [2, 4]])).item()
    1
    """
    a, _ = _matrices("matrix_rank", x)
    _least(a)
    return _rank(a, factors.svdvals(a), rtol)


def _rank(a: Tracer, s: Tracer, rtol: Any) -> Tracer:
    """How many of the singular values of a count as other than 0."""
    integer = dtypes.default_int()
    if dims.same(_least(a), 0):
        return broadcast(convert(0, integer), a.shape[:-2])
    greatest = cut(s, s.ndim - 1, 0, 1)
    return reduction.sum(s > _tolerance(a, rtol) * greatest, axis=-1, dtype=integer)


def _tolerance(a: Tracer, rtol: Any) -> Tracer:
    """The share of the greatest singular value below which one counts as 0: a number, or (..., 1)."""
    if rtol is not None:
        share = convert(as_array(rtol), a.dtype)
        return share[..., None] if share.ndim else share
    m, n = a.shape[-2:]
    return convert(as_array(m if dims.same(m, n) else max(m, n)), a.dtype) * dtypes.finfo(a.dtype).eps


@op
def cond(x: Any, /, p: Any = None) -> Any:
    """The condition numbers of matrices: the norm of each times that of its inverse.

    Args:
        x: matrices; square ones where p is not None, 2 or -2. p: which norm, as in `matrix_norm`; None is 2.

    Returns:
        A number for each matrix; infinity for singular ones.

    Raises:
        ShapeError: WF1011, WF1012; ArgumentValueError: WF1902 for another p.

    >>> cond(np.float32([[1, 0], [0, 4]]))
    Array(4., dtype=float32)
    """
    if p is None or p in (2, -2):
        a, d = _matrices("cond", x)
        k = _least(a)
        s = factors.svdvals(a)
        first, last = (reshape(cut(s, s.ndim - 1, i, 1), a.shape[:-2]) for i in (0, k - 1))
        return convert(first / last if p != -2 else last / first, d)
    a, d = _matrices("cond", x, square=True)
    return convert(matrix_norm(a, ord=p) * matrix_norm(inv(a), ord=p), d)


@op
def slogdet(x: Any, /) -> Slogdet:
    """The signs of determinants, and the logarithms of their magnitudes: (0, -inf) for a singular matrix.

    Raises:
        ShapeError: WF1011, WF1012.

    >>> slogdet(np.float32([[0, 1], [1, 0]])).sign
    Array(-1., dtype=float32)
    """
    a, d = _matrices("slogdet", x, square=True)
    pivots, sign = _pivots(a)
    signs = sign * reduction.prod(elementwise.sign(pivots), axis=-1)
    return Slogdet(convert(signs, d), convert(reduction.sum(elementwise.log(elementwise.abs(pivots)), axis=-1), d))


@op
def det(x: Any, /) -> Any:
    """The determinants of square matrices. The derivative of that of a singular matrix is not promised.

    Raises:
        ShapeError: WF1011, WF1012.

    >>> det(np.float32([[1, 2], [3, 4]])).item() + 2 < 1e-6
    True
    """
    a, d = _matrices("det", x, square=True)
    pivots, sign = _pivots(a)
    return convert(sign * reduction.prod(pivots, axis=-1), d)


def _pivots(a: Tracer) -> tuple[Tracer, Tracer]:
    """The diagonal of the upper factor, and the sign of the order of rows, by how many pairs are not in order."""
    both, order = factors.lu(a)
    first = broadcast(reshape(order, (*order.shape, 1)), a.shape)
    wrong = (first > matrix_transpose(first)) & (factors.index(a, -2) < factors.index(a, -1))
    odd = reduction.sum(wrong, axis=(-2, -1), dtype=dtypes.int64) % 2
    return factors.diagonal(both), convert(1 - 2 * odd, a.dtype)


@op
def matrix_power(x: Any, n: int, /) -> Any:
    """Square matrices times themselves, n times; for a negative n their inverses.

    Raises:
        ShapeError: WF1011, WF1012; ArgumentValueError: WF1902 where n is no int.

    >>> matrix_power(np.float32([[1, 1], [0, 1]]), 5)
    Array([[1., 5.],
           [0., 1.]], dtype=float32)
    """
    a, d = _matrices("matrix_power", x, square=True)
    try:
        n = operator.index(n)
    except TypeError:
        raise ArgumentValueError("WF1902", f"matrix_power takes an int, not {n!r}.") from None
    if n < 0:
        a, n = wide(inv(a)), -n
    made, square = None, a
    while n:
        if n & 1:
            made = square if made is None else matmul(made, square)
        n >>= 1
        if n:
            square = matmul(square, square)
    return convert(broadcast(eye(a.shape[-1], dtype=a.dtype), a.shape) if made is None else made, d)


# ----------------------------------------------------------------------------------------------- diagonals, products


@op
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """A diagonal of the last two axes, as a new last axis.

    Args:
        x: an array of shape (..., m, n). offset: above the main diagonal, or below it (negative).

    Raises:
        ShapeError: WF1011 for fewer axes, WF1012 for symbolic sizes.

    >>> diagonal(np.float32([[1, 2, 3], [4, 5, 6]]), offset=1)
    Array([2., 6.], dtype=float32)
    """
    x = normalize.array(x)
    if x.ndim < 2:
        raise ShapeError("WF1011", "diagonal takes at least two axes.", operands=(text(x),))
    m, n = x.shape[-2:]
    if isinstance(m, dims.Dim) or isinstance(n, dims.Dim):
        raise ShapeError("WF1012", "diagonal takes axes of known sizes.", operands=(text(x),))
    first, along = max(-offset, 0), max(offset, 0)
    size = max(min(m - first, n - along), 0)
    # Element (i, i) of the part lies i * (n + 1) behind its first: n + 1 columns to a row make the diagonal a column.
    part = cut(cut(x, x.ndim - 2, min(first, m), size), x.ndim - 1, min(along, n), size)
    if size == 0:
        return reshape(part, (*x.shape[:-2], 0))
    flat = reshape(part, (*x.shape[:-2], size * size))
    padded = movement.pad(flat, [(0, 0)] * (flat.ndim - 1) + [(0, size)])
    return reshape(cut(reshape(padded, (*x.shape[:-2], size, size + 1)), x.ndim - 1, 0, 1), (*x.shape[:-2], size))


@op
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sum of a diagonal of the last two axes.

    Args:
        x, offset: as in `diagonal`. dtype: of the result, as in `weft.sum`.

    Raises: as `diagonal`.

    >>> trace(np.float32([[1, 2], [3, 4]]))
    Array(5., dtype=float32)
    """
    return reduction.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


@op(arrays=2)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vector products of vectors of three elements along an axis.

    Raises:
        ShapeError: WF1001; WF1012 where the axis has not 3 elements; AxisError: WF1002.

    >>> cross(np.float32([1, 0, 0]), np.float32([0, 1, 0]))
    Array([0., 0., 1.], dtype=float32)
    """
    (a, b), _ = match([x1, x2])
    i = normalize.axis(axis, a.ndim)
    if not dims.same(a.shape[i], 3) or any(not dims.same(as_array(x).shape[axis], 3) for x in (x1, x2)):
        raise ShapeError("WF1012", f"cross takes vectors of 3 elements along axis {axis}.", operands=(text(a), text(b)))
    parts = [[cut(v, i, j, 1) for j in range(3)] for v in (a, b)]
    (u, v), order = parts, [(1, 2), (2, 0), (0, 1)]
    return movement.concat([u[j] * v[k] - u[k] * v[j] for j, k in order], axis=i)


# --------------------------------------------------------------------------------------------------------------- norms


def _root_of_squares(x: Tracer, axes: tuple, keepdims: bool) -> Tracer:
    """sqrt(sum(x^2)) without overflow, with the derivative 0 at 0."""
    if not axes:
        return elementwise.abs(x)
    greatest = reduction.max(elementwise.abs(x), axis=axes, keepdims=True) if _has_elements(x, axes) else None
    if greatest is None:
        return reduction.sum(x, axis=axes, keepdims=keepdims)
    scale = emit("stop_gradient", [where((greatest > 0) & elementwise.isfinite(greatest), greatest, 1.0)])
    square = reduction.sum((x / scale) ** 2, axis=axes, keepdims=True)
    root = where(square == 0, 0.0, elementwise.sqrt(where(square == 0, 1.0, square))) * scale
    return root if keepdims else movement.squeeze(root, axis=axes)


def _has_elements(x: Tracer, axes: tuple) -> bool:
    return all(isinstance(x.shape[i], dims.Dim) or x.shape[i] > 0 for i in axes)


def _vector_norm(x: Tracer, axes: tuple, keepdims: bool, order: float) -> Tracer:
    size = elementwise.abs(x)
    if order == 2:
        return _root_of_squares(x, axes, keepdims)
    if order == math.inf:
        return reduction.max(size, axis=axes, keepdims=keepdims)
    if order == -math.inf:
        return reduction.min(size, axis=axes, keepdims=keepdims)
    if order == 0:
        return reduction.sum(convert(x != 0, x.dtype), axis=axes, keepdims=keepdims)
    if order == 1:
        return reduction.sum(size, axis=axes, keepdims=keepdims)
    return reduction.sum(size**order, axis=axes, keepdims=keepdims) ** (1.0 / order)


@op
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """The length of vectors: `sum(|x|^ord)^(1/ord)`, the greatest (inf) or least (-inf) magnitude, or how many elements
    are not 0 (0).

    Args:
        x: an array of numbers; integers are taken as the default float.
        axis: an axis, some axes, or None for all. keepdims: reduced axes stay, with size 1. ord: which norm.

    Raises:
        AxisError: WF1002, WF1003; ShapeError: WF1018 for the greatest of nothing.

    >>> vector_norm(np.float32([3, 4]))
    Array(5., dtype=float32)
    """
    x = as_float(x)
    return convert(_vector_norm(wide(x), normalize.axes(axis, x.ndim), keepdims, ord), x.dtype)


@op
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """A norm of matrices: "fro" (the root of the sum of squares), 1 or -1 (the greatest or least sum of a column), inf
    or -inf (of a row), 2 or -2 (the greatest or least singular value), "nuc" (the sum of these).

    Raises:
        ShapeError: WF1011; ArgumentValueError: WF1902 for another ord.

    >>> matrix_norm(np.float32([[1, -2], [3, 4]]), ord=1)
    Array(6., dtype=float32)
    """
    a, d = _matrices("matrix_norm", x)
    if ord in (2, -2, "nuc"):
        _least(a)
        fold = {2: reduction.max, -2: reduction.min, "nuc": reduction.sum}[ord]
        made = fold(factors.svdvals(a), axis=-1)
        made = reshape(made, (*made.shape, 1, 1)) if keepdims else made
    elif ord == "fro":
        made = _root_of_squares(a, (a.ndim - 2, a.ndim - 1), keepdims)
    elif ord in (1, -1, math.inf, -math.inf):
        summed, folded = (a.ndim - 2, a.ndim - 1) if abs(ord) == 1 else (a.ndim - 1, a.ndim - 2)
        fold = reduction.max if ord > 0 else reduction.min
        made = fold(reduction.sum(elementwise.abs(a), axis=summed, keepdims=True), axis=folded, keepdims=True)
        made = made if keepdims else reshape(made, a.shape[:-2])
    else:
        raise ArgumentValueError("WF1902", f"ord is 'fro', 1, -1, inf, -inf, 2, -2 or 'nuc', not {ord!r}.")
    return convert(made, d)


@op
def norm(x: Any, /, ord: Any = None, axis: Any = None, *, keepdims: bool = False) -> Any:
    """NumPy's norm: of vectors along one axis, of matrices along two; without `ord` and `axis`, of all elements.

    Raises: as `vector_norm` and `matrix_norm`.

    >>> norm(np.float32([[3, 0], [0, 4]]))
    Array(5., dtype=float32)
    """
    x = as_float(x)
    along = normalize.axes(axis, x.ndim)
    if ord is None or (len(along) == 1 and axis is not None) or x.ndim == 1:
        return vector_norm(x, axis=axis, keepdims=keepdims, ord=2 if ord is None else ord)
    if len(along) != 2:
        raise ArgumentValueError("WF1902", "a norm with ord is of vectors (one axis) or of matrices (two).")
    made = matrix_norm(movement.moveaxis(x, along, (-2, -1)), keepdims=False, ord=ord)
    return reshape(made, tuple(1 if i in along else n for i, n in enumerate(x.shape))) if keepdims else made
