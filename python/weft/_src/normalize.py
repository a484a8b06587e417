"""What Python does before an op: dtypes promoted, shapes broadcast, axes counted from 0. The ops themselves are strict.

Decides how operands meet: numbers are weak and bend to the arrays they meet, one common dtype by `dtypes.promote`, one
common shape by explicit `weft.broadcast`. Two sizes are equal only if they are one expression (`dims.same`); 1 repeats.
All of it works on the values of the scope being traced; eager calls trace too (see `dispatch.py`).
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from weft._src import _weft, dims, dtypes
from weft._src.dtypes import DType
from weft._src.errors import (
    ArgumentValueError,
    AxisError,
    DTypeError,
    ShapeError,
    WrongArgumentError,
)
from weft._src.trace import Stateful, Tracer, as_tracer, cast, constant, emit

Shape = tuple


def is_number(x: Any) -> bool:
    """Whether `x` is a Python number, that is a weak operand. NumPy's scalars are strong arrays.

    >>> is_number(1.5), is_number(np.float64(1.5))
    (True, False)
    """
    return isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic)


def is_operand(x: Any) -> bool:
    """Whether an operator of arrays takes `x` as its other side."""
    return isinstance(
        x, (bool, int, float, complex, np.ndarray, np.generic, _weft.Array, Tracer, Stateful, dims.Dim)
    ) or hasattr(x, "__dlpack__")


def text(x: Any) -> str:
    """An operand as errors show it, such as "f32[2,3]".

    >>> text(np.zeros((2, 3), np.int8)), text(1)
    ('i8[2,3]', '1')
    """
    if is_number(x):
        return repr(x)
    return dtypes.spec_text(x.shape, dtypes.dtype(x.dtype))


# ------------------------------------------------------------------------------------------------------------- dtypes


def common_type(xs: Iterable[Any]) -> dtypes.Weak:
    """The common dtype of operands, and whether all of them are weak.

    Raises:
        DTypeError: WF1021 where there is no common dtype; WrongArgumentError: WF1031 for what is no array.
    """
    xs = list(xs)
    if _one_type(xs):
        return dtypes.Weak(xs[0].dtype, xs[0].weak_type)
    try:
        d, weak = dtypes.promote(xs)
    except DTypeError as err:
        if err.operands:
            raise DTypeError(err.code, err.message, operands=[text(x) for x in xs]) from None
        raise
    return dtypes.Weak(dtypes.check_supported(d), weak)


def _one_type(xs: Sequence[Any]) -> bool:
    """Whether all operands are tracers of one dtype and weak bit, so that there is nothing to promote."""
    first = xs[0] if xs else None
    if type(first) is not Tracer or first.dtype.kind == "key":
        return False
    for x in xs:
        if type(x) is not Tracer or x.dtype is not first.dtype or x.weak_type != first.weak_type:
            return False
    return True


def alike(xs: Sequence[Any]) -> bool:
    """Whether all operands are tracers of one dtype, weak bit and shape: `match` would give them back as they are."""
    if not _one_type(xs):
        return False
    first = xs[0].shape
    for x in xs:
        if x.storage is not x.dtype or (x.shape is not first and not same_shape(x.shape, first)):
            return False
    return True


def convert(x: Any, d: DType) -> Tracer:
    """`x` in dtype `d`; a Python number becomes a constant of that dtype.

    Raises:
        ScalarRangeError: WF1026 for a Python integer that `d` cannot hold.
    """
    if is_number(x):
        if d.name == "bfloat16":  # NumPy may lack it; float32 holds what the one rounding then takes
            return emit("convert", [constant(float(x), dtypes.float32)], dtype=d)
        return constant(number(x, d), d)
    return cast(as_tracer(x), d)


def number(x: Any, d: DType) -> np.ndarray:
    """A Python number as an element of dtype `d`, which NumPy must have.

    Raises:
        ScalarRangeError: WF1026 for a Python integer that `d` cannot hold. DTypeError: WF1022 for a dtype of keys.
    """
    if d.kind == "key":
        raise DTypeError("WF1022", f"the number {x!r} is no key.")
    value = dtypes.check_scalar(x, d)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(value).astype(d.numpy) if isinstance(value, float) else np.asarray(value, d.numpy)


def check_device(device: Any) -> None:
    """Raises ArgumentValueError (WF1902) for a device other than "cpu" or None, the default."""
    if device not in (None, "cpu"):
        raise ArgumentValueError("WF1902", f"the device is 'cpu', not {device!r}.")


def as_array(x: Any) -> Any:
    """An operand that has shape and dtype: itself, or a Tracer of it; Python numbers stay as they are (they are weak).

    Raises:
        WrongArgumentError: WF1031 for what is no array.
    """
    if type(x) is Tracer or is_number(x):
        return x
    return as_tracer(x)


def array(x: Any) -> Tracer:
    """The one operand of an op: as a Tracer; a Python number in the default dtype of its kind."""
    x = as_array(x)
    return weakly(convert(x, common_type([x]).dtype), True) if is_number(x) else x


def weakly(x: Tracer, weak: bool) -> Tracer:
    """The same value with the weak bit given."""
    if x.weak_type == weak:
        return x
    return Tracer(x.scope, x.value, x.shape, x.dtype, weak, x.concrete, x.storage)


def floating(xs: Sequence[Any]) -> DType:
    """The dtype in which operands of an op on floats are computed: their common one, the default float for integers."""
    d = common_type(xs).dtype
    return d if d.kind == "float" else dtypes.default_float()


def unsupported(name: str, x: Any, kinds: str) -> DTypeError:
    """The error for an op on a kind of elements it is not defined for."""
    return DTypeError(
        "WF1022", f"{name} takes {kinds}, not {common_type([x]).dtype.name}.", operands=(text(x),)
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- shapes


def shape_text(shape: Shape) -> str:
    """A shape as Python shows it, with symbolic sizes by name.

    >>> shape_text((dims.Dim("B"), 3)), shape_text((3,))
    ('(B, 3)', '(3,)')
    """
    return f"({', '.join(str(n) for n in shape)}{',' if len(shape) == 1 else ''})"


def is_one(n: Any) -> bool:
    """Whether a size is the number 1; never asks about symbolic sizes."""
    return not isinstance(n, dims.Dim) and n == 1


def check_shape(shape: Any) -> Shape:
    """A shape given by the user, as a tuple of ints and Dims.

    Raises:
        ShapeError: WF1008 for negative sizes or things that are no sizes.

    >>> check_shape(3), check_shape([2, 3])
    ((3,), (2, 3))
    """
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    made = []
    for n in sizes:
        if not isinstance(n, dims.Dim):
            try:
                n = operator.index(n)
            except TypeError:
                raise ShapeError("WF1008", f"{n!r} is not a size.") from None
            if n < 0:
                raise ShapeError("WF1008", f"the sizes of a shape are 0 or more, not {n}.")
        made.append(n)
    return tuple(made)


def same_shape(a: Shape, b: Shape) -> bool:
    """Whether two shapes are equal as expressions."""
    return len(a) == len(b) and all(dims.same(m, n) for m, n in zip(a, b, strict=True))


def count(shape: Shape) -> Any:
    """The number of elements: an int or a Dim.

    >>> count((2, 3)), count(())
    (6, 1)
    """
    n: Any = 1
    for size in shape:
        n = n * size
    return n


def broadcast_shapes(*shapes: Shape, operands: Sequence[Any] = ()) -> Shape:
    """The common shape to which all of `shapes` broadcast, compared from the last axis backwards.

    Raises:
        ShapeError: WF1001 where two sizes are neither equal nor 1.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    rank = max((len(s) for s in shapes), default=0)
    common: list[Any] = [1] * rank
    for shape in shapes:
        for i, n in enumerate(shape, rank - len(shape)):
            if is_one(n) or dims.same(n, common[i]):
                continue
            if not is_one(common[i]):
                raise ShapeError(
                    "WF1001",
                    f"the shapes {' and '.join(shape_text(s) for s in shapes)} do not broadcast: "
                    f"axis {i - rank} has the sizes {common[i]} and {n}.",
                    operands=[text(x) for x in operands],
                )
            common[i] = n
    return tuple(common)


def broadcast(x: Tracer, shape: Shape) -> Tracer:
    """`x` repeated to `shape`, which its own shape broadcasts to (the caller has checked)."""
    if same_shape(x.shape, shape):
        return x
    first = len(shape) - len(x.shape)
    return emit(
        "broadcast", [x], results=[(shape, x.dtype)], dims=list(range(first, len(shape))), weak=x.weak_type
    )  # fmt: skip


def match(xs: Sequence[Any], d: DType | None = None) -> tuple[list[Tracer], bool]:
    """Operands in one dtype and one shape, and whether all were weak.

    Args:
        xs: arrays and numbers. d: the dtype; by default their common one.

    Raises:
        DTypeError, ScalarRangeError, ShapeError, WrongArgumentError: as `common_type`, `convert`, `broadcast_shapes`.
    """
    xs = [as_array(x) for x in xs]
    common = common_type(xs)
    made = [convert(x, common.dtype if d is None else d) for x in xs]
    shape = broadcast_shapes(*(x.shape for x in made), operands=xs)
    return [broadcast(x, shape) for x in made], common.weak


def reshape(x: Tracer, shape: Shape) -> Tracer:
    """`x` under a shape of as many elements (the caller has checked)."""
    return x if same_shape(x.shape, shape) else emit("reshape", [x], results=[(shape, x.dtype)], weak=x.weak_type)


def size_value(n: Any, d: DType) -> Tracer:
    """A size as a value in the program: a constant, or the value of its expression at the call."""
    if isinstance(n, dims.Dim):
        return emit("convert", [emit("dim_size", [], size=str(n))], dtype=d)
    return convert(float(n) if d.kind == "float" else n, d)


# --------------------------------------------------------------------------------------------------------------- axes


def axis(i: Any, rank: int, what: str = "axis") -> int:
    """An axis counted from 0.

    Raises:
        AxisError: WF1002 outside of -rank .. rank-1; WrongArgumentError: WF1032 if `i` is no integer.

    >>> axis(-1, 3)
    2
    """
    try:
        n = operator.index(i)
    except TypeError:
        raise WrongArgumentError("WF1032", f"{what} is an integer, not {type(i).__name__}.") from None
    if not -rank <= n < rank:
        raise AxisError("WF1002", f"{what} {n} is out of range for an array with {rank} axes.")
    return n % rank


def axes(given: Any, rank: int, what: str = "axis") -> tuple[int, ...]:
    """Axes counted from 0, in the order given; None means all.

    Raises:
        AxisError: as `axis`, and WF1003 for an axis named twice.

    >>> axes(None, 2), axes((0, -1), 3)
    ((0, 1), (0, 2))
    """
    if given is None:
        return tuple(range(rank))
    made = tuple(axis(i, rank, what) for i in (given if isinstance(given, (tuple, list)) else (given,)))
    if len(set(made)) != len(made):
        raise AxisError("WF1003", f"{what} {given} names an axis twice.")
    return made


def value_error(message: str) -> ArgumentValueError:
    """An argument of the right kind with a value that is not allowed (WF1902)."""
    return ArgumentValueError("WF1902", message)
