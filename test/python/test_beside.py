"""Independent parts of a program run side by side: the same bits as one after the other, whatever runs where."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
import running
import weft as wf

RNG = np.random.default_rng(5)


def normal(*shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)


def tanh_step(w):
    def step(h, x):
        h = wf.tanh(h @ w + x)
        return h, h

    return step


def both_ways(xs, ys, h, w, v):
    """Two scans of their own weights, one backwards."""
    a, rows = wf.scan(tanh_step(w), h, xs)
    b, back = wf.scan(tanh_step(v), h, ys, reverse=True)
    return a, rows, b, back


def settle(x, n):
    return wf.while_loop(lambda c: c[1] < n, lambda c: (wf.sin(c[0]) * 1.1, c[1] + 1), (x, 0))[0]


def whiles(x, y, n, m):
    return settle(x, n), settle(y, m)


def in_a_loop(xs, h, w):
    """A group in each trip of a loop around, whose carries it gives."""

    def trip(i, c):
        a, b = c
        step = tanh_step(w)
        p, _ = wf.scan(step, a, xs)
        q, rows = wf.scan(step, b + wf.sum(xs, 0), xs, reverse=True)
        return q, p + wf.sum(rows, 0)

    return wf.fori_loop(0, 3, trip, (h, h * 2))


def in_a_branch(p, xs, h, w):
    return wf.cond(p, lambda: both_ways(xs, xs, h, w, w)[1:3], lambda: both_ways(xs, xs * 2, h, w, w)[1:3])


def changed_in_place(x, n):
    """Each part changes its own of the same value, which a third reads."""

    def fill(by):
        def trip(i, c):
            c[i % 17] += by * i
            return c

        return wf.fori_loop(0, 2000, trip, x)

    def read(i, s):
        return s + x[i % 17]

    return fill(2), wf.fori_loop(0, 2000, read, n), fill(3)


def three(x, y, z):
    return whiles(x, y, 900, 500) + (settle(z, 700),)


def towers(x, y):
    """Groups one after the other."""
    a, b = settle(x, 800), settle(y, 900)
    c, d = settle(a * 2, 700), settle(b * 3, 600)
    return a, b, c, d


HH, W, V = normal(3, 33), normal(33, 33), normal(33, 33)
CASES = {
    "both ways": (both_ways, (normal(77, 3, 33), normal(50, 3, 33), HH, W, V), 1),
    "one trip": (both_ways, (normal(1, 3, 33), normal(301, 3, 33), HH, W, V), 0),
    "no trips": (both_ways, (normal(0, 3, 33), normal(301, 3, 33), HH, W, V), 0),
    "doubles": (both_ways, [np.float64(normal(*s)) for s in ((8, 5, 40), (81, 5, 40), (5, 40), (40, 40), (40, 40))], 0),
    "whiles": (whiles, (normal(31), normal(7), np.int64(1000), np.int64(333)), 1),
    "while without trips": (whiles, (normal(31), normal(7), np.int64(0), np.int64(333)), 1),
    "scalars": (whiles, (np.float64(0.3), np.float64(-0.0), np.int64(501), np.int64(502)), 1),
    "nan and inf": (whiles, (np.float32([np.nan, 1, np.inf, -0.0]), normal(5), np.int64(20), np.int64(30)), 1),
    "in a loop": (in_a_loop, (normal(60, 3, 33), HH, W), 1),
    "in a branch": (in_a_branch, (np.asarray(True), normal(60, 3, 33), HH, W), 2),
    "the other branch": (in_a_branch, (np.asarray(False), normal(60, 3, 33), HH, W), 2),
    "changed in place": (changed_in_place, (normal(17), np.float32(0)), 1),
    "three": (three, (normal(10), normal(11), normal(12)), 1),
    "towers": (towers, (normal(10), normal(11)), 2),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_bits_are_those_of_the_reference(name):
    f, args, groups = CASES[name]
    program = running.Program(f, *args)
    want = program.reference()
    native = program.native()
    for threads in (1, 2, 3, 4):
        for _ in range(4):  # one after the other, then as measured
            for have, expected in zip(native(threads), want, strict=True):
                np.testing.assert_array_equal(np.asarray(have), expected)
    assert len(wf.jit(f).explain(*args).beside) == groups


def test_many_trips_with_weights_that_are_packed():
    """Large enough that the parts run at once, on 2 threads and more."""
    xs, ys, h, w = normal(200, 16, 128), normal(150, 16, 128), normal(16, 128), normal(128, 128) / 12
    one, more = (wf.jit(both_ways, threads=n) for n in (1, 4))
    want = [np.asarray(a) for a in one(xs, ys, h, w, w)]
    for _ in range(10):
        for have, expected in zip(more(xs, ys, h, w, w), want, strict=True):
            np.testing.assert_array_equal(np.asarray(have), expected)


def test_named_sizes():
    f = wf.jit(both_ways, dims={"xs": ("T", "B", 33), "ys": ("S", "B", 33), "h": ("B", 33)})
    for t, s, b in ((20, 30, 3), (0, 40, 1), (300, 200, 5), (1, 0, 2)):
        xs, ys, h = normal(t, b, 33), normal(s, b, 33), normal(b, 33)
        want = running.Program(both_ways, xs, ys, h, W, V).reference()
        for have, expected in zip(f(xs, ys, h, W, V), want, strict=True):
            np.testing.assert_allclose(np.asarray(have), expected, rtol=1e-5, atol=1e-6)
    assert len(f.explain(xs, ys, h, W, V).beside) == 1


def test_gradients_of_both_ways():
    def loss(w, v):
        return sum(wf.sum(r) for r in both_ways(xs, xs, HH, w, v))

    xs = normal(40, 3, 33)
    one, more = (wf.jit(wf.grad(loss, argnums=(0, 1)), threads=n) for n in (1, 4))
    for _ in range(4):
        for a, b in zip(one(W, V), more(W, V), strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert one.explain(W, V).beside


def test_factorisations():
    a, b = normal(60, 60, dtype=np.float64), normal(50, 70, dtype=np.float64)
    f = wf.jit(lambda a, b: (wf.linalg.eigh(a + a.T), wf.linalg.svd(b), wf.linalg.qr(b)))
    assert len(f.explain(a, b).beside[0].parts) == 3
    alone = wf.jit(lambda a: wf.linalg.eigh(a + a.T)), wf.jit(wf.linalg.svd), wf.jit(wf.linalg.qr)
    want = [alone[0](a), alone[1](b), alone[2](b)]
    for _ in range(4):
        for have, expected in zip(f(a, b), want, strict=True):
            for x, y in zip(have, expected, strict=True):
                np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


# ------------------------------------------------------------------------------------------------- what is not a part


def test_effects_stay_in_order(capfd):
    def printing(v):
        def trip(c):
            wf.debug.print("{}", c[1])
            return c[0] * 2, c[1] + 1

        return wf.while_loop(lambda c: c[1] < 3, trip, (v, 0))[0]

    f = wf.jit(lambda x, y: (printing(x), printing(y)))
    assert not f.explain(1.0, 2.0).beside
    f(1.0, 2.0)
    assert capfd.readouterr().out.split() == ["0", "1", "2"] * 2


def test_a_check_in_one_keeps_them_in_order():
    def checked(v):
        def trip(c):
            wf.check(c[0] < 100, "too large")
            return c[0] * 2, c[1] + 1

        return wf.while_loop(lambda c: c[1] < 30, trip, (v, 0))[0]

    f = wf.jit(lambda x, y: (checked(x), settle(y, 1000)))
    assert not f.explain(1.0, 2.0).beside
    with pytest.raises(wf.CheckError, match="too large"):
        f(1.0, 2.0)


def test_what_waits_for_the_other_is_no_part():
    assert not wf.jit(lambda x: settle(settle(x, 900) + 1, 800)).explain(normal(9)).beside


# --------------------------------------------------------------------------------------------------------- running


def test_a_loop_of_a_count_found_in_the_data():
    """What asks for memory as it runs is no part, but others are."""
    x = normal(64)
    f = wf.jit(lambda x, n: (settle(x, 2000), settle(x * 2, 2000), wf.fori_loop(0, n, lambda i, c: wf.sin(c), x)))
    want = [np.asarray(a) for a in f(x, np.int64(5))]
    for _ in range(3):
        for have, expected in zip(f(x, np.int64(5)), want, strict=True):
            np.testing.assert_array_equal(np.asarray(have), expected)


FOREVER = """
import signal, threading, os, time
import numpy as np, weft as wf
def spin(x, stop):
    return wf.while_loop(lambda c: c[1] < stop, lambda c: (wf.sin(c[0]), c[1] + 1), (x, 0))[0]
f = wf.jit(lambda x, y, n, m: (spin(x, n), spin(y, m)))
x = np.ones(100)
assert f.explain(x, x, np.int64(1), np.int64(1)).beside
for _ in range(3):
    f(x, x, np.int64(2000), np.int64(2000))  # measured: they run at once from here on
for n, m in ((1 << 60, 1 << 60), (1 << 60, 5), (5, 1 << 60)):
    threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    start = time.perf_counter()
    try:
        f(x, x, np.int64(n), np.int64(m))
        print("ended")
    except KeyboardInterrupt:
        print("stopped" if time.perf_counter() - start < 2 else "late")
a, b = f(x, x, np.int64(100), np.int64(100))
print(np.array_equal(np.asarray(a), np.asarray(b)))
"""


@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_ctrl_c_stops_all_parts(threads):
    done = subprocess.run(
        [sys.executable, "-c", FOREVER], capture_output=True, text=True, timeout=120,
        env=os.environ | {"WEFT_NUM_THREADS": threads},
    )  # fmt: skip
    assert done.stdout.split() == ["stopped"] * 3 + ["True"], done.stderr


def test_two_threads_call_at_once():
    xs, h = normal(60, 3, 33), HH
    f = wf.jit(both_ways, threads=2)
    want = [np.asarray(a) for a in f(xs, xs, h, W, V)]
    assert running.wrong_calls(lambda: f(xs, xs, h, W, V), want, threads=2, times=50) == 0


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core runs one part")
def test_both_parts_run_at_once():
    """Two loops take the time of one, and a bit: asked of processor time, which a busy machine does not stretch."""
    x = np.ones(64)
    f = wf.jit(whiles, threads=2)
    n = np.int64(100_000)
    for _ in range(3):
        f(x, x, n, n)
    shares = []
    while len(shares) < 20 and min(shares, default=1) > 0.75:  # a worker may be late
        before, start = time.thread_time(), time.process_time()
        f(x, x, n, n)
        shares.append((time.thread_time() - before) / (time.process_time() - start))
    assert min(shares) < 0.75


def test_explain_tells_the_parts():
    told = wf.jit(whiles).explain(normal(9), normal(9), np.int64(4), np.int64(5))
    [group] = told.beside
    assert len(group.parts) == 2 and all("test_beside.py" in line for part in group.parts for line in part)
    assert len(group.estimated_us) == 2 and 0 <= group.shared <= 1
    assert f"  beside  {group}" in str(told).splitlines()
