"""Composites of networks: kernels, both modes and second derivatives, batches that share operands, named sizes, short
floats, edges. Values and gradients of the functions themselves: test_nn_table.py."""

import mpmath
import numpy as np
import pytest
import weft as wf
from test_composites import same
from weft import nn

RNG = np.random.default_rng(11)


def numbers(*shapes, dtype="float64"):
    return [RNG.normal(size=s).astype(dtype) for s in shapes]


MASK = RNG.random((5, 6)) < 0.6
MASK[2] = False  # a query that attends to nothing
LABELS = np.int32([4, 0, -1])
QKV = (4, 5, 3), (2, 6, 3), (2, 6, 2)  # grouped
# name, function, shapes of its operands (the last ones may be shared by a batch), whether it is one kernel.
FORMS = {
    "gelu": (lambda x: nn.gelu(x, approximate=False), [(3, 5)]),
    "logsumexp": (lambda x: nn.logsumexp(x, axis=1), [(3, 5)]),
    "logsumexp-two": (lambda x: nn.logsumexp(x, axis=(0, 2)), [(3, 5, 2)]),
    "layer_norm": (nn.layer_norm, [(3, 5), (5,), (5,)]),
    "layer_norm-first": (lambda x: nn.layer_norm(x, axis=0), [(3, 5)]),
    "rms_norm": (nn.rms_norm, [(3, 5), (5,)]),
    "batch_norm": (lambda x, m, v: nn.batch_norm(x, m, v * v), [(3, 4, 2), (4,), (4,)]),
    "batch_norm-train": (lambda x, m: nn.batch_norm(x, m, m, train=True)[0], [(3, 4, 2), (4,)]),
    "cross_entropy": (lambda x: nn.cross_entropy(x, LABELS, reduction="none"), [(3, 5)]),
    "cross_entropy-smooth": (lambda x: nn.cross_entropy(x, LABELS, label_smoothing=0.2), [(3, 5)]),
    "cross_entropy-soft": (lambda x, y: nn.cross_entropy(x, y * y, label_smoothing=0.2), [(3, 5), (3, 5)]),
    "attention": (nn.dot_product_attention, [*QKV]),
    "attention-causal": (lambda q, k, v: nn.dot_product_attention(q, k, v, causal=True), [*QKV]),
    "attention-masked": (lambda q, k, v, b: nn.dot_product_attention(q, k, v, mask=MASK, bias=b), [*QKV, (4, 1, 6)]),
}
forms = pytest.mark.parametrize(("f", "shapes"), FORMS.values(), ids=FORMS)


def dot(xs, ys):
    return sum(float((np.asarray(x) * np.asarray(y)).sum()) for x, y in zip(xs, ys, strict=True))


@forms
def test_both_modes_and_second_derivatives(f, shapes):
    """jvp and vjp are transposes of each other, and so are those of the gradient, which has symmetric slopes."""
    xs, ts, us = (numbers(*shapes) for _ in range(3))
    y, tangent = wf.jvp(f, tuple(xs), tuple(ts))
    g = RNG.normal(size=np.shape(y))
    cotangents = wf.vjp(f, *xs)[1](g)
    np.testing.assert_allclose(dot([tangent], [g]), dot(ts, cotangents), rtol=1e-10)

    argnums = tuple(range(len(xs)))
    gradient = wf.grad(lambda *xs: wf.sum(f(*xs) * g), argnums=argnums)
    along = [wf.jvp(gradient, tuple(xs), tuple(d))[1] for d in (ts, us)]
    np.testing.assert_allclose(dot(along[0], us), dot(along[1], ts), rtol=1e-8, atol=1e-10)
    twice = wf.grad(lambda *xs: sum(wf.sum(a * t) for a, t in zip(gradient(*xs), ts, strict=True)), argnums=argnums)(
        *xs
    )
    for a, b in zip(along[0], twice, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-8, atol=1e-10)


@forms
def test_batches_that_share_operands(f, shapes):
    """Each operand in turn is the same for all."""
    for shared in range(-1, len(shapes)):
        if len(shapes) == 1 and shared == 0:
            continue
        xs = [x[0] if i == shared else x for i, x in enumerate(numbers(*[(3, *s) for s in shapes]))]
        axes = tuple(None if i == shared else 0 for i in range(len(shapes)))
        made = np.asarray(wf.vmap(f, in_axes=axes)(*xs))
        for i, row in enumerate(made):
            one = np.asarray(f(*[x if a is None else x[i] for x, a in zip(xs, axes, strict=True)]))
            np.testing.assert_allclose(row, one, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("f", "axes", "shapes"),
    [
        (lambda x: nn.logsumexp(x, axis=1), ("n", "m"), [(2, 3)]),
        (nn.layer_norm, ("n", "m"), [(4, 6)]),
        (lambda x: nn.layer_norm(x, axis=0), ("n", "m"), [(4, 6)]),
        (nn.rms_norm, ("n", "m"), [(4, 6)]),
        (lambda x: nn.batch_norm(x, wf.sum(x, axis=0), wf.sum(x * x, axis=0)), ("n", "m"), [(4, 6)]),
        (lambda x: nn.cross_entropy(x, x), ("n", "m"), [(4, 6)]),
        (lambda x: nn.cross_entropy(x, wf.sum(x, axis=1).astype("int32")), ("n", "m"), [(4, 6)]),
        (lambda x: nn.dot_product_attention(x, x, x), ("h", "n", 3), [(2, 5, 3)]),
        (lambda x: nn.dot_product_attention(x, x, x, causal=True), (4, "n", 3), [(4, 5, 3)]),
    ],
)
def test_named_sizes(f, axes, shapes):
    """The values and gradients of static sizes, compiled once for all."""
    spec = wf.spec(tuple(wf.Dim(a) if isinstance(a, str) else a for a in axes), "float32")
    g = lambda x: wf.value_and_grad(lambda x: wf.sum(f(x) ** 2))(x)  # noqa: E731
    compiled = wf.jit(g).lower(spec).compile()
    for shape in (*shapes, tuple(n if isinstance(n, int) else 1 for n in axes)):
        (x,) = numbers(shape, dtype="float32")
        for a, b in zip(compiled(x), wf.jit(g)(x), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=2e-5, atol=2e-5)


def kernels(f, *args):
    return wf.jit(f).explain(*args).kernels


def test_kernels():
    """Each is one kernel, and so is a normalisation's gradient but for the sums of its weights."""
    (x, w, b), (q, k, v) = (
        numbers((64, 96), (96,), (96,), dtype="float32"),
        numbers(*[(4, 64, 32)] * 3, dtype="float32"),
    )
    labels = RNG.integers(0, 96, 64).astype(np.int32)
    assert len(kernels(nn.layer_norm, x, w, b)) == 1
    assert len(kernels(nn.rms_norm, x, w)) == 1
    assert len(kernels(lambda x: nn.logsumexp(x, axis=-1), x)) == 1
    assert len(kernels(lambda x: nn.cross_entropy(x, labels, reduction="none"), x)) == 1
    for more in ({}, {"causal": True}, {"bias": x[:64, :64]}, {"mask": x[:64, :64] > 0}):
        assert len(kernels(lambda q, k, v, more=more: nn.dot_product_attention(q, k, v, **more), q, k, v)) == 1
    squares = lambda f: wf.grad(lambda x, *more: wf.sum(f(x, *more) ** 2))  # noqa: E731
    assert len(kernels(squares(nn.layer_norm), x)) == 1
    assert len(kernels(squares(nn.rms_norm), x)) == 1
    assert len(kernels(wf.grad(lambda x: wf.sum(nn.cross_entropy(x, labels, reduction="none"))), x)) == 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_short_floats_round_once(dtype):
    """The value, and the derivative, which is that of float32 up to its own rounding."""
    for name in ("gelu", "logsumexp", "layer_norm-first", "cross_entropy", "attention", "attention-causal"):
        f, shapes = FORMS[name]
        xs = [wf.asarray(x, dtype=dtype) for x in numbers(*shapes, dtype="float32")]
        wide = [wf.astype(x, "float32") for x in xs]
        got, once = wf.astype(f(*xs), "float32"), wf.astype(wf.astype(f(*wide), dtype), "float32")
        if dtype == "bfloat16" and name.startswith("attention"):  # whose weights are rounded too
            assert (
                np.abs(np.asarray(got) - np.asarray(once)).max()
                <= 2.0**-7 * np.abs(np.asarray(xs[2], np.float32)).max()
            )
        else:
            assert same(got, once)
        narrow, right = (wf.grad(lambda *xs, f=f: wf.sum(f(*xs).astype("float32")))(*v) for v in (xs, wide))
        step = 2.0**-7 if dtype == "bfloat16" else 2.0**-10
        np.testing.assert_allclose(
            np.asarray(narrow.astype("float32")), np.asarray(right), rtol=4 * step, atol=4 * step
        )


def written_logsumexp(x):
    m = wf.max(x, axis=-1)
    m = wf.where(wf.isfinite(m), m, 0.0)
    return wf.log(wf.sum(wf.exp(x - m[:, None]), axis=-1)) + m


def test_logsumexp_written_out_is_recognised():
    x = RNG.normal(0, 4, (5, 70)).astype(np.float32)
    x[0, :3], x[1], x[2, 0], x[3, 0] = (np.inf, -np.inf, 0), -np.inf, np.nan, -0.0
    named = lambda x: nn.logsumexp(x, axis=-1)  # noqa: E731
    assert same(*(wf.jit(f, numerics="strict")(x) for f in (written_logsumexp, named)))
    text = wf.jit(wf.grad(lambda x: wf.sum(written_logsumexp(x)))).lower(x).as_text("resolved")
    assert "weft.logsumexp" in text
    plain = lambda x: wf.log(wf.sum(wf.exp(x - wf.max(x, axis=-1)[:, None]), axis=-1)) + wf.max(x, axis=-1)  # noqa: E731
    text = wf.jit(wf.grad(lambda x: wf.sum(plain(x)))).lower(x).as_text("resolved")
    assert "weft.logsumexp" not in text  # at infinities it has other bits


def written_rms_norm(x):
    return x * wf.rsqrt(wf.mean(x**2, axis=-1, keepdims=True) + 1e-6)


def written_layer_norm(x):
    d = x - wf.mean(x, axis=-1, keepdims=True)
    return wf.rsqrt(wf.mean(d * d, axis=-1, keepdims=True) + 1e-5) * d


@pytest.mark.parametrize(
    ("written", "named"), [(written_rms_norm, nn.rms_norm), (written_layer_norm, nn.layer_norm)], ids=["rms", "layer"]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norms_written_out_are_recognised(written, named, dtype):
    x = RNG.normal(0, 4, (6, 70)).astype(dtype)
    x[0, :2], x[1, 0], x[2], x[3, 0] = (np.inf, -np.inf), np.nan, 0, -0.0
    assert same(*(wf.jit(f, numerics="strict")(x) for f in (written, named)))
    programs = [wf.jit(wf.grad(lambda x, f=f: wf.sum(f(x) ** 2)), numerics="strict") for f in (written, named)]
    assert all(f"weft.{named.__name__}" in p.lower(x).as_text("resolved") for p in programs)
    assert same(*(p(x) for p in programs))
    spec = wf.spec((wf.Dim("n"), wf.Dim("m")), dtype)
    assert f"weft.{named.__name__}" in programs[0].lower(spec).as_text("resolved")


def test_a_query_without_keys_has_no_gradient():
    q, k, v = numbers((1, 2, 3), (1, 4, 3), (1, 4, 2))
    mask = np.array([[True] * 4, [False] * 4])
    f = lambda q, k, v: wf.sum(nn.dot_product_attention(q, k, v, mask=mask) ** 2)  # noqa: E731
    grads = [np.asarray(g) for g in wf.grad(f, argnums=(0, 1, 2))(q, k, v)]
    assert all(np.isfinite(g).all() for g in grads)
    assert (grads[0][0, 1] == 0).all()


def test_a_checkpoint_that_keeps_products_keeps_attention():
    """Its policy sees what composites are made of: none of the contractions runs again."""
    q, k, v = numbers(*[(2, 16, 8)] * 3, dtype="float32")
    f = lambda q: wf.sum(nn.dot_product_attention(q, k, v) ** 2)  # noqa: E731
    plain, kept = (wf.jit(wf.grad(g)).lower(q).as_text("optimized") for g in (f, wf.checkpoint(f, policy="dots")))
    assert kept.count("weft.dot") == plain.count("weft.dot")


def test_a_bound_on_bytes_knows_what_composites_cost():
    """What they are made of counts: of a softmax and an attention whose results are kept, the softmax goes first."""
    q, k, v = numbers(*[(2, 64, 32)] * 3, dtype="float32")

    def f(x):
        y = nn.dot_product_attention(x, k, v)
        return wf.sum(nn.softmax(x) ** 2) + wf.sum(y * y)

    def folds(**more):
        text = wf.jit(wf.value_and_grad(f, **more)).lower(q).as_text("optimized")
        return text.count("weft.dot"), text.count("reduce_kind<max>")

    all_kept = 4 * (2 * 64 * 64 + 2 * 2 * 64 * 32)  # the weights, and both results
    assert folds() == folds(max_bytes=all_kept + 1000) == (4, 2)
    assert folds(max_bytes=all_kept - 1000) == (4, 3)
    right = wf.grad(f)(q)
    for bound in (all_kept - 1000, all_kept // 2, 0):
        np.testing.assert_allclose(wf.grad(f, max_bytes=bound)(q), right, rtol=1e-4, atol=1e-5)


def test_gelu_by_erf_keeps_small_values():
    x = np.linspace(-5, 5, 10_001).astype(np.float32)
    right = np.array([float(v / 2 * mpmath.erfc(-v / mpmath.sqrt(2))) for v in map(mpmath.mpf, map(float, x[::50]))])
    error = np.abs(np.asarray(nn.gelu(x, approximate=False))[::50] - right)
    assert (error <= 64 * np.spacing(np.abs(right).astype(np.float32))).all()


def test_empty_and_large():
    assert np.asarray(nn.layer_norm(np.zeros((0, 3), np.float32))).shape == (0, 3)
    assert np.asarray(
        nn.cross_entropy(np.zeros((0, 3), np.float32), np.zeros(0, np.int32), reduction="none")
    ).shape == (0,)
    assert nn.dot_product_attention(*[np.zeros((2, 0, 3), np.float32)] * 3).shape == (2, 0, 3)
    far = np.float32([[1e4, 1e4 + 1, 0]])
    loss = float(nn.cross_entropy(far, np.int32([1])))
    assert abs(loss - np.log1p(np.exp(-1.0))) < 1e-6


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint64"])
def test_more_classes_than_a_narrow_label_counts(dtype):
    (x,), labels = numbers((3, 300)), np.array([5, 100, 0], dtype)
    wanted = np.log(np.exp(x).sum(1)) - x[np.arange(3), labels.astype(int)]
    np.testing.assert_allclose(nn.cross_entropy(x, labels, reduction="none"), wanted, rtol=1e-12)
    one_hot = np.eye(300)[labels.astype(int)]
    np.testing.assert_array_equal(nn.one_hot(labels, 300, dtype="float64"), one_hot)
    slope = wf.grad(lambda x: nn.cross_entropy(x, labels, reduction="sum"))(x)
    np.testing.assert_allclose(slope, np.exp(x) / np.exp(x).sum(1, keepdims=True) - one_hot, rtol=1e-10, atol=1e-15)
