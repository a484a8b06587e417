"""Sorting and positions: against NumPy on every dtype, at lengths that take each path; derivatives against finite
differences and across modes; batches."""

import numpy as np
import pytest
import weft as wf
from op_table import FLOATS, INTS, UINTS, specials
from running import Built, same_bits
from test_indexing import both, check_derivatives
from weft import errors
from weft._src import dims, dtypes
from weft._src.trace import Spec

RNG = np.random.default_rng(5)
DTYPES = [d for d in (*FLOATS, *INTS, *UINTS, dtypes.bool_) if d.name != "bfloat16"]


def numbers(d, size):
    """With many equal ones, and the dtype's edges."""
    edges = specials(d)
    if d.kind == "float":
        x = np.round(RNG.normal(size=size) * 3, 1).astype(d.numpy)
    else:
        x = RNG.integers(0, 2 if d.kind == "bool" else 90, size).astype(d.numpy)
    places = RNG.integers(0, max(x.size, 1), min(len(edges), x.size))
    x.reshape(-1)[places] = edges[: len(places)]
    return x


def stable_descending(x):
    """Positions, NaN last."""
    key = -x.astype(np.float64) if x.dtype.kind == "f" else -x.astype(object) if x.dtype.kind in "iu" else ~x
    return np.argsort(key, axis=-1, kind="stable")


@pytest.mark.parametrize("d", DTYPES, ids=lambda d: d.short)
@pytest.mark.parametrize("size", [(3, 1), (4, 100), (2, 1000), (3, 0)], ids=str)
def test_sorts(d, size):
    x = numbers(d, size)
    same_bits(both(wf.sort, x) + x.dtype.type(0), np.sort(x, kind="stable") + x.dtype.type(0))
    assert (both(wf.argsort, x) == np.argsort(x, kind="stable")).all()
    down = stable_descending(x)
    assert (both(lambda x: wf.argsort(x, descending=True), x) == down).all()
    same_bits(both(lambda x: wf.sort(x, descending=True), x), np.take_along_axis(x, down, -1))


@pytest.mark.parametrize("d", DTYPES, ids=lambda d: d.short)
@pytest.mark.parametrize("size", [(3, 1), (4, 100), (2, 1000)], ids=str)
def test_the_first_ones_of_an_order(d, size):
    x = numbers(d, size)
    down, up = stable_descending(x), np.argsort(x, kind="stable")
    for k in {0, 1, 3, size[1] // 9, size[1] // 2, size[1]} - {n for n in range(9) if n > size[1]}:
        values, places = wf.jit(lambda x, k=k: wf.top_k(x, k))(x)
        assert (np.asarray(places) == down[:, :k]).all()
        same_bits(np.asarray(values), np.take_along_axis(x, down[:, :k], -1))
        assert (both(lambda x, k=k: wf.argsort(x)[:, :k], x) == up[:, :k]).all()
        same_bits(both(lambda x, k=k: wf.sort(x)[:, :k], x), np.take_along_axis(x, up[:, :k], -1))
    columns = np.ascontiguousarray(x.T)
    assert (both(lambda x: wf.argsort(x, axis=0)[:1], columns) == up.T[:1]).all()
    lowered = wf.jit(lambda x: wf.sort(x)[:, :1]).lower(np.zeros((2, 9), np.float32))
    assert "first = 1" in lowered.as_text("optimized")


def test_the_first_ones_where_each_is_before_all_others():
    """The heap takes every element in, or none after the first ones."""
    for x in (np.arange(5000.0)[None], np.arange(5000.0)[None, ::-1], np.zeros((1, 5000)), np.full((2, 700), np.nan)):
        assert (both(lambda x: wf.top_k(x, 37)[1], x) == np.argsort(-x, kind="stable")[:, :37]).all()


def test_sorts_along_any_axis():
    x = RNG.normal(size=(7, 300, 3)).astype(np.float32)
    for axis in (0, 1, 2, -2):
        assert (both(lambda x, axis=axis: wf.sort(x, axis=axis), x) == np.sort(x, axis)).all()
    for a, b in zip(wf.top_k(x, 2, axis=1), (np.sort(x, 1)[:, ::-1][:, :2], np.argsort(-x, 1)[:, :2]), strict=True):
        assert (np.asarray(a) == b).all()
    with pytest.raises(errors.ArgumentValueError, match="WF1902"):
        wf.top_k(x, 8, axis=0)
    with pytest.raises(errors.AxisError, match="WF1002"):
        wf.sort(x, axis=3)


def test_sorts_of_what_a_kernel_makes():
    assert (np.asarray(wf.jit(lambda: wf.argsort(wf.arange(5), descending=True))()) == [4, 3, 2, 1, 0]).all()
    assert (np.asarray(wf.jit(lambda: wf.sort(wf.arange(300)[::-1]))()) == np.arange(300)).all()


def test_derivatives_of_sorts():
    x = RNG.normal(size=(4, 6))
    check_derivatives(wf.sort, x)
    check_derivatives(lambda x: wf.sort(x, axis=0, descending=True), x)
    check_derivatives(lambda x: wf.top_k(x, 3)[0], x)


def test_batches_of_sorts():
    x = RNG.normal(size=(3, 5, 4)).astype(np.float32)
    assert (np.asarray(wf.vmap(lambda x: wf.sort(x, axis=0))(x)) == np.sort(x, 1)).all()
    assert (np.asarray(wf.vmap(wf.argmax)(x)) == x.reshape(3, -1).argmax(1)).all()


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions_of_extremes(name):
    f, expected = getattr(wf, name), getattr(np, name)
    x = np.round(RNG.normal(size=(5, 40)), 1).astype(np.float32)
    x[1, 7] = x[1, 30] = np.nan
    x[2, 4] = np.inf
    x[3] = -np.inf
    for axis in (None, 0, 1):
        assert (both(lambda x, axis=axis: f(x, axis=axis), x) == expected(x, axis)).all()
    assert f(x, axis=1, keepdims=True).shape == (5, 1) and f(x, keepdims=True).shape == (1, 1)
    for dtype in (np.int8, np.uint8, bool):
        i = RNG.integers(0, 2, (5, 9)).astype(dtype)
        assert (both(lambda x: f(x, axis=1), i) == expected(i, 1)).all()
    with pytest.raises(errors.ShapeError, match="WF1018"):
        f(np.zeros((3, 0)), axis=1)


def test_position_of_nothing_of_a_named_size():
    n = dims.Dim("n")
    built = Built(lambda x: [wf.argmax(x)], [Spec((n,), dtypes.float32)])
    assert built.native(np.zeros(0, np.float32))[0] == -1 and built.native(np.float32([1, 3, 2]))[0] == 1


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    for n in (0, 1, 7, 64, 1000):
        x = np.sort(np.round(RNG.normal(size=n), 1)).astype(np.float32)
        q = np.concatenate([np.round(RNG.normal(size=50), 1), [np.nan, np.inf, -np.inf], x[:5]]).astype(np.float32)
        assert (both(lambda x, q: wf.searchsorted(x, q, side=side), x, q) == np.searchsorted(x, q, side)).all()
    x = np.array([3, 1, 2])
    got = wf.searchsorted(x, np.array([[2], [9]]), side=side, sorter=np.argsort(x))
    assert (np.asarray(got) == np.searchsorted(x, [[2], [9]], side, np.argsort(x))).all()


# ---------------------------------------------------------------------------------------------------------- quantiles

METHODS = ["linear", "lower", "higher", "midpoint", "nearest"]


@pytest.mark.parametrize("d", [dtypes.float32, dtypes.float64, dtypes.float16, dtypes.int8, dtypes.uint64], ids=str)
@pytest.mark.parametrize("size", [(3, 1), (4, 7), (2, 100)], ids=str)
def test_quantiles(d, size):
    x = numbers(d, size)
    if d.kind == "float":
        x = np.where(np.isfinite(x), x, x.dtype.type(2)).clip(-1e4, 1e4)  # NumPy interpolates infinities in its own way
    wide = x.astype(np.float64)
    given = x.dtype if d.kind == "float" else np.dtype("float32")
    for method in METHODS:
        for q in (0.3, [0.0, 0.1, 0.5, 0.75, 1.0]):
            got = both(lambda x, q=q, method=method: wf.quantile(x, q, axis=1, method=method), x)
            assert got.dtype == given
            right = np.quantile(wide, q, axis=1, method=method)
            largest = np.maximum(np.abs(right), np.abs(wide).max() * (method == "linear"))
            least = np.finfo(given).smallest_subnormal  # what half of it is rounded by
            assert (np.abs(got - right) <= 2 * np.finfo(given).eps * largest + least).all(), (method, q)
    same_bits(both(wf.median, x), both(lambda x: wf.quantile(x, 0.5), x))
    same_bits(
        both(lambda x: wf.percentile(x, [25, 50], axis=0), x), both(lambda x: wf.quantile(x, [0.25, 0.5], axis=0), x)
    )


def test_quantiles_over_any_axes():
    x = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    for axis, keepdims in ((None, False), (0, True), (-1, False), ((2, 0), False), ((0, 2), True), ((0, 1, 2), True)):
        for q in (0.5, [0.0, 0.4, 1.0]):
            got = both(lambda x, q=q, axis=axis, keep=keepdims: wf.quantile(x, q, axis, keepdims=keep), x)
            right = np.quantile(x.astype(np.float64), q, axis=axis, keepdims=keepdims)
            assert got.shape == right.shape
            assert np.abs(got - right).max() < 1e-6
    assert both(lambda x: wf.median(x, axis=()), x[0]).tolist() == x[0].tolist()


def test_quantiles_of_awkward_numbers():
    nan, inf = np.nan, np.inf
    x = np.float32([[1, nan, 2], [inf, inf, 1], [-inf, 0, inf], [-inf, -inf, inf], [0, -0.0, 0]])
    assert both(lambda x: wf.median(x, axis=1), x).tolist()[1:] == [inf, 0, -inf, 0]
    assert np.isnan(both(lambda x: wf.median(x, axis=1), x)[0])
    at_quarter = both(lambda x: wf.quantile(x, 0.25, axis=1), x)
    assert np.isnan(at_quarter[0]) and at_quarter[1:].tolist() == [inf, -inf, -inf, 0]
    assert np.isnan(both(lambda x: wf.quantile(x, 0.0, axis=1), x)[0])
    odd = both(lambda x, q: wf.quantile(x, q), np.float32([1, 2, 3]), np.float32([-0.5, 0, 1, 1.5, nan]))
    assert odd[1:3].tolist() == [1, 3]
    assert np.isnan(odd[[0, 3, 4]]).all()


def test_quantiles_in_batches_and_derivatives():
    x = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    q = np.float32([0.2, 0.5, 0.9])
    got = wf.jit(wf.vmap(lambda x, q: wf.quantile(x, q, axis=0)))(x, q)
    for i in range(3):
        assert np.abs(np.asarray(got)[i] - np.quantile(x[i].astype(np.float64), np.float64(q[i]), axis=0)).max() < 1e-6
    check_derivatives(lambda x: wf.quantile(x, [0.3, 0.8], axis=1), x)
    check_derivatives(lambda x: wf.median(x, axis=(0, 2)), x)
    n = wf.Dim("N")
    f = wf.jit(lambda x: wf.median(x)).trace(wf.spec((n,), "float32")).lower().compile()
    for k in (1, 2, 7, 100):
        assert float(f(x.reshape(-1)[:k] if k < 60 else np.arange(k, dtype=np.float32))) == pytest.approx(
            np.median(x.reshape(-1)[:k] if k < 60 else np.arange(k)), abs=1e-6
        )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (lambda x: wf.quantile(x, 1.5), "WF1902"),
        (lambda x: wf.percentile(x, [50, 101]), "WF1902"),
        (lambda x: wf.quantile(x, float("nan")), "WF1902"),
        (lambda x: wf.quantile(x, 0.5, method="mean"), "WF1902"),
        (lambda x: wf.quantile(x, 0.5, axis=2), "WF1002"),
        (lambda x: wf.quantile(x, np.ones((2, 2), np.float32)), "WF1011"),
        (lambda x: wf.quantile(x, np.array([True])), "WF1022"),
        (lambda x: wf.median(x[:0]), "WF1018"),
    ],
)
def test_wrong_quantiles(wrong, code):
    x = np.ones((2, 3), np.float32)
    for f in (wrong, wf.jit(wrong)):
        with pytest.raises(errors.WeftError, match=code):
            f(wf.asarray(x))
