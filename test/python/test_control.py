"""Loops and branches: values against Python, gradients against finite differences, dtypes that settle, refusals."""

import numpy as np
import pytest
import weft as wf
from test_transforms import close, difference

XS = np.float64([0.5, -0.3, 0.8, 0.2, -0.9, 0.4, 0.7])


def running(c, x):
    n = wf.sin(c["a"] * x) + c["b"]
    return {"a": n, "b": c["b"] * 0.9 + x}, (n, x * 2.0)


def by_hand(a, b, xs):
    ys, zs = [], []
    for x in xs:
        n = np.sin(a * x) + b
        b = b * 0.9 + x
        a = n
        ys.append(n)
        zs.append(x * 2.0)
    return a, b, ys, zs


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("unroll", [1, 2, 3, 7, 50])
def test_scan(reverse, unroll):
    last, (ys, zs) = wf.scan(running, {"a": 0.1, "b": 0.2}, XS, reverse=reverse, unroll=unroll)
    order = XS[::-1] if reverse else XS
    a, b, want_y, want_z = by_hand(0.1, 0.2, order)
    turn = slice(None, None, -1) if reverse else slice(None)
    close(last["a"], a, 1e-14)
    close(last["b"], b, 1e-14)
    close(ys, np.array(want_y)[turn], 1e-14)
    close(zs, np.array(want_z)[turn], 1e-14)


@pytest.mark.parametrize("unroll", [1, 3])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradient_of_a_scan(reverse, unroll):
    def f(xs):
        last, (ys, _) = wf.scan(running, {"a": xs[0], "b": xs[1] * xs[1]}, xs, reverse=reverse, unroll=unroll)
        return last["a"] * last["b"] + wf.sum(ys * ys)

    close(wf.grad(f)(XS), difference(wf.jit(f), XS), 1e-6)


def test_gradient_by_what_a_body_reads():
    w = np.float64([[0.3, -0.2], [0.1, 0.5]])
    xs = np.float64([[1.0, 2.0], [0.5, -1.0], [0.3, 0.8]])

    def f(w):
        return wf.sum(wf.scan(lambda h, x: (wf.tanh(w @ h + x), None), np.zeros(2), xs)[0])

    close(wf.grad(f)(w), difference(wf.jit(f), w), 1e-6)


def test_scans_nest():
    def f(xs):
        def outer(c, x):
            inner, ys = wf.scan(lambda d, y: (d * y + x, d), c, xs)
            return inner, wf.sum(ys)

        last, sums = wf.scan(outer, 1.0, xs)
        return last + wf.sum(sums)

    xs = XS[:4]
    close(wf.grad(f)(xs), difference(wf.jit(f), xs), 1e-6)
    c, total = 1.0, 0.0
    for x in xs:
        for y in xs:
            total += c
            c = c * y + x
    close(wf.jit(f)(xs), c + total, 1e-13)


def test_scan_without_arrays_and_without_trips():
    last, ys = wf.scan(lambda c, x: (c * 2, None) if x is None else None, 1, length=5)
    assert int(last) == 32 and ys is None
    last, ys = wf.scan(lambda c, x: (c + x, x), 7.0, np.zeros((0,), np.float32))
    assert float(last) == 7.0 and ys.shape == (0,)


def test_fori_loop():
    assert float(wf.fori_loop(0, 10, lambda i, c: c + i, 0.0)) == 45.0
    assert int(wf.fori_loop(3, 6, lambda i, c: c * 10 + i, 0)) == 345
    assert int(wf.fori_loop(6, 3, lambda i, c: c + 1, 5)) == 5
    i, c = wf.fori_loop(0, 3, lambda i, c: (c[1], c[0]), (1.0, 2.0))  # carries that swap
    assert (float(i), float(c)) == (2.0, 1.0)


def test_while_loop():
    assert int(wf.while_loop(lambda c: c < 100, lambda c: c * 3, 1)) == 243
    assert float(wf.while_loop(lambda c: c < 1.0, lambda c: c * 3.0, 5.0)) == 5.0  # no trip
    assert int(wf.while_loop(lambda c: True, lambda c: c + 1, 0, max_trips=7)) == 7
    assert int(wf.while_loop(lambda c: c < 5, lambda c: c + 1, 0, max_trips=100)) == 5
    assert int(wf.while_loop(lambda c: c, lambda c: c - 1, 4)) == 0  # a number is true unless 0
    a, b, n = wf.while_loop(lambda c: c[2] < 3, lambda c: (c[1], c[0], c[2] + 1), (1.0, 2.0, 0))  # carries that swap
    assert (float(a), float(b), int(n)) == (2.0, 1.0, 3)
    limit = np.float32([10.0, 20.0])  # read in both functions
    got = wf.while_loop(lambda c: wf.all(c < limit), lambda c: c + limit / 4, np.zeros(2, np.float32))
    assert np.asarray(got).tolist() == [10.0, 20.0]
    with wf.disable_jit():
        assert float(wf.while_loop(lambda c: c < 10.0, lambda c: c * 2.0, 1.0)) == 16.0
        assert int(wf.while_loop(lambda c: True, lambda c: c + 1, 0, max_trips=3)) == 3


def test_gradient_of_while_by_what_only_its_body_reads():
    """The init has no derivative: activity comes from the capture alone."""

    def f(w):
        return wf.while_loop(lambda c: c < 5.0, lambda c: c + w * w, 0.0)

    w = np.float64(0.7)
    trips = int(np.ceil(5.0 / (w * w)))
    close(wf.grad(f)(w), 2 * w * trips, 1e-6)
    close(wf.jvp(f, (w,), (np.float64(1.0),))[1], 2 * w * trips, 1e-6)


def test_traced_trip_count():
    f = wf.jit(lambda lo, hi, x: wf.fori_loop(lo, hi, lambda i, c: c + i * x, x))
    for lo, hi in [(0, 4), (2, 5), (-2, 3), (5, 2), (0, 0)]:
        assert float(f(lo, hi, 2.0)) == 2.0 + 2.0 * sum(range(lo, hi))
    assert f(np.int8(1), np.uint64(3), 1.0) == 4.0
    close(wf.grad(f, 2)(0, 4, 2.0), 7.0, 1e-6)
    close(wf.vmap(f, in_axes=(None, 0, None))(0, np.arange(4), 1.0), [1.0, 1.0, 2.0, 4.0], 1e-6)
    text = f.trace(0, 3, 1.0).as_text()
    assert text.count("weft.sized") == 1 and text.count("weft.for") == 1


def test_a_branch_under_vmap_whose_other_side_never_ends():
    def f(x):
        return wf.cond(x > 0, lambda v: wf.while_loop(lambda c: c != 0.0, lambda c: c - 1.0, v), lambda v: -v, x)

    # For -2.5 the loop would never reach 0.
    assert np.asarray(wf.vmap(f)(np.float32([3.0, -2.5, 7.0]))).tolist() == [0.0, 2.5, 0.0]


def test_branches_under_vmap_leak_no_nan():
    def f(x):
        return wf.cond(x > 0, wf.log, lambda v: v * 2.0, x)

    x = np.float64([2.0, -3.0, 0.5, 0.0])
    close(wf.vmap(f)(x), [np.log(2.0), -6.0, np.log(0.5), 0.0], 1e-14)
    close(wf.vmap(wf.grad(f))(x), [0.5, 2.0, 2.0, 2.0], 1e-14)
    close(wf.grad(lambda x: wf.sum(wf.vmap(f)(x)))(x), [0.5, 2.0, 2.0, 2.0], 1e-14)


def test_switch_under_vmap_clamps():
    branches = [lambda v: v, lambda v: v * 10.0, lambda v: v * 100.0]
    got = wf.vmap(lambda i, v: wf.switch(i, branches, v))(np.int64([-4, 0, 1, 2, 9]), np.float32([1, 2, 3, 4, 5]))
    assert np.asarray(got).tolist() == [1.0, 2.0, 30.0, 400.0, 500.0]


def test_gradient_of_fori_loop():
    def f(x):
        return wf.sum(wf.fori_loop(0, 4, lambda i, c: wf.sin(c) * (i + 1.0), x))

    close(wf.grad(f)(XS), difference(wf.jit(f), XS), 1e-6)


@pytest.mark.parametrize("p", [True, False, 0, 3, 0.0, np.bool_(True), np.int32(0)])
def test_cond(p):
    assert float(wf.cond(p, lambda x: x + 1, lambda x: x - 1, 5.0)) == (6.0 if p else 4.0)
    assert float(wf.jit(lambda p: wf.cond(p, lambda: 1.0, lambda: 2.0))(p)) == (1.0 if p else 2.0)


def test_only_one_branch_runs_and_only_its_gradient_comes():
    def f(x):
        return wf.cond(x > 0.0, wf.log, lambda x: -x, x)

    # The logarithm of a negative number would be NaN.
    assert float(wf.grad(f)(np.float64(-2.0))) == -1.0
    assert float(wf.grad(f)(np.float64(4.0))) == 0.25


@pytest.mark.parametrize("i", [-3, 0, 1, 2, 9])
@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64"])
def test_switch_clamps(i, dtype):
    if i < 0 and dtype.startswith("u"):
        i = np.iinfo(dtype).max
    branches = [lambda x: x, lambda x: x * 2, lambda x: x * 3]
    expected = 5.0 * (min(max(i, 0), 2) + 1)
    assert float(wf.switch(np.array(i, dtype), branches, 5.0)) == expected


def test_gradient_of_switch_in_scan():
    def f(xs):
        def body(c, x):
            k = wf.astype(x > 0.0, "int32") + wf.astype(x > 0.45, "int32")
            return wf.switch(k, [lambda c: c * x, lambda c: c + x * x, lambda c: wf.sin(c) + x], c), None

        return wf.scan(body, 0.7, xs)[0]

    close(wf.grad(f)(XS), difference(wf.jit(f), XS), 1e-6)


def test_weak_numbers_take_the_dtype_that_they_meet():
    half = wf.asarray([1.0, 2.0], dtype="float16")
    last, _ = wf.scan(lambda c, x: (c + x, None), 0.0, half)
    assert last.dtype == wf.float16
    last, _ = wf.scan(lambda c, x: (c + x, None), 0, half)  # an int becomes a float
    assert last.dtype == wf.float16
    # Two rounds: the first carry turns to float32 only after the second has.
    a, b = wf.fori_loop(0, 3, lambda i, c: (c[0] + c[1], c[1] * np.float32(2)), (0, 1))
    assert (a.dtype, b.dtype) == (wf.float32, wf.float32) and float(a) == 7.0
    assert wf.cond(True, lambda: 1, lambda: np.float64(2.5)).dtype == wf.float64
    assert wf.cond(False, lambda: 1, lambda: 2.5).dtype == wf.float32
    assert wf.fori_loop(0, 2, lambda i, c: c + 1, 0).dtype == wf.int64


def test_branches_read_different_things():
    a, b = np.float32([1, 2]), np.float32([3, 4])

    def f(p, x):
        return wf.cond(p, lambda: {"r": x * a}, lambda: {"r": b + x * x})

    assert np.asarray(wf.jit(f)(True, np.float32(2))["r"]).tolist() == [2, 4]
    assert np.asarray(wf.jit(f)(False, np.float32(2))["r"]).tolist() == [7, 8]


def test_a_loop_is_one_op_in_the_program():
    def f(xs):
        return wf.scan(lambda c, x: (c + x, None), 0.0, xs)[0]

    text = wf.jit(f).trace(wf.spec((1000,), "float32")).as_text()
    assert text.count("weft.for") == 1 and text.count("weft.add") == 1


def test_scan_over_a_named_size():
    f = wf.jit(lambda xs: wf.scan(lambda c, x: (c + x, c), 0.0, xs))
    text = f.trace(wf.spec((wf.Dim("S"),), "float32")).as_text()
    assert "weft.for <S>" in text


def test_disable_jit_runs_python():
    seen = []

    def body(i, c):
        seen.append((int(i), float(c)))
        return c * 2.0

    with wf.disable_jit():
        assert float(wf.fori_loop(0, 3, body, 1.0)) == 8.0
        assert float(wf.cond(True, lambda: 1.0, lambda: 1 / 0)) == 1.0
        assert float(wf.switch(7, [lambda: 1.0, lambda: 2.0])) == 2.0
        last, ys = wf.scan(lambda c, x: (c + x, c * x), 0.0, np.float32([1, 2, 3]), reverse=True)
        assert float(last) == 6.0 and np.asarray(ys).tolist() == [5, 6, 0]
        values = []
        assert float(wf.jit(lambda x: values.append(float(x)) or x + 1)(2.0)) == 3.0
        assert values == [2.0]
        assert float(wf.grad(lambda x: x * x)(3.0)) == 6.0
    assert seen == [(0, 1.0), (1, 2.0), (2, 4.0)]
    f = wf.jit(lambda x: values.append(1) or x + 1)
    f(2.0)
    count = len(values)
    f(2.0)
    assert len(values) == count  # compiled again once outside


# ------------------------------------------------------------------------------------------------------------- refusals


def refused(code, f, *words):
    with pytest.raises(wf.errors.WeftError) as caught:
        f()
    assert caught.value.code == code, str(caught.value)
    text = str(caught.value)
    assert "test_control.py:" in text
    for word in words:
        assert word in text, text


def test_what_control_flow_refuses():
    x = np.zeros(3, np.float32)
    refused("WF1321", lambda: wf.cond(True, lambda: x, lambda: x[:2]), "f32[2]", "f32[3]", "true_fn")
    refused("WF1321", lambda: wf.cond(True, lambda: {"a": x}, lambda: {"b": x}), "'a'", "'b'")
    refused("WF1321", lambda: wf.switch(0, [lambda: {"k": np.int32(1)}, lambda: {"k": np.float32(1)}]), "['k']")
    refused("WF1322", lambda: wf.fori_loop(0, 3, lambda i, c: wf.concat([c, c]), x), "carry", "f32[3]", "f32[6]")
    refused("WF1322", lambda: wf.scan(lambda c, x: ({"p": c["p"] > 0}, None), {"p": x}, x), "carry['p']", "bool[3]")
    refused("WF1322", lambda: wf.scan(lambda c, x: c, x, x), "(carry, y)")
    refused("WF1322", lambda: wf.fori_loop(0, 3, lambda i, c: (c, c), x), "carry")
    refused("WF1323", lambda: wf.jit(lambda n: wf.scan(lambda c, _: (c, c), 0.0, None, n))(3), "length", "i64[]")
    refused("WF1323", lambda: wf.jit(lambda n: wf.while_loop(lambda c: c < 1, lambda c: c, 0, n))(3), "max_trips")
    refused("WF1325", lambda: wf.jit(lambda n: wf.fori_loop(0, n, lambda i, c: c, 0.0))(2.5), "upper bound", "f32[]")
    refused("WF1325", lambda: wf.while_loop(lambda c: c > 0, lambda c: c, x), "condition", "bool[3]")
    refused("WF1322", lambda: wf.while_loop(lambda c: True, lambda c: wf.concat([c, c]), x), "carry", "f32[6]")
    refused("WF1322", lambda: wf.while_loop(lambda c: True, lambda c: (c, c), x), "carry")
    refused("WF1324", lambda: wf.scan(lambda c, x: (c, None), 0.0, (x, x[:2])), "xs[1]", "2", "3")
    refused("WF1324", lambda: wf.scan(lambda c, x: (c, None), 0.0))
    refused("WF1324", lambda: wf.scan(lambda c, x: (c, None), 0.0, np.float32(1)), "no dimensions")
    refused("WF1325", lambda: wf.cond(x, lambda: 1, lambda: 2), "f32[3]")
    refused("WF1325", lambda: wf.switch(1.5, [lambda: 1, lambda: 2]), "f32[]")
    refused("WF1208", lambda: wf.cond(True, lambda: "text", lambda: "text"), "str")


def test_map():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)).astype(np.float32), np.arange(6, dtype=np.float32)

    def f(t):
        return {"s": wf.sin(t[0]) * t[1], "n": t[1] + 1}

    for g in (wf.map, wf.jit(lambda f, t: wf.map(f, t), static="f")):
        got = g(f, (x, y))
        np.testing.assert_allclose(got["s"], np.sin(x) * y[:, None], rtol=1e-6)
        assert got["n"].tolist() == [1, 2, 3, 4, 5, 6]
    with wf.disable_jit():
        np.testing.assert_allclose(wf.map(f, (x, y))["s"], np.sin(x) * y[:, None], rtol=1e-6)
    assert wf.jit(lambda x: wf.map(lambda r: wf.sum(r), x))(np.zeros((0, 3), np.float32)).shape == (0,)
    B = wf.Dim("B")
    named = wf.jit(
        lambda x, c: wf.map(lambda r: wf.cond(wf.sum(r) > 0, wf.exp, lambda r: r * c, r), x), dims={"x": (B, 4)}
    )
    for n in (1, 2, 6):
        want = np.where(x[:n].sum(1, keepdims=True) > 0, np.exp(x[:n]), x[:n] * 2)
        np.testing.assert_allclose(named(x[:n], 2.0), want, rtol=1e-6)
    assert named.misses == ["a new signature"]

    def inner(x):
        return wf.sum(wf.map(lambda r: wf.while_loop(lambda c: wf.sum(c) < 5, lambda c: c * 2.0 + 0.25, r * r), x))

    g = wf.grad(inner)(x)
    t = rng.normal(size=x.shape).astype(np.float32)
    _, forward = wf.jvp(inner, (x,), (t,))
    np.testing.assert_allclose(forward, (np.asarray(g) * t).sum(), rtol=1e-4)
    outer = wf.vmap(lambda k: wf.map(lambda r: wf.sum(r * k), x))(np.float32([1, 2]))
    np.testing.assert_allclose(outer, np.stack([x.sum(1), 2 * x.sum(1)]), rtol=1e-5)
    refused("WF1324", lambda: wf.map(f, (x, y[:5])), "leading size 5")
    refused("WF1324", lambda: wf.map(lambda t: t, ()), "map")
    refused("WF1324", lambda: wf.map(lambda t: t, 1.0), "no dimensions")


# --------------------------------------------------------------------------------------------------- associative_scan


def sequential(f, xs, reverse=False):
    """All prefixes, one after the other, in float64."""
    xs = xs[::-1] if reverse else xs
    made = [xs[0]] if len(xs) else []
    for x in xs[1:]:
        made.append(f(made[-1], x))
    made = made[::-1] if reverse else made
    return np.stack(made) if made else xs


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 13, 33])
@pytest.mark.parametrize("reverse", [False, True])
def test_prefixes_of_an_associative_function(n, reverse):
    x = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    got = wf.jit(lambda x: wf.associative_scan(lambda a, b: a + b, x, reverse))(x)
    assert got.shape == x.shape
    assert np.allclose(got, sequential(lambda a, b: a + b, x.astype(np.float64), reverse), atol=1e-5)
    assert (np.asarray(wf.associative_scan(lambda a, b: a + b, x, reverse)) == np.asarray(got)).all()
    got = np.asarray(wf.associative_scan(wf.maximum, x.T, reverse, axis=1))
    assert (got == sequential(np.maximum, x, reverse).T).all()
    # Products of matrices do not commute: the order of the operands is seen.
    m = np.random.default_rng(n).integers(-2, 3, (n, 2, 2))
    got = wf.associative_scan(lambda a, b: b @ a if reverse else a @ b, m, reverse)
    right = sequential(lambda a, b: b @ a if reverse else a @ b, m, reverse)
    assert (np.asarray(got) == right).all()


def test_prefixes_of_a_recurrence_and_their_derivatives():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.2, 0.9, (2, 11)).astype(np.float32)

    def by_tree(a, b):
        return wf.associative_scan(
            lambda p, q: {"a": q["a"] * p["a"], "b": q["a"] * p["b"] + q["b"]}, {"a": a, "b": b}
        )["b"]

    def by_steps(a, b):
        def step(c, ab):
            c = ab[0] * c + ab[1]
            return c, c

        return wf.scan(step, np.float32(0), (a, b))[1]

    assert np.allclose(by_tree(a, b), by_steps(a, b), rtol=1e-6)
    g, h = (wf.jit(wf.grad(lambda a, b, f=f: (f(a, b) ** 2).sum(), (0, 1)))(a, b) for f in (by_tree, by_steps))
    for x, y in zip(g, h, strict=True):
        assert np.allclose(x, y, rtol=1e-5)
    many = rng.uniform(0.2, 0.9, (2, 4, 11)).astype(np.float32)
    assert np.allclose(wf.vmap(by_tree)(*many), np.stack([by_tree(*ab) for ab in many.transpose(1, 0, 2)]), rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (lambda x: wf.associative_scan(lambda a, b: a, ()), "WF1324"),
        (lambda x: wf.associative_scan(lambda a, b: a, (x, x[:2])), "WF1324"),
        (lambda x: wf.associative_scan(lambda a, b: (a, b), x), "WF1322"),
        (lambda x: wf.associative_scan(lambda a, b: a.sum(), x), "WF1322"),
        (lambda x: wf.associative_scan(lambda a, b: wf.astype(a, wf.int32), x), "WF1322"),
        (lambda x: wf.associative_scan(lambda a, b: a, x, axis=2), "WF1002"),
    ],
)
def test_wrong_uses_of_associative_scan(wrong, code):
    x = np.ones((4, 3), np.float32)
    for f in (wrong, wf.jit(wrong)):
        with pytest.raises(wf.errors.WeftError, match=code):
            f(wf.asarray(x))
