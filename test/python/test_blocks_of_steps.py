"""Loops whose hoisted products are made for blocks of steps (weft-hoist) give what they gave, and need less memory."""

import numpy as np
import pytest
import weft as wf
from running import Built, same_bits
from weft._src import dtypes

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("steps", [96, 97, 128])
@pytest.mark.parametrize("reverse", [False, True])
def test_values(steps, reverse):
    h, xs = RNG.normal(size=(32, 48)).astype("f"), RNG.normal(size=(steps, 32, 40)).astype("f")
    w, u = RNG.normal(size=(40, 96)).astype("f") / 9, RNG.normal(size=(48, 96)).astype("f") / 9

    def f(h, xs, w, u):
        def cell(h, x):
            both = x @ w + h @ u
            new = wf.tanh(both[:, :48]) * both[:, 48:]
            return new, (new, x[0])

        last, (rows, firsts) = wf.scan(cell, h, xs, reverse=reverse)
        return last, rows, firsts

    built = Built(f, [(a.shape, dtypes.float32) for a in (h, xs, w, u)])
    for got, want in zip(built.native(h, xs, w, u), built.reference(h, xs, w, u), strict=True):
        same_bits(got, want)
    loops = wf.jit(f).lower(h, xs, w, u).as_text("optimized").count("weft.for")
    assert loops == (1 if steps == 97 else 2)  # 96 rows of 12 KB: above 1 MiB


def test_gradients_are_those_of_each_step_alone():
    xs, w = RNG.normal(size=(128, 64, 32)), RNG.normal(size=(32, 64)) / 6

    def f(w, hoisted):
        def cell(c, x):
            y = x @ w if hoisted else x @ (w + 0 * c[0, 0])
            return wf.tanh(c * 0.5 + y), None

        return wf.sum(wf.scan(cell, np.zeros((64, 64)), xs)[0])

    want = wf.grad(lambda w: f(w, False))(w)
    np.testing.assert_allclose(wf.grad(lambda w: f(w, True))(w), want, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(wf.jit(wf.grad(lambda w: f(w, True)))(w), want, rtol=1e-11, atol=1e-11)


def test_memory_is_that_of_a_block():
    xs, w = np.ones((256, 64, 64), np.float32), np.ones((64, 256), np.float32)

    def f(xs, w):
        return wf.scan(lambda c, x: (wf.tanh(c + x @ w), None), np.zeros((64, 256), np.float32), xs)[0]

    told = wf.jit(f).explain(xs, w)
    assert told.memory.arena < 3 << 19  # the products of all steps: 16 MB
    np.testing.assert_allclose(wf.jit(f)(xs, w), np.ones((64, 256), np.float32), rtol=1e-6)
