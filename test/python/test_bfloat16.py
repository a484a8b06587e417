"""bfloat16 in native code, on all of its bit patterns, against the reference interpreter: rounding by integers, two
numbers of 32 bits from a pair, and folds whose lanes stand in the order of pairs."""

import numpy as np
import pytest
import targets
import weft as wf
from running import Program, same_bits

ml_dtypes = pytest.importorskip("ml_dtypes", reason="NumPy itself has no bfloat16")
BF16 = np.dtype(ml_dtypes.bfloat16)
RNG = np.random.default_rng(16)
TARGETS = ["host", *targets.RUNNABLE]
ALL = np.arange(65536, dtype=np.uint16).view(BF16)


def holds(fn, *args, pairs, wanted=None):
    """The bits are the reference's; whether a sweep takes pairs is as said."""
    program = Program(fn, *args)
    text = wf.jit(fn).lower(*args, target="x86-64-v4").as_text("scheduled")
    assert ("pairs = true" in text) == pairs
    wanted = program.reference() if wanted is None else wanted
    for target in TARGETS:
        native = program.native(target)
        for threads in (5,) if target == "aarch64" else (1, 5):
            for got, want in zip(native(threads), wanted, strict=True):
                same_bits(got, want)


def rounded(x):
    """float32 to bfloat16, to nearest even, by whole numbers: an oracle of its own."""
    bits = x.view(np.uint32).astype(np.uint64)
    upper, lower = bits >> 16, bits & 0xFFFF
    upper += (lower > 0x8000) | ((lower == 0x8000) & (upper & 1 == 1))
    return np.where(np.isnan(x), 0x7FC0, upper).astype(np.uint16).view(BF16)


@pytest.mark.parametrize("tail", [0, 1, 31, 33])
def test_functions_of_every_number(tail):
    def fn(x):
        return wf.nn.gelu(x), wf.where(x > 0.5, x, wf.sqrt(x)), wf.abs(x) + 1

    x = np.concatenate([ALL, ALL[:tail]])
    holds(fn, x, pairs=True)


def test_every_number_is_rounded():
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    x = ((np.arange(65536, dtype=np.uint32) << 16)[:, None] | lower).view(np.float32)
    holds(lambda x: wf.astype(x, wf.bfloat16), x, pairs=False, wanted=[rounded(x)])


def test_sums_and_products_are_rounded_in_pairs():
    x = RNG.permutation(ALL)
    with np.errstate(all="ignore"):
        y = (x.astype(np.float32) * np.float32(2.0) ** RNG.integers(-9, 9, x.size)).astype(BF16)
    y[::5] = RNG.permutation(ALL)[::5]
    with np.errstate(all="ignore"):
        wide = [x.astype(np.float32), y.astype(np.float32)]
        wanted = [rounded(wide[0] + wide[1]), rounded(wide[0] * wide[1])]
    holds(lambda x, y: (x + y, x * y), x, y, pairs=True, wanted=wanted)


@pytest.mark.parametrize("shape", [(16, 1024), (65, 257), (17, 1000), (9, 4095)])
def test_rows(shape):
    x = (RNG.normal(size=shape) * 3).astype(BF16)
    x[1, 7], x[2, 9], x[3, shape[1] - 1], x[4] = np.nan, np.inf, -np.inf, -np.inf
    x[5], x[6, 3:], x[7] = -0.0, 0.0, 1e-40  # subnormal

    def fn(x):
        return wf.nn.softmax(x), wf.nn.layer_norm(x), wf.sum(x * 3, axis=1)

    holds(fn, x, pairs=True)


def test_what_is_not_alone_along_the_lanes_keeps_its_order():
    x, y = RNG.normal(size=(64, 512)).astype(BF16), RNG.normal(size=(64, 512)).astype(np.float32)
    holds(lambda x, y: wf.astype(x, wf.float32) * y, x, y, pairs=False)
    holds(lambda x: (x + 1) > 0, x, pairs=False)
    holds(lambda x: wf.flip(x, axis=1) + 1, x, pairs=False)
