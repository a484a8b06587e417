"""The two libraries, under one set of names.

Decides how a row's function is called in each: values, what cotangents pull back, batches; and that results are flat
lists of NumPy arrays.
"""

from __future__ import annotations

from typing import Any

import jax
import ml_dtypes
import numpy as np
import weft as wf
from arguments import Key
from language import Row, Variant


class _Jax:
    """JAX under the names that Weft has: `jax.numpy`, then `jax`, then `jax.lax`."""

    nn, random, linalg = jax.nn, jax.random, jax.numpy.linalg
    tree = jax.tree

    def __getattr__(self, name: str) -> Any:
        for home in (jax.numpy, jax, jax.lax):
            if hasattr(home, name):
                return getattr(home, name)
        raise AttributeError(name)


JAX = _Jax()


def _named(home: Any, path: str) -> Any:
    for part in path.split("."):
        home = getattr(home, part)
    return home


def as_numpy(x: Any) -> np.ndarray:
    if hasattr(x, "__array_namespace__") and str(x.dtype) == "bfloat16" and not isinstance(x, jax.Array):
        return np.asarray(wf.astype(x, wf.float32)).astype(ml_dtypes.bfloat16)
    if str(getattr(x, "dtype", "")).startswith("key"):
        return np.asarray((jax.random if isinstance(x, jax.Array) else wf.random).key_data(x))
    return np.asarray(x)


def leaves(x: Any) -> list[np.ndarray]:
    if x is None:
        return []
    if isinstance(x, (list, tuple)):
        return [leaf for y in x for leaf in leaves(y)]
    if isinstance(x, dict):
        return [leaf for k in sorted(x) for leaf in leaves(x[k])]
    return [as_numpy(x)]


class Side:
    """One of the two libraries."""

    def __init__(self, name: str, home: Any, function: Any, kwargs: dict):
        self.name, self.home, self._function, self._kwargs = name, home, function, kwargs

    def given(self, x: Any) -> Any:
        if isinstance(x, Key):
            keys = self.home.random.key(x.seed)
            return keys if not x.batch else self.home.random.split(keys, x.batch)
        return self.home.asarray(x)

    def call(self, *xs: Any) -> Any:
        return self._function(*xs, **self._kwargs)

    def values(self, args: list) -> list[np.ndarray]:
        return leaves(self.call(*map(self.given, args)))

    def batch(self, args: list) -> list[np.ndarray]:
        return leaves(self.home.vmap(self.call)(*map(self.given, args)))

    def gradient(self, args: list, cotangents: list, at: list[int]) -> list[np.ndarray]:
        """What the cotangents of the floating results pull back to the arguments `at`."""
        fixed = list(map(self.given, args))

        def of(*xs: Any) -> list:
            full = list(fixed)
            for i, x in zip(at, xs, strict=True):
                full[i] = x
            return [y for y in flat(self.call(*full)) if str(y.dtype).lstrip("bf") in ("loat16", "loat32", "loat64")]

        def run(xs: list, cts: list) -> Any:
            return self.home.vjp(of, *xs)[1](list(cts))

        return leaves(self.home.jit(run)([fixed[i] for i in at], [self.given(c) for c in cotangents]))


def flat(x: Any) -> list:
    if x is None:
        return []
    if isinstance(x, (list, tuple)):
        return [leaf for y in x for leaf in flat(y)]
    if isinstance(x, dict):
        return [leaf for k in sorted(x) for leaf in flat(x[k])]
    return [x]


def sides(row: Row, v: Variant) -> tuple[Side, Side]:
    """Weft's function and JAX's."""
    made = []
    for name, home, own in (("weft", wf, v.weft), ("jax", JAX, v.jax)):
        if v.by is not None:
            f, kwargs = (lambda *xs, home=home: v.by(home, *xs)), {}
        elif own is not None:
            f, kwargs = own, {}
        else:
            f, kwargs = _named(home, row.name), v.kwargs
        made.append(Side(name, home, f, kwargs))
    return made[0], made[1]


def attempt(f: Any, *args: Any) -> tuple[Any, str]:
    """What a call gives, or what it is refused with."""
    try:
        return f(*args), ""
    except Exception as e:
        lines = str(e).strip().splitlines()
        return None, f"{type(e).__name__}: {lines[0][:150] if lines else ''}"
