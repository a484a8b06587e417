"""`x[i] = v` and `x += y`: another value behind the handle, in eager code and in traced functions, and no aliasing."""

import numpy as np
import pytest
import weft as wf
from weft.errors import DTypeError, ShapeError, TracerError


def data(*shape, dtype=np.float32):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) - 7).astype(dtype)


INDICES = [
    0, -1, (1, 2), (slice(1, 3),), (slice(None), 2), (slice(None, None, 2), slice(1, None, 3)),
    (slice(None, None, -1),), (slice(4, 0, -2), slice(-3, None)), (Ellipsis, 1), (slice(2, 2),), Ellipsis,
    (slice(None), None, 1), (),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "int8", "bool"])
def test_assignment_is_numpys(index, dtype):
    x = data(5, 6, dtype=dtype)
    for value in (x[index][..., ::-1].copy() if x[index].ndim else x[index], 1 if dtype != "bool" else True):
        want = x.copy()
        want[index] = value
        a = wf.asarray(x)
        old = np.asarray(a)
        a[index] = value
        np.testing.assert_array_equal(np.asarray(a), want)
        np.testing.assert_array_equal(old, x)  # the view still shows the old value

        @wf.jit
        def f(x, v, index=index):
            y = x * 1 if x.dtype is not wf.bool else x | False
            y[index] = v
            return y, x

        for part, w in zip(f(x, value), (want, x), strict=True):
            np.testing.assert_array_equal(np.asarray(part), w)


def test_assignment_on_named_sizes():
    @wf.jit(dims={"x": ("B", 4)})
    def f(x):
        x[:, 1] = 5
        x[0] = x[0] * 2
        x[-1, ::2] = 0
        return x

    for n in (1, 2, 7):
        x = data(n, 4)
        want = x.copy()
        want[:, 1] = 5
        want[0] *= 2
        want[-1, ::2] = 0
        np.testing.assert_array_equal(np.asarray(f(x)), want)


def test_masks():
    x = data(3, 4)
    a = wf.asarray(x)
    a[a < 0] = 0
    np.testing.assert_array_equal(np.asarray(a), np.maximum(x, 0))
    a[wf.asarray([True, False, True])] = -1
    np.testing.assert_array_equal(np.asarray(a)[[0, 2]], -1)

    @wf.jit
    def relu(x):
        x[x < 0] = 0
        return x

    np.testing.assert_array_equal(np.asarray(relu(x)), np.maximum(x, 0))
    with pytest.raises(ShapeError, match="WF1017"):
        a[wf.asarray([True, False])] = 0


def test_operators_keep_the_handle():
    a = wf.asarray(data(4))
    same, twin = a, +a
    a += 1
    a *= wf.asarray(data(4))
    want = (data(4) + 1) * data(4)
    assert same is a
    np.testing.assert_array_equal(np.asarray(same), want)
    np.testing.assert_array_equal(np.asarray(twin), data(4))
    for other, error in ((np.float64(1), DTypeError), (wf.ones((2, 4)), ShapeError)):
        with pytest.raises(error):
            a += other
    i = wf.asarray([1, 2])
    with pytest.raises(DTypeError, match="WF1028"):
        i /= 2
    with pytest.raises(DTypeError, match="WF1028"):
        i[0] = 1.5
    with pytest.raises(ShapeError, match="WF1017"):
        i[:] = wf.asarray([1, 2, 3])


def test_traced_handles_do_not_alias():
    @wf.jit
    def f(x):
        y = +x
        z = wf.reshape(x, x.shape)
        (w,) = wf.broadcast_arrays(x)
        y += 1
        z[0] = 100
        w *= 2
        return x, y, z, w

    x = data(3)
    for got, want in zip(f(x), (x, x + 1, [100, *x[1:]], x * 2), strict=True):
        np.testing.assert_array_equal(np.asarray(got), want)


def test_what_is_captured_is_not_assigned_to():
    c = wf.zeros(3)

    @wf.jit
    def f(x):
        c[0] = x
        return c * 1

    with pytest.raises(TracerError, match="WF1206") as e:
        f(1.0)
    assert "Variable" in str(e.value)
    np.testing.assert_array_equal(np.asarray(c), 0)

    @wf.jit
    def g(x):
        nonlocal c
        c += x
        return c

    with pytest.raises(TracerError, match="WF1206"):
        g(1.0)

    @wf.jit
    def h(x):
        def body(i, carry):
            x[0] = i
            return carry + 1

        return wf.fori_loop(0, 3, body, 0)

    with pytest.raises(TracerError, match="WF1206"):
        h(wf.zeros(3))

    # A captured array's own copy may be.
    @wf.jit
    def k(x):
        own = +c
        own[0] = x
        return own

    np.testing.assert_array_equal(np.asarray(k(4.0)), [4, 0, 0])
    np.testing.assert_array_equal(np.asarray(c), 0)


def test_loops_and_derivatives():
    @wf.jit
    def f(x):
        def body(carry, row):
            carry[0] = carry[0] + row[1]
            return carry, carry

        return wf.scan(body, wf.zeros(2), x)

    x = data(4, 2)
    last, rows = f(x)
    np.testing.assert_array_equal(np.asarray(rows)[:, 0], np.cumsum(x[:, 1]))
    np.testing.assert_array_equal(np.asarray(last), [x[:, 1].sum(), 0])

    def loss(x):
        y = x * x
        y[1] = x[0] * 3
        return wf.sum(y)

    np.testing.assert_array_equal(np.asarray(wf.grad(loss)(np.float32([1, 2, 3]))), [5, 0, 6])
