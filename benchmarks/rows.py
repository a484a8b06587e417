"""The rows of the table of workloads: each a program, its inputs, and what bounds it.

Decides which there are.
"""

from __future__ import annotations

import models
import numpy as np
from engines import Workload


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


def _conv(channels, features, size, window, stride=1):
    steps = -(-size // stride)
    return Workload(
        f"conv {channels}-{features} {size}x{size}, {window}x{window}" + f"/{stride}" * (stride > 1),
        lambda e, x, w: e.conv(x, w, stride, window // 2),
        normal((1, channels, size, size), (features, channels, window, window)),
        {"fma": 2.0 * channels * features * window**2 * steps**2}, weights=1,
    )  # fmt: skip


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
        {"fma": 2 * 2.0 * 1024**3}, tolerance=1e-12, without=("onnxruntime",),
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
    *models.WORKLOADS,
]  # fmt: skip
