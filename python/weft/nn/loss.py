"""Losses, and the codes of labels.

Decides how they are reduced, and that those of classifiers are taken of logits, which loses nothing.
"""

from __future__ import annotations

from typing import Any

from weft._src import dims, dtypes, normalize
from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError, DTypeError, ShapeError
from weft._src.normalize import array, as_array, broadcast, convert, count, floating, match, size_value, text
from weft._src.normalize import axis as axis_of
from weft._src.trace import Tracer, emit
from weft.nn.common import as_float, folded, like, wide
from weft.ops.elementwise import abs, exp, log, log1p, maximum, minimum, sqrt, where

__all__ = [
    "absolute_error", "binary_cross_entropy", "cosine_similarity", "cross_entropy", "huber_loss", "kl_divergence",
    "one_hot", "squared_error",
]  # fmt: skip


def _one_hot(labels: Tracer, classes: Any) -> Tracer:
    """Truth values with one more axis: which class each label is."""
    shape = (*labels.shape, classes)
    number = emit("iota", [], results=[(shape, labels.dtype)], dim=labels.ndim)
    along = emit("broadcast", [labels], dims=list(range(labels.ndim)), results=[(shape, labels.dtype)])
    return emit("eq", [along, number])


@op
def one_hot(labels: Any, /, num_classes: int, *, dtype: Any = None) -> Any:
    """1 at the place of each label, 0 elsewhere, along a new last axis; a label outside 0 .. num_classes-1 gives zeros.

    Args:
        labels: an array of integers.
        num_classes: size of the new axis.
        dtype: of the result; by default the default float.

    Raises:
        DTypeError: WF1022 for labels that are no integers; ArgumentValueError: WF1902 for a bad number of classes.

    >>> one_hot(np.int32([2, 0]), 3)
    Array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = _labels(labels)
    limit = 2 ** (labels.dtype.bits - (labels.dtype.kind == "int"))
    if not isinstance(num_classes, dims.Dim) and not (isinstance(num_classes, int) and 0 <= num_classes <= limit):
        raise ArgumentValueError("WF1902", f"num_classes is an int from 0 to {limit}, not {num_classes!r}.")
    d = dtypes.default_float() if dtype is None else dtypes.check_supported(dtypes.dtype(dtype))
    return convert(_one_hot(labels, num_classes), d)


def _labels(labels: Any) -> Tracer:
    labels = array(labels)
    if labels.dtype.kind not in ("int", "uint"):
        raise DTypeError("WF1022", f"labels are integers, not {labels.dtype.name}.", operands=(text(labels),))
    # There may be more classes than a narrow integer can count.
    return convert(labels, dtypes.int32) if labels.dtype.bits < 32 else labels


@op(arrays=2)
def cross_entropy(logits: Any, labels: Any, /, *, label_smoothing: float = 0.0, reduction: str = "mean") -> Any:
    """The cross entropy of a classifier: minus the logarithm of the probability that softmax gives to the label.

    Args:
        logits: floats of shape (..., classes).
        labels: integers of shape (...), where a label outside 0 .. classes-1 adds nothing; or floats of the shape of
            `logits`: the probability of each class (one-hot or smoothed).
        label_smoothing: how much of each label's probability goes in equal parts to all classes (Szegedy et al.,
            "Rethinking the Inception Architecture", 2015, section 7).
        reduction: "mean" or "sum" over all labels, or "none".

    Returns:
        A number, or with "none" an array of shape (...), in the dtype of the logits.

    Raises:
        ShapeError: WF1012 where the shapes do not fit. DTypeError: WF1022 for labels that are truth values.
        ArgumentValueError: WF1902 for another reduction.

    >>> cross_entropy(np.float32([[0, 0], [0, 0]]), np.int32([0, 1])).item() - math.log(2) < 1e-6
    True
    """
    check_reduction(reduction)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentValueError("WF1902", f"label_smoothing is from 0 to 1, not {label_smoothing!r}.")
    x, y = as_float(logits), array(labels)
    if x.ndim == 0:
        raise ShapeError("WF1012", "cross_entropy: the logits have no axis of classes.", operands=(text(x), text(y)))
    if y.dtype.kind != "float":
        y = _labels(y)
    fits = x.shape if y.dtype.kind == "float" else x.shape[:-1]
    if not normalize.same_shape(y.shape, fits):
        kind = "probabilities" if y.dtype.kind == "float" else "integer labels"
        raise ShapeError(
            "WF1012",
            f"cross_entropy: {kind} for logits of shape {normalize.shape_text(x.shape)} have the shape "
            f"{normalize.shape_text(fits)}, not {normalize.shape_text(y.shape)}.",
            operands=(text(x), text(y)),
        )
    w = wide(x)
    if y.dtype.kind == "float":
        y = convert(y, w.dtype)
    loss = emit("cross_entropy", [w, y])
    if label_smoothing:
        loss = (1 - label_smoothing) * loss + label_smoothing * _even(w, y)
    return convert(_reduced(loss, reduction), x.dtype)


def _even(x: Tracer, y: Tracer) -> Tracer:
    """The loss where the probability of each label lies in equal parts on all classes."""
    share = 1 / size_value(x.shape[-1], x.dtype)
    even = emit("cross_entropy", [x, broadcast(share, x.shape)])
    if y.dtype.kind == "float":
        return even * folded("add", y, (x.ndim - 1,))
    known = folded("or", _one_hot(y, x.shape[-1]), (x.ndim - 1,))
    return emit("select", [known, even, like(even, 0)])  # a label outside of the classes adds nothing


# --------------------------------------------------------------------------------------------------------- distances


def check_reduction(reduction: Any) -> None:
    """Raises ArgumentValueError WF1902 for what is no way to reduce."""
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentValueError("WF1902", f"reduction is 'mean', 'sum' or 'none', not {reduction!r}.")


def _mean_of(x: Tracer, axes: tuple[int, ...]) -> Tracer:
    total = folded("add", x, axes)
    return total / size_value(count(tuple(x.shape[i] for i in axes)), x.dtype)


def _reduced(loss: Tracer, reduction: str) -> Tracer:
    everything = tuple(range(loss.ndim))
    if reduction == "mean":
        return _mean_of(loss, everything)
    return folded("add", loss, everything) if reduction == "sum" else loss


def _difference(predictions: Any, targets: Any, reduction: str) -> tuple[Tracer, Any]:
    """The difference in a dtype of at least 32 bits, and the dtype of the result."""
    check_reduction(reduction)
    (x, y), _ = match([as_array(predictions), as_array(targets)], floating([as_array(predictions), as_array(targets)]))
    return wide(x) - wide(y), x.dtype


@op(arrays=2)
def squared_error(predictions: Any, targets: Any, /, *, reduction: str = "mean") -> Any:
    """`(predictions - targets)^2`, as a mean or a sum over all elements, or each ("none").

    Raises:
        ShapeError: WF1001 where the shapes do not broadcast; ArgumentValueError: WF1902 for another reduction.

    >>> squared_error(np.float32([1, 2]), np.float32([1, 4]))
    Array(2., dtype=float32)
    """
    d, dtype = _difference(predictions, targets, reduction)
    return convert(_reduced(d * d, reduction), dtype)


@op(arrays=2)
def absolute_error(predictions: Any, targets: Any, /, *, reduction: str = "mean") -> Any:
    """`|predictions - targets|`; arguments and errors as `squared_error`.

    >>> absolute_error(np.float32([1, 2]), np.float32([1, 4]))
    Array(1., dtype=float32)
    """
    d, dtype = _difference(predictions, targets, reduction)
    return convert(_reduced(abs(d), reduction), dtype)


@op(arrays=2)
def huber_loss(predictions: Any, targets: Any, /, *, delta: float = 1.0, reduction: str = "mean") -> Any:
    """`d^2 / 2` of a difference d up to `delta`, beyond it `delta * (|d| - delta / 2)` (Huber, "Robust Estimation of a
    Location Parameter", 1964); arguments and errors as `squared_error`.

    >>> huber_loss(np.float32([1, 2]), np.float32([1, 5]), reduction="none")
    Array([0. , 2.5], dtype=float32)
    """
    d, dtype = _difference(predictions, targets, reduction)
    size = abs(d)
    inner = minimum(size, delta)  # so that nothing overflows in the branch that is not taken
    loss = where(size <= delta, 0.5 * inner * inner, delta * (size - 0.5 * delta))
    return convert(_reduced(loss, reduction), dtype)


@op(arrays=2)
def binary_cross_entropy(logits: Any, targets: Any, /, *, reduction: str = "mean") -> Any:
    """`-(t log(sigmoid(x)) + (1 - t) log(1 - sigmoid(x)))` of logits x and targets t, as `max(x, 0) - x t +
    log1p(exp(-|x|))`, which never overflows; arguments and errors as `squared_error`.

    >>> binary_cross_entropy(np.float32([200, -200]), np.float32([1, 1]), reduction="none")
    Array([  0., 200.], dtype=float32)
    """
    check_reduction(reduction)
    (x, t), _ = match([as_array(logits), as_array(targets)], floating([as_array(logits), as_array(targets)]))
    w, t = wide(x), wide(t)
    return convert(_reduced(maximum(w, 0.0) - w * t + log1p(exp(-abs(w))), reduction), x.dtype)


@op(arrays=2)
def kl_divergence(log_predictions: Any, targets: Any, /, *, axis: int = -1, reduction: str = "mean") -> Any:
    """The sum of `targets * (log(targets) - log_predictions)` over an axis: how far a distribution is from the target's
    (Kullback and Leibler, 1951). A target of 0 adds 0.

    Args:
        log_predictions: logarithms of probabilities. targets: probabilities of the same shape.
        axis: that of the classes. reduction: over the rest, as in `squared_error`.

    Raises:
        AxisError: WF1002; ShapeError: WF1001; ArgumentValueError: WF1902.

    >>> kl_divergence(np.log(np.float32([0.5, 0.5])), np.float32([0.5, 0.5]))
    Array(0., dtype=float32)
    """
    check_reduction(reduction)
    given = [as_array(log_predictions), as_array(targets)]
    (x, t), _ = match(given, floating(given))
    w, t = wide(x), wide(t)
    i = axis_of(axis, x.ndim)
    safe = where(t > 0, t, like(t, 1))
    terms = where(t > 0, t * (log(safe) - w), like(t, 0))
    return convert(_reduced(folded("add", terms, (i,)), reduction), x.dtype)


@op(arrays=2)
def cosine_similarity(x1: Any, x2: Any, /, *, axis: int = -1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along an axis: their product over that of their lengths, each at least
    `eps`.

    Raises:
        AxisError: WF1002; ShapeError: WF1001.

    >>> cosine_similarity(np.float32([3, 0]), np.float32([3, 4]))
    Array(0.6, dtype=float32)
    """
    given = [as_array(x1), as_array(x2)]
    (x, y), _ = match(given, floating(given))
    a, b = wide(x), wide(y)
    i = (axis_of(axis, x.ndim),)

    def length(v: Tracer) -> Tracer:
        # Of at least eps: the root of the greater square, whose derivative is finite at 0.
        return sqrt(maximum(folded("add", v * v, i), eps * eps))

    return convert(folded("add", a * b, i) / (length(a) * length(b)), x.dtype)
