"""Indexing with static indices: integers, slices, None, `...`, in any mixture.

Decides how Python's rules become at most one `reverse`, one `slice` and one `reshape`: negative steps read the reversed
axis, integers are slices of size 1 whose axis is then dropped. Indices that are arrays have their place but no code
yet.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, dims
from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError, AxisError, UnsupportedError, WrongArgumentError
from weft._src.normalize import array, reshape, text
from weft._src.trace import Tracer, emit

__all__: list[str] = []


class _Slice(NamedTuple):
    """A slice that can be hashed."""

    start: Any
    stop: Any
    step: Any


def getitem(x: Any, index: Any) -> Any:
    """`x[index]`: a value, never a view.

    Args:
        x: an array. index: an int, a slice, None, `...`, or a tuple of these.

    Raises:
        AxisError: WF1005 for an integer out of range, WF1006 for more indices than axes; ArgumentValueError: WF1016
        for a step of 0; UnsupportedError: WF1507 for an array as index; WrongArgumentError: WF1032 for anything else.

    >>> weft.arange(10)[2:8:3]
    Array([2, 5], dtype=int64)
    """
    items = index if isinstance(index, tuple) else (index,)
    return _getitem(x, tuple([_static(i, x) for i in items]))


def _static(i: Any, x: Any) -> Any:
    if i is None or i is Ellipsis:
        return i
    if isinstance(i, slice):
        return _Slice(*(_bound(n) for n in (i.start, i.stop, i.step)))
    if isinstance(i, (bool, np.bool_, np.ndarray, _weft.Array, Tracer, list)):
        raise UnsupportedError(
            "WF1507",
            f"an index that is {'a truth value' if isinstance(i, (bool, np.bool_)) else 'an array'} has no code yet.",
            operands=(text(x),),
        )
    try:
        return operator.index(i)
    except TypeError:
        raise WrongArgumentError(
            "WF1032", f"an index is an integer, a slice, None or ..., not {type(i).__name__}.", operands=(text(x),)
        ) from None


def _bound(n: Any) -> Any:
    if n is None or isinstance(n, dims.Dim):
        return n
    try:
        return operator.index(n)
    except TypeError:
        raise WrongArgumentError("WF1032", f"the bounds of a slice are integers, not {type(n).__name__}.") from None


@op
def _getitem(x: Any, index: tuple) -> Any:
    x = array(x)
    rank = len(x.shape)
    used = sum(1 for i in index if i is not None and i is not Ellipsis)
    if used > rank:
        raise AxisError("WF1006", f"{used} indices for {rank} axes.", operands=(text(x),))
    dots = sum(1 for i in index if i is Ellipsis)
    if dots > 1:
        raise ArgumentValueError("WF1016", "an index has at most one '...'.", operands=(text(x),))
    whole = (_Slice(None, None, None),) * (rank - used)
    at = index.index(Ellipsis) if dots else len(index)
    index = (*index[:at], *whole, *index[at + dots :])

    shape: list[Any] = []  # of the result
    starts, strides, sizes, turned = [], [], [], []
    for i in index:
        if i is None:
            shape.append(1)
            continue
        axis = len(sizes)
        n = x.shape[axis]
        if isinstance(i, _Slice):
            start, step, size = _range(n, i)
            shape.append(size)
        else:
            start, step, size = _one(x, axis, i)
        if step < 0:
            turned.append(axis)
            start, step = n - 1 - start, -step
        starts.append(start)
        strides.append(step)
        sizes.append(size)
    # What counts from the end of a symbolic size is static from the end of the reversed axis.
    for axis, start in enumerate(starts):
        if isinstance(start, dims.Dim):
            last = (sizes[axis] - 1) * strides[axis] + start
            other = x.shape[axis] - 1 - last
            if isinstance(other, dims.Dim):
                raise UnsupportedError(
                    "WF1507", f"a slice that starts at {start} has no code yet.", operands=(text(x),)
                )
            starts[axis] = other
            turned.append(-1 - axis)
    before = sorted({t for t in turned if t >= 0} ^ {-1 - t for t in turned if t < 0})
    after = sorted(-1 - t for t in turned if t < 0)
    if before:
        x = emit("reverse", [x], dims=before, weak=x.weak_type)
    if any(starts) or any(s != 1 for s in strides) or not all(map(dims.same, sizes, x.shape)):
        x = emit("slice", [x], results=[(tuple(sizes), x.dtype)], starts=starts, strides=strides, weak=x.weak_type)
    if after:
        x = emit("reverse", [x], dims=after, weak=x.weak_type)
    return reshape(x, tuple(shape))


def _one(x: Tracer, axis: int, i: int) -> tuple[Any, int, Any]:
    n = x.shape[axis]
    if isinstance(n, dims.Dim):
        inside = n > i if i >= 0 else n >= -i  # asks the assumptions
    else:
        inside = -n <= i < n
    if not inside:
        raise AxisError("WF1005", f"index {i} is out of range for axis {axis} of size {n}.", operands=(text(x),))
    return (i if i >= 0 else n + i), 1, 1


def _range(n: Any, s: _Slice) -> tuple[Any, int, Any]:
    """Start, step and number of elements of a slice of an axis of size n, by Python's rules."""
    step = 1 if s.step is None else s.step
    if isinstance(step, dims.Dim) or step == 0:
        raise ArgumentValueError("WF1016", "the step of a slice is an integer other than 0.")
    if not any(isinstance(m, dims.Dim) for m in (n, s.start, s.stop)):
        start, stop, step = slice(s.start, s.stop, step).indices(n)
        size = len(range(start, stop, step))
        return (start if size else 0), (step if size else 1), size
    if step < 0:
        if s.start is not None or s.stop is not None:
            raise UnsupportedError("WF1507", "a backward slice with bounds on a symbolic size has no code yet.")
        return n - 1, step, _ceil_div(n, -step)
    start = 0 if s.start is None else _clamp(s.start, n)
    stop = n if s.stop is None else _clamp(s.stop, n)
    length = stop - start
    if isinstance(length, int):
        length = max(length, 0)
    elif isinstance(start, dims.Dim) or not (isinstance(start, int) and start == 0 and dims.same(stop, n)):
        length = length if length >= 0 else 0  # asks the assumptions
    return start, step, _ceil_div(length, step)


def _clamp(bound: Any, n: Any) -> Any:
    """A bound of a slice inside 0 .. n; what the sizes do not settle is asked of the assumptions."""
    if dims.same(bound, n):
        return n
    if not isinstance(bound, dims.Dim) and bound == 0:
        return 0
    if not isinstance(bound, dims.Dim) and bound < 0:
        return n + bound if n >= -bound else 0
    return bound if n >= bound else n


def _ceil_div(a: Any, b: int) -> Any:
    return a if b == 1 else -(-a // b) if not isinstance(a, dims.Dim) else (a + (b - 1)) // b
