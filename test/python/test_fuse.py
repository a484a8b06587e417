"""wf.fuse: one kernel, by itself and inside other functions, or an error with the kernels and the reasons."""

import numpy as np
import pytest
import weft as wf
from weft._src.errors import CompileError

X = np.random.default_rng(4).normal(size=(5, 7)).astype(np.float32)


@wf.fuse
def normed(x):
    return x / wf.sqrt(wf.sum(x * x, axis=-1, keepdims=True))


def plain(x):
    return x / wf.sqrt(wf.sum(x * x, axis=-1, keepdims=True))


def test_it_is_the_function():
    assert np.array_equal(normed(X), wf.jit(plain)(X))
    assert len(normed.explain(X).kernels) == 1
    assert normed(X[:0]).shape == (0, 7) and np.array_equal(normed(X[:1, ::2]), wf.jit(plain)(X[:1, ::2]))
    assert normed.__name__ == "normed"
    assert float(wf.fuse(numerics="strict")(lambda x, n: x * n)(2.0, 3)) == 6


def test_inside_others_it_is_a_kernel_of_its_own():
    around = lambda f: lambda x: wf.exp(f(wf.sin(x)))  # noqa: E731
    one, three = wf.jit(around(plain)), wf.jit(around(normed))
    assert len(one.explain(X).kernels) == 1 and len(three.explain(X).kernels) == 3
    assert np.array_equal(one(X), three(X))
    twice = wf.jit(lambda x: normed(normed(x)))
    assert [k.name for k in twice.explain(X).kernels] == ["k0", "k0"]


def test_derivatives_batches_loops_and_named_sizes():
    total = lambda f: lambda x: wf.sum(f(x) ** 3)  # noqa: E731
    for change in (wf.grad, lambda f: wf.vmap(wf.grad(f)), wf.hessian):
        np.testing.assert_allclose(change(total(normed))(X), change(total(plain))(X), rtol=1e-4, atol=1e-5)
    looped = lambda f: wf.jit(lambda x: wf.fori_loop(0, 3, lambda i, c: f(c) + 1, x))  # noqa: E731
    np.testing.assert_allclose(looped(normed)(X), looped(plain)(X), rtol=1e-6)
    named = wf.jit(lambda x: wf.exp(normed(x)), dims={"x": (wf.Dim("B"), 7)})
    np.testing.assert_allclose(named(X), wf.jit(lambda x: wf.exp(plain(x)))(X), rtol=1e-6)


def refused(f, *args, **options):
    with pytest.raises(CompileError) as caught:
        wf.fuse(f, **options)(*args)
    assert caught.value.code == "WF1508"
    return str(caught.value)


def test_what_cannot_be_one_is_an_error_that_says_why():
    text = refused(lambda x: wf.flip(wf.exp(x)) + x, X)
    assert "k0 exp" in text and "k1" in text and "W221" in text and "test_fuse.py" in text
    assert "W240" in refused(lambda x: (x @ x.mT) @ x, np.ones((300, 300), np.float32))
    assert "svd" in refused(lambda x: wf.linalg.svdvals(x), X)
    assert "in a loop" in refused(lambda x: wf.fori_loop(0, 300, lambda i, c: wf.sin(c) * x, x), X)


def test_inside_others_it_is_refused_too():
    bad = wf.fuse(lambda x: wf.flip(wf.exp(x)) + x)
    for f in (wf.jit(lambda x: bad(x) * 2), wf.grad(lambda x: wf.sum(bad(x))), wf.vmap(bad)):
        with pytest.raises(CompileError) as caught:
            f(X)
        assert caught.value.code == "WF1508"


def test_captured_arrays_that_are_packed_once_do_not_count():
    w = wf.asarray(np.ones((512, 1024), np.float32))
    f = wf.fuse(lambda x: wf.nn.relu(x @ w.T))
    x = np.ones((100, 1024), np.float32)
    assert [k.kept for k in f.explain(x).kernels] == [True, False]
    np.testing.assert_array_equal(f(x), np.full((100, 512), 1024, np.float32))
