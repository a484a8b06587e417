"""Softmax and its kin, and the normalisations by mean and variance.

Decides which composites of the dialect they are, in which dtype these are computed, and that weights are applied in the
same.
"""

from __future__ import annotations

from typing import Any

from weft._src import dims, normalize
from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError, ShapeError
from weft._src.normalize import array, convert, count, reshape, shape_text, size_value, text
from weft._src.trace import Tracer, emit
from weft.nn.common import along, as_float, back, folded, wide
from weft.ops.elementwise import maximum

__all__ = ["batch_norm", "group_norm", "layer_norm", "log_softmax", "logsumexp", "rms_norm", "softmax"]


def _folded_axes(x: Tracer, axis: Any) -> tuple[int, ...]:
    axes = normalize.axes(axis, x.ndim)
    for i in axes:
        if not isinstance(x.shape[i], dims.Dim) and x.shape[i] == 0:
            raise ShapeError("WF1018", f"axis {i} has no elements.", operands=(text(x),))
    return tuple(sorted(axes))


@op
def softmax(x: Any, /, axis: int | tuple[int, ...] = -1) -> Any:
    """`exp(x) / sum(exp(x))` over axes.

    Args:
        x: an array of numbers; integers are taken as the default float.
        axis: an axis or some axes.

    Raises:
        AxisError: WF1002, WF1003; ShapeError: WF1018 over an axis of size 0.

    >>> softmax(np.float32([1000, 1000]))
    Array([0.5, 0.5], dtype=float32)
    """
    x = as_float(x)
    return emit("softmax", [x], dims=_folded_axes(x, axis), log=False)


@op
def log_softmax(x: Any, /, axis: int | tuple[int, ...] = -1) -> Any:
    """`log(softmax(x))` over axes, without the loss of small values: `x - logsumexp(x)`.

    Args and errors: as `softmax`.

    >>> log_softmax(np.float32([0, 1000]))
    Array([-1000.,     0.], dtype=float32)
    """
    x = as_float(x)
    return emit("softmax", [x], dims=_folded_axes(x, axis), log=True)


@op
def logsumexp(x: Any, /, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Any:
    """`log(sum(exp(x)))` over axes.

    Args:
        x: an array of numbers; integers are taken as the default float.
        axis: an axis, some axes, or None for all. keepdims: reduced axes stay, with size 1.

    Raises:
        AxisError: WF1002, WF1003; ShapeError: WF1018 over an axis of size 0.

    >>> logsumexp(np.float32([1000, 1000])).item() - 1000 < 0.6932
    True
    """
    x = as_float(x)
    axes = _folded_axes(x, axis)
    r = emit("logsumexp", [x], dims=axes)
    return reshape(r, tuple(1 if i in axes else n for i, n in enumerate(x.shape))) if keepdims else r


# ------------------------------------------------------------------------------------------------- mean and variance


def _normalized(name: str, x: Tracer, axes: tuple[int, ...], eps: float) -> Tracer:
    return emit(name, [x], dims=sorted(axes), eps=eps)


def _mean(x: Tracer, axes: tuple[int, ...]) -> Tracer:
    n = count(tuple(x.shape[i] for i in axes))
    total = folded("add", x, axes)
    return emit("div", [total, normalize.broadcast(size_value(n, x.dtype), total.shape)])


def _scaled(x: Tracer, weight: Any, bias: Any, axes: tuple[int, ...]) -> Tracer:
    if weight is not None:
        x = x * along(weight, x, axes, "weight")
    return x if bias is None else x + along(bias, x, axes, "bias")


@op
def layer_norm(
    x: Any, /, weight: Any = None, bias: Any = None, *, axis: int | tuple[int, ...] = -1, eps: float = 1e-5
) -> Any:
    """`(x - mean) / sqrt(variance + eps) * weight + bias`, mean and variance over axes (Ba et al., "Layer
    Normalization", 2016, section 3).

    Args:
        x: an array of numbers; integers are taken as the default float.
        weight, bias: arrays with the sizes of these axes, or None.
        axis: an axis or some axes. eps: added to the (biased) variance.

    Raises:
        AxisError: WF1002, WF1003; ShapeError: WF1012 where weight or bias do not fit.

    >>> layer_norm(np.float32([1, 3]), eps=0.0)
    Array([-1.,  1.], dtype=float32)
    """
    x = as_float(x)
    axes = normalize.axes(axis, x.ndim)
    return convert(_scaled(_normalized("layer_norm", wide(x), axes, eps), weight, bias, axes), x.dtype)


@op
def rms_norm(x: Any, /, weight: Any = None, *, axis: int | tuple[int, ...] = -1, eps: float = 1e-6) -> Any:
    """`x / sqrt(mean(x^2) + eps) * weight` over axes (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019,
    equation 4).

    Args and errors: as `layer_norm`.

    >>> rms_norm(np.float32([3, 3, -3]), eps=0.0)
    Array([ 1.,  1., -1.], dtype=float32)
    """
    x = as_float(x)
    axes = normalize.axes(axis, x.ndim)
    return convert(_scaled(_normalized("rms_norm", wide(x), axes, eps), weight, None, axes), x.dtype)


@op
def group_norm(
    x: Any, /, groups: int, weight: Any = None, bias: Any = None, *, axis: int = 1, eps: float = 1e-5
) -> Any:
    """As `layer_norm`, over each group of channels and all axes behind the batch (Wu and He, "Group Normalization",
    2018, section 3.2).

    Args:
        x: an array whose axis 0 is the batch. groups: into how many the channels fall.
        weight, bias: one number for each channel, or None. axis: that of the channels. eps: added to the variance.

    Raises:
        AxisError: WF1002; ShapeError: WF1012 where the groups do not divide the channels, or weight or bias do not fit.

    >>> group_norm(np.float32([[1, 3, 5, 9]]), 2, eps=0.0)
    Array([[-1.,  1., -1.,  1.]], dtype=float32)
    """
    x = as_float(x)
    w = wide(x)
    i = normalize.axis(axis, x.ndim)
    n = x.shape[i]
    if not isinstance(groups, int) or groups < 1 or isinstance(n, dims.Dim) or n % groups or i == 0:
        raise ShapeError(
            "WF1012", f"group_norm: {groups!r} groups of the {n} channels of axis {i}.", operands=(text(x),)
        )
    parts = reshape(w, (*w.shape[:i], groups, n // groups, *w.shape[i + 1 :]))
    axes = tuple(j for j in range(1, parts.ndim) if j != i)
    made = reshape(_normalized("layer_norm", parts, axes, eps), w.shape)
    return convert(_scaled(made, weight, bias, (i,)), x.dtype)


@op
def batch_norm(
    x: Any,
    /,
    mean: Any,
    variance: Any,
    weight: Any = None,
    bias: Any = None,
    *,
    train: bool = False,
    momentum: float = 0.1,
    axis: int = 1,
    eps: float = 1e-5,
) -> Any:
    """`(x - mean) / sqrt(variance + eps) * weight + bias` for each channel (Ioffe and Szegedy, "Batch Normalization",
    2015, algorithms 1 and 2).

    Args:
        x: an array. mean, variance: one number for each channel: what training has averaged.
        weight, bias: one number for each channel, or None.
        train: normalise by the mean and the (biased) variance of `x` over all other axes, and give new averages.
        momentum: how much of the new goes into the averages; the variance that goes there is the unbiased one.
        axis: that of the channels. eps: added to the variance.

    Returns:
        The result; with `train` a tuple of it, the new mean and the new variance.

    Raises:
        AxisError: WF1002; ShapeError: WF1012 where a parameter does not fit; ArgumentValueError: WF1902 for a `train`
        that is no bool.

    >>> batch_norm(np.float32([[2, 4]]), np.float32([1, 1]), np.float32([1, 9]), eps=0.0)
    Array([[1., 1.]], dtype=float32)
    """
    if not isinstance(train, bool):
        raise ArgumentValueError("WF1902", f"train is True or False, not {train!r}.")
    x = as_float(x)
    w = wide(x)
    i = normalize.axis(axis, x.ndim)
    others = tuple(j for j in range(x.ndim) if j != i)
    given = [array(mean), array(variance)]
    for what, p in zip(("mean", "variance"), given, strict=True):
        if not normalize.same_shape(p.shape, (x.shape[i],)):
            raise ShapeError(
                "WF1012",
                f"batch_norm: {what} has the shape {shape_text((x.shape[i],))} here, not {shape_text(p.shape)}.",
                operands=(text(x), text(p)),
            )  # fmt: skip
    if not train:
        made = emit("batch_norm", [w, *(convert(p, w.dtype) for p in given)], dims=list(others), eps=eps)
        return convert(_scaled(made, weight, bias, (i,)), x.dtype)
    m = _mean(w, others)
    d = w - back(m, w, others)
    v = _mean(d * d, others)
    n = size_value(count(tuple(x.shape[j] for j in others)), w.dtype)
    unbiased = v * (n / maximum(n - 1, 1))
    averages = [
        convert((1 - momentum) * convert(old, w.dtype) + momentum * new, old.dtype)
        for old, new in zip(given, (m, unbiased), strict=True)
    ]
    made = _scaled(_normalized("layer_norm", w, others, eps), weight, bias, (i,))
    return (convert(made, x.dtype), *averages)
