"""Random numbers from explicit keys.

Decides that the numbers are those of JAX with `jax_threefry_partitionable` (Threefry-2x32): bits, and what is made of
them by comparison and arithmetic of integers, bit for bit; what goes through a logarithm or an inverse within a few
units in the last place; what is drawn by rejection is of the same distribution. A key is a value like any other: it is
passed, sliced, carried and returned. The same key gives the same numbers wherever and in whatever batch it is used, so
a program uses each key once, and makes new ones by `split` and `fold_in`.

Every function takes an array of keys of any shape K and gives K + shape: element i is what keys[i] gives.
"""

from weft.random import continuous, discrete, keys, rejection
from weft.random.continuous import *  # noqa: F403
from weft.random.discrete import *  # noqa: F403
from weft.random.keys import *  # noqa: F403
from weft.random.rejection import *  # noqa: F403

__all__ = sorted(name for part in (continuous, discrete, keys, rejection) for name in part.__all__)
