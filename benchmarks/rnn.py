"""The gradient of a recurrent net by scan: 128 steps, batch 16, hidden 64 and 256, float32; loss and three gradients.

h' = tanh(x W + h U + b); the loss is the mean of the squares of all h. NumPy's gradient, written by hand, is the check
(in float64) and a row of its own.
"""

from __future__ import annotations

import numpy as np
from harness import Engine, Result, measure, peer, times_faster

TITLE = "Gradient of an RNN scan, 128 steps, batch 16"
STEPS, BATCH = 128, 16


def data(hidden):
    """Weights and inputs: inputs as wide as the state."""
    rng = np.random.default_rng(0)
    scale = 0.8 / np.sqrt(hidden)
    p = {
        "b": np.zeros(hidden),
        "u": rng.standard_normal((hidden, hidden)) * scale,
        "w": rng.standard_normal((hidden, hidden)) * scale,
    }
    xs = rng.standard_normal((STEPS, BATCH, hidden))
    return {k: v.astype(np.float32) for k, v in p.items()}, xs.astype(np.float32)


def loss(p, xs, module, scan):
    """The net in Weft or JAX: they differ in the name of the module and of scan."""

    def cell(h, x):
        h = module.tanh(x @ p["w"] + h @ p["u"] + p["b"])
        return h, h

    _, hs = scan(cell, module.zeros(xs.shape[1:], dtype=module.float32), xs)
    return module.mean(hs * hs)


def numpy_gradient(p, xs):
    """Loss and gradient, in the precision of the arguments."""
    hs = np.zeros((STEPS + 1, *xs.shape[1:]), xs.dtype)
    for t in range(STEPS):
        hs[t + 1] = np.tanh(xs[t] @ p["w"] + hs[t] @ p["u"] + p["b"])
    d = np.zeros_like(xs)
    carried = np.zeros_like(xs[0])
    scale = xs.dtype.type(2 / xs.size)
    for t in reversed(range(STEPS)):
        d[t] = (hs[t + 1] * scale + carried) * (1 - hs[t + 1] ** 2)
        carried = d[t] @ p["u"].T
    flat = d.reshape(-1, d.shape[-1])
    gradient = {
        "b": flat.sum(0),
        "u": hs[:-1].reshape(flat.shape).T @ flat,
        "w": xs.reshape(-1, xs.shape[-1]).T @ flat,
    }
    return np.mean(hs[1:] ** 2), gradient


def _flat(out):
    value, gradient = out
    return [np.asarray(value), *(np.asarray(gradient[k]) for k in "buw")]


def _weft(p, xs):
    def make():
        wf = peer("weft")
        f = wf.jit(wf.value_and_grad(lambda p, xs: loss(p, xs, wf, wf.scan)))
        mine, inputs = {k: wf.asarray(v) for k, v in p.items()}, wf.asarray(xs)
        return lambda: f(mine, inputs)

    return Engine(make, _flat)


def _jax(p, xs):
    def make():
        jax = peer("jax")
        f = jax.jit(jax.value_and_grad(lambda p, xs: loss(p, xs, jax.numpy, jax.lax.scan)))
        mine, inputs = jax.device_put(p), jax.device_put(xs)
        return lambda: f(mine, inputs)

    return Engine(make, _flat, lambda out: out[0].block_until_ready() and out[1]["w"].block_until_ready())


def run(seconds: float) -> Result:
    result = Result("rnn", TITLE)
    for hidden in (64, 256):
        p, xs = data(hidden)
        engines = {
            "weft": _weft(p, xs),
            "jax": _jax(p, xs),
            "numpy (not compiled)": Engine(lambda p=p, xs=xs: lambda: numpy_gradient(p, xs), _flat),
        }
        wanted = _flat(numpy_gradient({k: v.astype(np.float64) for k, v in p.items()}, xs.astype(np.float64)))
        rows = measure(f"hidden {hidden}", engines, wanted=wanted, tolerance=1e-4, unit="ms", seconds=seconds)
        result.rows += rows
        result.targets.append(times_faster(f"hidden {hidden}", rows, "weft", "jax", 2 if hidden == 64 else 1))
    result.targets[1].wanted += " (shown)"
    result.remarks.append("NumPy's gradient of the weights is one product after the loop, the others' one per step.")
    return result
