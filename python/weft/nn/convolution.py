"""Convolutions with a bias, transposed ones, and pools, over one to three spatial axes.

Decides the layout (batch, channels, *sizes) and the numbers' names, which are those that most frameworks use; any rank
is `weft.convolution` and `weft.reduce_window`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._src import dims
from weft._src.dispatch import op
from weft._src.errors import ShapeError
from weft._src.normalize import convert, size_value, text
from weft._src.trace import Tracer, emit
from weft.nn.common import along, as_float
from weft.ops.contraction import _pair
from weft.ops.creation import ones
from weft.ops.window import _convolution, convolution, numbers, padding_pairs

__all__ = [
    "avg_pool", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "max_pool",
]  # fmt: skip
Numbers = int | Sequence[int]


def _conv(n: int, x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Tracer:
    x, w = _pair(f"conv{n}d", x, w)
    _check_rank(f"conv{n}d", n, x, w)
    made = convolution(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return made if bias is None else made + along(bias, made, (1,), "bias")


def _check_rank(name: str, n: int, x: Tracer, w: Tracer) -> None:
    if x.ndim != n + 2 or w.ndim != n + 2:
        raise ShapeError("WF1011", f"{name} takes arrays with {n + 2} axes.", operands=(text(x), text(w)))


@op(arrays=2)
def conv1d(
    x: Any, w: Any, /, bias: Any = None, *, stride: Numbers = 1, padding: Any = 0, dilation: Numbers = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """A convolution over one spatial axis, plus a number for each feature.

    Args:
        x: an array of shape (batch, channels, *sizes). w: one of shape (features, channels / groups, *window).
        bias: one of shape (features,), or None.
        stride, padding, dilation, groups: as in `weft.convolution`.

    Returns:
        An array of shape (batch, features, *steps).

    Raises:
        As `weft.convolution`; ShapeError: WF1011 for other ranks, WF1012 where the bias does not fit.

    >>> conv1d(np.ones((1, 1, 4), np.float32), np.ones((1, 1, 2), np.float32))
    Array([[[2., 2., 2.]]], dtype=float32)
    """
    return _conv(1, x, w, bias, stride, padding, dilation, groups)


@op(arrays=2)
def conv2d(
    x: Any, w: Any, /, bias: Any = None, *, stride: Numbers = 1, padding: Any = 0, dilation: Numbers = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """As `conv1d`, over two spatial axes.

    >>> conv2d(np.ones((2, 3, 8, 8), np.float32), np.ones((4, 3, 3, 3), np.float32), padding=1, stride=2).shape
    (2, 4, 4, 4)
    """
    return _conv(2, x, w, bias, stride, padding, dilation, groups)


@op(arrays=2)
def conv3d(
    x: Any, w: Any, /, bias: Any = None, *, stride: Numbers = 1, padding: Any = 0, dilation: Numbers = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """As `conv1d`, over three spatial axes.

    >>> conv3d(np.ones((1, 1, 3, 3, 3), np.float32), np.ones((1, 1, 3, 3, 3), np.float32)).item()
    27.0
    """
    return _conv(3, x, w, bias, stride, padding, dilation, groups)


def _transposed(
    n: int, x: Any, w: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, dilation: Any, groups: Any
) -> Tracer:
    name = f"conv_transpose{n}d"
    x, w = _pair(name, x, w)
    _check_rank(name, n, x, w)
    g = numbers(groups, 1, "groups")[0]
    strides, dilations = numbers(stride, n, "stride"), numbers(dilation, n, "dilation")
    more = numbers(output_padding, n, "output_padding", least=0)
    pairs = padding_pairs(padding if not isinstance(padding, str) else 0, x.shape[2:], w.shape[2:], strides, dilations)
    window = w.shape[2:]
    if any(isinstance(k, dims.Dim) for k in window) or isinstance(padding, str):
        raise ShapeError("WF1012", f"{name} takes a window of known size, and padding in numbers.", operands=(text(w),))
    channels = w.shape[0]
    if not dims.same(x.shape[1], channels) or (g > 1 and channels % g):
        raise ShapeError(
            "WF1012", f"{name}: axis 0 of w has the size of the channels of x, divided by {g} groups.",
            operands=(text(x), text(w)),
        )  # fmt: skip
    reach = [(k - 1) * d for k, d in zip(window, dilations, strict=True)]
    sides = [(r - a, r - b + m) for r, (a, b), m in zip(reach, pairs, more, strict=True)]
    reversed_ = emit("reverse", [w], dims=list(range(2, n + 2)))
    made = _convolution(x, reversed_, g, [1] * n, sides, strides, dilations, flipped=True)
    return made if bias is None else made + along(bias, made, (1,), "bias")


@op(arrays=2)
def conv_transpose1d(
    x: Any, w: Any, /, bias: Any = None, *, stride: Numbers = 1, padding: Any = 0, output_padding: Numbers = 0,
    dilation: Numbers = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """The transpose of `conv1d` with the same numbers, as a linear function of its first operand, plus a bias.

    Args:
        x: an array of shape (batch, channels, *sizes). w: one of shape (channels, features / groups, *window).
        bias: one of shape (features,), or None.
        stride, dilation, groups: as in `weft.convolution`. padding: a number, or for each axis a number or a pair.
        output_padding: how many more elements the result has at the end of each axis.

    Returns:
        An array of shape (batch, features, *results), (size - 1) * stride - padding + dilation * (window - 1) +
        output_padding + 1 along an axis.

    Raises:
        As `conv1d`.

    >>> conv_transpose1d(np.float32([[[1, 2]]]), np.float32([[[1, 1]]]), stride=2)
    Array([[[1., 1., 2., 2.]]], dtype=float32)
    """
    return _transposed(1, x, w, bias, stride, padding, output_padding, dilation, groups)


@op(arrays=2)
def conv_transpose2d(
    x: Any, w: Any, /, bias: Any = None, *, stride: Numbers = 1, padding: Any = 0, output_padding: Numbers = 0,
    dilation: Numbers = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """As `conv_transpose1d`, over two spatial axes.

    >>> conv_transpose2d(np.ones((1, 4, 5, 5), np.float32), np.ones((4, 2, 3, 3), np.float32), stride=2).shape
    (1, 2, 11, 11)
    """
    return _transposed(2, x, w, bias, stride, padding, output_padding, dilation, groups)


@op(arrays=2)
def conv_transpose3d(
    x: Any, w: Any, /, bias: Any = None, *, stride: Numbers = 1, padding: Any = 0, output_padding: Numbers = 0,
    dilation: Numbers = 1, groups: int = 1,
) -> Any:  # fmt: skip
    """As `conv_transpose1d`, over three spatial axes.

    >>> conv_transpose3d(np.ones((1, 1, 2, 2, 2), np.float32), np.ones((1, 1, 2, 2, 2), np.float32)).shape
    (1, 1, 3, 3, 3)
    """
    return _transposed(3, x, w, bias, stride, padding, output_padding, dilation, groups)


# --------------------------------------------------------------------------------------------------------------- pools


def _pool(kind: str, x: Tracer, window: Any, stride: Any, padding: Any, dilation: Any) -> Tracer:
    n = len(window) if isinstance(window, (tuple, list)) else x.ndim - 2
    lead = x.ndim - n
    if lead < 0 or n < 1:
        raise ShapeError("WF1011", f"a pool of {n} axes takes (batch, channels, *sizes).", operands=(text(x),))
    sizes = numbers(window, n, "window")
    strides = sizes if stride is None else numbers(stride, n, "stride")
    dilations = numbers(dilation, n, "dilation")
    pairs = padding_pairs(padding, x.shape[lead:], sizes, strides, dilations)
    return emit(
        "reduce_window", [x], kind=kind, sizes=[1] * lead + sizes, strides=[1] * lead + strides,
        low=[0] * lead + [a for a, _ in pairs], high=[0] * lead + [b for _, b in pairs], dilation=[1] * x.ndim,
        window_dilation=[1] * lead + dilations,
    )  # fmt: skip


@op
def max_pool(
    x: Any, /, window: Numbers, *, stride: Numbers | None = None, padding: Any = 0, dilation: Numbers = 1
) -> Any:
    """The greatest element of each window; the derivative goes in equal shares to all that are the greatest.

    Args:
        x: an array of shape (batch, channels, *sizes).
        window: its size along each of the last axes; a number stands for all behind the first two.
        stride: steps between windows; by default the window's sizes.
        padding, dilation: as in `weft.convolution`; what is padded is never the greatest.

    Raises:
        ShapeError: WF1011 for too few axes; ArgumentValueError: WF1902 for bad numbers.

    >>> max_pool(np.float32([[[1, 5, 2, 3]]]), 2)
    Array([[[5., 3.]]], dtype=float32)
    """
    return _pool("max", as_float(x), window, stride, padding, dilation)


@op
def avg_pool(
    x: Any, /, window: Numbers, *, stride: Numbers | None = None, padding: Any = 0, dilation: Numbers = 1,
    count_padding: bool = True,
) -> Any:  # fmt: skip
    """The mean of each window.

    Args:
        x, window, stride, padding, dilation: as in `max_pool`; what is padded is 0.
        count_padding: whether what is padded counts as elements.

    Raises: as `max_pool`.

    >>> avg_pool(np.float32([[[1, 5, 2, 4]]]), 2)
    Array([[[3., 3.]]], dtype=float32)
    """
    x = as_float(x)
    total = _pool("add", x, window, stride, padding, dilation)
    if count_padding:
        n = len(window) if isinstance(window, (tuple, list)) else x.ndim - 2
        many = 1
        for size in numbers(window, n, "window"):
            many *= size
        return total / size_value(many, x.dtype)
    return total / _pool("add", convert(ones(x.shape), x.dtype), window, stride, padding, dilation)
