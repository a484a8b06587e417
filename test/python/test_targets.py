"""One program, one set of bits, on each target (x86-64-v3, x86-64-v4 and, in QEMU, aarch64) and number of threads,
against the reference interpreter: every op of the op table on every dtype, special values, small programs of each kind
of kernel, and random ones. (test_ops.py holds the code of this machine to the same, test_schedules.py larger sizes.)

With default numerics, ops keep their bounds, and a target gives the same bits for any number of threads.
"""

import contextlib
import functools

import numpy as np
import pytest
import random_graphs
import targets
import weft as wf
from op_table import STRUCTURED, samples
from running import Program, same_bits
from test_ops import DTYPES, check_structured, check_values, elementwise_rows, needs_numpy, pairs_of_specials
from weft._src import dims
from weft._src._op_table import OPS
from weft._src.trace import Spec

RNG = np.random.default_rng(5)
THREADS = (1, 2, 5)


@functools.cache
def elementwise(d):
    """All elementwise ops on a dtype: the program, and its operands by kind, with the reference's results."""
    table = elementwise_rows(d)
    specs = [Spec((dims.Dim("n"),), od) for r in table for od in r.operand_dtypes(d)]
    places = np.cumsum([0] + [r.arity for r in table])

    def all_of_them(*xs):
        return [r.call(*xs[places[i] : places[i + 1]]) for i, r in enumerate(table)]

    operands = {
        "samples": [x for r in table for x in samples(r, d, (1031,))],
        "specials": [x for r in table for x in pairs_of_specials(r, d)],
    }
    program = Program(all_of_them, *operands["samples"], specs=specs)
    return table, program, {kind: (xs, program.reference(xs)) for kind, xs in operands.items()}


@functools.cache
def structured(d):
    """All structured ops on a dtype; the program and the reference's results."""
    table = [r for r in STRUCTURED if d in r.dtypes]
    places = np.cumsum([0] + [len(r.shapes) for r in table])

    def all_of_them(*xs):
        return [r.call(*xs[places[i] : places[i + 1]]) for i, r in enumerate(table)]

    program = Program(all_of_them, *(x for r in table for x in samples(r, d)))
    return table, program, program.reference()


def check(table, got, wanted, holds):
    """Every row that `holds` refuses, by name."""
    wrong = {}
    for r, g, w in zip(table, got, wanted, strict=True):
        try:
            holds(r, g, w)
        except AssertionError as error:
            wrong[str(r)] = str(error).partition("\n")[0]
    assert not wrong


@pytest.mark.parametrize("d", DTYPES, ids=lambda d: d.short)
@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_elementwise_ops(target, d):
    needs_numpy(d)
    table, program, cases = elementwise(d)
    strict, default = program.native(target), program.native(target, "default")
    for kind, (xs, wanted) in cases.items():
        check(table, strict(2, xs), wanted, lambda r, g, w: same_bits(g, w))
        given = default(2, xs)
        check(table, default(1, xs), given, lambda r, g, w: same_bits(g, w))
        if kind == "samples":
            check(table, given, wanted, lambda r, g, w: check_values(r, d, g, samples(r, d, (1031,))))


@pytest.mark.parametrize("d", DTYPES, ids=lambda d: d.short)
@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_structured_ops(target, d):
    needs_numpy(d)
    table, program, wanted = structured(d)

    def holds(r, g, w):
        # Eigen's order of operations is that of its build for a machine (docs/linalg.md).
        if target == "aarch64" and OPS[r.name].family == "Linalg":
            check_structured(r, d, g)
        else:
            same_bits(g, w)

    check(table, program.native(target)(2), wanted, holds)
    default = program.native(target, "default")
    given = default(2)
    check(table, default(1), given, lambda r, g, w: same_bits(g, w))
    check(table, given, wanted, lambda r, g, w: check_structured(r, d, g))


def numbers(shape, dtype="float32"):
    return RNG.normal(size=shape).astype(dtype)


def drawn(words):
    key = wf.random.wrap_key_data(words)
    one, two = wf.random.split(key)
    return wf.random.normal(one, (3, 41)), wf.random.uniform(two, (70,)), wf.random.permutation(key, 33)


def convolved(x, w):
    return wf.nn.relu(wf.nn.conv2d(x, w, stride=2, padding=1))


def placed(x, i, y):
    z = x + 0
    z[i] += y
    return x[i], z, wf.sort(x, axis=-1), wf.argsort(y, axis=0), wf.cumulative_sum(x, axis=0)


def steps(xs, h, w):
    def step(h, x):
        h = wf.tanh(h @ w + x)
        return h, wf.cond(wf.sum(h) > 0, lambda h: wf.exp(h), lambda h: h * 2, h)

    last, all_of_them = wf.scan(step, h, xs)
    return wf.while_loop(lambda v: wf.max(wf.abs(v)) < 100, lambda v: v * 3 + 1, last), all_of_them


def norm(x):
    centred = x - wf.mean(x, axis=-1, keepdims=True)
    return centred / wf.sqrt(wf.mean(centred * centred, axis=-1, keepdims=True) + 1e-5)


SMALL = {
    "attention": (lambda q, k: wf.nn.dot_product_attention(q, k, k, causal=True), *[numbers((2, 37, 4, 20))] * 2),
    "softmax": (wf.nn.softmax, numbers((33, 70))),
    "norm": (norm, numbers((33, 70), "float64")),
    "convolution": (convolved, numbers((2, 5, 13, 11)), numbers((9, 5, 3, 3))),
    "indexing": (placed, numbers((9, 13)), RNG.integers(0, 9, 20), numbers((20, 13))),
    "random numbers": (drawn, np.array([3, 4], np.uint32)),
    "control": (steps, numbers((6, 3, 10)), numbers((3, 10)), numbers((10, 10))),
    "gradient": (wf.grad(lambda w, x: wf.sum(wf.nn.gelu(x @ w))), numbers((40, 30)), numbers((17, 40))),
}  # fmt: skip


@functools.cache
def small(name):
    program = Program(*SMALL[name])
    return program, program.reference()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_small_programs(target, name):
    program, wanted = small(name)
    strict, default = program.native(target), program.native(target, "default")
    given = default(1)
    for threads in THREADS:
        for got, want in zip(strict(threads), wanted, strict=True):
            same_bits(got, want)
        for got, want in zip(default(threads), given, strict=True):
            same_bits(got, want)
    for got, want in zip(given, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


SEEDS = [*range(1010, 1014), *range(30010, 30013), *range(40030, 40034), *range(140010, 140013)]


@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_random_programs(target):
    """A few; random_graphs.py --target runs as many as are asked for."""
    wrong = {}
    for seed in SEEDS:
        with contextlib.suppress(random_graphs.Refused):
            if found := random_graphs.difference(random_graphs.Program(seed), target=target):
                wrong[seed] = found
    assert not wrong
