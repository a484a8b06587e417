"""The arguments that a row's function is given.

Decides their numbers: drawn by the row's rule from a generator that its name seeds, and for elementwise functions all
pairs of awkward numbers.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from language import Draw, Row, Variant

BATCH = 3
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, math.inf, -math.inf, math.nan]


@dataclass
class Key:
    """An argument that is a key: each library makes its own."""

    seed: int
    batch: int = 0


class Case(NamedTuple):
    """One call of a row's function. awkward: whether the arguments are the edges, the finite ones first."""

    where: str
    variant: Variant
    dtype: str
    args: list
    awkward: bool

    @property
    def floats(self) -> list[int]:
        """Which arguments are floating-point arrays."""
        return [i for i, a in enumerate(self.args) if isinstance(a, np.ndarray) and is_float(a)]

    def parts(self) -> list[tuple[str, slice]]:
        """What findings are made of: awkward numbers are looked at apart, the finite ones first."""
        if not self.awkward:
            return [(self.where, slice(None))]
        n = int(_finite(self.args).sum())
        return [(self.where, slice(0, n)), (self.where.replace("edges", "infinities"), slice(n, None))]

    def at(self, part: slice) -> list:
        """The arguments of a part."""
        return [x[part] for x in self.args] if self.awkward else self.args


def is_float(x: np.ndarray) -> bool:
    return x.dtype.kind not in "biu"


def drawn(draw: Draw, dtype: str, rng: np.random.Generator, batch: tuple = ()) -> np.ndarray:
    """An argument: of the case's dtype unless the draw has its own."""
    d = np.dtype(draw.dtype or dtype)
    shape = (*batch, *draw.shape)
    if d.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    low, high = draw.low, draw.high
    if d.kind in "iu":
        low = max(low, 0) if d.kind == "u" else low
        return rng.integers(math.ceil(low), max(math.ceil(low) + 1, math.floor(high) + 1), shape).astype(d)
    if draw.distinct:  # apart from each other, in a random order: where ties would be a matter of taste
        n = math.prod(shape)
        return (rng.permutation(n) / max(n, 1) * (high - low) + low).reshape(shape).astype(d)
    made = rng.uniform(low, high, shape)
    if draw.positive_definite:
        made = made @ np.swapaxes(made, -1, -2) + draw.shape[-1] * np.eye(draw.shape[-1])
    return made.astype(d)


def edges(arity: int, dtype: str) -> list[np.ndarray]:
    """All pairs (triples) of awkward numbers, those first where none is infinite or NaN."""
    d = np.dtype(dtype)
    if d.kind == "b":
        values = np.array([False, True])
    elif d.kind in "iu":
        info = np.iinfo(d)
        values = np.array(
            sorted({0, 1, 2, 7, info.max, info.min, info.min // 2, *([-1, -3] if d.kind == "i" else [])}), d
        )
    else:
        info = ml_dtypes.finfo(d)
        more = [float(info.max), -float(info.max), float(info.smallest_normal), float(info.smallest_subnormal)]
        values = np.array([*EDGES, *more]).astype(d)
    grid = np.meshgrid(*[np.arange(len(values))] * arity, indexing="ij")
    made = [values[g.reshape(-1)] for g in grid]
    order = np.argsort(~_finite(made), kind="stable")
    return [x[order] for x in made]


def _finite(args: list[np.ndarray]) -> np.ndarray:
    return np.all([np.isfinite(x.astype(np.float64)) for x in args], axis=0)


def cases(row: Row) -> Iterator[Case]:
    """All calls of a row: its variants, then the edges."""
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))
    for number, v in enumerate(row.variants):
        for dtype in v.dtypes or row.dtypes[: None if number == 0 else 1]:
            args: list[Any] = [
                Key(rng.integers(1 << 31).item()) if d is None else drawn(d, dtype, rng) for d in v.draws
            ]
            yield Case(f"{dtype} {number}", v, dtype, args, False)
    if row.elementwise and row.edges:
        v = row.variants[0]
        for dtype in row.dtypes:
            yield Case(f"{dtype} edges", v, dtype, edges(len(v.draws), dtype), True)


def batch(row: Row, case: Case) -> list:
    """Arguments as those of a case, with a first axis of batches."""
    rng = np.random.default_rng(zlib.crc32(b"vmap" + row.name.encode()))
    return [
        Key(a.seed, BATCH) if isinstance(a, Key) else drawn(d, case.dtype, rng, (BATCH,))
        for a, d in zip(case.args, case.variant.draws, strict=True)
    ]
