"""Linear algebra: against NumPy in float64, gradients against differences, batches, odd and empty sizes, matrices that
have no factor."""

import math
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import weft as wf
from op_table import np_lu
from running import same_bits
from test_transforms import close, difference
from weft.errors import ArgumentValueError, ShapeError

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


SHAPES = [
    (0, 0),
    (0, 3),
    (3, 0),
    (1, 1),
    (5, 5),
    (7, 3),
    (3, 7),
    (2, 6, 4),
    (0, 4, 2),
    (4, 1),
    (1, 4),
    (40, 33),
    (33, 40),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("d", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["random", "rank one", "zeros", "graded", "huge", "tiny", "same"])
def test_singular_values(shape, d, kind):
    """x = U S V' and orthonormal U and V, within rounding; the values are NumPy's in float64."""
    m, n = shape[-2:]
    k = min(m, n)
    x = {
        "random": lambda: matrices(*shape),
        "rank one": lambda: matrices(*shape[:-1], 1) @ matrices(*shape[:-2], 1, n),
        "zeros": lambda: np.zeros(shape),
        "graded": lambda: matrices(*shape) * np.logspace(0, -12, n),
        "huge": lambda: matrices(*shape) * 1e30,
        "tiny": lambda: matrices(*shape) * 1e-30,
        "same": lambda: np.broadcast_to(np.eye(m, n), shape),
    }[kind]().astype(d)
    x64 = x.astype(np.float64)
    want = np.linalg.svd(x64, compute_uv=False)
    eps = 20 * max(m, n, 4) * np.finfo(d).eps
    size = want.max(initial=0)
    for full in (False, True):
        u, s, vh = (np.asarray(y) for y in la.svd(x, full_matrices=full))
        assert u.dtype == s.dtype == vh.dtype == d
        assert [y.shape for y in (u, s, vh)] == [y.shape for y in np.linalg.svd(x64, full_matrices=full)]
        u, s, vh = (y.astype(np.float64) for y in (u, s, vh))
        assert (np.diff(s, axis=-1) <= 0).all()
        assert (s >= 0).all()
        close(s, want, eps * size)
        close((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], x64, eps * size)
        close(np.swapaxes(u, -1, -2) @ u, np.broadcast_to(np.eye(u.shape[-1]), (*shape[:-2], *u.shape[-1:] * 2)), eps)
        close(
            vh @ np.swapaxes(vh, -1, -2),
            np.broadcast_to(np.eye(vh.shape[-2]), (*shape[:-2], *vh.shape[-2:-1] * 2)),
            eps,
        )
    close(la.svdvals(x), want, eps * size)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 40])
@pytest.mark.parametrize("d", [np.float32, np.float64])
@pytest.mark.parametrize("lead", [(), (3,), (2, 0)], ids=str)
def test_eigenvalues(n, d, lead):
    a = matrices(*lead, n, n)
    for x in (a + np.swapaxes(a, -1, -2), np.broadcast_to(np.eye(n), a.shape), np.zeros_like(a)):
        x = x.astype(d)
        want = np.linalg.eigvalsh(x.astype(np.float64))
        eps = 20 * max(n, 4) * np.finfo(d).eps
        size = np.abs(want).max(initial=0)
        w, v = (np.asarray(y) for y in la.eigh(x))
        assert w.dtype == v.dtype == d
        w, v = w.astype(np.float64), v.astype(np.float64)
        close(w, want, eps * size)
        close(x.astype(np.float64) @ v, v * w[..., None, :], eps * size)
        close(np.swapaxes(v, -1, -2) @ v, np.broadcast_to(np.eye(n), x.shape), eps)
        close(la.eigvalsh(x), want, eps * size)


@pytest.mark.parametrize("shape", [(5, 5), (6, 3), (3, 6), (2, 4, 3), (0, 3), (0, 2, 2)], ids=str)
def test_what_follows_from_singular_values(shape):
    x = matrices(*shape)
    low = x @ np.diag([1.0, 1.0, *[0.0] * (shape[-1] - 2)])  # of rank 2
    for a in (x, low):
        close(la.pinv(a), np.linalg.pinv(a), 1e-10)
        assert np.asarray(la.matrix_rank(a)).dtype == np.int64
        assert (np.asarray(la.matrix_rank(a)) == np.linalg.matrix_rank(a)).all()
    close(la.pinv(x, rtol=0.5), np.linalg.pinv(x, rcond=0.5), 1e-10)
    if x.size:
        assert (np.asarray(la.matrix_rank(x, rtol=0.5)) == np.linalg.matrix_rank(x, rtol=0.5)).all()
        for order in (2, -2, "nuc"):
            close(la.matrix_norm(x, ord=order), np.linalg.norm(x, ord=order, axis=(-2, -1)), 1e-12)
            assert la.matrix_norm(x, ord=order, keepdims=True).shape == (*shape[:-2], 1, 1)
        for order in (None, 2, -2):
            close(la.cond(x, order), np.linalg.cond(x, order), 1e-9)
    if shape[-1] == shape[-2] and x.size:
        for order in (1, -1, math.inf, -math.inf, "fro", "nuc"):
            close(la.cond(x, order), np.linalg.cond(x, order), 1e-8)


def test_operands_that_are_not_contiguous():
    x = matrices(9, 8)[::2, ::-2]
    assert not x.flags.c_contiguous
    close(la.svdvals(x), np.linalg.svd(x, compute_uv=False), 1e-12)
    close(la.svdvals(x.T), np.linalg.svd(x, compute_uv=False), 1e-12)
    s = definite(4)
    close(la.cholesky(np.asfortranarray(s)), np.linalg.cholesky(s), 1e-12)
    close(wf.jit(lambda s: la.solve(s.T[::-1], s[:, ::2]))(s), np.linalg.solve(s.T[::-1], s[:, ::2]), 1e-11)


BROKEN = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("n", [1, 3, 40])
@pytest.mark.parametrize("bad", BROKEN, ids=str)
@pytest.mark.parametrize("at", [(0, 0), (-1, 0), (-1, -1)], ids=str)
def test_what_is_not_finite_gives_no_number_and_ends(n, bad, at):
    """A batch of one good matrix and one bad one: the good one's factors are those that it has alone."""
    good = definite(n)
    broken = good.copy()
    broken[at] = broken[at[::-1]] = bad
    both = np.stack([broken, good])
    for f in (la.eigh, la.eigvalsh, la.svd, la.svdvals, la.cholesky, la.lu, la.qr, la.inv, la.pinv, la.slogdet):
        got, alone = f(both), f(good)
        for y, z in zip(got, alone, strict=True) if isinstance(got, tuple) else [(got, alone)]:
            y, z = np.asarray(y), np.asarray(z)
            same_bits(y[1], z)
            if f in (la.eigh, la.eigvalsh, la.svd, la.svdvals, la.pinv):
                assert np.isnan(y[0]).all()
            elif y.dtype.kind == "f" and math.isnan(bad) and f in (la.cholesky, la.inv, la.slogdet):
                assert np.isnan(y[0]).any()


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


def signed(q):
    """Columns with signs that do not depend on the algorithm: a positive sum of (odd) weights."""
    xp = wf if isinstance(q, wf.Array) or not isinstance(q, np.ndarray) else np
    weights = np.cos(np.arange(q.shape[-2]))[:, None]
    return q * xp.sign(xp.sum(q * weights, axis=-2, keepdims=True))


def symmetric(x):
    return 0.5 * (x + x.T)


def function_of(w, v):
    """v f(w) v', which does not depend on the signs of vectors."""
    return (v * w**3) @ v.T


S, A, B = definite(4), matrices(4, 4) + 3 * np.eye(4), matrices(4, 2)
TALL, WIDE, RIGHT = matrices(5, 3), matrices(3, 5), matrices(5, 2)


def part(factors, i):
    """U or V of a singular value decomposition, as many columns as there are values."""
    k = factors[1].shape[-1]
    return factors[0][:, :k] if i == 0 else factors[2][:k].T


def lu_factors(a):
    (both, _), k = np_lu(a), min(a.shape)
    return None, np.tril(both, -1)[:, :k] + np.eye(a.shape[0], k), np.triu(both)[:k]


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
    "triangular right": (lambda m, b: m.solve_triangular(A, b), lambda b: np.linalg.solve(np.triu(A), b), B),
    "triangular ones": (
        lambda m, a: m.solve_triangular(a, B, unit_diagonal=True),
        lambda a: np.linalg.solve(np.triu(a, 1) + np.eye(4), B), A,
    ),
    "solve right": (lambda m, b: m.solve(A, b), lambda b: np.linalg.solve(A, b), B),
    **{
        f"lu {name} {i}": (lambda m, a, i=i: m.lu(a)[i], lambda a, i=i: lu_factors(a)[i], x)
        for name, x in (("square", A), ("tall", TALL), ("wide", WIDE)) for i in (1, 2)
    },
    **{
        f"qr {name} {i}": (lambda m, a, i=i: m.qr(a)[i], lambda a, i=i: np.linalg.qr(a)[i], x)
        for name, x in (("square", A), ("tall", TALL), ("wide", WIDE)) for i in (0, 1)
    },
    "qr complete": (
        lambda m, a: m.qr(a, mode="complete")[0][:, 3:] @ m.qr(a, mode="complete")[0][:, 3:].mT,
        lambda a: (q := np.linalg.qr(a, mode="complete")[0])[:, 3:] @ q[:, 3:].T, TALL,
    ),
    "eigenvalues": (lambda m, a: m.eigvalsh(a), lambda a: np.linalg.eigvalsh(symmetric(a)), A),
    "eigh values": (lambda m, a: m.eigh(a)[0], lambda a: np.linalg.eigh(symmetric(a))[0], A),
    "eigh vectors": (lambda m, a: signed(m.eigh(a)[1]), lambda a: signed(np.linalg.eigh(symmetric(a))[1]), A),
    "eigh both": (
        lambda m, a: function_of(*m.eigh(a)), lambda a: function_of(*np.linalg.eigh(symmetric(a))), A,
    ),
    **{
        f"svd {name} {i} {full}": (
            lambda m, a, i=i, full=full: signed(part(m.svd(a, full_matrices=full), i)),
            lambda a, i=i: signed(part(np.linalg.svd(a), i)), x,
        )
        for name, x in (("square", A), ("tall", TALL), ("wide", WIDE)) for i in (0, 2) for full in (False, True)
    },
    "svd values": (lambda m, a: m.svd(a)[1], lambda a: np.linalg.svd(a)[1], WIDE),
    "svdvals": (lambda m, a: m.svdvals(a), lambda a: np.linalg.svd(a)[1], TALL),
    "pinv tall": (lambda m, a: m.pinv(a), np.linalg.pinv, TALL),
    "pinv wide": (lambda m, a: m.pinv(a), np.linalg.pinv, WIDE),
    "lstsq": (lambda m, a: m.lstsq(a, RIGHT)[0], lambda a: np.linalg.lstsq(a, RIGHT, rcond=None)[0], TALL),
    "lstsq residuals": (
        lambda m, a: m.lstsq(a, RIGHT)[1], lambda a: np.linalg.lstsq(a, RIGHT, rcond=None)[1], TALL,
    ),
    "nuclear norm": (lambda m, a: m.matrix_norm(a, ord="nuc"), lambda a: np.linalg.norm(a, "nuc"), TALL),
    "cond": (lambda m, a: m.cond(a), np.linalg.cond, A),
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


ONE_FOR_EACH_RULE = (
    "cholesky", "eigenvalues", "eigh both", "lu tall 1", "pinv wide", "qr tall 0", "solve", "svd wide 2 False",
    "svdvals", "triangular",
)  # fmt: skip


@pytest.mark.parametrize("name", ONE_FOR_EACH_RULE)
def test_transformations_of_each_other(name):
    """A batch of gradients and the gradient of a batch are those one by one; forward over reverse is the difference of
    reverse."""
    ours, theirs, x = GRADIENTS[name]
    weights = RNG.standard_normal(np.shape(theirs(x)))
    f = lambda a: wf.sum(ours(la, a) * weights)  # noqa: E731
    many = x + 1e-2 * RNG.standard_normal((3, *x.shape))
    one = np.stack([np.asarray(wf.grad(f)(a)) for a in many])
    close(wf.vmap(wf.grad(f))(many), one, 1e-9)
    close(wf.grad(lambda a: wf.sum(wf.vmap(f)(a)))(many), one, 1e-9)
    close(wf.vmap(lambda a: ours(la, a))(many), np.stack([np.asarray(ours(la, a)) for a in many]), 1e-11)
    t, h = RNG.standard_normal(x.shape), 1e-5
    slope = (np.asarray(wf.grad(f)(x + h * t)) - np.asarray(wf.grad(f)(x - h * t))) / (2 * h)
    second = np.asarray(wf.jvp(wf.grad(f), (x,), (t,))[1])
    close(second, slope, 1e-4 * max(1, np.abs(second).max()))
    close(wf.grad(lambda a: wf.sum(wf.grad(f)(a) * t))(x), second, 1e-6 * max(1, np.abs(second).max()))


def test_gradients_at_equal_values():
    """Of what depends on all of the values alike, or on the space that the vectors span: right, and finite."""
    x, weights = np.diag([1.0, 2.0, 2.0, 2.0]), matrices(4, 4)

    def projection(m, a):
        v = m.eigh(a)[1][:, 1:]
        return ((v @ v.T) * weights).sum()

    slopes = difference(lambda a: projection(np.linalg, symmetric(a)), x)
    close(wf.grad(lambda a: projection(la, a))(x), slopes, 1e-5)
    close(wf.grad(lambda a: wf.sum(la.eigh(a)[0] ** 3))(x), 3 * x @ x, 1e-12)
    close(wf.grad(lambda a: wf.sum(la.svd(a)[1]))(3 * np.eye(3)), np.eye(3), 1e-12)
    assert np.isfinite(np.asarray(wf.grad(lambda a: wf.sum(la.svd(a)[0] * la.svd(a)[2]))(np.zeros((3, 3))))).all()


def test_batches():
    many = np.stack([A, 2 * A, A.T])
    close(wf.vmap(la.inv)(many), np.linalg.inv(many), 1e-11)
    close(wf.vmap(lambda a: la.solve(a, B))(many), np.linalg.solve(many, np.broadcast_to(B, (3, 4, 2))), 1e-11)
    close(wf.vmap(lambda b: la.solve(A, b))(np.stack([B, -B])), np.linalg.solve(A, np.stack([B, -B])), 1e-11)
    rights = matrices(3, 4, 2)
    close(wf.vmap(la.solve)(many, rights), np.linalg.solve(many, rights), 1e-11)
    close(
        wf.vmap(wf.vmap(la.svdvals))(np.stack([many, many + 1])),
        np.linalg.svd(np.stack([many, many + 1]), compute_uv=False),
        1e-11,
    )
    # One more dimension in front, not a loop.
    text = wf.jit(wf.vmap(la.cholesky)).lower(many).as_text("planned")
    assert "weft.cholesky" in text
    assert "weft.for" not in text


def test_threads_change_no_bit():
    many = matrices(64, 12, 12)
    f = wf.jit(lambda x: la.svd(x))
    one = wf.jit(lambda x: la.svd(x), threads=1)
    for y, z in zip(f(many), one(many), strict=True):
        same_bits(np.asarray(y), np.asarray(z))


def test_factors_in_loops_and_branches():
    x = definite(3)
    f = wf.jit(lambda x: wf.fori_loop(0, 3, lambda i, y: la.cholesky(y @ y.mT + wf.eye(3, dtype=y.dtype)), x))
    want = x
    for _ in range(3):
        want = np.linalg.cholesky(want @ want.T + np.eye(3))
    close(f(x), want, 1e-10)
    g = lambda x, c: wf.cond(c, lambda y: la.inv(y), lambda y: la.cholesky(y), x)  # noqa: E731
    close(g(x, True), np.linalg.inv(x), 1e-12)
    close(
        wf.vmap(g)(np.stack([x, x]), np.array([True, False])),
        np.stack([np.linalg.inv(x), np.linalg.cholesky(x)]),
        1e-12,
    )
    assert wf.jit(lambda x: la.svd(x)[1] + 0 * wf.sum(x))(x).shape == (3,)


def test_factors_in_16_bits_are_those_in_32():
    x = definite(3).astype(np.float16)
    s = la.svdvals(x)
    assert np.asarray(s).dtype == np.float16
    same_bits(np.asarray(s), np.asarray(la.svdvals(x.astype(np.float32))).astype(np.float16))


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


@pytest.mark.parametrize("d", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (7, 3), (3, 7), (4, 1), (1, 4)], ids=str)
def test_least_squares(shape, d):
    """The solution, what is left, the rank and the values are NumPy's, also where the rank is not full."""
    a, eps = matrices(*shape).astype(d), np.finfo(d).eps
    deficient = a.copy()
    deficient[:, -1] = deficient[:, 0]
    for x in (a, deficient, np.zeros_like(a)):
        for b in (matrices(shape[0]).astype(d), matrices(shape[0], 2).astype(d)[::-1]):
            got, want = la.lstsq(x, b), np.linalg.lstsq(x.astype(np.float64), b, rcond=eps * max(shape))
            scale = np.abs(want[0]).max() + 1
            close(got.x, want[0], 300 * eps * scale)
            left = ((b - x.astype(np.float64) @ want[0]) ** 2).sum(0)
            close(got.residuals, left, 300 * eps * scale * (np.abs(b).max() + 1))
            assert int(got.rank) == want[2]
            close(got.singular_values, want[3], 100 * eps * (want[3].max() + 1))
            assert got.x.dtype == got.residuals.dtype == d and got.rank.dtype == np.int64
    many, rows = matrices(2, 3, *shape).astype(d), matrices(3, shape[0], 2).astype(d)
    got = wf.jit(la.lstsq)(many, rows)
    for i in np.ndindex(2, 3):
        close(np.asarray(got.x)[i], np.linalg.lstsq(many[i], rows[i[1]], rcond=None)[0], 3e4 * eps)
    assert got.residuals.shape == (2, 3, 2) and got.rank.shape == (2, 3)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)], ids=str)
def test_least_squares_of_nothing(shape):
    got = la.lstsq(np.zeros(shape), np.ones(shape[0]))
    same_bits(np.asarray(got.x), np.zeros(shape[1]))
    assert float(got.residuals) == shape[0] and int(got.rank) == 0 and got.singular_values.shape == (0,)
    assert np.isnan(np.asarray(la.lstsq(np.full((3, 2), np.nan), np.ones(3)).x)).all()


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
        (lambda: la.eigh(np.zeros((2, 3))), ShapeError, "WF1012"),
        (lambda: la.eigvalsh(np.zeros(3)), ShapeError, "WF1011"),
        (lambda: la.svd(np.zeros(3)), ShapeError, "WF1011"),
        (lambda: la.svdvals(np.zeros(3)), ShapeError, "WF1011"),
        (lambda: la.pinv(np.zeros(3)), ShapeError, "WF1011"),
        (lambda: la.matrix_rank(np.zeros(3)), ShapeError, "WF1011"),
        (lambda: la.lstsq(np.zeros(3), np.zeros(3)), ShapeError, "WF1011"),
        (lambda: la.lstsq(np.zeros((3, 2)), np.zeros(2)), ShapeError, "WF1012"),
        (lambda: la.cond(np.zeros((2, 3)), 1), ShapeError, "WF1012"),
        (lambda: la.cond(np.eye(2), 5), ArgumentValueError, "WF1902"),
        (lambda: la.cross(np.zeros(2), np.zeros(2)), ShapeError, "WF1012"),
        (lambda: la.diagonal(np.zeros(2)), ShapeError, "WF1011"),
    ],
)
def test_bad_arguments(call, error, code):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.code == code


def test_a_missing_library_is_told(tmp_path):
    """The package without the library of factorisations: an error with its code, and all else works."""
    package = pathlib.Path(wf.__file__).parent
    for folder in (tmp_path / "weft", tmp_path / "weft" / "_src"):
        folder.mkdir()
        for path in (package / folder.relative_to(tmp_path / "weft")).iterdir():
            if path.name not in ("_src", "__pycache__") and "libweft_linalg" not in path.name:
                (folder / path.name).symlink_to(path)
    program = """
import numpy as np, weft as wf
assert float(wf.sum(np.ones(3))) == 3
try:
    wf.linalg.inv(np.eye(2))
except wf.errors.ArtifactError as err:
    print(err.code)
"""
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "WF5012\n"


def test_a_tolerance_for_each_matrix():
    x = np.stack([np.diag([4.0, 1.0, 0.1]), np.diag([4.0, 1.0, 0.1]), np.diag([4.0, 1.0, 0.1])])
    rtol = np.array([0.5, 0.1, 0.001])
    assert np.asarray(wf.linalg.matrix_rank(x, rtol=rtol)).tolist() == [1, 2, 3]
    np.testing.assert_allclose(wf.linalg.pinv(x, rtol=rtol), np.linalg.pinv(x, rcond=rtol), atol=1e-12)
    assert wf.linalg.pinv(np.zeros((0, 2, 1)), rtol=np.zeros(0)).shape == (0, 1, 2)
    assert wf.linalg.matrix_rank(x[:2, :2], rtol=rtol[:2]).shape == (2,)
