"""Sizes that depend on data: a number that the program finds becomes a size of what is traced after it.

Decides which numbers are one size (those that are computed alike), and what an error says about such a size.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from weft._src import dims, errors, source, trace
from weft._src._op_table import OPS


class DataSize(NamedTuple):
    """Where a size comes from that depends on data: what found it, the scope in which it has a value, the place."""

    what: str
    scope: trace.Scope
    where: source.Frame | None

    def __str__(self) -> str:
        return self.what + (f" at {self.where.short()}" if self.where is not None else "")


def as_size(number: trace.Tracer, what: str) -> Any:
    """A traced number of elements as a size, in all that is traced from here to the end of the function or region: it
    goes into a region in which the number is a size (`weft.sized`).

    Args:
        number: an int64 without dimensions, 0 or more. what: the op that found it, for errors.

    Returns:
        A Dim, of the same name for numbers that are computed alike; an int where the number is known while tracing.

    >>> from weft._src import dtypes
    >>> t = trace.trace_program(
    ...     lambda n: trace.emit("iota", [], results=[((as_size(n, "n"),), dtypes.int8)], dim=0),
    ...     [trace.Spec((), dtypes.int64)],
    ... )
    >>> [str(r) for r in t.results]
    ['i8[_n1]']
    """
    scope = trace.current()
    assert scope is not None
    known = trace.known_value(number)
    if known is not None:
        return int(known)
    formula = _formula(scope, scope.lift(number).value, [64])
    at: trace.Scope | None = scope
    while at is not None:
        if formula in at.sizes:
            return at.sizes[formula]
        at = at.parent
    symbol = trace.fresh_size("_n")
    inner = trace.go_into_rest(number, symbol)
    inner.sizes[formula] = dims.Dim(symbol)
    inner.trace.data_sizes[symbol] = DataSize(what, inner, source.capture().innermost)
    return inner.sizes[formula]


def depends_on_data(size: Any) -> bool:
    """Whether a size is known only when the program has found it."""
    if not isinstance(size, dims.Dim):
        return False
    scope = trace.current()
    return scope is not None and any(name in scope.trace.data_sizes for name in size.symbols)


def _formula(scope: trace.Scope, value: Any, left: list[int]) -> Any:
    """How a value is computed, as a key: what has equal keys is equal. After `left` ops a value is a key of its own."""
    while (outer := scope._outer.get(value)) is not None:
        scope, value = outer.scope, outer.value
    left[0] -= 1
    if value.is_argument or left[0] < 0:
        return value
    op = value.owner
    if "Pure" not in OPS[op.name.removeprefix("weft.")].traits or op.regions:
        return value
    operands = tuple(_formula(scope, x, left) for x in op.operands)
    return op.name, value.index, value.describe(), frozenset(op.attributes.items()), operands


def _told_sizes(message: str) -> str:
    """Where the sizes that depend on data come from that an error speaks of."""
    scope = trace.current()
    names = scope.trace.data_sizes if scope is not None else {}
    found = sorted(set(re.findall(r"\b_n\d+\b", message))) if names else []
    return "".join(f" ({name}: {names[name]})" for name in found if name in names)


errors.annotated = _told_sizes
