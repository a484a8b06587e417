"""The rows of the table of workloads: each a program, its inputs, and what bounds it.

Decides which there are (round sizes and odd ones, each dtype, strided and transposed inputs), which of them issue 5
names (`NAMED`), and for each that streams through memory what part of it stays in the caches: 512 KB, half of the
second-level caches of two small cores.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import models
import numpy as np
from engines import Workload


@dataclasses.dataclass(frozen=True)
class Kind:
    """What of a row depends on its dtype. Results of 16 bits are within one unit of their last place."""

    suffix: str = ""
    dtype: Callable[[], Any] = lambda: np.float32
    bytes: int = 4
    tolerance: float = 1e-5
    without: tuple[str, ...] = ()


def _bfloat16():
    import ml_dtypes

    return ml_dtypes.bfloat16


F32 = Kind()
F64 = Kind(", f64", lambda: np.float64, 8, 1e-12)
F16 = Kind(", f16", lambda: np.float16, 2, 2.0**-10)
BF16 = Kind(", bf16", _bfloat16, 2, 2.0**-8, without=("onnxruntime",))  # which has no kernels for it on CPUs


def normal(*shapes, kind=F32):
    def make():
        rng = np.random.default_rng(0)
        return [rng.standard_normal(shape, np.float32).astype(kind.dtype()) for shape in shapes]

    return make


def _row(name, program, *shapes, kind=F32, cached=(), inputs=None, tolerance=None, weights=0, **work):
    """A row of arrays of these shapes.

    Args:
        cached: the shapes of a part that stays in the caches. inputs: makes the arrays of given shapes.
        work: the bounds of `Workload`, in operations and elements of the row's own dtype.
    """
    bounds = {}
    for what, amount in work.items():
        if what == "fma":
            what, amount = ("halves", amount) if kind is BF16 else ("fma", amount * max(kind.bytes / 4, 1))
        elif what != "bytes":
            amount = amount * kind.bytes / 4
        bounds[what] = amount
    make = inputs or (lambda *s: normal(*s, kind=kind))
    part = (make(*cached), math.prod(shapes[0]) / math.prod(cached[0])) if cached else None
    return Workload(
        name + kind.suffix, program, make(*shapes), bounds, weights, tolerance or kind.tolerance, part=part,
        without=kind.without,
    )  # fmt: skip


def _softmax(rows, width, kind=F32):
    def program(e, x):
        return e.softmax(x)

    cached = ((256 * 1024 // kind.bytes // width, width),)
    return _row(f"softmax {rows}x{width}", program, (rows, width), kind=kind, cached=cached, copy=rows * width)


def _layer_norm(rows, width, kind=F32):
    def program(e, x, scale, bias):
        return e.layer_norm(x, scale, bias)

    cached = ((256 * 1024 // kind.bytes // width, width), (width,), (width,))
    shapes = ((rows, width), (width,), (width,))
    return _row(f"layer norm {rows}x{width}", program, *shapes, kind=kind, cached=cached, copy=rows * width)


def _gelu(name, size, kind=F32):
    cached = ((256 * 1024 // kind.bytes,),)
    return _row(f"gelu {name}", lambda e, x: e.gelu(x), (size,), kind=kind, cached=cached, copy=size)


def _reduction(name, program, rows, width, **rest):
    cached = ((max(512 * 1024 // 4 // width, 4), width),)
    return _row(f"{name} {rows}x{width}", program, (rows, width), cached=cached, read=rows * width, **rest)


def _matmul(m, n, k, kind=F32, **rest):
    name = f"matmul {m}x{n}x{k}"
    return _row(name, lambda e, a, b: a @ b, (m, k), (k, n), kind=kind, fma=2.0 * m * n * k, read=m * k + k * n, **rest)


def _bytes(m, n, k):
    def inputs(*shapes):
        rng = np.random.default_rng(0)
        return lambda: [rng.integers(-128, 128, shape).astype(np.int8) for shape in shapes]

    return Workload(
        f"matmul {m}x{n}x{k}, int8", lambda e, a, b: e.product_of_bytes(a, b), inputs((m, k), (k, n)),
        {"bytes": 2.0 * m * n * k}, tolerance=0.0,
    )  # fmt: skip


def _attention(heads, length, size, kind=F32):
    shape, flops = (heads, length, size), 4.0 * heads * length * length * size
    name, within = (
        f"attention {heads}x{length}x{size}",
        2.0**-7 if kind is BF16 else None,
    )  # its weights are rounded too
    return _row(
        name, lambda e, q, k, v: e.attention(q, k, v), shape, shape, shape, kind=kind, tolerance=within, fma=flops
    )


def _causal(heads, length, size):
    def inputs(*shapes):
        return lambda: [*normal(*shapes)(), np.triu(np.full((length, length), -1e9, np.float32), 1)]

    shape, flops = (heads, length, size), 4.0 * heads * length * length * size
    name = f"attention, causal mask, {heads}x{length}x{size}"
    return _row(
        name, lambda e, q, k, v, mask: e.attention(q, k, v, mask), shape, shape, shape, inputs=inputs, fma=flops
    )


def _grouped(heads, keys, length, size):
    shapes = (heads, length, size), (keys, length, size), (keys, length, size)
    name, flops = f"attention, {heads} heads on {keys}, {length}x{size}", 4.0 * heads * length * length * size
    return _row(name, lambda e, q, k, v: e.grouped_attention(q, k, v), *shapes, fma=flops)


def _cross_entropy(rows, classes):
    """Of logits and integer labels: each logit is read."""

    def inputs(shape):
        def make():
            return [*normal(shape)(), np.random.default_rng(1).integers(0, classes, shape[0]).astype(np.int32)]

        return make

    return _reduction("cross-entropy", lambda e, x, labels: e.cross_entropy(x, labels), rows, classes, inputs=inputs)


def _black_scholes(size):
    """The price of a call by Black and Scholes, 1973: reads three arrays, writes one."""
    rate, volatility = 0.02, 0.3

    def inputs(*shapes):
        def make():
            rng = np.random.default_rng(0)
            ranges = (80, 120), (80, 120), (0.25, 2)
            return [rng.uniform(*r, shape).astype(np.float32) for r, shape in zip(ranges, shapes, strict=True)]

        return make

    def program(e, price, strike, years):
        spread = e.sqrt(years) * volatility
        d = (e.log(price / strike) + years * (rate + volatility**2 / 2)) / spread
        below = (e.erf((d - spread) * math.sqrt(0.5)) + 1.0) * 0.5
        return price * ((e.erf(d * math.sqrt(0.5)) + 1.0) * 0.5) - strike * e.exp(years * -rate) * below

    cached = ((32 << 10,),) * 3
    name = f"Black-Scholes {size >> 20}M"
    return _row(name, program, (size,), (size,), (size,), inputs=inputs, cached=cached, blend=size)


def _conv(channels, features, size, window, stride=1):
    steps = -(-size // stride)
    return _row(
        f"conv {channels}-{features} {size}x{size}, {window}x{window}" + f"/{stride}" * (stride > 1),
        lambda e, x, w: e.conv(x, w, stride, window // 2),
        (1, channels, size, size), (features, channels, window, window), weights=1,
        fma=2.0 * channels * features * window**2 * steps**2,
    )  # fmt: skip


NAMED = (
    "softmax 4096x4096", "layer norm 8192x1024", "transpose + add 4096x4096", "gelu 4M", "matmul 1024x1024x1024",
    "matmul 8x4096x4096", "attention 12x512x64", "MLP train step", "LSTM scan 128x16x256", "GPT-2 small, 128 tokens",
    "ResNet-50, batch 1",
)  # fmt: skip

SQUARE = 4096
WORKLOADS = [
    _softmax(4096, 4096),
    _softmax(4096, 4095),
    _softmax(4096, 4096, BF16),
    _row(
        "softmax of a transpose 4096x4096", lambda e, x: e.softmax(e.permute(x, (1, 0))), (SQUARE, SQUARE),
        cached=((SQUARE, 32),), copy=SQUARE * SQUARE,
    ),
    _row(  # of every other column: reads whole lines
        "softmax of x[:, ::2] 4096x8192", lambda e, x: e.softmax(x[:, ::2]), (4096, 8192), cached=((8, 8192),),
        add=4096 * 4096,
    ),
    _row(
        "log-softmax 4096x4096", lambda e, x: e.log_softmax(x), (SQUARE, SQUARE), cached=((16, SQUARE),),
        copy=SQUARE * SQUARE,
    ),
    _layer_norm(8192, 1024),
    _layer_norm(8192, 1023),
    _layer_norm(8192, 1024, F64),
    _layer_norm(8192, 1024, BF16),
    _row(
        "RMS norm 8192x1024", lambda e, x, scale: e.rms_norm(x, scale), (8192, 1024), (1024,),
        cached=((64, 1024), (1024,)), copy=8192 * 1024,
    ),
    _row(
        "transpose + add 4096x4096", lambda e, x, y: e.permute(x, (1, 0)) + y, (SQUARE, SQUARE), (SQUARE, SQUARE),
        add=SQUARE * SQUARE,
    ),
    _gelu("4M", 4 << 20),
    _gelu("4M - 3", (4 << 20) - 3),
    _gelu("2M", 2 << 20, F64),
    _gelu("4M", 4 << 20, BF16),
    _row(
        "gelu of x[:, 1024:3072] 2048x4096", lambda e, x: e.gelu(x[:, 1024:3072]), (2048, 4096), cached=((32, 4096),),
        copy=2048 * 2048,
    ),
    _black_scholes(2 << 20),
    _row("sum 16M", lambda e, x: e.sum(x), (16 << 20,), tolerance=1e-4, read=16 << 20),
    _row("column sum 8192x2048", lambda e, x: e.sum(x, 0), (8192, 2048), read=8192 * 2048),
    _reduction("variance", lambda e, x: e.variance(x), 8192, 2048),
    _reduction("log-sum-exp", lambda e, x: e.logsumexp(x), 4096, 4096),
    _reduction("argmax", lambda e, x: e.argmax(x), 8192, 2048),
    _cross_entropy(2048, 32000),
    _matmul(1024, 1024, 1024),
    _matmul(1000, 1001, 999),
    _matmul(1024, 1024, 1024, F64),
    _bytes(1024, 1024, 1024),
    _matmul(1024, 1024, 1024, BF16),
    _matmul(1024, 1024, 1024, F16),
    _row(
        "a.T @ b, 1024x1024x1024", lambda e, a, b: e.permute(a, (1, 0)) @ b, (1024, 1024), (1024, 1024),
        fma=2.0 * 1024**3,
    ),
    _row(
        "x @ w.T, 128x3072x768", lambda e, x, w: x @ e.permute(w, (1, 0)), (128, 768), (3072, 768), weights=1,
        fma=2.0 * 128 * 768 * 3072,
    ),
    _row(
        "gelu(x @ w + b), 512x3072x768", lambda e, x, w, b: e.gelu(x @ w + b), (512, 768), (768, 3072), (3072,),
        weights=2, fma=2.0 * 512 * 768 * 3072,
    ),
    _row(
        "matmul 64 x 128x128x64", lambda e, a, b: a @ b, (64, 128, 64), (64, 64, 128), fma=2.0 * 64 * 128 * 128 * 64
    ),
    _row("matmul 64x64x64", lambda e, a, b: a @ b, (64, 64), (64, 64), fma=2.0 * 64**3),
    _matmul(8, 4096, 4096, weights=1),
    _matmul(7, 4095, 4097, weights=1),
    _attention(12, 512, 64),
    _attention(12, 500, 64),
    _causal(12, 512, 64),
    _grouped(32, 8, 512, 64),
    _attention(12, 512, 64, BF16),
    _conv(64, 64, 56, 3),
    _conv(256, 64, 56, 1),
    _conv(256, 256, 14, 3),
    _conv(3, 64, 224, 7, 2),
    *models.WORKLOADS,
]  # fmt: skip
