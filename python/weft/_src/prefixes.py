"""`associative_scan`: all prefixes of a sequence under an associative function.

Decides the order of combining: neighbours in pairs, then the prefixes of the pairs, then what stands between them
(R. Ladner and M. Fischer, "Parallel prefix computation", 1980): 2 n combinations in 2 log2(n) calls of the function,
each of whole arrays. The order depends on the length alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from weft._src import dims, implicit, leaves
from weft._src.errors import ControlFlowError, ShapeError, api_boundary
from weft._src.leaves import strong
from weft._src.normalize import axis as one_axis
from weft._src.normalize import shape_text
from weft._src.trace import Tracer, as_tracer, cast

__all__ = ["associative_scan"]


@api_boundary
def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """The prefixes of a sequence: element i is `f(... f(f(x0, x1), x2) ..., xi)`, in about 2 log2(n) steps.

    Args:
        f: (a, b) -> a combined with b, for whole arrays of such elements along `axis`, in the containers of `elems`, of
            their shapes and dtypes. It must be associative; floats are combined in an order that depends on the length
            alone.
        elems: containers of arrays of one size along `axis`; at least one array.
        reverse: whether the suffixes are wanted: element i combines the last down to i, as
            `f(... f(xn, xn-1) ..., xi)`.
        axis: that of the sequence.

    Returns:
        What `elems` holds, with each element replaced by the prefix that ends there.

    Raises:
        ControlFlowError: WF1324 where the sizes differ or there is no array, WF1322 where `f` returns other containers,
            shapes or dtypes; ShapeError: WF1012 for a size that is no number; AxisError: WF1002.

    >>> import numpy as np, weft as wf
    >>> wf.associative_scan(wf.maximum, np.float32([1, 5, 2, 7, 3]))
    Array([1., 5., 5., 7., 7.], dtype=float32)

    A linear recurrence x[i] = a[i] x[i - 1] + b[i]:

    >>> a, b = np.float32([1, 2, 3]), np.float32([1, 1, 1])
    >>> wf.associative_scan(lambda p, q: (q[0] * p[0], q[0] * p[1] + q[1]), (a, b))[1]
    Array([ 1.,  3., 10.], dtype=float32)
    """
    leaves.check_callable(f, "associative_scan")
    return implicit.run(functools.partial(_prefixes, f, bool(reverse), axis), elems)


def _prefixes(f: Callable[..., Any], reverse: bool, axis: int, /, elems: Any) -> Any:
    from weft.ops import movement

    paths, tree = leaves.flatten_with_path(elems, "elems")
    arrays = [strong(as_tracer(x)) for _, x in paths]
    if not arrays:
        raise ControlFlowError("WF1324", "associative_scan needs an array.")
    along = [one_axis(axis, len(x.shape)) for x in arrays]
    sizes = [x.shape[i] for x, i in zip(arrays, along, strict=True)]
    for (path, _), n in zip(paths, sizes, strict=True):
        if isinstance(n, dims.Dim):
            raise ShapeError("WF1012", f"associative_scan: {path} has the size {n} along the axis; it takes a number.")
        if n != sizes[0]:
            raise ControlFlowError("WF1324", f"{path} has the size {n} along the axis, {paths[0][0]} has {sizes[0]}.")

    def part(x: Tracer, i: int, s: slice) -> Tracer:
        return x[(slice(None),) * i + (s,)]

    def parts(xs: list[Tracer], s: slice) -> list[Tracer]:
        return [part(x, i, s) for x, i in zip(xs, along, strict=True)]

    def combined(a: list[Tracer], b: list[Tracer]) -> list[Tracer]:
        made, got = leaves.flatten(f(tree.unflatten(a), tree.unflatten(b)))
        if got != tree:
            raise ControlFlowError("WF1322", "the function of associative_scan returns other containers than it takes.")
        made = [as_tracer(x) for x in made]
        for (path, _), x, like in zip(paths, made, a, strict=True):
            same = str(x.shape) == str(like.shape) and (x.weak_type or x.dtype is like.dtype)
            if not same:
                raise ControlFlowError(
                    "WF1322",
                    f"the function of associative_scan returns {x.dtype.name}{shape_text(x.shape)} for {path}, "
                    f"of which it got {like.dtype.name}{shape_text(like.shape)}.",
                )
        return [strong(cast(x, like.dtype)) for x, like in zip(made, a, strict=True)]

    def prefixes(xs: list[Tracer]) -> list[Tracer]:
        n = xs[0].shape[along[0]]
        if n < 2:
            return xs
        odd = prefixes(combined(parts(xs, slice(0, n - 1, 2)), parts(xs, slice(1, None, 2))))
        first = parts(xs, slice(0, 1))
        if n == 2:
            return [movement.concat([a, b], axis=i) for a, b, i in zip(first, odd, along, strict=True)]
        before = parts(odd, slice(0, (n - 1) // 2))
        even = combined(before, parts(xs, slice(2, None, 2)))
        even = [movement.concat([a, b], axis=i) for a, b, i in zip(first, even, along, strict=True)]
        return [_alternating(a, b, i) for a, b, i in zip(even, odd, along, strict=True)]

    def turned(xs: list[Tracer]) -> list[Tracer]:
        return [movement.flip(x, axis=i) for x, i in zip(xs, along, strict=True)] if reverse else xs

    return tree.unflatten(turned(prefixes(turned(arrays))))


def _alternating(even: Tracer, odd: Tracer, axis: int) -> Tracer:
    """Elements of two arrays by turns; the first has as many, or one more."""
    from weft.ops import movement

    m = odd.shape[axis]
    head = (slice(None),) * axis
    pairs = movement.stack([even[(*head, slice(0, m))], odd], axis=axis + 1)
    made = movement.reshape(pairs, (*odd.shape[:axis], 2 * m, *odd.shape[axis + 1 :]))
    return made if even.shape[axis] == m else movement.concat([made, even[(*head, slice(m, None))]], axis=axis)
