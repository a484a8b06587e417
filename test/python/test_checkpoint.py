"""checkpoint and max_bytes: the same values, fewer bytes kept, and nothing merged back."""

import numpy as np
import pytest
import weft as wf
from weft import errors

RNG = np.random.default_rng(7)
POLICIES = ["nothing", "everything", "dots", ("hidden",)]


def layer(x, w):
    h = wf.checkpoint_name(wf.tanh(x @ w), "hidden")
    return wf.sin(h * h) + x


def network(layer, layers=6):
    def loss(ws, x):
        for i in range(layers):
            x = layer(x, ws[i])
        return wf.sum(x * x)

    return loss


def arguments(n=6, rows=64, width=32):
    return [RNG.normal(0, 0.3, (width, width)) for _ in range(n)], RNG.normal(size=(rows, width))


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_values_and_derivatives_are_the_same(policy):
    ws, x = arguments(3, 5, 4)
    plain, again = network(layer, 3), network(wf.checkpoint(layer, policy=policy), 3)
    close(wf.jit(again)(ws, x), wf.jit(plain)(ws, x), 0)
    for a, b in zip(wf.grad(again)(ws, x), wf.grad(plain)(ws, x), strict=True):
        close(a, b)
    t = RNG.normal(size=x.shape)
    close(wf.jvp(lambda x: again(ws, x), (x,), (t,))[1], wf.jvp(lambda x: plain(ws, x), (x,), (t,))[1])

    def second(f):
        return wf.grad(lambda x: wf.sum(wf.grad(f, argnums=1)(ws, x) ** 2))(x)

    close(second(again), second(plain), 1e-10)
    batch = RNG.normal(size=(3, 5, 4))
    close(
        wf.vmap(wf.grad(again, argnums=1), in_axes=(None, 0))(ws, batch),
        wf.vmap(wf.grad(plain, argnums=1), in_axes=(None, 0))(ws, batch),
    )


def peak(f, *args):
    return wf.jit(f).explain(*args).memory.arena


def test_fewer_bytes_are_kept():
    ws, x = arguments(12, 256, 32)
    plain = peak(wf.grad(network(layer, 12)), ws, x)
    nothing = peak(wf.grad(network(wf.checkpoint(layer), 12)), ws, x)
    dots = peak(wf.grad(network(wf.checkpoint(layer, policy="dots"), 12)), ws, x)
    everything = peak(wf.grad(network(wf.checkpoint(layer, policy="everything"), 12)), ws, x)
    # Kept per layer: its input, and with "dots" its product.
    row = x.nbytes
    assert nothing < dots - 8 * row and dots <= everything and nothing < plain - 8 * row
    # The whole network at once keeps nothing but the arguments, and computes it again at one go.
    assert peak(wf.grad(wf.checkpoint(network(layer, 12))), ws, x) >= nothing


def test_a_scan_keeps_its_carries_only():
    def step(c, _):
        h = wf.tanh(c * 1.5)
        return wf.sin(h * h) * wf.sum(h), None

    def total(step):
        return lambda c: wf.sum(wf.scan(step, c, length=50)[0])

    x = RNG.normal(size=(64,))
    again = wf.checkpoint(step)
    close(wf.grad(total(again))(x), wf.grad(total(step))(x))
    assert peak(wf.grad(total(again)), x) <= peak(wf.grad(total(step)), x)


def test_ops_computed_again_are_not_merged():
    def f(x):
        return wf.sum(wf.sin(wf.sum(x, axis=0, keepdims=True) * x))

    x = RNG.normal(size=(8, 8))
    text = wf.jit(wf.grad(wf.checkpoint(f))).lower(x).as_text("optimized")
    assert text.count("weft.recompute") == 1
    kernels = wf.jit(wf.grad(wf.checkpoint(f))).lower(x).as_text("kernels")
    assert "weft.recompute" not in kernels


def test_the_bound_is_kept_and_monotone():
    ws, x = arguments(8, 128, 16)
    f = network(layer, 8)
    expected = wf.grad(f)(ws, x)
    peaks = []
    for bound in (0, 20_000, 60_000, 120_000, 10_000_000, None):
        g = wf.grad(f, max_bytes=bound)
        for a, b in zip(g(ws, x), expected, strict=True):
            close(a, b)
        text = wf.jit(g).trace(ws, x).as_text()
        assert (f"max_bytes = {bound} : i64" in text) == (bound is not None)
        peaks.append(residual_bytes(g, ws, x))
    bounds = (0, 20_000, 60_000, 120_000, 10_000_000)
    assert all(p <= b for p, b in zip(peaks, bounds, strict=False)), peaks
    assert peaks == sorted(peaks) and len(set(peaks)) >= 4
    value, _ = wf.value_and_grad(f, max_bytes=0)(ws, x)
    close(value, f(ws, x))


def residual_bytes(g, *args):
    """The bytes of the values that the forward function hands to the backward one, beside its result."""
    import re

    text = wf.jit(g).lower(*args).as_text("resolved")
    (results,) = re.findall(r"func.func private @loss\.fwd\([^)]*\) -> \(?([^{]*?)\)? (?:attributes )?{", text)
    total = 0
    for sizes in re.findall(r"tensor<((?:\d+x)*)f64", results):
        total += 8 * int(np.prod([int(n) for n in sizes.split("x")[:-1]], initial=1))
    return total - 8  # the result


@pytest.mark.parametrize(
    "call, code",
    [
        (lambda: wf.checkpoint(lambda x: x, policy="some"), "WF1309"),
        (lambda: wf.checkpoint(lambda x: x, policy=[1]), "WF1309"),
        (lambda: wf.grad(lambda x: x, max_bytes=-1), "WF1212"),
        (lambda: wf.grad(lambda x: x, max_bytes="much"), "WF1212"),
    ],
)
def test_what_is_no_policy_is_told(call, code):
    with pytest.raises(errors.WeftError) as caught:
        call()
    assert caught.value.code == code


def test_python_numbers_stay_what_they_are():
    @wf.checkpoint
    def f(x, axis, keep=False):
        return wf.sum(x, axis=axis, keepdims=keep)

    assert wf.jit(lambda x: f(x, 1, keep=True))(np.ones((2, 3))).shape == (2, 1)
    close(wf.grad(lambda x: wf.sum(f(x, 0) ** 2))(np.ones((2, 3))), 4 * np.ones((2, 3)))


def test_what_is_read_has_its_gradient():
    def f(k):
        return wf.sum(wf.checkpoint(lambda x: wf.sin(x * k))(wf.ones((3,), dtype="float64")))

    close(wf.grad(f)(np.float64(0.5)), 3 * np.cos(0.5))


def test_named_sizes():
    f = wf.checkpoint(lambda x: wf.sum(wf.sin(wf.exp(x))))
    g = wf.jit(wf.grad(f), dims={"x": (wf.Dim("B"), 3)})
    for n in (1, 4):
        x = RNG.normal(size=(n, 3))
        close(g(x), np.cos(np.exp(x)) * np.exp(x))
