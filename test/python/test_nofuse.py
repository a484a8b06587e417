"""wf.nofuse: a kernel ends there, in what the user wrote and in what is made of it, and nothing else changes."""

import numpy as np
import weft as wf

X = np.random.default_rng(3).normal(size=(5, 7)).astype(np.float32)


def apart(x):
    return wf.sum(wf.tanh(wf.nofuse(wf.exp(x) * 2)))


def together(x):
    return wf.sum(wf.tanh(wf.exp(x) * 2))


def kernels(f, *args):
    return len(wf.jit(f).explain(*args).kernels)


def test_a_kernel_ends_there():
    assert kernels(together, X) == 1 and kernels(apart, X) == 2
    assert np.array_equal(wf.jit(apart)(X), wf.jit(together)(X))


def test_derivatives_and_batches_have_it_too():
    assert kernels(wf.grad(apart), X) > kernels(wf.grad(together), X)
    assert kernels(wf.vmap(apart), X) == 2
    for change in (wf.grad, wf.vmap, lambda f: wf.vmap(wf.grad(f)), wf.hessian):
        assert np.array_equal(wf.jit(change(apart))(X), wf.jit(change(together))(X))
    values = [wf.jit(lambda x, f=f: wf.jvp(f, (x,), (x,)))(X) for f in (apart, together)]
    assert all(np.array_equal(a, b) for a, b in zip(*values, strict=True))


def test_containers_numbers_and_eager():
    out = wf.jit(lambda x: wf.nofuse({"a": x, "b": [2, True]}))(X)
    assert np.array_equal(out["a"], X) and out["b"][0] == 2 and out["b"][1]
    assert wf.nofuse(3) == 3 and wf.nofuse(X) is X
    assert wf.jit(lambda x: wf.nofuse(2) * x)(X.astype(np.float16)).dtype == wf.float16


def test_named_sizes_control_flow_and_empty_arrays():
    f = wf.jit(lambda x: wf.fori_loop(0, 3, lambda i, c: wf.nofuse(c + 1) * 2, x))
    wanted = ((X + 1) * 2 + 1) * 2
    assert np.array_equal(f(X), (wanted + 1) * 2)
    assert f(X[:0]).shape == (0, 7)
    named = wf.jit(lambda x: wf.nofuse(wf.exp(x)) + x).trace(wf.spec((wf.Dim("B"), 7), "float32")).lower().compile()
    for rows in (0, 1, 5):
        np.testing.assert_allclose(named(X[:rows]), np.exp(X[:rows]) + X[:rows], rtol=1e-6)
