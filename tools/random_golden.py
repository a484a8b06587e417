#!/usr/bin/env python3
"""Writes random numbers of JAX that Weft's are held to (test/python/random_golden.json); needs JAX, the tests do not.

Decides which functions, shapes and dtypes are compared. Numbers are stored as the integers that their bits are.

    python tools/random_golden.py > test/python/random_golden.json
"""

import itertools
import json

import jax
import numpy as np

assert jax.config.jax_threefry_partitionable


def cases():
    """Function, seed, arguments after the key, keyword arguments, whether JAX needs its 64-bit mode for it."""
    for seed in (0, 1, 42, 2**31 - 1):
        yield "key_data", seed, [], {}, False
        yield "split", seed, [5], {}, False
        yield "split", seed, [[2, 3]], {}, False
        for n in (0, 1, 77, 2**32 - 1):
            yield "fold_in", seed, [n], {}, False
    for seed in (-1, 2**40 + 5, 2**63 - 1):
        yield "key_data", seed, [], {}, True
    for shape, (bits, wide) in itertools.product(
        ([], [1], [7], [3, 5], [2, 1, 9], [0, 4]), (("uint8", 0), ("uint16", 0), ("uint32", 0), ("uint64", 1))
    ):
        yield "bits", 3, [shape], {"dtype": bits}, bool(wide)
    for dtype, shape in itertools.product(("float16", "bfloat16", "float32", "float64"), ([], [33], [5, 7])):
        wide = dtype == "float64"
        yield "uniform", 5, [shape], {"dtype": dtype}, wide
        yield "uniform", 6, [shape], {"dtype": dtype, "minval": -1.0, "maxval": 3.0}, wide
        for name in ("normal", "exponential", "gumbel", "laplace", "logistic", "cauchy"):
            yield name, 7, [shape], {"dtype": dtype}, wide
    yield "normal", 8, [[4000]], {"dtype": "float32"}, False
    yield "normal", 9, [[2000]], {"dtype": "float64"}, True
    yield "truncated_normal", 10, [-1.0, 2.0, [50]], {"dtype": "float32"}, False
    yield "truncated_normal", 10, [-0.5, 0.5, [50]], {"dtype": "float64"}, True
    yield "bernoulli", 11, [0.3, [40]], {}, False
    yield "bernoulli", 12, [0.5, [4, 6]], {}, False
    yield "rademacher", 13, [[20]], {"dtype": "int32"}, False
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
        wide = dtype.endswith("64")
        info = np.iinfo(dtype)
        for low, high in ((0, 10), (5, 5), (7, 3), (3, 100), (0, 128)):
            yield "randint", 14, [[12], low, high], {"dtype": dtype}, wide
        if dtype in ("int8", "uint8", "int32"):
            yield "randint", 15, [[12], int(info.min), int(info.max)], {"dtype": dtype}, wide
            if dtype != "int32":
                yield "randint", 15, [[12], int(info.min), int(info.max) + 1], {"dtype": dtype}, wide
    yield "randint", 16, [[12], -(2**62), 2**62], {"dtype": "int64"}, True
    for n in (0, 1, 2, 10, 1000):
        yield "permutation", 17, [n], {}, False
    yield "choice", 18, [10, [7]], {}, False
    yield "choice", 18, [10, [4]], {"replace": False}, False
    yield "categorical", 19, [[0.1, 2.0, -1.0, 0.5]], {"shape": [30]}, False
    yield "categorical", 20, [[[0.1, 2.0, -1.0], [0.0, 0.0, 3.0]]], {"axis": 1}, False


def run(name, seed, args, kwargs, wide):
    """One case as the file has it."""
    with jax.enable_x64(wide):
        key = jax.random.key(seed)
        given = {k: tuple(v) if k == "shape" else v for k, v in kwargs.items()}
        if name == "categorical":
            args_ = [np.asarray(args[0], np.float32)]
        else:
            args_ = [tuple(a) if isinstance(a, list) else a for a in args]
            args_ = [np.uint32(a) if name == "fold_in" else a for a in args_]
        value = getattr(jax.random, name)(key, *args_, **given)
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            value = jax.random.key_data(value)
        value = np.asarray(value)
    bits = value.view(f"u{value.dtype.itemsize}")
    return {
        "name": name, "seed": seed, "args": args, "kwargs": kwargs, "dtype": str(value.dtype),
        "shape": list(value.shape), "bits": bits.reshape(-1).tolist(),
    }  # fmt: skip


made = [run(*case) for case in cases()]
print(json.dumps({"jax": jax.__version__, "command": "python tools/random_golden.py"})[:-1] + ', "cases": [')
print(",\n".join(json.dumps(case) for case in made) + "\n]}")
