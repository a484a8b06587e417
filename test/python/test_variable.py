"""Variables: read and written by plain, compiled, looping, branching and differentiated code; values against NumPy."""

import gc

import numpy as np
import pytest
import weft as wf
from weft._src import _weft
from weft.errors import BatchError, DTypeError, ShapeError, UnsupportedError, WrongArgumentError


def test_plain_code():
    v = wf.Variable([1.0, 2.0])
    kept = v.value
    v += 1
    v[0] = 10
    v.value = v * 2
    assert v.value.tolist() == [20, 6] and kept.tolist() == [1, 2]
    assert v.dtype is wf.float32 and v.shape == (2,) and v.ndim == 1 and v.size == 2 and len(v) == 2
    assert repr(v) == "Variable([20.,  6.], dtype=float32)"
    assert np.sum(v) == 26 and (v > 7).tolist() == [True, False] and (1 - v).tolist() == [-19, -5]
    x = np.arange(3)
    own = wf.Variable(x)
    x[0] = 9
    assert own.value.tolist() == [0, 1, 2]
    for bad, error in ((1.5, DTypeError), (np.float64(2), DTypeError), ([1, 2], ShapeError)):
        with pytest.raises(error):
            own.value = bad
    v = wf.Variable(0.0)
    v.value = 3  # a Python number bends
    assert float(v) == 3 and v.dtype is wf.float32


def test_compiled_functions_read_and_write():
    count, table = wf.Variable(0), wf.Variable(np.zeros(4, np.float32))

    @wf.jit
    def step(x):
        count.value = count + 1
        table[1] = table[1] + x
        table.value = table * 2
        return count * 10

    want = np.zeros(4, np.float32)
    for i in range(6):
        assert int(step(float(i))) == 10 * (i + 1)
        want[1] += i
        want *= 2
        np.testing.assert_array_equal(np.asarray(table), want)
    assert int(count) == 6 and step.misses == ["a new signature"]
    count.value = 100  # by plain code: the next call reads it, and traces nothing
    assert int(step(0.0)) == 1010 and len(step.misses) == 1
    held = table.value  # a view keeps its value
    before = np.array(held)
    step(1.0)
    np.testing.assert_array_equal(np.asarray(held), before)


def test_the_ir_is_functional():
    v = wf.Variable(np.zeros(3, np.float32))

    @wf.jit
    def f(x):
        v.value = v + x
        return x

    text = f.trace(np.ones(3, np.float32)).as_text()
    assert 'weft.role = "captured", weft.updates = 1 : i64' in text.replace("weft.donated, ", "")
    run = f.lower(np.ones(3, np.float32)).compile()
    run(np.ones(3, np.float32))
    assert v.value.tolist() == [1, 1, 1]
    assert any("Variable" in note for note in f.explain(np.ones(3, np.float32)).notes)


def test_write_only_and_last_write_wins():
    v = wf.Variable(1)

    @wf.jit
    def f(x):
        v.value = x
        v.value = v * 3
        v.value = v + x
        return v

    assert int(f(2)) == 8 and int(v) == 8
    assert int(f(3)) == 12 and int(v) == 12


@pytest.mark.parametrize("trips", [0, 1, 5])
def test_loops(trips):
    total, seen = wf.Variable(np.float32(0)), wf.Variable(np.int64(0))

    @wf.jit
    def f(xs):
        def body(carry, x):
            seen.value = seen + 1

            def inner(i, c):
                total.value = total + x
                return c + 1

            return wf.fori_loop(0, 2, inner, carry), total.value

        return wf.scan(body, 0, xs)

    xs = np.arange(trips, dtype=np.float32)
    carry, totals = f(xs)
    assert int(carry) == 2 * trips and int(seen) == trips and float(total) == 2 * xs.sum()
    np.testing.assert_array_equal(np.asarray(totals), 2 * np.cumsum(xs))

    def plain(i, c):  # outside of jit
        seen.value = seen + 10
        return c

    wf.fori_loop(0, 3, plain, 0)
    assert int(seen) == trips + 30


def test_while():
    total, asked = wf.Variable(0), wf.Variable(np.int64(3))

    @wf.jit
    def f(n):
        def body(i):
            total.value = total + i
            asked.value = asked + 1
            return i + 1

        # The condition reads what the body wrote.
        return wf.while_loop(lambda i: (i < n) & (asked < 100), body, 0)

    assert int(f(5)) == 5 and int(total) == 10 and int(asked) == 8
    assert int(f(1000)) == 92 and int(asked) == 100
    assert int(f(0)) == 0 and int(total) == 10 + 92 * 91 // 2


def test_branches():
    a, b = wf.Variable(0), wf.Variable(0)

    @wf.jit
    def f(p, x):
        def yes(x):
            a.value = a + x
            return a * 1

        def no(x):
            b.value = b - x
            return x

        return wf.cond(p, yes, no, x)

    assert [int(f(True, 5)), int(f(False, 3)), int(f(True, 1))] == [5, 3, 6]
    assert (int(a), int(b)) == (6, -3)


def test_functions_in_functions():
    v = wf.Variable(1.0)

    @wf.jit
    def double():
        v.value = v * 2
        return v + 0

    @wf.jit
    def read():
        return v * 1

    @wf.jit
    def f():
        first = read()
        double()
        second = read()  # another value than before: not the call that was traced then
        double()
        v.value = v + 1
        return first, second, read(), double()

    assert [float(x) for x in f()] == [1, 2, 5, 10] and float(v) == 10
    assert [float(x) for x in f()] == [10, 20, 41, 82] and float(v) == 82


def test_derivatives():
    w, calls = wf.Variable([1.0, 2.0]), wf.Variable(0)

    def loss(x):
        calls.value = calls + 1
        return wf.sum(w * w * x)

    x = np.float32([3, 4])
    np.testing.assert_array_equal(np.asarray(wf.grad(loss)(x)), [1, 4])
    assert int(calls) == 1
    np.testing.assert_array_equal(np.asarray(wf.grad(loss, w)(x)), [6, 16])
    by_both = wf.jit(wf.value_and_grad(loss, (0, w)))
    value, (gx, gw) = by_both(x)
    assert float(value) == 19 and gx.tolist() == [1, 4] and gw.tolist() == [6, 16] and int(calls) == 3

    @wf.jit
    def train(x):
        value, g = wf.value_and_grad(loss, w)(x)
        w.value = w - 0.125 * g
        return value

    want = np.float32([1, 2])
    for _ in range(3):
        train(x)
        want = want - np.float32(0.125) * 2 * want * x
        np.testing.assert_allclose(np.asarray(w), want, rtol=1e-6)
    value, pull = wf.vjp(loss, x)
    value, tangent = wf.jvp(loss, (x,), (x,))
    np.testing.assert_allclose(float(value), float(tangent), rtol=1e-6)


def test_in_checkpoint():
    """A checkpointed function writes once, however often it is computed again."""
    w, calls = wf.Variable(np.float32([1, 2])), wf.Variable(0)

    @wf.checkpoint
    def layer(x):
        calls.value = calls + 1
        return wf.sin(x * w)

    @wf.jit
    def f(x):
        return wf.value_and_grad(lambda x: wf.sum(layer(layer(x))))(x)

    x = np.float32([0.5, -1])
    inner = np.sin(x * [1, 2])
    value, g = f(x)
    np.testing.assert_allclose(value, np.sin(inner * [1, 2]).sum(), rtol=1e-6)
    np.testing.assert_allclose(g, np.cos(inner * [1, 2]) * np.cos(x * [1, 2]) * np.square([1, 2]), rtol=1e-5)
    assert int(calls) == 2
    by_w = wf.grad(lambda x: wf.sum(layer(x)), w)(x)
    np.testing.assert_allclose(by_w, x * np.cos(x * [1, 2]), rtol=1e-6)
    assert int(calls) == 3

    @wf.jit
    def in_a_loop(x):
        return wf.scan(lambda c, _: (layer(c), None), x, length=4)[0]

    in_a_loop(x)
    assert int(calls) == 7


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_in_custom_rules(kind):
    """Read anew at each call; a write is refused."""
    v = wf.Variable(np.float32(2))
    if kind == "jvp":
        f = wf.custom_jvp(lambda x: x * v)
        f.defjvp(lambda p, t: (p[0] * v, t[0] * v * 10))
    else:
        f = wf.custom_vjp(lambda x: x * v)
        f.defvjp(lambda x: (x * v, None), lambda _, g: (g * v * 10,))

    @wf.jit
    def run(x):
        first, slope = f(x), wf.grad(f)(x)
        v.value = v + 1
        return first, slope, f(x), wf.grad(f)(x)

    assert [float(y) for y in run(np.float32(1))] == [2, 20, 3, 30] and float(v) == 3
    assert [float(y) for y in run(np.float32(1))] == [3, 30, 4, 40] and float(v) == 4

    def writes(x):
        v.value = x
        return x

    g = wf.custom_jvp(writes) if kind == "jvp" else wf.custom_vjp(writes)
    if kind == "jvp":
        g.defjvp(lambda p, t: (p[0], t[0]))
    else:
        g.defvjp(lambda x: (x, None), lambda _, c: (c,))
    with pytest.raises(UnsupportedError, match="WF1507") as caught:
        wf.jit(g)(np.float32(1))
    assert "write it outside" in str(caught.value) and float(v) == 4


def test_writes_under_derivatives_of_control_flow():
    """Written once by the pass forth, in branches, loops and while loops; grad and jvp agree."""
    seen, total = wf.Variable(0), wf.Variable(np.float64(0))

    def loss(p, x):
        def yes(x):
            seen.value = seen + 1
            return x * x

        y = wf.cond(p, yes, lambda x: x, x)

        def step(c, v):
            total.value = total + v
            return c + v * v, c

        c, _ = wf.scan(step, np.float64(0), y)

        def again(s):
            seen.value = seen + 10
            return s[0] + 1, s[1] * 2.0

        return wf.while_loop(lambda s: s[0] < 3, again, (0, c))[1]

    x = np.float64([1, 2, 3])
    for p, power in ((True, 4), (False, 2)):
        before, sum_before = int(seen), float(total)
        value, g = wf.jit(wf.value_and_grad(loss, 1))(p, x)
        assert float(value) == 8 * (x**power).sum()
        np.testing.assert_allclose(g, 8 * power * x ** (power - 1))
        assert int(seen) - before == 30 + p and float(total) - sum_before == (x ** (power // 2)).sum()
        _, tangent = wf.jit(lambda p, x, t: wf.jvp(lambda x: loss(p, x), (x,), (t,)))(p, x, x)
        np.testing.assert_allclose(tangent, np.asarray(g) @ x)
        assert int(seen) - before == 2 * (30 + p)


def test_training_in_a_scan():
    w = wf.Variable(np.zeros(2, np.float32))

    @wf.jit
    def train(xs, ys):
        def step(_, batch):
            x, y = batch
            value, g = wf.value_and_grad(lambda: wf.sum((x @ w - y) ** 2), w)()
            w.value = w - 0.05 * g
            return _, value

        return wf.scan(step, 0, (xs, ys))[1]

    rng = np.random.default_rng(0)
    xs = rng.normal(size=(200, 3, 2)).astype(np.float32)
    losses = train(xs, xs @ np.float32([2, -1]))
    assert float(losses[-1]) < 1e-6
    np.testing.assert_allclose(np.asarray(w), [2, -1], atol=1e-3)


def test_objects_hold_variables():
    class Counter:
        def __init__(self):
            self.n = wf.Variable(0)

        @wf.jit
        def __call__(self, by):
            self.n += by
            return self.n * 1

    a, b = Counter(), Counter()
    assert [int(a(1)), int(a(2)), int(b(5)), int(a(3))] == [1, 3, 5, 6]


def test_what_is_refused():
    v = wf.Variable(0.0)

    @wf.jit
    def f(x):
        return x * 2

    with pytest.raises(WrongArgumentError, match="WF1208"):
        f(v)

    def writes(x):
        v.value = v + x
        return x

    with pytest.raises(UnsupportedError, match="map, whose slices are computed in no order"):
        wf.map(writes, np.ones(3, np.float32))
    assert float(v) == 0
    np.testing.assert_array_equal(np.asarray(wf.map(lambda x: x + v, np.ones(3, np.float32))), 1)
    np.testing.assert_array_equal(np.asarray(wf.vmap(lambda x: x + v)(np.ones(3, np.float32))), 1)

    @wf.jit
    def changes(x):
        v.value = x

    with pytest.raises(ShapeError, match="WF1017"):
        changes(np.ones(2, np.float32))
    assert float(v) == 0


def test_memory_is_reused():
    """A loop carries the Variable in its own memory: as many buffers live after the call as before."""
    v = wf.Variable(np.zeros(1000, np.float32))

    @wf.jit
    def f(x):
        def body(i, c):
            v.value = v * 0.5 + x
            return c

        wf.fori_loop(0, 10, body, 0)

    f(1.0)
    gc.collect()
    before = _weft.pool_stats()["live_bytes"]
    for _ in range(20):
        f(1.0)
    assert _weft.pool_stats()["live_bytes"] == before
    np.testing.assert_allclose(np.asarray(v), 2.0, rtol=1e-6)


def test_variables_under_vmap():
    """Reads are of the one value; a write of what is the same at each index is made once."""
    v, n = wf.Variable(np.float32([1, 2])), wf.Variable(0)

    def f(x):
        before = v.value * x
        n.value = wf.fori_loop(0, 3, lambda i, c: c + 1, n.value)
        v.value = wf.cond(n > 0, lambda: v * 2.0, lambda: v * 5.0)
        return before + v.value, wf.sum(v.value)

    x = np.arange(3, dtype=np.float32)
    for g in (wf.vmap(f), wf.jit(wf.vmap(f)), wf.vmap(wf.jit(f))):
        v.value, n.value = np.float32([1, 2]), 0
        both, total = g(x)
        assert int(n) == 3 and np.asarray(v).tolist() == [2, 4]
        np.testing.assert_array_equal(np.asarray(both), x[:, None] * [1.0, 2.0] + [2.0, 4.0])
        np.testing.assert_array_equal(np.asarray(total), [6.0] * 3)
    both, total = wf.vmap(wf.vmap(f), out_axes=(1, None))(x.reshape(1, 3))
    assert both.shape == (3, 1, 2) and np.asarray(total).tolist() == [12] * 3 and int(n) == 6
    wf.vmap(f)(x[:0])
    assert int(n) == 9 and np.asarray(v).tolist() == [8, 16]


def test_what_vmap_writes_has_a_derivative():
    v = wf.Variable(np.float32(0))

    def f(x):
        def lane(y):
            v.value = x * 3
            return y * v

        return wf.sum(wf.vmap(lane)(wf.ones(4))) + v**2

    assert float(wf.grad(f)(np.float32(2))) == 12 + 18 * 2 and float(v) == 6
    assert float(wf.jit(wf.grad(f))(np.float32(1))) == 12 + 18


@pytest.mark.parametrize("compiled", [False, True])
def test_what_depends_on_the_index_is_not_written(compiled):
    v = wf.Variable(np.float32(0))

    def sums(x):
        v.value = v + wf.sum(x)  # this line
        return x

    g = wf.jit(wf.vmap(sums)) if compiled else wf.vmap(sums)
    with pytest.raises(BatchError, match="WF1314") as caught:
        g(np.ones((3, 2), np.float32))
    (line,) = (i for i, text in enumerate(open(__file__), 1) if text.endswith("# this line\n"))
    assert f"test_variable.py:{line}" in str(caught.value) and float(v) == 0


def beside_batched_values():
    """Functions that write 6 times what is the same at each index, beside a carry that is not: x ** 7."""
    n = wf.Variable(0)

    def once(c, x):
        n.value = n + 1
        return c * x

    def custom(x):
        g = wf.custom_vjp(lambda c, x: c * x)
        g.defvjp(lambda c, x: (c * x, (c, x)), lambda kept, t: (t * kept[1], t * kept[0]))

        def step(_, c):
            n.value = n + 1
            return g(c, x)

        return wf.fori_loop(0, 2, lambda i, c: wf.fori_loop(0, 3, step, c), x)

    def loops(x):
        three = lambda c: wf.fori_loop(0, 3, lambda j, c: wf.fori_loop(0, 1, lambda k, c: once(c, x), c), c)  # noqa: E731
        return wf.fori_loop(0, 2, lambda i, c: three(c), x)

    def while_in_for(x):
        three = lambda c: wf.while_loop(lambda c: c[1] < 3, lambda c: (once(c[0], x), c[1] + 1), (c, 0))[0]  # noqa: E731
        return wf.fori_loop(0, 2, lambda i, c: three(c), x)

    def for_in_while(x):
        three = lambda c: wf.fori_loop(0, 3, lambda j, c: once(c, x), c)  # noqa: E731
        return wf.while_loop(lambda c: c[1] < 2, lambda c: (three(c[0]), c[1] + 1), (x, 0))[0]

    def branches(x):
        return wf.fori_loop(0, 6, lambda i, c: wf.cond(n < 100, lambda c: once(c, x), lambda c: c, c), x)

    def jitted(x):
        g = wf.jit(lambda c: wf.fori_loop(0, 3, lambda i, c: once(c, x), c))
        return g(g(x))

    def checkpointed(x):
        return wf.fori_loop(0, 6, lambda i, c: wf.checkpoint(once)(c, x), x)

    def segments(x):
        return wf.scan(lambda c, r: (once(c, x * r), c), x, wf.ones(6), checkpoint=4)[0]

    made = (custom, loops, while_in_for, for_in_while, branches, jitted, checkpointed, segments)
    return n, {f.__name__: f for f in made}


@pytest.mark.parametrize("name", beside_batched_values()[1])
def test_what_is_the_same_at_each_index_is_written_beside_what_is_not(name):
    n, functions = beside_batched_values()
    f, x = functions[name], np.float64([1, 2, -3])
    for g, argument, want in (
        (wf.vmap(f), x, x**7),
        (wf.jit(wf.vmap(f)), x, x**7),
        (wf.vmap(wf.vmap(f)), x[None], x[None] ** 7),
        (wf.grad(lambda x: wf.sum(wf.vmap(f)(x))), x, 7 * x**6),
        (wf.vmap(wf.grad(f)), x, 7 * x**6),
    ):
        n.value = 0
        np.testing.assert_allclose(np.asarray(g(argument)), want, rtol=1e-12)
        assert int(n) == 6


def test_a_number_of_trips_that_depends_on_the_index_makes_all_that_a_loop_writes_depend_on_it():
    n = wf.Variable(0)

    def f(x):
        def body(c):
            n.value = n + 1
            return c * 0.5

        return wf.fori_loop(0, 2, lambda i, c: wf.while_loop(lambda c: c > 1, body, c), x)

    with pytest.raises(BatchError, match="WF1314"):
        wf.vmap(f)(np.float32([4, 9]))
    assert int(n) == 0

    # The way round: a carry of the loop, and what all lanes make together is written outside.
    def counted(x):
        def trips(c, count):
            return wf.while_loop(lambda c: c[0] > 1, lambda c: (c[0] * 0.5, c[1] + 1), (c, count))

        return wf.fori_loop(0, 2, lambda i, c: trips(*c), (x, 0))

    n.value = wf.sum(wf.vmap(counted)(np.float32([4, 9]))[1])
    assert int(n) == 2 + 4
