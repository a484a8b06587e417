"""A recurrent network through time: the gradient of a scan, as one native program.

A tanh network of 64 units reads 128 steps of 16 sequences and learns to add up what it saw. The loop over time, and its
gradient, run inside one native call: no step returns to Python. Prints the loss and the time of a training step, and of
the same step in JAX where that is installed.

    python examples/rnn.py [--hidden N] [--steps N] [--seed N]
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import weft as wf

LENGTH, BATCH, RATE = 128, 16, 0.01


def init(hidden, seed):
    """Weights that keep the variance of the state, and a read-out."""
    rng = np.random.default_rng(seed)
    return {
        "in": (rng.standard_normal((1, hidden)) * 0.5).astype(np.float32),
        "state": (rng.standard_normal((hidden, hidden)) * 0.9 / np.sqrt(hidden)).astype(np.float32),
        "out": (rng.standard_normal((hidden, 1)) / np.sqrt(hidden)).astype(np.float32),
    }


def data(seed):
    """Sequences of small numbers, time first, and their sums."""
    x = np.random.default_rng(seed).standard_normal((LENGTH, BATCH, 1)).astype(np.float32) / np.sqrt(LENGTH)
    return x.astype(np.float32), x.sum(0)


def loss(p, x, y, xp=wf, scan=wf.scan):
    def cell(h, v):
        return xp.tanh(v @ p["in"] + h @ p["state"]), None

    last, _ = scan(cell, xp.zeros((BATCH, p["state"].shape[0]), dtype=xp.float32), x)
    return xp.mean((last @ p["out"] - y) ** 2)


@wf.jit
def step(p, x, y):
    """One step of gradient descent."""
    value, g = wf.value_and_grad(loss)(p, x, y)
    return wf.tree.map(lambda p, g: p - RATE * g, p, g), value


def jax_step():
    """The same step in JAX; None where it is not installed."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None

    @jax.jit
    def step(p, x, y):
        value, g = jax.value_and_grad(lambda p: loss(p, x, y, jnp, jax.lax.scan))(p)
        return jax.tree.map(lambda p, g: p - RATE * g, p, g), value

    return step


def milliseconds(run, p, x, y, count=30):
    """The median time of a step."""
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        _, value = run(p, x, y)
        value.block_until_ready()
        times.append(time.perf_counter() - begin)
    return sorted(times)[count // 2] * 1e3


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)

    p, (x, y) = init(options.hidden, options.seed), data(options.seed)
    _, first = step(p, x, y)
    trained = p
    for _ in range(options.steps):
        trained, value = step(trained, x, y)
    print(f"loss {float(first):.4f} before, {float(value):.4f} after {options.steps} steps")
    print(f"a step of {LENGTH} steps in time, batch {BATCH}, hidden {options.hidden}:")
    print(f"  weft  {milliseconds(step, p, x, y):7.2f} ms")
    other = jax_step()
    print("  jax   not installed" if other is None else f"  jax   {milliseconds(other, p, x, y):7.2f} ms")
    return 0 if float(value) < float(first) else 1


if __name__ == "__main__":
    sys.exit(main())
