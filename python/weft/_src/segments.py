"""Loops in segments: what the gradient keeps of a loop, by a schedule.

Decides how `checkpoint=` of `scan`, `fori_loop` and `while_loop` is said, and what it becomes: a loop over segments of
so many trips, each of which keeps nothing for the gradient but what it starts from. A segment may be in segments again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._src import control, leaves
from weft._src.checkpoint import checkpoint
from weft._src.control import Schedule
from weft._src.dims import Dim
from weft._src.errors import WrongArgumentError
from weft._src.trace import Spec, Tracer, as_tracer, emit


def schedule(given: Any) -> Schedule:
    """What `checkpoint=` says.

    Raises:
        WrongArgumentError: WF1032 for what is no positive int, and no such ints, each less than the one before.
    """
    if given is None:
        return ()
    made = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if not made or any(type(n) is not int or n < 1 for n in made) or sorted({*made}, reverse=True) != [*made]:
        raise WrongArgumentError(
            "WF1032", f"checkpoint is a positive int, or such ints from large to small, not {given!r}."
        )
    return made


def _kept_as(carries: Sequence[Spec], carry: Any) -> Any:
    """A carry whose numbers bend where they do in the loop: what a checkpoint is given does not."""
    found, tree = leaves.flatten(carry)
    weak = [Tracer(x.scope, x.value, x.shape, x.dtype, c.weak) for x, c in zip(found, carries, strict=True)]
    return tree.unflatten(weak)


def while_loop(
    max_trips: Any, every: Schedule, cond: Callable[..., Any], body: Callable[..., Any], init: Any,
    carries: Sequence[Spec],
) -> Any:  # fmt: skip
    """A `while` in segments; their number is bounded where that of the trips is, which are counted then.

    Args:
        init: the carry, whose dtypes are settled. carries: what it is inside.
    """
    size, rest = every[0], every[1:]
    if max_trips is None:
        segment = checkpoint(lambda carry: control._while_loop(size, cond, body, _kept_as(carries, carry), rest))
        return control._while_loop(None, cond, segment, init)

    def further(carry: Any) -> Any:
        return emit("and", [control._holds(cond(carry[0])), emit("lt", [carry[1], control._size(max_trips)])])

    def step(carry: Any) -> Any:
        return body(carry[0]), emit("add", [carry[1], control._size(1)])

    @checkpoint
    def bounded(carry: Any, trips: Tracer) -> Any:
        return control._while_loop(size, further, step, (_kept_as(carries, carry), trips), rest)

    segments = (max_trips + size - 1) // size
    return control._while_loop(segments, further, lambda c: bounded(*c), (init, control._size(0)))[0]


def counted(
    step: Callable[..., Any], f: Callable[..., Any], count: Any, reverse: bool, init: Any, carries: Sequence[Spec],
    xs: Any, unroll: int, every: Schedule,
) -> tuple[Any, Any]:  # fmt: skip
    """A counted loop in segments, and the trips that fill none as a loop of their own, at the end of the rows."""
    size, inner = every[0], every[1:]
    count = Dim(count) if isinstance(count, str) else count
    trips = count // size
    whole = trips * size
    left = count - whole
    flat, tree = leaves.flatten(xs)
    arrays = [as_tracer(x) for x in flat]

    def loop(first: Any, trips: Any, carry: Any, rows: Any) -> tuple[Any, Any]:
        """That of so many rows from the `first` on."""
        from_first = lambda i, c, x: step(emit("add", [i, first]), c, x)  # noqa: E731
        return control._loop(from_first, f, trips, reverse, _kept_as(carries, carry), rows, unroll, inner)

    @checkpoint
    def segment(first: Tracer, carry: Any, rows: Any) -> Any:
        return loop(first, size, carry, rows)

    def main(carry: Any) -> Any:
        rows = [_reshaped(_head(x, whole), trips, size, drop=1) for x in arrays]
        each = lambda i, c, x: segment(emit("mul", [i, control._size(size)]), c, x)  # noqa: E731
        carry, ys = control._loop(each, f, trips, reverse, carry, tree.unflatten(rows))
        found, y_tree = leaves.flatten(ys)
        return carry, y_tree.unflatten([_reshaped(y, whole, drop=2) for y in found])

    def end(carry: Any) -> Any:
        return loop(control._size(whole), left, carry, tree.unflatten([_tail(x, left) for x in arrays]))

    if isinstance(count, int) and not (trips and left):
        return (main if trips else end)(init)
    carry, ys = (end if reverse else main)(init)
    carry, more = (main if reverse else end)(carry)
    head, tail = (more, ys) if reverse else (ys, more)
    found, y_tree = leaves.flatten(head)
    pairs = zip(found, leaves.flatten(tail)[0], strict=True)
    return carry, y_tree.unflatten([emit("concat", [a, b], dim=0) for a, b in pairs])


def _reshaped(x: Tracer, *lead: Any, drop: int) -> Tracer:
    return emit("reshape", [x], results=[((*lead, *x.shape[drop:]), x.dtype)])


def _head(x: Tracer, size: Any) -> Tracer:
    """The first rows."""
    if str(x.shape[0]) == str(size):
        return x
    result = ((size, *x.shape[1:]), x.dtype)
    return emit("slice", [x], starts=[0] * x.ndim, strides=[1] * x.ndim, results=[result])


def _tail(x: Tracer, size: Any) -> Tracer:
    """The last rows; where they begin may have a name, and a slice begins at a number."""
    turned = lambda v: emit("reverse", [v], dims=[0])  # noqa: E731
    return turned(_head(turned(x), size))
