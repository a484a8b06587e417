"""What all of `weft.random` is made of: keys as values, words of random bits, floats in [0, 1).

Decides how parameters broadcast, and how many of a word's bits a float takes.
"""

from __future__ import annotations

from typing import Any

from weft._src import dtypes, normalize
from weft._src.dtypes import DType
from weft._src.errors import WrongArgumentError
from weft._src.normalize import as_array, check_shape, convert, is_number, shape_text
from weft._src.trace import Tracer, as_tracer, cast, emit
from weft.ops import elementwise


def keys_of(x: Any, name: str) -> Tracer:
    """Keys, as a value of the scope being traced."""
    if is_number(x) or as_array(x).dtype is not dtypes.key:
        what = repr(x) if is_number(x) else normalize.text(x)
        raise WrongArgumentError("WF1033", f"{name} takes a key, not {what}.", operands=(what,))
    return as_tracer(x)


def repeated(keys: Tracer, shape: tuple) -> Tracer:
    """Each key at every index of `shape`."""
    if not shape:
        return keys
    rank = len(keys.shape)
    return emit("broadcast", [keys], results=[((*keys.shape, *shape), dtypes.key)], dims=list(range(rank)))


def bits_of(keys: Tracer, shape: tuple, d: DType) -> Tracer:
    return emit("random_bits", [repeated(keys, shape)], first=len(keys.shape), dtype=d)


def float_type(dtype: Any, name: str) -> DType:
    d = dtypes.default_float() if dtype is None else dtypes.dtype(dtype)
    if d.kind != "float":
        raise normalize.DTypeError("WF1022", f"{name} gives floating-point numbers, not {d.name}.")
    return d


def parameters(name: str, shape: Any, d: DType, *xs: Any) -> tuple[tuple, list[Tracer]]:
    """The shape of the result (that of the parameters where none is given), and the parameters in the dtype `d`."""
    made = [convert(x, d) for x in xs]
    common = normalize.broadcast_shapes(*(x.shape for x in made), operands=xs)
    full = common if shape is None else check_shape(shape)
    if not normalize.same_shape(normalize.broadcast_shapes(full, common, operands=xs), full):
        raise normalize.ShapeError(
            "WF1014", f"{name}: parameters of shape {shape_text(common)} do not broadcast to {shape_text(full)}."
        )
    return full, made


_MANTISSA = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}


def unit(keys: Tracer, shape: tuple, d: DType) -> Tracer:
    """Uniform in [0, 1): the leading bits of a word as a multiple of the distance between floats below 1."""
    mantissa = _MANTISSA[d.name]
    word = dtypes.uint8 if mantissa < 8 else dtypes.BY_NAME[f"uint{d.bits}"]
    signed = dtypes.BY_NAME[f"int{d.bits}"]  # the bits are fewer, and the processors convert signed ones
    leading = elementwise.bitwise_right_shift(bits_of(keys, shape, word), word.bits - mantissa)
    return elementwise.multiply(cast(cast(leading, signed), d), 2.0**-mantissa)


def positive_unit(keys: Tracer, shape: tuple, d: DType) -> Tracer:
    """Uniform in (0, 1]: 1 for 0, whose logarithm would be infinite."""
    u = unit(keys, shape, d)
    return elementwise.where(elementwise.equal(u, 0), convert(1, d), u)


def signs(keys: Tracer, shape: tuple, d: DType) -> Tracer:
    """1 or -1, each with probability one half."""
    positive = elementwise.less(unit(keys, shape, dtypes.default_float()), 0.5)
    return elementwise.where(positive, convert(1, d), convert(-1, d))


def between(keys: Tracer, shape: tuple, d: DType, low: Any, high: Any) -> Tracer:
    """Uniform in [low, high): numbers or arrays."""
    u = unit(keys, shape, d)
    if is_number(low) and is_number(high) and low == 0 and high == 1:
        return u
    low, high = convert(low, d), convert(high, d)
    span = elementwise.subtract(high, low)
    return elementwise.maximum(low, elementwise.add(elementwise.multiply(u, span), low))


def eps(d: DType) -> float:
    return 2.0 ** -_MANTISSA[d.name]


def tiny(d: DType) -> float:
    return 2.0 ** (-14 if d.name == "float16" else -1022 if d.name == "float64" else -126)
