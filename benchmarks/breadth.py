#!/usr/bin/env python3
"""Many small programs of everyday shapes beside JAX and torch.compile: where Weft is slower than either, and how much.

    python benchmarks/breadth.py [names] [--seconds S]
    python benchmarks/breadth.py --save    # writes the table of benchmarks/README.md

Decides which programs stand for what the table of workloads leaves out: vectors, tall and flat matrices, small
batches, short rows, folds over any dimensions, movement, windows, derivatives. Each is written once for Weft and JAX
and once for PyTorch (where it is not, JAX is the only peer), and checked against JAX in float64.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import math
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from engines import Workload, on_jax, on_torch, on_weft
from harness import Engine, measure, peer, write_between
from spellings import Torch

README = pathlib.Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- breadth.py --save writes from here -->", "<!-- to here: breadth.py -->"


@dataclasses.dataclass
class Program:
    """`run(m, nn, *arrays)` for Weft's or JAX's modules; `torch(torch, F, *tensors)`. The last `weights` inputs are
    constants."""

    name: str
    inputs: tuple[Any, ...]
    run: Callable[..., Any]
    torch: Callable[..., Any] | None = None
    weights: int = 0
    tolerance: float = 2e-4


def normal(*shape, dtype=np.float32, seed=0, scale=1.0):
    return (np.random.default_rng(seed + sum(shape)).standard_normal(shape) * scale).astype(dtype)


def numbers(below, *shape, dtype=np.int32):
    return np.random.default_rng(1).integers(0, below, shape).astype(dtype)


def products():
    def product(name, *shapes, dtype=np.float32, **rest):
        inputs = tuple(normal(*s, dtype=dtype, seed=i) for i, s in enumerate(shapes))
        return Program(name, inputs, lambda m, nn, a, b: a @ b, lambda torch, F, a, b: a @ b, **rest)

    yield product("dot of 1M", (1_000_000,), (1_000_000,))
    for n in (512, 1000, 2048, 4096):
        yield product(f"{n}x{n} by a vector", (n, n), (n,))
    for n in (1024, 4096):
        yield product(f"a vector by {n}x{n}", (n,), (n, n))
    for m, n, k in [(128, 128, 128), (512, 512, 512), (333, 555, 777), (32, 1024, 1024), (1, 3072, 768)]:
        yield product(f"{m}x{n}x{k}", (m, k), (k, n))
    for m, n, k in [(1024, 8, 1024), (4096, 10, 4096), (1024, 20, 1024), (128, 10, 512), (100_000, 8, 32)]:
        yield product(f"{m}x{n}x{k}, few columns", (m, k), (k, n))
    yield product("512x512x512, f64", (512, 512), (512, 512), dtype=np.float64)
    for batch, m, n, k in [(1000, 16, 16, 16), (4096, 4, 4, 4), (256, 32, 32, 32), (64, 1, 512, 64)]:
        yield product(f"{batch} of {m}x{n}x{k}", (batch, m, k), (batch, k, n))
    yield Program(
        "x.T @ x, 8192x256", (normal(8192, 256),), lambda m, nn, x: x.T @ x, lambda torch, F, x: x.T @ x, tolerance=1e-3
    )
    yield Program(
        "einsum bij,bjk,k->bi",
        (normal(32, 64, 64), normal(32, 64, 64, seed=1), normal(64)),
        lambda m, nn, *xs: m.einsum("bij,bjk,k->bi", *xs),
        lambda torch, F, *xs: torch.einsum("bij,bjk,k->bi", *xs),
    )
    yield Program(
        "x @ w.T, 4x1024x1024, w kept",
        (normal(4, 1024), normal(1024, 1024)),
        lambda m, nn, x, w: x @ w.T,
        lambda torch, F, x, w: x @ w.T,
        weights=1,
    )
    for heads, rows, keys, size in [(32, 1, 1024, 128), (12, 77, 77, 64), (8, 2048, 2048, 64)]:
        yield Program(
            f"attention {heads}x{rows}x{size} on {keys}",
            tuple(normal(heads, n, size, seed=i) for i, n in enumerate((rows, keys, keys))),
            lambda m, nn, q, k, v: nn.softmax(q @ m.swapaxes(k, 1, 2) * (1 / math.sqrt(q.shape[-1]))) @ v,
            lambda torch, F, q, k, v: F.scaled_dot_product_attention(q[None], k[None], v[None])[0],
        )


def elementwise():
    def of(name, f, torch, *inputs, **rest):
        return Program(name, inputs, lambda m, nn, *xs: f(m, *xs), lambda t, F, *xs: torch(t, *xs), **rest)

    x, y = normal(1_000_000), normal(1_000_000, seed=1)
    for name in ("exp", "log", "sin", "tan", "tanh", "sqrt", "log1p"):
        call = functools.partial(lambda name, m, x: getattr(m, name)(x), name)
        yield of(f"{name} of 1M", call, call, np.abs(x) + np.float32(0.1))
    yield of("power of 1M", lambda m, x, y: x**y, lambda t, x, y: x**y, np.abs(x), y)
    yield of("remainder of 1M", lambda m, x: m.remainder(x, 7.3), lambda t, x: t.remainder(x, 7.3), x * 50)
    yield of("2 x + y of 1M", lambda m, x, y: 2 * x + y, lambda t, x, y: 2 * x + y, x, y)
    yield of(
        "2 x + y of 20M", lambda m, x, y: 2 * x + y, lambda t, x, y: 2 * x + y, normal(20_000_000), normal(20_000_000)
    )
    yield of("where of 1M", lambda m, x, y: m.where(x > 0, x, y), lambda t, x, y: t.where(x > 0, x, y), x, y)
    i = numbers(90, 1_000_000) + 1
    yield of("x * y + x of 1M, i32", lambda m, x, y: x * y + x, lambda t, x, y: x * y + x, i, i)
    yield of("x // y of 1M, i32", lambda m, x, y: x // y, lambda t, x, y: x // y, i, i[::-1].copy())


def folds():
    def of(name, f, torch, *shape, **rest):
        return Program(name, (normal(*shape),), lambda m, nn, x: f(m, nn, x), lambda t, F, x: torch(t, x), **rest)

    for shape, dims in [
        ((1000, 1000), (0,)),
        ((1000, 1000), (1,)),
        ((64, 128, 256), (1,)),
        ((64, 128, 256), (0, 2)),
        ((3, 1_000_000), (0,)),
        ((100_000, 3), (1,)),
        ((100_000, 10), (1,)),
        ((10, 100_000), (1,)),
        ((1_000_000, 3), (0,)),
    ]:
        add = functools.partial(lambda dims, m, nn, x: m.sum(x, axis=dims), dims)
        named = "x".join(map(str, shape))
        yield of(
            f"sum of {named} over {dims}",
            add,
            functools.partial(lambda dims, t, x: x.sum(dims), dims),
            *shape,
            tolerance=1e-3,
        )
    yield of(
        "means of 2x2 of 512x56x56",
        lambda m, nn, x: m.mean(m.reshape(x, (512, 28, 2, 28, 2)), axis=(2, 4)),
        lambda t, x: t.nn.functional.avg_pool2d(x, 2),
        512,
        56,
        56,
    )
    yield of("max of 4096x1024 over (0,)", lambda m, nn, x: m.max(x, axis=0), lambda t, x: x.amax(0), 4096, 1024)
    yield of(
        "argmax of 2048x1024 over (0,)", lambda m, nn, x: m.argmax(x, axis=0), lambda t, x: x.argmax(0), 2048, 1024
    )
    for shape, dim in [((100_000, 10), 1), ((20_000, 50), 1), ((1000, 1000), 0), ((32, 50257), 1)]:
        named = "x".join(map(str, shape))
        yield of(
            f"softmax of {named} over {dim}",
            functools.partial(lambda d, m, nn, x: nn.softmax(x, axis=d), dim),
            functools.partial(lambda d, t, x: t.softmax(x, d), dim),
            *shape,
        )
    dims = (0, 2, 3)
    yield of(
        "batch norm of 32x64x28x28",
        lambda m, nn, x: (x - m.mean(x, axis=dims, keepdims=True)) / m.sqrt(m.var(x, axis=dims, keepdims=True) + 1e-5),
        lambda t, x: (x - x.mean(dims, keepdim=True)) / t.sqrt(x.var(dims, keepdim=True, unbiased=False) + 1e-5),
        32,
        64,
        28,
        28,
    )
    yield of(
        "running sum of 1000x1000",
        lambda m, nn, x: (m.cumulative_sum)(x, axis=1),
        lambda t, x: x.cumsum(1),
        1000,
        1000,
        tolerance=1e-3,
    )
    for shape, k in [((4096, 64), 2), ((8, 50257), 8), ((100, 10_000), 10)]:
        yield Program(
            f"top {k} of {'x'.join(map(str, shape))}",
            (normal(*shape),),
            functools.partial(lambda k, m, nn, x: (m if m.__name__ == "weft" else peer("jax").lax).top_k(x, k)[0], k),
            functools.partial(lambda k, t, F, x: t.topk(x, k)[0], k),
        )
    yield of("sort of 1000x100", lambda m, nn, x: m.sort(x, axis=-1), lambda t, x: x.sort()[0], 1000, 100)
    yield of(
        "distances of 500 points",
        lambda m, nn, x: m.sum((x[:, None] - x[None]) ** 2, axis=-1),
        lambda t, x: ((x[:, None] - x[None]) ** 2).sum(-1),
        500,
        3,
    )


def movement():
    def of(name, f, torch, *inputs, **rest):
        return Program(name, inputs, lambda m, nn, *xs: f(m, *xs), lambda t, F, *xs: torch(t, F, *xs), **rest)

    x = normal(1000, 1000)
    yield of("transpose of 2000x3000", lambda m, x: x.T + 1, lambda t, F, x: (x.T + 1).contiguous(), normal(2000, 3000))
    yield of("flip of 1000x1000", lambda m, x: m.flip(x, axis=1), lambda t, F, x: x.flip(1), x)
    yield of("repeat of 1000x1000", lambda m, x: m.repeat(x, 2, axis=1), lambda t, F, x: x.repeat_interleave(2, 1), x)
    cube = normal(64, 64, 64)
    around = [(by, axis) for by in (1, -1) for axis in range(3)]
    yield of(
        "heat in 64x64x64, a step",
        lambda m, x: x + 0.1 * (sum(m.roll(x, by, axis=axis) for by, axis in around) - 6 * x),
        lambda t, F, x: x + 0.1 * (sum(x.roll(by, axis) for by, axis in around) - 6 * x),
        cube,
    )
    yield of("roll of 1000x1000", lambda m, x: m.roll(x, 3, axis=1), lambda t, F, x: x.roll(3, 1), x)
    yield of("pad of 1000x1000", lambda m, x: m.pad(x, ((1, 1), (2, 2))), lambda t, F, x: F.pad(x, (2, 2, 1, 1)), x)
    yield of(
        "pad of 64x56x56",
        lambda m, x: m.pad(x, ((0, 0), (1, 1), (1, 1))),
        lambda t, F, x: F.pad(x, (1, 1, 1, 1)),
        normal(64, 56, 56),
    )
    yield of(
        "rotated pairs of 16x512x64",
        lambda m, x, c, s: m.stack(
            [x[..., ::2] * c - x[..., 1::2] * s, x[..., 1::2] * c + x[..., ::2] * s], axis=-1
        ).reshape(x.shape),
        lambda t, F, x, c, s: t.stack(
            [x[..., ::2] * c - x[..., 1::2] * s, x[..., 1::2] * c + x[..., ::2] * s], -1
        ).flatten(-2),
        normal(16, 512, 64),
        normal(512, 32),
        normal(512, 32, seed=1),
    )
    yield of(
        "cross products of 100000",
        lambda m, a, b: m.stack([a[:, i] * b[:, j] - a[:, j] * b[:, i] for i, j in ((1, 2), (2, 0), (0, 1))], axis=1),
        lambda t, F, a, b: t.linalg.cross(a, b),
        normal(100_000, 3),
        normal(100_000, 3, seed=1),
    )
    grey = lambda x: x[..., 0] * 0.3 + x[..., 1] * 0.59 + x[..., 2] * 0.11  # noqa: E731
    yield of("grey of 8x224x224x3", lambda m, x: grey(x), lambda t, F, x: grey(x), normal(8, 224, 224, 3))
    yield of(
        "concat of 1000x500, 1000x700",
        lambda m, x, y: m.concat([x, y], axis=1),
        lambda t, F, x, y: t.cat([x, y], 1),
        normal(1000, 500),
        normal(1000, 700),
    )
    yield of(
        "NCHW to NHWC, 32x64x28x28",
        lambda m, x: m.permute_dims(x, (0, 2, 3, 1)) * 2,
        lambda t, F, x: (x.permute(0, 2, 3, 1) * 2).contiguous(),
        normal(32, 64, 28, 28),
    )
    yield of(
        "patches of 8x3x224x224",
        lambda m, x: m.reshape(m.permute_dims(m.reshape(x, (8, 3, 14, 16, 14, 16)), (0, 2, 4, 1, 3, 5)), (8, 196, 768)),
        lambda t, F, x: x.reshape(8, 3, 14, 16, 14, 16).permute(0, 2, 4, 1, 3, 5).reshape(8, 196, 768),
        normal(8, 3, 224, 224),
    )
    for n, rows, columns in [(1024, 50_000, 768), (100_000, 1000, 16)]:
        yield of(
            f"rows {n} of {rows}x{columns}",
            lambda m, t, i: m.take(t, i, axis=0),
            lambda torch, F, t, i: t[i.long()],
            normal(rows, columns),
            numbers(rows, n),
        )
    yield of(
        "picked along rows of 1000x1000",
        lambda m, x, i: m.take_along_axis(x, i, axis=1),
        lambda t, F, x, i: t.gather(x, 1, i),
        normal(1000, 1000),
        numbers(1000, 1000, 1000, dtype=np.int64),
    )
    yield of(
        "words and places of 512, 30000x256",
        lambda m, t, i, p: m.take(t, i, axis=0) * 16 + p,
        lambda torch, F, t, i, p: t[i.long()] * 16 + p,
        normal(30_000, 256),
        numbers(30_000, 512),
        normal(512, 256),
    )
    yield of(
        "a stencil of 2000x2000",
        lambda m, x: x[1:-1, 1:-1] * 4 - x[:-2, 1:-1] - x[2:, 1:-1] - x[1:-1, :-2] - x[1:-1, 2:],
        lambda t, F, x: x[1:-1, 1:-1] * 4 - x[:-2, 1:-1] - x[2:, 1:-1] - x[1:-1, :-2] - x[1:-1, 2:],
        normal(2000, 2000),
    )


def windows():
    def convolve(m, nn, x, w, **options):
        if m.__name__ == "weft":
            return nn.conv2d(x, w, **options)
        pairs, step = [(options.get("padding", 0),) * 2] * 2, (options.get("stride", 1),) * 2
        return peer("jax").lax.conv_general_dilated(x, w, step, pairs, feature_group_count=options.get("groups", 1))

    def transposed(m, nn, x, w, stride, padding):
        if m.__name__ == "weft":
            return nn.conv_transpose2d(x, w, stride=stride, padding=padding)
        w, around = m.flip(w, (2, 3)).swapaxes(0, 1), w.shape[2] - 1 - padding
        return peer("jax").lax.conv_general_dilated(x, w, (1, 1), [(around,) * 2] * 2, lhs_dilation=(stride,) * 2)

    for name, x, w, options in [
        ("8x32x28x28, 64 of 3x3", (8, 32, 28, 28), (64, 32, 3, 3), {"padding": 1}),
        ("96x56x56, 3x3 each", (1, 96, 56, 56), (96, 1, 3, 3), {"padding": 1, "groups": 96}),
        ("128x28x28, 4 groups of 3x3", (1, 128, 28, 28), (128, 32, 3, 3), {"padding": 1, "groups": 4}),
        ("512x7x7, 2048 of 1x1", (1, 512, 7, 7), (2048, 512, 1, 1), {}),
        ("512x7x7, 512 of 3x3", (1, 512, 7, 7), (512, 512, 3, 3), {"padding": 1}),
        ("16x3x32x32, 16 of 3x3", (16, 3, 32, 32), (16, 3, 3, 3), {"padding": 1}),
    ]:
        yield Program(
            f"convolution {name}",
            (normal(*x), normal(*w, scale=0.1)),
            functools.partial(convolve, **options),
            functools.partial(lambda options, t, F, x, w: F.conv2d(x, w, **options), options),
            weights=1,
            tolerance=1e-3,
        )

    def block(conv, relu6, x, a, w, b):
        return x + conv(relu6(conv(relu6(conv(x, a)), w, padding=1, groups=w.shape[0])), b)

    for n in (1, 4):
        yield Program(
            f"MobileNet block {n}x24x56x56",
            (
                normal(n, 24, 56, 56),
                *(normal(*s, scale=0.1) for s in ((144, 24, 1, 1), (144, 1, 3, 3), (24, 144, 1, 1))),
            ),
            lambda m, nn, *xs: block(functools.partial(convolve, m, nn), nn.relu6, *xs),
            lambda t, F, *xs: block(F.conv2d, F.relu6, *xs),
            weights=3,
            tolerance=1e-3,
        )
    for name, x, w, options in [
        ("4x16x32x32, 4x4/2", (4, 16, 32, 32), (16, 16, 4, 4), {"stride": 2, "padding": 1}),
        ("128x28x28, 2x2/2", (1, 128, 28, 28), (128, 64, 2, 2), {"stride": 2, "padding": 0}),
    ]:
        yield Program(
            f"transposed {name}",
            (normal(*x), normal(*w, scale=0.1)),
            functools.partial(transposed, **options),
            functools.partial(lambda options, t, F, x, w: F.conv_transpose2d(x, w, **options), options),
            weights=1,
            tolerance=1e-3,
        )


def derivatives():
    def gradient(name, f, *inputs, tolerance=1e-3):
        def run(m, nn, *xs):
            grad = m.grad if m.__name__ == "weft" else peer("jax").grad
            return grad(lambda x, *rest: f(m, nn, x, *rest))(*xs)

        return Program(name, inputs, run, tolerance=tolerance)

    def norm(m, x, dims, keep=True):
        return (x - m.mean(x, axis=dims, keepdims=keep)) / m.sqrt(m.var(x, axis=dims, keepdims=keep) + 1e-5)

    yield gradient("gradient of gelu, 1M", lambda m, nn, x: m.sum(nn.gelu(x)), normal(1_000_000))
    yield gradient(
        "gradient of layer norm 1024x768",
        lambda m, nn, x, c: m.sum(norm(m, x, -1) * c),
        normal(1024, 768),
        normal(1024, 768, seed=1),
    )
    yield gradient(
        "gradient of batch norm 16x32x28x28",
        lambda m, nn, x: m.sum(norm(m, x, (0, 2, 3)) ** 3),
        normal(16, 32, 28, 28),
        tolerance=1e-2,
    )
    yield gradient(
        "gradient of attention 8x256x64",
        lambda m, nn, q, k, v: m.sum(nn.softmax(q @ m.swapaxes(k, 1, 2) * 0.125) @ v**2),
        *(normal(8, 256, 64, seed=i) for i in range(3)),
        tolerance=1e-2,
    )
    yield gradient(
        "gradient of a layer 64x784x256",
        lambda m, nn, w, x, v: m.sum(nn.relu(x @ w) @ v),
        normal(784, 256, scale=0.03),
        normal(64, 784),
        normal(256, 10),
        tolerance=1e-2,
    )


PROGRAMS = [p for family in (products, elementwise, folds, movement, windows, derivatives) for p in family()]


def engines_of(p: Program) -> tuple[dict[str, Engine], list[np.ndarray]]:
    """As a row of the table would have them; what JAX makes of float64."""

    def program(e, *arrays):
        return p.torch(e.t, e.f, *arrays) if isinstance(e, Torch) else p.run(e.m, e.nn, *arrays)

    w = Workload(p.name, program, lambda: list(p.inputs), {}, p.weights)
    exact = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in p.inputs]
    taken = {"weft": on_weft(w, list(p.inputs)), "jax": on_jax(w, list(p.inputs))}
    if p.torch:
        taken["torch.compile"] = on_torch(w, list(p.inputs))
    return taken, [np.asarray(on_jax(w, exact).make()())]


def run(seconds: float, names: list[str]) -> list[tuple[str, float, float, str]]:
    """The name, Weft's milliseconds, the best peer's, and which that is."""
    found = []
    for p in PROGRAMS:
        if names and not any(n in p.name for n in names):
            continue
        engines, wanted = engines_of(p)
        rows = measure(p.name, engines, wanted=wanted, tolerance=p.tolerance, unit="ms", seconds=seconds)
        times = {r.engine: r.best for r in rows if r.best is not None}
        notes = " ".join(f"{r.engine}: {r.note}" for r in rows if r.best is None)
        if "weft" not in times or len(times) < 2:
            print(f"{p.name:36} {notes}", flush=True)
            continue
        best = min((t, e) for e, t in times.items() if e != "weft")
        found.append((p.name, times["weft"], *best))
        print(
            f"{p.name:36} {times['weft']:9.4g} ms, {best[1]} {best[0]:.4g}: {times['weft'] / best[0]:.2f} {notes}",
            flush=True,
        )
    return found


def summary(found: list[tuple[str, float, float, str]]) -> str:
    ratios = [mine / best for _, mine, best, _ in found]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    slower = [f"{name} {mine / best:.2f}" for name, mine, best, _ in found if mine > best]
    return f"{len(found)} programs, geometric mean {mean:.2f}; slower than a peer: {', '.join(slower) or 'none'}."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of programs' names; none: all")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each engine is timed in each program")
    parser.add_argument("--save", action="store_true", help="write the table of benchmarks/README.md")
    options = parser.parse_args()
    found = run(options.seconds, options.names)
    if not found:
        return 1
    print(summary(found))
    if options.save:
        lines = ["| program | Weft, ms | best peer, ms | of it |", "|---|---|---|---|"]
        lines += [f"| {name} | {mine:.3g} | {best:.3g} {who} | {mine / best:.2f} |" for name, mine, best, who in found]
        write_between(README, BEGIN, END, "\n".join([summary(found), "", *lines]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
