"""Loops that end by a condition: a `while` of 10,000 cheap trips, and vmap of Newton's method over 10,000 starts.

The first is a scalar recurrence: all that is measured is what a trip costs beside its arithmetic. The second finds the
cube root of 10,000 numbers by Newton's method, each until its own step is small; NumPy's loop over masks is a row of
its own, and x ** (1 / 3) in float64 the check.
"""

from __future__ import annotations

import numpy as np
from harness import Engine, Result, measure, peer, times_faster

TITLE = "Loops that end by a condition"
TRIPS, STARTS = 10_000, 10_000


def recurrence(x, while_loop):
    """A contraction to a fixed point, so that numbers stay small; the counter ends it."""
    return while_loop(lambda c: c[1] < TRIPS, lambda c: (c[0] * 0.9997 + 0.25, c[1] + 1), (x, 0))[0]


def newton(a, while_loop, module):
    """The cube root of a from 1, until a step changes it by less than a millionth of itself."""

    def further(c):
        x, step = c
        return module.abs(step) > module.abs(x) * 1e-6

    def better(c):
        x, _ = c
        step = (x * x * x - a) / (3.0 * x * x)
        return x - step, step

    return while_loop(further, better, (a * 0.0 + 1.0, a * 0.0 + 1.0))[0]


def _numpy_newton(a):
    x, step = np.ones_like(a), np.ones_like(a)
    live = np.abs(step) > np.abs(x) * 1e-6
    while live.any():
        new = (x * x * x - a) / (3.0 * x * x)
        step = np.where(live, new, step)
        x = np.where(live, x - new, x)
        live &= np.abs(step) > np.abs(x) * 1e-6
    return x


def _numpy_recurrence(x):
    for _ in range(TRIPS):
        x = x * x.dtype.type(0.9997) + x.dtype.type(0.25)
    return x


def _flat(out):
    return [np.asarray(out)]


def _weft(f, x):
    def make():
        wf = peer("weft")
        g, mine = wf.jit(f(wf)), wf.asarray(x)
        return lambda: g(mine)

    return Engine(make, _flat)


def _jax(f, x):
    def make():
        jax = peer("jax")
        g, mine = jax.jit(f(jax)), jax.device_put(x)
        return lambda: g(mine)

    return Engine(make, _flat, lambda out: out.block_until_ready())


def run(seconds: float) -> Result:
    result = Result("control_flow", TITLE)
    x = np.float32(1.5)
    a = np.random.default_rng(0).uniform(0.1, 50.0, STARTS).astype(np.float32)
    cases = [
        (
            f"while of {TRIPS:,} trips",
            x,
            lambda wf: lambda x: recurrence(x, wf.while_loop),
            lambda jax: lambda x: recurrence(x, jax.lax.while_loop),
            lambda: _numpy_recurrence(x),
            _numpy_recurrence(np.float64(x)),
            1e-3,
        ),
        (
            f"Newton, {STARTS:,} starts",
            a,
            lambda wf: lambda a: wf.vmap(lambda s: newton(s, wf.while_loop, wf))(a),
            lambda jax: lambda a: jax.vmap(lambda s: newton(s, jax.lax.while_loop, jax.numpy))(a),
            lambda: _numpy_newton(a),
            a.astype(np.float64) ** (1 / 3),
            1e-5,
        ),
    ]
    for what, data, ours, theirs, by_numpy, wanted, tolerance in cases:
        engines = {
            "weft": _weft(ours, data),
            "jax": _jax(theirs, data),
            "numpy (not compiled)": Engine(lambda f=by_numpy: f, _flat),
        }
        rows = measure(what, engines, wanted=_flat(wanted), tolerance=tolerance, unit="us", seconds=seconds)
        result.rows += rows
        result.targets.append(times_faster(what, rows, "weft", "jax", 2))
    return result
