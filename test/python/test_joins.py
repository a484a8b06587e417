"""Joins and paddings, one kernel with what is computed before and behind them: which, which not, and no bit changes."""

import numpy as np
import pytest
import targets
import weft as wf
from running import Built, Program, same_bits
from weft._src import trace

rng = np.random.default_rng(11)


def normal(*shape, dtype="float32"):
    values = (rng.standard_normal(shape) * 2).astype(dtype)
    flat = values.reshape(-1)
    if flat.size > 9 and values.dtype.kind == "f":
        flat[[1, 3, 5, 7]] = [np.nan, -0.0, np.inf, -np.inf]
    return values


def check(fn, *args, kernels=1, numerics="strict"):
    """Bit for bit the reference; and so many kernels."""

    def several(*xs):
        r = fn(*xs)
        return list(r) if isinstance(r, (tuple, list)) else [r]

    built = Built(several, [(np.shape(a), wf.asarray(a).dtype) for a in args], numerics)
    for got, want in zip(built.native(*args), built.reference(*args), strict=True):
        same_bits(got, want)
    if kernels is not None:
        found = [k.what for k in wf.jit(fn).explain(*args).kernels]
        assert len(found) == kernels, found


def rope(x, cos, sin):
    half = x.shape[-1] // 2
    turned = wf.concat([-x[..., half:], x[..., :half]], axis=-1)
    return x * cos + turned * sin


@pytest.mark.parametrize("shape", [(5, 6, 7), (2, 3, 40), (1, 9, 33)])
def test_a_step_of_heat_around_three_axes(shape):
    def step(x):
        return x + 0.1 * (sum(wf.roll(x, by, axis=axis) for by in (1, -1) for axis in range(3)) - 6 * x)

    check(step, normal(*shape))
    assert "weft.reverse" not in wf.jit(step).lower(normal(*shape)).as_text("traced")


# -- before a join --


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (2, 33, 65), (4, 1, 16)])
def test_computed_parts(shape, axis):
    a, b, c = (normal(*shape) for _ in range(3))
    bias = normal(shape[-1])
    check(lambda a, b, c, k: wf.concat([wf.nn.relu(a), b + k, wf.exp(c) * b], axis=axis), a, b, c, bias)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "bfloat16", "float64"])
def test_dtypes(dtype):
    a, b = (np.asarray(wf.asarray(rng.integers(-5, 5, (5, 37))).astype(dtype)) for _ in range(2))
    check(lambda a, b: wf.concat([a, wf.where(a == b, a, b)], axis=1), a, b)
    check(lambda a, b: wf.pad(wf.where(a == b, a, b), ((1, 2), (3, 0)), constant_values=1), a, b)
    check(lambda a, b: wf.where(a == b, wf.concat([a, b])[:5], b), a, b, kernels=None)


def test_parts_of_other_types():
    """A part that is converted: vectors are those of the widest type."""
    a, b = normal(7, 19), normal(7, 30, dtype="float64")
    check(lambda a, b: wf.concat([a.astype(wf.float16), (b * 2).astype(wf.float16)], axis=1), a, b)
    check(lambda a, b: wf.concat([a > 0, b < 1], axis=1), a, b)


def test_slices_and_broadcasts_of_operands():
    x, row = normal(9, 40), normal(40)
    check(lambda x, r: wf.concat([x[1:4, ::2] + 1, x[:, :20] * r[20:], x[:2, 3:23]]), x, row)
    check(lambda x, r: wf.concat([wf.broadcast_to(r, (3, 40)), wf.flip(x, axis=1)]), x, row)


def test_one_part_of_many_elements_and_empty_ones():
    x = normal(70_001)
    check(lambda x: wf.concat([x[:0], wf.sin(x), x[:1] * 3, x[5:5]]), x)
    check(lambda x: wf.concat([x[:0] + 1, x[:0] * 2]), x)
    check(lambda x: wf.pad(wf.pad(x[:0], (0, 3)) + 1, (2, 0)), x)


def test_many_parts():
    xs = [normal(3, i % 4) for i in range(20)]
    check(lambda *xs: wf.concat([x * (i + 1) for i, x in enumerate(xs)], axis=1), *xs)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_stack(axis):
    a, b = normal(5, 33), normal(5, 33)
    check(lambda a, b: wf.stack([a, b, b], axis=axis), a, b)
    check(lambda a, b: wf.stack([a + b, a * b[:1], wf.exp(a) * 2], axis=axis) + 1, a, b)


@pytest.mark.parametrize("shape", [(5, 4, 3), (7, 33, 4), (2, 3, 130), (6, 1, 5), (1, 70, 2)])
def test_places_of_a_dimension(shape):
    """What an index drops is read where it lies: in maps, folds and joins."""
    x, y = normal(*shape), normal(*shape[:-1])
    check(lambda x, y: x[..., 1] * y + wf.tanh(x[:, :, -1]), x, y)
    check(lambda x: wf.sum(x[..., 0], axis=1), x)
    check(lambda x: wf.exp(x[-1]) - x[0, :, 1:2] + x[0, 0], x, kernels=None)
    check(lambda x: wf.stack([x[..., 1], x[..., 0] * 2], axis=-1), x, kernels=None)
    check(lambda x: x[1:, ::2, 1] + 1, x)
    check(lambda x, y: (x[:, -1] - 1)[..., None] * y[:, None, :] + x[:, 0, 0][:, None, None], x, y, kernels=None)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int8", "int64", "bool"])
@pytest.mark.parametrize("rows", [1, 7, 16, 33, 300])
def test_rows_shorter_than_vectors(rows, dtype):
    """Lanes run across rows: stacks of last dimensions, in few kernels; some parts of several elements."""
    x, y = (wf.asarray(normal(3, rows)).astype(dtype) for _ in range(2))
    x, y = (np.asarray(wf.where(a == a, a, 0) if dtype[0] in "bi" else a) for a in (x, y))
    z = np.asarray(wf.asarray(normal(3, rows, 3)).astype(dtype))
    either = lambda a, b: wf.where(a == b, a, b)  # noqa: E731
    for n in (2, 3, 4, 5, 8):
        check(lambda x, y, n=n: wf.stack([either(x, y), *[x, y] * (n // 2)][:n], axis=-1), x, y)
    check(lambda x, y, z: wf.concat([either(x, y)[..., None], z[..., 1:]], axis=-1), x, y, z, kernels=None)
    check(lambda x, y, z: wf.concat([z, either(x, y)[..., None], z], axis=-1), x, y, z)
    two = lambda x, z: (wf.stack([z, either(x[..., None], z)], axis=2), wf.stack([z, z], axis=2))  # noqa: E731
    check(two, x, z, kernels=None)
    check(lambda z: wf.stack([z[..., 2], z[..., 0]], axis=-1), z, kernels=None)


@pytest.mark.parametrize("shape", [(1, 2, 2), (3, 17, 8), (2, 50, 64)])
def test_interleaved_rope(shape):
    x, c, s = normal(*shape), normal(shape[1], shape[2] // 2), normal(shape[1], shape[2] // 2)
    pair = lambda x, c, s: wf.stack([x[..., ::2] * c - x[..., 1::2] * s, x[..., 1::2] * c + x[..., ::2] * s], axis=-1)  # noqa: E731
    check(pair, x, c, s)
    check(lambda *a: wf.reshape(pair(*a), shape), x, c, s)


def test_crossed_vectors():
    def cross(a, b):
        i, j, k = ([a[:, m], b[:, m]] for m in range(3))
        return wf.stack([p[0] * q[1] - q[0] * p[1] for p, q in ((j, k), (k, i), (i, j))], axis=1)

    a, b = normal(75, 3), normal(75, 3)
    check(cross, a, b)
    check(lambda a, b: cross(a, cross(a, b)) + b, a, b)


# -- paddings --


@pytest.mark.parametrize("shape", [(1, 1), (6, 7), (3, 64), (37, 129)])
@pytest.mark.parametrize("width", [((1, 1), (1, 1)), ((0, 2), (3, 0)), ((0, 0), (0, 1)), ((5, 0), (0, 0))])
def test_padded(shape, width):
    x, k = normal(*shape), np.float32(0.5)
    check(lambda x: wf.pad(wf.nn.relu(x), width), x)
    check(lambda x, k: wf.pad(x * k, width, constant_values=k), x, k)
    check(lambda x: wf.tanh(wf.pad(x, width)) + 1, x)
    y = normal(*(n + sum(w) for n, w in zip(shape, width, strict=True)))
    check(lambda x, y: wf.pad(x * 2, width) * y - y[:, :1], x, y)


def test_padded_images():
    x = normal(2, 3, 14, 15)
    check(lambda x: wf.pad(wf.nn.relu(x), ((0, 0), (0, 0), (1, 1), (2, 1))), x)
    check(lambda x: wf.pad(x + 1, ((0, 1), (1, 0), (1, 1), (2, 1)), constant_values=3) * 2, x)


@pytest.mark.parametrize("shape", [(5, 4, 9, 17), (2, 3, 1, 1), (1, 2, 3, 40), (2, 3, 70, 130), (3, 2, 40, 500)])
def test_boxes_in_boxes(shape):
    """Borders in three dimensions, and joins of such; short images, and rows too long to be written together."""
    x = normal(*shape)
    check(lambda x: wf.pad(x, ((0, 0), (1, 2), (1, 1), (2, 1))), x)
    y = normal(*shape[:-1], 3)
    check(lambda x, y: wf.pad(wf.concat([x, y * 2], axis=3), ((0, 0), (1, 0), (0, 2), (1, 1))), x, y, kernels=None)
    border = ((0, 0), (0, 0), (1, 1), (1, 1))
    check(lambda x: wf.concat([wf.pad(x + 1, border), wf.pad(x * 2, border)], axis=1), x, kernels=None)
    check(lambda x: wf.grad(lambda x: wf.sum(wf.sin(x[:, ::2, ::3, 1::2])))(x), x, kernels=None)


def test_shifts():
    x = normal(6, 50)
    check(lambda x: wf.pad(x[:-1], ((1, 0), (0, 0))) + x, x)
    check(lambda x: x - wf.pad(x[:, :-1], ((0, 0), (1, 0)), constant_values=-1), x)
    check(lambda x: wf.roll(x, 3, axis=1) * x, x)
    check(lambda x: wf.roll(x, (1, 3), axis=(0, 1)), x, kernels=None)


def test_zeros_between_elements():
    """The derivative of a strided slice; what stands behind it is computed for zeros first."""
    x = normal(4, 21)
    check(lambda x: wf.grad(lambda x: wf.sum(wf.sin(x[:, ::2]) * 2))(x), x, kernels=None)
    check(lambda x: wf.grad(lambda x: wf.sum(wf.sin(x[1::2, ::3])))(x) + x, x, kernels=None)
    # two that interleave at different places
    check(lambda x: wf.grad(lambda x: wf.sum(wf.sin(x[:3, ::2])) + wf.sum(wf.cos(x[1:, ::2])))(x), x, kernels=None)


# -- behind a join --


@pytest.mark.parametrize("width", [2, 6, 64, 130])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_rope(width, dtype):
    x, cos, sin = (normal(*s, dtype=dtype) for s in ((2, 3, 5, width), (5, width), (5, width)))
    check(rope, x, cos, sin)
    check(rope, x, cos, sin, numerics="default")


def test_large_rope():
    """Past the caches: lines are stored past them, in halves of rows; and by any number of threads."""
    x, cos, sin = normal(8, 2048, 16, 96), normal(2048, 1, 96), normal(2048, 1, 96)
    got = np.asarray(wf.jit(rope)(x, cos, sin))
    same_bits(got, x * cos + np.concatenate([-x[..., 48:], x[..., :48]], -1) * sin)


def test_several_joins():
    a, b, c, d = normal(3, 8), normal(3, 9), normal(3, 17), normal(3, 4)
    check(lambda a, b, c: wf.concat([a, b], axis=1) + wf.concat([b, a], axis=1) * c, a, b, c)
    check(lambda a, b, c: wf.pad(a, ((0, 0), (4, 5))) + wf.pad(b, ((0, 0), (0, 8))) * c, a, b, c)
    check(lambda a, b, d: wf.concat([wf.pad(a + 1, ((1, 0), (0, 1))), wf.concat([b, b]).reshape(6, 9)[:2]]), a, b, d)
    check(lambda a, b: wf.concat([a, wf.concat([a[:1] * 2, a[:2]])], axis=1) * wf.concat([a, a + 1], axis=1), a, b)


def test_several_results():
    a, b = normal(3, 8), normal(3, 9)

    def f(a, b):
        joined = wf.concat([a * 2, b], axis=1)
        return joined, joined + 1, wf.exp(joined)

    check(f, a, b)


def test_index_dependent():
    """Numbers that are made from their index stand at the joined one, or at the part's own."""
    x = normal(5, 12)
    f32 = "float32"
    check(lambda x: wf.concat([x, x + wf.arange(12, dtype=f32)], axis=1) * wf.arange(24, dtype=f32), x, kernels=None)
    check(lambda x: wf.where(wf.arange(7)[:, None] > 2, wf.pad(x, ((1, 1), (0, 0))), 5.0), x, kernels=1)
    check(lambda x: wf.concat([wf.arange(3), wf.arange(4) * 2]) + wf.arange(7), x)


# -- named sizes --


@pytest.mark.parametrize("n", [1, 2, 17, 64])
@pytest.mark.parametrize("m", [1, 5])
def test_named_sizes(n, m):
    N, M = wf.Dim("N"), wf.Dim("M")
    f32 = wf.float32

    def f(x, y, z, w):
        joined = wf.concat([x * 2, wf.exp(y)], axis=0)
        wide = wf.concat([x, x + 1, z], axis=1)
        return [joined, joined + 1, wide, wf.pad(w[:-1], ((1, 0), (0, 0))) + w, wf.pad(wf.sin(x), ((1, 2), (0, 3)))]

    built = Built(f, [trace.Spec(s, f32) for s in ((N, 6), (M, 6), (N, M), (N + 1, 6))])
    args = [normal(n, 6), normal(m, 6), normal(n, m), normal(n + 1, 6)]
    for got, want in zip(built.native(*args), built.reference(*args), strict=True):
        same_bits(got, want)


# -- behind a contraction --


def conv(x, w, **options):
    return wf.nn.conv2d(x, w, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 7), (33, 20, 41), (70, 65, 130)])
def test_a_border_around_a_product(shape, dtype):
    m, k, n = shape
    a, b = (np.asarray(wf.asarray(rng.integers(-5, 5, s)).astype(dtype)) for s in ((m, k), (k, n)))
    check(lambda a, b: wf.pad(a @ b, ((1, 2), (3, 0)), constant_values=7), a, b)
    check(lambda a, b: wf.pad(a @ b + 1, ((0, 0), (0, 5))), a, b)
    check(lambda a, b: wf.pad(a @ b, ((4, 0), (0, 0))), a, b)


@pytest.mark.parametrize("value", [0.0, -0.0, np.nan, -np.inf])
@pytest.mark.parametrize("features, size", [(64, 14), (64, 56), (24, 9), (5, 16), (96, 7)])
def test_a_border_around_a_convolution(features, size, value):
    x, w, bias = normal(2, 16, size, size), normal(features, 16, 3, 3), normal(features, 1, 1)

    def block(x, w, bias):
        return wf.pad(wf.nn.relu(conv(x, w) + bias), ((0, 0), (0, 0), (1, 1), (2, 0)), constant_values=value)

    check(block, x, w, bias)


def test_convolutions_in_a_row_have_no_padding_of_their_own():
    v, w = (wf.asarray(normal(64, 64, 3, 3)) for _ in "vw")
    x = normal(1, 64, 14, 14)
    two = wf.jit(lambda x: conv(wf.nn.relu(conv(x, v, padding=1)), w, padding=1))
    kernels = [k.what for k in two.explain(x).kernels if not k.kept]
    assert kernels == ["pad", "convolution + le + select + pad", "convolution"]
    a, b = normal(9, 20), normal(20, 30)
    # One that something else reads too, or one between the elements, is written apart.
    check(lambda a, b: (lambda y: (wf.pad(y, ((1, 1), (0, 0))), y))(a @ b), a, b, kernels=2)
    check(lambda a, b: wf.pad(wf.pad(a @ b, 1), 1), a, b, kernels=None)
    check(lambda a, b: wf.grad(lambda a: wf.sum((a[::2] @ b) ** 2))(a), a, b, kernels=None)


# -- what is refused --


def reasons(fn, *args):
    report = wf.jit(fn).explain(*args)
    return len(report.kernels), sorted({pair.code for pair in report.not_fused})


def test_what_is_refused():
    a, b, w = normal(40, 16), normal(40, 16), normal(16, 40)
    assert reasons(lambda a, b: wf.sum(wf.concat([a, b], axis=1), axis=1), a, b) == (2, ["W250"])
    assert reasons(lambda a, w: wf.concat([a @ w, a @ w + 1]), a, w)[1] == ["W250"]
    # exp would be computed for each part
    assert reasons(lambda a: wf.concat([wf.exp(a), wf.exp(a)]), a) == (2, ["W253"])
    # a reduction takes what it reads before a join does
    kernels, codes = reasons(lambda a, b: wf.nn.softmax(wf.concat([a, b], axis=1) * 2, axis=1), a, b)
    assert kernels == 2 and codes == ["W250"]

    def kept(a, b):
        e = wf.exp(a)
        return e, wf.concat([e, b])

    assert reasons(kept, a, b) == (2, ["W251"])


# -- derivatives --


def test_gradients():
    x, cos, sin = normal(2, 3, 8), np.cos(normal(3, 8)), np.sin(normal(3, 8))
    check(lambda x, c, s: wf.grad(lambda x: wf.sum(rope(x, c, s) ** 2))(x), x, cos, sin, kernels=None)
    a, b = normal(4, 5), normal(4, 6)

    def loss(a, b):
        joined = wf.concat([wf.tanh(a), b * b], axis=1)
        return wf.sum(joined * wf.pad(joined, ((0, 0), (0, 2)))[:, 2:])

    check(lambda a, b: wf.grad(loss, argnums=(0, 1))(a, b), a, b, kernels=None)
    check(lambda a: wf.vmap(lambda a: wf.concat([a * 2, wf.pad(a, (1, 0))]) + 1)(a), a)


@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_rows_shorter_than_vectors_on_each_target(target):
    a, b, x = normal(3, 50), normal(3, 50), normal(3, 17, 16)
    for f, args in (
        (lambda a, b: wf.stack([a, b, a * b], axis=-1), (a, b)),
        (lambda a, b: wf.stack([a, b, a * b, a + b, a - b], axis=-1), (a, b)),
        (lambda x: wf.stack([x[..., ::2] - x[..., 1::2], x[..., 1::2] + x[..., ::2]], axis=-1), (x,)),
    ):
        program = Program(f, *args)
        same_bits(program.native(target, "strict")()[0], program.reference()[0])
