"""custom_jvp and custom_vjp: the rule in place of the derivative, in every mode and nesting, and what is refused."""

import numpy as np
import pytest
import weft as wf
from weft import errors

RNG = np.random.default_rng(5)
X = RNG.uniform(0.3, 1.2, (4,))


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


# The rules say three times the derivative of sin, so that it shows which one was taken.
@wf.custom_jvp
def by_jvp(x):
    return wf.sin(x)


@by_jvp.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return by_jvp(x), 3 * wf.cos(x) * t


@wf.custom_vjp
def by_vjp(x):
    return wf.sin(x)


by_vjp.defvjp(lambda x: (by_vjp(x), x), lambda x, g: (3 * wf.cos(x) * g,))
BOTH = pytest.mark.parametrize("f", [by_jvp, by_vjp], ids=["jvp", "vjp"])


@BOTH
def test_the_rule_is_the_derivative(f):
    close(f(X), np.sin(X))
    close(wf.jit(f)(X), np.sin(X))
    t = RNG.normal(size=X.shape)
    close(wf.grad(lambda x: wf.sum(f(x)))(X), 3 * np.cos(X))
    value, tangent = wf.jvp(f, (X,), (t,))
    close(value, np.sin(X))
    close(tangent, 3 * np.cos(X) * t)
    value, pull = wf.vjp(f, X)
    close(pull(t)[0], 3 * np.cos(X) * t)
    close(wf.linearize(f, X)[1](t), 3 * np.cos(X) * t)


@BOTH
def test_second_derivatives_are_those_of_the_rule(f):
    def g(x):
        return wf.sum(f(x))

    t = RNG.normal(size=X.shape)
    expected = -3 * np.sin(X)
    close(wf.grad(lambda x: wf.sum(wf.grad(g)(x)))(X), expected)
    close(wf.jvp(wf.grad(g), (X,), (t,))[1], expected * t)
    close(wf.grad(lambda x: wf.sum(wf.jvp(f, (x,), (t,))[1]))(X), expected * t)
    close(wf.hessian(g)(X), np.diag(expected))
    # The rule calls the function: its derivative there is the rule's again.
    third = wf.grad(lambda x: wf.sum(wf.grad(lambda x: wf.sum(wf.grad(g)(x)))(x)))
    close(third(X), -3 * np.cos(X))


@BOTH
def test_under_every_form(f):
    m = RNG.uniform(0.3, 1.2, (3, 4))

    def total(x):
        return wf.sum(f(x))

    expected = 3 * np.cos(m)
    close(wf.vmap(wf.grad(total))(m), expected)
    close(wf.grad(lambda m: wf.sum(wf.vmap(f)(m)))(m), expected)
    close(wf.jvp(wf.vmap(f), (m,), (np.ones_like(m),))[1], expected)
    close(wf.vmap(lambda x: wf.jvp(f, (x,), (wf.ones_like(x),))[1])(m), expected)
    close(wf.vmap(wf.vmap(wf.grad(f)))(m), expected)
    close(wf.grad(lambda x: wf.sum(wf.jit(f)(x)))(m), expected)
    close(wf.grad(lambda x: wf.sum(wf.scan(lambda c, r: (c, f(r)), 0.0, x)[1]))(m), expected)
    close(wf.grad(lambda x: wf.sum(wf.cond(True, f, lambda v: v, x)))(m), expected)
    close(wf.grad(lambda x: wf.sum(wf.checkpoint(f)(x)))(m), expected)
    carried = wf.grad(lambda x: wf.fori_loop(0, 3, lambda i, c: f(c), x))(np.float64(0.5))
    a, b = np.sin(0.5), np.sin(np.sin(0.5))
    close(carried, 27 * np.cos(0.5) * np.cos(a) * np.cos(b))


def test_of_several_arguments_and_containers():
    @wf.custom_vjp
    def f(p, n, x):
        return {"y": p["w"] * x * n, "n": n + 1}

    def fwd(p, n, x):
        return f(p, n, x), {"p": p, "x": x, "n": n, "how": "as it is"}

    def bwd(res, g):
        assert res["how"] == "as it is" and g["n"] is None
        return {"w": 10 * res["x"] * g["y"] * res["n"], "b": None}, None, None

    f.defvjp(fwd, bwd)
    p = {"w": np.float64([1, 2]), "b": np.float64(3)}

    def loss(p, x):
        out = f(p, 2, x)
        return wf.sum(out["y"])

    gp, gx = wf.grad(loss, argnums=(0, 1))(p, np.float64([5, 7]))
    assert gp["w"].tolist() == [100, 140] and float(gp["b"]) == 0 and gx.tolist() == [0, 0]
    # An argument that is not mapped gets the sum over the batch; residuals that do not depend on it stay whole.
    xs = np.float64([[5, 7], [1, 1]])
    g = wf.grad(lambda p: wf.sum(wf.vmap(loss, in_axes=(None, 0))(p, xs)))(p)
    assert g["w"].tolist() == [120, 160]
    close(wf.jvp(lambda x: f(p, 2, x)["y"], (np.float64([5, 7]),), (np.float64([1, 1]),))[1], [0, 0])


def test_arguments_that_are_not_differentiated():
    wf_plain = wf.custom_jvp(lambda f, x, k: f(x) * k, nondiff_argnums=(0, 2))
    wf_plain.defjvp(lambda f, k, primals, tangents: (f(primals[0]) * k, 100.0 * k * tangents[0]))
    assert float(wf.grad(lambda x: wf_plain(lambda v: v * v, x, 2.0))(3.0)) == 200.0

    power = wf.custom_vjp(lambda x, n: x**n, nondiff_argnums=1)
    power.defvjp(lambda x, n: (x**n, x), lambda n, x, g: (7 * n * g,))
    assert float(wf.grad(lambda x: power(x, 3))(2.0)) == 21.0
    assert float(wf.grad(lambda x: power(x, n=3))(2.0)) == 21.0


def test_one_rule_for_each_argument():
    f = wf.custom_jvp(lambda x, y: x * y)
    f.defjvps(lambda t, value, x, y: 2 * t * y, None)
    gx, gy = wf.grad(f, argnums=(0, 1))(3.0, 5.0)
    assert (float(gx), float(gy)) == (10.0, 0.0)


def test_what_is_read_from_outside():
    k = np.float64([2.0, 3.0])

    @wf.custom_vjp
    def f(x):
        return x * k

    f.defvjp(lambda x: (x * k, None), lambda _, g: (g * k * 10,))
    close(wf.grad(lambda x: wf.sum(f(x)))(np.ones(2)), k * 10)

    def through(scale, x):
        h = wf.custom_vjp(lambda v: v * scale)
        h.defvjp(lambda v: (v * scale, None), lambda _, g: (g * scale * 10,))
        return wf.sum(h(x))

    close(wf.grad(through, argnums=1)(np.float64(2), np.ones(2)), [20, 20])
    close(wf.vmap(wf.grad(through, argnums=1), in_axes=(0, None))(k, np.ones(2)), [[20, 20], [30, 30]])
    # Taking it as a constant would be a wrong number.
    with pytest.raises(errors.DerivativeError) as caught:
        wf.grad(through, argnums=0)(np.float64(2), np.ones(2))
    assert caught.value.code == "WF3011"


def test_gradient_clipping_is_no_forward_mode():
    clipped = wf.custom_vjp(lambda x: x)
    clipped.defvjp(lambda x: (x, None), lambda _, g: (wf.clip(g, -1.0, 1.0),))
    close(wf.grad(lambda x: wf.sum(clipped(x) * 5))(X), np.ones(4))
    close(wf.vmap(wf.grad(lambda x: clipped(x) * 5))(X), np.ones(4))
    with pytest.raises(errors.DerivativeError) as caught:
        wf.jvp(clipped, (X,), (X,))
    assert caught.value.code == "WF3004" and "clip" in str(caught.value)


def no_rule():
    return wf.custom_vjp(lambda x: x)(1.0)


def with_jvp(rule):
    f = wf.custom_jvp(lambda x: x * x)
    f.defjvp(rule)
    return wf.jvp(f, (1.0,), (1.0,))


def with_vjp(fwd, bwd):
    f = wf.custom_vjp(lambda x: x * x)
    f.defvjp(fwd, bwd)
    return wf.grad(f)(1.0)


@pytest.mark.parametrize(
    "call, code, said",
    [
        (no_rule, "WF1308", "defvjp"),
        (lambda: with_jvp(lambda p, t: p[0]), "WF1307", "(value, tangent)"),
        (lambda: with_jvp(lambda p, t: (p[0], None)), "WF1307", "tangent"),
        (lambda: with_jvp(lambda p, t: (wf.zeros((2,)), t[0])), "WF1307", "f32[2]"),
        (lambda: with_jvp(lambda p, t: (p[0], t[0] * t[0])), "WF3004", "linear"),
        (lambda: with_jvp(lambda p, t: (p[0], wf.where(t[0] > 0, t[0], 0.0))), "WF3004", "linear"),
        (lambda: with_jvp(lambda p, t: (p[0] + t[0], t[0])), "WF3010", "result 0"),
        (lambda: with_vjp(lambda x: x, lambda r, g: (g,)), "WF1307", "(value, residuals)"),
        (lambda: with_vjp(lambda x: (x, None), lambda r, g: g), "WF1307", "tuple"),
        (lambda: with_vjp(lambda x: (x, None), lambda r, g: (g, g)), "WF1307", "2 entries"),
        (lambda: with_vjp(lambda x: (x, None), lambda r, g: (wf.zeros((3,)),)), "WF1307", "f32[3]"),
        (lambda: with_vjp(lambda x: ({"a": x}, None), lambda r, g: (g,)), "WF1307", "fwd"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(call, code, said):
    with pytest.raises(errors.WeftError) as caught:
        call()
    assert caught.value.code == code and said in str(caught.value)


def test_named_sizes():
    f = wf.jit(wf.grad(lambda x: wf.sum(by_vjp(x) + by_jvp(x))), dims={"x": (wf.Dim("B"),)})
    for n in (1, 3):
        close(f(np.ones(n)), 6 * np.cos(np.ones(n)))


def test_a_changed_rule_is_seen(monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 2.0, raising=False)
    f = wf.custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, None), lambda _, g: (FACTOR * g,))  # noqa: F821
    g = wf.jit(wf.grad(lambda x: f(x)))
    assert float(g(1.0)) == 2.0
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 9.0)
    assert float(g(1.0)) == 9.0
