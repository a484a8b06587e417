"""Products of narrow numbers, read as they are and summed in groups of k: exact integers, whatever instruction sums
them (VNNI, pmaddwd, one by one), against NumPy modulo 2^32 and the reference interpreter."""

import numpy as np
import pytest
import targets
import weft as wf
from running import Program, same_bits
from test_schedules import STREAMING, threads_of

RNG = np.random.default_rng(17)
# With VNNI where the host has it (AVX-512's, AVX2's), with the groups of two that AVX-512 and AVX2 have by themselves.
FLAGS = targets.flags()
TARGETS = ["host", *targets.RUNNABLE, *(["x86-64-v3+avxvnni"] if "avx_vnni" in FLAGS else [])]


def whole(shape, dtype):
    """Numbers of the whole range, the ends among them."""
    info = np.iinfo(dtype)
    x = RNG.integers(info.min, info.max, shape, dtype, endpoint=True)
    x.reshape(-1)[: x.size // 3 : 2] = info.min
    x.reshape(-1)[1 : x.size // 3 : 4] = info.max
    return x


def wide(x):
    return x.astype(wf.int32)


def exact(x, y):
    return (x.astype(np.int64) @ y.astype(np.int64)).astype(np.int32)


def holds(fn, wanted, *args):
    program = Program(lambda *a: [fn(*a)], *args)
    for target in TARGETS:
        native = program.native(target)
        for threads in threads_of(target):
            same_bits(native(threads)[0], wanted)


# Rows, k, lanes: whole groups and rests of 1 to 3; one row; each way of packing; k in blocks.
SIZES = [
    (4, 8, 16),
    (5, 7, 3),
    (1, 5, 9),
    (70, 130, 90),
    (33, 401, 71),
    (128, 61, 300),
    (531, 66, 90),
    (700, 259, 515),
    (40, 3, 1100),
    (6, 30001, 40),
    (300, 20002, 33),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", ["plain", "left turned", "right turned", "both turned"])
def test_products_of_bytes(form, size):
    m, k, n = size
    x, y = whole((m, k), np.int8), whole((k, n), np.int8)
    turns = (form in ("left turned", "both turned"), form in ("right turned", "both turned"))
    args = [np.ascontiguousarray(a.T) if turned else a for a, turned in zip((x, y), turns, strict=True)]

    def product(x, y):
        return wide(x.T if turns[0] else x) @ wide(y).T if turns[1] else wide(x.T if turns[0] else x) @ wide(y)

    holds(product, exact(x, y), *args)


@pytest.mark.parametrize("right", [np.int8, np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("left", [np.int8, np.uint8, np.int16, np.bool_])
def test_products_of_other_types(left, right):
    x = RNG.integers(0, 2, (37, 103)).astype(bool) if left is np.bool_ else whole((37, 103), left)
    y = whole((103, 50), right)
    holds(lambda x, y: wide(x) @ wide(y), exact(x, y), x, y)
    holds(lambda x, y: wide(x) @ wide(y).T, exact(x, y), x, np.ascontiguousarray(y.T))


def test_products_equal_the_reference():
    x, y = whole((21, 75), np.int8), whole((75, 40), np.int8)
    program = Program(lambda x, y: [wide(x) @ wide(y)], x, y)
    same_bits(program.reference()[0], exact(x, y))
    same_bits(np.asarray(wide(wf.asarray(x)) @ wide(wf.asarray(y))), exact(x, y))


def test_batches():
    x, y = whole((9, 20, 67), np.int8), whole((9, 67, 45), np.int8)
    holds(lambda x, y: wide(x) @ wide(y), exact(x, y), x, y)
    holds(lambda x, y: wf.vmap(lambda x, y: wide(x) @ wide(y))(x, y), exact(x, y), x, y)


def test_empty_and_one():
    for m, k, n in ((0, 4, 4), (4, 0, 4), (4, 4, 0), (1, 1, 1)):
        x, y = whole((m, k), np.int8), whole((k, n), np.int8)
        same_bits(np.asarray(wf.jit(lambda x, y: wide(x) @ wide(y))(x, y)), exact(x, y))


def test_an_epilogue_scales_the_sums():
    x, y, bias = whole((90, 130), np.int8), whole((130, 70), np.int8), RNG.normal(size=70).astype(np.float32)

    def layer(x, y, bias):
        sums = wide(x) @ wide(y)
        return wf.nn.relu(sums.astype(wf.float32) * np.float32(0.01) + bias)

    assert len(wf.jit(layer).explain(x, y, bias).kernels) == 1
    program = Program(lambda *a: [layer(*a)], x, y, bias)
    for target in TARGETS:
        same_bits(program.native(target)()[0], program.reference()[0])


def test_named_sizes():
    sizes = wf.Dim("M"), wf.Dim("K")
    f = wf.jit(lambda x, y: wide(x) @ wide(y), dims={"x": sizes, "y": (sizes[1], None)})
    for m, k in ((3, 5), (8, 64), (40, 33), (130, 102)):
        x, y = whole((m, k), np.int8), whole((k, 48), np.int8)
        same_bits(np.asarray(f(x, y)), exact(x, y))


def test_what_is_converted_once_for_two_products():
    x, y, z = whole((30, 50), np.int8), whole((50, 40), np.int8), whole((50, 60), np.int8)

    def both(x, y, z):
        x = wide(x)
        return x @ wide(y), x @ wide(z)

    report = wf.jit(both).explain(x, y, z)
    assert [k.what for k in report.kernels] == ["matmul", "matmul"]
    for got, want in zip(wf.jit(both)(x, y, z), (exact(x, y), exact(x, z)), strict=True):
        same_bits(np.asarray(got), want)
    square = whole((40, 40), np.int8)
    holds(lambda x: wide(x) @ wide(x), exact(square, square), square)


def test_a_conversion_beside_a_contraction_that_others_read():
    x, y = whole((30, 50), np.int8), whole((50, 40), np.int8)

    def f(x, y):
        x = wide(x)
        return x @ wide(y), x + 1

    got = wf.jit(f)(x, y)
    same_bits(np.asarray(got[0]), exact(x, y))
    same_bits(np.asarray(got[1]), x.astype(np.int32) + 1)


@pytest.mark.parametrize("narrow", [np.float16, "bfloat16", np.int8, np.uint8, np.bool_])
def test_products_in_floats_read_narrow_operands(narrow):
    dtype = np.dtype(narrow) if narrow != "bfloat16" else wf.bfloat16.numpy
    x, y = (RNG.integers(0, 2 if narrow is np.bool_ else 100, shape).astype(dtype) for shape in ((37, 130), (130, 65)))

    def product(x, y):
        return x.astype(wf.float32) @ y.astype(wf.float32)

    assert [k.what for k in wf.jit(product).explain(x, y).kernels] == ["matmul"]
    holds(product, x.astype(np.float32) @ y.astype(np.float32), x, y)  # whole numbers: exact in any order
    holds(lambda x, y: product(x, y.T), x.astype(np.float32) @ y.astype(np.float32), x, np.ascontiguousarray(y.T))


def schedule_of(fn, *args):
    (text,) = (line for line in wf.jit(fn).lower(*args).as_text("scheduled").splitlines() if 'form = "tile"' in line)
    return text


@pytest.mark.skipif("avx2" not in FLAGS, reason="the host has no instruction that sums groups")
def test_the_schedule_says_the_group():
    x, y, one = whole((64, 256), np.int8), whole((256, 64), np.int8), whole((1, 256), np.int8)
    group = 4 if {"avx512_vnni", "avx_vnni"} & FLAGS else 2
    assert f"group = {group}" in schedule_of(lambda x, y: wide(x) @ wide(y), x, y)
    assert "group" not in schedule_of(lambda x, y: wide(x) @ wide(y), one, y)  # one row: nothing uses what is packed
    assert "group" not in schedule_of(lambda x, y: wide(x) @ wide(y), wf.asarray(x).astype(wf.int32), y)


HALVES = [(16, 8, 16), (17, 7, 33), (70, 130, 90), (128, 61, 300), (531, 66, 90), (20, 9001, 40), (300, 5002, 33)]


def halves(shape, wild):
    """Numbers of bf16. Wild: of all exponents, some of them subnormal, infinite, NaN or -0."""
    if not wild:
        return RNG.normal(size=shape).astype(np.float32).astype(wf.bfloat16.numpy)
    x = RNG.integers(0, 1 << 16, shape, np.uint16)
    finite = np.where(RNG.random(shape) < 0.999, x & 0xBFFF, x)  # most below 2, or sums are all NaN
    return finite.view(wf.bfloat16.numpy)


def in_bits(program, threads=(1, 2)):
    wanted = program.reference()[0]
    for target in STREAMING:
        native = program.native(target)
        for number in threads:
            same_bits(native(number)[0], wanted)


@pytest.mark.parametrize("wild", ["tame", "left", "right", "both"])
@pytest.mark.parametrize("size", HALVES)
def test_products_of_halves_take_one_after_another(size, wild):
    m, k, n = size
    x, y = halves((m, k), wild in ("left", "both")), halves((k, n), wild in ("right", "both"))
    turned = np.ascontiguousarray(y.T)
    in_bits(Program(lambda x, y: [x.astype(wf.float32) @ y.astype(wf.float32)], x, y))
    in_bits(Program(lambda x, y: [x @ y.T], x, turned), threads=(2,))
    in_bits(Program(lambda x, y: [x.T @ y], np.ascontiguousarray(x.T), y), threads=(2,))


@pytest.mark.parametrize("place", ["left", "right"])
@pytest.mark.parametrize("number", [1e-40, 2.0**-57, 2.0**-56, 2.0**62, 2.0**63, -3e38, np.inf, -np.inf, np.nan, -0.0])
def test_one_half_that_is_not_tame(place, number):
    # Products of one column vanish or overflow by themselves where the instruction for halves does not see subnormals.
    x, y = halves((40, 100), False), halves((100, 70), False)
    x[:, 3], y[3, :] = 2.0**100, 2.0**-120
    (x if place == "left" else y)[33, 50] = number
    in_bits(Program(lambda x, y: [x.astype(wf.float32) @ y.astype(wf.float32)], x, y), threads=(1,))
    x[:, 3], y[3, :] = 1, 2.0**-50
    in_bits(Program(lambda x, y: [x.astype(wf.float32) @ y.astype(wf.float32)], x, y), threads=(1,))


def test_the_smallest_tame_halves():
    # Sums that cancel to the last multiple of 2^-126, and products at the upper end.
    least = RNG.integers(0, 256, (32, 64), np.uint16) + ((127 - 56) << 7)
    most = RNG.integers(0, 256, (64, 48), np.uint16) + ((127 + 61) << 7)
    for bits, other in ((least, least.T), (most.T, most), (least, most)):
        signs = [RNG.integers(0, 2, b.shape, np.uint16) << 15 for b in (bits, other)]
        x, y = ((b | s).astype(np.uint16).view(wf.bfloat16.numpy) for b, s in zip((bits, other), signs, strict=True))
        in_bits(Program(lambda x, y: [x.astype(wf.float32) @ y.astype(wf.float32)], x.copy(), y.copy()), threads=(1,))


def test_halves_in_batches_and_with_an_epilogue():
    x, y, bias = halves((5, 40, 66), False), halves((5, 66, 50), True), halves((50,), False)
    in_bits(Program(lambda x, y, b: [wf.nn.relu(x @ y + b)], x, y, bias))


@pytest.mark.parametrize("target", ["x86-64-v4+avx512vnni+avx512bf16", "x86-64-v4", "x86-64-v3+avxvnni", "x86-64-v3"])
def test_instructions_are_the_targets(target):
    x, y = whole((64, 256), np.int8), whole((256, 64), np.int8)
    a, b = halves((64, 256), False), halves((256, 64), False)
    dots = "vnni" in target
    text = wf.jit(lambda x, y: wide(x) @ wide(y)).lower(x, y, target=target).as_text("asm")
    assert ("vpdpbusd" in text) == dots and ("vpmaddwd" in text) != dots and "vpmulld" not in text
    text = wf.jit(lambda x, y: x @ y).lower(a, b, target=target).as_text("asm")
    assert ("vdpbf16ps" in text) == ("bf16" in target) and "vfmadd" in text
