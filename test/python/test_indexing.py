"""Arrays as indices, slices at computed places, and updates: against NumPy, eager and under jit; derivatives against
finite differences and across modes; batches against loops; named sizes against the reference."""

import numpy as np
import pytest
import targets
import weft as wf
from running import Built, Program, same_bits
from weft import errors
from weft._src import dims, dtypes
from weft._src.trace import Spec, constant, emit
from weft.ops.indexing import index_update

RNG = np.random.default_rng(3)
X = RNG.normal(size=(4, 5, 6)).astype(np.float32)
I, J = np.array([3, 0, -1]), np.array([[1], [-2]])


def both(f, *args):
    eager, jitted = f(*[wf.asarray(a) for a in args]), wf.jit(f)(*args)
    same_bits(np.asarray(eager), np.asarray(jitted))
    return np.asarray(jitted)


KEYS = {
    "one": lambda i, j: i,
    "second": lambda i, j: (slice(None), i),
    "last": lambda i, j: (..., i),
    "two": lambda i, j: (i, j),
    "apart": lambda i, j: (i, slice(None), j),
    "with an integer": lambda i, j: (1, slice(None), i),
    "beside an integer": lambda i, j: (slice(None), i, 2),
    "with slices": lambda i, j: (slice(1, 3), i[:1], slice(None, None, -2)),
    "with new axes": lambda i, j: (None, i, None, j),
    "all": lambda i, j: (i, j, i),
}


@pytest.mark.parametrize("key", KEYS)
def test_arrays_as_indices(key):
    make = KEYS[key]
    assert (both(lambda x, i, j: x[make(i, j)], X, I, J) == X[make(I, J)]).all()


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint8, np.uint64])
def test_indices_of_every_width(dtype):
    i = np.array([3, 0, 1], dtype)
    assert (both(lambda x, i: x[i], X, i) == X[i]).all()


def test_indices_out_of_range_clamp_and_their_updates_are_dropped():
    i = np.array([9, -9, 2])
    assert (both(lambda x, i: x[i], X, i) == X[[3, 0, 2]]).all()
    got = both(lambda x, i: index_update(x, i, 1.0), X, i)
    expected = X.copy()
    expected[2] = 1
    assert (got == expected).all()


def test_scalars_as_indices():
    assert (both(lambda x, i: x[i], X, np.int64(2)) == X[2]).all()
    assert (both(lambda x, i: x[:, i, 1:], X, np.int32(-1)) == X[:, -1, 1:]).all()
    assert (np.asarray(wf.asarray(X)[True]) == X[True]).all() and wf.asarray(X)[False].shape == X[False].shape
    assert wf.asarray(X)[..., False].shape == X[..., False].shape


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8, np.uint8])
@pytest.mark.parametrize("n, m, k", [(1, 1, 1), (5, 3, 4), (50, 40, 16), (33, 100, 20), (7, 5, 1), (130, 2, 3)])
def test_what_is_picked_is_computed_with_where_it_is_picked(n, m, k, dtype):
    x, y = (RNG.normal(size=s).astype(np.float32) for s in ((m, k), (n, k)))
    i = RNG.integers(0, min(m, 100), n).astype(dtype)
    if dtype != np.uint8:
        i[::3] -= m
    for f, expected in (
        (lambda x, i, y: wf.take(x, i, axis=0) * 2 + y, x[i] * 2 + y),
        (lambda x, i, y: wf.max(wf.take(x, i, axis=0) * y, axis=1), (x[i] * y).max(1)),
        (lambda x, i, y: wf.max(x[i] * y, axis=0), (x[i] * y).max(0)),
        (lambda x, i, y: wf.max(wf.take(wf.reshape(x, (-1,)), i * 1)), x.reshape(-1)[i].max()),
        (lambda x, i, y: wf.take_along_axis(y, i[:, None] * 0, axis=1) * 3, y[:, :1] * 3),
    ):
        assert (both(f, x, i, y) == expected).all()
        assert len(wf.jit(f).explain(x, i, y).kernels) == 1
    assert (both(lambda x, i, y: wf.take(x[:, 0], i) - y[:, 0], x, i, y) == x[i, 0] - y[:, 0]).all()
    # along another axis, two at a time, from what is computed, beside a product, in a part of a join
    assert (both(lambda x, i: wf.take(x.T, i, axis=1) * 2, x, i) == x.T[:, i] * 2).all()
    assert (both(lambda x, i: x[i, (i % x.shape[1])] + 1, x, i) == x[i, i % k] + 1).all()
    assert (both(lambda x, i: wf.take(x * 2, i, axis=0), x, i) == x[i] * 2).all()
    assert (both(lambda x, i, y: wf.concat([x[i] + y, y], axis=1), x, i, y) == np.concatenate([x[i] + y, y], 1)).all()
    product = both(lambda x, i, y: y @ x.T + wf.take(x @ x.T, i, axis=0), x, i, y)
    np.testing.assert_allclose(product, y @ x.T + (x @ x.T)[i], rtol=1e-4, atol=1e-4)


def test_derivatives_and_batches_of_what_is_picked():
    x, i, y = RNG.normal(size=(6, 4)), np.array([1, -1, 1, 3]), RNG.normal(size=(4, 4))
    f = lambda x, y: wf.sum(wf.sin(wf.take(x, i, axis=0)) * y)  # noqa: E731
    check_derivatives(f, x, y)
    check_derivatives(lambda x: wf.take_along_axis(x, np.array([[0, 3], [1, 1]]), axis=1)[:1] ** 2, x[:2])
    for axes in ((0, None), (None, 0), (0, 0)):
        a, b = (np.stack([v, v[::-1]]) if axis == 0 else v for v, axis in zip((x, i), axes, strict=True))
        got = wf.vmap(lambda x, i: wf.take(x, i, axis=0) * 2 + y, in_axes=axes)(a, b)
        rows = [(a[n] if axes[0] == 0 else a)[b[n] if axes[1] == 0 else b] * 2 + y for n in range(2)]
        assert (np.asarray(got) == np.stack(rows)).all()


def test_masks_whose_values_are_known():
    mask = X > 0
    assert (np.asarray(wf.asarray(X)[mask]) == X[mask]).all()
    assert (np.asarray(wf.asarray(X)[wf.asarray(mask[:, 0, 0])]) == X[mask[:, 0, 0]]).all()
    assert (np.asarray(wf.asarray(X)[..., mask[0, 0]]) == X[..., mask[0, 0]]).all()
    with pytest.raises(errors.ShapeError, match="WF1017"):
        wf.asarray(X)[mask[:3]]


def test_wrong_indices():
    with pytest.raises(errors.DTypeError, match="WF1022"):
        wf.asarray(X)[np.zeros(2)]
    with pytest.raises(errors.AxisError, match="WF1006"):
        wf.asarray(X)[I, I, I, I]
    with pytest.raises(errors.AxisError, match="WF1005"):
        wf.zeros((0, 3))[I]
    with pytest.raises(errors.ShapeError, match="WF1001"):
        wf.asarray(X)[I, np.array([0, 1])]


KINDS = {"set": None, "add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", [k for k in KEYS if k != "with new axes"])
def test_updates(key, kind):
    """Duplicates are applied in order, as ufunc.at does; in assignments the last wins."""
    index = KEYS[key](I, J)
    value = RNG.normal(size=X[index].shape).astype(np.float32)
    expected = X.copy()
    if kind == "set":
        expected[index] = value
    else:
        KINDS[kind].at(expected, index, value)
    got = both(lambda x, v, i, j: index_update(x, KEYS[key](i, j), v, kind), X, value, I, J)
    assert (got == expected).all()


def test_assignment_through_arrays():
    x = wf.asarray(X)
    x[I, 1:3] = 0.5
    expected = X.copy()
    expected[I, 1:3] = 0.5
    assert (np.asarray(x) == expected).all()


def numeric(f, xs, k, direction, step=1e-4):
    """The derivative of a function of float64 arrays along a direction of argument k."""
    plus = [x + step * direction if i == k else x for i, x in enumerate(xs)]
    minus = [x - step * direction if i == k else x for i, x in enumerate(xs)]
    return (np.asarray(f(*plus)) - np.asarray(f(*minus))) / (2 * step)


def check_derivatives(f, *xs):
    """jvp against finite differences, and the vjp against the jvp: <ct, J v> = <J^T ct, v>."""
    rng = np.random.default_rng(0)
    xs = [np.asarray(x, np.float64) for x in xs]
    for k, x in enumerate(xs):
        v = rng.normal(size=x.shape)
        tangents = [v if i == k else np.zeros_like(y) for i, y in enumerate(xs)]
        out, tangent = wf.jvp(f, tuple(xs), tuple(tangents))
        np.testing.assert_allclose(np.asarray(tangent), numeric(f, xs, k, v), rtol=1e-5, atol=1e-6)
        ct = rng.normal(size=out.shape)
        _, pull = wf.vjp(f, *xs)
        back = np.asarray(pull(wf.asarray(ct))[k])
        np.testing.assert_allclose(np.sum(back * v), np.sum(ct * np.asarray(tangent)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("key", ["one", "second", "two", "apart", "with slices"])
def test_derivatives_of_reading(key):
    i = np.array([3, 0, 3])  # twice: the gradients add up
    check_derivatives(lambda x: x[KEYS[key](i, J)], X)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_of_updates(kind):
    i = np.array([2, 0, 2, 9])
    value = RNG.normal(size=(4, 3))
    x = RNG.normal(size=(4, 3))
    check_derivatives(lambda x, v: index_update(x, i, v, kind), x, value)


def test_derivative_of_products_with_zeros():
    x = np.ones((3,))
    for value in ([2.0, 0.0, 3.0], [0.0, 0.0, 3.0]):
        check_derivatives(lambda x, v: index_update(x, np.array([1, 1, 1]), v, "mul"), x, np.array(value))


def test_tied_extremes_share():
    f = lambda x, v: index_update(x, np.array([0, 0]), v, "max")[0]  # noqa: E731
    gx, gv = wf.grad(f, argnums=(0, 1))(np.array([2.0, 5.0]), np.array([2.0, 2.0]))
    np.testing.assert_allclose(np.asarray(gx), [1 / 3, 0])
    np.testing.assert_allclose(np.asarray(gv), [1 / 3, 1 / 3])


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)], ids=str)
@pytest.mark.parametrize("key", ["one", "second", "apart"])
def test_batches_of_reading(axes, key):
    xs = RNG.normal(size=(2, *X.shape)).astype(np.float32)
    indices = np.array([[0, 3, -1], [2, 2, 9]])
    f = lambda x, i: x[KEYS[key](i, J)]  # noqa: E731
    x, i = xs if axes[0] == 0 else X, indices if axes[1] == 0 else I
    got = wf.jit(wf.vmap(f, in_axes=axes))(x, i)
    for k in range(2):
        one = f(wf.asarray(x[k] if axes[0] == 0 else x), wf.asarray(i[k] if axes[1] == 0 else i))
        same_bits(np.asarray(got)[k], np.asarray(one))


@pytest.mark.parametrize("axes", [(0, None, None), (None, 0, None), (None, None, 0), (0, 0, 0)], ids=str)
@pytest.mark.parametrize("kind", ["set", "add"])
def test_batches_of_updates(axes, kind):
    x = RNG.normal(size=(2, 4, 3) if axes[0] == 0 else (4, 3)).astype(np.float32)
    i = np.array([[0, 3, 0], [2, 2, 9]])[slice(None) if axes[1] == 0 else 0]
    v = RNG.normal(size=(2, 3, 3) if axes[2] == 0 else (3, 3)).astype(np.float32)
    f = lambda x, i, v: index_update(x, i, v, kind)  # noqa: E731
    got = wf.jit(wf.vmap(f, in_axes=axes))(x, i, v)
    for k in range(2):
        own = [wf.asarray(a[k] if axis == 0 else a) for a, axis in zip((x, i, v), axes, strict=True)]
        same_bits(np.asarray(got)[k], np.asarray(f(*own)))


def test_a_batch_of_batches():
    xs, indices = RNG.normal(size=(2, 3, 5)).astype(np.float32), RNG.integers(0, 5, (2, 3, 4))
    got = wf.jit(wf.vmap(wf.vmap(lambda x, i: x[i])))(xs, indices)
    assert (np.asarray(got) == np.take_along_axis(xs, indices, -1)).all()


def test_slices_at_computed_places():
    for start in ([1, 2, 3], [9, -4, 0], [-2, -5, -1], [-9, 0, -2]):
        inside = [s + n if s < 0 else s for s, n in zip(start, X.shape, strict=True)]  # from the end
        clamped = [min(max(s, 0), n - k) for s, n, k in zip(inside, X.shape, (2, 5, 1), strict=True)]
        where = tuple(slice(s, s + k) for s, k in zip(clamped, (2, 5, 1), strict=True))
        got = both(lambda x, s: wf.dynamic_slice(x, s, (2, 5, 1)), X, np.array(start))
        assert (got == X[where]).all()
        expected = X.copy()
        expected[where] = 7
        update = np.full((2, 5, 1), 7, np.float32)
        assert (both(wf.dynamic_update_slice, X, update, np.array(start)) == expected).all()
    for starts in (
        (wf.asarray(1), np.int32(9), 2),
        [np.asarray(1), 9, wf.asarray(2, dtype="int8")],
    ):  # arrays in a sequence
        got = both(lambda x, s=starts: wf.dynamic_slice(x, s, (2, 2, 3)), X)
        assert (got == X[1:3, -2:, 2:5]).all()
        got = both(lambda x, s=starts: wf.dynamic_update_slice(x, x[:2, :2, :3] * 0, s), X)
        assert (got[1:3, -2:, 2:5] == 0).all() and (got[0] == X[0]).all()
    assert float(wf.dynamic_slice(np.float32(3), (), ())) == 3
    check_derivatives(lambda x: wf.dynamic_slice(x, [1, 9, 2], (2, 2, 3)), X)
    check_derivatives(lambda x, u: wf.dynamic_update_slice(x, u, [1, 9, 2]), X, X[:2, :3, :1])
    starts = np.array([[0, 1, 2], [2, 0, 9]])
    got = wf.vmap(lambda s: wf.dynamic_slice(wf.asarray(X), s, (2, 5, 1)))(starts)
    assert (np.asarray(got)[1] == X[2:4, :, 5:6]).all()


def test_rows_written_in_a_loop():
    def fill(x):
        return wf.fori_loop(0, 4, lambda i, c: wf.dynamic_update_slice(c, x[i][None] * i, [i, 0]), wf.zeros_like(x))

    x = X[:, :, 0]
    assert (np.asarray(wf.jit(fill)(x)) == x * np.arange(4, dtype=np.float32)[:, None]).all()


def test_take_and_take_along_axis():
    assert (both(lambda x, i: wf.take(x, i, axis=1), X, I) == np.take(X, I, 1)).all()
    assert (both(wf.take, X, np.array([7, -1, 119])) == np.take(X, [7, -1, 119])).all()
    for axis in (0, 1, -1):
        order = np.argsort(X, axis)
        got = both(lambda x, i, axis=axis: wf.take_along_axis(x, i, axis=axis), X, order)
        assert (got == np.sort(X, axis)).all()
    with pytest.raises(errors.ShapeError, match="WF1012"):
        wf.take_along_axis(X, I)


def constant_of(values):
    return constant(np.array(values, np.int64), dtypes.int64)


@pytest.mark.parametrize("shape", [(5, 9), (1, 1), (3, 0), (0, 4), (2, 70)], ids=str)
def test_named_sizes_and_windows_that_do_not_fit(shape):
    """Native code is the reference's, also where there is nothing to read and windows are larger than the array."""
    n, m = dims.Dim("n"), dims.Dim("m")
    numbers = dict(batch=0, dims=[0], at=0)

    def program(x, u):
        i = constant_of([[1], [0], [-1], [7]])
        results = []
        for bounds in ("clamp", "drop"):
            results.append(emit("gather", [x, i], results=[((4, 1, m), x.dtype)], bounds=bounds, **numbers))
            results.append(emit("gather", [x, i], results=[((4, 3, m), x.dtype)], bounds=bounds, **numbers))
            results.append(emit("scatter", [x, i, u], kind="add", bounds=bounds, **numbers))
        return results

    built = Built(program, [Spec((n, m), dtypes.float32), Spec((4, 3, m), dtypes.float32)])
    x = RNG.normal(size=shape).astype(np.float32)
    u = RNG.normal(size=(4, 3, shape[1])).astype(np.float32)
    for a, b in zip(built.native(x, u), built.reference(x, u), strict=True):
        same_bits(a, b)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float16", "float64"])
def test_rows_of_every_dtype(dtype):
    x = (RNG.normal(size=(50, 33)) * 9).astype(dtype)
    i = RNG.integers(0, 50, 40)
    assert (both(lambda x, i: x[i], x, i) == x[i]).all()
    expected = x.copy()
    expected[i] = x[:40]
    assert (both(lambda x, i, v: index_update(x, i, v), x, i, x[:40]) == expected).all()


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)], ids=str)
def test_arrays_without_elements_index_axes_without_elements(shape):
    x, none = np.zeros(shape, np.float32), np.zeros(shape, bool)
    got = wf.asarray(x)[none]
    assert got.shape == x[none].shape and got.dtype is wf.float32
    axis = shape.index(0)
    index = (slice(None),) * axis + (np.zeros((0, 2), np.int64),)
    assert wf.asarray(x)[index].shape == x[index].shape
    y = wf.asarray(x)
    y[index] = 1.0
    assert y.shape == shape


@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_what_is_picked_on_each_target(target):
    x, y, i = (RNG.normal(size=s).astype(np.float32) for s in ((20, 16), (50, 16), 50))
    i = (i * 9).astype(np.int64) % 20 - 10
    for f in (
        lambda x, i, y: wf.take(x, i, axis=0) * 2 + y,
        lambda x, i, y: wf.max(wf.take(x, i, axis=0) * y, axis=1),
        lambda x, i, y: wf.take(x[3], i) - y[:, 0],
        lambda x, i, y: wf.top_k(y, 5)[1] + i[:, None],
    ):
        program = Program(f, x, i, y)
        assert program.native(target, "strict")()[0].tobytes() == np.asarray(program.reference()[0]).tobytes()
