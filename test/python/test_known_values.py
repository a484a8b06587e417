"""Outside of `jit`, tracers of derivatives know their values: Python may branch on them."""

import numpy as np
import pytest
import weft as wf
from weft import errors


def bent(x):
    if x > 0:
        return x * x
    return -3.0 * x


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("x, slope, second", [(2.0, 4.0, 2.0), (-2.0, -3.0, 0.0), (0.0, -3.0, 0.0)])
def test_python_branches_in_derivatives(x, slope, second):
    x = np.float64(x)
    value, gradient = wf.value_and_grad(bent)(x)
    assert (float(value), float(gradient)) == (bent(x), slope)
    assert [float(v) for v in wf.jvp(bent, (x,), (np.float64(2),))] == [bent(x), 2 * slope]
    value, pull = wf.vjp(bent, x)
    assert (float(value), float(pull(np.float64(3))[0])) == (bent(x), 3 * slope)
    assert float(wf.linearize(bent, x)[1](np.float64(3))) == 3 * slope
    assert float(wf.jacfwd(bent)(x)) == float(wf.jacrev(bent)(x)) == slope
    assert float(wf.grad(wf.grad(bent))(x)) == float(wf.hessian(bent)(x)) == second


def test_loops_numbers_and_indices():
    def f(x, n):
        y, steps = x, 0
        while y < 100 and steps < int(n):
            y = y * x
            steps += 1
        k = [1.0, 10.0][int(wf.sum(x > 1))]
        return y * k * float(wf.floor(x))

    # 3 * 3 * 3 * 3 * 3 = 243, the fifth power; times 10 and 3.
    close(wf.grad(f)(np.float64(3.0), 9), 5 * 3**4 * 30)
    close(wf.grad(f)(np.float64(3.0), 1), 2 * 3 * 30)
    close(wf.grad(f)(np.float64(0.5), 2), 0.0)


def test_values_follow_through_calls_containers_and_what_is_read():
    scale = np.float64(4)

    def inner(p):
        if wf.sum(p["a"]) * scale > 10:
            return wf.sum(p["a"] ** 2)
        return wf.sum(p["a"])

    def f(p):
        s = wf.checkpoint(inner)(p)
        if wf.cond(s > 0, lambda v: v > 5, lambda v: v < 0, s):
            return s * 2.0
        return s

    close(wf.grad(f)({"a": np.float64([1, 2])})["a"], [2, 4])  # 12 > 10; 5 is not above 5
    close(wf.grad(f)({"a": np.float64([2, 2])})["a"], [8, 8])  # 16 > 10; 8 > 5
    close(wf.grad(f)({"a": np.float64([1, 0])})["a"], [1, 1])

    def outer(x):
        g = wf.grad(bent)(x)  # the value of a derivative is known too
        return x * x if g > 0 else x

    close(wf.grad(outer)(np.float64(2)), 4)
    close(wf.grad(outer)(np.float64(-2)), 1)


def test_custom_rules():
    f = wf.custom_vjp(bent)
    f.defvjp(lambda x: (bent(x), x), lambda x, g: (7.0 * g if x > 1 else 8.0 * g,))
    with pytest.raises(errors.ConcretizationError):
        wf.grad(f)(np.float64(2))  # a rule is for any values
    g = wf.custom_jvp(bent)
    g.defjvp(lambda p, t: (g(p[0]), 7.0 * t[0]))
    close(wf.grad(g)(np.float64(2)), 7)


def test_not_where_values_are_not_known():
    for f in (
        lambda: wf.vmap(wf.grad(bent))(np.ones(3)),
        lambda: wf.grad(lambda x: wf.sum(wf.vmap(bent)(x)))(np.ones(3)),
        lambda: wf.jit(wf.grad(bent))(1.0),
        lambda: wf.grad(wf.jit(bent))(1.0),
        lambda: wf.grad(lambda x: wf.scan(lambda c, _: (bent(c), None), x, length=2)[0])(1.0),
    ):
        with pytest.raises(errors.ConcretizationError) as caught:
            f()
        assert caught.value.code == "WF1201" and "bent" in str(caught.value)


def test_numpy_gets_no_numbers():
    """What NumPy made of them would have no derivative."""
    with pytest.raises(errors.TracerError):
        wf.grad(lambda x: np.asarray(x).sum() if x > 0 else x)(np.float64(1))


def test_programs_without_questions_are_kept():
    traced = []

    def f(x):
        traced.append(1)
        return x * x

    g = wf.grad(f)
    assert [float(g(np.float64(v))) for v in (1, 2, 3)] == [2, 4, 6] and len(traced) == 1
