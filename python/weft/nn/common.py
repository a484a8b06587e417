"""What the functions of `weft.nn` share.

Decides in which dtype they compute: integers are taken as the default float, 16-bit floats in float32 where `wide`.
"""

from __future__ import annotations

from typing import Any

from weft._src import dtypes
from weft._src.errors import ShapeError
from weft._src.normalize import array, broadcast, convert, floating, reshape, same_shape, shape_text, text
from weft._src.trace import Tracer, emit


def as_float(x: Any) -> Tracer:
    """The operand as floats: integers in the default float."""
    x = array(x)
    return convert(x, floating([x]))


def wide(x: Tracer) -> Tracer:
    """The operand as floats of at least 32 bits."""
    return convert(x, dtypes.float32) if x.dtype.bits < 32 else x


def like(x: Tracer, value: float) -> Tracer:
    """A constant with the dtype and the shape of `x`."""
    return broadcast(convert(value, x.dtype), x.shape)


def folded(kind: str, x: Tracer, axes: tuple[int, ...]) -> Tracer:
    """The dialect's reduction."""
    return emit("reduce", [x], kind=kind, dims=sorted(axes)) if axes else x


def back(r: Tracer, x: Tracer, axes: tuple[int, ...]) -> Tracer:
    """A reduced value repeated along the axes of `x` that it was reduced over."""
    if not axes:
        return r
    return emit("broadcast", [r], dims=[i for i in range(x.ndim) if i not in axes], results=[(x.shape, x.dtype)])


def along(p: Any, x: Tracer, axes: tuple[int, ...], what: str) -> Tracer:
    """A parameter with the sizes of some axes of `x` (ascending), repeated to the shape of `x`, in its dtype.

    Raises:
        ShapeError: WF1012 where the sizes differ.
    """
    p, order = array(p), sorted(axes)
    sizes = tuple(x.shape[i] for i in order)
    if not same_shape(p.shape, sizes):
        raise ShapeError(
            "WF1012", f"{what} has the shape {shape_text(sizes)} here, not {shape_text(p.shape)}.",
            operands=(text(x), text(p)),
        )  # fmt: skip
    p = reshape(convert(p, x.dtype), tuple(n if i in order else 1 for i, n in enumerate(x.shape)))
    return broadcast(p, x.shape)
