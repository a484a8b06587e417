"""Random numbers from explicit keys.

Decides how distributions are made of random bits, and that the numbers are those of JAX with
`jax_threefry_partitionable` (Threefry-2x32): `bits`, `split`, `fold_in`, `uniform`, `bernoulli`, `randint`,
`permutation` and `choice` bit for bit, what goes through a logarithm or an inverse within a few units in the last
place. A key is a value like any other: it is passed, sliced, carried and returned. The same key gives the same numbers
wherever and in whatever batch it is used, so a program uses each key once, and makes new ones by `split` and `fold_in`.

Every function takes an array of keys of any shape K and gives K + shape: element i is what keys[i] gives.
"""

from __future__ import annotations

import math
from typing import Any

from weft._src import dims, dtypes, normalize
from weft._src.control import while_loop
from weft._src.dispatch import op
from weft._src.dtypes import DType
from weft._src.errors import ArgumentValueError, WrongArgumentError
from weft._src.normalize import as_array, check_shape, convert, is_number, shape_text
from weft._src.trace import Tracer, as_tracer, cast, emit
from weft._src.transforms import stop_gradient, vmap
from weft.ops import elementwise, indexing, movement, reduction, sorting
from weft.ops.creation import iota

__all__ = [
    "bernoulli", "beta", "bits", "categorical", "cauchy", "choice", "dirichlet", "exponential", "fold_in",
    "gamma", "gumbel", "key", "key_data", "laplace", "loggamma", "logistic", "normal", "permutation", "poisson",
    "rademacher", "randint", "split", "truncated_normal", "uniform", "wrap_key_data",
]  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- keys


def _keys(x: Any, name: str) -> Tracer:
    """Keys, as a value of the scope being traced."""
    if is_number(x) or as_array(x).dtype is not dtypes.key:
        what = repr(x) if is_number(x) else normalize.text(x)
        raise WrongArgumentError("WF1033", f"{name} takes a key, not {what}.", operands=(what,))
    return as_tracer(x)


def _repeated(keys: Tracer, shape: tuple) -> Tracer:
    """Each key at every index of `shape`."""
    if not shape:
        return keys
    rank = len(keys.shape)
    return emit("broadcast", [keys], results=[((*keys.shape, *shape), dtypes.key)], dims=list(range(rank)))


@op
def key(seed: Any, /) -> Any:
    """A key from a seed.

    Args:
        seed: an integer, or an array of integers: one key for each. Its 64 bits are the two words of the key;
            integers of 32 bits and less have a first word of 0.

    Raises:
        DTypeError: WF1022 if the seed is no integer.

    >>> weft.random.key(42)
    Array(keys of [ 0, 42], dtype=key)
    >>> weft.random.key(0).shape
    ()
    """
    seed = normalize.array(seed)
    if seed.dtype.kind not in ("int", "uint"):
        raise normalize.unsupported("key", seed, "an integer")
    seed = cast(seed, seed.storage)
    high = elementwise.bitwise_right_shift(seed, 32) if seed.dtype.bits == 64 else elementwise.bitwise_xor(seed, seed)
    return _wrap(movement.stack([cast(high, dtypes.uint32), cast(seed, dtypes.uint32)], axis=-1))


def _wrap(words: Tracer) -> Tracer:
    return emit("wrap_key_data", [words])


@op
def wrap_key_data(words: Any, /) -> Any:
    """Keys of given words: two along the last axis.

    Args:
        words: an array of uint32 whose last axis has size 2.

    Raises:
        DTypeError: WF1022 for another dtype; ShapeError: WF1012.

    >>> weft.random.wrap_key_data(weft.asarray([[1, 2], [3, 4]], dtype="uint32")).shape
    (2,)
    """
    words = normalize.array(words)
    if words.dtype is not dtypes.uint32:
        raise normalize.unsupported("wrap_key_data", words, "words of uint32")
    return _wrap(words)


@op
def key_data(keys: Any, /) -> Any:
    """The two words of each key, along a new last axis: how keys are stored and sent.

    Args:
        keys: keys of any shape.

    Returns:
        An array of uint32 of the shape of `keys` and 2.

    >>> weft.random.key_data(weft.random.key(7))
    Array([0, 7], dtype=uint32)
    """
    return emit("key_data", [_keys(keys, "key_data")])


@op(arrays=2)
def fold_in(keys: Any, number: Any, /) -> Any:
    """A new key from a key and a number; those of different numbers are independent.

    Args:
        keys: keys of any shape. number: integers, taken mod 2^32, of a shape that broadcasts with that of the keys.

    Raises:
        ShapeError: WF1001; DTypeError: WF1022 if the numbers are no integers.

    >>> weft.random.fold_in(weft.random.key(0), 3)
    Array(keys of [2467461003, 3840466878], dtype=key)
    """
    keys = _keys(keys, "fold_in")
    number = normalize.array(number)
    if number.dtype.kind not in ("int", "uint"):
        raise normalize.unsupported("fold_in", number, "an integer")
    number = cast(cast(number, number.storage), dtypes.uint32)
    shape = normalize.broadcast_shapes(keys.shape, number.shape, operands=[keys, number])
    return emit("fold_in", [normalize.broadcast(keys, shape), normalize.broadcast(number, shape)])


@op
def split(keys: Any, /, num: Any = 2) -> Any:
    """New keys from a key: `split(key, n)[i]` is `fold_in(key, i)`.

    Args:
        keys: keys of any shape. num: how many from each, or a shape of that many.

    Returns:
        Keys of the shape of `keys` and `num`.

    >>> a, b = weft.random.split(weft.random.key(0))
    >>> a
    Array(keys of [1797259609, 2579123966], dtype=key)
    >>> weft.random.split(a, 5).shape
    (5,)
    """
    keys, shape = _keys(keys, "split"), check_shape(num)
    repeated = _repeated(keys, shape)
    number, n = None, 1
    for d in range(len(shape) - 1, -1, -1):  # the row-major number, mod 2^32
        part = iota(repeated.shape, len(keys.shape) + d, dtypes.uint32)
        if not normalize.is_one(n):
            part = elementwise.multiply(part, normalize.size_value(n, dtypes.uint32))
        number = part if number is None else elementwise.add(number, part)
        n = n * shape[d]
    if number is None:
        number = normalize.broadcast(convert(0, dtypes.uint32), repeated.shape)
    return emit("fold_in", [repeated, number])


# --------------------------------------------------------------------------------------------------------------- bits


def _bits(keys: Tracer, shape: tuple, d: DType) -> Tracer:
    return emit("random_bits", [_repeated(keys, shape)], first=len(keys.shape), dtype=d)


@op
def bits(keys: Any, /, shape: Any = (), dtype: Any = dtypes.uint32) -> Any:
    """Uniformly distributed bits.

    Args:
        keys: keys of any shape K. shape: how many from each key. dtype: an unsigned integer type.

    Returns:
        An array of shape K + shape.

    Raises:
        UnsupportedDtypeError: WF1023; DTypeError: WF1022 for a dtype that is not unsigned; ShapeError: WF1008.

    >>> weft.random.bits(weft.random.key(0), (3,))
    Array([4070199207, 4202968722, 1427181096], dtype=uint32)
    """
    d = dtypes.dtype(dtype)
    if d.kind != "uint":
        raise normalize.DTypeError("WF1022", f"bits are of an unsigned integer type, not {d.name}.")
    return _bits(_keys(keys, "bits"), check_shape(shape), d)


# ------------------------------------------------------------------------------------------------------ distributions


def _float(dtype: Any, name: str) -> DType:
    d = dtypes.default_float() if dtype is None else dtypes.dtype(dtype)
    if d.kind != "float":
        raise normalize.DTypeError("WF1022", f"{name} gives floating-point numbers, not {d.name}.")
    return d


def _parameters(name: str, shape: Any, d: DType, *xs: Any) -> tuple[tuple, list[Tracer]]:
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


def _unit(keys: Tracer, shape: tuple, d: DType) -> Tracer:
    """Uniform in [0, 1): the leading bits of a word as a multiple of the distance between floats below 1."""
    mantissa = _MANTISSA[d.name]
    word = dtypes.uint8 if mantissa < 8 else dtypes.BY_NAME[f"uint{d.bits}"]
    signed = dtypes.BY_NAME[f"int{d.bits}"]  # the bits are fewer, and the processors convert signed ones
    leading = elementwise.bitwise_right_shift(_bits(keys, shape, word), word.bits - mantissa)
    return elementwise.multiply(cast(cast(leading, signed), d), 2.0**-mantissa)


def _between(keys: Tracer, shape: tuple, d: DType, low: Any, high: Any) -> Tracer:
    """Uniform in [low, high): numbers or arrays."""
    unit = _unit(keys, shape, d)
    if is_number(low) and is_number(high) and low == 0 and high == 1:
        return unit
    low, high = convert(low, d), convert(high, d)
    span = elementwise.subtract(high, low)
    return elementwise.maximum(low, elementwise.add(elementwise.multiply(unit, span), low))


def _eps(d: DType) -> float:
    return 2.0 ** -_MANTISSA[d.name]


def _tiny(d: DType) -> float:
    return 2.0 ** (-14 if d.name == "float16" else -1022 if d.name == "float64" else -126)


@op
def uniform(keys: Any, /, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0) -> Any:
    """Numbers uniformly distributed in [minval, maxval).

    Args:
        keys: keys of any shape K. shape: how many from each key. dtype: floating; by default the default float.
        minval, maxval: numbers or arrays that broadcast to the result.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022 for another dtype; ShapeError: WF1008, WF1014.

    >>> weft.random.uniform(weft.random.key(0), (2,))
    Array([0.947667 , 0.9785799], dtype=float32)
    """
    keys, d = _keys(keys, "uniform"), _float(dtype, "uniform")
    shape, _ = _parameters("uniform", shape, d, minval, maxval)
    return _between(keys, shape, d, minval, maxval)


def _erf_inv(x: Tracer) -> Tracer:
    """As JAX computes it, which is less accurate near 1 than `weft.erf_inv`: its normal numbers are made so."""
    return emit("erf_inv_coarse", [x])


@op
def normal(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the normal distribution of mean 0 and variance 1.

    Args and errors: as `bits`, with a floating dtype, by default the default float.

    >>> weft.random.normal(weft.random.key(0), (2,))
    Array([1.6226422, 2.0252647], dtype=float32)
    """
    keys, d, shape = _keys(keys, "normal"), _float(dtype, "normal"), check_shape(shape)
    x = _between(keys, shape, d, -(1 - _eps(d) / 2), 1.0)
    return elementwise.multiply(_erf_inv(x), math.sqrt(2))


@op
def truncated_normal(keys: Any, lower: Any, upper: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the standard normal distribution, given that they lie in (lower, upper).

    Args:
        keys: keys of any shape K. lower, upper: numbers or arrays that broadcast to `shape`.
        shape: how many from each key; by default the common shape of lower and upper.
        dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> x = weft.random.truncated_normal(weft.random.key(0), -1, 2, (1000,))
    >>> bool((x > -1).all() & (x < 2).all())
    True
    """
    keys, d = _keys(keys, "truncated_normal"), _float(dtype, "truncated_normal")
    shape, (lower, upper) = _parameters("truncated_normal", shape, d, lower, upper)
    root = convert(math.sqrt(2), d)
    low, high = (elementwise.erf(elementwise.divide(x, root)) for x in (lower, upper))
    x = elementwise.multiply(_erf_inv(_between(keys, shape, d, low, high)), root)
    return elementwise.minimum(
        elementwise.maximum(x, elementwise.nextafter(lower, math.inf)), elementwise.nextafter(upper, -math.inf)
    )


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
    keys = _keys(keys, "bernoulli")
    d = normalize.common_type([p if is_number(p) else as_array(p)]).dtype
    if d.kind != "float":
        raise normalize.unsupported("bernoulli", p, "a probability in floating point")
    shape, (p,) = _parameters("bernoulli", shape, d, p)
    return elementwise.less(_unit(keys, shape, d), p)


@op
def rademacher(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """-1 or 1, each with probability one half.

    Args:
        keys: keys of any shape K. shape: how many from each key. dtype: by default the default integer.

    >>> weft.random.rademacher(weft.random.key(0), (4,))
    Array([-1, -1,  1,  1], dtype=int64)
    """
    keys, d = _keys(keys, "rademacher"), dtypes.default_int() if dtype is None else dtypes.dtype(dtype)
    if d.kind not in ("int", "float"):
        raise normalize.DTypeError("WF1022", f"rademacher gives -1 and 1, which {d.name} does not hold.")
    positive = elementwise.less(_unit(keys, check_shape(shape), dtypes.float32), 0.5)
    return elementwise.where(positive, convert(1, d), convert(-1, d))


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
    keys, d = _keys(keys, "randint"), dtypes.default_int() if dtype is None else dtypes.dtype(dtype)
    if d.kind not in ("int", "uint"):
        raise normalize.DTypeError("WF1022", f"randint gives integers, not {d.name}.")
    wide = d if d.bits >= 32 else dtypes.int32  # the remainder of few bits would not be uniform
    word = dtypes.BY_NAME[f"uint{wide.bits}"]
    least, most = int(dtypes.iinfo(d).min), int(dtypes.iinfo(d).max)
    beyond = wide is d and _exceeds(maxval, most)  # then the last integer of the dtype is one of them
    low = _bound(minval, wide, least, most)
    high = _bound(maxval, wide, least, most if wide is d else most + 1)
    shape, _ = _parameters("randint", shape, wide, low, high)
    span = cast(elementwise.subtract(high, low), word)
    if beyond is not False:
        span = elementwise.add(span, cast(beyond, word))
    span = elementwise.where(elementwise.greater(high, low), span, convert(1, word))
    first, second = (_bits(k, shape, word) for k in (fold_in(keys, 0), fold_in(keys, 1)))
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


@op
def exponential(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the exponential distribution of rate 1.

    Args and errors: as `normal`.

    >>> weft.random.exponential(weft.random.key(0), (2,))
    Array([2.950128 , 3.8434246], dtype=float32)
    """
    keys, d = _keys(keys, "exponential"), _float(dtype, "exponential")
    u = _unit(keys, check_shape(shape), d)
    return elementwise.negative(elementwise.log1p(elementwise.negative(u)))


@op
def gumbel(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the Gumbel distribution of location 0 and scale 1.

    Args and errors: as `normal`.

    >>> weft.random.gumbel(weft.random.key(0), (2,))
    Array([2.9233725, 3.8326175], dtype=float32)
    """
    keys, d = _keys(keys, "gumbel"), _float(dtype, "gumbel")
    u = _between(keys, check_shape(shape), d, _tiny(d), 1.0)
    return elementwise.negative(elementwise.log(elementwise.negative(elementwise.log(u))))


@op
def laplace(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the Laplace distribution of location 0 and scale 1.

    Args and errors: as `normal`.

    >>> weft.random.laplace(weft.random.key(0), (2,))
    Array([-2.2569816, -3.1502788], dtype=float32)
    """
    keys, d = _keys(keys, "laplace"), _float(dtype, "laplace")
    u = _between(keys, check_shape(shape), d, -1 + _eps(d) / 2, 1.0)
    return elementwise.multiply(elementwise.sign(u), elementwise.log1p(elementwise.negative(elementwise.abs(u))))


@op
def logistic(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the logistic distribution of location 0 and scale 1.

    Args and errors: as `normal`.

    >>> weft.random.logistic(weft.random.key(0), (2,))
    Array([2.896376 , 3.8217716], dtype=float32)
    """
    keys, d = _keys(keys, "logistic"), _float(dtype, "logistic")
    u = _between(keys, check_shape(shape), d, _tiny(d), 1.0)
    return elementwise.subtract(elementwise.log(u), elementwise.log1p(elementwise.negative(u)))


@op
def cauchy(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the Cauchy distribution of location 0 and scale 1.

    Args and errors: as `normal`.

    >>> weft.random.cauchy(weft.random.key(0), (2,))
    Array([ 6.0274944, 14.837895 ], dtype=float32)
    """
    keys, d = _keys(keys, "cauchy"), _float(dtype, "cauchy")
    u = _between(keys, check_shape(shape), d, _eps(d), 1.0)
    return elementwise.tan(elementwise.multiply(elementwise.subtract(u, 0.5), math.pi))


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
    keys, logits = _keys(keys, "categorical"), normalize.array(logits)
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
        order = indexing.take_along_axis(order, sorting.argsort(_bits(now, (n,), dtypes.uint32)), axis=-1)
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
    keys, (x, axis, n) = _keys(keys, "permutation"), _count("permutation", x, axis)
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
    keys, (x, axis, n), shape = _keys(keys, "choice"), _count("choice", x, axis), check_shape(shape)
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


# ------------------------------------------------------------------------------------------------- by rejection
#
# Loops until a candidate is accepted. Their numbers do not vary smoothly with the parameters: no derivative in them.


def _gamma_one(key_: Any, alpha: Any, log: bool) -> Any:
    """One number of the gamma distribution, or its logarithm, from that of alpha + 1 where alpha is below 1
    (G. Marsaglia and W. Tsang, "A simple method for generating gamma variables", 2000)."""
    d_ = alpha.dtype
    large = alpha >= 1
    d = elementwise.where(large, alpha, alpha + 1) - 1 / 3
    c = convert(1 / 3, d_) / elementwise.sqrt(d)
    loop, last = fold_in(key_, 0), fold_in(key_, 1)

    def candidate(state: tuple) -> tuple:
        first = fold_in(state[0], 0)
        return first, *_cube_root(fold_in(state[0], 1)), uniform(fold_in(state[0], 2), dtype=d_)

    def _cube_root(k: Any) -> tuple:
        def draw(s: tuple) -> tuple:
            x = normal(fold_in(s[0], 1), dtype=d_)
            return fold_in(s[0], 0), x, 1 + x * c

        _, x, v = while_loop(lambda s: s[2] <= 0, draw, (k, convert(0, d_), convert(-1, d_)))
        return x * x, v * v * v

    def rejected(state: tuple) -> Any:
        _, x2, v, u = state
        return (u >= 1 - 0.0331 * (x2 * x2)) & (elementwise.log(u) >= x2 / 2 + d * (1 - v + elementwise.log(v)))

    v = while_loop(rejected, candidate, (loop, convert(0, d_), convert(1, d_), convert(2, d_)))[2]
    if log:
        small = -exponential(last, dtype=d_)
        shift = elementwise.where(large | (small == 0), convert(0, d_), small / alpha)
        return elementwise.log(d) + elementwise.log(v) + shift
    boost = elementwise.where(large, convert(1, d_), (1 - uniform(last, dtype=d_)) ** (1 / alpha))
    return d * v * boost


def _gamma(name: str, keys: Any, a: Any, shape: Any, dtype: Any, log: bool) -> Tracer:
    keys, d = _keys(keys, name), _float(dtype, name)
    shape, (a,) = _parameters(name, shape, d, a)
    full = (*keys.shape, *shape)
    n = normalize.count(full)
    wide = dtypes.float32 if d.bits == 16 else d
    a = cast(normalize.reshape(normalize.broadcast(a, full), (n,)), wide)
    each = normalize.reshape(split(keys, shape), (n,)) if shape else normalize.reshape(fold_in(keys, 0), (n,))
    made = vmap(lambda k, x: _gamma_one(k, x, log))(each, stop_gradient(a))
    return cast(normalize.reshape(made, full), d)


@op(arrays=2)
def gamma(keys: Any, a: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the gamma distribution of shape parameter `a` and scale 1.

    Args:
        keys: keys of any shape K. a: positive numbers, broadcasting to `shape`; others give NaN.
        shape: how many from each key; by default the shape of `a`.
        dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape. It has no derivative in `a`.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.gamma(weft.random.key(0), 2.0, (3,)).shape
    (3,)
    """
    return _gamma("gamma", keys, a, shape, dtype, log=False)


@op(arrays=2)
def loggamma(keys: Any, a: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """The logarithms of numbers of the gamma distribution: for small `a` the numbers themselves are 0 in floats.

    Args and errors: as `gamma`.

    >>> bool(weft.isfinite(weft.random.loggamma(weft.random.key(0), 1e-4, (100,))).all())
    True
    """
    return _gamma("loggamma", keys, a, shape, dtype, log=True)


@op(arrays=3)
def beta(keys: Any, a: Any, b: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the beta distribution of parameters `a` and `b`.

    Args and errors: as `gamma`; `a` and `b` broadcast to `shape`.

    >>> weft.random.beta(weft.random.key(0), 2.0, 3.0, (4,)).shape
    (4,)
    """
    keys, d = _keys(keys, "beta"), _float(dtype, "beta")
    shape, (a, b) = _parameters("beta", shape, d, a, b)
    x, y = loggamma(fold_in(keys, 0), a, shape, d), loggamma(fold_in(keys, 1), b, shape, d)
    top = elementwise.maximum(x, y)
    x, y = elementwise.exp(x - top), elementwise.exp(y - top)
    return x / (x + y)


@op(arrays=2)
def dirichlet(keys: Any, alpha: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Vectors of the Dirichlet distribution: positive, of sum 1.

    Args:
        keys: keys of any shape K. alpha: positive numbers; the last axis is that of the vectors.
        shape: how many vectors from each key; by default the other axes of `alpha`, which broadcast to it.
        dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape + alpha.shape[-1:]. It has no derivative in `alpha`.

    Raises:
        DTypeError: WF1022; ShapeError: WF1008, WF1011, WF1014.

    >>> x = weft.random.dirichlet(weft.random.key(0), weft.asarray([1.0, 2.0, 3.0]), (5,))
    >>> x.shape, bool((abs(x.sum(axis=1) - 1) < 1e-6).all())
    ((5, 3), True)
    """
    keys, d, alpha = _keys(keys, "dirichlet"), _float(dtype, "dirichlet"), normalize.array(alpha)
    if not alpha.shape:
        raise normalize.ShapeError("WF1011", "dirichlet: alpha has an axis for the vectors, got a number.")
    shape = alpha.shape[:-1] if shape is None else check_shape(shape)
    x = loggamma(keys, alpha, (*shape, alpha.shape[-1]), d)
    weights = elementwise.exp(x - reduction.max(x, axis=-1, keepdims=True))
    return weights / reduction.sum(weights, axis=-1, keepdims=True)


def _log_factorial(k: Tracer) -> Tracer:
    """log(k!) by Stirling's series, from 8 on; below by the product up to there."""
    x = k + 1
    low = x < 8
    near, z, product = elementwise.minimum(x, 8.0), elementwise.where(low, x + 7, x), None
    for i in range(7):
        product = near + i if product is None else product * (near + i)
    r = 1 / z
    series = r * (1 / 12 - r * r * (1 / 360 - r * r / 1260))
    sum_ = (z - 0.5) * elementwise.log(z) - z + math.log(2 * math.pi) / 2 + series
    return elementwise.where(low, sum_ - elementwise.log(product), sum_)


@op(arrays=2)
def poisson(keys: Any, lam: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Integers of the Poisson distribution of mean `lam`.

    Args:
        keys: keys of any shape K. lam: means, 0 or more, broadcasting to `shape`; others give -1.
        shape: how many from each key; by default the shape of `lam`. dtype: by default the default integer.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.poisson(weft.random.key(0), 4.0, (3,)).shape
    (3,)
    """
    keys, d = _keys(keys, "poisson"), dtypes.default_int() if dtype is None else dtypes.dtype(dtype)
    if d.kind not in ("int", "float"):
        raise normalize.DTypeError("WF1022", f"poisson gives integers, and -1 for no answer, not {d.name}.")
    shape, (lam,) = _parameters("poisson", shape, dtypes.float32, lam)
    full = (*keys.shape, *shape)
    lam = stop_gradient(normalize.broadcast(lam, full))
    few = elementwise.bitwise_invert(lam >= 10)
    counted = _poisson_few(fold_in(keys, 0), elementwise.where(few, lam, 0.0), shape)
    drawn = _poisson_many(fold_in(keys, 1), elementwise.where(few | (lam == math.inf), 1e5, lam), shape)
    result = elementwise.where(few, counted, drawn)
    return cast(elementwise.where((lam >= 0) & (lam < math.inf), result, -1.0), d)


def _poisson_few(keys: Tracer, lam: Tracer, shape: tuple) -> Tracer:
    """How many uniform numbers can be multiplied before the product is below exp(-lam) (D. Knuth, "Seminumerical
    algorithms", 3.4.1)."""

    def multiply(state: tuple) -> tuple:
        k, count, log = state
        more = log > -lam
        return (
            fold_in(k, 0),
            elementwise.where(more, count + 1, count),
            log + elementwise.log(_unit(fold_in(k, 1), shape, dtypes.float32)),
        )

    zero = elementwise.multiply(lam, 0.0)
    count = while_loop(lambda s: (s[2] > -lam).any(), multiply, (keys, zero, zero))[1]
    return elementwise.maximum(count - 1, 0.0)


def _poisson_many(keys: Tracer, lam: Tracer, shape: tuple) -> Tracer:
    """Transformed rejection (W. Hormann, "The transformed rejection method for generating Poisson random variables",
    1993)."""
    log = elementwise.log(lam)
    b = 0.931 + 2.53 * elementwise.sqrt(lam)
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)

    def draw(state: tuple) -> tuple:
        key_, made, done = state
        u = _unit(fold_in(key_, 1), shape, dtypes.float32) - 0.5
        v = _unit(fold_in(key_, 2), shape, dtypes.float32)
        us = 0.5 - elementwise.abs(u)
        k = elementwise.floor((2 * a / us + b) * u + lam + 0.43)
        s = elementwise.log(v * inverse / (a / (us * us) + b))
        t = -lam + k * log - _log_factorial(elementwise.maximum(k, 0.0))
        bad = (k < 0) | ((us < 0.013) & (v > us))
        taken = ((us >= 0.07) & (v <= v_r)) | (elementwise.bitwise_invert(bad) & (s <= t))
        return fold_in(key_, 0), elementwise.where(taken & elementwise.bitwise_invert(done), k, made), done | taken

    start = (keys, elementwise.multiply(lam, 0.0), lam < 0)
    return while_loop(lambda s: elementwise.bitwise_invert(s[2]).any(), draw, start)[1]
