"""Attention.

Decides its layout, (..., heads, length, features), and that a query which attends to nothing gets zeros.
"""

from __future__ import annotations

import math
from typing import Any

from weft._src import dims, dtypes
from weft._src.dispatch import op
from weft._src.errors import ShapeError
from weft._src.normalize import (
    array,
    as_array,
    broadcast_shapes,
    common_type,
    convert,
    reshape,
    same_shape,
    text,
    unsupported,
)
from weft._src.trace import Tracer, emit

__all__ = ["dot_product_attention"]


@op(arrays=3)
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    /,
    *,
    mask: Any = None,
    bias: Any = None,
    causal: bool = False,
    scale: float | None = None,
) -> Any:
    """`softmax(query key^T * scale + bias) value` for each head (Vaswani et al., "Attention Is All You Need", 2017,
    equation 1); with fewer heads of keys than of queries, each serves a group (Ainslie et al., "GQA", 2023).

    Args:
        query: floats of shape (..., heads, length, features). key: (..., key heads, key length, features), where the
            key heads divide the heads. value: (..., key heads, key length, value features).
        mask: truth values that broadcast to (..., heads, length, key length): which keys a query attends to.
        bias: numbers that broadcast to the same shape, added before the softmax.
        causal: query i attends to the keys up to i only.
        scale: by default 1 / sqrt(features).

    Returns:
        An array of shape (..., heads, length, value features), of the common dtype. float16 and bfloat16 are computed
        in float32 and rounded once; the softmax of bfloat16 is rounded as well before it meets the values.

    Raises:
        ShapeError: WF1011 for fewer than 3 axes, WF1012 where the shapes do not fit, WF1001 where mask or bias do not
        broadcast; DTypeError: WF1022 for integers, and for a mask that is not of truth values.

    >>> q = np.ones((2, 3, 4), np.float32)
    >>> dot_product_attention(q, q, q, causal=True).shape
    (2, 3, 4)
    """
    given = [as_array(x) for x in (query, key, value)]
    d = common_type(given).dtype
    if d.kind != "float":
        raise unsupported("dot_product_attention", given[0], "floating-point numbers")
    q, k, v = (convert(x, d) for x in given)
    shown = [text(x) for x in given]
    if min(q.ndim, k.ndim, v.ndim) < 3:
        raise ShapeError("WF1011", "dot_product_attention takes (..., heads, length, features).", operands=shown)
    lead, (heads, length, features) = q.shape[:-3], q.shape[-3:]
    key_heads, key_length = k.shape[-3], k.shape[-2]
    whole = isinstance(heads, int) and isinstance(key_heads, int)
    fits = (
        same_shape(k.shape, (*lead, key_heads, key_length, features))
        and same_shape(v.shape[:-1], k.shape[:-1])
        and (heads % max(key_heads, 1) == 0 and key_heads > 0 if whole else dims.same(heads, key_heads))
    )
    if not fits:
        raise ShapeError(
            "WF1012",
            "dot_product_attention: key and value have the axes of query, with other lengths, and a number of heads "
            "that divides its.",
            operands=shown,
        )
    scores = (*lead, heads, length, key_length)
    biases = [] if bias is None else [_fitted(array(bias), scores, dtypes.float32 if d.bits < 32 else d, given)]
    masks = [] if mask is None else [_fitted(array(mask), scores, dtypes.bool_, given)]
    scale = 1 / math.sqrt(max(int(features), 1)) if scale is None else float(scale)
    return emit("attention", [[q], [k], [v], biases, masks], scale=scale, causal=bool(causal))


def _fitted(x: Tracer, scores: tuple, d: Any, operands: list) -> Tracer:
    """A mask or bias with as many axes as the scores, each of their size or 1."""
    if d.kind == "bool" and x.dtype.kind != "bool":
        raise unsupported("dot_product_attention", x, "a mask of truth values")
    if not same_shape(broadcast_shapes(x.shape, scores, operands=(x, *operands)), scores):
        raise ShapeError("WF1001", "dot_product_attention: mask and bias broadcast to the scores.", operands=(text(x),))
    return convert(reshape(x, (*(1,) * (len(scores) - x.ndim), *x.shape)), d)
