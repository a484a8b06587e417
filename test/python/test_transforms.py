"""Derivatives and batches: against finite differences in float64, against each other, in any nesting, on containers."""

import functools
from dataclasses import dataclass

import numpy as np
import pytest
import weft as wf

RNG = np.random.default_rng(0)
X = RNG.uniform(0.2, 0.9, (5,))
M = RNG.uniform(-1, 1, (3, 5))


def difference(f, x, step=1e-6):
    """The gradient of f by central differences in float64; the error is of the order of 1e-9 for these functions."""
    x = np.asarray(x, np.float64)
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = step
        out[i] = (float(f(x + d)) - float(f(x - d))) / (2 * step)
    return out


def close(a, b, tolerance=1e-7):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


def chain(x):
    return wf.sum(wf.sin(x) * wf.exp(-x) / (1.0 + x * x))


def softmax_norm(x):
    e = wf.exp(x - wf.max(x))
    p = e / wf.sum(e)
    return wf.sum(p * p)


def product(x):
    return wf.sum(wf.tanh(wf.asarray(M) @ x) ** 2)


def moved(x):
    y = wf.concat([x, x[::-1], x[1:3]])
    return wf.sum(wf.reshape(y, (3, 4)) @ wf.ones((4,), dtype="float64") * wf.asarray([1.0, 2.0, 3.0], dtype="float64"))


def looped(x):
    last, ys = wf.scan(lambda c, v: (wf.sin(c * v) + v, c * c), 0.5 * x[0], x)
    return last + wf.sum(ys)


def branched(x):
    return wf.cond(wf.sum(x) > 1.0, lambda v: wf.sum(v * v), lambda v: wf.sum(v), x)


FUNCTIONS = [chain, softmax_norm, product, moved, looped, branched]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradient_is_the_slope(f):
    value, gradient = wf.value_and_grad(f)(X)
    assert gradient.dtype == wf.float64 and gradient.shape == X.shape
    close(value, wf.jit(f)(X), 1e-14)
    close(gradient, difference(wf.jit(f), X))


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_forward_and_reverse_agree(f):
    direction = RNG.standard_normal(X.shape)
    _, tangent = wf.jvp(f, (X,), (direction,))
    close(tangent, np.dot(np.asarray(wf.grad(f)(X)), direction), 1e-12)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_second_derivatives_forward_over_reverse_and_reverse_over_forward(f):
    direction = RNG.standard_normal(X.shape)
    one = wf.jit(lambda x: wf.jvp(wf.grad(f), (x,), (direction,))[1])(X)
    other = wf.jit(wf.grad(lambda x: wf.jvp(f, (x,), (direction,))[1]))(X)
    close(one, other, 1e-10)
    slope = wf.jit(wf.grad(f))
    step = 1e-6
    numeric = (np.asarray(slope(X + step * direction)) - np.asarray(slope(X - step * direction))) / (2 * step)
    close(one, numeric, 1e-6)


def test_gradients_nest_three_deep():
    third = wf.grad(wf.grad(wf.grad(lambda x: x**4)))
    assert float(third(np.float64(2.0))) == pytest.approx(48.0, rel=1e-12)


def test_the_inner_gradient_does_not_take_the_outer_one():
    # d/dx (x * d/dy (x + y)) = 1: perturbation confusion would give 2.
    assert float(wf.grad(lambda x: x * wf.grad(lambda y: x + y)(2.0))(3.0)) == 1.0
    # d/dx (d/dy (x * x * y)) = 2x: the inner gradient depends on the outer argument by what it reads.
    assert float(wf.grad(lambda x: wf.grad(lambda y: x * x * y)(5.0))(3.0)) == 6.0


def test_jit_at_every_level():
    inner = wf.jit(lambda x: x * x * x)
    f = wf.jit(wf.grad(wf.jit(wf.grad(inner))))
    assert float(f(2.0)) == 12.0


@dataclass
class Layer:
    w: object
    b: object


def test_containers_come_back_as_they_were():
    p = {"first": Layer(np.float32([1, 2]), np.float32(3)), "rest": [np.float32(4), (np.float32(5),)]}

    def f(p, x):
        return wf.sum(p["first"].w * x) + p["first"].b * p["rest"][0] * p["rest"][1][0]

    g = wf.grad(f)(p, np.float32([10, 20]))
    assert type(g["first"]) is Layer and type(g["rest"][1]) is tuple
    assert np.asarray(g["first"].w).tolist() == [10, 20]
    assert [float(v) for v in (g["first"].b, g["rest"][0], g["rest"][1][0])] == [20, 15, 12]


def test_argnums():
    def f(a, b, c):
        return a * b * b * c

    a, b = wf.grad(f, argnums=(0, -2))(2.0, 3.0, 5.0)
    assert (float(a), float(b)) == (45.0, 60.0)
    assert float(wf.grad(f, argnums=2)(2.0, 3.0, 5.0)) == 18.0
    assert float(wf.grad(lambda x, *, k: x * k)(2.0, k=7.0)) == 7.0


def test_auxiliary_results():
    def f(x):
        return wf.sum(x * x), {"twice": 2 * x, "n": 3}

    (value, aux), gradient = wf.value_and_grad(f, has_aux=True)(np.float32([1, 2]))
    assert float(value) == 5 and np.asarray(aux["twice"]).tolist() == [2, 4] and int(aux["n"]) == 3
    assert np.asarray(gradient).tolist() == [2, 4]
    gradient, aux = wf.grad(f, has_aux=True)(np.float32([1, 2]))
    assert np.asarray(gradient).tolist() == [2, 4] and sorted(aux) == ["n", "twice"]


def test_an_infinite_auxiliary_result_does_not_spoil_the_gradient():
    # A zero cotangent times an infinite derivative would be NaN.
    gradient, _ = wf.grad(lambda x: (x * x, wf.log(x - 1.0)), has_aux=True)(1.0)
    assert float(gradient) == 2.0

    # Of a size with a name, which the zeros may be what binds.
    f = wf.grad(lambda x: (wf.sum(x * x), (wf.log(x - 1.0), 2 * x)), has_aux=True)
    compiled = wf.jit(f).trace(wf.spec((wf.Dim("N"),), "float32")).lower().compile()
    for n in (2, 5):
        gradient, (logs, twice) = compiled(np.ones(n, np.float32))
        assert np.asarray(gradient).tolist() == [2] * n
        assert np.asarray(logs).tolist() == [-np.inf] * n and np.asarray(twice).tolist() == [2] * n


@pytest.mark.parametrize("outer", ["grad", "vjp", "jvp", "jacrev", "jacfwd"])
def test_derivatives_around_go_through_auxiliary_results(outer):
    """d/dx of an auxiliary result x^3, and of a gradient 2 x beside it, is 3 x^2 + 2."""

    def auxiliary(x):
        return wf.sum(x * x), x * x * x

    def by_linearize(x):
        value, push, aux = wf.linearize(auxiliary, x, has_aux=True)
        return push(wf.ones_like(x)), aux

    inner = {
        "grad": lambda x: wf.grad(auxiliary, has_aux=True)(x),
        "value_and_grad": lambda x: (lambda v, g: (g, v[1]))(*wf.value_and_grad(auxiliary, has_aux=True)(x)),
        "vjp": lambda x: (lambda v, pull, aux: (pull(1.0)[0], aux))(*wf.vjp(auxiliary, x, has_aux=True)),
        "jvp": lambda x: wf.jvp(auxiliary, (x,), (wf.ones_like(x),), has_aux=True)[1:],
        "linearize": by_linearize,
        "jacrev": lambda x: wf.jacrev(auxiliary, has_aux=True)(x),
        "jacfwd": lambda x: wf.jacfwd(auxiliary, has_aux=True)(x),
    }
    x, ones = np.array([0.5, -2.0, 3.0]), np.ones(3)
    for name, f in inner.items():
        slope, aux = f(x)
        close(slope, 2 * x.sum() if np.ndim(slope) == 0 else 2 * x, 1e-14)
        close(aux, x**3, 1e-14)

        def total(x, f=f):
            slope, aux = f(x)
            return wf.sum(slope) + wf.sum(aux)

        got = {
            "grad": lambda: wf.grad(total)(x),
            "vjp": lambda: wf.jit(lambda x: wf.vjp(total, x)[1](1.0)[0])(x),
            "jvp": lambda: wf.jvp(total, (x,), (ones,))[1],
            "jacrev": lambda: wf.jit(wf.jacrev(total))(x),
            "jacfwd": lambda: wf.jacfwd(total)(x),
        }[outer]()
        right = 3 * x * x + 2
        assert np.allclose(got, right.sum() if outer == "jvp" else right, rtol=1e-14), name


def test_derivatives_around_go_through_what_a_function_writes():
    seen = wf.Variable(np.float32(0))

    def inner(x):
        seen.value = x * x * x
        return x * x

    def through(x):
        slope = wf.grad(inner)(x)
        return slope + seen.value

    def kept(x):
        y = wf.checkpoint(inner)(x)
        return y + seen.value

    assert float(wf.jit(wf.grad(through))(3.0)) == 2 + 27
    assert float(wf.jit(wf.grad(kept))(3.0)) == 6 + 27


def test_vjp_pulls_several_cotangents():
    def f(x, n):
        return {"y": wf.sin(x), "n": n}

    value, pull = wf.vjp(f, X, 3)
    close(value["y"], np.sin(X), 1e-15)
    for cotangent in (np.ones(5), np.arange(5.0)):
        gx, gn = pull({"y": cotangent, "n": None})
        assert gn is None
        close(gx, cotangent * np.cos(X), 1e-14)

    def inside(x):
        y, pull = wf.vjp(wf.sin, x)
        return y, pull(y)[0], pull(2.0 * y)[0]

    y, one, two = wf.jit(inside)(X)
    close(two, 2 * np.asarray(one), 1e-14)
    close(one, np.sin(X) * np.cos(X), 1e-14)


def test_jvp_holds_what_has_no_tangent():
    value, tangent = wf.jvp(lambda x, y, n: x * y * n, (2.0, 3.0, 4), (1.0, None, None))
    assert (float(value), float(tangent)) == (24.0, 12.0)
    value, tangent, aux = wf.jvp(lambda x: (x * x, x), (3.0,), (1.0,), has_aux=True)
    assert (float(value), float(tangent), float(aux)) == (9.0, 6.0, 3.0)
    value, tangent = wf.jvp(lambda x: {"a": x, "n": 1}, (3.0,), (1.0,))
    assert tangent["n"] is None and float(tangent["a"]) == 1.0


def test_stop_gradient():
    assert float(wf.grad(lambda x: x * wf.stop_gradient(x))(3.0)) == 3.0
    g = wf.grad(lambda p: wf.stop_gradient(p)["a"] * p["b"])({"a": 2.0, "b": 3.0})
    assert (float(g["a"]), float(g["b"])) == (0.0, 2.0)


def test_what_is_read_from_outside_has_no_gradient_but_counts():
    scale = np.float64([2, 4, 6, 8, 10])
    close(wf.grad(lambda x: wf.sum(scale * x * x))(X), 2 * scale * X, 1e-14)

    # Through a scan whose body reads what is differentiated, with a first carry that does not depend on it: seeding
    # activity from the carry alone loses this gradient.
    def f(x):
        return wf.scan(lambda c, _: (c + wf.sum(x * x), None), 0.0, length=3)[0]

    close(wf.grad(f)(X), 6 * X, 1e-14)


def test_a_lambda_in_a_loop_is_compiled_once():
    traced = []

    def step(x):
        def f(v):
            traced.append(1)
            return v * v

        return wf.grad(f)(x)

    traced.clear()
    assert [float(step(x)) for x in (1.0, 2.0, 3.0)] == [2.0, 4.0, 6.0]
    assert len(traced) == 1


def test_what_a_lambda_closes_over_is_never_ignored():
    def slope(k):
        return wf.grad(lambda v: k * v)(1.0)

    assert [float(slope(k)) for k in (2.0, 5.0, 2.0)] == [2.0, 5.0, 2.0]
    box = {"k": 1.0}
    k = 3.0

    def f(v):
        return v * k + v * box["k"]

    g = wf.grad(f)
    assert float(g(1.0)) == 4.0
    k = 7.0
    assert float(g(1.0)) == 8.0


def test_a_jitted_gradient_follows_the_globals_of_its_function(monkeypatch):
    import sys

    module = sys.modules[__name__]
    monkeypatch.setattr(module, "FACTOR", 2.0, raising=False)
    g = wf.jit(wf.grad(lambda x: x * FACTOR))  # noqa: F821
    assert float(g(1.0)) == 2.0
    monkeypatch.setattr(module, "FACTOR", 9.0)
    assert float(g(1.0)) == 9.0


def test_names_methods_and_partials():
    def loss(x, scale):
        """What it says."""
        return x * scale

    g = wf.grad(loss)
    assert g.__name__ == "grad(loss)" and g.__doc__ == "What it says." and g.__wrapped__ is loss
    assert float(wf.grad(functools.partial(loss, scale=4.0))(1.0)) == 4.0

    class Model:
        k = 3.0

        def loss(self, x):
            return self.k * x

        slope = wf.grad(lambda self, x: self.k * x, argnums=1)

    assert float(wf.grad(Model().loss)(1.0)) == 3.0


def test_narrow_floats_keep_their_dtype():
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        x = wf.asarray([1.0, 2.0], dtype=dtype)
        assert wf.grad(lambda x: wf.sum(x * x))(x).dtype == dtype


def test_eval_shape():
    out = wf.eval_shape(lambda p, n: {"y": p["w"] @ wf.ones((4,)), "n": n}, {"w": wf.spec((3, 4), "float32")}, 2)
    assert (out["y"].shape, out["y"].dtype) == ((3,), wf.float32) and out["n"].dtype == wf.int64
    batch = wf.Dim("B")
    assert str(wf.eval_shape(lambda x: wf.sum(x, axis=1), wf.spec((batch, 4), "float32")).shape) == "(Dim('B'),)"
    assert wf.jit(lambda x: x * wf.eval_shape(wf.sin, x).shape[0])(np.float32([1, 1])).tolist() == [2, 2]


# ---------------------------------------------------------------------------------------------------------------- vmap


def test_vmap_becomes_a_request_with_the_axis_in_front():
    def f(x, y):
        return wf.vmap(lambda a, b: a * b, in_axes=(1, None), out_axes=1)(x, y)

    text = wf.jit(f).trace(wf.spec((3, 4), "float32"), wf.spec((3,), "float32")).as_text()
    assert text.count("weft.transpose") == 2 and "batched = array<i1: true, false>" in text and "<4>" in text
    assert wf.eval_shape(f, wf.spec((3, 4), "float32"), wf.spec((3,), "float32")).shape == (3, 4)
