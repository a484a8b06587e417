"""Linear algebra: against NumPy in float64, gradients against differences, batches, odd and empty sizes, matrices that
have no factor."""

import math

import numpy as np
import pytest
import weft as wf
from running import same_bits
from test_transforms import close, difference
from weft.errors import ArgumentValueError, ShapeError, UnsupportedError

RNG = np.random.default_rng(11)
la = wf.linalg


def matrices(*shape):
    return RNG.standard_normal(shape)


def definite(n, lead=()):
    a = matrices(*lead, n, n)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


@pytest.mark.parametrize("n", [1, 2, 7, 33])
@pytest.mark.parametrize("lead", [(), (3,), (2, 0)], ids=str)
def test_square_matrices(n, lead):
    a, b, s = matrices(*lead, n, n) + n * np.eye(n), matrices(*lead, n, 2), definite(n, lead)
    close(la.cholesky(s), np.linalg.cholesky(s), 1e-11)
    close(la.cholesky(s, upper=True), np.swapaxes(np.linalg.cholesky(s), -1, -2), 1e-11)
    close(la.solve(a, b), np.linalg.solve(a, b), 1e-11)
    close(la.inv(a), np.linalg.inv(a), 1e-11)
    np.testing.assert_allclose(np.asarray(la.det(a)), np.linalg.det(a), rtol=1e-10)
    sign, log = la.slogdet(a)
    want = np.linalg.slogdet(a)
    close(sign, want[0])
    close(log, want[1], 1e-11)
    close(la.matrix_power(a, 3), a @ a @ a, 1e-9 * max(n, 1) ** 3)
    close(la.trace(a), np.trace(a, axis1=-2, axis2=-1), 1e-12)
    same_bits(np.asarray(wf.jit(la.inv)(a)), np.asarray(la.inv(a)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (7, 3), (3, 7), (2, 6, 4), (4, 1), (1, 4)], ids=str)
def test_factors_of_any_shape(shape):
    a = matrices(*shape)
    m, n = shape[-2:]
    k = min(m, n)
    order, lower, upper = la.lu(a)
    assert lower.shape == (*shape[:-2], m, k)
    assert upper.shape == (*shape[:-2], k, n)
    permuted = np.take_along_axis(a, np.asarray(order)[..., None], axis=-2)
    close(np.asarray(lower) @ np.asarray(upper), permuted, 1e-12)
    assert (np.abs(np.tril(np.asarray(lower), -1)) <= 1).all()
    same_bits(np.asarray(lower), np.tril(np.asarray(lower)))
    for mode in ("reduced", "complete"):
        q, r = la.qr(a, mode=mode)
        want = np.linalg.qr(a, mode=mode)
        close(q, want[0], 1e-11)
        close(r, want[1], 1e-11)


def test_qr_of_zeros_is_finite():
    q, r = la.qr(np.zeros((3, 2)))
    close(q, np.eye(3, 2))
    close(r, np.zeros((2, 2)))


def test_triangular_systems_read_one_triangle():
    a, b = matrices(6, 6) + 6 * np.eye(6), matrices(6, 3)
    for lower in (False, True):
        half = np.tril(a) if lower else np.triu(a)
        close(la.solve_triangular(a, b, lower=lower), np.linalg.solve(half, b), 1e-12)
        ones = half - np.diag(np.diag(half)) + np.eye(6)
        close(la.solve_triangular(a, b[:, 0], lower=lower, unit_diagonal=True), np.linalg.solve(ones, b[:, 0]), 1e-10)


def test_leading_axes_broadcast():
    a, b = matrices(4, 1, 3, 3) + 3 * np.eye(3), matrices(2, 3, 5)
    close(la.solve(a, b), np.linalg.solve(np.broadcast_to(a, (4, 2, 3, 3)), np.broadcast_to(b, (4, 2, 3, 5))), 1e-12)


S, A, B = definite(4), matrices(4, 4) + 3 * np.eye(4), matrices(4, 2)
GRADIENTS = {
    "cholesky": (lambda m, s: m.cholesky(0.5 * (s + s.T)), np.linalg.cholesky, S),
    "solve": (lambda m, a: m.solve(a, B), lambda a: np.linalg.solve(a, B), A),
    "inv": (lambda m, a: m.inv(a), np.linalg.inv, A),
    "det": (lambda m, a: m.det(a), np.linalg.det, A),
    "slogdet": (lambda m, a: m.slogdet(a)[1], lambda a: np.linalg.slogdet(a)[1], A),
    "qr": (lambda m, a: m.qr(a)[1], lambda a: np.linalg.qr(a)[1], A),
    "matrix_power": (lambda m, a: m.matrix_power(a, -2), lambda a: np.linalg.matrix_power(a, -2), A),
    "matrix_norm": (lambda m, a: m.matrix_norm(a), np.linalg.norm, A),
    "triangular": (
        lambda m, a: m.solve_triangular(a, B, lower=True), lambda a: np.linalg.solve(np.tril(a), B), A,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    ours, theirs, x = GRADIENTS[name]
    if name == "cholesky":
        theirs = lambda s: np.linalg.cholesky(0.5 * (s + s.T))  # noqa: E731
    weights = RNG.standard_normal(np.shape(theirs(x)))
    f = lambda a: wf.sum(ours(la, a) * weights)  # noqa: E731
    reverse = np.asarray(wf.grad(f)(x))
    close(reverse, difference(lambda a: (theirs(a) * weights).sum(), x), 1e-5)
    t = RNG.standard_normal(x.shape)
    close(wf.jvp(f, (x,), (t,))[1], (reverse * t).sum(), 1e-9)


def test_batches():
    many = np.stack([A, 2 * A, A.T])
    close(wf.vmap(la.inv)(many), np.linalg.inv(many), 1e-11)
    close(wf.vmap(lambda a: la.solve(a, B))(many), np.linalg.solve(many, np.broadcast_to(B, (3, 4, 2))), 1e-11)


def test_the_residual_in_float32_is_that_of_a_stable_elimination():
    """|a x - b| is at most n eps |a| |x| (Higham, "Accuracy and Stability of Numerical Algorithms", 9.3), with room for
    the growth of pivots. NumPy is no measure here: it solves in float64."""
    a, b = (10 * matrices(50, 50)).astype(np.float32), matrices(50, 3).astype(np.float32)
    x = np.asarray(la.solve(a, b))
    assert x.dtype == np.float32
    a, b, x = (v.astype(np.float64) for v in (a, b, x))
    assert (np.abs(a @ x - b) <= 50 * np.finfo(np.float32).eps * (np.abs(a) @ np.abs(x))).all()


def test_matrices_without_a_factor():
    assert np.isnan(np.asarray(la.cholesky(np.float64([[1, 2], [2, 1]])))).any()
    singular = np.float64([[1, 2], [2, 4]])
    assert float(la.det(singular)) == 0
    sign, log = la.slogdet(singular)
    assert float(sign) == 0
    assert float(log) == -math.inf
    assert not np.isfinite(np.asarray(la.inv(singular))).all()
    assert np.isnan(np.asarray(la.solve(np.float64([[math.nan, 1], [1, 1]]), np.float64([1, 1])))).all()
    assert float(la.det(np.zeros((0, 0)))) == 1
    assert np.asarray(la.solve(np.zeros((0, 0)), np.zeros((0, 2)))).shape == (0, 2)


@pytest.mark.parametrize("offset", [0, 1, -2, 5, -7])
@pytest.mark.parametrize("shape", [(3, 4), (2, 5, 3), (1, 1)], ids=str)
def test_diagonals(shape, offset):
    x = RNG.integers(-9, 9, shape)
    want = np.diagonal(x, offset=offset, axis1=-2, axis2=-1)
    np.testing.assert_array_equal(np.asarray(la.diagonal(x, offset=offset)), want)
    np.testing.assert_array_equal(np.asarray(la.trace(x, offset=offset)), want.sum(-1))


@pytest.mark.parametrize("order", [0, 1, 2, 3, 2.5, math.inf, -math.inf, -1])
@pytest.mark.parametrize("axis", [None, 0, (0, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_vector_norms(order, axis, keepdims):
    x = matrices(3, 4, 2)
    axes = tuple(range(3)) if axis is None else (axis,) if isinstance(axis, int) else axis
    size = np.abs(x)
    want = {
        0: lambda: (x != 0).sum(axis=axes, keepdims=keepdims),
        math.inf: lambda: size.max(axis=axes, keepdims=keepdims),
        -math.inf: lambda: size.min(axis=axes, keepdims=keepdims),
    }.get(order, lambda: (size**order).sum(axis=axes, keepdims=keepdims) ** (1 / order))()
    got = la.vector_norm(x, axis=axis, ord=order, keepdims=keepdims)
    close(got, want, 1e-12)


def test_norms():
    x = matrices(2, 3, 4)
    for order in ("fro", 1, -1, math.inf, -math.inf):
        close(la.matrix_norm(x, ord=order), np.linalg.norm(x, ord=order, axis=(1, 2)), 1e-12)
        close(la.norm(x, ord=order, axis=(2, 0)), np.linalg.norm(x, ord=order, axis=(2, 0)), 1e-12)
    close(la.norm(x), np.linalg.norm(x), 1e-12)
    assert la.matrix_norm(x, keepdims=True).shape == (2, 1, 1)
    assert float(la.vector_norm(np.float32([3e30, 4e30]))) == np.float32(5e30)
    assert np.asarray(wf.grad(lambda v: la.vector_norm(v))(np.zeros(3))).tolist() == [0, 0, 0]
    assert float(la.vector_norm(np.zeros((0,)))) == 0
    assert math.isnan(float(la.vector_norm(np.float32([1, math.nan]))))
    assert float(la.vector_norm(np.float32([1, math.inf]))) == math.inf


def test_cross():
    a, b = matrices(4, 3), matrices(3)
    close(la.cross(a, b), np.cross(a, b), 1e-13)
    close(la.cross(a.T, a.T + 1, axis=0), np.cross(a.T, a.T + 1, axis=0), 1e-13)


def test_symbolic_sizes():
    n = wf.Dim("n")
    f = wf.jit(la.cholesky, dims={"x": (n, n)})
    for size in (2, 5):
        s = definite(size)
        close(f(s), np.linalg.cholesky(s), 1e-12)


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        (lambda: la.cholesky(np.zeros(3)), ShapeError, "WF1011"),
        (lambda: la.inv(np.zeros((2, 3))), ShapeError, "WF1012"),
        (lambda: la.solve(np.eye(2), np.zeros(3)), ShapeError, "WF1012"),
        (lambda: la.solve(np.zeros(2), np.zeros(2)), ShapeError, "WF1011"),
        (lambda: la.qr(np.eye(2), mode="raw"), ArgumentValueError, "WF1902"),
        (lambda: la.matrix_power(np.eye(2), 1.5), ArgumentValueError, "WF1902"),
        (lambda: la.matrix_norm(np.eye(2), ord=7), ArgumentValueError, "WF1902"),
        (lambda: la.matrix_norm(np.eye(2), ord=2), UnsupportedError, "WF1507"),
        (lambda: la.cross(np.zeros(2), np.zeros(2)), ShapeError, "WF1012"),
        (lambda: la.diagonal(np.zeros(2)), ShapeError, "WF1011"),
    ],
)
def test_bad_arguments(call, error, code):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code
