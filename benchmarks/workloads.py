#!/usr/bin/env python3
"""Whole workloads beside peers and beside the machine's limit, in one run, in turns, checked against float64.

    python benchmarks/workloads.py [names] [--seconds S] [--engines weft,limit,jax,...]
    python benchmarks/workloads.py --save    # commits the ratios, and writes the table of benchmarks/README.md
    python benchmarks/workloads.py --gate    # exit 1 where a ratio is worse than committed by more than noise

Decides the workloads: each is one program written once for every engine (`Engine modules` below name the few functions
that differ), its inputs (seeded), and what bounds it: so many fused products, so many bytes read, copied or added. The
limit is a row like any other: a loop of only those (`limits.cpp`), by as many threads, in the same turns.
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import functools
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import machine
import numpy as np
import resnet
from harness import Engine, Result, Row, measure, peer

HERE = pathlib.Path(__file__).resolve().parent
COMMITTED = HERE / "workloads.json"
README = HERE / "README.md"
BEGIN, END = "<!-- workloads.py --save writes from here -->", "<!-- to here: workloads.py -->"
THREADS = int(os.environ.get("WEFT_NUM_THREADS", len(os.sched_getaffinity(0))))

# ------------------------------------------------------------------------------------------------- engine modules
# What programs call where engines differ in name; all else is operators and methods that they share.


class Numpy:
    """The check, in float64."""

    @staticmethod
    def softmax(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    @staticmethod
    def gelu(x):
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    @staticmethod
    def layer_norm(x, scale, bias):
        mean = x.mean(-1, keepdims=True)
        return (x - mean) / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * scale + bias

    @staticmethod
    def attention(q, k, v, mask=None):
        scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]))
        return Numpy.softmax(scores if mask is None else scores + mask) @ v

    @staticmethod
    def permute(x, order):
        return np.transpose(x, order)

    @staticmethod
    def conv(x, w, stride, padding):
        windows = Numpy._windows(x, w.shape[-1], stride, padding, 0)
        return np.moveaxis(np.tensordot(windows, w, ([1, 4, 5], [1, 2, 3])), -1, 1)

    @staticmethod
    def max_pool(x, size, stride, padding):
        return Numpy._windows(x, size, stride, padding, -np.inf).max((-1, -2))

    @staticmethod
    def _windows(x, size, stride, padding, value):
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=value)
        return np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))[:, :, ::stride, ::stride]

    @staticmethod
    def relu(x):
        return np.maximum(x, 0)

    @staticmethod
    def product_of_bytes(a, b):
        return a @ b

    reshape, sum, mean = staticmethod(np.reshape), staticmethod(np.sum), staticmethod(np.mean)


class _ArrayModule(Numpy):
    """Weft, and JAX where it has no better name for something."""

    m: Any

    def __init__(self, m, nn):
        self.m, self.nn = m, nn

    def softmax(self, x):
        return self.nn.softmax(x)

    def gelu(self, x):
        return self.nn.gelu(x)

    def layer_norm(self, x, scale, bias):
        mean = self.m.mean(x, axis=-1, keepdims=True)
        centred = x - mean
        variance = self.m.mean(centred * centred, axis=-1, keepdims=True)
        return centred / self.m.sqrt(variance + 1e-5) * scale + bias

    def attention(self, q, k, v, mask=None):
        scores = q @ self.m.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]))
        return self.nn.softmax(scores if mask is None else scores + mask) @ v

    def permute(self, x, order):
        return self.m.permute_dims(x, order)

    def reshape(self, x, shape):
        return self.m.reshape(x, shape)

    def sum(self, x, axis=None):
        return self.m.sum(x, axis=axis)

    def mean(self, x, axis):
        return self.m.mean(x, axis=axis)

    def relu(self, x):
        return self.nn.relu(x)

    def product_of_bytes(self, a, b):
        return a.astype(self.m.int32) @ b.astype(self.m.int32)

    def conv(self, x, w, stride, padding):
        return self.nn.conv2d(x, w, stride=stride, padding=padding)

    def max_pool(self, x, size, stride, padding):
        return self.nn.max_pool(x, (size, size), stride=stride, padding=padding)


class _Jax(_ArrayModule):
    def product_of_bytes(self, a, b):
        return self.m.matmul(a, b, preferred_element_type=self.m.int32)

    def conv(self, x, w, stride, padding):
        return peer("jax").lax.conv(x, w, (stride, stride), [(padding, padding)] * 2)

    def max_pool(self, x, size, stride, padding):
        lax, (h, w) = peer("jax").lax, ((padding, padding),) * 2
        return lax.reduce_window(
            x, -np.inf, lax.max, (1, 1, size, size), (1, 1, stride, stride), [(0, 0), (0, 0), h, w]
        )


class _Torch:
    def __init__(self, torch):
        self.t, self.f = torch, torch.nn.functional

    def softmax(self, x):
        return self.f.softmax(x, -1)

    def gelu(self, x):
        return self.f.gelu(x, approximate="tanh")

    def layer_norm(self, x, scale, bias):
        return self.f.layer_norm(x, x.shape[-1:], scale, bias)

    def attention(self, q, k, v, mask=None):
        return self.f.scaled_dot_product_attention(q, k, v, mask)

    def permute(self, x, order):
        return x.permute(order)

    def product_of_bytes(self, a, b):
        return self.t._int_mm(a, b)

    def reshape(self, x, shape):
        return x.reshape(shape)

    def sum(self, x, axis=None):
        return self.t.sum(x) if axis is None else self.t.sum(x, axis)

    def mean(self, x, axis):
        return self.t.mean(x, axis)

    def relu(self, x):
        return self.f.relu(x)

    def conv(self, x, w, stride, padding):
        return self.f.conv2d(x, w, stride=stride, padding=padding)

    def max_pool(self, x, size, stride, padding):
        return self.f.max_pool2d(x, size, stride, padding)


class _OnnxValue:
    """A value of an ONNX graph under construction: each operator and function adds a node."""

    def __init__(self, graph, name, shape, dtype=np.float32):
        self.graph, self.name, self.shape, self.dtype = graph, name, shape, np.dtype(dtype)

    def __add__(self, other):
        return self.graph.node("Add", [self, other])

    def __mul__(self, other):
        return self.graph.node("Mul", [self, other])

    def __matmul__(self, other):
        return self.graph.node("MatMul", [self, other])


class _Onnx:
    """Builds a graph by the same programs; ONNX has no shapes here, so values carry those of the float64 run."""

    def __init__(self, onnx):
        self.h, self.t = onnx.helper, onnx.TensorProto
        self.nodes, self.constants, self.n = [], [], 0

    def constant(self, value):
        value = np.asarray(value)
        self.n += 1
        kind = self.t.INT64 if value.dtype == np.int64 else self.t.FLOAT
        self.constants.append(self.h.make_tensor(f"c{self.n}", kind, value.shape, value.tobytes(), raw=True))
        return _OnnxValue(self, f"c{self.n}", value.shape)

    def node(self, op, inputs, shape=None, **attributes):
        inputs = [x if isinstance(x, _OnnxValue) else self.constant(np.float32(x)) for x in inputs]
        self.n += 1
        self.nodes.append(self.h.make_node(op, [x.name for x in inputs], [f"v{self.n}"], **attributes))
        if shape is None:
            a, b = inputs[0].shape, inputs[-1].shape
            both = op.startswith("MatMul")
            shape = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1]) if both else np.broadcast_shapes(a, b)
        return _OnnxValue(self, f"v{self.n}", shape)

    def softmax(self, x):
        return self.node("Softmax", [x], x.shape, axis=-1)

    def gelu(self, x):
        return self.node("Gelu", [x], x.shape, approximate="tanh")

    def layer_norm(self, x, scale, bias):
        return self.node("LayerNormalization", [x, scale, bias], x.shape, axis=-1, epsilon=1e-5)

    def attention(self, q, k, v, mask=None):
        order = (*range(len(k.shape) - 2), len(k.shape) - 1, len(k.shape) - 2)
        scores = q @ self.permute(k, order) * (1 / math.sqrt(q.shape[-1]))
        return self.softmax(scores if mask is None else scores + mask) @ v

    def product_of_bytes(self, a, b):
        sums = self.node("MatMulInteger", [a, b])
        sums.dtype = np.dtype(np.int32)
        return sums

    def permute(self, x, order):
        return self.node("Transpose", [x], tuple(x.shape[i] for i in order), perm=list(order))

    def reshape(self, x, shape):
        return self.node("Reshape", [x, self.constant(np.int64(shape))], tuple(shape))

    def sum(self, x, axis=None):
        axes = list(range(len(x.shape))) if axis is None else [axis]
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        return self.node("ReduceSum", [x, self.constant(np.int64(axes))], shape, keepdims=0)

    def mean(self, x, axis):
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axis)
        return self.node("ReduceMean", [x, self.constant(np.int64(axis))], shape, keepdims=0)

    def relu(self, x):
        return self.node("Relu", [x], x.shape)

    def conv(self, x, w, stride, padding):
        steps = self._steps(x, w.shape[-1], stride, padding)
        places = {"strides": [stride] * 2, "pads": [padding] * 4}
        return self.node("Conv", [x, w], (x.shape[0], w.shape[0], *steps), **places)

    def max_pool(self, x, size, stride, padding):
        steps = self._steps(x, size, stride, padding)
        places = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [padding] * 4}
        return self.node("MaxPool", [x], (*x.shape[:2], *steps), **places)

    @staticmethod
    def _steps(x, size, stride, padding):
        return [(n + 2 * padding - size) // stride + 1 for n in x.shape[2:]]


# ------------------------------------------------------------------------------------------------------ workloads


@dataclasses.dataclass
class Workload:
    """A program, its inputs, and its bounds.

    Attributes:
        program: `(engine module, *inputs) -> array or tuple of arrays`. inputs: makes the arrays.
        bounds: what any engine must do, as {"fma": flops, "bytes"/"halves": operations on int8 or bf16,
            "read"/"copy"/"add": floats}; the limit is the slowest.
        weights: how many of the inputs, from the end, are weights: constants to ONNX Runtime and torch.
        special: engine name -> function of the inputs that returns the call, where the engine has its own way.
        without: engines that do not take part.
    """

    name: str
    program: Callable[..., Any]
    inputs: Callable[[], list[np.ndarray]]
    bounds: dict[str, float]
    weights: int = 0
    tolerance: float = 1e-5
    special: dict[str, Callable[..., Any]] = dataclasses.field(default_factory=dict)
    check: Callable[..., Any] | None = None
    without: tuple[str, ...] = ()


def normal(*shapes, scale=1.0, dtype=np.float32):
    def make():
        rng = np.random.default_rng(0)
        return [(rng.standard_normal(shape, np.float32) * np.float32(scale)).astype(dtype) for shape in shapes]

    return make


def _matmul(m, n, k, **rest):
    bounds = {"fma": 2.0 * m * n * k, "read": m * k + k * n}
    return Workload(f"matmul {m}x{n}x{k}", lambda e, a, b: a @ b, normal((m, k), (k, n)), bounds, **rest)


def _halves():
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def _bf16(name, program, *shapes, bounds):
    """In bf16: results within a rounding of the exact ones; ONNX Runtime has no kernels for it on CPUs."""
    return Workload(
        f"{name}, bf16", program, lambda: normal(*shapes, dtype=_halves())(), bounds, tolerance=2.0**-8,
        without=("onnxruntime",),
    )  # fmt: skip


def _bytes(m, n, k):
    def inputs():
        rng = np.random.default_rng(0)
        return [rng.integers(-128, 128, shape).astype(np.int8) for shape in ((m, k), (k, n))]

    return Workload(
        f"matmul {m}x{n}x{k}, int8", lambda e, a, b: e.product_of_bytes(a, b), inputs, {"bytes": 2.0 * m * n * k},
        tolerance=0.0,
    )  # fmt: skip


def _softmax(rows, width):
    return Workload(f"softmax {rows}x{width}", lambda e, x: e.softmax(x), normal((rows, width)), {"copy": rows * width})


def _layer_norm(rows, width):
    return Workload(
        f"layer norm {rows}x{width}", lambda e, x, s, b: e.layer_norm(x, s, b),
        normal((rows, width), (width,), (width,)), {"copy": rows * width},
    )  # fmt: skip


def _attention(heads, length, size):
    shape = (heads, length, size)
    return Workload(
        f"attention {heads}x{length}x{size}", lambda e, q, k, v: e.attention(q, k, v), normal(shape, shape, shape),
        {"fma": 4.0 * heads * length * length * size},
    )  # fmt: skip


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

    f = jax.jit(step)
    x, y, *p = (jax.device_put(a) for a in inputs)
    return lambda: jax.block_until_ready(f(tuple(p), x, y))


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
    f = jax.jit(lambda *a: _lstm_scan(jax.numpy, jax.nn, jax.lax.scan, *a))
    inputs = [jax.device_put(a) for a in inputs]
    return lambda: f(*inputs).block_until_ready()


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
    session = _ort_session(onnx, ort, graph)
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
    if isinstance(e, _Onnx):
        length, _, heads, size = qkv.shape
        one = e.node("Gather", [e.permute(qkv, (1, 2, 0, 3)), e.constant(np.int64(j))], (heads, length, size), axis=0)
        return one
    return e.permute(qkv[:, j], (1, 0, 2))


def _gpt_flops():
    d, n = GPT["width"], GPT["length"]
    return 2.0 * n * (GPT["layers"] * (12 * d * d + 2 * n * d) + d * GPT["words"])


def _conv(channels, features, size, window, stride=1):
    steps = -(-size // stride)
    return Workload(
        f"conv {channels}-{features} {size}x{size}, {window}x{window}" + f"/{stride}" * (stride > 1),
        lambda e, x, w: e.conv(x, w, stride, window // 2),
        normal((1, channels, size, size), (features, channels, window, window)),
        {"fma": 2.0 * channels * features * window**2 * steps**2}, weights=1,
    )  # fmt: skip


def _jax_double(a, b):
    jax = peer("jax")
    with jax.enable_x64(True):
        mine = [jax.device_put(x) for x in (a, b)]
    f = jax.jit(lambda a, b: a @ b)

    def call():
        with jax.enable_x64(True):  # a part of what f is compiled for, at its first call
            return f(*mine).block_until_ready()

    return call


def _causal(heads, length, size):
    shape = (heads, length, size)

    def inputs():
        return [*normal(shape, shape, shape)(), np.triu(np.full((length, length), -1e9, np.float32), 1)]

    return Workload(
        f"attention, causal mask, {heads}x{length}x{size}", lambda e, q, k, v, mask: e.attention(q, k, v, mask), inputs,
        {"fma": 4.0 * heads * length * length * size},
    )  # fmt: skip


SQUARE = 4096
WORKLOADS = [
    _softmax(4096, 4096),
    _softmax(4096, 4095),
    _layer_norm(8192, 1024),
    _layer_norm(8192, 1023),
    Workload(
        "transpose + add 4096x4096", lambda e, x, y: e.permute(x, (1, 0)) + y,
        normal((SQUARE, SQUARE), (SQUARE, SQUARE)), {"add": SQUARE * SQUARE},
    ),
    Workload(
        "softmax of a transpose 4096x4096", lambda e, x: e.softmax(e.permute(x, (1, 0))), normal((SQUARE, SQUARE)),
        {"copy": SQUARE * SQUARE},
    ),
    Workload("gelu 4M", lambda e, x: e.gelu(x), normal((4 << 20,)), {"copy": 4 << 20}),
    Workload("gelu 4M - 3", lambda e, x: e.gelu(x), normal(((4 << 20) - 3,)), {"copy": 4 << 20}),
    Workload("sum 16M", lambda e, x: e.sum(x), normal((16 << 20,)), {"read": 16 << 20}, tolerance=1e-4),
    Workload("column sum 8192x2048", lambda e, x: e.sum(x, 0), normal((8192, 2048)), {"read": 8192 * 2048}),
    _matmul(1024, 1024, 1024),
    _matmul(1000, 1001, 999),
    Workload(
        "matmul 1024x1024x1024, f64", lambda e, a, b: a @ b, normal((1024, 1024), (1024, 1024), dtype=np.float64),
        {"fma": 2 * 2.0 * 1024**3}, tolerance=1e-12, special={"jax": _jax_double}, without=("onnxruntime",),
    ),
    _bytes(1024, 1024, 1024),
    _bf16(
        "matmul 1024x1024x1024", lambda e, a, b: a @ b, (1024, 1024), (1024, 1024), bounds={"halves": 2.0 * 1024**3}
    ),
    _bf16("softmax 4096x4096", lambda e, x: e.softmax(x), (4096, 4096), bounds={"copy": SQUARE * SQUARE / 2}),
    _bf16("gelu 4M", lambda e, x: e.gelu(x), (4 << 20,), bounds={"copy": (4 << 20) / 2}),
    Workload(
        "x @ w.T, 128x3072x768", lambda e, x, w: x @ e.permute(w, (1, 0)), normal((128, 768), (3072, 768)),
        {"fma": 2.0 * 128 * 768 * 3072}, weights=1,
    ),
    _matmul(8, 4096, 4096, weights=1),
    _matmul(7, 4095, 4097, weights=1),
    _attention(12, 512, 64),
    _attention(12, 500, 64),
    _causal(12, 512, 64),
    _conv(64, 64, 56, 3),
    _conv(256, 64, 56, 1),
    _conv(256, 256, 14, 3),
    _conv(3, 64, 224, 7, 2),
    Workload(
        "MLP train step", None, _mlp_inputs,
        {"fma": 2.0 * MLP_BATCH * (2 * 784 * 512 + 3 * (512 * 512 + 512 * 10))}, tolerance=1e-5,
        special={"weft": _mlp_weft, "jax": _mlp_jax, "torch.compile": _mlp_torch}, check=_mlp_check,
        without=("onnxruntime",),
    ),
    Workload(
        "LSTM scan 128x16x256", None, _lstm_inputs, {"fma": 2.0 * STEPS * LSTM_BATCH * 8 * HIDDEN * HIDDEN},
        special={"weft": _lstm_weft, "jax": _lstm_jax, "torch.compile": _lstm_torch, "onnxruntime": _lstm_onnx},
        check=_lstm_check,
    ),
    Workload("GPT-2 small, 128 tokens", _gpt, _gpt_inputs, {"fma": _gpt_flops()}, weights=12 * 12 + 3, tolerance=1e-4),
    Workload(
        "ResNet-50, batch 1", resnet.forward, resnet.inputs, {"fma": resnet.flops()},
        weights=len(resnet.shapes()), tolerance=1e-4,
    ),
]  # fmt: skip

# -------------------------------------------------------------------------------------------------------- engines


def _arrays(out):
    return [np.asarray(a) for a in (out if isinstance(out, (tuple, list)) else [out])]


def _weft(w: Workload, inputs):
    def make():
        wf = peer("weft")
        if "weft" in w.special:
            return w.special["weft"](*inputs)
        module = _ArrayModule(wf, wf.nn)
        mine = [wf.asarray(a) for a in inputs]
        n = len(mine) - w.weights
        weights = mine[n:]  # captured, as a method of a model would read them
        f = wf.jit(lambda *a: w.program(module, *a, *weights))
        return functools.partial(f, *mine[:n])  # `explain` is asked of it too

    return Engine(make, _arrays)


def _jax(w: Workload, inputs):
    def make():
        jax = peer("jax")
        if "jax" in w.special:
            return w.special["jax"](*inputs)
        module = _Jax(jax.numpy, jax.nn)
        f = jax.jit(lambda *a: w.program(module, *a))
        mine = [jax.device_put(a) for a in inputs]
        return lambda: f(*mine).block_until_ready()

    return Engine(make, _arrays)


def _to_torch(a):
    torch = peer("torch")
    if a.dtype.name == "bfloat16":  # which torch does not know as NumPy's
        return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(a)


def _torch(w: Workload, inputs):
    def make():
        torch = peer("torch")
        torch.set_num_threads(THREADS)
        torch._dynamo.reset()  # each workload's compilations count from none
        if "torch.compile" in w.special:
            return w.special["torch.compile"](*inputs)
        torch._inductor.config.freezing = bool(w.weights)
        module = _Torch(torch)
        mine = [_to_torch(a) for a in inputs]
        n = len(mine) - w.weights
        weights = mine[n:]
        if not w.weights:
            f = torch.compile(lambda *a: w.program(module, *a))
        else:  # frozen weights are a module's parameters

            class Net(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.p = torch.nn.ParameterList(torch.nn.Parameter(a, requires_grad=False) for a in weights)

                def forward(self, *a):
                    return w.program(module, *a, *self.p)

            f = torch.compile(Net().eval())

        def call():
            with torch.no_grad():
                return f(*mine[:n])

        return call

    def result(out):
        torch = peer("torch")
        arrays = out if isinstance(out, tuple) else [out]
        return [(a.float() if a.dtype == torch.bfloat16 else a).numpy() for a in arrays]

    return Engine(make, result)


def _ort_session(onnx, ort, graph):
    """As a user would: all optimizations; threads do not spin between runs, since they would take others' turns."""
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    options = ort.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _onnxruntime(w: Workload, inputs):
    def make():
        onnx, ort = peer("onnx"), peer("onnxruntime")
        if "onnxruntime" in w.special:
            return w.special["onnxruntime"](*inputs)
        e = _Onnx(onnx)
        n = len(inputs) - w.weights
        values = [_OnnxValue(e, f"x{i}", a.shape, a.dtype) for i, a in enumerate(inputs[:n])]
        out = w.program(e, *values, *(e.constant(a) for a in inputs[n:]))

        def info(v):
            return e.h.make_tensor_value_info(v.name, e.h.np_dtype_to_tensor_dtype(v.dtype), v.shape)

        graph = e.h.make_graph(e.nodes, "workload", [info(v) for v in values], [info(out)], e.constants)
        session = _ort_session(onnx, ort, graph)
        binding = session.io_binding()  # its best way: outputs into memory that is there
        result = np.empty(out.shape, out.dtype)
        for v, a in zip(values, inputs, strict=False):
            binding.bind_cpu_input(v.name, a)
        binding.bind_output(out.name, "cpu", 0, out.dtype, out.shape, result.ctypes.data)

        def call():
            session.run_with_iobinding(binding)
            return result

        return call

    return Engine(make, _arrays)


_library: ctypes.CDLL | None = None


def limits() -> ctypes.CDLL:
    """limits.cpp, built for this machine."""
    global _library
    if _library is None:
        place = pathlib.Path(tempfile.mkdtemp()) / "limits.so"
        options = ["-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC", "-pthread"]
        subprocess.run(["c++", *options, "-o", place, HERE / "limits.cpp"], check=True)
        _library = ctypes.CDLL(str(place))
        for name in ("fma", "bytes", "halves"):
            getattr(_library, f"limit_{name}").argtypes = [ctypes.c_double, ctypes.c_int]
        for name in ("read", "copy", "add"):
            getattr(_library, f"limit_{name}").argtypes = [*[ctypes.c_void_p] * 3, ctypes.c_int64, ctypes.c_int]
    return _library


def _aligned(n):
    raw = np.ones(n + 16, np.float32)  # written: pages of zeros would all be one page in the cache
    return raw[(-raw.ctypes.data % 64) // 4 :][:n]


def _limit(kind: str, amount: float):
    def make():
        library = limits()
        if kind in ("fma", "bytes", "halves"):
            return lambda: getattr(library, f"limit_{kind}")(amount, THREADS)
        x, y, z = (_aligned(int(amount)) for _ in range(3))
        function = getattr(library, f"limit_{kind}")
        call = (y.ctypes.data, x.ctypes.data, z.ctypes.data, int(amount), THREADS)
        return lambda arrays=(x, y, z): function(*call)

    return Engine(make)


PEERS = {"jax": _jax, "torch.compile": _torch, "onnxruntime": _onnxruntime}


def run_one(w: Workload, seconds: float, engines: list[str] | None = None) -> list[Row]:
    inputs = w.inputs()
    taken = {"weft": _weft(w, inputs)}
    taken |= {f"limit ({kind})": _limit(kind, amount) for kind, amount in w.bounds.items()}
    taken |= {name: make(w, inputs) for name, make in PEERS.items() if name not in w.without}
    if engines:
        taken = {name: engine for name, engine in taken.items() if name.split()[0] in engines}
    exact = [a.astype(np.float64) for a in inputs]
    wanted = w.check(*exact) if w.check else w.program(Numpy, *exact)
    wanted = list(wanted) if isinstance(wanted, (tuple, list)) else [wanted]
    return measure(w.name, taken, wanted=wanted, tolerance=w.tolerance, unit="ms", seconds=seconds)


def ratios(rows: list[Row]) -> dict[str, Any]:
    """Weft's time as a fraction of the best peer's, and the limit's as a fraction of Weft's."""
    times = {r.engine: r.best for r in rows if r.best is not None}
    weft = times.get("weft")
    peers = {name: t for name, t in times.items() if name in PEERS}
    bounds = [t for name, t in times.items() if name.startswith("limit")]
    best = min(peers, key=peers.get) if peers else None
    noise = max((r.median / r.best - 1 for r in rows if r.best and r.engine in ("weft", best)), default=0.0)
    return {
        "weft": weft,
        "best peer": best,
        "to peer": weft / peers[best] if weft and best else None,
        "of limit": max(bounds) / weft if weft and bounds else None,
        "noise": noise,
    }


def run(seconds: float, names: list[str] | None = None, engines: list[str] | None = None) -> Result:
    result = Result("workloads", f"Workloads beside peers and the machine's limit, {THREADS} threads")
    product, count = 1.0, 0
    for w in WORKLOADS:
        if names and not any(n in w.name for n in names):
            continue
        rows = run_one(w, seconds, engines)
        result.rows += rows
        r = ratios(rows)
        known = {k: f"{v:.2f}" if isinstance(v, float) else str(v) for k, v in r.items()}
        cells = "  ".join(f"{row.engine} {row.best:.3g}" if row.best else f"{row.engine}: {row.note}" for row in rows)
        print(f"{w.name:26} {cells}")
        print(f"{'':26} to peer {known['to peer']} ({known['best peer']}), of limit {known['of limit']}", flush=True)
        if r["to peer"]:
            product, count = product * r["to peer"], count + 1
    if count:
        result.remarks.append(f"Geometric mean of Weft's time over the best peer's: {product ** (1 / count):.2f}.")
        print(result.remarks[-1])
    return result


def by_name(result: Result) -> dict[str, dict[str, Any]]:
    names = dict.fromkeys(row.what for row in result.rows)
    return {name: ratios([row for row in result.rows if row.what == name]) for name in names}


def gate(result: Result) -> int:
    """1 where a ratio to the best peer or to the limit is worse than committed by more than the noise of both runs."""
    committed, worse = json.loads(COMMITTED.read_text()), 0
    for name, now in by_name(result).items():
        then = committed.get(name)
        if not then:
            continue
        allowed = 1 + max(0.05, now["noise"] + then["noise"])
        for key, grows in (("to peer", True), ("of limit", False)):
            if now[key] is None or then[key] is None:
                continue
            factor = now[key] / then[key] if grows else then[key] / now[key]
            if factor > allowed:
                print(f"WORSE: {name}: {key} {then[key]:.2f} -> {now[key]:.2f} (allowed: a factor of {allowed:.2f})")
                worse = 1
    return worse


def save(result: Result) -> None:
    """Commits the ratios, and writes the table of the README: all that was ever committed, the machine of this run."""
    known = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {}
    known |= by_name(result)
    known = {w.name: known[w.name] for w in WORKLOADS if w.name in known}
    COMMITTED.write_text(json.dumps(known, indent=1) + "\n")

    def number(x: float | None, digits: str = ".3g") -> str:
        return "" if x is None else f"{x:{digits}}"

    lines = ["| workload | Weft, ms | best peer, ms | of it | limit / Weft |", "|---|---|---|---|---|"]
    for name, r in known.items():
        best = f"{number(r['weft'] / r['to peer'])} {r['best peer']}" if r["to peer"] else ""
        cells = [name, number(r["weft"]), best, number(r["to peer"], ".2f"), number(r["of limit"], ".2f")]
        lines.append(f"| {' | '.join(cells)} |")
    ratios = [r["to peer"] for r in known.values() if r["to peer"]]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    told = f"Geometric mean of Weft's time over the best peer's: {mean:.2f}."
    about = "\n".join(f"- {what}: {value}" for what, value in machine.describe().items())
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(lines)
    README.write_text(f"{before}{BEGIN}\n\n{table}\n\n{told}\n\n{about}\n\n{END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of workloads' names; none: all")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each engine is timed in each workload")
    parser.add_argument("--engines", help="comma-separated: weft, limit, jax, torch.compile, onnxruntime")
    parser.add_argument("--gate", action="store_true", help="compare the ratios with the committed ones")
    parser.add_argument("--save", action="store_true", help="commit the ratios: write them to workloads.json")
    options = parser.parse_args()
    result = run(options.seconds, options.names, options.engines.split(",") if options.engines else None)
    if options.save:
        save(result)
    wrong = any(row.engine == "weft" and row.best is None for row in result.rows)
    return int(wrong) or (gate(result) if options.gate else 0)


if __name__ == "__main__":
    sys.exit(main())
