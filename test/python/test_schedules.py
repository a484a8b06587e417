"""Every schedule computes the same bits: sizes that take blocks, strips and streams, against the reference interpreter
or, where that would take long, against the same rows computed in programs too small for those schedules."""

import numpy as np
import pytest
import targets
import weft as wf
from running import Program, same_bits
from weft._src import dtypes

RNG = np.random.default_rng(11)
TARGETS = ["host", *targets.RUNNABLE]
STREAMING = [t for t in TARGETS if t != "aarch64"]  # which stores nothing past the caches, and takes long in QEMU


def threads_of(target):
    """Numbers of threads to run with; QEMU takes long."""
    return (5,) if target == "aarch64" else (1, 2, 5)


def numbers(shape, dtype="float32"):
    if np.dtype(dtype).kind in "iu":
        return RNG.integers(-100, 100, shape).astype(dtype)
    x = RNG.normal(size=shape).astype(dtype)
    flat = x.reshape(-1)
    if flat.size > 40:
        flat[[3, 17, 31]] = [np.nan, np.inf, -0.0]
    return x


def holds(fn, *args):
    program = Program(fn, *args)
    wanted = program.reference()
    for target in TARGETS:
        native = program.native(target)
        for threads in threads_of(target):
            for got, want in zip(native(threads), wanted, strict=True):
                same_bits(got, want)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "uint8"])
@pytest.mark.parametrize(
    "shape", [(1000, 130), (64, 16), (129, 513), (700, 3), (1, 40), (2, 300), (3, 1030), (8, 71), (5, 1)]
)
def test_column_folds(shape, dtype):
    x = numbers(shape, dtype)
    holds(lambda x: (wf.sum(x, axis=0), wf.max(x, axis=0)), x)


def test_column_folds_of_several_dimensions():
    x = numbers((9, 70, 11, 34))
    holds(lambda x: wf.sum(x, axis=(0, 2)), x)
    holds(lambda x: wf.sum(x * x, axis=1), x)
    holds(lambda x: wf.min(x, axis=(1, 2)), x)
    few = numbers((3, 5, 2, 70))
    holds(lambda x: (wf.sum(x, axis=(0, 2)), wf.max(wf.abs(x), axis=(0, 2))), few)
    holds(lambda x: wf.exp(wf.sum(x, axis=2)), few)


# The innermost dimension is folded, and one outside of a kept one: stretches that end within 64 elements, or lie in two
# chunks of 65,536; one too short for vectors.
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32", "uint8"])
@pytest.mark.parametrize(
    "shape", [(5, 7, 64), (3, 4, 130), (9, 5, 17), (40, 3, 2000), (700, 2, 333), (3, 2, 66000), (6, 5, 3), (0, 3, 40)]
)
def test_folds_in_stretches(shape, dtype):
    x = numbers(shape, "float32" if dtype == "bfloat16" else dtype).astype(dtypes.dtype(dtype).numpy)
    holds(lambda x: wf.sum(x, axis=(0, 2)), x)
    if shape[0]:
        holds(lambda x: (wf.max(x * x, axis=(0, 2)), wf.sum(x, axis=(0, 2)) * 2), x)
    holds(lambda x: wf.sum(x[:, :, ::2]), x)


# Lanes run across rows shorter than vectors: taken apart by shuffles or in squares, rests of rows, what is read along
# the rows or is one for all of them, results that hold columns as rows.
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32", "uint8"])
@pytest.mark.parametrize(
    "shape", [(640, 3), (129, 2), (301, 4), (200, 10), (333, 7), (3, 101, 16), (2, 130, 5), (160, 17), (97, 31), (0, 3)]
)
def test_rows_shorter_than_vectors(shape, dtype):
    def some(shape):
        made = numbers(shape, "float32" if dtype == "bfloat16" else dtype)
        return made.astype(dtypes.dtype(dtype).numpy)

    x, column, row = some(shape), some((*shape[:-1], 1)), some(shape[-1:])
    holds(lambda x: (wf.sum(x, axis=-1), wf.max(x, axis=-1, keepdims=True)) if shape[0] else wf.sum(x, axis=-1), x)
    holds(lambda x, c, r: wf.sum((x * r - c) ** 2, axis=-1), x, column, row)
    holds(lambda x, c, r: (x - c) * r + wf.matrix_transpose(wf.matrix_transpose(x) * 2), x, column, row)
    holds(lambda x, c: (x > c, wf.any(x > c, axis=-1)), x, column)
    holds(lambda x: wf.repeat(x, 2, axis=-1), x)
    if dtype.startswith("float") and shape[0]:
        holds(wf.nn.softmax, x)
        holds(lambda x: x - wf.sum(x * wf.nn.softmax(x), axis=-1, keepdims=True), x)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
@pytest.mark.parametrize(
    "shape", [(9, 2, 70, 2), (3, 3, 333, 5), (64, 2, 28, 2), (2, 5, 100, 6), (4, 16, 40, 2), (7, 2, 3, 2, 50, 4)]
)
def test_short_rows_in_pieces(shape, dtype):
    """Every other dimension is folded (the means of squares of an image): all of a row's pieces in registers."""
    x = numbers(shape, "float32" if dtype == "bfloat16" else dtype).astype(dtypes.dtype(dtype).numpy)
    dims = tuple(range(1, len(shape), 2))
    kept = tuple(n for i, n in enumerate(shape) if i not in dims)
    holds(lambda x: (wf.sum(x, axis=dims), wf.max(x * x, axis=dims)), x)
    holds(lambda x, y: wf.sum(x * 2 - 1, axis=dims) * y, x, numbers(kept, dtype if dtype == "int32" else "float32"))


def test_which_rows_lanes_run_across():
    def text(fn, *args):
        return wf.jit(fn).lower(*args, target="x86-64-v4").as_text("scheduled")

    assert "across = true" in text(lambda x: wf.sum(x, axis=1), numbers((1000, 3)))
    assert "across = true" in text(lambda x: wf.repeat(x, 3), numbers((1000,)))
    assert "across = true" in text(wf.nn.softmax, numbers((1024, 24)))  # two squares of columns
    assert "across = true" not in text(wf.nn.softmax, numbers((1025, 24)))  # too much code, for rows that are left too
    assert "across = true" not in text(lambda x: wf.sum(x, axis=1), numbers((1000, 33)))
    assert "across = true" not in text(lambda x: x * 2, numbers((1000, 3)))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int8", "bool"])
@pytest.mark.parametrize("step", [-1, 2, 3, 4, -3])
def test_lanes_some_steps_apart(step, dtype):
    x = numbers((5, 401), "int8" if dtype == "int8" else "float32")
    x = x > 0 if dtype == "bool" else x.astype(dtypes.dtype(dtype).numpy)
    for end in (401, 64, 37, 5):
        holds(lambda x, end=end: wf.where(x[:, :end][:, ::step] == 0, 0, x[:, :end][:, ::step]), x)


# Past the second cache: threads share the partial results, not the lanes; rows that are no multiple of 64 or of 512.
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("shape", [(1300, 1030), (1024, 2048), (9001, 140)])
def test_column_folds_of_many_rows(shape, dtype):
    x = numbers(shape, dtype)
    text = wf.jit(lambda x: wf.sum(x, axis=0)).lower(x, target="x86-64-v3").as_text("scheduled")
    assert "parts = " in text
    holds(lambda x: (wf.sum(x, axis=0), wf.max(x * x, axis=0)), x)
    holds(lambda x: wf.mean(x, axis=0) * 2, x)


def test_column_folds_past_a_chunk():
    holds(lambda x: wf.sum(x, axis=0), numbers((65536 + 700, 5)))
    holds(lambda x: wf.sum(x, axis=0), numbers((65536 * 2, 2)))


@pytest.mark.parametrize("shape", [(65536,), (65537,), (400_001,), (3, 200_001)])
def test_folds_of_long_rows(shape):
    x = numbers(shape)
    holds(lambda x: (wf.sum(x), wf.max(x)), x)
    holds(lambda x: wf.sum(wf.abs(x)) * 2, x)
    holds(lambda x: (x - wf.mean(x), wf.max(x)), x)
    holds(lambda x: wf.exp(x - wf.max(x)) / wf.sum(wf.exp(x - wf.max(x))), x)


# From underflow to overflow, through subnormal results, in vectors and in what is left of one.
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponentials_at_their_ends(dtype):
    far = {"float32": 160, "float64": 1100}[dtype]
    ends = [np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).tiny, np.finfo(dtype).max, -np.finfo(dtype).max]
    x = np.concatenate([np.linspace(-far, far, 4001), RNG.normal(size=500), ends]).astype(dtype)
    with np.errstate(over="ignore"):
        y = np.concatenate([RNG.normal(size=4000) * 30, [0.5, -0.0, np.inf, np.nan] * 2, x[4008:]]).astype(dtype)
    holds(lambda x: (wf.exp(x), wf.exp2(x), wf.nn.sigmoid(x), wf.erfc(x / 5)), x)
    holds(lambda x, y: wf.abs(x) ** y, x, y)


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


def kernels(fn, *args):
    return [kernel.what for kernel in wf.jit(fn).explain(*args).kernels]


# Rows that an operand holds as columns: blocks of them are turned in scratch, where both sizes are large enough.
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32"])
@pytest.mark.parametrize("shape", [(260, 130), (130, 260), (1030, 33), (16, 2100), (700, 701)])
def test_rows_of_a_transpose(shape, dtype):
    x, y = numbers(shape, "int32" if dtype == "int32" else "float32"), numbers(shape[::-1], "int32")
    x, y = x.astype(dtypes.dtype(dtype).numpy), y.astype(dtypes.dtype(dtype).numpy)

    def f(x, y):
        t = wf.permute_dims(x, (1, 0))
        return t * y - wf.max(t + y, axis=-1, keepdims=True) * wf.sum(t * t, axis=-1, keepdims=True)

    assert len(kernels(f, x, y)) == 1
    holds(f, x, y)
    if dtype != "int32":
        softmax = lambda x: wf.nn.softmax(wf.permute_dims(x, (1, 0)))  # noqa: E731
        assert len(kernels(softmax, x)) == 1
        holds(softmax, x)


def test_rows_of_a_transpose_in_more_dimensions():
    x, scale = numbers((3, 70, 5, 40)), numbers(70)
    norm = lambda x, s: wf.nn.layer_norm(wf.permute_dims(x, (0, 2, 3, 1))) * s  # noqa: E731
    assert len(kernels(norm, x, scale)) == 1
    holds(norm, x, scale)
    holds(lambda x: wf.nn.softmax(wf.permute_dims(x, (3, 0, 2, 1))), x)
    holds(lambda x: wf.nn.softmax(wf.permute_dims(x, (0, 1, 3, 2))), numbers((3, 2, 66, 131)))
    z = numbers((210, 210))
    holds(lambda z: wf.nn.softmax(wf.permute_dims(z, (1, 0)) + z), z)


# Two operands that are turned otherwise, rows too long or too few, bools: a kernel of its own turns them.
def test_rows_of_a_transpose_that_are_not_turned():
    x, y = numbers((20, 40, 50)), numbers((50, 40, 20))
    holds(lambda x, y: wf.nn.softmax(wf.permute_dims(x, (2, 0, 1)) + wf.permute_dims(y, (0, 2, 1))), x, y)
    for shape in ((20000, 17), (4000, 9)):
        z = numbers(shape)
        assert kernels(lambda z: wf.nn.softmax(wf.permute_dims(z, (1, 0))), z)[0] == "transpose"
        holds(lambda z: wf.nn.softmax(wf.permute_dims(z, (1, 0))), z)
    bools = RNG.integers(0, 2, (300, 310)).astype(bool)
    holds(lambda b: wf.sum(wf.astype(wf.permute_dims(b, (1, 0)), wf.int32), axis=-1), bools)


def gated(x):
    """Of the row's dear values some are kept, and what it reads is read again."""
    return x * wf.exp(x) / (1 + wf.sum(wf.exp(x), axis=-1, keepdims=True)) + wf.tanh(x)


def norm(x):
    centred = x - wf.mean(x, axis=-1, keepdims=True)
    return centred / wf.sqrt(wf.mean(centred * centred, axis=-1, keepdims=True) + 1e-5)


def root_mean_square(x):
    return x / wf.sqrt(wf.mean(x * x, axis=-1, keepdims=True) + 1e-5)


ROWS = [wf.nn.softmax, wf.nn.log_softmax, gated, norm, root_mean_square]


def by_parts(f, x, rows):
    """The same rows in programs of few of them."""
    small = wf.jit(f)
    return np.concatenate([np.asarray(small(x[i : i + rows])) for i in range(0, len(x), rows)])


# Large results are streamed: rows of any width and place, against the same rows in small programs.
@pytest.mark.parametrize("width", [1024, 1031, 4099])
@pytest.mark.parametrize("f", [*ROWS, lambda x: wf.exp(x) - x])
def test_streams(f, width):
    rows = (33 << 20) // 4 // width + 3
    x = numbers((rows, width))
    wanted = by_parts(f, x, rows // 8)
    for target in STREAMING:
        same_bits(Program(f, x).native(target)()[0], wanted)


# Rows of a block, whose results follow each other and share lines, where what they read does not.
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("f", [wf.nn.softmax, norm])
def test_streams_of_rows_in_blocks(f, dtype):
    blocks = (33 << 20) // np.dtype(dtype).itemsize // (5 * 1031) + 3
    x = numbers((blocks, 6, 1033), dtype)
    inner = lambda x: f(x[:, 1:, 2:])  # noqa: E731
    wanted = by_parts(inner, x, blocks // 8)
    for target in STREAMING:
        same_bits(Program(inner, x).native(target)()[0], wanted)


# Rows that begin anywhere in a line, of what begins with lines: vectors are put together of two of them.
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
@pytest.mark.parametrize("width", [1023, 2049])
def test_streams_of_rows_across_lines(width, dtype):
    fold = norm if dtype != "int16" else lambda x: x - wf.max(x, axis=-1, keepdims=True)
    f = lambda x, scale, bias: fold(x[:, :width]) * scale + bias  # noqa: E731
    rows = (33 << 20) // np.dtype(dtype).itemsize // width + 3
    x, scale, bias = ((numbers(s) * 9).astype(dtype) for s in ((rows, width // 32 * 32 + 32), (width,), (width,)))
    assert "vpermi2var" in wf.jit(f).lower(x, scale, bias, target="x86-64-v4").as_text("llvm")
    wanted = by_parts(lambda x: f(x, scale, bias), x, rows // 8)
    for target in STREAMING:
        same_bits(Program(f, x, scale, bias).native(target)()[0], wanted)


# In the caches a row is written beside the next one: whole, with rests of blocks and of vectors, in parts of all rows.
@pytest.mark.parametrize("shape, dtype", [((70, 256), "float32"), ((64, 449), "float32"), ((17, 1031), "float64")])
@pytest.mark.parametrize("f", ROWS)
def test_rows_beside_the_next_one(f, shape, dtype):
    x = numbers(shape, dtype)
    assert "trail = true" in wf.jit(f).lower(x).as_text("scheduled")
    wanted, program = by_parts(f, x, 3), Program(f, x)
    for target in TARGETS:
        for threads in threads_of(target):
            same_bits(program.native(target)(threads)[0], wanted)


# An exponential of what is not above 0 leaves out what only other numbers need: of these, all but the last four.
@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x - wf.max(x, axis=-1, keepdims=True),
        lambda x, y: x - wf.max(x, axis=0, keepdims=True),
        lambda x, y: x * 2 - wf.max(x * 2, axis=-1, keepdims=True),
        lambda x, y: -wf.abs(x),
        lambda x, y: x - wf.max(y, axis=-1, keepdims=True),
        lambda x, y: x[:, 1:] - wf.max(x[:, :-1], axis=-1, keepdims=True),
        lambda x, y: x - wf.min(x, axis=-1, keepdims=True),
        lambda x, y: wf.max(x, axis=-1, keepdims=True) - x,
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_exponentials_of_what_is_not_above_0(f, dtype):
    x, y = numbers((40, 67)) * 300, numbers((40, 67))
    x[3:7, 5] = [np.inf, -np.inf, np.nan, 0]
    x[8] = -np.inf
    x, y = (np.asarray(wf.astype(wf.asarray(a), dtype)) for a in (x, y))
    holds(lambda x, y: wf.exp(f(x, y)), x, y)


def test_turned_streams():
    x, y = numbers((2100, 4200)), numbers((4200, 2100))
    wanted = x.T + y
    for target in STREAMING:
        same_bits(Program(lambda x, y: wf.permute_dims(x, (1, 0)) + y, x, y).native(target)()[0], wanted)


@pytest.mark.parametrize("shape", [(2112, 4160), (4099, 2049)])
def test_turned_rows_in_streams(shape):
    x = numbers(shape)
    softmax = wf.jit(wf.nn.softmax)
    wanted = np.concatenate([np.asarray(softmax(x[:, i : i + 99].T.copy())) for i in range(0, shape[1], 99)])
    for target in STREAMING:
        same_bits(Program(lambda x: wf.nn.softmax(wf.permute_dims(x, (1, 0))), x).native(target)()[0], wanted)


# Rows that are turned together are not those that follow each other in the result: they share no lines.
def test_turned_rows_apart_in_streams():
    x = numbers((3, 1031, 2816))
    softmax = wf.jit(wf.nn.softmax)
    wanted = np.stack([np.asarray(softmax(part.T.copy())) for part in x], axis=1)
    for target in STREAMING:
        same_bits(Program(lambda x: wf.nn.softmax(wf.permute_dims(x, (2, 0, 1))), x).native(target)()[0], wanted)


def schedule_of(fn, *args, target="host"):
    """The schedule of the one contraction of a program, as text."""
    lines = wf.jit(fn).lower(*args, target=target).as_text("scheduled").splitlines()
    (text,) = (line for line in lines if 'form = "tile"' in line)
    return text


# Rows, lanes, k: alone and unpacked; each item packs; all rows in one block; many rows; few rows past a large operand.
SIZES = [
    (5, 7, 3),
    (64, 100, 30),
    (70, 130, 90),
    (131, 96, 401),
    (300, 67, 390),
    (531, 90, 70),
    (3, 300, 900),
    (1, 17, 400),
    (40, 33, 3300),
    (37, 130, 3301),
    (1, 100, 4103),
    (2, 1111, 610),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", ["plain", "left turned", "right turned", "both turned"])
def test_contractions(form, size):
    m, n, k = size
    x = numbers((k, m) if form in ("left turned", "both turned") else (m, k))
    y = numbers((n, k) if form in ("right turned", "both turned") else (k, n))

    def product(x, y):
        return (x.T if x.shape != (m, k) else x) @ (y.T if y.shape != (k, n) else y)

    holds(product, x, y)


# Few rows by lanes whose k lie side by side: squares of lanes by k are turned in registers; what is left of either.
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int32", "int8"])
@pytest.mark.parametrize("size", [(1, 300, 257), (1, 16, 16), (2, 33, 100), (5, 129, 70), (8, 3, 400), (1, 1000, 9)])
def test_few_rows_by_turned_lanes(size, dtype):
    m, n, k = size
    x, y = (numbers(s, "int8" if dtype.startswith("int") else "float32") for s in ((3, m, k), (3, n, k)))
    x, y = x.astype(dtypes.dtype(dtype).numpy), y.astype(dtypes.dtype(dtype).numpy)
    holds(lambda x, y: x @ wf.swapaxes(y, 1, 2), x, y)
    holds(lambda x, y: y[0] @ x[1, 0] + y[1, :, 0], x, y)
    if size == (1, 300, 257) and dtype == "float32":
        assert 'pack_right = "tile"' in schedule_of(lambda x, y: y @ x, x[0, 0], y[0], target="x86-64-v4")


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "int32", "int8"])
def test_contractions_of_element_types(dtype):
    x, y = (numbers(s, "int8" if dtype.startswith("int") else "float32") for s in ((97, 410), (410, 70)))
    x, y = x.astype(dtypes.dtype(dtype).numpy), y.astype(dtypes.dtype(dtype).numpy)
    holds(lambda x, y: x @ y, x, y)
    holds(lambda x, y: x @ y.T, x, np.ascontiguousarray(y.T))


@pytest.mark.parametrize("dtype", ["int8", "int16", "bfloat16", "float16"])
@pytest.mark.parametrize("lanes", [17, 33, 34, 49])
def test_contractions_cut_to_few_bytes(dtype, lanes):
    # One lane of a last vector once was stored as four bytes.
    x, y = RNG.integers(-9, 9, (17, 7)), RNG.integers(-9, 9, (7, lanes))
    wide = "int32" if dtype.startswith("int") else "float32"
    holds(lambda x, y: (x @ y).astype(dtype), x.astype(wide), y.astype(wide))


def test_contractions_with_an_epilogue_and_more_results():
    x, y, bias = numbers((280, 410)), numbers((410, 66)), numbers((66,))
    holds(lambda x, y, b: wf.tanh(x @ y + b), x, y, bias)
    holds(lambda x, y, b: (x @ y, wf.nn.relu(x @ y + b)), x, y, bias)


def test_batches_of_contractions():
    x, y = numbers((9, 70, 65)), numbers((9, 65, 80))
    holds(lambda x, y: x @ y, x, y)
    holds(lambda x, y: x @ wf.swapaxes(y, 1, 2), x, np.ascontiguousarray(np.swapaxes(y, 1, 2)))
    x, y = numbers((2, 300, 390)), numbers((2, 390, 70))
    holds(lambda x, y: x @ y, x, y)


def test_contractions_pack_where_it_pays():
    def text(x, y):
        return schedule_of(lambda x, y: x @ y, x, y, target="x86-64-v4")  # whatever this machine's caches

    x, y, few = numbers((1200, 1024)), numbers((1024, 512)), numbers((4, 1024))
    many = text(x, y)
    assert 'pack_right = "all"' in many and 'pack_left = "item"' in many
    block = text(x[:128], y)
    assert 'pack_right = "item"' in block and 'pack_left = "all"' in block
    # Half of the second cache holds the rows; but a multiple of 4 KB apart they would push each other out of the first.
    assert "pack_left" not in text(numbers((100, 200)), y[:200])
    assert 'pack_left = "all"' in text(x[:60], y)
    passing = text(x[:128], np.tile(y, (1, 4)))
    assert 'pack_right = "item"' in passing and "ahead" in passing
    streamed = text(few, y)
    assert "pack_" not in streamed and "soon = 8" in streamed and "k_block = 8" in streamed
    large = wf.asarray(numbers((4096, 2200)))
    for rows, strip in ((6, 16), (8, 8), (14, 8), (15, 16)):  # one tile of one vector, not two of two
        kept = wf.jit(lambda x: x @ large).lower(numbers((rows, 4096)), target="x86-64-v3").as_text("scheduled")
        assert f"#weft.panel<{strip}, " in kept


# Right operands past the second cache (at most 4 MB), packed in passing or turned: whole strips and not, k in blocks
# and not, tiles that divide the rows and that do not, lines and halves of them.
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize(
    "size", [(40, 1056, 1000), (61, 1000, 2111), (180, 1037, 1500), (128, 520, 3073), (500, 1037, 1030)]
)
def test_contractions_that_pack_in_passing(size, dtype, turned):
    def fn(x, y, b):
        return wf.nn.relu(x @ (y.T if turned else y) + b)

    m, n, k = size
    x, y, bias = (numbers(shape).astype(dtypes.dtype(dtype).numpy) for shape in ((m, k), (k, n), (n,)))
    y = np.ascontiguousarray(y.T) if turned else y
    assert not turned or dtype == "bfloat16" or "ahead" in schedule_of(fn, x, y, bias)
    f = wf.jit(fn)
    programs = Program(fn, x, y, bias)
    parts = []
    for i in range(0, n, 100):
        some = y[i : i + 100] if turned else y[:, i : i + 100]
        parts.append(np.asarray(f(x[:9].copy(), some.copy(), bias[i : i + 100].copy())))
    last = np.asarray(f(x[-9:].copy(), y, bias))
    for target in TARGETS:
        native = programs.native(target)
        for threads in threads_of(target):
            (whole,) = native(threads)
            same_bits(whole[:9], np.concatenate(parts, axis=1))
            same_bits(whole[-9:], last)


# All rows in one block: tiles of two heights, in each form of packing.
@pytest.mark.parametrize("rows", [7, 13, 100, 128, 130, 200])
def test_tiles_of_two_heights(rows):
    x, y = numbers((rows, 65)), numbers((65, 600))
    holds(lambda x, y: x @ y, x, y)
    holds(lambda x, y: x @ y.T, x, np.ascontiguousarray(y.T))
    holds(lambda x, y: x.T @ y, np.ascontiguousarray(x.T), y)
    x, y = numbers((9, rows, 33)), numbers((9, 33, 40))
    holds(lambda x, y: wf.tanh(x @ y), x, y)


# Rows that whole tiles nearly fill: tiles of one height, of which the last one reads rows of the one above. With what
# is added written over, on sums between blocks of k, of rows side by side, in bytes; and a chain's, which are not so.
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8"])
def test_tiles_of_one_height(dtype):
    wide = wf.int32 if dtype == "int8" else dtype
    x, y, z = numbers((519, 512), dtype), numbers((512, 256), dtype), numbers((519, 256), dtype)
    holds(lambda x, y: wf.astype(x, wide) @ wf.astype(y, wide), x, y)
    holds(lambda x, y: wf.astype(x.T, wide) @ wf.astype(y, wide), np.ascontiguousarray(x.T), y)
    if dtype == "int8":
        return
    holds(lambda x, y, z: wf.tanh(x @ y) * z, x, y, z)
    schedule = schedule_of(lambda x, y: x @ y, numbers((519, 512)), numbers((512, 256)), target="x86-64-v4")
    assert "pack_left" in schedule and "rows = 13" in schedule
    x, y, z = numbers((519, 5300), dtype), numbers((5300, 256), dtype), numbers((519, 256), dtype)
    q, k = (wf.asarray(RNG.normal(size=(2, n, 64)).astype(dtype)) for n in (519, 300))
    holds(lambda q, k: wf.nn.dot_product_attention(q, k, k), q, k)
    add = lambda x, y, z: x @ y + z  # noqa: E731
    same_bits(np.asarray(wf.jit(add, donate=2)(x, y, wf.asarray(z.copy()))), np.asarray(wf.jit(add)(x, y, z)))


def test_large_contractions_are_their_parts():
    x, y = RNG.normal(size=(1000, 1100)).astype("float32"), RNG.normal(size=(1100, 900)).astype("float32")
    f = wf.jit(lambda x, y: x @ y)
    whole = np.asarray(f(x, y))
    for rows, lanes in (
        (slice(0, 5), slice(0, 900)),
        (slice(510, 530), slice(880, 900)),
        (slice(990, 1000), slice(0, 7)),
    ):
        same_bits(whole[rows, lanes], np.asarray(f(x[rows].copy(), y[:, lanes].copy())))


# With weights that are kept: rows of few steps, written into a border, and steps that lie apart, are packed.
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("channels", "size", "stride", "border"), [(130, 7, 1, 1), (150, 5, 1, 2), (120, 15, 2, 0)])
def test_convolutions_of_small_images(channels, size, stride, border, dtype):
    x = numbers((2, channels, size, size), dtype)
    w = RNG.normal(size=(288, channels, 1, 1)).astype(dtype)
    edges = ((0, 0), (0, 0), (border, border), (border, border))
    conv = lambda x, w: wf.pad(wf.nn.relu(wf.nn.conv2d(x, w, stride=stride)), edges)  # noqa: E731
    kept = lambda x: conv(x, w)  # noqa: E731
    wanted = Program(conv, x, w).reference()[0]
    for target in ("host", "x86-64-v3"):
        same_bits(np.asarray(wf.jit(kept).lower(x, target=target).compile()(x)), wanted)
    if dtype == "float32":
        assert 'pack_left = "item"' in schedule_of(kept, x, target="x86-64-v4")


@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        ((1, 20, 14, 14), (40, 20, 3, 3), {"padding": 1}),
        ((2, 9, 17, 23), (37, 9, 3, 3), {"padding": 1, "stride": 2}),
        ((1, 3, 40, 40), (32, 3, 7, 7), {"padding": 3, "stride": 2}),
        ((3, 70, 7, 7), (50, 70, 3, 3), {"padding": 1}),
        ((1, 130, 9, 9), (33, 130, 3, 3), {"dilation": 2}),
        ((1, 64, 12, 30), (70, 64, 1, 1), {"stride": 2}),
        ((2, 32, 9, 11), (64, 16, 3, 3), {"groups": 2}),
        ((1, 24, 10, 10), (24, 1, 3, 3), {"groups": 24, "padding": 1}),
    ],
)
def test_convolutions(x, w, options):
    holds(lambda x, w: wf.nn.relu(wf.nn.conv2d(x, w, **options)), numbers(x), numbers(w))


# A dilated operand: results are split by where they stand between its elements; windows shorter than that, padding that
# cuts, a weight that is not finite and meets none of the gaps, a stride (which leaves the gaps in).
@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        ((2, 5, 9, 7), (6, 5, 4, 3), {"x_dilation": 2, "padding": 1}),
        ((1, 5, 6, 8), (3, 5, 2, 2), {"x_dilation": (3, 1), "padding": ((2, 0), (1, 1))}),
        ((1, 4, 7, 7), (3, 4, 1, 1), {"x_dilation": 2}),
        ((1, 8, 9, 9), (6, 4, 3, 3), {"x_dilation": (2, 3), "padding": ((-2, 3), (4, -1)), "groups": 2}),
        ((1, 4, 8, 8), (3, 4, 3, 3), {"x_dilation": 2, "stride": (2, 1), "dilation": (1, 2)}),
        ((1, 2, 5, 5), (3, 2, 3, 3), {"x_dilation": 5, "padding": 2}),
        ((0, 2, 5, 5), (3, 2, 3, 3), {"x_dilation": 2}),
    ],
)
def test_convolutions_of_a_dilated_operand(x, w, options):
    holds(lambda x, w: wf.convolution(x, w, **options), numbers(x), numbers(w))


def test_gradients_of_convolutions_with_a_stride():
    x, w = numbers((2, 5, 13, 12)), np.nan_to_num(numbers((6, 5, 3, 4)), posinf=1.0)
    holds(lambda x, w: wf.grad(lambda x: wf.sum(wf.nn.conv2d(x, w, stride=2, padding=1) ** 2))(x), np.nan_to_num(x), w)
    image = wf.jit(lambda x, w: wf.grad(lambda x: wf.sum(wf.nn.conv2d(x, w, stride=2)))(x))
    assert "interior = array<i64: 0, 0, 1, 1>" not in image.lower(x, w).as_text("optimized")


def test_convolutions_over_one_and_three_axes():
    holds(lambda x, w: wf.nn.conv1d(x, w, padding=2), numbers((2, 30, 300)), numbers((40, 30, 5)))
    holds(lambda x, w: wf.nn.conv3d(x, w, padding=1), numbers((1, 5, 6, 9, 9)), numbers((30, 5, 3, 3, 3)))


# All of them: divisors that are told at compile time become products, where that gives each quotient.
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32"])
@pytest.mark.parametrize("by", [255.0, -3.0, 0.1, 1e-30, 1e38, 16777215.0, 1e-42, 0.0, np.inf, np.nan])
def test_whole_numbers_by_a_constant(dtype, by):
    least, most = (-70_000, 70_000) if dtype == "int32" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    x = np.arange(least, most + 1).astype(dtype)
    for wide in ("float32", "float64"):
        with np.errstate(all="ignore"):
            wanted = x.astype(wide) / np.asarray(by, wide)
        same_bits(np.asarray(wf.jit(lambda x, wide=wide: wf.astype(x, wide) / by)(x)), wanted)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_remainders(dtype):
    # Of quotients that round up to a whole number, that are too large for one step, of zeros and of what is not finite.
    ends = np.array([0.0, -0.0, 1, -3, 0.1, np.inf, -np.inf, np.nan, 6e-8, 60000, -60000], dtype)
    pairs = [x.ravel() for x in np.meshgrid(ends, ends)]
    tenths = (RNG.integers(1, 600, 401) * 0.1).astype(dtype), np.full(401, 0.1, dtype)
    wide = [(RNG.normal(size=501) * 10.0 ** RNG.uniform(-4, end, 501)).astype(dtype) for end in (4, 0)]
    for x, y in (pairs, tenths, wide):
        holds(lambda x, y: (wf.fmod(x, y), wf.remainder(x, y)), x, y)
        with np.errstate(all="ignore"):
            same_bits(np.asarray(wf.jit(wf.fmod)(x, y)), np.fmod(x, y))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool"])
def test_every_other_lane(dtype):
    x = (numbers((40, 130), "int8") > 0) if dtype == "bool" else numbers((40, 130), dtype)
    holds(lambda x: (x[:, ::2], x[:, 1::2], x[::2, ::2]), x)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("length", [256, 300, 4095, 70000])
def test_the_greatest_of_a_row_is_that_of_the_op(length, dtype):
    """NaN before all, +0 above -0: one comparison a vector does not tell, but notices."""
    rows = np.full((20, length), -1.5)
    rows[1:] -= RNG.random((19, length))
    last = length - 1
    for row, places in enumerate([[0], [last], [63, 64], [17, length // 2]]):
        rows[row + 1, places] = np.nan
        rows[row + 5, places] = 0.0
        rows[row + 9, places] = np.inf
    rows[13], rows[14], rows[15], rows[16] = -np.inf, -0.0, 0.0, np.nan
    rows[14, last], rows[15, last] = 0.0, -0.0
    rows[17], rows[17, [3, last]] = -0.0, [-np.inf, np.inf]
    rows[18, :128:2], rows[18, 1:128:2] = np.inf, -np.inf  # their sum is NaN
    x = rows.astype(dtypes.dtype(dtype).numpy)
    holds(lambda x: (wf.max(x, axis=1), wf.min(x, axis=1)), x)
    holds(lambda x: (wf.max(x, axis=1), wf.min(x, axis=1)), -x)
    holds(lambda x: wf.max(x), x[14:16])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("width", [3, 100, 300])
def test_sums_of_one_element_are_read(width, dtype):
    """Labels that are no class, and elements whose neighbours are NaN or infinite, or that are -0 themselves."""
    x = numbers((40, width))
    x[:20, 2] = -0.0
    labels = RNG.integers(0, width, 40).astype(dtype)
    labels[:6], labels[6:8] = 2, [-1, width] if np.dtype(dtype).kind == "i" else [min(width, 255), 255]
    holds(lambda x, l: wf.nn.cross_entropy(x, l, reduction="none"), x, labels)
    if dtype == "uint8":
        return
    places = np.arange(width, dtype=dtype)
    holds(lambda x, l, i: wf.sum(wf.where(l[:, None] == i, wf.exp(x), 0), axis=1), x, labels, places)

    def picked(x, l):
        i = wf.arange(width, dtype=getattr(wf, dtype))
        return wf.sum(wf.where(l[:, None] == i, x, 0), axis=1), wf.sum(wf.where(i == l[:, None], 3, 0), axis=1)

    holds(picked, x, labels)


def test_labels_take_no_lanes():
    """Numbers of 64 bits of which a row has one do not halve the vectors, nor does what is looked for."""
    for dtype in ("int32", "int64"):
        x, labels = wf.spec((64, 32000), "float32"), wf.spec((64,), dtype)
        text = wf.jit(wf.nn.cross_entropy).trace(x, labels).lower(target="x86-64-v4").as_text("scheduled")
        assert "abreast = 2" in text and "lanes = 16" in text and "lanes = 8" not in text


@pytest.mark.parametrize("shape", [(33, 32000), (32, 65536 + 77)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_long_rows_are_swept_again(name, shape):
    """Of the second cache, then of the last one; of a few rows each sweep is a kernel."""
    x, fn = numbers(shape), getattr(wf.nn, name)
    assert wf.jit(fn).lower(x).as_text("scheduled").count("form = ") == 1
    native = Program(fn, x).native("host")
    few = Program(fn, x[:2])
    for threads in (1, 5):
        (got,) = native(threads)
        same_bits(got[:2], few.reference()[0])
        same_bits(got[-2:], few.native("host")(1, [x[-2:]])[0])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_functions_of_vectors_abreast(dtype):
    d = dtypes.dtype(dtype).numpy
    x = np.concatenate([numbers(16384, d) * np.asarray(3, d), numbers(29, d)])
    x[:8] = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-7, -1e-7, 6e4]
    names = [
        "exp",
        "exp2",
        "expm1",
        "log",
        "log1p",
        "log2",
        "sin",
        "cos",
        "tan",
        "atan",
        "tanh",
        "sinh",
        "acosh",
        "erf",
        "cbrt",
    ]
    functions = [*(getattr(wf, name) for name in names), wf.nn.gelu, wf.nn.sigmoid, wf.nn.silu]
    text = wf.jit(lambda x: [f(x) for f in functions]).lower(x, target="x86-64-v4").as_text("scheduled")
    abreast = 2 if dtype == "bfloat16" else 4  # a pair is two
    assert text.count(f"abreast = {abreast}") == text.count("form = ") > 0
    holds(lambda x: [f(x) for f in functions] + [wf.random.bits(wf.random.key(7), x.shape)], x)


# The rows between two contractions are swept as rows of a kernel of their own.
@pytest.mark.parametrize(("length", "abreast"), [(256, True), (48, False)])
def test_rows_of_chains_abreast(length, abreast):
    q, k, v = (np.zeros(s, np.float32) for s in [(2, 64, 16), (2, length, 16), (2, length, 16)])

    def attention(q, k, v):
        return wf.nn.softmax(q @ wf.matrix_transpose(k), axis=-1) @ v

    for target in "x86-64-v3", "x86-64-v4", "aarch64":
        text = wf.jit(attention).lower(q, k, v, target=target).as_text("scheduled")
        assert text.count("form = ") == text.count('form = "chain"') == 1
        assert ("abreast = 2" in text) == abreast
