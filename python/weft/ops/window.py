"""Ops over windows: convolution of any rank, and folds of windows.

Decides how a layout with channels becomes the dialect's batch, free, contracted and window dimensions, and what padding
by name means. Groups are a batch dimension; a transposed convolution is one whose operand is dilated.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from weft._src import dims
from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError, ShapeError
from weft._src.normalize import array, reshape, text, unsupported
from weft._src.trace import Tracer, emit
from weft.ops.contraction import _pair

__all__ = ["convolution", "reduce_window"]


def numbers(given: Any, n: int, what: str, least: int = 1) -> list[int]:
    """One integer for each of `n` axes; a single one stands for all.

    Raises:
        ArgumentValueError: WF1902 for another count, for what is no integer, and below `least`.
    """
    many = list(given) if isinstance(given, (tuple, list)) else [given] * n
    try:
        made = [operator.index(i) for i in many]
    except TypeError:
        raise ArgumentValueError("WF1902", f"{what} is an integer, or one for each axis, not {given!r}.") from None
    if len(made) != n:
        raise ArgumentValueError("WF1902", f"{what} has {len(made)} entries for {n} axes.")
    if any(i < least for i in made):
        raise ArgumentValueError("WF1902", f"{what} is {least} or more, not {given!r}.")
    return made


def padding_pairs(
    given: Any, sizes: Sequence[Any], windows: Sequence[Any], strides: list[int], dilations: list[int]
) -> list[tuple[int, int]]:
    """How much is padded before and after each axis.

    Args:
        given: "valid" (nothing), "same" (as much as gives ceil(size / stride) steps, the odd one after), a number, or
            for each axis a number or a pair.

    Raises:
        ArgumentValueError: WF1902 for anything else, and for "same" where it would depend on a symbolic size.
    """
    n = len(sizes)
    if isinstance(given, str):
        if given.lower() == "valid":
            return [(0, 0)] * n
        if given.lower() != "same":
            raise ArgumentValueError("WF1902", f"padding is 'valid', 'same' or numbers, not {given!r}.")
        pairs = []
        for size, window, stride, dilation in zip(sizes, windows, strides, dilations, strict=True):
            if isinstance(window, dims.Dim) or (isinstance(size, dims.Dim) and stride != 1):
                raise ArgumentValueError(
                    "WF1902", "padding='same' over a symbolic size needs stride 1 and a window of known size."
                )
            extent = (window - 1) * dilation + 1
            total = extent - 1 if stride == 1 else max((-(-size // stride) - 1) * stride + extent - size, 0)
            pairs.append((total // 2, total - total // 2))
        return pairs
    many = list(given) if isinstance(given, (tuple, list)) else [given] * n
    if len(many) != n:
        raise ArgumentValueError("WF1902", f"padding has {len(many)} entries for {n} axes.")
    made = []
    for p in many:
        pair = tuple(p) if isinstance(p, (tuple, list)) else (p, p)
        if len(pair) != 2:
            raise ArgumentValueError("WF1902", f"padding of an axis is a number or a pair, not {p!r}.")
        made.append(tuple(numbers(pair, 2, "padding", least=-(2**31))))
    return made


@op(arrays=2)
def convolution(
    x: Any,
    w: Any,
    /,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    x_dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Any:
    """The sums of products of `w` with each window of `x`, over any number of spatial axes. `w` is not reversed.

    Args:
        x: an array of shape (batch, channels, *sizes). w: one of shape (features, channels / groups, *window).
        stride: steps between windows, for each spatial axis or for all.
        padding: "valid", "same", a number of zeros at both ends, or for each axis a number or a pair (before, after);
            negative ones cut.
        dilation: steps between neighbours in a window. x_dilation: steps between elements of `x`, zeros between them
            (no products: a weight that is not finite makes no NaN there).
        groups: parts of the channels, each seen by its part of the features.

    Returns:
        An array of shape (batch, features, *steps), with (size + padding - window) // stride + 1 steps along an axis
        (sizes dilated), or 0 where the window does not fit.

    Raises:
        ShapeError: WF1011 where the ranks differ or are below 2, WF1012 where the channels do not fit;
        ArgumentValueError: WF1902 for bad strides, dilations, paddings, groups; DTypeError: WF1021, WF1022.

    >>> weft.convolution(weft.ones((1, 3, 8, 8)), weft.ones((4, 3, 3, 3)), padding="same").shape
    (1, 4, 8, 8)
    """
    x, w = _pair("convolution", x, w)
    shown = (text(x), text(w))
    n = x.ndim - 2
    if n < 0 or w.ndim != x.ndim:
        raise ShapeError(
            "WF1011", "convolution takes (batch, channels, *sizes) and (features, channels, *window).", operands=shown
        )
    g = numbers(groups, 1, "groups")[0]
    strides, dilations = numbers(stride, n, "stride"), numbers(dilation, n, "dilation")
    x_dilations = numbers(x_dilation, n, "x_dilation")
    channels, features = x.shape[1], w.shape[0]
    if g > 1 and any(isinstance(c, dims.Dim) or c % g for c in (channels, features)):
        raise ShapeError(
            "WF1012",
            f"convolution: {g} groups do not divide {channels} channels and {features} features.",
            operands=shown,
        )
    if not dims.same(w.shape[1] * g, channels):
        raise ShapeError(
            "WF1012",
            f"convolution: x has {channels} channels in {g} groups, which is not what axis 1 of w has, {w.shape[1]}.",
            operands=shown,
        )
    pairs = padding_pairs(padding, x.shape[2:], w.shape[2:], strides, dilations)
    return _convolution(x, w, g, strides, pairs, x_dilations, dilations, flipped=False)


def _convolution(
    x: Tracer, w: Tracer, g: int, strides: list, pairs: list, x_dilations: list, dilations: list, *, flipped: bool
) -> Tracer:
    """The dialect's op; `flipped`: w has its channels before its features (per group), as a transposed one has."""
    n = x.ndim - 2
    window = {
        "strides": strides, "low": [a for a, _ in pairs], "high": [b for _, b in pairs], "lhs_dilation": x_dilations,
        "rhs_dilation": dilations,
    }  # fmt: skip
    if g == 1:
        return emit(
            "convolution", [x, w], lhs_batch=[], rhs_batch=[], lhs_contract=[1], rhs_contract=[0 if flipped else 1],
            lhs_window=list(range(2, n + 2)), rhs_window=list(range(2, n + 2)), **window,
        )  # fmt: skip
    x = reshape(x, (x.shape[0], g, x.shape[1] // g, *x.shape[2:]))
    w = reshape(w, (g, w.shape[0] // g, *w.shape[1:]))
    made = emit(
        "convolution", [x, w], lhs_batch=[1], rhs_batch=[0], lhs_contract=[2], rhs_contract=[1 if flipped else 2],
        lhs_window=list(range(3, n + 3)), rhs_window=list(range(3, n + 3)), **window,
    )  # fmt: skip
    made = emit("transpose", [made], permutation=[1, 0, *range(2, made.ndim)])
    return reshape(made, (made.shape[0], g * made.shape[2], *made.shape[3:]))


@op
def reduce_window(
    x: Any,
    /,
    kind: str,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    x_dilation: int | Sequence[int] = 1,
) -> Any:
    """Folds each window of `x`; the order of folding is that of a reduction of as many elements.

    The derivative of "max" and "min" goes in equal shares to the elements that equal the result, as in `weft.max`.

    Args:
        x: an array of numbers. kind: "add", "max" or "min".
        window: its size along each axis.
        stride, padding, dilation, x_dilation: as in `convolution`, for each axis; what is padded changes no result.

    Raises:
        ArgumentValueError: WF1902 for another kind, and for bad numbers; DTypeError: WF1022 for truth values.

    >>> weft.reduce_window(weft.asarray([1, 5, 2, 3]), "max", (2,), stride=2).tolist()
    [5, 3]
    """
    x = array(x)
    if kind not in ("add", "max", "min"):
        raise ArgumentValueError("WF1902", f"kind is 'add', 'max' or 'min', not {kind!r}.")
    if x.dtype.kind == "bool":
        raise unsupported("reduce_window", x, "numbers")
    sizes = numbers(window, x.ndim, "window")
    strides, dilations = numbers(stride, x.ndim, "stride"), numbers(dilation, x.ndim, "dilation")
    pairs = padding_pairs(padding, x.shape, sizes, strides, dilations)
    return emit(
        "reduce_window", [x], kind=kind, sizes=sizes, strides=strides, low=[a for a, _ in pairs],
        high=[b for _, b in pairs], dilation=numbers(x_dilation, x.ndim, "x_dilation"), window_dilation=dilations,
    )  # fmt: skip
