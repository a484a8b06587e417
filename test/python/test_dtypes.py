"""Element types: facts against NumPy, promotion against the array API's tables written out."""

import copy
import itertools
import pathlib
import pickle
import re

import numpy as np
import pytest
from weft._src import dtypes as dt
from weft._src.dtypes import ALL, DType, promote, promote_types, result_type
from weft.errors import ArgumentValueError, DTypeError, ScalarRangeError, UnsupportedDtypeError, WrongArgumentError

I = {f"i{n}": getattr(dt, f"int{8 * n}") for n in (1, 2, 4, 8)}
U = {f"u{n}": getattr(dt, f"uint{8 * n}") for n in (1, 2, 4, 8)}
F = {"f4": dt.float32, "f8": dt.float64, "c8": dt.complex64, "c16": dt.complex128}
NAMED = {**I, **U, **F}
NUMBERS = [d for d in ALL if d is not dt.key]

# "Type Promotion Rules" of the array API standard, 2024.12: rows and columns as printed there.
TABLES = [
    """
       i1 i2 i4 i8
    i1 i1 i2 i4 i8
    i2 i2 i2 i4 i8
    i4 i4 i4 i4 i8
    i8 i8 i8 i8 i8
    """,
    """
       u1 u2 u4 u8
    u1 u1 u2 u4 u8
    u2 u2 u2 u4 u8
    u4 u4 u4 u4 u8
    u8 u8 u8 u8 u8
    """,
    """
       u1 u2 u4
    i1 i2 i4 i8
    i2 i2 i4 i8
    i4 i4 i4 i8
    i8 i8 i8 i8
    """,
    """
        f4 f8 c8 c16
    f4  f4 f8 c8 c16
    f8  f8 f8 c16 c16
    c8  c8 c16 c8 c16
    c16 c16 c16 c16 c16
    """,
]


def cells():
    for table in TABLES:
        head, *rows = [line.split() for line in table.strip().splitlines()]
        for name, *row in rows:
            for column, result in zip(head, row, strict=True):
                yield name, column, result


@pytest.mark.parametrize(("a", "b", "expected"), list(cells()))
def test_array_api_table(a, b, expected):
    assert promote_types(NAMED[a], NAMED[b]) is NAMED[expected]
    assert promote_types(NAMED[b], NAMED[a]) is NAMED[expected]


def join(a, b):
    try:
        return promote_types(a, b)
    except DTypeError:
        return None


def test_promotion_is_a_join():
    for a in NUMBERS:
        assert join(a, a) is a and join(dt.bool_, a) is a
        for b in NUMBERS:
            assert join(a, b) is join(b, a)
            if (ab := join(a, b)) is not None:
                assert join(a, ab) is ab and join(b, ab) is ab, "an upper bound"


def test_promotion_is_associative_where_defined():
    for a, b, c in itertools.product(NUMBERS, repeat=3):
        ab, bc = join(a, b), join(b, c)
        if ab is not None and bc is not None:
            assert join(ab, c) is join(a, bc)


def test_no_common_type_only_for_uint64_with_signed():
    none = {(a.name, b.name) for a, b in itertools.product(NUMBERS, repeat=2) if join(a, b) is None}
    signed = [d.name for d in I.values()]
    assert none == {("uint64", s) for s in signed} | {(s, "uint64") for s in signed}
    for d in NUMBERS:
        assert join(dt.key, d) is None
    assert join(dt.key, dt.key) is dt.key
    with pytest.raises(DTypeError, match="WF1021"):
        promote_types(dt.uint64, dt.int8)


def test_result_type_does_not_depend_on_order():
    samples = [
        dt.int64,
        dt.uint64,
        dt.float16,
        dt.bfloat16,
        dt.float64,
        dt.complex64,
        dt.int8,
        dt.bool_,
        1,
        1.0,
        1j,
        True,
    ]
    for combination in itertools.combinations(samples, 3):
        found = set()
        for order in itertools.permutations(combination):
            try:
                found.add(promote(order))
            except DTypeError:
                found.add(None)
        assert len(found) == 1, combination


def test_kinds_win_over_widths():
    for i in (*I.values(), *U.values()):
        for f in ALL[9:13]:
            assert promote_types(i, f) is f
    assert promote_types(dt.float16, dt.bfloat16) is dt.float32
    assert result_type(dt.int64, dt.uint64, dt.float16) is dt.float16


@pytest.mark.parametrize("d", [d for d in NUMBERS if d is not dt.bool_], ids=str)
def test_python_scalars_bend_to_arrays(d):
    assert promote([d, True]) == (d, False)
    assert result_type(d, 2) is d
    with_float, with_complex = result_type(d, 2.0), result_type(d, 2j)
    if d.kind in ("int", "uint"):
        assert with_float is dt.float32 and with_complex is dt.complex64
    else:
        assert with_float is d
        assert with_complex is (dt.complex128 if d in (dt.float64, dt.complex128) else dt.complex64)


def test_weak_iff_all_weak():
    for operands in itertools.product([True, 1, 1.0, 1j, dt.float32, np.float32(1), np.zeros(2, "i4")], repeat=2):
        weak = all(type(x) in (bool, int, float, complex) for x in operands)
        assert promote(operands).weak is weak
    assert promote([1, 2.0]) == (dt.float32, True) and promote([1, True]) == (dt.int64, True)
    assert promote([np.float64(1), 1.0]) == (dt.float64, False), "NumPy's scalars are strong"
    assert result_type(dt.bool_, 1) is dt.int64 and result_type(dt.bool_, 1.0) is dt.float32

    class Tracer:
        dtype = dt.float32
        weak_type = True

    assert promote([Tracer(), dt.float16]) == (dt.float16, False) and promote([Tracer(), 1]).weak


def test_defaults_are_a_setting():
    dt.set_default_dtype(float="float64", int="int32")
    try:
        assert (dt.dtype(float), dt.dtype(int), dt.dtype(complex)) == (dt.float64, dt.int32, dt.complex128)
        assert result_type(dt.int8, 1.0) is dt.float64 and promote([1]).dtype is dt.int32
    finally:
        dt.set_default_dtype(float="float32", int="int64")
    for bad in ({"float": "int32"}, {"int": "float32"}, {"float": "float16"}):
        with pytest.raises(ArgumentValueError, match="WF1902"):
            dt.set_default_dtype(**bad)


def test_codes_are_those_of_the_file_format():
    # Written out: a change here breaks every stored image.
    assert {d.name: d.code for d in ALL} == {
        "bool": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint8": 6, "uint16": 7, "uint32": 8, "uint64": 9,
        "float16": 10, "bfloat16": 11, "float32": 12, "float64": 13, "complex64": 14, "complex128": 15, "key": 16,
    }  # fmt: skip


def test_codes_and_short_names_are_those_of_the_runtime():
    header = pathlib.Path(__file__).resolve().parents[2] / "include" / "weft" / "Runtime" / "Image.h"
    body = re.search(r"enum WeftDType \{(.*?)\}", header.read_text(), re.S).group(1)
    found = {name.lower(): int(code) for name, code in re.findall(r"WEFT_(\w+) = (\d+)", body)}
    assert found == {d.short: d.code for d in ALL}


@pytest.mark.parametrize("d", ALL, ids=str)
def test_names_come_back(d):
    assert dt.dtype(d) is dt.dtype(d.name) is dt.dtype(d.short) is d
    assert pickle.loads(pickle.dumps(d)) is d and copy.deepcopy(d) is d
    assert dt.BY_CODE[d.code] is dt.BY_MLIR[d.mlir] is d and d.bits == 8 * d.itemsize
    assert d == d.name and hash(d) == hash(d.name) and repr(d) == f"weft.{d.name}"
    with pytest.raises(AttributeError):
        d.name = "other"


@pytest.mark.parametrize("d", [d for d in NUMBERS if d is not dt.bfloat16], ids=str)
def test_facts_agree_with_numpy(d):
    n = np.dtype(d.name)
    assert d.numpy == n and dt.dtype(n) is d and dt.dtype(n.type) is d and d.itemsize == n.itemsize
    assert d == n and d == n.type and d != np.dtype("V8") and d != "float128"
    assert np.zeros(2, dtype=d).dtype == n, "NumPy takes a DType as a dtype"
    if hasattr(np.zeros(1), "__dlpack__") and d is not dt.key:
        assert n.kind == {"int": "i", "uint": "u", "float": "f", "complex": "c", "bool": "b"}[d.kind]


def test_bfloat16_is_ml_dtypes_or_an_error():
    try:
        import ml_dtypes
    except ImportError:
        with pytest.raises(UnsupportedDtypeError, match=r"WF1025(.*\n)*.*\.astype"):
            _ = dt.bfloat16.numpy
    else:
        assert dt.bfloat16.numpy == np.dtype(ml_dtypes.bfloat16)
        assert dt.dtype(np.dtype(ml_dtypes.bfloat16)) is dt.bfloat16


@pytest.mark.parametrize(
    "spec",
    [
        "float128",
        "flaot32",
        object,
        np.dtype("U3"),
        np.dtype("datetime64[s]"),
        np.dtype(">f4"),
        np.dtype([("a", "f4")]),
        None,
        3,
        np.longdouble,
        [1],
    ],
)
def test_unknown_types(spec):
    with pytest.raises(UnsupportedDtypeError, match="WF1023"):
        dt.dtype(spec)


def test_close_names_are_suggested():
    with pytest.raises(TypeError, match="did you mean 'float32'"):
        dt.dtype("flaot32")


def test_reserved_types():
    assert [d.name for d in ALL if d.reserved] == ["complex64", "complex128"]
    for d in ALL:
        if d.reserved:
            with pytest.raises(UnsupportedDtypeError, match="WF1024"):
                dt.check_supported(d)
        else:
            assert dt.check_supported(d) is d
    with pytest.raises(UnsupportedDtypeError, match="WF1034"):
        _ = dt.key.numpy


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "complex64", "complex128"])
def test_finfo_agrees_with_numpy(name):
    ours, theirs = dt.finfo(name), np.finfo(name)
    for field in ("bits", "eps", "max", "min", "smallest_normal"):
        assert float(getattr(ours, field)) == float(getattr(theirs, field)), field
    assert ours.dtype == theirs.dtype


def test_finfo_of_bfloat16_is_that_of_float32_with_fewer_digits():
    info = dt.finfo(dt.bfloat16)
    assert info.smallest_normal == dt.finfo("float32").smallest_normal and info.eps == 2.0**-7
    # The largest: all mantissa bits set, checked through the bits of a float32 cut to its upper half.
    assert info.max == float(np.array(0x7F7F0000, np.uint32).view(np.float32))


@pytest.mark.parametrize("d", [*I.values(), *U.values()], ids=str)
def test_iinfo_agrees_with_numpy(d):
    ours, theirs = dt.iinfo(d), np.iinfo(d.numpy)
    assert (ours.bits, ours.max, ours.min) == (theirs.bits, theirs.max, theirs.min)
    assert dt.check_scalar(ours.max, d) == ours.max and dt.check_scalar(ours.min, d) == ours.min
    for value in (ours.max + 1, ours.min - 1):
        with pytest.raises(ScalarRangeError, match="WF1026"):
            dt.check_scalar(value, d)


def test_infos_refuse_the_other_kind():
    for wrong in (
        lambda: dt.finfo("int8"),
        lambda: dt.iinfo("float32"),
        lambda: dt.iinfo("bool"),
        lambda: dt.finfo(dt.key),
    ):
        with pytest.raises(DTypeError, match="WF1022"):
            wrong()


def test_isdtype_partitions_the_types():
    basic = ("bool", "signed integer", "unsigned integer", "real floating", "complex floating")
    for d in NUMBERS:
        assert sum(dt.isdtype(d, k) for k in basic) == 1
        assert dt.isdtype(d, "numeric") == (d is not dt.bool_)
        assert dt.isdtype(d, "integral") == (d.kind in ("int", "uint")) and dt.isdtype(d, basic) and dt.isdtype(d, d)
    with pytest.raises(ValueError, match="WF1902"):
        dt.isdtype(dt.int8, "integer")


def test_can_cast_agrees_with_promotion():
    for a, b in itertools.product(NUMBERS, repeat=2):
        assert dt.can_cast(a, b) == (join(a, b) is b)
    assert dt.can_cast(np.zeros(1, "i4"), "int64")


def test_operands_without_a_type():
    for x in (object(), [1], None):
        with pytest.raises(WrongArgumentError, match="WF1031"):
            result_type(dt.int8, x)
    with pytest.raises(WrongArgumentError, match="WF1032"):
        result_type()


def test_all_are_dtypes():
    assert all(isinstance(d, DType) for d in ALL) and len(set(ALL)) == len(ALL) == 16
