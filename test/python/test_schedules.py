"""Every schedule computes the same bits: sizes that take blocks, strips and streams, against the reference interpreter
or, where that would take long, against the same rows computed in programs too small for those schedules."""

import pathlib

import numpy as np
import pytest
import weft as wf
from running import same_bits
from weft._src import _weft, compiler, dtypes, trace
from weft._src.array import asarray

RNG = np.random.default_rng(11)
FLAGS = pathlib.Path("/proc/cpuinfo").read_text() if pathlib.Path("/proc/cpuinfo").exists() else ""
TARGETS = ["host"] + ["x86-64-v3"] * (" avx2 " in FLAGS)


def numbers(shape, dtype="float32"):
    if np.dtype(dtype).kind in "iu":
        return RNG.integers(-100, 100, shape).astype(dtype)
    x = RNG.normal(size=shape).astype(dtype)
    flat = x.reshape(-1)
    if flat.size > 40:
        flat[[3, 17, 31]] = [np.nan, np.inf, -0.0]
    return x


class Program:
    """One trace; native code for a target beside the reference."""

    def __init__(self, fn, *args):
        self.args = args
        self.traced = trace.trace_program(fn, [trace.Spec(a.shape, dtypes.dtype(a.dtype)) for a in args])

    def native(self, target="host", threads=None):
        options = compiler.options("strict", threads, target, None)
        compiled = compiler.compile_module(self.traced.module.clone(), options)
        return [np.asarray(r) for r in compiled.program([asarray(a) for a in self.args])]

    def reference(self):
        resolved = self.traced.module.clone()
        _weft.pipeline(resolved, "traced", "resolved", "")
        given = [(dtypes.dtype(a.dtype).code, a.shape, a.tobytes()) for a in self.args]
        out = _weft.reference(resolved, self.traced.entry, given, len(self.traced.results))
        return [np.frombuffer(data, dtypes.BY_CODE[code].numpy).reshape(shape) for code, shape, data in out]


def holds(fn, *args):
    program = Program(lambda *a: list(r) if isinstance(r := fn(*a), tuple) else [r], *args)
    wanted = program.reference()
    for target in TARGETS:
        for threads in (1, 2):
            for got, want in zip(program.native(target, threads), wanted, strict=True):
                same_bits(got, want)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "uint8"])
@pytest.mark.parametrize("shape", [(1000, 130), (64, 16), (129, 513), (700, 3), (1, 40), (2, 300)])
def test_column_folds(shape, dtype):
    x = numbers(shape, dtype)
    holds(lambda x: (wf.sum(x, axis=0), wf.max(x, axis=0)), x)


def test_column_folds_of_several_dimensions():
    x = numbers((9, 70, 11, 34))
    holds(lambda x: wf.sum(x, axis=(0, 2)), x)
    holds(lambda x: wf.sum(x * x, axis=1), x)
    holds(lambda x: wf.min(x, axis=(1, 2)), x)


def test_column_folds_past_a_chunk():
    holds(lambda x: wf.sum(x, axis=0), numbers((65536 + 700, 5)))
    holds(lambda x: wf.sum(x, axis=0), numbers((65536 * 2, 2)))


@pytest.mark.parametrize("shape", [(65536,), (65537,), (400_001,), (3, 200_001)])
def test_folds_of_long_rows(shape):
    x = numbers(shape)
    holds(lambda x: (wf.sum(x), wf.max(x)), x)
    holds(lambda x: wf.sum(wf.abs(x)) * 2, x)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int8", "bool"])
@pytest.mark.parametrize("shape", [(37, 130), (64, 64), (16, 1030), (1030, 17)])
def test_reads_across_the_lanes(shape, dtype):
    if dtype == "bool":
        x, y = RNG.integers(0, 2, shape).astype(bool), RNG.integers(0, 2, shape[::-1]).astype(bool)
        return holds(lambda x, y: wf.permute_dims(x, (1, 0)) & y, x, y)
    x, y = numbers(shape, "int8" if dtype == "int8" else "float32"), numbers(shape[::-1], "int8")
    x, y = x.astype(dtypes.dtype(dtype).numpy), y.astype(dtypes.dtype(dtype).numpy)
    holds(lambda x, y: wf.permute_dims(x, (1, 0)) + y, x, y)


def test_reads_across_the_lanes_in_more_dimensions():
    x, y = numbers((3, 70, 5, 40)), numbers((40, 3, 5, 70))
    holds(lambda x, y: wf.permute_dims(x, (3, 0, 2, 1)) * 2 + y, x, y)
    holds(lambda x: wf.permute_dims(x, (0, 1, 3, 2)) - 1, x)
    z = numbers((70, 70))
    holds(lambda z: wf.permute_dims(z, (1, 0)) + z, z)


# Results of 16 MB and more are streamed: rows of any width and place, against the same rows in small programs.
@pytest.mark.parametrize("width", [1024, 1031, 4099])
@pytest.mark.parametrize("name", ["softmax", "norm", "map"])
def test_streams(name, width):
    def f(x):
        if name == "map":
            return wf.exp(x) - x
        if name == "softmax":
            return wf.nn.softmax(x)
        centred = x - wf.mean(x, axis=-1, keepdims=True)
        return centred / wf.sqrt(wf.mean(centred * centred, axis=-1, keepdims=True) + 1e-5)

    rows = (33 << 20) // 4 // width + 3
    x = numbers((rows, width))
    part = rows // 8
    small = wf.jit(f)
    wanted = np.concatenate([np.asarray(small(x[i : i + part])) for i in range(0, rows, part)])
    for target in TARGETS:
        same_bits(Program(lambda x: [f(x)], x).native(target)[0], wanted)


def test_turned_streams():
    x, y = numbers((2100, 4200)), numbers((4200, 2100))
    wanted = x.T + y
    for target in TARGETS:
        same_bits(Program(lambda x, y: [wf.permute_dims(x, (1, 0)) + y], x, y).native(target)[0], wanted)
