"""Every function of wf.nn, one row each: against a formula in float64, its gradient against finite differences, vmap
against a loop, jit against eager, bfloat16 against float32.

Decides the formulas; each is the textbook's, written without the steps that make the function itself stable.
"""

import math

import numpy as np
import pytest
import weft as wf
from weft import nn

RNG = np.random.default_rng(7)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    return np.vectorize(math.erf)(x)


def normalized(x, axes, eps):
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + eps)


def grouped(x, groups, eps=1e-5):
    parts = x.reshape(x.shape[0], groups, -1)
    return normalized(parts, 2, eps).reshape(x.shape)


def attention(q, k, v, causal=False):
    repeat = q.shape[-3] // k.shape[-3]
    k, v = np.repeat(k, repeat, axis=-3), np.repeat(v, repeat, axis=-3)
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    if causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    return softmax(scores) @ v


def conv(x, w, stride=1, padding=0, dilation=1, groups=1):
    """Of any number of space axes, by loops over the places of the result."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *[(padding, padding)] * rank])
    kernel = w.shape[2:]
    sizes = [(n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], kernel, strict=True)]
    out = np.zeros((x.shape[0], w.shape[0], *sizes))
    taken, made = x.shape[1] // groups, w.shape[0] // groups
    for at in np.ndindex(*sizes):
        window = x[(..., *[slice(i * stride, i * stride + dilation * (k - 1) + 1, dilation)
                           for i, k in zip(at, kernel, strict=True)])]  # fmt: skip
        for g in range(groups):
            part = window[:, g * taken : (g + 1) * taken].reshape(len(x), -1)
            weights = w[g * made : (g + 1) * made].reshape(made, -1)
            out[(slice(None), slice(g * made, (g + 1) * made), *at)] = part @ weights.T
    return out


def conv_transposed(x, w, stride=1, padding=0):
    """Each element of x adds its multiple of the weights to the result."""
    sizes = [(n - 1) * stride + k for n, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    out = np.zeros((x.shape[0], w.shape[1], *sizes))
    for at in np.ndindex(*x.shape[2:]):
        window = (..., *[slice(i * stride, i * stride + k) for i, k in zip(at, w.shape[2:], strict=True)])
        out[window] += np.einsum("bc,cd...->bd...", x[(slice(None), slice(None), *at)], w)
    return out[(..., *[slice(padding, n - padding) for n in sizes])]


def pooled(f, x, window, stride):
    sizes = [(n - window) // stride + 1 for n in x.shape[2:]]
    out = np.empty((*x.shape[:2], *sizes))
    for at in np.ndindex(*sizes):
        part = x[(..., *[slice(i * stride, i * stride + window) for i in at])]
        out[(..., *at)] = f(part, tuple(range(2, x.ndim)))
    return out


def log_softmax(x):
    return np.log(softmax(x))


def huber(a, b, delta):
    d = np.abs(a - b)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2)).mean()


V, M, I2 = (7,), (3, 5), (2, 4, 6, 5)
SELU = 1.0507009873554805, 1.6732632423543772
# name, function, formula, shapes of the operands.
ROWS = [
    ("relu", nn.relu, lambda x: np.maximum(x, 0), [M]),
    ("relu6", nn.relu6, lambda x: np.clip(x, 0, 6), [M]),
    ("sigmoid", nn.sigmoid, sigmoid, [M]),
    ("silu", nn.silu, lambda x: x * sigmoid(x), [M]),
    ("swish", nn.swish, lambda x: x * sigmoid(x), [M]),
    ("softplus", nn.softplus, lambda x: np.log(1 + np.exp(x)), [M]),
    ("log_sigmoid", nn.log_sigmoid, lambda x: -np.log(1 + np.exp(-x)), [M]),
    ("gelu", nn.gelu, lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))), [M]),
    ("gelu-exact", lambda x: nn.gelu(x, approximate=False), lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, [M]),
    ("mish", nn.mish, lambda x: x * np.tanh(np.log(1 + np.exp(x))), [M]),
    ("elu", nn.elu, lambda x: np.where(x > 0, x, np.exp(x) - 1), [M]),
    ("celu", lambda x: nn.celu(x, alpha=2.0), lambda x: np.where(x > 0, x, 2 * (np.exp(x / 2) - 1)), [M]),
    ("selu", nn.selu, lambda x: SELU[0] * np.where(x > 0, x, SELU[1] * (np.exp(x) - 1)), [M]),
    ("leaky_relu", nn.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x), [M]),
    ("hard_tanh", nn.hard_tanh, lambda x: np.clip(x, -1, 1), [M]),
    ("hard_sigmoid", nn.hard_sigmoid, lambda x: np.clip(x + 3, 0, 6) / 6, [M]),
    ("hard_swish", nn.hard_swish, lambda x: x * np.clip(x + 3, 0, 6) / 6, [M]),
    ("soft_sign", nn.soft_sign, lambda x: x / (1 + np.abs(x)), [M]),
    ("glu", nn.glu, lambda x: x[..., :3] * sigmoid(x[..., 3:]), [(4, 6)]),
    ("softmax", nn.softmax, softmax, [M]),
    ("log_softmax", nn.log_softmax, log_softmax, [M]),
    ("logsumexp", lambda x: nn.logsumexp(x, axis=-1), lambda x: np.log(np.exp(x).sum(axis=-1)), [M]),
    ("layer_norm", nn.layer_norm, lambda x, w, b: normalized(x, -1, 1e-5) * w + b, [M, (5,), (5,)]),
    ("rms_norm", nn.rms_norm, lambda x, w: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * w, [M, (5,)]),
    ("group_norm", lambda x: nn.group_norm(x, 2), lambda x: grouped(x, 2), [I2]),
    ("batch_norm", lambda x, m, w, b: nn.batch_norm(x, m, wf.ones((4,), dtype=x.dtype), w, b),
     lambda x, m, w, b: (x - m[:, None, None]) / math.sqrt(1 + 1e-5) * w[:, None, None] + b[:, None, None],
     [I2, (4,), (4,), (4,)]),
    ("attention", nn.dot_product_attention, attention, [(2, 5, 4), (2, 6, 4), (2, 6, 3)]),
    ("attention-causal", lambda q, k, v: nn.dot_product_attention(q, k, v, causal=True),
     lambda q, k, v: attention(q, k, v, True), [(2, 5, 4), (2, 5, 4), (2, 5, 3)]),
    ("attention-grouped", nn.dot_product_attention, attention, [(4, 5, 4), (2, 6, 4), (2, 6, 3)]),
    ("conv1d", nn.conv1d, conv, [(2, 3, 9), (4, 3, 3)]),
    ("conv2d", lambda x, w: nn.conv2d(x, w, stride=2, padding=1), lambda x, w: conv(x, w, 2, 1), [I2, (3, 4, 3, 3)]),
    ("conv2d-dilated", lambda x, w: nn.conv2d(x, w, dilation=2), lambda x, w: conv(x, w, dilation=2),
     [I2, (3, 4, 2, 2)]),
    ("conv2d-groups", lambda x, w: nn.conv2d(x, w, groups=2), lambda x, w: conv(x, w, groups=2), [I2, (6, 2, 3, 2)]),
    ("conv3d", nn.conv3d, conv, [(1, 2, 4, 3, 4), (2, 2, 2, 2, 2)]),
    ("conv_transpose1d", nn.conv_transpose1d, conv_transposed, [(2, 3, 5), (3, 4, 3)]),
    ("conv_transpose2d", lambda x, w: nn.conv_transpose2d(x, w, stride=2, padding=1),
     lambda x, w: conv_transposed(x, w, 2, 1), [(2, 3, 4, 3), (3, 2, 3, 3)]),
    ("conv_transpose3d", nn.conv_transpose3d, conv_transposed, [(1, 2, 2, 3, 2), (2, 2, 2, 1, 2)]),
    ("max_pool", lambda x: nn.max_pool(x, 2), lambda x: pooled(np.max, x, 2, 2), [I2]),
    ("max_pool-overlapping", lambda x: nn.max_pool(x, 3, stride=1), lambda x: pooled(np.max, x, 3, 1), [I2]),
    ("avg_pool", lambda x: nn.avg_pool(x, 2), lambda x: pooled(np.mean, x, 2, 2), [I2]),
    ("squared_error", nn.squared_error, lambda a, b: ((a - b) ** 2).mean(), [M, M]),
    ("absolute_error", nn.absolute_error, lambda a, b: np.abs(a - b).mean(), [M, M]),
    ("huber_loss", nn.huber_loss, lambda a, b: huber(a, b, 1.0), [M, M]),
    ("binary_cross_entropy", lambda x, t: nn.binary_cross_entropy(x, nn.sigmoid(t)),
     lambda x, t: -(sigmoid(t) * np.log(sigmoid(x)) + (1 - sigmoid(t)) * np.log(1 - sigmoid(x))).mean(), [M, M]),
    ("kl_divergence", lambda x, t: nn.kl_divergence(nn.log_softmax(x), nn.softmax(t)),
     lambda x, t: (softmax(t) * (log_softmax(t) - log_softmax(x))).sum(-1).mean(), [M, M]),
    ("cosine_similarity", nn.cosine_similarity,
     lambda a, b: (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)), [M, M]),
    ("cross_entropy-soft", lambda x, t: nn.cross_entropy(x, nn.softmax(t)),
     lambda x, t: -(softmax(t) * log_softmax(x)).sum(-1).mean(), [M, M]),
]  # fmt: skip
# Corners where a finite difference means nothing are stepped around by these operands: no element is near one.
rows = pytest.mark.parametrize(("f", "formula", "shapes"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])


def operands(shapes, seed=0):
    """Numbers that lie apart by at least 0.01, and from 0, 1, 3 and 6 by as much."""
    rng = np.random.default_rng(seed)
    made = []
    for shape in shapes:
        n = math.prod(shape)
        steps = rng.permutation(n) - n // 2
        made.append(((steps + 0.37) * min(0.05, 5 / n)).reshape(shape))
    return made


def test_every_function_has_a_row():
    named = {row[0].partition("-")[0] for row in ROWS} | {"attention"}
    here = {"dot_product_attention": "attention"}
    # Their operands are no floats: test_nn.py and test_random.py.
    elsewhere = {"one_hot", "cross_entropy", "dropout"}
    assert {here.get(name, name) for name in nn.__all__} - elsewhere <= named


@rows
def test_values(f, formula, shapes):
    xs = operands(shapes)
    want = np.asarray(formula(*xs))
    for dtype, bound in ((np.float64, 1e-12), (np.float32, 2e-5)):
        got = np.asarray(f(*[x.astype(dtype) for x in xs]))
        assert got.dtype == dtype and got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=bound, atol=bound)


@rows
def test_jit_is_eager(f, formula, shapes):
    xs = operands(shapes)
    np.testing.assert_allclose(np.asarray(wf.jit(f)(*xs)), np.asarray(f(*xs)), rtol=1e-14, atol=1e-15)


@rows
def test_gradients(f, formula, shapes):
    xs = operands(shapes)
    weights = np.random.default_rng(3).standard_normal(np.shape(formula(*xs)))
    got = wf.grad(lambda *xs: wf.sum(f(*xs) * weights), argnums=tuple(range(len(xs))))(*xs)
    step = 1e-6
    for i, (x, g) in enumerate(zip(xs, got, strict=True)):
        for at in [(0,) * x.ndim, tuple(n - 1 for n in x.shape), tuple(n // 2 for n in x.shape)]:
            low, high = x.copy(), x.copy()
            low[at] -= step
            high[at] += step
            above, below = ((formula(*xs[:i], v, *xs[i + 1 :]) * weights).sum() for v in (high, low))
            np.testing.assert_allclose(np.asarray(g)[at], (above - below) / (2 * step), rtol=2e-6, atol=2e-7)


@rows
def test_vmap_is_a_loop(f, formula, shapes):
    sets = [operands(shapes, seed) for seed in range(3)]
    got = np.asarray(wf.vmap(f)(*[np.stack(xs) for xs in zip(*sets, strict=True)]))
    for one, xs in zip(got, sets, strict=True):
        np.testing.assert_allclose(one, np.asarray(f(*xs)), rtol=1e-13, atol=1e-14)


@rows
def test_bfloat16_is_float32_rounded(f, formula, shapes):
    halves = [wf.asarray(x.astype(np.float32)).astype("bfloat16") for x in operands(shapes)]
    got = f(*halves)
    assert got.dtype is wf.bfloat16
    want = np.asarray(f(*[x.astype("float32") for x in halves]))
    size = np.abs(want).max()
    # Functions of several steps round after each of them where they are no composite: a few units of 2^-8.
    np.testing.assert_allclose(np.asarray(got.astype("float32")), want, rtol=2**-5, atol=size * 2**-6)
