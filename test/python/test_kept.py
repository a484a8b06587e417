"""Captured arrays, and what a loop reads in each trip, are packed once: the same bits as without, and anew where
the array is another one."""

import ctypes
import gc
import re

import numpy as np
import pytest
import targets
import weft as wf
from running import Program, same_bits, wrong_calls
from test_schedules import TARGETS, numbers, threads_of
from weft._src import _weft, compiler, dtypes, trace
from weft._src.array import asarray

RNG = np.random.default_rng(5)


class Captures(Program):
    """A program that captures arrays; given for the reference as its last arguments."""

    def __init__(self, fn, *args):
        super().__init__(fn, *args)
        self.args = (*args, *map(np.asarray, self.traced.trace.captured))


def keeps(fn, *args):
    """Bit for bit the reference, on every target; how many bytes the host's program keeps."""
    program = Captures(lambda *a: [fn(*a)], *args)
    (want,) = program.reference()
    for target in TARGETS:
        native = program.native(target)
        for threads in threads_of(target):
            same_bits(native(threads)[0], want)
    report = compiler.compile_module(program.traced.module.clone(), compiler.options()).report
    return int(report["kept_bytes"])


SIZES = [(1, 300, 500), (5, 128, 257), (16, 256, 128), (64, 100, 333), (128, 80, 400), (130, 513, 40), (37, 2100, 64)]


@pytest.mark.parametrize("m, k, n", SIZES)
@pytest.mark.parametrize("transposed", [False, True])
def test_captured_right_operands(m, k, n, transposed):
    w = wf.asarray(numbers((n, k) if transposed else (k, n)))
    assert keeps(lambda x: x @ (w.T if transposed else w), numbers((m, k))) >= 4 * k * n


# Larger than the second cache of any target: rows enough hide that it is packed in passing.
@pytest.mark.parametrize("rows", [40, 95, 96, 130])
def test_operands_that_are_packed_in_passing_by_many_rows(rows):
    w = wf.asarray(numbers((1024, 1056)))
    assert (keeps(lambda x: x @ w, numbers((rows, 1024))) > 0) == (rows < 96)


# From memory such panels pass by once, by a tile of one vector where two would be one below the other.
@pytest.mark.parametrize("rows", [3, 7, 14, 15, 27])
@pytest.mark.parametrize("k, n", [(4096, 2200), (4095, 2311)])
def test_few_rows_of_large_captured_operands(rows, k, n):
    w, x = wf.asarray(numbers((k, n))), numbers((rows, k))
    f, part = wf.jit(lambda x: x @ w), wf.jit(lambda x, w: x @ w)
    y = np.asarray(f(x))
    same_bits(y, np.asarray(f(x)))
    for i in range(0, n, 300):
        same_bits(y[:, i : i + 300], np.asarray(part(x, np.asarray(w)[:, i : i + 300].copy())))


# Past a quarter of the last cache (8 MB), strips are stored past it; rows enough hide that these are turned each time.
@pytest.mark.parametrize("k, n", [(1037, 2111), (1024, 2208)])
@pytest.mark.parametrize("rows", [31, 470])
def test_large_captured_operands_that_are_turned(rows, k, n):
    w, x = wf.asarray(numbers((n, k))), numbers((rows, k))
    f, part = wf.jit(lambda x: x @ w.T), wf.jit(lambda x, w: x @ w.T)
    whole = [np.asarray(f(x)), np.asarray(f(x))]
    for i in range(0, n, 100):
        want = np.asarray(part(x[-7:].copy(), np.asarray(w)[i : i + 100].copy()))
        for y in whole:
            same_bits(y[-7:, i : i + 100], want)
    kept = [k.kept for k in f.explain(x).kernels]
    # Many rows hide that strips are turned in each call, where each item turns its own: not so far from the last cache.
    in_passing = 'pack_right = "item"' in part.lower(x, w).as_text("scheduled")
    assert kept == ([False] if rows == 470 and in_passing else [True, False])


@pytest.mark.parametrize("m, k, n", [(64, 300, 200), (130, 513, 40), (33, 500, 129)])
def test_captured_left_operands(m, k, n):
    w = wf.asarray(numbers((m, k)))
    assert keeps(lambda x: wf.nn.relu(w @ x), numbers((k, n))) >= 4 * m * k


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "int32", "uint8"])
def test_captured_operands_of_each_kind(dtype):
    def made(shape):
        return (
            numbers(shape, "float32").astype(dtypes.dtype(dtype).numpy) if "float" in dtype else numbers(shape, dtype)
        )

    w = wf.asarray(made((200, 300)))
    kept = keeps(lambda x: x @ w, made((40, 200)))
    assert kept > 0 or (dtype == "bfloat16" and "avx512_bf16" in targets.flags())  # groups are packed in each call


def test_captured_weights_of_convolutions():
    w, x = wf.asarray(numbers((64, 32, 3, 3))), numbers((2, 32, 13, 11))
    assert keeps(lambda x: wf.nn.relu(wf.nn.conv2d(x, w, padding="SAME")), x) >= 4 * 64 * 32 * 9


def is_turned(fn, *args):
    return "turned = true" in wf.jit(fn).lower(*args).as_text("scheduled")


@pytest.mark.parametrize(
    "x, w, options",
    [
        ((1, 24, 14, 14), (64, 24, 3, 3), {"padding": 1}),
        ((2, 24, 9, 7), (64, 24, 3, 3), {"padding": "SAME"}),
        ((1, 40, 30, 33), (64, 40, 3, 2), {"stride": 2, "padding": 1}),
        ((3, 100, 7, 7), (192, 100, 1, 1), {}),
        ((1, 600, 5, 5), (64, 600, 3, 3), {"padding": 1}),
        ((1, 200, 17, 16), (64, 200, 1, 1), {"stride": 2}),
        ((1, 16, 20, 21), (96, 16, 3, 3), {"dilation": 2}),
        ((1, 5, 40, 40), (64, 5, 7, 7), {"stride": 2, "padding": 3}),
        ((1, 200, 3, 1), (64, 200, 1, 1), {}),
        ((0, 16, 14, 14), (64, 16, 3, 3), {}),
        # Features enough for rows to be packed where tiles are small: across the rows of an image, in blocks of k.
        ((2, 16, 14, 13), (144, 16, 3, 3), {"padding": 1}),
        ((1, 3, 29, 31), (128, 3, 7, 7), {"stride": 2, "padding": 3}),
        ((1, 70, 7, 7), (1056, 70, 1, 1), {"stride": 2}),
        ((1, 600, 5, 5), (208, 600, 3, 3), {"padding": ((2, 0), (0, 1))}),
        ((2, 67, 9, 20), (272, 67, 2, 3), {"dilation": 2, "stride": (3, 1)}),
        # Rows of an image shorter than a tile, that no window reads twice: packed as one.
        ((2, 70, 13, 13), (272, 70, 1, 1), {"stride": 2}),
        # A tile's rows in up to three and six pieces; tiles of two heights, in blocks of them.
        ((3, 17, 5, 3), (144, 17, 3, 3), {"padding": 1}),
        ((5, 40, 7, 1), (128, 40, 3, 1), {}),
        ((1, 16, 9, 6), (64, 16, 3, 3), {"padding": 1}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_convolutions_across_features(x, w, options, dtype):
    window, shift, image = wf.asarray(numbers(w, dtype)), wf.asarray(numbers((w[0], 1, 1), dtype)), numbers(x, dtype)
    assert is_turned(lambda x: wf.nn.conv2d(x, window, **options), image) or not x[0]

    def block(x):
        y = wf.nn.conv2d(x, window, **options) * 2 + shift
        return wf.nn.relu(y + wf.exp(-(y * y)))

    assert keeps(block, image) > 0 or not x[0]


@pytest.mark.parametrize("features", [64, 160, 24])
@pytest.mark.parametrize("channels, size, window", [(16, 14, 3), (16, 15, 1), (16, 56, 1), (16, 7, 3), (260, 24, 1)])
def test_convolutions_across_features_give_a_border(channels, size, window, features):
    w, x = wf.asarray(numbers((features, channels, window, window))), numbers((2, channels, size, size))

    def block(x):
        y = wf.nn.relu(wf.nn.conv2d(x, w, padding="SAME"))
        return wf.pad(y, ((0, 0), (0, 0), (1, 1), (2, 0)), constant_values=-np.inf)

    keeps(block, x)
    assert wf.jit(block).explain(x).kernels[-1].what == "convolution + le + select + pad"


def test_a_kernel_of_long_functions():
    """Its borders, written by the function that the program calls, and its tiles: shared out among objects."""
    w, x = wf.asarray(numbers((64, 64, 1, 1))), numbers((1, 64, 28, 28))
    scale, shift = wf.asarray(numbers((64, 1, 1))), wf.asarray(numbers((64, 1, 1)))

    def block(x):
        return wf.pad(wf.nn.relu(wf.nn.conv2d(x, w) * scale + shift), ((0, 0), (0, 0), (1, 1), (1, 1)))

    assert is_turned(block, x) and keeps(block, x) > 0
    lines = wf.jit(block).lower(x).as_text("llvm").splitlines()
    starts = [i for i, line in enumerate(lines) if "llvm.func" in line and line.endswith("{")]
    assert sum(end - start > 200 for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)) >= 2


@pytest.mark.parametrize("features", [64, 160])
def test_convolutions_across_features_read_a_residual_and_give_two_results(features):
    w, x = wf.asarray(numbers((features, features, 3, 3))), numbers((1, features, 14, 14))

    def block(x):
        y = wf.nn.conv2d(x, w, padding=1)
        return wf.concat([y, wf.nn.relu(y + x)])

    assert is_turned(block, x) and keeps(block, x) > 0
    odd = np.where(numbers(x.shape) > 1, np.float32("nan"), x)
    odd[0, 3, 4, 5], odd[0, 0, 0, 0] = np.inf, -0.0
    assert keeps(block, odd) > 0
    window = numbers(w.shape)
    window[1, 2, 0, 1], window[3, 4, 2, 2] = np.inf, np.float32("nan")
    w = wf.asarray(window)
    assert keeps(block, odd) > 0
    line, cube = wf.asarray(numbers((features, 64, 5))), wf.asarray(numbers((features, 16, 3, 2, 3)))
    assert keeps(lambda x: wf.nn.conv1d(x, line, padding=2), numbers((2, 64, 37))) > 0
    assert keeps(lambda x: wf.nn.conv3d(x, cube, padding=1), numbers((1, 16, 6, 5, 9))) > 0


def test_a_bias_an_activation_and_a_residual_stay_fused():
    w, b, x = wf.asarray(numbers((300, 300))), wf.asarray(numbers((300,))), numbers((70, 300))
    f = wf.jit(lambda x: x + wf.nn.relu(x @ w + b))
    assert [k.kept for k in f.explain(x).kernels] == [True, False]
    assert keeps(lambda x: x + wf.nn.relu(x @ w + b), x) > 0


def test_named_sizes_read_one_panel():
    w = wf.asarray(numbers((256, 192)))
    f = wf.jit(lambda x: x @ w).trace(wf.spec((wf.Dim("B"), 256), "float32")).lower().compile()
    for rows in (1, 7, 64, 333):
        x = numbers((rows, 256))
        same_bits(np.asarray(f(x)), np.asarray(wf.jit(lambda x, w: x @ w)(x, w)))


def test_one_panel_for_all_that_read_it():
    w, x = wf.asarray(numbers((256, 256))), numbers((40, 256))
    f = wf.jit(lambda x: x @ w @ w @ w)
    assert [k.kept for k in f.explain(x).kernels].count(True) == 1
    assert f.explain(x).kept_bytes == 4 * 256 * 256


def test_loops_read_what_was_packed_before_them():
    def recur(h, w, u):
        return wf.fori_loop(0, 5, lambda i, h: wf.tanh(h @ w + (h @ u.T)), h)

    h, w, u = (RNG.normal(size=s).astype(np.float32) / 16 for s in ((16, 256), (256, 256), (256, 256)))
    kernels = wf.jit(recur).explain(h, w, u).kernels
    assert [k.in_loop for k in kernels if k.ops == ("pack",)] == [False, False]
    program = Program(lambda *a: [recur(*a)], h, w, u)
    for target in TARGETS:
        same_bits(program.native(target)()[0], program.reference()[0])


def test_a_variable_is_packed_again_when_it_was_written():
    w, x = wf.Variable(numbers((256, 256))), numbers((20, 256))
    f = wf.jit(lambda x: x @ w.value)

    @wf.jit
    def step(d):
        w.value = w.value + d

    plain = wf.jit(lambda x, w: x @ w)
    for _ in range(3):
        same_bits(np.asarray(f(x)), np.asarray(plain(x, np.array(w.value))))
        step(numbers((256, 256)))
    same_bits(np.asarray(f(x)), np.asarray(plain(x, np.array(w.value))))


def test_what_the_program_itself_writes_is_not_kept():
    w, x = wf.Variable(np.zeros((256, 256), np.float32)), numbers((20, 256))

    @wf.jit
    def step(x):
        y = x @ w.value
        w.value = w.value + 1
        return y

    assert step.explain(x).kept_bytes == 0
    x = np.ones((20, 256), np.float32)
    assert [float(step(x)[0, 0]) for _ in range(3)] == [0.0, 256.0, 512.0]


def test_another_array_at_the_same_place_is_packed_again():
    class Net:
        def __init__(self):
            self.w = wf.asarray(np.ones((256, 256), np.float32))

        @wf.jit
        def __call__(self, x):
            return x @ self.w

    net, x = Net(), np.ones((4, 256), np.float32)
    assert float(net(x)[0, 0]) == 256
    for value in (2, 3):
        net.w = wf.asarray(np.full((256, 256), value, np.float32))  # the memory of the one before, as like as not
        gc.collect()
        assert float(net(x)[0, 0]) == 256 * value


def test_what_another_library_may_write_is_not_kept():
    class Unversioned:
        def __dlpack__(self, **_):
            return w.__dlpack__()

        def __dlpack_device__(self):
            return w.__dlpack_device__()

    w, x = wf.asarray(np.ones((256, 256), np.float32)), np.ones((4, 256), np.float32)
    f = wf.jit(lambda x: x @ w)
    shared = np.from_dlpack(Unversioned())
    assert float(f(x)[0, 0]) == 256
    ctypes.memset(shared.ctypes.data, 0, shared.nbytes)
    assert float(f(x)[0, 0]) == 0


def test_assignment_to_elements_is_seen():
    w, x = wf.asarray(np.ones((256, 256), np.float32)), np.ones((4, 256), np.float32)
    f = wf.jit(lambda x: x @ w)
    assert float(f(x)[0, 0]) == 256
    w[:, 0] = 2
    assert [float(v) for v in f(x)[0, :2]] == [512, 256]


def test_a_compiled_program_packs_what_it_is_given():
    w, x = wf.asarray(numbers((256, 256))), numbers((20, 256))
    program = Captures(lambda x: [x @ w], x)
    compiled = compiler.compile_module(program.traced.module.clone(), compiler.options()).program
    kept = _weft.Kept()
    for scale in (1, 2):
        other = numbers((256, 256)) * np.float32(scale)
        for given in (other, asarray(other)):  # NumPy's memory may change, so nothing of it is kept
            for keep in (kept, None):
                (got,) = compiled([asarray(x), given], keep)
                same_bits(np.asarray(got), np.asarray(wf.jit(lambda x, w: x @ w)(x, other)))


def test_two_functions_of_one_program_keep_their_own():
    x = numbers((20, 256))

    def make(w):
        return wf.jit(lambda x: x @ w)

    arrays = [wf.asarray(numbers((256, 256))) for _ in range(2)]
    functions = [make(w) for w in arrays]
    for _ in range(3):
        for f, w in zip(functions, arrays, strict=True):
            same_bits(np.asarray(f(x)), np.asarray(wf.jit(lambda x, w: x @ w)(x, w)))


def test_threads_that_call_at_once_share_it():
    w, x = wf.asarray(numbers((512, 512))), numbers((64, 512))
    want = np.asarray(wf.jit(lambda x, w: x @ w)(x, w))
    for _ in range(5):
        f = wf.jit(lambda x: x @ w)
        f.explain(x)  # compiled, not yet run
        assert wrong_calls(lambda f=f: f(x), [want], threads=4, times=20, equal_nan=True) == 0


def test_what_is_kept_goes_with_the_function():
    w, x = wf.asarray(numbers((256, 256))), numbers((64, 256))  # no larger than the second cache of any target
    f = wf.jit(lambda x: x @ w)
    f(x)
    gc.collect()
    before = _weft.pool_stats()["live_bytes"]
    f.clear_cache()
    f = w = None
    gc.collect()
    assert before - _weft.pool_stats()["live_bytes"] >= 2 * 4 * 256 * 256


def test_the_report_tells_of_it():
    w, x = wf.asarray(numbers((256, 256))), numbers((20, 256))
    told = str(wf.jit(lambda x: x @ w).explain(x))
    assert re.search(r"memory: .*kept 2\d\d KB", told) and "pack" in told
    v = wf.asarray(numbers((256, 256)))
    told = str(wf.jit(lambda x: x @ w @ v).explain(x))
    assert told.count("pack") == 1 and "kept  2 times" in told


def test_captured_arrays_are_told_apart_from_arguments():
    traced = trace.trace_program(lambda x: [x @ x], [trace.Spec((256, 256), dtypes.float32)])
    report = compiler.compile_module(traced.module.clone(), compiler.options()).report
    assert report["kept_from"] == [] and report["kept_bytes"] == "0"


def test_max_bytes_leaves_out_what_does_not_fit():
    a, b = wf.asarray(numbers((1024, 512))), wf.asarray(numbers((512, 1024)))
    x = numbers((100, 512))

    def f(x):
        return wf.nn.relu(x @ a.T) @ b.T

    free = wf.jit(f).explain(x)
    assert free.kept_bytes == 2 * 1024 * 512 * 4 and [k.kept for k in free.kernels] == [True, True, False, False]
    for most in (None, free.peak_bytes, 10**9):
        assert wf.jit(f, max_bytes=most).explain(x).kept_bytes == free.kept_bytes
    half = wf.jit(f, max_bytes=free.peak_bytes - 1).explain(x)
    assert half.kept_bytes == 1024 * 512 * 4 or half.kept_bytes == 0
    assert half.peak_bytes < free.peak_bytes
    none = wf.jit(f, max_bytes=0)
    told = none.explain(x)
    assert told.kept_bytes == told.memory.kept == 0 and not any(k.kept for k in told.kernels)
    assert any("more than max_bytes" in note for note in told.notes) and told.peak_bytes < free.peak_bytes
    for most in (0, free.peak_bytes - 1, None):
        np.testing.assert_array_equal(wf.jit(f, max_bytes=most)(x), wf.jit(f)(x))


def test_without_room_a_loop_packs_for_itself():
    w = wf.asarray(numbers((256, 256)))
    f = lambda h: wf.fori_loop(0, 5, lambda i, h: wf.tanh(h @ w.T), h)  # noqa: E731
    h = numbers((40, 256))
    free, none = wf.jit(f), wf.jit(f, max_bytes=0)
    assert free.explain(h).kept_bytes == 4 * 256 * 256 and none.explain(h).kept_bytes == 0
    packs = [(k.in_loop, k.kept) for k in none.explain(h).kernels if k.what == "pack"]
    assert packs == [(False, False)]
    np.testing.assert_array_equal(free(h), none(h))


@pytest.mark.parametrize("bad", [-1, 2.5, "much", True])
def test_a_bad_bound_is_refused(bad):
    with pytest.raises(wf.errors.ArgumentValueError, match="WF1902"):
        wf.jit(lambda x: x, max_bytes=bad)


@pytest.mark.parametrize("captured", [False, True])
def test_a_loop_in_a_branch_packs_there(captured):
    w, h = numbers((256, 256)), numbers((40, 256))

    def f(p, h, w):
        loop = lambda h, w: wf.fori_loop(0, 5, lambda i, c: wf.tanh(c @ w.T), h)  # noqa: E731
        return wf.cond(p, loop, lambda h, w: h, h, w)

    if captured:
        mine = wf.asarray(w)
        program = Captures(lambda p, h: [f(p, h, mine)], np.bool_(True), h)
    else:
        program = Program(lambda p, h, w: [f(p, h, w)], np.bool_(True), h, w)
    (want,) = program.reference()
    (got,) = program.native("host")(2)
    same_bits(got, want)
