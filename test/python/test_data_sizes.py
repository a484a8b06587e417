"""Sizes that depend on data, inside jit: masks, nonzero and unique against NumPy, with one compile for all counts."""

import ctypes
import gc
import mmap

import numpy as np
import pytest
import weft as wf
from weft._src import _weft
from weft.errors import ShapeError, SizeError, UndecidedSizeError

SHAPES = [(0,), (1,), (7,), (64,), (3, 5), (2, 0, 3), (4, 1, 6)]


def draw(shape, seed, share=0.5):
    """Numbers of which about a share is positive; the others are negative."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.5, 2, shape) * np.where(rng.random(shape) < share, 1, -1)
    return x.astype(np.float32)


def same(got, want):
    np.testing.assert_array_equal(np.asarray(got), want)
    assert np.asarray(got).shape == want.shape


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("share", [0, 0.3, 0.5, 1])
def test_masks(shape, share):
    f = wf.jit(lambda x: (x[x > 0], wf.nonzero(x > 0), x[x > 0].shape[0] + wf.asarray(0)))
    for seed in range(3):
        x = draw(shape, seed, share)
        taken, found, n = f(x)
        same(taken, x[x > 0])
        for g, w in zip(found, np.nonzero(x > 0), strict=True):
            same(g, w)
        assert int(n) == (x > 0).sum()
    assert f.misses == ["a new signature"]


def test_masks_of_rows_and_in_tuples():
    x = draw((6, 4, 3), 0)
    p, q = np.array([True, False, True, True, False, False]), draw((6, 4), 1) > 0
    same(wf.jit(lambda x, p: x[p])(x, p), x[p])
    same(wf.jit(lambda x, q: x[q])(x, q), x[q])
    same(wf.jit(lambda x, p: x[p, 1:3])(x, p), x[p, 1:3])
    same(wf.jit(lambda x, p: x[p, 1])(x, p), x[p, 1])
    r = np.array([True, False, True])
    same(wf.jit(lambda x, r: x[..., r])(x, r), x[..., r])
    same(wf.jit(lambda x, r: x[:, 2, r])(x, r), x[:, 2, r])
    with pytest.raises(ShapeError, match="WF1017"):
        wf.jit(lambda x, r: x[r])(x, r)


@pytest.mark.parametrize("shape", [*SHAPES, ()], ids=str)
def test_unique(shape):
    f = wf.jit(lambda x: (wf.unique_all(x), wf.unique_values(x), wf.unique_counts(x), wf.unique_inverse(x)))
    for seed in range(3):
        x = np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)
        want = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
        every, values, counts, inverse = f(x)
        for g, w in zip(every, (want[0], want[1], want[2].reshape(shape), want[3]), strict=True):
            same(g, w)
        same(values, want[0])
        same(counts.counts, want[3])
        same(inverse.inverse_indices, want[2].reshape(shape))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_taken_by_conditions(shape, share):
    places = lambda x: (wf.flatnonzero(x > 0), wf.argwhere(x > 0), wf.extract(x > 0, x))  # noqa: E731
    f = wf.jit(places)
    for seed in range(2):
        x = draw(shape, seed, share)[..., ::-1]
        want = np.flatnonzero(x > 0), np.argwhere(x > 0), np.extract(x > 0, x)
        for got in (f(x), places(wf.asarray(x))):
            for g, w in zip(got, want, strict=True):
                same(g, w)
    assert f.misses == ["a new signature"]
    for axis in (None, *range(-len(shape), len(shape))):
        n = x.size if axis is None else shape[axis]
        for p in (np.arange(n) % 3 == 1, np.ones(n, bool), np.zeros(n // 2, int), (np.arange(n) % 2)[: n // 2]):
            want = np.compress(p, x, axis)
            same(wf.compress(p, x, axis), want)
            same(wf.jit(lambda p, x, axis=axis: wf.compress(p, x, axis))(p, x), want)
            k = want.shape[axis or 0]
            for size in (0, k, k + 2):
                got = np.asarray(
                    wf.jit(lambda p, x, axis=axis, n=size: wf.compress(p, x, axis, size=n, fill_value=7))(p, x)
                )
                kept = np.take(want, range(min(size, k)), axis=axis or 0)
                rest = np.full(
                    [max(size - k, 0) if i == (axis or 0) % want.ndim else m for i, m in enumerate(want.shape)], 7
                )
                same(got, np.concatenate([kept, rest.astype(np.float32)], axis or 0))


def test_taken_by_conditions_has_derivatives_and_refuses_what_does_not_fit():
    x = draw((4, 3), 0)
    g = wf.jit(wf.grad(lambda x: wf.sum(wf.compress(x[:, 0] > 0, x, 0) ** 2) + wf.sum(wf.extract(x > 1, x) ** 3)))
    np.testing.assert_allclose(g(x), np.where(x[:, :1] > 0, 2 * x, 0) + np.where(x > 1, 3 * x**2, 0), rtol=1e-6)
    for call, code in (
        (lambda: wf.compress(np.ones((2, 2)), x), "WF1011"),
        (lambda: wf.compress(np.ones(5), x, 0), "WF1012"),
        (lambda: wf.extract(np.ones(5), x), "WF1012"),
        (lambda: wf.argwhere(np.float32(1)), "WF1011"),
    ):
        with pytest.raises(ShapeError, match=code):
            call()
    same(wf.flatnonzero(np.float32(1)), np.array([0]))


def test_repeat_by_a_traced_number():
    f = wf.jit(lambda x, n: wf.repeat(x, n, axis=0))
    x = draw((3, 2), 0)
    for n in (2, 0, 1, 5, -1):
        same(f(x, np.int64(n)), np.repeat(x, max(n, 0), axis=0))
    assert f.misses == ["a new signature"]
    same(wf.jit(lambda x, n: wf.repeat(x, n, size=4))(x, np.int8(1)), np.repeat(x, 1)[:4])


def test_backwards_is_of_the_same_size():
    f = wf.jit(lambda x: x[x > 0] * x[x > 0][::-1] + x[x > 0][::])
    x = draw((9,), 0)
    y = x[x > 0]
    same(f(x), y * y[::-1] + y)


def test_later_ops():
    """What has such a size is an array as any other."""

    @wf.jit
    def f(x, y, w):
        p = x > 0
        a, b = x[p], y[p]  # of one size
        n = a.shape[0]
        c = wf.concat([a, wf.sort(b), x])
        pairs = a[:, None] * b[None, :]
        centred = a - wf.sum(a) / n
        return (
            wf.sin(a) + b,
            c,
            wf.reshape(pairs, (-1,)),
            wf.sum(pairs, axis=1),
            wf.stack([a, b]) @ wf.stack([b, a]).T,
            w[p] @ wf.ones((5, 2), dtype=wf.float32),
            wf.broadcast_to(wf.asarray(3.0), (n,)) + n,
            wf.cumulative_sum(a),
            centred,
            wf.reshape(wf.concat([a, b]), (2, n)),
            2 * n + 1 + wf.asarray(0),
        )

    for seed in range(6):
        x, y = draw(33, seed, (0, 0.1, 0.5, 0.9, 1, 0.4)[seed]), draw(33, seed + 50)
        w = draw((33, 5), seed)
        p = x > 0
        a, b, n = x[p], y[p], p.sum()
        got = f(x, y, w)
        close = dict(rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(got[0], np.sin(a) + b, **close)
        same(got[1], np.concatenate([a, np.sort(b), x]))
        same(got[2], (a[:, None] * b).reshape(-1))
        np.testing.assert_allclose(got[3], (a[:, None] * b).sum(1), **close)
        np.testing.assert_allclose(got[4], np.stack([a, b]) @ np.stack([b, a]).T, **close)
        np.testing.assert_allclose(got[5], w[p] @ np.ones((5, 2)), **close)
        same(got[6], np.full(n, 3 + n, np.float32))
        np.testing.assert_allclose(got[7], np.cumsum(a), **close)
        np.testing.assert_allclose(got[8], a - a.sum() / max(n, 1), **close)
        same(got[9], np.stack([a, b]))
        assert int(got[10]) == 2 * n + 1
    assert f.misses == ["a new signature"]


def test_sizes_of_sizes():
    """What was found is searched again."""

    @wf.jit
    def f(x):
        a = x[x > 0]
        b = a[a > 1]
        return a, b, wf.unique_values(wf.round(b)), wf.sum(b) + wf.sum(a)

    for seed in range(5):
        x = draw(40, seed, (0, 0.5, 0.5, 0.5, 1)[seed])
        a = x[x > 0]
        b = a[a > 1]
        got = f(x)
        same(got[0], a)
        same(got[1], b)
        same(got[2], np.unique(np.round(b)))
        np.testing.assert_allclose(got[3], b.sum() + a.sum(), rtol=1e-5)


def test_one_compile_and_no_leaks():
    f = wf.jit(lambda x: (x[x > 0] * 2, wf.nonzero(x > 0)[0], wf.sum(x[x > 0])))
    x = np.linspace(-1, 1, 1000, dtype=np.float32)
    f(x)
    gc.collect()
    before = _weft.pool_stats()["live_bytes"]
    for k in range(1000):
        taken, found, total = f(np.roll(x, k) - np.float32(k / 500 - 1))
        assert taken.shape == found.shape == (int((np.roll(x, k) - np.float32(k / 500 - 1) > 0).sum()),)
    assert f.misses == ["a new signature"]
    del taken, found, total
    gc.collect()
    assert _weft.pool_stats()["live_bytes"] <= before


def test_assigning_through_masks():
    @wf.jit
    def f(x, y):
        p = x > 0
        x[p] = y[p] * 2
        x[~p] += 10
        y[p] = 0
        return x, y

    for seed in range(3):
        x, y = draw((5, 7), seed), draw((5, 7), seed + 9)
        got = f(x, y)
        p = x > 0
        x[p] = y[p] * 2
        x[~p] += 10
        y[p] = 0
        same(got[0], x)
        same(got[1], y)


def test_slices_and_integers():
    """A slice takes what is there; its size is one of its own, the same for slices that are alike."""
    slices = [
        slice(3),
        slice(-3, None),
        slice(2, -1),
        slice(None, None, 2),
        slice(5, 1, -2),
        slice(-100, 100),
        slice(None, None, -3),
    ]

    @wf.jit
    def f(x, rows):
        a, r = x[x > 0], rows[x > 0]
        return [a[s] for s in slices] + [r[1:4, 2], r[..., -2:, 0], a[:3] + a[:3], wf.sum(a[2:]) + wf.sum(r[:, 1][1:])]

    for seed in range(5):
        x = draw(12, seed, (0, 0.2, 0.5, 0.5, 1)[seed])
        rows = draw((12, 3), seed)
        a, r = x[x > 0], rows[x > 0]
        *got, total = f(x, rows)
        for g, w in zip(got, [*(a[s] for s in slices), r[1:4, 2], r[..., -2:, 0], 2 * a[:3]], strict=True):
            same(g, w)
        np.testing.assert_allclose(total, a[2:].sum() + r[1:, 1].sum(), rtol=1e-5, atol=1e-6)
    assert f.misses == ["a new signature"]
    x = np.float32([-1, 4, 5])
    assert [float(y) for y in wf.jit(lambda x: (x[x > 0][0], x[x > 0][-1], x[x > 0][7]))(x)] == [4, 5, 5]
    got = wf.jit(lambda x: (wf.max(x[x > 9]), wf.sum(x[x > 9]), wf.mean(x[x > 9])))(x)
    np.testing.assert_array_equal(got, [-np.inf, 0, np.nan])


def test_numbers_of_one_formula_are_one_size():
    f = wf.jit(lambda x, y: (x[x > 0] + y[x > 0], wf.nonzero((x > 0) & (y > 0))[0] * wf.sum(y[(x > 0) & (y > 0)])))
    x, y = draw(20, 0), draw(20, 1)
    got, p = f(x, y), (x > 0) & (y > 0)
    same(got[0], x[x > 0] + y[x > 0])
    np.testing.assert_allclose(got[1], np.nonzero(p)[0] * y[p].sum(), rtol=1e-6)
    text = f.trace(x, y).as_text()
    assert text.count("weft.sized") == 2


def test_two_sizes_are_not_mixed():
    with pytest.raises(ShapeError, match="WF1001") as caught:
        wf.jit(lambda x, y: x[x > 0] + y[y > 0])(draw(5, 0), draw(5, 1))
    assert "test_data_sizes.py" in str(caught.value) and "(_n1: a mask at" in str(caught.value)
    with pytest.raises(UndecidedSizeError, match="WF1401") as caught:
        wf.jit(lambda x: x if x[x > 0].shape[0] > 2 else -x)(draw(5, 0))
    assert "(_n1: a mask at" in str(caught.value)
    with pytest.raises(ShapeError):
        wf.jit(lambda x, y: wf.stack([x[x > 0], y[y > 0]]))(draw(5, 0), draw(5, 1))


def test_named_sizes():
    B = wf.Dim("B")
    f = wf.jit(lambda x: (x[x > 0], wf.concat([x, x[x > 0]]), wf.unique_counts(x).counts), dims={"x": (B,)})
    for n in (2, 3, 10, 500):
        x = draw(n, n)
        taken, both, counts = f(x)
        same(taken, x[x > 0])
        same(both, np.concatenate([x, x[x > 0]]))
        same(counts, np.unique(x, return_counts=True)[1])
    assert f.misses == ["a new signature"]


def test_nested_jit():
    g = wf.jit(lambda x, s: x[x > s])
    h = wf.jit(lambda x: wf.sum(x[x > 0]))
    f = wf.jit(lambda x: (g(x, 0.0) * 2, h(x) + h(-x)))
    for seed in range(3):
        x = draw(9, seed)
        got = f(x)
        same(got[0], x[x > 0] * 2)
        np.testing.assert_allclose(got[1], np.abs(x).sum(), rtol=1e-6)


def test_in_branches_and_loops():
    @wf.jit
    def f(p, x):
        a = wf.cond(p, lambda: wf.sum(x[x > 0]), lambda: wf.sum(x))
        _, b = wf.scan(lambda c, row: (c, wf.sum(row[row > c])), wf.asarray(0.0, dtype=wf.float32), x)
        c = wf.while_loop(
            lambda c: wf.sum(x[x > c]) > 1, lambda c: c + wf.asarray(0.25, dtype=wf.float32), np.float32(0)
        )
        d = wf.fori_loop(0, 3, lambda i, c: c + wf.sum(c[c > 1] ** 2), x)
        return a, b, c, d

    for seed in range(3):
        x = draw((4, 6), seed)
        for p in (True, False):
            a, b, c, d = f(p, x)
            np.testing.assert_allclose(a, x[x > 0].sum() if p else x.sum(), rtol=1e-5)
            np.testing.assert_allclose(b, [row[row > 0].sum() for row in x], rtol=1e-5)
            want = np.float32(0)
            while x[x > want].sum() > 1:
                want += np.float32(0.25)
            assert float(c) == want
            e = x.astype(np.float64)
            for _ in range(3):
                e = e + (e[e > 1] ** 2).sum()
            np.testing.assert_allclose(d, e, rtol=1e-4)


def test_loops_over_what_was_found():
    @wf.jit
    def f(x):
        a = x[x > 0]
        last, sums = wf.scan(lambda c, v: (c + v, c), wf.asarray(0.0, dtype=wf.float32), a)
        return last, sums

    for share in (0, 0.5, 1):
        x = draw(11, 3, share)
        a = x[x > 0]
        last, sums = f(x)
        np.testing.assert_allclose(last, a.sum(), rtol=1e-5)
        np.testing.assert_allclose(sums, np.cumsum(a) - a, rtol=1e-5, atol=1e-6)


def test_what_cannot_leave():
    x, row = draw(5, 0), draw((3, 5), 1)
    with pytest.raises(SizeError, match="WF1410") as caught:
        wf.jit(lambda p, x: wf.cond(p, lambda: x[x > 0], lambda: x))(True, x)
    assert "a mask at" in str(caught.value) and "test_data_sizes.py" in str(caught.value)
    with pytest.raises(SizeError, match="WF1410"):
        wf.jit(lambda x: wf.scan(lambda c, r: (c, r[r > 0]), 0.0, x))(row)
    with pytest.raises(SizeError, match="WF1410"):
        wf.jit(wf.vmap(lambda r: r[r > 0]))(row)
    with pytest.raises(SizeError, match="WF1410"):
        wf.jit(lambda x: wf.vjp(lambda x: x[x > 0], x)[0])(x)


def test_derivatives():
    def loss(x, y):
        p = x > 0
        a = x[p]
        return wf.sum(a * a * y[p]) + wf.sum(wf.sort(a)[None, :] * a[:, None]) / (a.shape[0] + 1)

    rng = np.random.default_rng(5)
    for share in (0, 0.5, 1):
        x, y = draw(9, 2, share).astype(np.float64), rng.normal(size=9)
        t = rng.normal(size=9)
        value, (gx, gy) = wf.jit(wf.value_and_grad(loss, (0, 1)))(x, y)

        def plain(x, y):
            a = x[x > 0]
            return (a * a * y[x > 0]).sum() + (np.sort(a)[None] * a[:, None]).sum() / (a.size + 1)

        np.testing.assert_allclose(value, plain(x, y), rtol=1e-12)
        h = 1e-6
        for got, at in ((gx, 0), (gy, 1)):
            for i in range(9):
                up, down = [x.copy(), y.copy()], [x.copy(), y.copy()]
                up[at][i] += h
                down[at][i] -= h
                np.testing.assert_allclose(got[i], (plain(*up) - plain(*down)) / (2 * h), rtol=1e-5, atol=1e-7)
        _, forward = wf.jit(lambda x, y, t: wf.jvp(lambda x: loss(x, y), (x,), (t,)))(x, y, t)
        np.testing.assert_allclose(forward, np.asarray(gx) @ t, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(wf.grad(loss)(x, y), gx, rtol=1e-12)


def test_batches():
    def f(x, s):
        a = x[x > s]
        return wf.sum(a) / (a.shape[0] + 1)

    x, s = draw((6, 9), 3), draw(6, 4)
    want = np.array([r[r > c].sum() / ((r > c).sum() + 1) for r, c in zip(x, s, strict=True)])
    np.testing.assert_allclose(wf.jit(wf.vmap(f))(x, s), want, rtol=1e-5)
    np.testing.assert_allclose(wf.jit(wf.vmap(f, in_axes=(None, 0)))(x[0], s), [
        x[0][x[0] > c].sum() / ((x[0] > c).sum() + 1) for c in s], rtol=1e-5)  # fmt: skip
    got = wf.jit(wf.vmap(wf.grad(f)))(x, s)
    want = (x > s[:, None]) / ((x > s[:, None]).sum(1, keepdims=True) + 1)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_variables():
    seen = wf.Variable(0)
    best = wf.Variable(np.zeros(3, np.float32))

    @wf.jit
    def f(x):
        a = x[x > 0]
        seen.value = seen + a.shape[0]
        best[0] = wf.sum(a)
        return a

    total = 0
    for seed in range(3):
        x = draw(8, seed)
        same(f(x), x[x > 0])
        total += (x > 0).sum()
        assert int(seen.value) == total
        np.testing.assert_allclose(best.value, [x[x > 0].sum(), 0, 0], rtol=1e-6)


# ------------------------------------------------------------------------------------------- reads of what is not there


def at_the_end_of_memory(shape):
    """An array that ends where memory ends: what reads behind it ends the process."""
    page = mmap.PAGESIZE
    pages = mmap.mmap(-1, 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + page), ctypes.c_size_t(page), 0) == 0
    x = np.frombuffer(pages, np.float32, int(np.prod(shape)), page - 4 * int(np.prod(shape))).reshape(shape)
    x[...] = 1
    return x


B = wf.Dim("B")
READS = {
    "take": (lambda x, i: wf.take(x, i, axis=0), (0, 5)),
    "fused": (lambda x, i: wf.take(wf.exp(x) + 1, i, axis=0) * 2, (0, 5)),
    "sliced": (lambda x, i: wf.take(x[8:] + 1, i, axis=0) * 2, (8, 5)),
    "reduced": (lambda x, i: wf.sum(wf.take(x, i, axis=0), axis=1), (0, 700)),
    "multiplied": (lambda x, i: wf.take(x, i, axis=0) @ wf.ones((1024, 4), dtype=wf.float32), (0, 1024)),
    "vmap of both": (lambda x, i: wf.vmap(lambda i: wf.take(x, i, axis=0))(i), (0, 5)),
    "one row": (lambda x, i: x[i[0]], (0, 2000)),
    "slice": (lambda x, i: wf.dynamic_slice(x, (i[0], 0), (2, 3)), (1, 3)),
    "padded": (lambda x, i: wf.take(wf.pad(x, ((0, 0), (1, 1))), i, axis=0), (0, 5)),
}


@pytest.mark.parametrize("numerics", ["strict", "default"])
@pytest.mark.parametrize("name", READS)
def test_nothing_is_read_where_nothing_is(name, numerics):
    f, shape = READS[name]
    x, i = at_the_end_of_memory(shape), np.array([3, 0, -1])
    got = np.asarray(wf.jit(f, dims={"x": (B, shape[1])}, numerics=numerics)(x, i))
    assert got.size and not got.any()


def test_gather_from_no_rows_of_a_batch_and_its_derivative():
    x, i = np.zeros((3, 0, 5), np.float32), np.array([3, 0, -1])
    f = wf.jit(lambda x, i: wf.vmap(lambda x, i: wf.take(x, i, axis=0))(x, i), dims={"x": (3, B, 5)})
    same(f(x, i), np.zeros((3, 5), np.float32))
    y = np.arange(30, dtype=np.float32).reshape(3, 2, 5)
    same(f(y, np.array([1, 0, -1])), y[[0, 1, 2], [1, 0, -1]])
    g = wf.jit(lambda x, i: wf.grad(lambda x: wf.sum(wf.take(x, i, axis=0) ** 2))(x), dims={"x": (B, 5)})
    same(g(x[0], i), np.zeros((0, 5), np.float32))
    rows = wf.jit(lambda x, i: wf.take(x[x[:, 0] > 100], i, axis=0))
    same(rows(y[0], i), np.zeros((3, 5), np.float32))


def test_a_part_that_does_not_fit_is_refused_eagerly_too():
    for f in (wf.dynamic_slice, wf.jit(lambda x, s, n: wf.dynamic_slice(x, s, n), static_argnames="n")):
        with pytest.raises(ShapeError, match="WF1012"):
            f(np.zeros(3), (0,), n=(4,)) if f is not wf.dynamic_slice else f(np.zeros(3), (0,), (4,))
    with pytest.raises(ShapeError, match="WF1012"):
        wf.dynamic_update_slice(np.zeros(3), np.ones(4), (0,))
