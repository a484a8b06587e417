"""Values of every op, driven by the op table: against NumPy within the op's ULP bound, against the reference
interpreter bit for bit, on odd, empty, single and 0-d shapes, on special values, on symbolic sizes.

Ops of one dtype are compiled together, since compiling is what takes the time; where a program of many ops cannot be
compiled, each is compiled by itself, so that one broken op fails alone.
"""

import functools

import numpy as np
import pytest
from op_table import ELEMENTWISE, FLOATS, INTS, STRUCTURED, UINTS, rows, samples, specials
from running import Built, same_bits, ulps
from weft._src import dims, dtypes
from weft._src._op_table import OPS
from weft._src.trace import Spec

DTYPES = FLOATS + INTS + UINTS + (dtypes.bool_,)


def elementwise_rows(d):
    return [r for r in ELEMENTWISE if d in r.dtypes]


def cases(table):
    return [pytest.param(r, d, id=f"{r}-{d.short}") for r in table for d in r.dtypes]


def needs_numpy(d):
    if d.name == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="NumPy itself has no bfloat16")


class Group:
    """Rows compiled as one program, each on operands of its own."""

    def __init__(self, table, d, specs_of, numerics="strict"):
        self.specs_of, self.d, self.numerics = specs_of, d, numerics
        self.names = [str(r) for r in table]
        self.places = {}
        specs = []
        for r in table:
            own = specs_of(r)
            self.places[str(r)] = (len(specs), len(specs) + len(own))
            specs += own
        self.built = self.single = self.error = None
        try:
            self.built = Built(lambda *xs: [r.call(*xs[slice(*self.places[str(r)])]) for r in table], specs, numerics)
        except Exception as err:
            self.single = {}  # one row breaks it: each then stands alone
            self.error = err
        self.results = {}

    def run(self, r, operands_of, key, table):
        """What a row gives: (native, reference) on its operands."""
        if self.built is None:
            if str(r) not in self.single:
                self.single[str(r)] = Built(lambda *xs: [r.call(*xs)], self.specs_of(r), self.numerics)
            operands = operands_of(r)
            built = self.single[str(r)]
            return built.native(*operands)[0], built.reference(*operands)[0]
        if key not in self.results:
            operands = [x for other in table for x in operands_of(other)]
            self.results[key] = self.built.native(*operands), self.built.reference(*operands)
        i = self.names.index(str(r))
        return self.results[key][0][i], self.results[key][1][i]


@functools.cache
def elementwise_group(d, rank):
    """All elementwise ops on a dtype, on operands of one symbolic shape (rank 0: of none)."""
    shape = tuple(dims.Dim(f"n{i}") for i in range(rank))
    return Group(elementwise_rows(d), d, lambda r: [Spec(shape, od) for od in r.operand_dtypes(d)])


@pytest.mark.parametrize("d", DTYPES, ids=lambda d: d.short)
def test_all_elementwise_ops_compile_as_one_program(d):
    needs_numpy(d)
    group = elementwise_group(d, 1)
    if group.error:
        raise group.error


@functools.cache
def structured_group(d):
    table = tuple(r for r in STRUCTURED if d in r.dtypes)
    return Group(table, d, lambda r: [Spec(s, d) for s in r.shapes]), table


def check_values(r, d, got, operands):
    expected = r.expected(*operands)
    assert got.shape == np.shape(expected)
    if got.dtype.kind in "biu":
        assert (got == np.asarray(expected)).all(), f"{got}, expected {expected}"
        return
    bound = OPS[r.name].ulp
    assert bound is not None, "structured ops have bounds of their own"
    error = ulps(got, expected)
    # Exact ops are the nearest number.
    limit = (bound or 0.5) + r.slack
    worst = np.argmax(error) if error.size else None
    assert error.size == 0 or error.flat[worst] <= limit, (
        f"{error.flat[worst]:.3f} ULP (bound {limit}) at {[x.flat[worst] for x in operands]}: "
        f"{got.flat[worst]!r}, expected {np.asarray(expected).flat[worst]!r}"
    )


@pytest.mark.parametrize(("r", "d"), cases(ELEMENTWISE))
@pytest.mark.parametrize("shape", [(1031,), (0,), (1,)], ids=["odd", "empty", "one"])
def test_elementwise(r, d, shape):
    """A symbolic size, run with an odd number of elements, with none and with one."""
    needs_numpy(d)
    native, reference = elementwise_group(d, 1).run(
        r, lambda other: samples(other, d, shape), shape, elementwise_rows(d)
    )
    same_bits(native, reference)
    check_values(r, d, native, samples(r, d, shape))


@pytest.mark.parametrize(("r", "d"), cases(ELEMENTWISE))
def test_elementwise_without_dimensions(r, d):
    needs_numpy(d)
    native, reference = elementwise_group(d, 0).run(r, lambda other: samples(other, d, ()), (), elementwise_rows(d))
    same_bits(native, reference)
    check_values(r, d, native, samples(r, d, ()))


def pairs_of_specials(r, d):
    """All combinations of special values, as operands of a row."""
    columns = [specials(od) for od in r.operand_dtypes(d)]
    grid = np.meshgrid(*columns, indexing="ij")
    # Rows of one program have one length.
    count = len(specials(d)) ** 2 * 2
    return [np.resize(g, count) for g in grid]


# Where NumPy's answer at an edge is another by intent, or its own error; each with the reason.
EDGES = {
    "rem": "x rem inf and the like: compared with the reference only, NumPy's fmod warns and differs by platform",
    "pow": "integers: NumPy refuses negative powers",
}


@pytest.mark.parametrize(("r", "d"), cases(ELEMENTWISE))
def test_special_values(r, d):
    """NaN, infinities, zeros of both signs, greatest and least: bit for bit the reference's, and NumPy's where
    finite."""
    needs_numpy(d)
    native, reference = elementwise_group(d, 1).run(
        r, lambda other: pairs_of_specials(other, d), "specials", elementwise_rows(d)
    )
    same_bits(native, reference)
    if r.name not in EDGES or d.kind != "float":
        operands = pairs_of_specials(r, d)
        expected = np.asarray(r.expected(*operands))
        if native.dtype.kind in "biu":
            assert (native == expected).all()
        else:
            nan = np.isnan(native.astype(np.float64))
            assert (nan == np.isnan(expected)).all(), "NaN comes out where NumPy has none, or the other way"


@pytest.mark.parametrize(("r", "d"), cases(STRUCTURED))
def test_structured(r, d):
    needs_numpy(d)
    group, table = structured_group(d)
    native, reference = group.run(r, lambda other: samples(other, d), "values", table)
    same_bits(native, reference)
    check_structured(r, d, native)


def check_structured(r, d, native):
    """The result of a structured row on its samples, against NumPy."""
    expected = np.asarray(r.expected(*samples(r, d)))
    assert native.shape == expected.shape
    if native.dtype.kind in "biu":
        assert (native == expected).all()
        return
    # A sum of n terms has at most n roundings of its partial results: the bound grows with the sum of magnitudes.
    operands = [np.abs(x.astype(np.float64)) for x in samples(r, d)]
    scale = np.asarray(r.numpy(*operands), np.float64) if r.folds else np.abs(expected)
    terms = max([x.size for x in operands], default=1)
    step = dtypes.finfo(dtypes.dtype(native.dtype)).eps
    inner = dtypes.finfo(dtypes.float32).eps if native.dtype.itemsize == 2 else step  # 16-bit floats add up in float32
    limit = np.abs(scale) * (step + inner * terms) if r.folds else np.abs(scale) * step
    error = np.abs(native.astype(np.float64) - expected.astype(np.float64))
    assert (error <= limit).all(), f"{np.max(error)} beyond {np.max(limit)}"


REDUCTIONS = [r for r in STRUCTURED if r.name == "reduce"]


@pytest.mark.parametrize("r", [r for r in REDUCTIONS if dtypes.float32 in r.dtypes], ids=str)
def test_reductions_on_symbolic_sizes(r):
    """Named sizes give the bits of static ones, at extents below, at and beyond the 64 partial results of the fixed
    order."""
    d = dtypes.float32
    names = [dims.Dim(n) for n in ("a", "b", "c")]
    built = Built(lambda x: [r.call(x)], [Spec(tuple(names), d)])
    for shape in ((3, 5, 67), (1, 1, 1), (2, 64, 3), (70, 2, 130), (0, 3, 4)):
        x = samples(r._replace(shapes=(shape,)), d)[0]
        same_bits(built.native(x)[0], built.reference(x)[0])


def test_non_contiguous_arguments():
    """Arrays with gaps, and reversed ones, are read as what they show."""
    x = np.arange(60, dtype=np.float32).reshape(6, 10)
    built = Built(lambda a, b: [rows()[0].call(a), b + a], [((3, 5), dtypes.float32)] * 2)
    a, b = x[::2, ::2], x[3::-1, ::2][:3]
    assert not a.flags.c_contiguous
    negated, added = [np.asarray(y) for y in built.compiled.program([a, b])]
    assert (negated == -a).all() and (added == a + b).all()
