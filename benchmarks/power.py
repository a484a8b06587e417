"""A 10 x 10 float32 matrix to the 100th power: 100 products in order, unrolled in Python.

The benchmark of TensorFlow's guide to graphs and functions (`power(x, y)`: start from the identity, multiply y times),
with floats. The matrix is orthogonal, so that its powers stay in range. Nobody may take the short cut of squaring: in
Weft's kernels the products are counted.
"""

from __future__ import annotations

import numpy as np
from calls import ort_session
from harness import Engine, Result, best, measure, peer, times_faster

TITLE = "10 x 10 matrix to the 100th power, unrolled"
N, POWER = 10, 100
X = np.linalg.qr(np.random.default_rng(0).standard_normal((N, N)))[0].astype(np.float32)


def power(x, one):
    for _ in range(POWER):
        one = x @ one
    return one


def _weft(compiled: bool):
    def make():
        wf = peer("weft")
        x = wf.asarray(X)
        if not compiled:
            one = wf.eye(N)
            return lambda: power(x, one)
        f = wf.jit(lambda x: power(x, wf.eye(N)))
        return lambda: f(x)

    return Engine(make, lambda out: [np.asarray(out)])


def _jax(compiled: bool):
    def make():
        jax = peer("jax")
        x = jax.device_put(X)
        if not compiled:
            one = jax.numpy.eye(N)
            return lambda: power(x, one)
        f = jax.jit(lambda x: power(x, jax.numpy.eye(N)))
        return lambda: f(x)

    return Engine(make, lambda out: [np.asarray(out)], lambda out: out.block_until_ready())


def _torch(compiled: bool):
    def make():
        torch = peer("torch")
        x = torch.from_numpy(X)

        def run(x):
            return power(x, torch.eye(N))

        f = torch.compile(run) if compiled else run
        return lambda: f(x)

    return Engine(make, lambda out: [out.numpy()])


def _onnxruntime():
    onnx, ort = peer("onnx"), peer("onnxruntime")
    h, t = onnx.helper, onnx.TensorProto
    names = ["one", *(f"p{i}" for i in range(1, POWER)), "y"]
    graph = h.make_graph(
        [h.make_node("MatMul", ["x", a], [b]) for a, b in zip(names, names[1:], strict=False)],
        "power",
        [h.make_tensor_value_info("x", t.FLOAT, [N, N])],
        [h.make_tensor_value_info("y", t.FLOAT, [N, N])],
        [h.make_tensor("one", t.FLOAT, [N, N], np.eye(N, dtype=np.float32).ravel())],
    )
    session = ort_session(onnx, ort, graph)
    feed = {"x": X}
    return lambda: session.run(None, feed)


def run(seconds: float) -> Result:
    engines = {
        "weft jit": _weft(True),
        "weft eager": _weft(False),
        "jax jit": _jax(True),
        "jax eager": _jax(False),
        "torch.compile": _torch(True),
        "torch eager": _torch(False),
        "onnxruntime": Engine(_onnxruntime, lambda out: out),
        "numpy (not compiled)": Engine(lambda: lambda: power(X, np.eye(N, dtype=np.float32)), lambda out: [out]),
    }
    wanted = [np.linalg.matrix_power(X.astype(np.float64), POWER)]
    rows = measure("power", engines, wanted=wanted, unit="us", seconds=seconds)
    targets = [times_faster("power", rows, "weft jit", e) for e in ("jax jit", "torch.compile", "onnxruntime")]
    remarks = []
    if (eager := best(rows, "weft eager")) and (jit := best(rows, "weft jit")):
        remarks.append(f"From Weft's eager to its jit: {eager / jit:.1f}x (TensorFlow's guide shows 5x for its own).")
        remarks.append(f"Products in Weft's compiled program: {products()}.")
    return Result("power", TITLE, rows, targets, remarks)


def products() -> int:
    """How many products the compiled program makes: dots of each kernel, times its launches."""
    wf = peer("weft")
    report = wf.jit(lambda x: power(x, wf.eye(N))).explain(X)
    return sum(kernel.ops.count("dot") for kernel in report.kernels)
