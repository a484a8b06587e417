"""`checkpoint=` of loops: the values, derivatives and writes of the loop without it, of any kind; and fewer bytes."""

import numpy as np
import pytest
import weft as wf
from weft.errors import WrongArgumentError

W = np.array([0.5, 1.0, 2.0])
ROWS = np.random.default_rng(0).normal(size=(23, 3))
TRANSFORMS = {
    "values": lambda g: g,
    "grad": lambda g: wf.grad(g, (0, 1)),
    "jit of grad": lambda g: wf.jit(wf.grad(g, (0, 1))),
    "jvp": lambda g: lambda x, w: wf.jvp(g, (x, w), (w + x, w)),
    "grad of grad": lambda g: wf.grad(lambda x, w: wf.sum(wf.grad(g)(x, w) ** 2), (0, 1)),
    "grad of jvp": lambda g: wf.grad(lambda x, w: wf.jvp(g, (x, w), (w + x, w))[1], (0, 1)),
    "grad of vmap": lambda g: wf.grad(lambda x, w: wf.sum(wf.vmap(g)(wf.stack([x, 2 * x]), wf.stack([w, w]))), (0, 1)),
    "vmap of grad": lambda g: lambda x, w: wf.vmap(wf.grad(g), in_axes=(0, None))(wf.stack([x, 2 * x]), w),
    "vmap of vmap": lambda g: (
        lambda x, w: wf.vmap(wf.vmap(g, (0, None)), (None, 0))(wf.stack([x, 2 * x]), wf.stack([w, -w]))
    ),
}


def alike(got, want, rtol=1e-11):
    for a, b in zip(wf.tree.leaves(got), wf.tree.leaves(want), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)


def running(x, w, rows=ROWS, **more):
    """Both results of a scan, as one number."""

    def step(c, row):
        c = wf.sin(c * w + row)
        return c, c * row

    last, ys = wf.scan(step, x, rows, **more)
    return wf.sum(last * w) + wf.sum(ys * ys)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(("every", "reverse"), [(5, False), ((8, 3), True)])
def test_scan(every, reverse, transform):
    same_scan(TRANSFORMS[transform], every, reverse)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("every", [1, 23, 40, [9, 4, 2]])
def test_schedules_of_a_scan(every, reverse):
    same_scan(TRANSFORMS["jit of grad"], every, reverse)


def same_scan(given, every, reverse):
    cut = given(lambda x, w: running(x, w, reverse=reverse, checkpoint=every))
    alike(cut(W, W[::-1]), given(lambda x, w: running(x, w, reverse=reverse))(W, W[::-1]))


@pytest.mark.parametrize("unroll", [1, 2, 7])
@pytest.mark.parametrize("reverse", [False, True])
def test_rows_of_a_scan_in_segments(unroll, reverse):
    """Gradients by the rows, and the rows that it stacks, in order."""
    more = {"reverse": reverse, "checkpoint": (6, 2), "unroll": unroll}
    got = wf.grad(lambda rows: running(W, W, rows, **more))(ROWS)
    alike(got, wf.grad(lambda rows: running(W, W, rows, reverse=reverse))(ROWS))
    step = lambda c, x: (c + x["a"], (c, {"twice": 2 * x["a"]}))  # noqa: E731
    alike(wf.scan(step, 0.0, {"a": ROWS[:, 0]}, **more), wf.scan(step, 0.0, {"a": ROWS[:, 0]}, reverse=reverse))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("every", [5, (8, 3)])
def test_named_lengths(every, reverse):
    f = lambda rows: running(W, W, rows, checkpoint=every, reverse=reverse)  # noqa: E731
    g = wf.jit(wf.value_and_grad(f), dims={"rows": ("N", 3)})
    want = wf.jit(wf.value_and_grad(lambda rows: running(W, W, rows, reverse=reverse)), dims={"rows": ("N", 3)})
    for n in (0, 1, 5, 8, 23, 40):
        rows = np.random.default_rng(n).normal(size=(n, 3))
        alike(g(rows), want(rows))


@pytest.mark.parametrize("every", [4, (9, 2)])
@pytest.mark.parametrize("hi", [0, 2, 3, 9, 30, 31])
def test_fori_loop(hi, every):
    """Bounds that are numbers, and bounds that are values; the index goes on from segment to segment."""

    def f(x, hi, **more):
        return wf.fori_loop(2, hi, lambda i, c: wf.sin(c) * x + 0.1 * i, x, **more)

    want = wf.value_and_grad(f)(0.7, hi)
    alike(wf.value_and_grad(lambda x: f(x, hi, checkpoint=every))(0.7), want, 1e-5)
    alike(wf.jit(wf.value_and_grad(lambda x, n: f(x, n, checkpoint=every)))(0.7, hi), want, 1e-5)


@pytest.mark.parametrize("most", [None, 1000, 40, 37])
@pytest.mark.parametrize("every", [1, 7, 100, (10, 3)])
def test_while_loop(most, every):
    """40 trips, or fewer by max_trips."""
    all_of_them = (most, every) in ((None, 7), (37, 7), (None, (10, 3)))

    def f(x, w, **more):
        body = lambda c: (wf.sin(c[0] * w) + 0.1 * c[0], c[1] + 1)  # noqa: E731
        return wf.sum(wf.while_loop(lambda c: c[1] < 40, body, (x, 0), most, **more)[0] ** 2)

    for transform in TRANSFORMS.values() if all_of_them else [TRANSFORMS["grad"]]:
        alike(transform(lambda x, w: f(x, w, checkpoint=every))(W, W[::-1]), transform(f)(W, W[::-1]))


def test_variables_are_written_once_a_trip():
    n = wf.Variable(0)

    def body(i, c):
        n.value = n + 1
        return wf.sin(c)

    for loop in (
        lambda x: wf.fori_loop(0, 23, body, x, checkpoint=(5, 2)),
        lambda x: wf.while_loop(lambda c: c[1] < 23, lambda c: (body(0, c[0]), c[1] + 1), (x, 0), checkpoint=5)[0],
        lambda x: wf.scan(lambda c, r: (body(0, c), None), x, ROWS, checkpoint=5)[0],
    ):
        for f in (loop, wf.grad(loop), wf.jit(wf.grad(loop))):
            n.value = 0
            f(0.5)
            assert int(n) == 23


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_numbers_bend_as_they_do_without_segments(dtype):
    rows, one = np.arange(7).astype(dtype), np.ones((), dtype)
    for step in (lambda c, x: (c * 0.5 + 1.0, c * x), lambda c, x: (c * 0.5 + x, c * x)):
        alike(wf.scan(step, 0.0, rows, checkpoint=3), wf.scan(step, 0.0, rows))
    for body in (lambda c: (c[0] * 0.5 + one, c[1] + 1), lambda c: (c[0] * 0.5 + 1.0, c[1] + 1)):
        loop = lambda most, **more: wf.while_loop(lambda c: c[1] < 9, body, (0.0, 0), most, **more)  # noqa: E731, B023
        for most in (None, 6):
            alike(loop(most, checkpoint=2), loop(most))


def test_nested_loops():
    def f(x, w, inner, outer):
        row = lambda c, r: (wf.scan(lambda d, i: (wf.sin(d * r + i), None), c, ROWS[:7], checkpoint=inner)[0], c)  # noqa: E731
        last, kept = wf.scan(row, x, ROWS * w, checkpoint=outer)
        return wf.sum(last) + wf.sum(kept)

    want = wf.grad(lambda x, w: f(x, w, None, None), (0, 1))(W, W)
    for inner, outer in ((3, None), (None, 5), (3, (10, 5))):
        alike(wf.grad(lambda x, w: f(x, w, inner, outer), (0, 1))(W, W), want)  # noqa: B023


def test_segments_keep_less():
    def peak(loop, **more):
        return wf.jit(wf.grad(lambda x: wf.sum(loop(x, **more)))).explain(np.ones(1000, np.float32)).memory.arena

    step = lambda c: wf.sin(c) + c  # noqa: E731
    for loop in (
        lambda x, **more: wf.while_loop(lambda c: wf.sum(c) < 1e6, step, x, 400, **more),
        lambda x, **more: wf.scan(lambda c, _: (step(c), None), x, length=400, **more)[0],
        lambda x, **more: wf.scan(lambda c, r: (step(c) * r, None), x, np.ones(400, np.float32), **more)[0],
        lambda x, **more: wf.fori_loop(0, 400, lambda i, c: step(c) * i, x, **more),
    ):
        assert peak(loop, checkpoint=20) * 5 < peak(loop)
        assert peak(loop, checkpoint=19) * 5 < peak(loop)
        assert peak(loop, checkpoint=(50, 7)) * 3 < 2 * peak(loop, checkpoint=20)


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "half", (), (3, 5), (5, 5), (5, 0)])
def test_wrong_schedules(bad):
    for f in (
        lambda: wf.while_loop(lambda c: c < 1, lambda c: c, 0, checkpoint=bad),
        lambda: wf.scan(lambda c, x: (c, x), 0.0, ROWS, checkpoint=bad),
        lambda: wf.fori_loop(0, 3, lambda i, c: c, 0.0, checkpoint=bad),
    ):
        with pytest.raises(WrongArgumentError, match="WF1032"):
            f()
