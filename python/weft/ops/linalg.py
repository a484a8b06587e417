"""Factors of matrices and triangular systems: the dialect's family of this name.

Decides the derivatives of factors, each from the equation that defines them: with d for a tangent, and the factors
known, it is solved for theirs. Sources: Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008); Walter and Lehmann, "Algorithmic differentiation of linear algebra functions"
(2010); Golub and Pereyra, "The differentiation of pseudo-inverses" (1973).

Arguments are float32 or float64, with leading axes alike; `weft.linalg` is the public face.
"""

from __future__ import annotations

from typing import Any

from weft._src import dims, dtypes
from weft._src.custom import custom_jvp
from weft._src.normalize import broadcast, reshape
from weft._src.trace import Tracer, emit
from weft.ops import movement
from weft.ops.contraction import matmul
from weft.ops.creation import iota
from weft.ops.elementwise import where
from weft.ops.movement import cut, matrix_transpose

__all__: list[str] = []  # public in weft.linalg

# -------------------------------------------------------------------------------------------------------------- parts


def index(x: Tracer, axis: int) -> Tracer:
    """The index along an axis, at each element of `x`."""
    return iota(x.shape, x.ndim + axis, dtypes.int64)


def below(x: Tracer) -> Tracer:
    """What stands below the main diagonal."""
    return where(index(x, -2) > index(x, -1), x, 0.0)


def above(x: Tracer) -> Tracer:
    """What stands on and above the main diagonal."""
    return where(index(x, -2) <= index(x, -1), x, 0.0)


def diagonal(x: Tracer) -> Tracer:
    """The main diagonal of square matrices, as a last axis."""
    return emit("reduce", [where(index(x, -2) == index(x, -1), x, 0.0)], kind="add", dims=[x.ndim - 1])


def columns(x: Tracer, start: int, size: Any) -> Tracer:
    """Some columns of matrices."""
    return cut(x, x.ndim - 1, start, size)


def rows(x: Tracer, start: int, size: Any) -> Tracer:
    """Some rows of matrices."""
    return cut(x, x.ndim - 2, start, size)


def in_order(x: Tracer, order: Tracer) -> Tracer:
    """The rows of matrices in an order, of shape (..., m)."""
    if dims.same(x.shape[-2], 0):
        return x
    n = x.ndim - 2
    shape = (*x.shape[:-1], 1, x.shape[-1])
    indices = reshape(order, (*order.shape, 1))
    made = emit("gather", [x, indices], results=[(shape, x.dtype)], batch=n, dims=[n], at=0, bounds="clamp")
    return reshape(made, x.shape)


def inverse_or_zero(x: Tracer) -> Tracer:
    """1 / x, and 0 where x is 0."""
    none = x == 0
    return where(none, 0.0, 1.0 / where(none, 1.0, x))


# --------------------------------------------------------------------------------------------------- triangular systems


def triangular_solve(
    a: Tracer, b: Tracer, *, lower: bool, transposed: bool = False, unit_diagonal: bool = False
) -> Tracer:
    """The x with `a @ x = b` (or `a.mT @ x = b`), for a triangular `a`."""
    return emit("triangular_solve", [a, b], lower=lower, transposed=transposed, unit_diagonal=unit_diagonal)


def _behind(b: Tracer, upper: Tracer) -> Tracer:
    """`b` times the inverse of an upper triangular matrix."""
    return matrix_transpose(triangular_solve(upper, matrix_transpose(b), lower=False, transposed=True))


# ------------------------------------------------------------------------------------------------------------ cholesky


@custom_jvp
def cholesky(x: Any) -> Any:
    """The lower triangular L with x = L L', for a symmetric x."""
    return emit("cholesky", [x])


@cholesky.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    """With P = L^-1 dx L^-T, which is symmetric, dL is L times the lower half of P, its diagonal halved."""
    (x,), (dx,) = primals, tangents
    lower = cholesky(x)
    p = triangular_solve(lower, matrix_transpose(triangular_solve(lower, dx, lower=True)), lower=True)
    return lower, matmul(lower, where(index(p, -2) == index(p, -1), 0.5 * p, below(p)))


# ------------------------------------------------------------------------------------------------------------------ lu


@custom_jvp
def lu(x: Any) -> Any:
    """The factors of x in one matrix, without the ones of the lower one, and the order of x's rows."""
    return tuple(emit("lu", [x]))


@lu.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    """With x in its new order, x = L U; for U1 the first k columns of U and L1 the first k rows of L, the lower half of
    L1^-1 dx U1^-1 makes dL, the upper one dU."""
    (x,), (dx,) = primals, tangents
    both, order = lu(x)
    m, n = x.shape[-2:]
    k = least(m, n)
    lower, square = columns(both, 0, k), columns(rows(both, 0, k), 0, k)
    lower = where(index(lower, -2) == index(lower, -1), 1.0, below(lower))
    upper = above(rows(both, 0, k))
    dx = in_order(dx, order)

    def behind_lower(y: Tracer) -> Tracer:
        return triangular_solve(square, y, lower=True, unit_diagonal=True)

    scaled = _behind(columns(dx, 0, k), square)
    dlower = below(scaled - matmul(lower, above(behind_lower(rows(scaled, 0, k)))))
    dupper = above(behind_lower(rows(dx - matmul(dlower, upper), 0, k)))
    return (both, order), (_padded(dlower, -1, n) + _padded(dupper, -2, m), None)


def _padded(x: Tracer, axis: int, size: Any) -> Tracer:
    """`x` with zeros behind it, up to a size along an axis."""
    if dims.same(x.shape[axis], size):
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis] = (0, size - x.shape[axis])
    return movement.pad(x, widths)


def least(m: Any, n: Any) -> Any:
    """The less of two sizes."""
    return m if dims.same(m, n) else min(m, n)


@custom_jvp
def solve(a: Any, b: Any) -> Any:
    """The x with a @ x = b."""
    return _substituted(*lu(a), b)


def _substituted(both: Tracer, order: Tracer, b: Tracer) -> Tracer:
    y = triangular_solve(both, in_order(b, order), lower=True, unit_diagonal=True)
    return triangular_solve(both, y, lower=False)


@solve.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    """a dx = db - da x, by the same factors."""
    (a, b), (da, db) = primals, tangents
    factors = lu(a)
    x = _substituted(*factors, b)
    return x, _substituted(*factors, db - matmul(da, x))


# ------------------------------------------------------------------------------------------------------------------ qr


def _qr(x: Any, complete: bool) -> Any:
    return tuple(emit("qr", [x], complete=complete))


qr = custom_jvp(_qr, nondiff_argnums=(1,))
"""`qr(x, complete)`: Q with orthonormal columns, and the upper triangular R with x = Q R."""


@qr.defjvp
def _(complete: bool, primals: tuple, tangents: tuple) -> tuple:
    """Let x1, Q1, R1 be what belongs to the first k columns. Q1' dQ1 is antisymmetric: its lower half is that of C =
    Q1' dx1 R1^-1. The columns of Q behind Q1 may turn among themselves; that turn is taken as 0."""
    (x,), (dx,) = primals, tangents
    q, r = qr(x, complete)
    k = least(*x.shape[-2:])
    first, square = columns(q, 0, k), columns(rows(r, 0, k), 0, k)
    scaled = _behind(columns(dx, 0, k), square)
    c = matmul(matrix_transpose(first), scaled)
    turn = below(c) - matrix_transpose(below(c))
    dfirst = matmul(first, turn - c) + scaled
    dr = above(matmul(matrix_transpose(first), dx) - matmul(turn, rows(r, 0, k)))
    return (q, r), (_with_rest(q, first, dfirst), _padded(dr, -2, r.shape[-2]))


def _with_rest(q: Tracer, first: Tracer, dfirst: Tracer) -> Tracer:
    """The tangent of orthonormal columns whose first ones have a known tangent: the rest stays orthogonal to them."""
    m, k = q.shape[-1], first.shape[-1]
    if dims.same(m, k):
        return dfirst
    rest = columns(q, k, m - k)
    return movement.concat([dfirst, -matmul(first, matmul(matrix_transpose(dfirst), rest))], axis=-1)


# ---------------------------------------------------------------------------------------------------------------- eigh


@custom_jvp
def eigh(x: Any) -> Any:
    """The eigenvalues of a symmetric x, ascending, and their vectors."""
    return tuple(emit("eigh", [x]))


@eigh.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    """With P = V' dx V: dw is its diagonal, and V' dV has P's elements over the differences of eigenvalues. Between
    equal ones no direction is distinguished, and the turn is taken as 0."""
    (x,), (dx,) = primals, tangents
    w, v = eigh(x)
    p = matmul(matrix_transpose(v), matmul(dx, v))
    return (w, v), (diagonal(p), matmul(v, _differences(w) * p))


def _differences(w: Tracer) -> Tracer:
    """1 / (w[j] - w[i]) at (i, j), and 0 where they are equal."""
    along = broadcast(reshape(w, (*w.shape[:-1], 1, w.shape[-1])), (*w.shape, w.shape[-1]))
    return inverse_or_zero(along - matrix_transpose(along))


@custom_jvp
def eigvalsh(x: Any) -> Any:
    """The eigenvalues of a symmetric x, ascending."""
    return emit("eigvalsh", [x])


@eigvalsh.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (x,), (dx,) = primals, tangents
    w, v = eigh(x)
    return w, emit("reduce", [v * matmul(dx, v)], kind="add", dims=[x.ndim - 2])


# ----------------------------------------------------------------------------------------------------------------- svd


def _svd(x: Any, complete: bool) -> Any:
    return tuple(emit("svd", [x], complete=complete))


svd = custom_jvp(_svd, nondiff_argnums=(1,))
"""`svd(x, complete)`: U, the singular values s, descending, and V' with x = U diag(s) V'."""


@svd.defjvp
def _(complete: bool, primals: tuple, tangents: tuple) -> tuple:
    """With P = U' dx V: ds is its diagonal; U' dU and V' dV follow from P and P' over the differences of squares, 0
    between equal ones. What dx has outside of the spans of U and V turns them out of these, over s."""
    (x,), (dx,) = primals, tangents
    u, s, vh = svd(x, complete)
    m, n = x.shape[-2:]
    k = least(m, n)
    left, right = columns(u, 0, k), matrix_transpose(rows(vh, 0, k))
    dxv, dxu = matmul(dx, right), matmul(matrix_transpose(dx), left)
    p = matmul(matrix_transpose(left), dxv)
    along = broadcast(reshape(s, (*s.shape[:-1], 1, k)), (*s.shape, k))
    down = matrix_transpose(along)
    apart = inverse_or_zero((along - down) * (along + down))
    q = matrix_transpose(p)
    dleft = matmul(left, apart * (p * along + down * q))
    dright = matmul(right, apart * (down * p + q * along))
    over = inverse_or_zero(reshape(s, (*s.shape[:-1], 1, k)))
    if not dims.same(m, k):
        dleft = dleft + (dxv - matmul(left, p)) * over
    if not dims.same(n, k):
        dright = dright + (dxu - matmul(right, q)) * over
    du, dv = _with_rest(u, left, dleft), _with_rest(matrix_transpose(vh), right, dright)
    return (u, s, vh), (du, diagonal(p), matrix_transpose(dv))


@custom_jvp
def svdvals(x: Any) -> Any:
    """The singular values of x, descending."""
    return emit("svdvals", [x])


@svdvals.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (x,), (dx,) = primals, tangents
    u, s, vh = svd(x, False)
    return s, emit("reduce", [u * matmul(dx, matrix_transpose(vh))], kind="add", dims=[x.ndim - 2])


@custom_jvp
def pinv(x: Any, rtol: Any) -> Any:
    """The pseudo-inverse of x; singular values of at most rtol (a number or (..., 1)) times the greatest count as 0."""
    u, s, vh = svd(x, False)
    s = reshape(s, (*s.shape[:-1], 1, s.shape[-1]))
    share = rtol[..., None] if rtol.ndim else rtol
    kept = s > share * columns(s, 0, 1)
    over = where(kept, 1.0 / where(kept, s, 1.0), 0.0)
    return matmul(matrix_transpose(vh) * over, matrix_transpose(u))


@pinv.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    """Golub and Pereyra: dp = -p dx p + p p' dx' (1 - x p) + (1 - p x) dx' p' p, where the rank does not change."""
    (x, rtol), (dx, _) = primals, tangents
    p = pinv(x, rtol)
    pt, dxt = matrix_transpose(p), matrix_transpose(dx)
    outside = matmul(matmul(p, pt), dxt - matmul(dxt, matmul(x, p)))
    inside = matmul(dxt - matmul(matmul(p, x), dxt), matmul(pt, p))
    return p, outside + inside - matmul(p, matmul(dx, p))
