"""Distributions of truth values and integers, and random orders.

Decides how they are made of bits; their numbers are JAX's bit for bit.
"""

from __future__ import annotations

import math
from typing import Any

from weft._src import dims, dtypes, normalize
from weft._src.dispatch import op
from weft._src.dtypes import DType
from weft._src.errors import ArgumentValueError
from weft._src.normalize import as_array, check_shape, convert, is_number, shape_text
from weft._src.trace import Tracer, as_tracer, cast
from weft.ops import elementwise, indexing, sorting
from weft.ops.creation import iota
from weft.random.common import bits_of, keys_of, parameters, positive_unit, signs, unit
from weft.random.continuous import gumbel
from weft.random.keys import fold_in

__all__ = ["bernoulli", "categorical", "choice", "geometric", "permutation", "rademacher", "randint"]


@op
def bernoulli(keys: Any, /, p: Any = 0.5, shape: Any = None) -> Any:
    """Truth values that are true with probability `p`.

    Args:
        keys: keys of any shape K. p: floating-point numbers. shape: by default that of `p`.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022 if p is not floating; ShapeError: WF1008, WF1014.

    >>> weft.random.bernoulli(weft.random.key(0), 0.5, (4,))
    Array([False, False,  True,  True], dtype=bool)
    """
    keys = keys_of(keys, "bernoulli")
    d = normalize.common_type([p if is_number(p) else as_array(p)]).dtype
    if d.kind != "float":
        raise normalize.unsupported("bernoulli", p, "a probability in floating point")
    shape, (p,) = parameters("bernoulli", shape, d, p)
    return elementwise.less(unit(keys, shape, d), p)


@op
def rademacher(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """-1 or 1, each with probability one half.

    Args:
        keys: keys of any shape K. shape: how many from each key. dtype: by default the default integer.

    >>> weft.random.rademacher(weft.random.key(0), (4,))
    Array([-1, -1,  1,  1], dtype=int64)
    """
    keys, d = keys_of(keys, "rademacher"), dtypes.default_int() if dtype is None else dtypes.dtype(dtype)
    if d.kind not in ("int", "float"):
        raise normalize.DTypeError("WF1022", f"rademacher gives -1 and 1, which {d.name} does not hold.")
    return signs(keys, check_shape(shape), d)


@op
def randint(keys: Any, /, shape: Any, minval: Any, maxval: Any, dtype: Any = None) -> Any:
    """Integers uniformly distributed in [minval, maxval); minval where that is empty.

    The remainder of twice as many random bits as the dtype has (32 at least), so that each integer is as likely
    to within 2^-32.

    Args:
        keys: keys of any shape K. shape: how many from each key.
        minval, maxval: integers, or arrays of integers that broadcast to the result.
        dtype: an integer type, by default the default integer; bounds are clipped to what it holds.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022 for another dtype or bounds that are no integers; ShapeError: WF1008, WF1014.

    >>> weft.random.randint(weft.random.key(0), (5,), 0, 10)
    Array([5, 1, 5, 7, 3], dtype=int64)
    """
    keys, d = keys_of(keys, "randint"), dtypes.default_int() if dtype is None else dtypes.dtype(dtype)
    if d.kind not in ("int", "uint"):
        raise normalize.DTypeError("WF1022", f"randint gives integers, not {d.name}.")
    wide = d if d.bits >= 32 else dtypes.int32  # the remainder of few bits would not be uniform
    word = dtypes.BY_NAME[f"uint{wide.bits}"]
    least, most = int(dtypes.iinfo(d).min), int(dtypes.iinfo(d).max)
    beyond = wide is d and _exceeds(maxval, most)  # then the last integer of the dtype is one of them
    low = _bound(minval, wide, least, most)
    high = _bound(maxval, wide, least, most if wide is d else most + 1)
    shape, _ = parameters("randint", shape, wide, low, high)
    span = cast(elementwise.subtract(high, low), word)
    if beyond is not False:
        span = elementwise.add(span, cast(beyond, word))
    span = elementwise.where(elementwise.greater(high, low), span, convert(1, word))
    first, second = (bits_of(k, shape, word) for k in (fold_in(keys, 0), fold_in(keys, 1)))
    shift = elementwise.fmod(convert(1 << (word.bits // 2), word), span)  # 2^bits mod span, without overflow
    shift = elementwise.fmod(elementwise.multiply(shift, shift), span)
    offset = elementwise.add(elementwise.multiply(elementwise.fmod(first, span), shift), _rem(second, span))
    return cast(elementwise.add(low, cast(_rem(offset, span), wide)), d)


def _rem(x: Tracer, n: Tracer) -> Tracer:
    """x mod n, where n = 0 stands for all integers."""
    return elementwise.where(elementwise.equal(n, 0), x, elementwise.fmod(x, n))


def _bound(x: Any, d: DType, least: int, most: int) -> Tracer:
    """A bound of randint, clipped to what the result holds."""
    if isinstance(x, int) and not isinstance(x, bool):
        return convert(min(max(x, least), most), d)
    x = x if is_number(x) else as_array(x)
    if is_number(x) or x.dtype.kind not in ("int", "uint"):
        raise normalize.unsupported("randint", x, "integers as bounds")
    limits = dtypes.iinfo(x.dtype)
    x = cast(as_tracer(x), x.dtype)
    if int(limits.min) < least:
        x = elementwise.maximum(x, least)
    if int(limits.max) > most:
        x = elementwise.minimum(x, most)
    return cast(x, d)


def _exceeds(x: Any, most: int) -> Any:
    """Whether a bound lies above what the result holds: False where it cannot."""
    if isinstance(x, int):
        return x > most and convert(True, dtypes.bool_)
    x = as_array(x)
    return int(dtypes.iinfo(x.dtype).max) > most and elementwise.greater(x, most)


@op(arrays=2)
def categorical(keys: Any, logits: Any, /, axis: int = -1, shape: Any = None) -> Any:
    """Indices of categories, each with the probability that `softmax(logits, axis)` gives it.

    Args:
        keys: keys of any shape K. logits: logarithms of weights, floating; -inf for what never comes.
        axis: that of the categories. shape: of the result from each key, to whose last axes the other axes of `logits`
            broadcast; by default they themselves.

    Returns:
        An array of the default integer type, of shape K + shape.

    Raises:
        DTypeError: WF1022 for logits that are not floating; AxisError: WF1002; ShapeError: WF1008, WF1014.

    >>> weft.random.categorical(weft.random.key(0), weft.asarray([0.0, 3.0]), shape=(5,))
    Array([1, 1, 1, 1, 1], dtype=int64)
    """
    keys, logits = keys_of(keys, "categorical"), normalize.array(logits)
    d = logits.dtype
    if d.kind != "float":
        raise normalize.unsupported("categorical", logits, "floating-point logits")
    along = normalize.axis(axis, len(logits.shape))
    others = logits.shape[:along] + logits.shape[along + 1 :]
    full = others if shape is None else check_shape(shape)
    if not normalize.same_shape(normalize.broadcast_shapes(full, others, operands=[logits]), full):
        raise normalize.ShapeError(
            "WF1014", f"categorical: logits of batch shape {shape_text(others)} do not broadcast to {shape_text(full)}."
        )
    # The greatest of logits with Gumbel noise has these probabilities. The axis stands where it does in `logits`, from
    # behind, so that the numbers are counted as JAX counts them.
    place = len(full) - (len(others) - along)
    drawn = (*full[:place], logits.shape[along], *full[place:])
    noisy = elementwise.add(gumbel(keys, drawn, d), logits)
    return cast(sorting.argmax(noisy, axis=len(keys.shape) + place), dtypes.default_int())


@op(arrays=2)
def geometric(keys: Any, p: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """How many trials it takes until one succeeds, each with probability `p`: integers from 1.

    Args:
        keys: keys of any shape K. p: probabilities above 0, floating, that broadcast to `shape`. shape: how many from
            each key; by default the shape of `p`. dtype: an integer type, by default the default integer.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.geometric(weft.random.key(4), 0.1, (4,))
    Array([ 2,  3, 19,  5], dtype=int64)
    """
    keys, out = keys_of(keys, "geometric"), dtypes.default_int() if dtype is None else dtypes.dtype(dtype)
    if out.kind not in ("int", "uint"):
        raise normalize.DTypeError("WF1022", f"geometric gives integers, not {out.name}.")
    d = normalize.common_type([p if is_number(p) else as_array(p)]).dtype
    if d.kind != "float":
        raise normalize.unsupported("geometric", p, "a probability in floating point")
    shape, (p,) = parameters("geometric", shape, d, p)
    return cast(elementwise.floor(elementwise.log(positive_unit(keys, shape, d)) / elementwise.log1p(-p)) + 1, out)


# ---------------------------------------------------------------------------------------------- order and choice


def _count(name: str, x: Any, axis: Any) -> tuple[Any, int, int]:
    """What is drawn from: an array (None: the integers below a number), its axis, and how many there are along it."""
    if isinstance(x, int) and not isinstance(x, bool):
        if x < 0:
            raise ArgumentValueError("WF1902", f"{name} takes a number of 0 or more, not {x}.")
        return None, 0, x
    x = normalize.array(x)
    if not x.shape:
        raise normalize.ShapeError(
            "WF1011", f"{name} takes an int or an array with axes.", operands=(normalize.text(x),)
        )
    axis = normalize.axis(axis, len(x.shape))
    if isinstance(x.shape[axis], dims.Dim):
        raise normalize.ShapeError(
            "WF1012", f"{name} needs an axis whose size is a number.", operands=(normalize.text(x),)
        )
    return x, axis, x.shape[axis]


def _order(keys: Tracer, n: int) -> Tracer:
    """The integers below n, in an order of each key's own: sorted by random bits, as often as makes equal bits of two
    elements unlikely to matter (as JAX does: 3 log n / log (2^32 - 1) times)."""
    d = dtypes.default_int()
    order = iota((*keys.shape, n), len(keys.shape), d)
    for _ in range(math.ceil(3 * math.log(max(1, n)) / math.log(2**32 - 1))):
        keys, now = fold_in(keys, 0), fold_in(keys, 1)
        order = indexing.take_along_axis(order, sorting.argsort(bits_of(now, (n,), dtypes.uint32)), axis=-1)
    return order


@op
def permutation(keys: Any, x: Any, /, axis: int = 0) -> Any:
    """The integers below `x`, or the slices of an array along an axis, in random order.

    Args:
        keys: keys of any shape K. x: an int, or an array with axes. axis: that of the slices.

    Returns:
        The integers (default integer type), of shape K + (x,); of an array its slices, where the axis became K and the
        axis.

    Raises:
        ArgumentValueError: WF1902 for a negative number; ShapeError: WF1011, WF1012; AxisError: WF1002.

    >>> weft.random.permutation(weft.random.key(17), 10)
    Array([2, 7, 6, 9, 3, 8, 4, 0, 1, 5], dtype=int64)
    """
    keys, (x, axis, n) = keys_of(keys, "permutation"), _count("permutation", x, axis)
    order = _order(keys, n)
    return order if x is None else indexing.take(x, order, axis=axis)


@op
def choice(keys: Any, x: Any, /, shape: Any = (), replace: bool = True, axis: int = 0) -> Any:
    """Some of the integers below `x`, or of the slices of an array along an axis, each as likely as any other.

    Args:
        keys: keys of any shape K. x: an int of 1 or more, or an array with axes. shape: of what is chosen.
        replace: whether one may be chosen twice. axis: that of the slices.

    Returns:
        The integers (default integer type), of shape K + shape; of an array its slices, where the axis became that.

    Raises:
        ArgumentValueError: WF1902 where more are asked for than there are; ShapeError: WF1011, WF1012;
            AxisError: WF1002.

    >>> weft.random.choice(weft.random.key(18), 10, (4,), replace=False)
    Array([6, 9, 7, 4], dtype=int64)
    """
    keys, (x, axis, n), shape = keys_of(keys, "choice"), _count("choice", x, axis), check_shape(shape)
    if any(isinstance(size, dims.Dim) for size in shape):
        raise normalize.ShapeError("WF1012", "choice needs a shape of numbers.")
    count = math.prod(shape)
    if count > (0 if n == 0 else count if replace else n):
        again = "with" if replace else "without"
        raise ArgumentValueError("WF1902", f"choice cannot take {count} of {n} {again} replacement.")
    if replace:
        chosen = randint(keys, shape, 0, max(n, 1))
    else:
        chosen = normalize.reshape(_order(keys, n)[..., :count], (*keys.shape, *shape))
    return chosen if x is None else indexing.take(x, chosen, axis=axis)
