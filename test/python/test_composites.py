"""Composites: the named form and the one written out are one program, to the bit; their derivatives and batches."""

import numpy as np
import pytest
import weft as wf

AXES = (-1, 0, (0, 2), (0, 1, 2))


def softmax(x, axis):
    e = wf.exp(x - wf.max(x, axis=axis, keepdims=True))
    return e / wf.sum(e, axis=axis, keepdims=True)


def log_softmax(x, axis):
    shifted = x - wf.max(x, axis=axis, keepdims=True)
    return shifted - wf.log(wf.sum(wf.exp(shifted), axis=axis, keepdims=True))


PAIRS = [(softmax, wf.nn.softmax), (log_softmax, wf.nn.log_softmax)]


def inputs():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 4, (3, 5, 70)).astype(np.float32)
    edge = x.copy()
    edge[0, 0, :4] = np.inf, -np.inf, np.nan, -0.0
    edge[1, 2] = -np.inf
    return [x, edge, x[:1, :1, :1], np.ascontiguousarray(x.T)[:, ::2].T, np.zeros((0, 5, 3), np.float32)]


def same(a, b):
    """Equal bits, all NaN alike."""
    a, b = np.asarray(a), np.asarray(b)
    return (
        a.dtype == b.dtype
        and (np.isnan(a) == np.isnan(b)).all()
        and (np.where(np.isnan(a), 0, a).tobytes() == np.where(np.isnan(b), 0, b).tobytes())
    )


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize(("written", "named"), PAIRS)
def test_both_forms_are_equal_bit_for_bit(written, named, axis):
    def program(form):
        return wf.jit(lambda x: form(x, axis), numerics="strict")

    for x in inputs():
        if x.size:
            assert same(program(written)(x), program(named)(x))
        elif axis == -1:
            assert program(named)(x).shape == x.shape


@pytest.mark.parametrize(("written", "named"), PAIRS)
def test_the_form_written_out_is_recognised(written, named):
    x = inputs()[0]
    assert "weft.softmax" in wf.jit(lambda x: named(x, -1)).lower(x).as_text("resolved")
    # Written out, its steps keep their lines, unless a derivative is asked for.
    assert "weft.softmax" not in wf.jit(lambda x: written(x, -1)).lower(x).as_text("resolved")
    programs = [wf.jit(wf.grad(lambda x, f=f: wf.sum(f(x, -1) * x)), numerics="strict") for f in (written, named)]
    assert all("weft.softmax" in program.lower(x).as_text("resolved") for program in programs)
    assert same(programs[0](x), programs[1](x))


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("named", [wf.nn.softmax, wf.nn.log_softmax])
def test_derivatives_and_batches(named, axis):
    rng = np.random.default_rng(1)
    x, t, g = rng.normal(size=(3, 2, 3, 4))
    p = np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)
    _, tangent = wf.jvp(lambda x: named(x, axis), (x,), (t,))
    _, back = wf.vjp(lambda x: named(x, axis), x)
    if named is wf.nn.softmax:
        want = p * (t - (p * t).sum(axis=axis, keepdims=True))
        cotangent = p * (g - (p * g).sum(axis=axis, keepdims=True))
    else:
        want = t - (p * t).sum(axis=axis, keepdims=True)
        cotangent = g - p * g.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(np.asarray(tangent), want, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(np.asarray(back(g)[0]), cotangent, rtol=1e-12, atol=1e-14)
    batch = np.stack([x, t])
    made = np.asarray(wf.vmap(lambda x: named(x, axis))(batch))
    assert all(same(row, named(x, axis)) for row, x in zip(made, batch, strict=True))
    twice = wf.grad(lambda x: wf.sum(wf.grad(lambda x: wf.sum(named(x, axis) ** 2))(x) * t))(x)
    step = 1e-6
    first = wf.grad(lambda x: wf.sum(named(x, axis) ** 2))
    for at in [(0, 0, 0), (1, 2, 3)]:
        e = np.zeros_like(x)
        e[at] = step
        slope = ((np.asarray(first(x + e)) - np.asarray(first(x - e))) * t).sum() / (2 * step)
        assert abs(slope - np.asarray(twice)[at]) < 1e-6


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_short_floats_round_once(dtype):
    x = wf.asarray(inputs()[0], dtype=dtype)
    wide = wf.nn.softmax(wf.astype(x, "float32"))
    assert same(wf.astype(wf.nn.softmax(x), "float32"), wf.astype(wf.astype(wide, dtype), "float32"))


def test_gelu_keeps_small_values():
    """Where 1 + tanh(u) cancels, the value is right to a few units all the same."""
    x = np.linspace(-6, 6, 100_001).astype(np.float32)
    w = x.astype(np.longdouble)
    right = w / (1 + np.exp(-2 * np.sqrt(2 / np.longdouble(np.pi)) * (w + np.longdouble(0.044715) * w**3)))
    error = np.abs(np.asarray(wf.nn.gelu(x)) - right) / np.spacing(np.abs(right.astype(np.float32)))
    assert error[x > -4].max() <= 32
    assert error.max() <= 64


def test_gelu_at_the_ends():
    x = np.float32([-np.inf, -3e38, -30, -0.0, 0.0, 30, 3e38, np.inf, np.nan])
    made = np.asarray(wf.nn.gelu(x))
    assert np.isnan(made[[0, 8]]).all()  # -inf * 0
    assert made[1:8].tolist() == [0, 0, 0, 0, 30, np.float32(3e38), np.inf]
    assert np.signbit(made[1:4]).all() and not np.signbit(made[4])
