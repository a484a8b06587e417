"""Keys: how they are made, stored and split; and their bits.

Decides that a key is two words of 32 bits, and that `split` is `fold_in` of the numbers from 0.
"""

from __future__ import annotations

from typing import Any

from weft._src import dtypes, normalize
from weft._src.dispatch import op
from weft._src.normalize import check_shape, convert
from weft._src.trace import Tracer, cast, emit
from weft.ops import elementwise, movement
from weft.ops.creation import iota
from weft.random.common import bits_of, keys_of, repeated

__all__ = ["bits", "fold_in", "key", "key_data", "split", "wrap_key_data"]


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
    return emit("key_data", [keys_of(keys, "key_data")])


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
    keys = keys_of(keys, "fold_in")
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
    keys, shape = keys_of(keys, "split"), check_shape(num)
    copies = repeated(keys, shape)
    number, n = None, 1
    for d in range(len(shape) - 1, -1, -1):  # the row-major number, mod 2^32
        part = iota(copies.shape, len(keys.shape) + d, dtypes.uint32)
        if not normalize.is_one(n):
            part = elementwise.multiply(part, normalize.size_value(n, dtypes.uint32))
        number = part if number is None else elementwise.add(number, part)
        n = n * shape[d]
    if number is None:
        number = normalize.broadcast(convert(0, dtypes.uint32), copies.shape)
    return emit("fold_in", [copies, number])


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
    return bits_of(keys_of(keys, "bits"), check_shape(shape), d)
