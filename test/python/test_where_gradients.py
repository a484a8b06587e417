"""Gradients through `where`: what the branch that is not taken would make of them never shows."""

import numpy as np
import pytest
import weft as wf

X = np.float64([-2.0, -0.0, 0.0, 0.25, 3.0])
SAFE = X > 0


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


def at(values, x=X):
    """Values where x > 0, else 0."""
    return np.where(x > 0, values, 0.0)


with np.errstate(all="ignore"):
    CASES = {
        "sqrt": (lambda x: wf.where(x > 0, wf.sqrt(x), 0.0), at(0.5 / np.sqrt(X))),
        "log": (lambda x: wf.where(x > 0, wf.log(x), 0.0), at(1 / X)),
        "other side": (lambda x: wf.where(x <= 0, 0.0, wf.log(x)), at(1 / X)),
        "division": (lambda x: wf.where(x > 0, 1.0 / x, 0.0), at(-1 / X**2)),
        "sin x / x": (lambda x: wf.where(x == 0, 1.0, wf.sin(x) / x),
                      np.where(X == 0, 0.0, (X * np.cos(X) - np.sin(X)) / X**2)),
        "x * log x": (lambda x: wf.where(x > 0, x * wf.log(x), 0.0), at(np.log(X) + 1)),
        "chain": (lambda x: wf.where(x > 0, wf.exp(wf.sqrt(wf.sqrt(x))), 1.0), at(np.exp(X**0.25) * 0.25 * X**-0.75)),
        "overflow": (lambda x: wf.where(x > 0, 1.0, wf.exp(-400.0 * x) * 0.0), None),
        "reduced": (lambda x: wf.where(wf.sum(x) > 0, x / wf.sqrt(wf.sum(x * x)), x), None),
        "twice": (lambda x: wf.where(x > 0, wf.where(x > 1, wf.log(x), wf.sqrt(x)), 0.0),
                  at(np.where(X > 1, 1 / X, 0.5 / np.sqrt(X)))),
        "relu": (lambda x: wf.maximum(wf.log(wf.abs(x)), 0.0), np.where(np.abs(X) > 1, 1 / X, 0.0)),
    }  # fmt: skip


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c[1] is not None])
def test_the_branch_not_taken_does_not_show(name):
    f, expected = CASES[name]
    close(wf.grad(lambda x: wf.sum(f(x)))(X), expected)
    close(wf.jvp(f, (X,), (np.ones(5),))[1], expected)
    close(wf.vmap(wf.grad(f))(X), expected)
    close(wf.jit(wf.grad(lambda x: wf.sum(wf.jit(f)(x))))(X), expected)


@pytest.mark.parametrize("name", ["sqrt", "log", "division", "x * log x"])
def test_second_derivatives(name):
    f, _ = CASES[name]
    with np.errstate(all="ignore"):
        expected = {
            "sqrt": at(-0.25 * X**-1.5),
            "log": at(-1 / X**2),
            "division": at(2 / X**3),
            "x * log x": at(1 / X),
        }[name]
    first = wf.grad(lambda x: wf.sum(f(x)))
    close(wf.grad(lambda x: wf.sum(first(x)))(X), expected)
    close(wf.jvp(first, (X,), (np.ones(5),))[1], expected)


def test_through_reductions_moves_and_products():
    zero = np.zeros((2, 3))

    def norm(x):
        return wf.where(wf.sum(x * x, axis=1) > 0, wf.sqrt(wf.sum(x * x, axis=1)), 0.0)

    close(wf.grad(lambda x: wf.sum(norm(x)))(zero), zero)
    x = np.float64([[3, 4, 0], [0, 0, 0]])
    close(wf.grad(lambda x: wf.sum(norm(x)))(x), [[0.6, 0.8, 0], [0, 0, 0]])

    # The zeros pass a transpose, a sum and a use in two places before they meet the infinite factor.
    def moved(v):
        s = wf.sqrt(v)
        return wf.sum(wf.where(wf.stack([s, s]).T > 0, wf.stack([s, 2 * s]).T, 0.0))

    close(wf.grad(moved)(np.float64([0, 4])), [0, 0.75])


def test_inside_loops_and_calls():
    def body(c, v):
        r = wf.jit(lambda u: wf.sqrt(u))(v)
        return c + wf.where(v > 0, r, 0.0), wf.where(v > 0, wf.log(v), 0.0)

    def f(x):
        c, ys = wf.scan(body, 0.0, x)
        return c + wf.sum(ys)

    with np.errstate(all="ignore"):
        close(wf.grad(f)(X), at(0.5 / np.sqrt(X) + 1 / X))

    # A carry that a choice zeroes goes back through the step before it.
    def g(x):
        return wf.fori_loop(0, 2, lambda i, c: wf.where(c > 0, wf.sqrt(c), 0.0), x)

    with np.errstate(all="ignore"):
        close(wf.grad(lambda x: wf.sum(g(x)))(X), at(0.25 * X**-0.75))


def test_what_is_taken_stays_as_it_is():
    """Infinite and undefined slopes of values that count are not hidden."""
    assert np.isinf(float(wf.grad(wf.sqrt)(0.0)))
    assert np.isinf(float(wf.grad(lambda x: wf.where(x >= 0, wf.sqrt(x), 0.0))(0.0)))
    assert np.isnan(float(wf.grad(lambda x: wf.where(x > 0, x, x * x))(np.nan)))


def test_programs_without_a_choice_have_plain_products():
    f = wf.jit(wf.grad(lambda x: wf.sum(wf.exp(x) * wf.sin(x) @ wf.ones((3,)))))
    assert "strong_mul" not in f.lower(np.ones((2, 3), np.float32)).as_text("resolved")
