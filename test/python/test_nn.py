"""Activations, softmax and losses: against their definitions in wide precision, at the ends of the range, gradients."""

import math

import numpy as np
import pytest
import weft as wf
from test_transforms import close, difference

X = np.float64([[-3.0, -0.5, 0.0, 0.25, 2.0], [1.0, 4.0, -2.0, 0.5, -1.0]])


def reference(name, x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return {
        "relu": lambda: np.where(x > 0, x, 0),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "gelu": lambda: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        "softmax": lambda: e / e.sum(-1, keepdims=True),
        "log_softmax": lambda: np.log(e / e.sum(-1, keepdims=True)),
    }[name]()


@pytest.mark.parametrize("name", ["relu", "sigmoid", "gelu", "softmax", "log_softmax"])
def test_values_and_gradients(name):
    f = getattr(wf.nn, name)
    close(f(X), reference(name, X), 1e-14)
    close(wf.jit(f)(X), reference(name, X), 1e-14)
    weights = np.random.default_rng(1).standard_normal(X.shape)
    gradient = wf.grad(lambda x: wf.sum(f(x) * weights))(X)
    shifted = X + 1e-3  # off the corner of relu
    close(
        wf.grad(lambda x: wf.sum(f(x) * weights))(shifted),
        difference(lambda x: (reference(name, x) * weights).sum(), shifted),
        1e-7,
    )
    assert np.isfinite(np.asarray(gradient)).all()


def test_relu_at_the_corner_and_for_nan():
    assert np.asarray(wf.grad(lambda x: wf.sum(wf.nn.relu(x)))(np.float32([-1, 0, 1]))).tolist() == [0, 0, 1]
    assert math.isnan(float(wf.nn.relu(np.float32(math.nan))))
    assert np.asarray(wf.nn.relu(np.int32([-2, 3]))).tolist() == [0, 3]


def test_exact_gelu_uses_the_error_function():
    want = [0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in X[0]]
    close(wf.nn.gelu(X[0], approximate=False), want, 1e-14)


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1)])
def test_axes_of_softmax(axis):
    e = np.exp(X - X.max())
    close(wf.nn.softmax(X, axis=axis), e / e.sum(axis=axis, keepdims=True), 1e-14)
    close(wf.nn.logsumexp(X, axis=axis), np.log(np.exp(X).sum(axis=axis)), 1e-14)
    close(wf.nn.logsumexp(X, axis=axis, keepdims=True), np.log(np.exp(X).sum(axis=axis, keepdims=True)), 1e-14)


def test_nothing_overflows():
    big = np.float32([[1e4, -1e4, 0], [88.8, 88.8, 88.8], [-1e38, 0, 1e38]])
    p = np.asarray(wf.nn.softmax(big))
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-6)
    assert np.isfinite(np.asarray(wf.nn.log_softmax(big[:2]))).all()
    assert float(wf.nn.logsumexp(np.float32([1000, 1000]))) == pytest.approx(1000 + math.log(2), rel=1e-6)
    inf = math.inf
    assert float(wf.nn.logsumexp(np.float32([-inf, -inf]))) == -inf
    assert float(wf.nn.logsumexp(np.float32([inf, 0]))) == inf
    assert np.asarray(wf.nn.softmax(np.float32([-inf, 0, 0]))).tolist() == [0, 0.5, 0.5]


def test_gradient_of_logsumexp_is_softmax():
    close(wf.grad(lambda x: wf.nn.logsumexp(x))(X[0]), reference("softmax", X[0]), 1e-14)


def test_cross_entropy():
    labels = np.int32([3, 1])
    logs = reference("log_softmax", X)
    losses = -logs[[0, 1], labels]
    close(wf.nn.cross_entropy(X, labels), losses.mean(), 1e-14)
    close(wf.nn.cross_entropy(X, labels, reduction="sum"), losses.sum(), 1e-14)
    close(wf.nn.cross_entropy(X, labels, reduction="none"), losses, 1e-14)
    hot = np.eye(5)[labels]
    close(wf.nn.cross_entropy(X, hot), losses.mean(), 1e-14)
    close(wf.grad(wf.nn.cross_entropy)(X, labels), (reference("softmax", X) - hot) / 2, 1e-14)
    close(wf.grad(wf.nn.cross_entropy)(X, hot), (reference("softmax", X) - hot) / 2, 1e-14)
    # A label that is no class adds nothing, and no gradient.
    assert float(wf.nn.cross_entropy(X, np.int32([-1, 5]))) == 0
    assert not np.asarray(wf.grad(wf.nn.cross_entropy)(X, np.int32([-1, 5]))).any()


def test_one_hot():
    assert np.asarray(wf.nn.one_hot(np.uint8([2, 0, 7]), 3)).tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0]]
    assert wf.nn.one_hot(np.int64([[1]]), 2, dtype="bool").dtype == wf.bool
    assert wf.nn.one_hot(np.int8([1]), 0).shape == (1, 0)


@pytest.mark.parametrize(
    "code, f",
    [
        ("WF1012", lambda: wf.nn.cross_entropy(X, np.int32([1, 2, 3]))),
        ("WF1012", lambda: wf.nn.cross_entropy(X, np.zeros((2, 4)))),
        ("WF1012", lambda: wf.nn.cross_entropy(np.float32(1), np.int32(0))),
        ("WF1902", lambda: wf.nn.cross_entropy(X, np.int32([1, 2]), reduction="max")),
        ("WF1022", lambda: wf.nn.one_hot(np.float32([1]), 3)),
        ("WF1902", lambda: wf.nn.one_hot(np.int32([1]), -3)),
        ("WF1002", lambda: wf.nn.softmax(X, axis=2)),
        ("WF1018", lambda: wf.nn.softmax(np.zeros((2, 0)))),
    ],
)
def test_refusals(code, f):
    with pytest.raises(wf.errors.WeftError) as caught:
        f()
    assert caught.value.code == code
