"""How a row is written: the arguments a function is given, how far results may be apart, who arbitrates.

Decides the rule by which arguments are drawn: uniformly, of the stated shape and domain, in each of the row's dtypes
(the first variant) or the first one (the other variants).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

FLOATS = ("float32", "float64", "bfloat16", "float16")
WIDE = ("float32", "float64")
INTS = ("int32", "int64", "uint8")
NUMBERS = (*FLOATS, *INTS)
ANY = (*NUMBERS, "bool")
SOME_NUMBERS = ("float32", "float64", "bfloat16", "int32")
SOME = (*SOME_NUMBERS, "bool")


class Draw(NamedTuple):
    """How an argument is drawn: uniformly in [low, high). dtype: its own, whatever the case's is. distinct: no ties.
    positive_definite: a square matrix times its transpose, with a dominant diagonal."""

    shape: tuple
    low: float = -4.0
    high: float = 4.0
    dtype: str | None = None
    distinct: bool = False
    positive_definite: bool = False


class Variant(NamedTuple):
    """One way to call a function: arguments (None: a key), keyword arguments, or functions where the names differ.
    by: one function for both, of the library and the arguments."""

    draws: tuple
    kwargs: dict
    weft: Callable[..., Any] | None = None
    jax: Callable[..., Any] | None = None
    by: Callable[..., Any] | None = None
    dtypes: tuple | None = None


class Row(NamedTuple):
    """A function.

    Attributes:
        name: in Weft; also in JAX (jax.numpy, jax, jax.lax), unless the variants have functions of their own.
        dtypes: that are tried. bound: how far the two may be apart, in ULP. exact_bound: how far from the right answer.
        elementwise: errors are measured element by element, and awkward numbers are tried.
        exact: mpmath's function, of numbers. slopes: its partial derivatives, where differences cannot tell (ties,
            poles, infinities); one may abstain with None. numpy: NumPy's, of arrays in longdouble (or integers).
        diff: whether gradients are compared. vmap: whether batches are.
        decided: differences that are meant: "part dtype case" (a pattern) to the reason.
    """

    name: str
    variants: tuple
    dtypes: tuple = FLOATS
    bound: float = 4.0
    exact_bound: float = 2.0
    gradient_bound: float = 16.0
    elementwise: bool = False
    edges: bool = True
    exact: Callable[..., Any] | None = None
    slopes: tuple = ()
    numpy: Callable[..., Any] | None = None
    diff: bool = True
    vmap: bool = True
    decided: dict = {}


def f(*shape: int, low: float = -4.0, high: float = 4.0, **more: Any) -> Draw:
    """An argument of the case's dtype."""
    return Draw(shape, low, high, **more)


def i(*shape: int, low: int = 0, high: int = 3, dtype: str = "int64") -> Draw:
    """Integers from low to high."""
    return Draw(shape, low, high, dtype)


def b(*shape: int) -> Draw:
    """Truth values."""
    return Draw(shape, dtype="bool")


KEY = None


def v(*draws: Any, weft: Any = None, jax: Any = None, by: Any = None, dtypes: Any = None, **kwargs: Any) -> Variant:
    """A variant."""
    return Variant(draws, kwargs, weft, jax, by, dtypes)


def row(name: str, *variants: Variant, **more: Any) -> Row:
    """A row of a function that is not elementwise: bounds are in ULP of the largest element."""
    more.setdefault("exact_bound", more.get("bound", 4.0))
    return Row(name, variants, **more)


def each(name: str, arity: int = 1, low: Any = -4.0, high: Any = 4.0, dtypes: tuple = FLOATS, **more: Any) -> Row:
    """A row of an elementwise function: a sample of odd shape, a broadcast pair, nothing, one number, the edges."""
    lows = low if isinstance(low, tuple) else (low,) * arity
    highs = high if isinstance(high, tuple) else (high,) * arity
    shapes = [[(7, 43)], [(0, 3)], [()]] if arity == 1 else [[(7, 43)] * arity, [(3, 1), (1, 5), (3, 5)][:arity]]
    shapes += [] if arity == 1 else [[(0, 3), (1, 3), (3,)][:arity], [()] * arity]
    by = more.pop("by", None)
    weft, jax = more.pop("weft", None), more.pop("jax", None)
    made = [
        v(*[Draw(s, a, z) for s, a, z in zip(ss, lows, highs, strict=True)], by=by, weft=weft, jax=jax) for ss in shapes
    ]
    more.setdefault("exact", getattr(mp, name, None))
    more.setdefault("numpy", getattr(np, name, None))
    return Row(name, tuple(made), dtypes, elementwise=True, **more)
