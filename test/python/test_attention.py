"""Attention as one kernel: the reference's bits for all its forms, sizes and threads, no matrix of scores in memory."""

import numpy as np
import pytest
import weft as wf
from ml_dtypes import bfloat16
from running import Built, same_bits
from test_schedules import holds
from weft._src import dtypes, trace

RNG = np.random.default_rng(3)


def operands(heads, length, keys, size, value=None, key_heads=None, lead=(), dtype="float32"):
    shapes = [(*lead, heads, length, size), (*lead, key_heads or heads, keys, size)]
    shapes.append((*lead, key_heads or heads, keys, value or size))
    return [RNG.normal(size=s).astype(dtype) for s in shapes]


def kernels(fn, *args):
    return wf.jit(fn).explain(*args).kernels


attention = wf.nn.dot_product_attention
SIZES = [
    (2, 64, 64, 16, 32),
    (1, 129, 77, 33, 17),  # rests of rows, lanes and k
    (3, 8, 16, 1, 16),
    (1, 257, 1000, 64, 64),
    (9, 50, 50, 24, 40),
    (1, 12, 4096, 8, 16),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sizes(size):
    args = operands(*size)
    assert len(kernels(attention, *args)) == 1
    holds(attention, *args)


@pytest.mark.parametrize("dtype", ["float64", "float16", bfloat16], ids=str)
def test_dtypes(dtype):
    args = operands(2, 40, 70, 20, dtype=dtype)
    assert len(kernels(attention, *args)) == 1
    holds(attention, *args)
    turned = operands(2, 32, 32, 32, dtype=dtype)
    holds(lambda q, k, v: attention(*map(wf.matrix_transpose, (q, k, v))), *turned)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bfloat16_sizes(size):
    """Weights are rounded too: both products sum pairs where the target has an instruction for it."""
    args = operands(*size, dtype=bfloat16)
    for fn in (attention, lambda q, k, v: attention(q, k, v, causal=True)):
        assert len(kernels(fn, *args)) == 1
        holds(fn, *args)
    text = wf.jit(attention).lower(*args, target="x86-64-v4+avx512bf16").as_text("scheduled")
    assert "group = 2" in text


def test_bfloat16_that_pairs_do_not_hold():
    """Subnormal and huge numbers, weights below them, NaN and infinities: some rows of a tile are summed in float32."""
    causal = lambda q, k, v: attention(q, k, v, causal=True)  # noqa: E731
    q, k, v = operands(2, 70, 65, 16, dtype=bfloat16)
    q[0], v[:, ::3], v[:, ::5] = q[0] * 30, v[:, ::3] * 2.0**-100, v[:, ::5] * 2.0**-130
    holds(attention, q, k, v)
    holds(causal, q, k, v)
    holds(causal, q, k, -abs(v))  # sums that may be -0
    holds(lambda q, k, v: attention(q, k, v, scale=1e30), q * 1e-30, k * 1e-20, v)
    q, k, v = operands(2, 70, 333, 16, dtype=bfloat16)
    q[0, 3, 1], k[0, 5, 2], k[1, 7, 0], v[1, 9, 3], v[0, 0, 0] = np.nan, np.inf, -np.inf, np.inf, -0.0
    v[1, 300, 1], v[0, 332, 2], v[0, 331, 3] = np.nan, -np.inf, np.inf
    holds(attention, q, k, v)
    holds(causal, q, k, v)


@pytest.mark.parametrize("dtype", ["float16", bfloat16], ids=str)
def test_narrow_programs(dtype):
    """Scores and weights that a program rounds itself."""

    def fn(q, k, v):
        return wf.nn.softmax(q @ wf.matrix_transpose(k) * 0.25) @ v

    holds(fn, *operands(2, 40, 70, 16, dtype=dtype))


def test_values_without_numbers():
    q, k, v = operands(2, 64, 64, 16)
    q[0, 3, 1], k[0, 5, 2], k[1, 7, 0], v[1, 9, 3], v[0, 0, 0] = np.nan, np.inf, -np.inf, np.inf, -0.0
    holds(attention, q, k, v)
    holds(lambda q, k, v: attention(q, k, v, causal=True), q, k, v)


def test_causal_masked_biased_and_grouped():
    q, k, v = operands(6, 70, 70, 16, key_heads=2, lead=(2,))
    mask = RNG.random((70, 70)) < 0.4
    mask[5] = False  # a query that attends to nothing
    bias = RNG.normal(size=(6, 1, 70)).astype(np.float32)
    for fn, more in (
        (lambda q, k, v: attention(q, k, v, causal=True), ()),
        (lambda q, k, v, m: attention(q, k, v, mask=m), (mask,)),
        (lambda q, k, v, m, b: attention(q, k, v, mask=m, bias=b, causal=True, scale=0.3), (mask, bias)),
    ):
        assert len(kernels(fn, q, k, v, *more)) == 1
        holds(fn, q, k, v, *more)


# Which keys a query sees, by their numbers: what code generation leaves out for a block of queries.
MASKS = {
    "up to": lambda i, j: j <= i,
    "before": lambda i, j: i > j,
    "difference": lambda i, j: i - j >= -3,
    "end aligned": lambda i, j: i + 37 >= j,
    "none at first": lambda i, j: j < i - 70,
    "two": lambda i, j: wf.logical_and(j <= i, j != 5),
    "first keys": lambda i, j: j + i * 0 < 75,
    "window": lambda i, j: wf.logical_and(j <= i, j > i - 40),
    "or": lambda i, j: wf.logical_or(j <= i, j == 200),
    "not": lambda i, j: wf.logical_not(j > i),
    "later": lambda i, j: j >= i,
}


def softmax_of_seen(seen):
    """Attention with a mask made of the numbers of queries and keys."""

    def fn(q, k, v):
        i, j = wf.arange(q.shape[-2])[:, None], wf.arange(k.shape[-2])
        scores = q @ wf.matrix_transpose(k) * 0.3
        return wf.nn.softmax(wf.where(seen(i, j), scores, -np.inf)) @ v

    return fn


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("size", [(2, 150, 150, 16, 32), (1, 131, 300, 9, 17)], ids=str)
def test_masks_made_of_indices(mask, size):
    args = operands(*size)
    assert len(kernels(softmax_of_seen(MASKS[mask]), *args)) == 1
    holds(softmax_of_seen(MASKS[mask]), *args)


def test_which_masks_leave_columns_out():
    args = operands(2, 150, 150, 16, 32)

    def ends(mask):  # a block's rows end where a number, at least 0, says
        lowered = wf.jit(softmax_of_seen(mask)).lower(*args, target="x86-64-v3")
        return "arith.maxsi" in lowered.as_text("bufferized")

    assert [name for name, mask in MASKS.items() if not ends(mask)] == ["or", "later"]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_what_is_not_computed_counts(dtype):
    """Values of keys that no query of a block sees: infinity and NaN times 0, and -0 plus 0."""
    q, k, v = operands(2, 200, 333, 12, 24, dtype=dtype)
    tiny = np.finfo(dtype).smallest_subnormal
    v[0, :, 3], v[0, :, 4] = -tiny, -tiny  # a product with a weight is -0
    v[0, 300, 4] = tiny
    v[0, 190, 5], v[0, 250, 6], v[0, 332, 7], v[0, 0, 8] = np.nan, np.inf, -np.inf, np.nan
    v[1, :, 9] = -0.0
    k[1, 320], k[1, 100, 3], q[1, 50, 2], q[1, 7] = np.nan, np.inf, np.nan, -np.inf
    for fn in (lambda q, k, v: attention(q, k, v, causal=True), softmax_of_seen(MASKS["before"])):
        holds(fn, q, k, v)
    if dtype != "float16":  # which is computed in float32, where nothing underflows
        sums = np.asarray(wf.jit(lambda q, k, v: attention(q, k, v, causal=True))(q, k, v))[0, 150]
        assert (sums[3:5] == 0).all() and np.signbit(sums[3:5]).tolist() == [True, False]


def test_masks_that_leave_nothing_out():
    """What a mask puts is no infinity, or something is added to it: all columns are computed."""
    q, k, v = operands(1, 150, 200, 16)
    bias = RNG.normal(size=200).astype(np.float32)
    bias[190] = np.inf

    def fill(number):
        def fn(q, k, v, bias):
            seen = wf.arange(200) <= wf.arange(150)[:, None]
            s = wf.where(seen, q @ wf.matrix_transpose(k), number)
            return wf.nn.softmax(s) @ v, wf.nn.softmax(s + bias) @ v, (wf.where(seen, wf.exp(s), 0.25) + wf.sum(s)) @ v

        return fn

    for number in (-np.inf, -1e30, 0.0):
        holds(fill(number), q, k, v, bias)


def test_long_rows():
    """Rows longer than a first cache, and a second contraction in blocks: of their number, and of the rows'."""
    for size in [(1, 20, 9000, 8, 16), (1, 16, 16384, 3, 20)]:
        args = operands(*size)
        assert len(kernels(attention, *args)) == 1
        assert wf.jit(attention).explain(*args).memory.arena < size[1] * size[2] * 4
        holds(attention, *args)
        holds(attention, *[x.astype(bfloat16) for x in args])
    args = operands(1, 700, 5000, 8)
    holds(lambda q, k, v: attention(q, k, v, causal=True), *args)


def test_lengths_with_names():
    a, b = wf.Dim("a"), wf.Dim("b")
    specs = [trace.Spec(s, dtypes.dtype("float32")) for s in ((3, a, 8), (3, b, 8), (3, b, 16))]
    for fn in (
        attention,
        lambda q, k, v: attention(q, k, v, causal=True),
        lambda q, k, v: wf.tanh(attention(q, k, v, scale=0.3)),
    ):
        built = Built(lambda *a, fn=fn: [fn(*a)], specs)
        for lengths in [(1, 1), (64, 64), (129, 77), (5, 700), (300, 200), (0, 9), (7, 0), (200, 3000)]:
            n, m = lengths
            q, k, v = (RNG.normal(size=(3, *s)).astype(np.float32) for s in ((n, 8), (m, 8), (m, 16)))
            for got, want in zip(built.native(q, k, v), built.reference(q, k, v), strict=True):
                same_bits(got, want)


def test_what_follows_goes_with_it():
    q, k, v = operands(4, 64, 64, 16)
    r = RNG.normal(size=v.shape).astype(np.float32)

    def fn(q, k, v, r):
        return wf.tanh(attention(q, k, v)) * 2 + r

    assert len(kernels(fn, q, k, v, r)) == 1
    holds(fn, q, k, v, r)


def test_operands_in_another_layout():
    """(length, heads, features), as a projection gives them."""
    q, k, v = (np.ascontiguousarray(x.transpose(1, 0, 2)) for x in operands(4, 64, 96, 16))

    def fn(q, k, v):
        q, k, v = (wf.permute_dims(x, (1, 0, 2)) for x in (q, k, v))
        return wf.permute_dims(attention(q, k, v), (1, 0, 2))

    holds(fn, q, k, v)


def test_no_scores_in_memory():
    args = operands(12, 512, 512, 64)
    report = wf.jit(attention).explain(*args)
    assert report.memory.arena < 512 * 512 * 4


def test_gradients_and_batches():
    q, k, v = operands(2, 24, 32, 16, dtype="float64")

    def loss(q, k, v):
        return wf.sum(attention(q, k, v, causal=True) ** 2)

    def wanted(q, k, v):
        s = np.einsum("hid,hjd->hij", q, k) / 4
        s = np.where(np.tril(np.ones(s.shape[1:], bool)), s, -np.inf)
        p = np.exp(s - s.max(-1, keepdims=True))
        return ((p / p.sum(-1, keepdims=True) @ v) ** 2).sum()

    grads = wf.jit(wf.grad(loss, argnums=(0, 1, 2)))(q, k, v)
    for i, g in enumerate(grads):
        for at in [(0, 0, 0), (1, 20, 7)]:
            up, down = ([x.copy() for x in (q, k, v)] for _ in range(2))
            up[i][at] += 1e-6
            down[i][at] -= 1e-6
            assert abs((wanted(*up) - wanted(*down)) / 2e-6 - np.asarray(g)[at]) < 1e-6
    batch = [np.stack([x, x[::-1]]) for x in (q, k, v)]
    made = np.asarray(wf.jit(wf.vmap(attention))(*batch))
    same_bits(made[1], np.asarray(wf.jit(attention)(*[np.ascontiguousarray(x[1]) for x in batch])))


def test_rows_beside_those_of_the_first_product():
    # The weights are not made of the chain's own first product, but folded beside it.
    def loss(q, k, v):
        return wf.sum(wf.nn.softmax(q @ wf.swapaxes(k, -1, -2) * 0.125) @ v**2)

    for heads, length, keys in [(4, 256, 256), (2, 130, 200), (1, 128, 77)]:
        q, k, v = (RNG.normal(size=(heads, n, 64)).astype(np.float32) for n in (length, keys, keys))
        for i in range(3):
            holds(lambda *a, i=i: wf.grad(loss, argnums=i)(*a), q, k, v)


def chain_of(seed):
    """A random program of the form: a product, maps and folds of its rows, a product over them, maps."""
    rng = np.random.default_rng(seed)
    lead = tuple(rng.integers(1, 4, rng.integers(0, 3)).tolist())
    rows, keys, size, value = (int(rng.integers(*ends)) for ends in ((8, 90), (16, 200), (1, 40), (16, 50)))
    turned = rng.random(3) < 0.4
    shapes = [(rows, size), (size, keys), (keys, value)]
    args = [
        rng.normal(size=(*lead, *(s[::-1] if t else s))).astype(np.float32) for s, t in zip(shapes, turned, strict=True)
    ]
    column = rng.normal(size=(rows, 1)).astype(np.float32)
    row = rng.normal(size=keys).astype(np.float32)
    after = rng.normal(size=(rows, value)).astype(np.float32)
    steps = [rng.integers(0, 7) for _ in range(rng.integers(1, 6))]
    end = rng.integers(0, 3)

    def fn(a, b, v, column, row, after):
        a, b, v = (wf.matrix_transpose(x) if t else x for x, t in zip((a, b, v), turned, strict=True))
        s = a @ b
        for step in steps:
            if step == 0:
                s = s * column + row
            elif step == 1:
                s = s - wf.max(s, axis=-1, keepdims=True)
            elif step == 2:
                s = s / (1 + wf.sum(wf.abs(s), axis=-1, keepdims=True))
            elif step == 3:
                s = wf.exp(wf.minimum(s, 1.0)) - wf.min(s, axis=-1, keepdims=True) * 0.5
            elif step == 4:
                s = wf.where(wf.arange(keys) <= wf.arange(rows)[:, None], s, 0.0)
            elif step == 5:
                s = wf.nn.softmax(s)
            else:
                s = s * wf.sum(s * s, axis=-1, keepdims=True)
        s = s + wf.mean(s, axis=-1, keepdims=True)
        y = s @ v
        return y if end == 0 else wf.tanh(y) + after if end == 1 else (y, y * 2)

    return fn, [*args, column, row, after]


@pytest.mark.parametrize("seed", range(24))
def test_random_chains(seed):
    fn, args = chain_of(seed)
    holds(fn, *args)


def test_most_random_chains_are_one_kernel():
    assert sum(len(kernels(f, *a)) == 1 for f, a in map(chain_of, range(24))) >= 12
