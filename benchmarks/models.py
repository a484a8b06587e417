"""The workloads that are no single expression: a training step, an LSTM, GPT-2 small, ResNet-50 (resnet.py).

Decides their programs, their seeded inputs, their checks in float64, and, for those that are more than a function of
arrays to some engine (a gradient, a loop), how that engine says them.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import resnet
from engines import Workload, ort_session
from harness import peer
from spellings import Numpy, Onnx

# The training step of a net 784-512-512-10: three gradients of matrices, three of vectors, and the step itself.
MLP = (784, 512, 512, 10)
MLP_BATCH, RATE = 128, 0.1


def _mlp_inputs():
    rng = np.random.default_rng(0)
    weights = []
    for a, b in zip(MLP, MLP[1:], strict=False):
        weights += [rng.standard_normal((a, b), np.float32) / np.float32(math.sqrt(a)), np.zeros(b, np.float32)]
    x = rng.standard_normal((MLP_BATCH, MLP[0]), np.float32)
    y = np.eye(MLP[-1], dtype=np.float32)[rng.integers(0, MLP[-1], MLP_BATCH)]
    return [x, y, *weights]


def _mlp_logits(relu, x, p):
    for i in range(0, len(p) - 2, 2):
        x = relu(x @ p[i] + p[i + 1])
    return x @ p[-2] + p[-1]


def _mlp_check(x, y, *p):
    activations = [x]
    for i in range(0, len(p) - 2, 2):
        activations.append(np.maximum(activations[-1] @ p[i] + p[i + 1], 0))
    d = (Numpy.softmax(activations[-1] @ p[-2] + p[-1]) - y) / len(x)
    new = list(p)
    for i in reversed(range(0, len(p), 2)):
        a = activations[i // 2]
        new[i], new[i + 1] = p[i] - RATE * (a.T @ d), p[i + 1] - RATE * d.sum(0)
        d = d @ p[i].T * (a > 0)
    return new


def _mlp_weft(*inputs):
    wf = peer("weft")

    def loss(p, x, y):
        return -wf.sum(wf.nn.log_softmax(_mlp_logits(wf.nn.relu, x, p)) * y) / MLP_BATCH

    def step(p, x, y):
        return wf.tree.map(lambda a, g: a - RATE * g, p, wf.grad(loss)(p, x, y))

    f = wf.jit(step)
    x, y, *p = (wf.asarray(a) for a in inputs)
    return functools.partial(f, tuple(p), x, y)


def _mlp_jax(*inputs):
    jax = peer("jax")

    def loss(p, x, y):
        return -(jax.nn.log_softmax(_mlp_logits(jax.nn.relu, x, p)) * y).sum() / MLP_BATCH

    def step(p, x, y):
        return jax.tree.map(lambda a, g: a - RATE * g, p, jax.grad(loss)(p, x, y))

    x, y, *p = inputs
    return step, (tuple(p), x, y)


def _mlp_torch(*inputs):
    torch = peer("torch")

    def loss(p, x, y):
        logits = _mlp_logits(torch.relu, x, p)
        return -(torch.nn.functional.log_softmax(logits, -1) * y).sum() / MLP_BATCH

    def step(p, x, y):
        grads = torch.func.grad(loss)(p, x, y)
        return tuple(a - RATE * g for a, g in zip(p, grads, strict=True))

    f = torch.compile(step)
    x, y, *p = (torch.from_numpy(a) for a in inputs)
    return lambda: f(tuple(p), x, y)


# An LSTM by each engine's own loop: scan, or its LSTM op.
STEPS, LSTM_BATCH, HIDDEN = 128, 16, 256


def _lstm_inputs():
    rng = np.random.default_rng(0)
    scale = np.float32(1 / math.sqrt(HIDDEN))
    xs = rng.standard_normal((STEPS, LSTM_BATCH, HIDDEN), np.float32)
    w, u = (rng.standard_normal((HIDDEN, 4 * HIDDEN), np.float32) * scale for _ in range(2))
    return [xs, w, u, np.zeros(4 * HIDDEN, np.float32)]


def _lstm_check(xs, w, u, b):
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    h = c = np.zeros((LSTM_BATCH, HIDDEN))
    for x in xs:
        i, f, g, o = np.split(x @ w + h @ u + b, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h


def _lstm_scan(m, nn, scan, xs, w, u, b):
    def cell(carry, x):
        h, c = carry
        gates = x @ w + h @ u + b
        i, f, g, o = (gates[:, k * HIDDEN : (k + 1) * HIDDEN] for k in range(4))
        c = nn.sigmoid(f) * c + nn.sigmoid(i) * m.tanh(g)
        return (nn.sigmoid(o) * m.tanh(c), c), None

    zero = m.zeros((LSTM_BATCH, HIDDEN), dtype=m.float32)
    (h, _), _ = scan(cell, (zero, zero), xs)
    return h


def _lstm_weft(*inputs):
    wf = peer("weft")
    f = wf.jit(lambda *a: _lstm_scan(wf, wf.nn, wf.scan, *a))
    return functools.partial(f, *(wf.asarray(a) for a in inputs))


def _lstm_jax(*inputs):
    jax = peer("jax")
    return lambda *a: _lstm_scan(jax.numpy, jax.nn, jax.lax.scan, *a), inputs


def _lstm_torch(xs, w, u, b):
    torch = peer("torch")
    net = torch.nn.LSTM(HIDDEN, HIDDEN)
    with torch.no_grad():
        net.weight_ih_l0.copy_(torch.from_numpy(w.T.copy()))
        net.weight_hh_l0.copy_(torch.from_numpy(u.T.copy()))
        net.bias_ih_l0.copy_(torch.from_numpy(b))
        net.bias_hh_l0.zero_()
    xs = torch.from_numpy(xs)

    def call():
        with torch.no_grad():
            return net(xs)[1][0][0]

    return call


def _lstm_onnx(xs, w, u, b):
    onnx, ort = peer("onnx"), peer("onnxruntime")
    h, t = onnx.helper, onnx.TensorProto

    def iofc(a):  # ONNX's order of gates: input, output, forget, cell
        i, f, g, o = np.split(a.T, 4, 0)
        return np.concatenate([i, o, f, g])[None].copy()

    def tensor(name, a):
        return h.make_tensor(name, t.FLOAT, a.shape, a.tobytes(), raw=True)

    both = np.concatenate([iofc(b[None])[..., 0], np.zeros((1, 4 * HIDDEN), np.float32)], -1)
    graph = h.make_graph(
        [h.make_node("LSTM", ["x", "w", "r", "b"], ["", "h", ""], hidden_size=HIDDEN)], "lstm",
        [h.make_tensor_value_info("x", t.FLOAT, xs.shape)],
        [h.make_tensor_value_info("h", t.FLOAT, [1, LSTM_BATCH, HIDDEN])],
        [tensor("w", iofc(w)), tensor("r", iofc(u)), tensor("b", both)],
    )  # fmt: skip
    session = ort_session(onnx, ort, graph)
    return lambda: session.run(None, {"x": xs})[0][0]


# GPT-2 small, forward, from the token embeddings on; its weights random.
GPT = {"layers": 12, "width": 768, "heads": 12, "words": 50257, "length": 128}


def _gpt_inputs():
    rng = np.random.default_rng(0)
    d = GPT["width"]
    causal = np.triu(np.full((GPT["length"], GPT["length"]), -1e9, np.float32), 1)
    arrays = [rng.standard_normal((GPT["length"], d), np.float32), causal]
    for _ in range(GPT["layers"]):
        for rows, columns in ((d, 3 * d), (d, d), (d, 4 * d), (4 * d, d)):
            arrays.append(rng.standard_normal((rows, columns), np.float32) * np.float32(0.02))
            arrays.append(np.zeros(columns, np.float32))
        arrays += [np.ones(d, np.float32), np.zeros(d, np.float32)] * 2
    head = rng.standard_normal((d, GPT["words"]), np.float32) * np.float32(0.02)
    return [*arrays, np.ones(d, np.float32), np.zeros(d, np.float32), head]


def _gpt(e, x, causal, *p):
    length, d, heads = GPT["length"], GPT["width"], GPT["heads"]
    for i in range(0, 12 * GPT["layers"], 12):
        wqkv, bqkv, wo, bo, w1, b1, w2, b2, s1, o1, s2, o2 = p[i : i + 12]
        qkv = e.reshape(e.layer_norm(x, s1, o1) @ wqkv + bqkv, (length, 3, heads, d // heads))
        q, k, v = (_part(e, qkv, j) for j in range(3))
        mixed = e.reshape(e.permute(e.attention(q, k, v, causal), (1, 0, 2)), (length, d))
        x = x + (mixed @ wo + bo)
        x = x + (e.gelu(e.layer_norm(x, s2, o2) @ w1 + b1) @ w2 + b2)
    return e.layer_norm(x, *p[-3:-1]) @ p[-1]


def _part(e, qkv, j):
    if isinstance(e, Onnx):
        length, _, heads, size = qkv.shape
        one = e.node("Gather", [e.permute(qkv, (1, 2, 0, 3)), e.constant(np.int64(j))], (heads, length, size), axis=0)
        return one
    return e.permute(qkv[:, j], (1, 0, 2))


def _gpt_flops():
    d, n = GPT["width"], GPT["length"]
    return 2.0 * n * (GPT["layers"] * (12 * d * d + 2 * n * d) + d * GPT["words"])


WORKLOADS = [
    Workload(
        "MLP train step", None, _mlp_inputs,
        {"fma": 2.0 * MLP_BATCH * (2 * 784 * 512 + 3 * (512 * 512 + 512 * 10))}, tolerance=1e-5,
        special={"weft": _mlp_weft, "jax": _mlp_jax, "torch.compile": _mlp_torch}, check=_mlp_check,
        without=("onnxruntime",),
    ),
    Workload(
        "LSTM scan 128x16x256", None, _lstm_inputs, {"fma": 2.0 * STEPS * LSTM_BATCH * 8 * HIDDEN * HIDDEN}, weights=3,
        special={"weft": _lstm_weft, "jax": _lstm_jax, "torch.compile": _lstm_torch, "onnxruntime": _lstm_onnx},
        check=_lstm_check,
    ),
    Workload("GPT-2 small, 128 tokens", _gpt, _gpt_inputs, {"fma": _gpt_flops()}, weights=12 * 12 + 3, tolerance=1e-4),
    Workload(
        "ResNet-50, batch 1", resnet.forward, resnet.inputs, {"fma": resnet.flops()},
        weights=len(resnet.shapes()), tolerance=1e-4,
    ),
]  # fmt: skip
