"""What loops, branches and donated arguments change in place: values against NumPy, and which copies are made."""

import time

import numpy as np
import pytest
import weft as wf

RNG = np.random.default_rng(0)
SPECIAL = np.float32([np.nan, np.inf, -np.inf, -0.0, 0.0])


def data(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def same(got, want):
    np.testing.assert_array_equal(np.asarray(got), want)


def bytes_copied(f, *args):
    """Of all copies in the program that f's call runs, those of at least 16 bytes."""
    return [c.bytes for c in wf.jit(f).explain(*args).copies if c.bytes >= 16]


@pytest.mark.parametrize("n", [1, 2, 17, 1000])
def test_elements_of_a_carry(n):
    def f(x):
        def body(i, x):
            x[i] = x[i] * 2 + 1
            return x

        return wf.fori_loop(0, x.shape[0], body, x)

    x = data(n)
    x[: min(n, 5)] = SPECIAL[: min(n, 5)]
    kept = x.copy()
    same(wf.jit(f)(x), x * 2 + 1)
    same(x, kept)
    mine = wf.asarray(x)
    same(wf.jit(f)(mine), x * 2 + 1)
    same(mine, kept)  # the argument is copied once, before the loop
    assert bytes_copied(f, x) == ([4 * n] if 4 * n >= 16 else [])


def test_nothing_to_change():
    def f(x, trips):
        def body(i, x):
            x[i] = 1
            return x

        return wf.fori_loop(0, trips, body, x)

    same(wf.jit(f)(np.zeros((5, 0), np.float32), 3), np.zeros((5, 0)))
    same(wf.jit(f)(np.zeros(3, np.float32), 0), np.zeros(3))
    same(wf.jit(lambda x: f(x, 0))(np.zeros(3, np.float32)), np.zeros(3))


def test_loops_in_loops_branches_and_rows():
    def f(x):
        def inner(j, carry):
            x, i = carry

            def change(x):
                own = x * 1
                own[i, j] = x[i, j] - x[j, i]
                return own

            return wf.cond(x[i, j] > 0, change, lambda x: x, x), i

        def outer(i, x):
            x, _ = wf.fori_loop(0, x.shape[1], inner, (x, i))
            x[i] = x[i] * 2
            return x

        return wf.fori_loop(0, x.shape[0], outer, x)

    x = data(7, 7)
    want = x.copy()
    for i in range(7):
        for j in range(7):
            if want[i, j] > 0:
                want[i, j] = want[i, j] - want[j, i]
        want[i] = want[i] * 2
    same(wf.jit(f)(x), want)
    assert bytes_copied(f, x) == [4 * 49]


def test_a_value_that_is_read_later_is_kept():
    def f(x, i):
        y = +x
        y[i] = 5
        total = wf.sum(x)  # may go before the change
        z = +y
        z[i] = z[i] + wf.sum(z)
        return x, y, z, total

    x = data(33)
    y = x.copy()
    y[4] = 5
    z = y.copy()
    z[4] = z[4] + np.asarray(wf.sum(y))
    for got, want in zip(wf.jit(f)(x, 4), (x, y, z, np.asarray(wf.sum(x))), strict=True):
        same(got, want)

    def old_and_new(x):
        def body(carry, i):
            old = +carry
            carry[i] = carry[i] + wf.max(carry)
            return carry, (old, carry[i] - old[i])

        return wf.scan(body, x, np.arange(4))

    x = data(9)
    now, rows, steps = x.copy(), [], []
    for i in range(4):
        rows.append(now.copy())
        now[i] = now[i] + now.max()
        steps.append(now[i] - rows[-1][i])
    last, (got_rows, got_steps) = wf.jit(old_and_new)(x)
    same(last, now)
    same(got_rows, np.stack(rows))
    same(got_steps, np.float32(steps))


def test_two_changes_of_one_value():
    def f(x, i, j):
        a, b = +x, +x
        a[i] = 1
        b[j] = 2
        a[j] = b[i]
        return a, b

    x = data(50)
    a, b = x.copy(), x.copy()
    a[3], b[7] = 1, 2
    a[7] = b[3]
    for got, want in zip(wf.jit(f)(x, 3, 7), (a, b), strict=True):
        same(got, want)


def test_carries_that_trade_places():
    def f(x, y):
        def body(i, carry):
            a, b = carry
            a[i] = b[i] + 1
            return b, a

        return wf.fori_loop(0, 5, body, (x, y))

    x, y = data(6), data(6)
    a, b = x.copy(), y.copy()
    for i in range(5):
        a[i] = b[i] + 1
        a, b = b, a
    for got, want in zip(wf.jit(f)(x, y), (a, b), strict=True):
        same(got, want)


def test_while_loops_and_indices_out_of_range():
    def f(x):
        def body(carry):
            x, i = carry
            x[i * 3] = x[i] + i
            return x, i + 1

        return wf.while_loop(lambda c: (c[1] < 40) & (c[0][0] < 100), body, (x, 1))[0]

    x = np.zeros(20, np.float32)
    want = x.copy()
    for i in range(1, 40):
        value = want[min(i, 19)] + i
        if i * 3 < 20:
            want[i * 3] = value
    same(wf.jit(f)(x), want)


def test_donated_arguments_and_variables():
    @wf.jit(donate="x")
    def set_one(x, i, v):
        x[i] = v
        return x

    x = data(1000)
    mine = wf.asarray(x)
    for i in range(4):
        mine = set_one(mine, i, float(i))
        x[i] = i
    same(mine, x)
    foreign = x.copy()  # is never written
    same(set_one(foreign, 7, 3.0), np.where(np.arange(1000) == 7, np.float32(3), x))
    same(foreign, x)

    v = wf.Variable(np.zeros(1000, np.float32))

    @wf.jit
    def put(i):
        v[i] = v[i] + 1
        return v[0]

    held = v.value
    for i in (0, 3, 3, 999):
        put(i)
    want = np.zeros(1000, np.float32)
    want[[0, 999]], want[3] = 1, 2
    same(v, want)
    same(held, np.zeros(1000))


def test_derivatives_and_batches():
    def f(x):
        def body(i, x):
            x[i] = x[i] * x[i + 1]
            return x

        return wf.sum(wf.fori_loop(0, x.shape[0] - 1, body, x) ** 2)

    x = RNG.normal(size=6)
    grad = np.asarray(wf.jit(wf.grad(f))(x))
    for i in range(6):
        step = np.zeros(6)
        step[i] = 1e-6
        want = (float(wf.jit(f)(x + step)) - float(wf.jit(f)(x - step))) / 2e-6
        assert abs(grad[i] - want) < 1e-6 * max(1, abs(want))
        assert abs(grad[i] - float(wf.jvp(f, (x,), (step * 1e6,))[1])) < 1e-9 * max(1, abs(want))
    xs = RNG.normal(size=(3, 6))
    same(wf.jit(wf.vmap(f))(xs), np.stack([np.asarray(wf.jit(f)(x)) for x in xs]))


def test_a_carry_that_is_a_row_too():
    def f(h, xs):
        def body(h, x):
            h = wf.tanh(h @ h.T @ x)
            return h, (h, h + 1)

        return wf.scan(body, h, xs, reverse=True)

    h, xs = data(20, 20), data(5, 20, 20)
    want, rows = h, []
    for x in xs[::-1]:
        want = np.asarray(wf.jit(lambda h, x: wf.tanh(h @ h.T @ x))(want, x))
        rows.append(want)
    last, (got, more) = wf.jit(f)(h, xs)
    same(last, want)
    same(got, np.stack(rows[::-1]))
    same(more, np.stack(rows[::-1]) + 1)
    assert bytes_copied(f, h, xs) == [4 * 400]  # the init
    last, (got, _) = wf.jit(f)(h, xs[:0])
    same(last, h)
    assert got.shape == (0, 20, 20)


def test_a_trip_costs_no_more_for_a_larger_array():
    def f(x):
        def body(i, x):
            x[i] = x[i] * 2 + 1
            return x

        return wf.sum(wf.fori_loop(0, 10_000, body, x)[:10])

    times = []
    for n in (10_000, 1_000_000):
        g, x = wf.jit(f), wf.asarray(data(n))
        g(x)
        tries = []
        for _ in range(5):
            start = time.perf_counter()
            g(x)
            tries.append(time.perf_counter() - start)
        times.append(min(tries))
    # One copy of 4 MB before the loop, not 10,000 of them, which would take seconds.
    assert times[1] < times[0] + 0.1
