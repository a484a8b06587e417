"""Handwritten digits: a classifier with two hidden layers, trained by one native program per step.

Loads the 1,797 digits that come with scikit-learn (8 x 8 pixels, real data, no download); every fifth is the test set.
Shows a progress bar and the accuracy, times the training step beside the same step in NumPy (and in JAX, where that is
installed), and writes a page with the program's graph before and after optimisation.

    python examples/digits.py [--seed N] [--epochs N] [--no-page] [--page FILE]
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import weft as wf

SIZES = (64, 128, 64, 10)
BATCH = 128
RATE, DECAY1, DECAY2, EPSILON = 2e-3, 0.9, 0.999, 1e-8  # Adam: Kingma and Ba, 2015; the last three are theirs


def load():
    """Training pixels and labels, test pixels and labels; pixels as float32 from 0 to 1."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("this example's data comes with scikit-learn: pip install scikit-learn")
    data = load_digits()
    x, y = (data.data / 16.0).astype(np.float32), data.target.astype(np.int32)
    test = np.arange(len(x)) % 5 == 0
    return x[~test], y[~test], x[test], y[test]


def init(seed):
    """The first weights: normal, scaled so that the variance stays through relu (He et al., 2015)."""
    rng = np.random.default_rng(seed)
    p = {}
    for i, (n, m) in enumerate(zip(SIZES, SIZES[1:], strict=False), 1):
        p[f"w{i}"] = (rng.standard_normal((n, m)) * np.sqrt(2 / n)).astype(np.float32)
        p[f"b{i}"] = np.zeros(m, np.float32)
    return p


# ------------------------------------------------------------------------------------------------------------ in Weft


def predict(p, x):
    h = wf.nn.relu(x @ p["w1"] + p["b1"])
    h = wf.nn.relu(h @ p["w2"] + p["b2"])
    return h @ p["w3"] + p["b3"]


def loss(p, x, y):
    return wf.nn.cross_entropy(predict(p, x), y)


@wf.jit(donate="state")
def step(state, x, y):
    """One step of Adam; the old state is used up."""
    p, m, v, t = state
    value, g = wf.value_and_grad(loss)(p, x, y)
    t = t + 1
    m = wf.tree.map(lambda m, g: DECAY1 * m + (1 - DECAY1) * g, m, g)
    v = wf.tree.map(lambda v, g: DECAY2 * v + (1 - DECAY2) * g * g, v, g)
    rate = RATE * wf.sqrt(1 - DECAY2**t) / (1 - DECAY1**t)
    p = wf.tree.map(lambda p, m, v: p - rate * m / (wf.sqrt(v) + EPSILON), p, m, v)
    return (p, m, v, t), value


logits = wf.jit(predict)


def start(p):
    """Adam's state before the first step."""
    zeros = {k: np.zeros_like(w) for k, w in p.items()}
    return p, zeros, {k: w.copy() for k, w in zeros.items()}, np.float32(0)


# ----------------------------------------------------------------------------------------------------------- in NumPy


def numpy_step(state, x, y):
    """The same step, its gradient written by hand."""
    p, m, v, t = state
    a1 = x @ p["w1"] + p["b1"]
    h1 = np.maximum(a1, 0)
    a2 = h1 @ p["w2"] + p["b2"]
    h2 = np.maximum(a2, 0)
    logits = h2 @ p["w3"] + p["b3"]
    shifted = logits - logits.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    rows = np.arange(len(y))
    value = -logs[rows, y].mean()
    d3 = np.exp(logs)
    d3[rows, y] -= 1
    d3 /= len(y)
    d2 = (d3 @ p["w3"].T) * (a2 > 0)
    d1 = (d2 @ p["w2"].T) * (a1 > 0)
    g = {"w1": x.T @ d1, "b1": d1.sum(0), "w2": h1.T @ d2, "b2": d2.sum(0), "w3": h2.T @ d3, "b3": d3.sum(0)}
    t = t + np.float32(1)
    m = {k: DECAY1 * m[k] + (1 - DECAY1) * g[k] for k in g}
    v = {k: DECAY2 * v[k] + (1 - DECAY2) * g[k] * g[k] for k in g}
    rate = np.float32(RATE) * np.sqrt(1 - np.float32(DECAY2) ** t) / (1 - np.float32(DECAY1) ** t)
    p = {k: p[k] - rate * m[k] / (np.sqrt(v[k]) + EPSILON) for k in g}
    return (p, m, v, t), value


# ------------------------------------------------------------------------------------------------------------- in JAX


def jax_step():
    """The same step in JAX, compiled; None where JAX is not installed."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None

    def predict(p, x):
        h = jax.nn.relu(x @ p["w1"] + p["b1"])
        h = jax.nn.relu(h @ p["w2"] + p["b2"])
        return h @ p["w3"] + p["b3"]

    def loss(p, x, y):
        logs = jax.nn.log_softmax(predict(p, x))
        return -jnp.take_along_axis(logs, y[:, None], 1).mean()

    @jax.jit
    def step(state, x, y):
        p, m, v, t = state
        value, g = jax.value_and_grad(loss)(p, x, y)
        t = t + 1
        m = jax.tree.map(lambda m, g: DECAY1 * m + (1 - DECAY1) * g, m, g)
        v = jax.tree.map(lambda v, g: DECAY2 * v + (1 - DECAY2) * g * g, v, g)
        rate = RATE * jnp.sqrt(1 - DECAY2**t) / (1 - DECAY1**t)
        p = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), p, m, v)
        return (p, m, v, t), value

    return step


# ----------------------------------------------------------------------------------------------------------- training


def train(run, state, x, y, epochs, seed, label):
    """Trains with `run`, a function of (state, x, y); returns the last state and loss."""
    rng = np.random.default_rng(seed)
    batches = len(x) // BATCH
    value = float("nan")
    with bar(epochs * batches, label) as progress:
        for _ in range(epochs):
            order = rng.permutation(len(x))
            for i in range(batches):
                chosen = order[i * BATCH : (i + 1) * BATCH]
                state, value = run(state, x[chosen], y[chosen])
                progress(float(value))
    return state, float(value)


class bar:
    """tqdm's bar where that is installed, else Weft's own."""

    def __init__(self, total, label):
        self.total, self.label = total, label

    def __enter__(self):
        try:
            from tqdm import tqdm

            inner = self.inner = tqdm(total=self.total, desc=self.label, unit="step")

            def show(value):
                inner.set_postfix_str(f"loss {value:.4f}", refresh=False)
                inner.update()
        except ImportError:
            from weft._src.progress import Progress

            inner = self.inner = Progress(self.label, self.total)

            def show(value):
                inner.step(f"loss {value:.4f}")

        return show

    def __exit__(self, *_):
        self.inner.close()


def accuracy(logits, y):
    return float((np.asarray(logits).argmax(-1) == y).mean())


def time_per_step(run, make_state, x, y, seconds=0.5):
    """The median time of a step in microseconds, after a few that do not count."""
    state = make_state()
    for _ in range(3):
        state, value = run(state, x, y)
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        state, value = run(state, x, y)
        getattr(value, "block_until_ready", lambda: None)()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2] * 1e6


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--page", default="digits.html", help="where the picture of the program goes")
    parser.add_argument("--no-page", action="store_true", help="write no page")
    options = parser.parse_args(argv)

    x, y, test_x, test_y = load()
    p = init(options.seed)
    begin = time.perf_counter()
    state, value = step(start(p), x[:BATCH], y[:BATCH])
    print(f"first step (trace, compile, run): {(time.perf_counter() - begin) * 1e3:.0f} ms")
    begin = time.perf_counter()
    state, value = train(step, start(p), x, y, options.epochs, options.seed, "train")
    took = time.perf_counter() - begin
    reached = accuracy(logits(state[0], test_x), test_y)
    print(f"{options.epochs} epochs in {took:.2f} s, loss {value:.4f}, test accuracy {reached:.2%}")

    print("time per step, batch of 128:")
    batch = x[:BATCH], y[:BATCH]
    engines = {"weft": step, "numpy": numpy_step, "jax": jax_step()}
    for name, run in engines.items():
        if run is None:
            print(f"  {name:6} not installed")
        else:
            print(f"  {name:6} {time_per_step(run, lambda: start(p), *batch):8.1f} us")

    if not options.no_page:
        step.show(start(p), *batch, path=options.page, open=False)
        print(f"the program's graph: {options.page}")
    return 0 if reached >= 0.97 else 1


if __name__ == "__main__":
    sys.exit(main())
