"""Functions of neural networks: activations, softmax and its logarithm, and the loss of classifiers.

Decides their numerics: exponentials are taken of differences from the greatest element, so nothing overflows, and the
gradients follow from these formulas without cancellation. All are composites over ops: they fuse, batch and
differentiate.

>>> import weft as wf
>>> wf.nn.relu(wf.asarray([-1.0, 2.0]))
Array([0., 2.], dtype=float32)
"""

from __future__ import annotations

import math
from typing import Any

from weft._src import dims, dtypes, normalize
from weft._src.dispatch import elementwise, op
from weft._src.errors import ArgumentValueError, DTypeError, ShapeError
from weft._src.normalize import array, broadcast, convert, count, floating, size_value, text
from weft._src.trace import Tracer, emit

__all__ = [
    "cross_entropy",
    "gelu",
    "log_softmax",
    "logsumexp",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
]


def _like(x: Tracer, value: float) -> Tracer:
    """A constant with the dtype and the shape of `x`."""
    return broadcast(convert(value, x.dtype), x.shape)


def _float(x: Any) -> Tracer:
    """The operand as floats: integers in the default float."""
    x = array(x)
    return convert(x, floating([x]))


@op(collapse=elementwise)
def relu(x: Any, /) -> Any:
    """`x` where it is positive, else 0; NaN stays NaN. The derivative at 0 is 0.

    Args:
        x: an array of numbers.

    >>> relu(np.float32([-2, 0, 3]))
    Array([0., 0., 3.], dtype=float32)
    """
    x = array(x)
    # Not max(x, 0): its derivative at 0 is one half, and units that rest at 0 would learn.
    return emit("select", [emit("le", [x, _like(x, 0)]), _like(x, 0), x])


@op(collapse=elementwise)
def sigmoid(x: Any, /) -> Any:
    """`1 / (1 + exp(-x))`.

    Args:
        x: an array of numbers; integers are taken as the default float.

    >>> sigmoid(np.float32([0, 100]))
    Array([0.5, 1. ], dtype=float32)
    """
    return emit("logistic", [_float(x)])


@op(collapse=elementwise)
def gelu(x: Any, /, *, approximate: bool = True) -> Any:
    """The Gaussian error linear unit, `x * Phi(x)` with Phi the normal distribution function.

    Args:
        x: an array of numbers; integers are taken as the default float.
        approximate: True: `x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`; False: by the error function. Both from
            Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, section 2.

    >>> gelu(np.float32([0, 1])).tolist()[0]
    0.0
    """
    x = _float(x)
    if approximate:
        cube = emit("mul", [emit("mul", [x, x]), x])
        inner = emit("add", [x, emit("mul", [_like(x, 0.044715), cube])])
        twice_phi = emit("tanh", [emit("mul", [_like(x, math.sqrt(2 / math.pi)), inner])])
    else:
        twice_phi = emit("erf", [emit("mul", [x, _like(x, math.sqrt(0.5))])])
    return emit("mul", [emit("mul", [_like(x, 0.5), x]), emit("add", [_like(x, 1.0), twice_phi])])


# ---------------------------------------------------------------------------------------------------------- softmax


def _folded(kind: str, x: Tracer, axes: tuple[int, ...]) -> Tracer:
    return emit("reduce", [x], kind=kind, dims=sorted(axes))


def _back(r: Tracer, x: Tracer, axes: tuple[int, ...]) -> Tracer:
    """A reduced value repeated along the axes it was reduced over."""
    if not axes:
        return r
    return emit("broadcast", [r], dims=[i for i in range(x.ndim) if i not in axes], results=[(x.shape, x.dtype)])


def _greatest(x: Tracer, axes: tuple[int, ...]) -> Tracer:
    """The greatest elements, taken as constants (the results do not depend on them); 0 where that is infinite."""
    m = emit("stop_gradient", [_folded("max", x, axes)])
    return emit("select", [emit("is_finite", [m]), m, _like(m, 0)])


def _shifted(x: Tracer, axis: Any) -> tuple[Tracer, tuple[int, ...]]:
    axes = normalize.axes(axis, x.ndim)
    for i in axes:
        if not isinstance(x.shape[i], dims.Dim) and x.shape[i] == 0:
            raise ShapeError("WF1018", f"axis {i} has no elements.", operands=(text(x),))
    return emit("sub", [x, _back(_greatest(x, axes), x, axes)]), axes


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
    x = _float(x)
    shifted, axes = _shifted(x, axis)
    e = emit("exp", [shifted])
    return emit("div", [e, _back(_folded("add", e, axes), x, axes)])


@op
def log_softmax(x: Any, /, axis: int | tuple[int, ...] = -1) -> Any:
    """`log(softmax(x))` over axes, without the loss of small values: `x - logsumexp(x)`.

    Args and errors: as `softmax`.

    >>> log_softmax(np.float32([0, 1000]))
    Array([-1000.,     0.], dtype=float32)
    """
    return _log_softmax(_float(x), axis)


def _log_softmax(x: Tracer, axis: Any) -> Tracer:
    shifted, axes = _shifted(x, axis)
    total = _folded("add", emit("exp", [shifted]), axes)
    return emit("sub", [shifted, _back(emit("log", [total]), x, axes)])


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
    x = _float(x)
    shifted, axes = _shifted(x, axis)
    r = emit("add", [emit("log", [_folded("add", emit("exp", [shifted]), axes)]), _greatest(x, axes)])
    if keepdims:
        r = normalize.reshape(r, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))
    return r


# ------------------------------------------------------------------------------------------------------------- losses


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
    return labels


@op(arrays=2)
def cross_entropy(logits: Any, labels: Any, /, *, reduction: str = "mean") -> Any:
    """The cross entropy of a classifier: minus the logarithm of the probability that softmax gives to the label.

    Args:
        logits: floats of shape (..., classes).
        labels: integers of shape (...), where a label outside 0 .. classes-1 adds nothing; or floats of the shape of
            `logits`: the probability of each class (one-hot or smoothed).
        reduction: "mean" or "sum" over all labels, or "none".

    Returns:
        A number, or with "none" an array of shape (...), in the dtype of the logits.

    Raises:
        ShapeError: WF1012 where the shapes do not fit. DTypeError: WF1022 for labels that are truth values.
        ArgumentValueError: WF1902 for another reduction.

    >>> cross_entropy(np.float32([[0, 0], [0, 0]]), np.int32([0, 1])).item() - math.log(2) < 1e-6
    True
    """
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentValueError("WF1902", f"reduction is 'mean', 'sum' or 'none', not {reduction!r}.")
    x, y = _float(logits), array(labels)
    if x.ndim == 0:
        raise ShapeError("WF1012", "cross_entropy: the logits have no axis of classes.", operands=(text(x), text(y)))
    fits = x.shape if y.dtype.kind == "float" else x.shape[:-1]
    if not normalize.same_shape(y.shape, fits):
        kind = "probabilities" if y.dtype.kind == "float" else "integer labels"
        raise ShapeError(
            "WF1012",
            f"cross_entropy: {kind} for logits of shape {normalize.shape_text(x.shape)} have the shape "
            f"{normalize.shape_text(fits)}, not {normalize.shape_text(y.shape)}.",
            operands=(text(x), text(y)),
        )
    logs = _log_softmax(x, -1)
    if y.dtype.kind == "float":
        terms = emit("mul", [convert(y, x.dtype), logs])
    else:
        terms = emit("select", [_one_hot(_labels(y), x.shape[-1]), logs, _like(logs, 0)])
    loss = emit("neg", [_folded("add", terms, (x.ndim - 1,))])
    if reduction == "none":
        return loss
    total = _folded("add", loss, tuple(range(loss.ndim))) if loss.ndim else loss
    return emit("div", [total, size_value(count(loss.shape), x.dtype)]) if reduction == "mean" else total
