"""The public functions, operators and methods: against NumPy, eager and under jit alike, and what they refuse."""

import doctest
import functools
import importlib
import operator

import numpy as np
import pytest
import weft as wf
import weft.ops
from running import same_bits, ulps
from weft import errors
from weft._src import dispatch, trace
from weft._src.trace import Spec

MODULES = [
    "weft._src.normalize", "weft._src.dispatch", "weft._src.methods", "weft.ops.elementwise", "weft.ops.reduction",
    "weft.ops.movement", "weft.ops.contraction", "weft.ops.creation", "weft.ops.indexing", "weft.ops.sorting",
    "weft.random.keys", "weft.random.continuous", "weft.random.discrete", "weft.random.rejection",
    "weft._src.effects", "weft._src.prefixes",
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name), extraglobs={"weft": wf}).failed == 0


@pytest.mark.parametrize("name", [m for m in MODULES if ".ops." in m])
def test_public_functions_have_docstrings_with_examples(name):
    module = importlib.import_module(name)
    for public in module.__all__:
        assert ">>>" in (getattr(module, public).__doc__ or ""), public
        assert getattr(wf, public) is getattr(module, public)


def data(*shape, low=-4, high=4, dtype=np.float32, seed=0):
    rng = np.random.default_rng([seed, *shape])
    if np.dtype(dtype).kind in "iu":
        return rng.integers(max(low, 0) if np.dtype(dtype).kind == "u" else low, high, shape).astype(dtype)
    return rng.uniform(low, high, shape).astype(dtype)


def both(f, *args):
    """The result (or list of results) by eager calls and by one jitted program; they agree to the last places."""
    eager, jitted = f(*[wf.asarray(a) for a in args]), wf.jit(f)(*args)
    if isinstance(eager, list):
        return [agreed(e, j) for e, j in zip(eager, jitted, strict=True)]
    return agreed(eager, jitted)


def agreed(eager, jitted):
    eager, jitted = np.asarray(eager), np.asarray(jitted)
    assert eager.dtype == jitted.dtype and eager.shape == jitted.shape
    if eager.dtype.kind == "f" and eager.size:
        assert ulps(jitted, eager.astype(np.longdouble)).max() <= 8
    else:
        assert (eager == jitted).all()
    return eager


def close(got, expected, units=4):
    assert got.shape == np.shape(expected)
    if got.dtype.kind in "biu":
        assert (got == expected).all()
    elif got.size:
        assert ulps(got, expected).max() <= units


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nextafter_is_exact(dtype):
    info, rng = np.finfo(dtype), np.random.default_rng(0)
    tiny, normal = info.smallest_subnormal, info.smallest_normal
    edges = [
        0.0,
        -0.0,
        1.0,
        2.0,
        0.5,
        info.max,
        normal,
        2 * normal,
        4 * normal,
        1.5 * normal,
        tiny,
        np.inf,
        np.nan,
        7.3,
    ]
    edges = np.array([*edges, *(-e for e in edges)], dtype)
    bits = rng.integers(0, 1 << (info.bits - 1), 3000).astype(f"u{info.bits // 8}").view(dtype)
    powers = np.array([2.0 ** int(e) for e in rng.integers(info.minexp - info.nmant, info.maxexp, 500)], dtype)
    some = np.concatenate([bits, -bits, powers, -powers])
    x, y = (np.concatenate([g.ravel(), some]) for g in np.meshgrid(edges, edges))
    y[-len(some) :] = rng.permutation(some)
    x, y = x[x != y], y[x != y]  # of equal numbers, C gives the second and NumPy's float16 the first
    with np.errstate(all="ignore"):
        same_bits(both(wf.nextafter, x, y), np.nextafter(x, y))
    assert np.signbit(np.asarray(wf.nextafter(dtype(0.0), dtype(-0.0))))


def test_closeness_follows_numpy():
    x = np.array([1, 1, np.inf, np.inf, -np.inf, np.nan, 0, 1e-9, 3], np.float64)
    y = np.array([1 + 1e-6, 1.1, np.inf, 1, np.inf, np.nan, 1e-9, 0, 3], np.float64)
    for options in ({}, {"equal_nan": True}, {"rtol": 0.2}, {"atol": 0.5, "rtol": 0.0}):
        got = both(lambda x, y, o=options: wf.isclose(x, y, **o), x, y)
        assert (got == np.isclose(x, y, **options)).all()
        for part in (slice(0, 1), slice(None), slice(0, 0)):
            got = both(lambda x, y, o=options: wf.allclose(x, y, **o), x[part], y[part])
            assert got == np.allclose(x[part], y[part], **options)
    assert both(wf.array_equal, x[:2], x[:2]) and not both(wf.array_equal, x, x)
    assert both(lambda x: wf.array_equal(x, x, equal_nan=True), x)
    assert not both(wf.array_equal, x, x[:3])
    for options in ({}, {"nan": 1.5, "posinf": 7.0, "neginf": -8.0}):
        for dtype in (np.float32, np.float64):
            got = both(lambda x, o=options: wf.nan_to_num(x, **o), -x.astype(dtype))
            assert (got == np.nan_to_num(-x.astype(dtype), **options)).all()


def test_repeat_by_numbers_and_split():
    x = data(3, 4, dtype=np.int64)
    for counts, axis in (([0, 2, 1], 0), ([1, 0, 3, 2], 1), ([2], 1), (list(range(12)), None), ([0, 0, 0], 0)):
        want = np.repeat(x, counts, axis=axis)
        assert (np.asarray(wf.repeat(x, wf.asarray(counts), axis=axis)) == want).all()
        assert (both(lambda x, c=counts, a=axis: wf.repeat(x, c, axis=a), x) == want).all()
    sized = wf.jit(lambda x, n: wf.repeat(x, n, size=5))
    assert sized(np.array([7, 8, 9]), np.array([1, 0, 3])).tolist() == [7, 9, 9, 9, 9]
    assert sized(np.array([7, 8, 9]), np.array([4, -5, 3])).tolist() == [7, 7, 7, 7, 9]
    some = wf.jit(lambda x, n: wf.sum(wf.repeat(x, n)))
    assert [int(some(np.array([7, 8, 9]), np.array(n))) for n in ([1, 0, 3], [0, 0, 0], [9, 1, 1])] == [34, 0, 80]
    assert wf.repeat(np.zeros(0), np.zeros(0, int)).shape == (0,)
    assert (both(lambda x: wf.repeat(x, np.int64(2), axis=0), x) == np.repeat(x, 2, axis=0)).all()
    for sections, axis in ((3, 0), (2, 1), ([1], 1), ([2, -1], 1), ([0, 9], 0), ([3, 1], 1)):
        parts = both(lambda x, s=sections, a=axis: wf.split(x, s, axis=a), x)
        for got, want in zip(parts, np.split(x, sections, axis), strict=True):
            assert got.shape == want.shape and (got == want).all()


# ---------------------------------------------------------------------------------------------- composites, Python's //


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint8, np.float32, np.float64])
def test_floor_divide_and_remainder_follow_python(dtype):
    x, y = data(200, low=-50, high=50, dtype=dtype), data(200, low=-7, high=7, dtype=dtype, seed=1)
    if np.dtype(dtype).kind in "iu":
        y[y == 0] = 3
    quotient, remainder = both(lambda x, y: x // y, x, y), both(lambda x, y: x % y, x, y)
    assert (quotient == x // y).all()
    assert (remainder == x % y).all() and (np.signbit(remainder) == np.signbit(x % y)).all()


def test_floor_division_at_the_edges():
    x = np.array([1.0, -1.0, 0.0, -0.0, np.inf, 5.0, -5.0, 6.0], np.float32)
    y = np.array([0.0, 0.0, 0.0, 3.0, 2.0, np.inf, np.inf, 0.1], np.float32)
    with np.errstate(all="ignore"):
        assert np.array_equal(both(lambda x, y: x // y, x, y), x // y, equal_nan=True)
    i = np.array([7, -7, 0, -128], np.int8)
    zero = np.array([0, 0, 0, -1], np.int8)
    assert (both(lambda x, y: x // y, i, zero) == [0, 0, 0, -128]).all()
    assert (both(lambda x, y: x % y, i, zero) == [0, 0, 0, 0]).all()


@pytest.mark.parametrize("name", ["hypot", "logaddexp", "copysign"])
def test_composites_of_two(name):
    x, y = data(300, low=-30, high=30), data(300, low=-30, high=30, seed=1)
    x[:6] = [0, -0.0, np.inf, -np.inf, 1e38, 1e-40]
    y[:6] = [-0.0, 0, np.inf, -np.inf, 1e38, -1e-40]
    with np.errstate(all="ignore"):
        close(both(getattr(wf, name), x, y), getattr(np, name)(x.astype(np.longdouble), y.astype(np.longdouble)))


def test_logical_functions_take_numbers():
    x, y = np.array([0, 1, 2, 0], np.int32), np.array([0.0, 0.0, 3.0, np.nan], np.float32)
    for name in ("logical_and", "logical_or", "logical_xor"):
        assert (both(getattr(wf, name), x, y) == getattr(np, name)(x, y)).all()
    assert (both(wf.logical_not, y) == np.logical_not(y)).all()


def test_integers_in_functions_of_floats():
    got = both(wf.sin, np.arange(5, dtype=np.int16))
    assert got.dtype == np.float32
    close(got, np.sin(np.arange(5, dtype=np.longdouble)), 2)


def test_truth_values_in_arithmetic():
    x, y = np.array([True, False]), np.array([True, True])
    assert (both(operator.add, x, y) == x + y).all() and (both(operator.mul, x, y) == x * y).all()
    assert (both(wf.maximum, x, y) == np.maximum(x, y)).all() and (both(operator.lt, x, y) == (x < y)).all()
    with pytest.raises(errors.DTypeError, match="WF1022"):
        wf.asarray(x) - wf.asarray(y)


# ------------------------------------------------------------------------------------------------------ broadcasting

SHAPES = [
    ((3, 4), (4,)), ((3, 1), (1, 4)), ((2, 3, 4), ()), ((), ()), ((5, 1, 3, 1), (4, 1, 7)), ((0, 3), (1, 3)),
    ((1,), (0,)),
    ((2, 3, 4, 5), (3, 1, 5)), ((1, 1), (1, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_broadcasting(a, b):
    x, y = data(*a), data(*b, seed=1)
    assert np.array_equal(both(operator.add, x, y), x + y)
    assert np.array_equal(both(operator.sub, y, x), y - x)


def test_eager_shapes_share_programs():
    """Axes that broadcast alike are one symbolic axis: a known op on a new shape compiles nothing."""
    for shape in ((7,), (3, 5)):
        wf.tanh(data(*shape))
    before = dispatch.compiled
    for shape in ((9,), (2, 3, 4), (1, 8), (0, 2)):
        assert wf.tanh(data(*shape)).shape == shape
    assert dispatch.compiled == before
    wf.sum(data(4, 6), axis=1)
    before = dispatch.compiled
    for shape, axis in (((5, 9), 1), ((2, 3, 4), 2), ((2, 3, 4), (1, 2)), ((2, 3, 4, 5), -1)):
        x = data(*shape)
        close(np.asarray(wf.sum(x, axis=axis)), x.sum(axis=axis, dtype=np.float64), 64)
    assert dispatch.compiled == before


def test_where_and_clip():
    c, x = np.array([[True], [False]]), data(3)
    assert np.array_equal(both(lambda c, x: wf.where(c, x, 0), c, x), np.where(c, x, np.float32(0)))
    assert np.array_equal(both(lambda x: wf.clip(x, -1, 1), x), np.clip(x, -1, 1))
    assert np.array_equal(both(lambda x, low: wf.clip(x, low), x, np.float32(0)), np.clip(x, 0, None))


# ---------------------------------------------------------------------------------------------------------- promotion


def test_numbers_are_weak():
    x = wf.asarray([1, 2], wf.int8)
    assert (x + 1).dtype is wf.int8 and (x + 1.5).dtype is wf.float32 and (x + True).dtype is wf.int8
    assert (x / 2).dtype is wf.float32 and (2**x).dtype is wf.int8
    assert (wf.asarray([1.0], wf.float16) + 2).dtype is wf.float16
    assert (x + np.int16(1)).dtype is wf.int16, "NumPy's scalars are strong"
    assert wf.add(1, 2).dtype is wf.int64 and wf.add(1, 2.0).dtype is wf.float32


def test_numbers_keep_their_precision_until_they_meet_an_array():
    x = np.array([0.0], np.float64)
    assert float((wf.asarray(x) + 0.1)[0]) == 0.1
    assert float(wf.jit(lambda x, s: x + s)(x, 0.1)[0]) == 0.1
    big = 2**53 + 1
    assert int((wf.asarray([0]) + big)[0]) == big
    assert int((wf.asarray([0], wf.uint64) + (2**64 - 1))[0]) == 2**64 - 1


@pytest.mark.parametrize("f", [lambda x: x + 300, lambda x: wf.maximum(x, -1)])
def test_numbers_out_of_range(f):
    x = np.array([1], np.uint8)
    with pytest.raises(errors.ScalarRangeError, match="WF1026"):
        f(wf.asarray(x))
    with pytest.raises(errors.ScalarRangeError, match="WF1026"):
        wf.jit(f)(x)


# --------------------------------------------------------------------------------------------------------- reductions


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (0, 1, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(axis, keepdims):
    x = data(3, 4, 70)
    how = {"axis": axis, "keepdims": keepdims}
    names = ("sum", "mean", "var", "std", "max", "min")
    for name, got in zip(names, both(lambda x: [getattr(wf, n)(x, **how) for n in names], x), strict=True):
        expected = getattr(np, name)(x.astype(np.longdouble), **how)
        assert got.shape == expected.shape
        scale = np.abs(x).sum(**how, dtype=np.float64) if name == "sum" else 16.0
        assert (np.abs(got - expected) <= scale * 2.0**-22).all()
    for name, got in zip(("any", "all"), both(lambda x: [wf.any(x > 3, **how), wf.all(x > 3, **how)], x), strict=True):
        assert (got == getattr(np, name)(x > 3, **how)).all()


def test_sums_of_integers_grow():
    assert (
        wf.sum(wf.asarray([100, 100], wf.int8)).dtype is wf.int64
        and int(wf.sum(wf.asarray([100, 100], wf.int8))) == 200
    )
    assert wf.sum(wf.asarray([True, True])).dtype is wf.int64 and int(wf.sum(wf.asarray([True, True]))) == 2
    assert wf.sum(wf.asarray([200, 100], wf.uint8)).dtype is wf.uint64
    assert wf.prod(wf.asarray([3, 4], wf.int16)).dtype is wf.int64
    assert wf.sum(wf.asarray([1, 2], wf.int8), dtype=wf.int8).dtype is wf.int8
    assert wf.mean(wf.asarray([1, 2])).dtype is wf.float32


def test_means_of_narrow_floats_are_rounded_once():
    x = np.full(5000, 20.0, np.float16)  # the sum is beyond float16
    assert float(wf.mean(wf.asarray(x))) == 20.0
    assert float(wf.std(wf.asarray(x))) == 0.0


def test_nothing_to_reduce():
    x = wf.zeros((0, 3))
    assert np.array_equal(np.asarray(wf.sum(x, axis=0)), np.zeros(3)) and float(wf.prod(x)) == 1.0
    assert np.isnan(np.asarray(wf.mean(x, axis=0))).all()
    with pytest.raises(errors.ShapeError, match="WF1018"):
        wf.max(x, axis=0)
    assert wf.max(x, axis=1).shape == (0,)


# ------------------------------------------------------------------------------------------------------------ movement

MOVES = [
    lambda m, x: m.reshape(x, (4, -1)),
    lambda m, x: m.reshape(x, (60,)),
    lambda m, x: m.transpose(x, (2, 0, 1)),
    lambda m, x: m.expand_dims(x, (0, -1)),
    lambda m, x: m.squeeze(m.expand_dims(x, 1), 1),
    lambda m, x: m.flip(x, axis=(0, 2)),
    lambda m, x: m.flip(x),
    lambda m, x: m.moveaxis(x, (0, 1), (-1, 0)),
    lambda m, x: m.swapaxes(x, 0, 2),
    lambda m, x: m.roll(x, 2, axis=1),
    lambda m, x: m.roll(x, (-1, 7), axis=(0, 2)),
    lambda m, x: m.roll(x, 17),
    lambda m, x: m.stack([x, x + 1], axis=1),
    lambda m, x: m.broadcast_to(x, (2, 3, 4, 5)),
    lambda m, x: m.pad(x, ((1, 2), (0, 1), (3, 0)), constant_values=7),
    lambda m, x: m.pad(x, 1),
    lambda m, x: m.pad(x, (1, 2)),
    lambda m, x: m.tile(x, (2, 1, 3)),
    lambda m, x: m.tile(x, 2),
    lambda m, x: m.repeat(x, 3, axis=1),
    lambda m, x: m.repeat(x, 2),
    lambda m, x: m.tril(x),
    lambda m, x: m.triu(x, k=1),
    lambda m, x: m.ravel(x),
    lambda m, x: operator.add(*m.meshgrid(x[0, 0], x[0, :, 0])),
    lambda m, x: operator.add(*m.meshgrid(x[0, 0], x[0, :, 0], indexing="ij")),
    lambda m, x: operator.add(*m.broadcast_arrays(x, x[0, 0])),
    lambda m, x: m.full_like(x, 3) + m.zeros_like(x) + m.ones_like(x),
]


@pytest.mark.parametrize("i", range(len(MOVES)))
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.bool_])
def test_movement(i, dtype):
    x = data(3, 4, 5).astype(dtype)
    expected = MOVES[i](np, x)
    got = both(lambda x: MOVES[i](wf, x), x)
    assert got.shape == expected.shape and (got == expected).all()


def test_concat_promotes():
    x, y = data(2, 3), data(4, 3, dtype=np.int8)
    got = both(lambda x, y: wf.concat([x, y]), x, y)
    assert got.dtype == np.float32 and (got == np.concatenate([x, y])).all()
    assert (both(lambda x, y: wf.concat([x, y], axis=None), x, y) == np.concatenate([x, y], axis=None)).all()


INDICES = [
    np.s_[1], np.s_[-1], np.s_[1, 2], np.s_[..., -1], np.s_[None, 1:, ::-1], np.s_[::2, 1:3],
    np.s_[:, None, ..., 2:0:-1],
    np.s_[5:], np.s_[-100:100], np.s_[2:1], np.s_[::-2, ::3, ::-3], np.s_[0, 0, 0], np.s_[...], np.s_[()],
    np.s_[:, :, -2:],
    np.s_[-1:0:-1], np.s_[1:2, ..., None],
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_static_indices(index):
    x = data(3, 4, 5)
    got = both(lambda x: x[index], x)
    assert got.shape == x[index].shape and (got == x[index]).all()


def test_iteration_and_len():
    x = data(3, 2)
    assert len(wf.asarray(x)) == 3
    rows = list(wf.asarray(x))
    assert len(rows) == 3 and all(np.array_equal(r, e) for r, e in zip(rows, x, strict=True))
    assert np.array_equal(wf.jit(lambda x: functools.reduce(operator.add, x))(x), x[0] + x[1] + x[2])
    assert x[0, 0] in wf.asarray(x) and 99.0 not in wf.asarray(x)


# -------------------------------------------------------------------------------------------------------- contractions

PRODUCTS = [
    ((5,), (5,)), ((4, 5), (5,)), ((5,), (5, 3)), ((4, 5), (5, 3)), ((2, 4, 5), (5, 3)), ((2, 4, 5), (2, 5, 3)),
    ((2, 1, 4, 5), (3, 5, 3)), ((4, 5), (2, 5, 3)), ((5,), (2, 5, 3)), ((2, 4, 5), (5,)), ((0, 5), (5, 3)),
    ((4, 0), (0, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), PRODUCTS)
def test_matmul(a, b):
    x, y = data(*a, dtype=np.float64), data(*b, seed=1, dtype=np.float64)
    got = both(operator.matmul, x, y)
    expected = x @ y
    assert got.shape == expected.shape and np.allclose(got, expected, rtol=0, atol=1e-13)


def test_other_products():
    x, y = data(3, 4, 5, dtype=np.int32), data(5, 4, 2, dtype=np.int32, seed=1)
    assert (both(lambda x, y: wf.tensordot(x, y, axes=1), x, y) == np.tensordot(x, y, axes=1)).all()
    assert (
        both(lambda x, y: wf.tensordot(x, y, axes=([1, 2], [1, 0])), x, y) == np.tensordot(x, y, ([1, 2], [1, 0]))
    ).all()
    assert (both(lambda x: wf.vecdot(x, x[0]), x) == (x * x[0]).sum(-1)).all()
    assert (both(lambda x: wf.vecdot(x, x[:1], axis=-2), x) == (x * x[:1]).sum(-2)).all()
    assert (both(lambda x, y: wf.dot(x, y), x, y.swapaxes(0, 1)) == np.dot(x, y.swapaxes(0, 1))).all()
    assert (both(lambda x: wf.outer(x[0, 0], x[0, :, 0]), x) == np.outer(x[0, 0], x[0, :, 0])).all()


@pytest.mark.parametrize("subscripts", ["ij,jk->ik", "bij,bjk->bik", "ij,j->i", "ij->ji", "ij->j", "i,j->ij", "ij,ij->",
                                         "ij,jk,kl->il", "bij,bkj->kib", "ij,k->i", "ij,jk"])  # fmt: skip
def test_einsum(subscripts):
    sizes = dict(zip("bijkl", (2, 3, 4, 5, 6), strict=True))
    xs = [
        data(*(sizes[c] for c in t), dtype=np.int64, seed=n) for n, t in enumerate(subscripts.split("->")[0].split(","))
    ]
    assert (both(lambda *xs: wf.einsum(subscripts, *xs), *xs) == np.einsum(subscripts, *xs)).all()


@pytest.mark.parametrize(
    "subscripts, shapes",
    [
        ("ii->i", [(4, 4)]), ("ii", [(4, 4)]), ("iii", [(3, 3, 3)]), ("iij,jk->ik", [(3, 3, 2), (2, 5)]),
        ("ij,ji", [(3, 4), (4, 3)]), ("...ij,...jk->...ik", [(2, 3, 4), (2, 4, 5)]),
        ("...ij,...jk", [(1, 3, 4), (2, 4, 5)]),
        ("...i,i->...", [(2, 3, 4), (4,)]), ("...ii->...i", [(2, 3, 3)]), ("...,...", [(3,), (2, 3)]),
        ("...,...->...", [(2, 1), (3,)]), ("...a,...ab->...b", [(4, 3), (1, 3, 2)]), ("ij...->...ji", [(2, 3, 4, 5)]),
        ("...", [(2, 3)]), ("i...->...", [(0, 3)]),
    ],
    ids=str,
)  # fmt: skip
def test_einsum_of_diagonals_and_leading_axes(subscripts, shapes):
    xs = [data(*shape, dtype=np.int64, seed=n) for n, shape in enumerate(shapes)]
    got, expected = both(lambda *xs: wf.einsum(subscripts, *xs), *xs), np.einsum(subscripts, *xs)
    assert got.shape == expected.shape and (got == expected).all()


# ------------------------------------------------------------------------------------------------------------ creation


def test_creation():
    for args in ((5,), (2, 9), (9, 2, -3), (0, 1, 0.1), (1.0, 4.0), (5, 2), (0.5,)):
        got, expected = np.asarray(wf.arange(*args)), np.arange(*args)
        assert got.shape == expected.shape and np.allclose(got, expected, rtol=1e-6)
        assert got.dtype == (np.int64 if expected.dtype.kind == "i" else np.float32)
    close(np.asarray(wf.linspace(-1, 2, 7, dtype=wf.float64)), np.linspace(-1, 2, 7), 2)
    close(np.asarray(wf.linspace(-1, 2, 7, dtype=wf.float64, endpoint=False)), np.linspace(-1, 2, 7, endpoint=False), 2)
    assert wf.linspace(0, 1, 0).shape == (0,) and np.asarray(wf.linspace(3, 4, 1)).tolist() == [3.0]
    for args, kw in (((3,), {}), ((3, 4), {"k": 1}), ((3, 4), {"k": -2})):
        assert (np.asarray(wf.eye(*args, **kw)) == np.eye(*args, **kw)).all()
    assert wf.full((2,), True).dtype is wf.bool and wf.full((), 2.0).dtype is wf.float32
    assert np.asarray(wf.full((2,), -0.0)).view(np.uint32).tolist() == [0x80000000] * 2, "0.0 and -0.0 are two programs"
    assert np.asarray(wf.full((2,), 0.0)).view(np.uint32).tolist() == [0, 0]
    assert wf.full((2,), 1).dtype is wf.int64 and wf.full((2,), 1.0).dtype is wf.float32
    assert wf.asarray([1, 2], wf.int8).astype(wf.float64).dtype is wf.float64


# ------------------------------------------------------------------------------------------------------ symbolic sizes


def symbolic(f, *specs):
    return trace.trace_program(f, [Spec(s, wf.float32) for s in specs]).results[0].shape


def test_symbolic_sizes():
    B, S = wf.Dim("B"), wf.Dim("S")
    assert str(symbolic(lambda x, y: x + y, (B, 4), (4,))[0]) == "B"
    assert str(symbolic(lambda x: wf.reshape(x, (-1, 2)), (B, 4))[0]) == "2*B"
    assert str(symbolic(lambda x: wf.concat([x, x]), (B, 4))[0]) == "2*B"
    assert str(symbolic(lambda x: x[::-1], (B,))[0]) == "B"
    assert str(symbolic(lambda x: wf.pad(x, 1), (B,))[0]) == "B+2"
    with pytest.raises(errors.ShapeError, match="WF1001"):
        symbolic(lambda x, y: x + y, (B,), (S,))
    with pytest.raises(errors.ShapeError, match="WF1013"):
        symbolic(lambda x: wf.reshape(x, (4,)), (B,))
    assert symbolic(lambda x: wf.matmul(x, x.mT), (B, S)) == (B, B)


# -------------------------------------------------------------------------------------------------------------- errors


def refused(f, code, *args):
    """The same error, at this file's line, eager and under jit."""
    texts = []
    for run in (f, wf.jit(f)):
        with pytest.raises(errors.WeftError) as caught:
            run(*[wf.asarray(a) for a in args])
        assert caught.value.code == code
        assert "test_namespace.py" in str(caught.value).splitlines()[0]
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
    return texts[0]


@pytest.mark.parametrize(
    ("f", "code", "shapes"),
    [
        (lambda x, y: x + y, "WF1001", [(3, 4), (3, 5)]),
        (lambda x, y: x @ y, "WF1012", [(128, 64), (32, 128)]),
        (lambda x: x @ x, "WF1011", [()]),
        (lambda x: wf.sum(x, axis=2), "WF1002", [(3, 4)]),
        (lambda x: wf.sum(x, axis=(0, -2)), "WF1003", [(3, 4)]),
        (lambda x: x[5], "WF1005", [(3,)]),
        (lambda x: x[0, 0], "WF1006", [(3,)]),
        (lambda x, y: wf.concat([x, y]), "WF1007", [(2, 3), (2, 4)]),
        (lambda x, y: wf.stack([x, y]), "WF1007", [(2, 3), (2, 4)]),
        (lambda x: wf.reshape(x, (5, 2)), "WF1013", [(3, 4)]),
        (lambda x: wf.reshape(x, (-1, 5)), "WF1013", [(3, 4)]),
        (lambda x: wf.squeeze(x, 0), "WF1013", [(3, 4)]),
        (lambda x: wf.broadcast_to(x, (4,)), "WF1014", [(3,)]),
        (lambda x: wf.permute_dims(x, (0,)), "WF1015", [(2, 3)]),
        (lambda x: wf.permute_dims(x, (0, 0)), "WF1003", [(2, 3)]),
        (lambda x: x[::0], "WF1016", [(4,)]),
        (lambda x: wf.pad(x, -1), "WF1016", [(4,)]),
        (lambda x: wf.bitwise_and(x, x), "WF1022", [(2,)]),
        (lambda x: x << 1, "WF1022", [(2,)]),
        (lambda x: wf.zeros((2,), dtype=wf.complex64), "WF1024", [()]),
        (lambda x: x + 1j, "WF1024", [(2,)]),
        (lambda x: wf.exp("text"), "WF1031", [()]),
        (lambda x: x[np.array([0.5])], "WF1022", [(3,)]),
        (lambda x: x["a"], "WF1032", [(3,)]),
        (lambda x: wf.zeros((3, -1)), "WF1008", [()]),
        (lambda x: wf.concat([]), "WF1032", [()]),
        (lambda x: wf.einsum("ii->i", x), "WF1012", [(2, 3)]),
        (lambda x: wf.einsum("...i->i", x), "WF1902", [(2, 2)]),
        (lambda x: wf.split(x, 3), "WF1902", [(4,)]),
        (lambda x: wf.repeat(x, x * 0), "WF1022", [(4,)]),
        (lambda x: wf.repeat(x, [1, 2]), "WF1012", [(4,)]),
        (lambda x: wf.einsum("ij->k", x), "WF1902", [(2, 2)]),
        (lambda x: wf.arange(0, 5, 0), "WF1902", [()]),
    ],
)  # fmt: skip
def test_refusals(f, code, shapes):
    refused(f, code, *[data(*s) for s in shapes])


def test_errors_show_the_operands_under_the_line():
    text = refused(lambda x, y: x @ y, "WF1012", data(128, 64), data(32, 128))
    lines = text.splitlines()
    assert "f32[128,64]" in lines[2] and "f32[32,128]" in lines[3]
    assert lines[4] == (
        "matmul: the last size of the left operand (64) must equal the second-to-last of the right (32)."
    )
    text = refused(lambda x, y: wf.add(x, y), "WF1001", data(2, 3, 4), data(2, 1, 5))
    assert "(2, 3, 4) and (2, 1, 5)" in text, "the shapes that the user gave, not merged ones"


def test_unlike_integers_have_no_common_type():
    x, y = np.array([1], np.uint64), np.array([1], np.int64)
    assert "u64[1]" in refused(operator.add, "WF1021", x, y)


# ------------------------------------------------------------------------------------------------------ NumPy, protocol


def test_numpy_functions_on_arrays_and_tracers():
    x = data(5, low=0.1)
    close(np.asarray(np.sqrt(wf.asarray(x))), np.sqrt(x.astype(np.longdouble)), 1)
    assert isinstance(np.add(x, wf.asarray(x)), wf.Array)
    assert isinstance(x + wf.asarray(x), wf.Array), "NumPy leaves the operator to us"
    assert isinstance(np.concatenate([wf.asarray(x), x]), wf.Array)
    assert np.array_equal(wf.jit(lambda x: np.arctan2(x, np.float32(1)))(x), wf.atan2(x, np.float32(1)))
    # What Weft has not is NumPy's, on numbers that are there.
    assert np.array_equal(wf.ones(2), np.ones(2)) and np.linalg.det(wf.eye(2)) == 1.0
    assert np.array_equal(np.add.outer(wf.ones(2), wf.ones(2)), np.full((2, 2), 2.0))
    with pytest.raises(errors.UnsupportedError, match="WF1507"):
        wf.jit(np.linalg.det)(np.eye(2))


def test_operators_and_their_reflections():
    x = data(6, low=1, high=9, dtype=np.int32)
    fs = (operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.pow, operator.and_,
          operator.or_, operator.xor, operator.lshift, operator.rshift, operator.lt, operator.ge,
          operator.eq)  # fmt: skip
    left, right = both(lambda x: [f(x, 3) for f in fs], x), both(lambda x: [f(3, x) for f in fs], x)
    for i, f in enumerate(fs):
        assert (left[i] == f(x, 3)).all() and (right[i] == f(3, x)).all(), f
    close(both(lambda x: 1 / x, x), 1 / x.astype(np.longdouble), 1)
    assert (both(lambda x: -x + abs(x) + ~x + +x, x) == -x + abs(x) + ~x + +x).all()
    q, r = divmod(wf.asarray(x), 4)
    assert (np.asarray(q) == x // 4).all() and (np.asarray(r) == x % 4).all()
    with pytest.raises(TypeError, match="unsupported operand"):
        wf.asarray(x) + "text"


def test_the_array_api_namespace():
    x = wf.asarray([1.0])
    assert x.__array_namespace__() is wf and x.__array_namespace__(api_version="2024.12") is wf
    names = """abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or
        bitwise_right_shift bitwise_xor ceil clip copysign cos cosh divide equal exp expm1 floor floor_divide greater
        greater_equal hypot isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp logical_and logical_not
        logical_or logical_xor maximum minimum multiply negative not_equal positive pow reciprocal remainder round sign
        signbit sin sinh square sqrt subtract tan tanh trunc where sum prod max min any all mean var std reshape
        permute_dims broadcast_to broadcast_arrays expand_dims squeeze flip concat stack unstack roll moveaxis repeat
        tile matmul matrix_transpose tensordot vecdot arange asarray empty empty_like eye from_dlpack full full_like
        linspace meshgrid ones ones_like tril triu zeros zeros_like astype can_cast finfo iinfo isdtype result_type e
        inf nan newaxis pi bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64
        complex128""".split()
    missing = [n for n in names if not hasattr(wf, n)]
    assert missing == []
    assert set(names) - {"asarray", "from_dlpack"} <= set(dir(wf)) | {"asarray", "from_dlpack"}


def test_a_value_of_a_finished_trace():
    kept = []
    wf.jit(lambda x: kept.append(x) or x)(data(3))
    with pytest.raises(errors.LeakedTracerError, match="WF1203"):
        kept[0] + 1
    with pytest.raises(errors.LeakedTracerError, match="WF1203"):
        wf.jit(lambda x: x + kept[0])(data(3))


def test_known_numbers_only():
    for f, code in ((bool, "WF1201"), (int, "WF1202"), (float, "WF1202")):
        with pytest.raises(errors.ConcretizationError, match=code):
            wf.jit(lambda x, f=f: f(x))(np.float32(1))


def test_strict_programs_of_composites_equal_the_reference():
    from running import Built

    def f(x, y):
        return [wf.std(x, axis=1), x // y, x % y, wf.hypot(x, y), x @ y.mT, wf.pad(x, 2)[1:-1, ::-1], wf.mean(x * y)]

    built = Built(f, [((7, 70), wf.float32)] * 2)
    args = data(7, 70), data(7, 70, seed=1)
    for native, reference in zip(built.native(*args), built.reference(*args), strict=True):
        same_bits(native, reference)


def test_values_that_nobody_uses():
    """What a function computes and drops, before and after what it returns."""

    def f(x):
        wf.exp(x)
        y = -x
        wf.broadcast_to(y, (4, *x.shape))
        return y

    assert np.array_equal(wf.jit(f)(data(5)), -data(5))
