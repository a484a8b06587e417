"""Convolutions and folds of windows: every option against its definition in NumPy, gradients against the transpose and
differences, batches against loops, symbolic sizes, bad arguments."""

import numpy as np
import pytest
import weft as wf
from op_table import _np_padded, _np_windows
from running import Built, same_bits
from test_transforms import close, difference
from weft.errors import ArgumentValueError, DTypeError, ShapeError

RNG = np.random.default_rng(5)


def expected(x, w, stride, padding, dilation, x_dilation, groups):
    n = x.ndim - 2
    low, high = [a for a, _ in padding], [b for _, b in padding]
    x = _np_padded(x, 0, [0, 0, *low], [0, 0, *high], [1, 1, *x_dilation])
    parts = []
    for g in range(groups):
        c, o = x.shape[1] // groups, w.shape[0] // groups
        windows = _np_windows(x[:, g * c : (g + 1) * c], list(w.shape[2:]), stride, dilation)
        axes = list(range(-n, 0))
        parts.append(np.tensordot(windows, w[g * o : (g + 1) * o], axes=([1, *axes], [1, *axes])))
    return np.moveaxis(np.concatenate(parts, -1), -1, 1)


OPTIONS = [  # sizes, window, channels, features, groups, stride, padding, dilation, dilation of x
    ((9,), (3,), 4, 6, 1, [1], [(0, 0)], [1], [1]),
    ((9,), (3,), 4, 6, 2, [2], [(2, 1)], [2], [1]),
    ((8, 7), (3, 2), 3, 5, 1, [1, 1], [(1, 1), (1, 0)], [1, 1], [1, 1]),
    ((8, 7), (3, 2), 4, 4, 4, [2, 3], [(1, 1), (0, 1)], [1, 2], [1, 1]),
    ((5, 6), (2, 3), 2, 3, 1, [2, 1], [(-1, 2), (3, -2)], [2, 1], [3, 2]),
    ((4, 5, 3), (2, 3, 2), 2, 2, 2, [1, 2, 1], [(1, 0), (0, 0), (1, 1)], [1, 1, 1], [1, 1, 1]),
    ((6,), (1,), 3, 2, 1, [3], [(0, 0)], [1], [1]),
]


def made(option, dtype=np.float64):
    sizes, window, channels, features, groups, *_ = option
    x = RNG.standard_normal((2, channels, *sizes)).astype(dtype)
    w = RNG.standard_normal((features, channels // groups, *window)).astype(dtype)
    return x, w


def convolve(option):
    _, _, _, _, groups, stride, padding, dilation, x_dilation = option
    return lambda x, w: wf.convolution(
        x, w, stride=stride, padding=padding, dilation=dilation, x_dilation=x_dilation, groups=groups
    )


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_values(option):
    x, w = made(option)
    want = expected(x, w, option[5], option[6], option[7], option[8], option[4])
    f = convolve(option)
    close(f(x, w), want, 1e-13)
    same_bits(np.asarray(wf.jit(f)(x, w)), np.asarray(f(x, w)))
    strided = np.asfortranarray(x)
    same_bits(np.asarray(f(strided, w[..., ::-1][..., ::-1])), np.asarray(f(x, w)))


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_strict_equals_the_reference(option):
    x, w = made(option, np.float32)
    built = Built(lambda a, b: [convolve(option)(a, b)], [wf.spec(v.shape, v.dtype) for v in (x, w)])
    same_bits(built.native(x, w)[0], built.reference(x, w)[0])


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_gradients_are_the_transposes(option):
    """<conv(t, w), c> = <t, grad>: the adjoint of a bilinear function is exact, so no step size enters."""
    x, w = made(option)
    f = convolve(option)
    c = RNG.standard_normal(np.asarray(f(x, w)).shape)
    gx, gw = wf.grad(lambda x, w: wf.sum(f(x, w) * c), argnums=(0, 1))(x, w)
    tx, tw = RNG.standard_normal(x.shape), RNG.standard_normal(w.shape)
    close(np.sum(np.asarray(gx) * tx), np.sum(np.asarray(f(tx, w)) * c), 1e-11)
    close(np.sum(np.asarray(gw) * tw), np.sum(np.asarray(f(x, tw)) * c), 1e-11)
    _, tangent = wf.jvp(f, (x, w), (tx, tw))
    close(tangent, np.asarray(f(tx, w)) + np.asarray(f(x, tw)), 1e-12)


def test_gradients_of_gradients():
    x, w = made(OPTIONS[4])
    f = convolve(OPTIONS[4])
    inner = wf.grad(lambda x, w: wf.sum(f(x, w) ** 3))
    got = wf.grad(lambda w: wf.sum(inner(x, w) ** 2))(w)
    value = wf.jit(lambda w: wf.sum(inner(x, w) ** 2))
    want = difference(value, w, 1e-5)
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-5, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
@pytest.mark.parametrize("option", [OPTIONS[1], OPTIONS[4]], ids=str)
def test_batches(option, axes):
    x, w = made(option)
    f = convolve(option)
    many = [np.stack([v, 2 * v, -v]) if a == 0 else v for v, a in zip((x, w), axes, strict=True)]
    got = np.asarray(wf.vmap(f, in_axes=axes)(*many))
    for i in range(3):
        close(got[i], f(*[v[i] if a == 0 else v for v, a in zip(many, axes, strict=True)]), 1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int32, np.uint8])
def test_dtypes(dtype):
    x, w = RNG.integers(0, 4, (1, 2, 5, 5)).astype(dtype), RNG.integers(0, 3, (3, 2, 3, 3)).astype(dtype)
    got = np.asarray(wf.convolution(x, w, padding=1))
    assert got.dtype == dtype
    want = expected(x.astype(np.int64), w.astype(np.int64), [1, 1], [(1, 1)] * 2, [1, 1], [1, 1], 1)
    np.testing.assert_array_equal(got, want.astype(dtype))


def test_empty_and_single():
    assert np.asarray(wf.convolution(np.zeros((0, 2, 5)), np.zeros((3, 2, 2)))).shape == (0, 3, 4)
    assert np.asarray(wf.convolution(np.zeros((1, 2, 1)), np.zeros((3, 2, 2)))).shape == (1, 3, 0)
    assert np.asarray(wf.convolution(np.ones((1, 0, 4)), np.ones((3, 0, 2)))).tolist() == [[[0.0] * 3] * 3]
    assert np.asarray(wf.convolution(np.float32([[[3]]]), np.float32([[[2]]]))).tolist() == [[[6.0]]]
    grad = wf.grad(lambda x: wf.sum(wf.convolution(x, np.zeros((3, 2, 2)))))(np.zeros((1, 2, 1)))
    assert np.asarray(grad).tolist() == [[[0.0], [0.0]]]


def test_zeros_of_the_padding_take_part():
    got = np.asarray(wf.convolution(np.ones((1, 1, 2)), np.float64([[[np.inf, 1.0]]]), padding=1))
    assert np.isnan(got[0, 0, 0])
    assert np.isinf(got[0, 0, 1])


def test_padding_by_name():
    for size, window, stride, dilation in [(7, 3, 2, 1), (8, 4, 1, 1), (8, 3, 3, 2), (5, 2, 4, 1)]:
        x, w = RNG.standard_normal((1, 1, size)), RNG.standard_normal((1, 1, window))
        got = wf.convolution(x, w, stride=stride, dilation=dilation, padding="same")
        assert got.shape == (1, 1, -(-size // stride))
        total = max((got.shape[2] - 1) * stride + (window - 1) * dilation + 1 - size, 0)
        pairs = [(total // 2, total - total // 2)]
        close(got, expected(x, w, [stride], pairs, [dilation], [1], 1), 1e-13)


def test_symbolic_sizes():
    n, b = wf.Dim("n"), wf.Dim("b")
    w = RNG.standard_normal((3, 2, 3))
    f = wf.jit(lambda x: wf.convolution(x, w, stride=2, padding=1), dims={"x": (b, 2, n)})
    g = wf.jit(wf.grad(lambda x: wf.sum(wf.convolution(x, w, stride=2, padding=1) ** 2)), dims={"x": (b, 2, n)})
    for size in (5, 6, 9):
        x = RNG.standard_normal((2, 2, size))
        want = expected(x, w, [2], [(1, 1)], [1], [1], 1)
        close(f(x), want, 1e-13)
        close(g(x), difference(lambda x: (expected(x, w, [2], [(1, 1)], [1], [1], 1) ** 2).sum(), x), 1e-6)


@pytest.mark.parametrize(
    ("error", "code", "x", "w", "options"),
    [
        (ShapeError, "WF1011", (3, 4), (2, 3, 1), {}),
        (ShapeError, "WF1011", (4,), (4,), {}),
        (ShapeError, "WF1012", (1, 3, 5), (2, 4, 2), {}),
        (ShapeError, "WF1012", (1, 3, 5), (2, 1, 2), {"groups": 2}),
        (ArgumentValueError, "WF1902", (1, 3, 5), (2, 3, 2), {"stride": 0}),
        (ArgumentValueError, "WF1902", (1, 3, 5), (2, 3, 2), {"stride": (1, 2)}),
        (ArgumentValueError, "WF1902", (1, 3, 5), (2, 3, 2), {"dilation": 1.5}),
        (ArgumentValueError, "WF1902", (1, 3, 5), (2, 3, 2), {"padding": "full"}),
        (ArgumentValueError, "WF1902", (1, 3, 5), (2, 3, 2), {"padding": [(1, 2, 3)]}),
        (ArgumentValueError, "WF1902", (1, 3, 5), (2, 3, 2), {"groups": 0}),
    ],
)
def test_bad_arguments(error, code, x, w, options):
    with pytest.raises(error) as caught:
        wf.convolution(np.zeros(x), np.zeros(w), **options)
    assert caught.value.code == code


def test_truth_values_have_no_sums():
    with pytest.raises(DTypeError):
        wf.convolution(np.zeros((1, 1, 2), bool), np.zeros((1, 1, 2), bool))
    with pytest.raises(DTypeError):
        wf.reduce_window(np.zeros((2,), bool), "max", (2,))


# ------------------------------------------------------------------------------------------------------- reduce_window

POOLS = [  # window, stride, padding, dilation, dilation of x
    ((2, 2), [2, 2], [(0, 0), (0, 0)], [1, 1], [1, 1]),
    ((3, 2), [1, 2], [(1, 1), (0, 1)], [1, 2], [1, 1]),
    ((2, 3), [1, 1], [(-1, 2), (2, -1)], [2, 1], [2, 1]),
    ((7, 11), [1, 1], [(3, 3), (5, 5)], [1, 1], [1, 1]),
]


@pytest.mark.parametrize("kind", ["add", "max", "min"])
@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_folds_of_windows(kind, pool, dtype):
    window, stride, padding, dilation, x_dilation = pool
    x = (8 * RNG.standard_normal((9, 12))).astype(dtype)

    def f(x):
        return wf.reduce_window(
            x, kind, window, stride=stride, padding=padding, dilation=dilation, x_dilation=x_dilation
        )

    ends = (-np.inf, np.inf) if x.dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    neutral = {"add": 0, "max": ends[0], "min": ends[1]}[kind]
    wide = _np_padded(x, neutral, [a for a, _ in padding], [b for _, b in padding], x_dilation)
    fold = {"add": np.sum, "max": np.max, "min": np.min}[kind]
    want = fold(_np_windows(wide, list(window), stride, dilation), axis=(2, 3))
    got = np.asarray(f(x))
    if dtype == np.int16 or kind != "add":
        np.testing.assert_array_equal(got, want.astype(dtype))
    else:
        close(got, want, 1e-12 if dtype == np.float64 else 1e-4)
    built = Built(lambda a: [f(a)], [wf.spec(x.shape, x.dtype)])
    same_bits(built.native(x)[0], built.reference(x)[0])
    if dtype != np.float64 or window[0] > 3:
        return
    c = RNG.standard_normal(got.shape) * np.isfinite(got)
    want = difference(lambda x: np.sum(np.where(np.isfinite(np.asarray(f(x))), np.asarray(f(x)), 0) * c), x)
    finite = wf.grad(lambda x: wf.sum(wf.where(wf.isfinite(f(x)), f(x), 0.0) * c))
    close(finite(x), want, 1e-6)
    stacked = np.stack([x, -x])
    same_bits(np.asarray(wf.vmap(f)(stacked))[1], np.asarray(f(-x)))


def test_equal_elements_share_the_derivative():
    x = np.float32([1, 2, 2, 0])
    grad = wf.grad(lambda x: wf.sum(wf.reduce_window(x, "max", (4,))))(x)
    assert np.asarray(grad).tolist() == [0, 0.5, 0.5, 0]


def test_special_values_of_folds():
    x = np.float32([np.nan, 1, -np.inf, -0.0])
    assert np.asarray(wf.reduce_window(x, "max", (2,))).tolist()[1:] == [1, 0]
    assert np.isnan(np.asarray(wf.reduce_window(x, "max", (2,)))[0])
    assert np.asarray(wf.reduce_window(x, "add", (1,), stride=3)).tolist()[1] == 0
    assert np.asarray(wf.reduce_window(x[:1], "add", (2,))).shape == (0,)
    with pytest.raises(ArgumentValueError):
        wf.reduce_window(x, "mul", (2,))
    with pytest.raises(ArgumentValueError):
        wf.reduce_window(x, "add", (0,))
