"""jacfwd, jacrev, hessian and linearize: against finite differences, against each other, on containers; and the
arguments of vmap."""

import numpy as np
import pytest
import weft as wf
from weft import errors

RNG = np.random.default_rng(3)
W = RNG.normal(size=(4, 3))


def network(x):
    return wf.tanh(wf.asarray(W) @ x) * wf.sum(x)


def difference(f, x, step=1e-6):
    """The Jacobian by central differences in float64."""
    columns = []
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = step
        columns.append((np.asarray(f(x + d)) - np.asarray(f(x - d))) / (2 * step))
    out = np.stack(columns, -1) if columns else np.zeros((*np.shape(f(x)), 0))
    return out.reshape(np.shape(out)[:-1] + x.shape)


def close(a, b, tolerance=1e-7):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("jacobian", [wf.jacfwd, wf.jacrev], ids=["forward", "reverse"])
@pytest.mark.parametrize(
    "f, shape",
    [
        (network, (3,)),
        (lambda x: wf.sin(x) * wf.sum(x), (2, 3)),
        (lambda x: wf.sum(x * x, axis=0), (2, 3)),
        (lambda x: x[0] * x, (1,)),
        (lambda x: x * x, ()),
        (lambda x: wf.exp(x), (0,)),
        (lambda x: wf.scan(lambda c, v: (c * v, c + v), 1.0 + x[0], x)[1], (4,)),
        (lambda x: wf.cond(x[0] > 0, lambda v: v * v, lambda v: -v, x), (3,)),
    ],
    ids=["network", "matrix", "reduced", "one", "scalar", "empty", "scan", "cond"],
)
def test_jacobians_are_slopes(jacobian, f, shape):
    x = RNG.uniform(0.2, 1.0, shape)
    expected = difference(wf.jit(f), x)
    found = jacobian(f)(x)
    assert found.shape == expected.shape and found.dtype == wf.float64
    close(found, expected)
    close(wf.jit(jacobian(f))(x), expected)


@pytest.mark.parametrize("shape", [(3,), (1,), ()])
def test_hessian_is_the_slope_of_the_gradient(shape):
    x = RNG.uniform(0.2, 1.0, shape)

    def f(x):
        return wf.sum(wf.sin(x) * x) * wf.sum(wf.exp(x))

    expected = difference(wf.jit(wf.grad(f)), x)
    close(wf.hessian(f)(x), expected)
    for other in (wf.jacrev(wf.jacrev(f)), wf.jacrev(wf.jacfwd(f)), wf.jacfwd(wf.jacfwd(f))):
        close(other(x), expected)


def test_containers_in_and_out():
    p = {"a": np.float64([1, 2]), "b": (np.float64(3.0),)}

    def f(p, k):
        return [p["a"] * p["b"][0] * k, {"s": wf.sum(p["a"])}]

    for jacobian in (wf.jacfwd, wf.jacrev):
        j = jacobian(f)(p, 2.0)
        assert j[0]["a"].tolist() == [[6, 0], [0, 6]] and j[0]["b"][0].tolist() == [2, 4]
        assert j[1]["s"]["a"].tolist() == [1, 1] and j[1]["s"]["b"][0].shape == ()
        both = jacobian(lambda p, k: f(p, k)[0], argnums=(0, 1))(p, 2.0)
        assert both[0]["a"].tolist() == [[6, 0], [0, 6]] and both[1].tolist() == [3, 6]
    h = wf.hessian(lambda p: wf.sum(p["a"] ** 2) * p["b"][0])(p)
    assert h["a"]["a"].tolist() == [[6, 0], [0, 6]] and h["a"]["b"][0].tolist() == [2, 4]
    assert h["b"][0]["a"].tolist() == [2, 4] and float(h["b"][0]["b"][0]) == 0


def test_auxiliary_results():
    def f(x):
        return x * x, {"n": 3, "twice": 2 * x}

    for transform in (wf.jacfwd, wf.jacrev, wf.hessian):
        made, aux = transform(f, has_aux=True)(np.float64([1, 2]))
        assert made.shape[:2] == (2, 2) and int(aux["n"]) == 3 and aux["twice"].tolist() == [2, 4]


def test_named_sizes():
    f = wf.jit(wf.jacrev(lambda x: wf.sum(x * x, axis=0)), dims={"x": (wf.Dim("B"), 2)})
    for n in (1, 3, 5):
        x = RNG.normal(size=(n, 2))
        close(f(x), difference(lambda x: np.sum(x * x, axis=0), x))


@pytest.mark.parametrize(
    "call, code, said",
    [
        (lambda: wf.jacfwd(lambda x: {"a": x > 0})(np.ones(2)), "WF1306", "result['a']"),
        (lambda: wf.jacrev(lambda p: p["w"][0] * 2)({"w": [3]}), "WF1302", "p['w'][0]"),
        (lambda: wf.grad(lambda p: p["w"] * 1.0)({"w": 2.0, "n": [np.int32(1)]}), "WF1302", "p['n'][0]"),
        (lambda: wf.grad(lambda p: p["w"] * 1.0)({"w": True}), "WF1302", "p['w']"),
        (lambda: wf.jacfwd(lambda x: x, has_aux=True)(1.0), "WF1305", "has_aux"),
        (lambda: wf.hessian(lambda x: x, argnums=1)(1.0), "WF1210", "argnums"),
        (lambda: wf.linearize(lambda x: x, 1.0)[1](np.ones(2)), "WF1304", "tangents[0]"),
        (lambda: wf.vmap(lambda x: x, in_axes={"y": 0})(np.ones(2)), "WF1210", "'y'"),
        (lambda: wf.vmap(lambda x: x, axis_size=3)(np.ones(2)), "WF1311", "axis_size is 3"),
        (lambda: wf.vmap(lambda x: x, axis_size=-1), "WF1312", "-1"),
        (lambda: wf.vmap(lambda x: x, in_axes=None)(np.ones(2)), "WF1312", "axis_size"),
        (lambda: wf.vmap(lambda x: x, in_axes=-2)(np.ones(2)), "WF1002", "-2"),
    ],
)  # fmt: skip
def test_errors_name_the_place(call, code, said):
    with pytest.raises(errors.WeftError) as caught:
        call()
    assert caught.value.code == code and said in caught.value.message


def test_linearize_pushes_several_tangents():
    def f(p, n):
        return {"y": wf.sin(p["x"]) * n, "n": n}

    x = RNG.normal(size=(3,))
    value, push = wf.linearize(f, {"x": x}, 3)
    close(value["y"], 3 * np.sin(x), 1e-14)
    for t in (np.ones(3), RNG.normal(size=(3,))):
        out = push({"x": t}, None)
        assert out["n"] is None
        close(out["y"], 3 * np.cos(x) * t, 1e-14)
    value, push, aux = wf.linearize(lambda x: (x * x, {"k": x}), x, has_aux=True)
    close(push(np.ones(3)), 2 * x, 1e-14)
    close(aux["k"], x, 0)

    def inside(x):
        _, push = wf.linearize(wf.exp, x)
        return push(x) + wf.vmap(push)(wf.stack([x, 2 * x]))[1]

    close(wf.jit(inside)(x), 3 * x * np.exp(x), 1e-13)


def test_arguments_of_vmap():
    m = RNG.normal(size=(2, 3, 4))
    close(wf.vmap(lambda x: wf.sum(x, axis=0), in_axes=-1, out_axes=-1)(m), m.sum(0), 1e-14)
    close(wf.vmap(lambda x: x * 2, in_axes=-2, out_axes=1)(m), 2 * m, 0)
    p = {"w": m, "b": np.float64(2)}
    out = wf.vmap(lambda p: {"y": p["w"] * p["b"]}, in_axes=({"w": 2, "b": None},), out_axes={"y": 2})(p)
    close(out["y"], 2 * m, 0)
    f = wf.vmap(lambda x, k=1.0, *, s: x * k + s, in_axes={"x": 1, "s": None})
    close(f(np.ones((2, 3)), np.arange(3.0), s=5.0), np.arange(3.0)[:, None] * np.ones((3, 2)) + 5, 1e-14)
    close(wf.vmap(lambda x, *, k: x * k)(np.ones(3), k=np.arange(3.0)), np.arange(3.0), 0)
    assert wf.vmap(lambda: wf.ones((2,)), axis_size=3)().shape == (3, 2)
    assert wf.vmap(lambda x: x * 2, in_axes=None, axis_size=2)(np.float64(3)).tolist() == [6, 6]
    assert wf.vmap(lambda x: x * 2, axis_size=0)(np.ones((0, 2))).shape == (0, 2)
    batched = wf.jit(wf.vmap(wf.sin, axis_size=wf.Dim("B")), dims={"x": (wf.Dim("B"), 2)})
    assert batched(np.ones((5, 2))).shape == (5, 2)


def test_nestings():
    x = RNG.uniform(0.2, 1.0, (4, 3))

    def f(v):
        return wf.sum(wf.sin(v) * v)

    first = np.sin(x) + x * np.cos(x)
    second = 2 * np.cos(x) - x * np.sin(x)
    close(wf.vmap(wf.grad(f))(x), first, 1e-13)
    close(wf.grad(lambda x: wf.sum(wf.vmap(f)(x)))(x), first, 1e-13)
    close(wf.grad(lambda x: wf.sum(wf.grad(f)(x)))(x), second, 1e-13)
    close(wf.jvp(wf.grad(f), (x,), (np.ones_like(x),))[1], second, 1e-13)
    close(wf.vmap(wf.grad(lambda v: wf.sum(wf.vmap(lambda s: wf.sin(s) * s)(v))))(x), first, 1e-13)
    close(wf.vmap(lambda v: wf.jvp(wf.grad(f), (v,), (wf.ones_like(v),))[1])(x), second, 1e-13)
