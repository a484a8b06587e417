"""Element types: the list, their facts, and how they promote.

Decides the order of the list (its codes are part of the format of images and artifacts), the spelling of each type in
MLIR, NumPy and DLPack, and the promotion rules: the array API's table (2024.12), completed where that leaves a
combination undefined, and the weak Python scalars. All facts of a type stand in one row of `_ROWS`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft
from weft._src.errors import (
    ArgumentValueError,
    DTypeError,
    ScalarRangeError,
    UnsupportedDtypeError,
    WrongArgumentError,
)

# DLPack's DLDataTypeCode (dlpack.h, version 1): kDLInt 0, kDLUInt 1, kDLFloat 2, kDLOpaqueHandle 3, kDLBfloat 4,
# kDLComplex 5, kDLBool 6.
_DL_INT, _DL_UINT, _DL_FLOAT, _DL_OPAQUE, _DL_BFLOAT, _DL_COMPLEX, _DL_BOOL = range(7)

# Kinds in the order of promotion: a higher kind wins over a lower one whatever their widths.
_KIND_RANK = {"bool": 0, "int": 1, "uint": 1, "float": 2, "complex": 3, "key": 4}


class DType:
    """An element type. There is one object for each type, such as `weft.float32`; compare with `==` or `is`.

    A DType equals its name, NumPy's dtype and NumPy's scalar type of the same elements. NumPy takes it as a dtype.

    Attributes:
        name: "float32".
        short: "f32", as in `f32[64,128]`.
        kind: "bool", "int", "uint", "float", "complex" or "key".
        code: a small integer that never changes; 0 is no type. Part of the format of images and artifacts.
        itemsize: bytes of an element in memory (a bool takes one).
        bits: 8 * itemsize.
        mlir: the spelling in IR, "f32". Signed integers are signless there, bool is i1 (see docs/rationale.md).
        dlpack: (type code, bits) as DLPack counts.
        reserved: True while no op handles the type; `check_supported` refuses it.

    >>> float32 == "float32" == float32.name, float32.itemsize, float32.mlir, float32 == np.float32
    (True, 4, 'f32', True)
    >>> np.zeros(2, dtype=int8).dtype
    dtype('int8')
    """

    __slots__ = ("bits", "code", "dlpack", "itemsize", "kind", "mlir", "name", "rank", "reserved", "short")

    name: str
    short: str
    kind: str
    code: int
    itemsize: int
    bits: int
    mlir: str
    dlpack: tuple[int, int]
    reserved: bool
    rank: int

    def __init__(self, name: str, short: str, kind: str, code: int, itemsize: int, mlir: str, dl: int, reserved: bool):
        for key, value in (
            ("name", name),
            ("short", short),
            ("kind", kind),
            ("code", code),
            ("itemsize", itemsize),
            ("bits", itemsize * 8),
            ("mlir", mlir),
            ("dlpack", (dl, itemsize * 8)),
            ("reserved", reserved),
            ("rank", _KIND_RANK[kind]),
        ):
            object.__setattr__(self, key, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a DType cannot be changed")

    @property
    def numpy(self) -> np.dtype:
        """NumPy's dtype of the same elements; bfloat16 is ml_dtypes' where that is installed.

        Raises:
            UnsupportedDtypeError: WF1025 for bfloat16 without ml_dtypes, WF1034 for `key`.

        >>> uint16.numpy
        dtype('uint16')
        """
        found = _NUMPY.get(self.name)
        if found is not None:
            return found
        if self.kind == "key":
            raise UnsupportedDtypeError("WF1034", "NumPy has no random keys.")
        try:
            from ml_dtypes import bfloat16 as scalar_type
        except ImportError:
            raise UnsupportedDtypeError("WF1025", "NumPy has no bfloat16, and ml_dtypes is not installed.") from None
        return _NUMPY.setdefault(self.name, np.dtype(scalar_type))

    # NumPy looks for these when it is given a DType where it wants a dtype (`__numpy_dtype__` from 2.4 on).
    @property
    def dtype(self) -> np.dtype:
        """NumPy's dtype, so that `np.zeros(3, dtype=weft.float32)` works."""
        return self.numpy

    @property
    def __numpy_dtype__(self) -> np.dtype:
        return self.numpy

    @property
    def type(self) -> type:
        """NumPy's scalar type of the same elements."""
        return self.numpy.type

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self is other
        if isinstance(other, str):
            return self.name == other
        if isinstance(other, np.dtype) or (isinstance(other, type) and issubclass(other, np.generic)):
            return _from_numpy(np.dtype(other)) is self
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"weft.{self.name}"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self):
        return dtype, (self.name,)


# name, short, kind, code, bytes, MLIR, DLPack code, reserved.
# The codes are part of the image and artifact formats (include/weft/Runtime mirrors them): only ever append.
_ROWS = (
    ("bool", "bool", "bool", 1, 1, "i1", _DL_BOOL, False),
    ("int8", "i8", "int", 2, 1, "i8", _DL_INT, False),
    ("int16", "i16", "int", 3, 2, "i16", _DL_INT, False),
    ("int32", "i32", "int", 4, 4, "i32", _DL_INT, False),
    ("int64", "i64", "int", 5, 8, "i64", _DL_INT, False),
    ("uint8", "u8", "uint", 6, 1, "ui8", _DL_UINT, False),
    ("uint16", "u16", "uint", 7, 2, "ui16", _DL_UINT, False),
    ("uint32", "u32", "uint", 8, 4, "ui32", _DL_UINT, False),
    ("uint64", "u64", "uint", 9, 8, "ui64", _DL_UINT, False),
    ("float16", "f16", "float", 10, 2, "f16", _DL_FLOAT, False),
    ("bfloat16", "bf16", "float", 11, 2, "bf16", _DL_BFLOAT, False),
    ("float32", "f32", "float", 12, 4, "f32", _DL_FLOAT, False),
    ("float64", "f64", "float", 13, 8, "f64", _DL_FLOAT, False),
    ("complex64", "c64", "complex", 14, 8, "complex<f32>", _DL_COMPLEX, True),
    ("complex128", "c128", "complex", 15, 16, "complex<f64>", _DL_COMPLEX, True),
    ("key", "key", "key", 16, 8, "!weft.key", _DL_OPAQUE, False),
)

ALL: tuple[DType, ...] = tuple(DType(*row) for row in _ROWS)
"""All element types, in the order of their codes."""

(bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64) = ALL[:9]
(float16, bfloat16, float32, float64, complex64, complex128, key) = ALL[9:]

BY_NAME: dict[str, DType] = {d.name: d for d in ALL}
"""From the full name."""
BY_SHORT: dict[str, DType] = {d.short: d for d in ALL}
"""From the short name."""
BY_CODE: dict[int, DType] = {d.code: d for d in ALL}
"""From the stable code."""
BY_MLIR: dict[str, DType] = {d.mlir: d for d in ALL}
"""From the spelling in IR."""

_NUMPY: dict[str, np.dtype] = {d.name: np.dtype(d.name) for d in ALL if d.name not in ("bfloat16", "key")}
_FROM_KIND = {(d.kind[0] if d.name != "bool" else "b", d.itemsize): d for d in ALL if d.name not in ("bfloat16", "key")}


# ----------------------------------------------------------------------------------------------------------- defaults


class _Defaults:
    float: DType = float32
    int: DType = int64


_defaults = _Defaults()
_weft.set_defaults(_defaults.float.code, _defaults.int.code)
_lock = threading.Lock()


def default_float() -> DType:
    """The floating type of Python floats and of creation functions; float32 unless set otherwise.

    >>> default_float()
    weft.float32
    """
    return _defaults.float


def default_int() -> DType:
    """The integer type of Python ints and of `arange`; int64 unless set otherwise.

    >>> default_int()
    weft.int64
    """
    return _defaults.int


def default_complex() -> DType:
    """The complex type that goes with the default floating type."""
    return complex128 if _defaults.float is float64 else complex64


def set_default_dtype(*, float: Any = None, int: Any = None) -> None:
    """Sets the default types for the whole process; they are a part of every key of the cache.

    Args:
        float: float32 or float64 (NumPy's default), or None to leave it.
        int: int32 or int64, or None to leave it.

    Raises:
        ArgumentValueError: WF1902 for any other type.

    >>> set_default_dtype(float="float64"); result_type(1.0)
    weft.float64
    >>> set_default_dtype(float="float32")
    """
    new_float = _defaults.float if float is None else dtype(float)
    new_int = _defaults.int if int is None else dtype(int)
    if new_float not in (float32, float64) or new_int not in (int32, int64):
        raise ArgumentValueError(
            "WF1902",
            f"the default types are float32 or float64 and int32 or int64, not {new_float} and {new_int}.",
        )
    with _lock:
        _defaults.float, _defaults.int = new_float, new_int
        _weft.set_defaults(new_float.code, new_int.code)


# --------------------------------------------------------------------------------------------------------- conversion


def dtype(spec: Any) -> DType:
    """The element type that `spec` means.

    Args:
        spec: a DType, a name ("float32" or "f32"), a NumPy dtype or scalar type, or Python's bool, int, float, complex
            (the defaults).

    Raises:
        UnsupportedDtypeError: WF1023 if there is no such type.

    >>> dtype("bf16"), dtype(np.uint8), dtype(int), dtype(np.dtype("f8"))
    (weft.bfloat16, weft.uint8, weft.int64, weft.float64)
    """
    if isinstance(spec, DType):
        return spec
    if isinstance(spec, str):
        found = BY_NAME.get(spec) or BY_SHORT.get(spec)
        if found is not None:
            return found
    elif isinstance(spec, type) and spec in _PYTHON:  # the class itself: np.float64 is a subclass of float
        return _PYTHON[spec]()
    try:
        found = _from_numpy(np.dtype(spec)) if spec is not None else None
    except (TypeError, ValueError):
        found = None
    if found is None:
        import difflib

        near = difflib.get_close_matches(str(spec), BY_NAME, n=1)
        raise UnsupportedDtypeError(
            "WF1023",
            f"{spec!r} is not an element type of Weft.",
            hint=f"did you mean {near[0]!r}?" if near else None,
        )
    return found


_PYTHON = {bool: lambda: bool_, int: default_int, float: default_float, complex: default_complex}


def _from_numpy(d: np.dtype) -> DType | None:
    """Weft's type of the same elements, or None. Foreign byte order is another type, which Weft does not have."""
    if d.kind == "V":
        return bfloat16 if d.name == "bfloat16" and d.itemsize == 2 and d.fields is None else None
    if not d.isnative or d.kind not in "biufc":
        return None
    return _FROM_KIND.get((d.kind, d.itemsize))


def check_supported(d: DType) -> DType:
    """Returns `d`, or raises where no op handles it yet.

    Raises:
        UnsupportedDtypeError: WF1024 for complex64 and complex128.

    >>> check_supported(float32)
    weft.float32
    """
    if d.reserved:
        raise UnsupportedDtypeError("WF1024", f"{d.name} is reserved: no op handles it yet.")
    return d


def spec_text(shape: Iterable[Any], d: DType) -> str:
    """Shape and type as errors and reports show them.

    >>> spec_text((64, 128), float32), spec_text((), bool_)
    ('f32[64,128]', 'bool[]')
    """
    return f"{d.short}[{','.join(str(n) for n in shape)}]"


# ---------------------------------------------------------------------------------------------------------- promotion

_SIGNED = {1: int8, 2: int16, 4: int32, 8: int64}


def promote_types(a: DType, b: DType) -> DType:
    """The common type of two (strong) types.

    Within one kind this is the array API's table (2024.12, "Type Promotion Rules"). What that leaves undefined:

    - bool with any other type gives the other type, as in NumPy, torch and JAX.
    - An integer with a floating or complex type gives the latter, whatever the integer's width, as in torch and JAX.
      (NumPy widens int32 + float32 to float64, which turns a whole model to float64 by one index array.)
    - float16 with bfloat16 gives float32, as in torch and JAX: neither holds the other.
    - uint64 with a signed integer is an error, as in torch: no integer type holds both; NumPy gives float64 and JAX its
      default float, and both then lose low bits without a word.
    - `key` promotes with itself only.

    Raises:
        DTypeError: WF1021 where there is no common type.

    >>> promote_types(uint8, int8), promote_types(int64, float16), promote_types(float16, bfloat16)
    (weft.int16, weft.float16, weft.float32)
    """
    if a is b:
        return a
    if a.kind == "key" or b.kind == "key":
        raise DTypeError("WF1021", "random keys and numbers have no common type.", operands=(a.short, b.short))
    if a.rank > b.rank:
        a, b = b, a
    if a.kind == b.kind:
        if a.kind == "float" and a.itemsize == b.itemsize:
            return float32  # float16 and bfloat16
        return b if b.itemsize > a.itemsize else a
    if b.kind == "complex":
        return complex128 if a is float64 else b
    if a.rank != b.rank:
        return b
    signed, unsigned = (a, b) if a.kind == "int" else (b, a)
    if signed.itemsize > unsigned.itemsize:
        return signed
    wider = _SIGNED.get(unsigned.itemsize * 2)
    if wider is None:
        raise DTypeError("WF1021", f"{a.name} and {b.name} have no common integer type.", operands=(a.short, b.short))
    return wider


class Weak(NamedTuple):
    """A type with its weak bit: weak values come from Python scalars and bend to the strong types they meet."""

    dtype: DType
    weak: bool


def weak_type_of(x: Any) -> Weak:
    """The type of an operand and whether it is weak.

    Python's bool, int, float and complex are weak; arrays are strong unless they have a true attribute `weak_type`;
    DTypes, NumPy's dtypes, scalars and arrays are strong.

    Raises:
        WrongArgumentError: WF1031 if `x` is none of these.
        UnsupportedDtypeError: WF1023 if its elements are of no type of Weft's.

    >>> weak_type_of(2.0), weak_type_of(np.float64(2.0)).weak
    (Weak(dtype=weft.float32, weak=True), False)
    """
    if isinstance(x, DType):
        return Weak(x, False)
    python = _PYTHON.get(type(x))
    if python is not None:
        return Weak(python(), True)
    own = getattr(x, "dtype", None)
    if own is not None:
        return Weak(dtype(own), bool(getattr(x, "weak_type", False)))
    if isinstance(x, (np.dtype, str)) or (isinstance(x, type) and (issubclass(x, np.generic) or x in _PYTHON)):
        return Weak(dtype(x), False)
    for cls in (bool, int, float, complex):  # subclasses, such as IntEnum
        if isinstance(x, cls):
            return Weak(_PYTHON[cls](), True)
    raise WrongArgumentError("WF1031", f"{type(x).__name__} is neither an array, a number nor a dtype.")


def promote(operands: Iterable[Any]) -> Weak:
    """The common type of any number of operands, and whether the result is weak: it is iff all operands are.

    The result does not depend on the order of the operands. Of the kinds bool < int < float < complex the highest wins:
    strong types of that kind are joined by `promote_types`; a weak operand matters only if its kind is above all strong
    ones, and then gives that kind's default type (for complex over floats: the complex type of that width).

    Raises:
        DTypeError: WF1021 where there is no common type.
        WrongArgumentError: WF1031 for an operand without a type; WF1032 for no operands.

    >>> promote([int8, 2]), promote([int8, 2.5])
    (Weak(dtype=weft.int8, weak=False), Weak(dtype=weft.float32, weak=False))
    >>> promote([1, 2.5])
    Weak(dtype=weft.float32, weak=True)
    """
    pairs = [weak_type_of(x) for x in operands]
    if not pairs:
        raise WrongArgumentError("WF1032", "a common type needs at least one operand.")
    strong = [d for d, weak in pairs if not weak]
    weak = [d for d, is_weak in pairs if is_weak]
    result = _join(strong) if strong else None
    if weak:
        top = max(weak, key=lambda d: (d.rank, d.code))
        if result is None:
            return Weak(top, True)
        if result.kind == "key":
            raise DTypeError("WF1021", "random keys and numbers have no common type.")
        if top.rank > result.rank:
            result = promote_types(complex64, result) if top.kind == "complex" and result.rank == 2 else top
    assert result is not None
    return Weak(result, False)


def _join(types: list[DType]) -> DType:
    # Only the highest kinds take part (complex takes floats along, for their width). So a mix like int64, uint64,
    # float32 has an answer in every order, though two of its members have none.
    if any(d.kind == "key" for d in types):
        rank = 0
    else:
        rank = max(d.rank for d in types)
        rank = 2 if rank == 3 else rank
    result: DType | None = None
    # Unsigned types first: joining int8, uint32, int64 in any order is then int64, and errors do not depend on order.
    for d in sorted((d for d in types if d.rank >= rank), key=lambda d: (d.rank, d.kind == "int", d.code)):
        result = d if result is None else promote_types(result, d)
    assert result is not None
    return result


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The array API's `result_type`: the common type of arrays, dtypes and Python scalars.

    Raises: as `promote`.

    >>> result_type(float16, 1.0), result_type(int32, uint32), result_type(np.zeros(1, "i2"), True)
    (weft.float16, weft.int64, weft.int16)
    """
    return promote(arrays_and_dtypes).dtype


def can_cast(from_: Any, to: Any) -> bool:
    """The array API's `can_cast`: whether promoting `from_` (a dtype or an array) with `to` gives `to`.

    >>> can_cast(int8, int16), can_cast(float32, int32), can_cast(uint64, int64)
    (True, False, False)
    """
    target = dtype(to)
    try:
        return promote_types(weak_type_of(from_).dtype, target) is target
    except DTypeError:
        return False


_KINDS = {
    "bool": {"bool"},
    "signed integer": {"int"},
    "unsigned integer": {"uint"},
    "integral": {"int", "uint"},
    "real floating": {"float"},
    "complex floating": {"complex"},
    "numeric": {"int", "uint", "float", "complex"},
}


_as_dtype = dtype  # the argument below has its name


def isdtype(dtype: Any, kind: Any) -> bool:
    """The array API's `isdtype`: whether a type is of a kind.

    Args:
        dtype: a dtype.
        kind: a dtype; "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating" or
            "numeric"; or a tuple of these.

    Raises:
        ArgumentValueError: WF1902 for a string that names no kind.

    >>> isdtype(int8, "integral"), isdtype(float32, ("bool", "integral")), isdtype(float32, float32)
    (True, False, True)
    """
    d = _as_dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(d, k) for k in kind)
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise ArgumentValueError("WF1902", f"{kind!r} is not a kind of dtypes.", hint="one of " + ", ".join(_KINDS))
        return d.kind in _KINDS[kind]
    return d is _as_dtype(kind)


def check_scalar(value: Any, d: DType) -> Any:
    """Returns the Python number `value` if an array of type `d` can take it as it is.

    Floats always fit (they round, and overflow to infinity); an integer must lie in the range of an integer type.

    Raises:
        ScalarRangeError: WF1026 if it does not.

    >>> check_scalar(255, uint8)
    255
    """
    if d.kind in ("int", "uint") and isinstance(value, int) and not isinstance(value, bool):
        info = iinfo(d)
        if not info.min <= value <= info.max:
            raise ScalarRangeError("WF1026", f"{value} does not fit in {d.name} ({info.min} to {info.max}).")
    return value


# --------------------------------------------------------------------------------------------------------------- info


class FInfo(NamedTuple):
    """Facts of a floating type, as the array API's `finfo_object`; Python floats hold all of them exactly."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


class IInfo(NamedTuple):
    """Facts of an integer type, as the array API's `iinfo_object`."""

    bits: int
    max: int
    min: int
    dtype: DType


# Exponent bits and stored mantissa bits: IEEE 754-2019 table 3.5; bfloat16 is float32 cut to 16 bits.
_FORMATS = {"float16": (5, 10), "bfloat16": (8, 7), "float32": (8, 23), "float64": (11, 52)}


def finfo(type: Any) -> FInfo:
    """The array API's `finfo`: limits of a floating type, or of the parts of a complex one.

    Args:
        type: a dtype or an array.

    Raises:
        DTypeError: WF1022 if the type is not floating.

    >>> finfo(float32).eps == 2.0 ** -23, finfo("bf16").max
    (True, 3.3895313892515355e+38)
    """
    d = weak_type_of(type).dtype
    part = {"complex64": float32, "complex128": float64}.get(d.name, d)
    if part.name not in _FORMATS:
        raise DTypeError("WF1022", f"finfo needs a floating type, not {d.name}.", hint="iinfo is for integers.")
    exponent, mantissa = _FORMATS[part.name]
    bias = 2 ** (exponent - 1) - 1
    largest = (2.0 - 2.0**-mantissa) * 2.0**bias
    return FInfo(part.bits, 2.0**-mantissa, largest, -largest, 2.0 ** (1 - bias), part)


def iinfo(type: Any) -> IInfo:
    """The array API's `iinfo`: limits of an integer type.

    Args:
        type: a dtype or an array.

    Raises:
        DTypeError: WF1022 if the type is not an integer type.

    >>> iinfo(int8)
    IInfo(bits=8, max=127, min=-128, dtype=weft.int8)
    """
    d = weak_type_of(type).dtype
    if d.kind == "int":
        return IInfo(d.bits, 2 ** (d.bits - 1) - 1, -(2 ** (d.bits - 1)), d)
    if d.kind == "uint":
        return IInfo(d.bits, 2**d.bits - 1, 0, d)
    raise DTypeError("WF1022", f"iinfo needs an integer type, not {d.name}.", hint="finfo is for floating types.")
