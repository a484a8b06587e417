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
    broadcast,
    broadcast_shapes,
    common_type,
    convert,
    reshape,
    same_shape,
    text,
    unsupported,
)
from weft._src.trace import Tracer, emit
from weft.nn.common import back, folded, like, wide
from weft.nn.normalization import greatest
from weft.ops.contraction import _dot

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
        in float32 and rounded once.

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
    q, k, v = (wide(convert(x, d)) for x in given)
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
    n = len(lead) + 1
    group = heads // key_heads if whole else 1
    split = (key_heads, group) if group != 1 else (heads,)  # the axis of heads, where keys serve some each
    grouped = (*lead, *split, length, key_length)
    batch = [(i, i) for i in range(n)]
    scores = _dot(reshape(q, (*lead, *split, length, features)), k, batch, [(len(grouped) - 1, n + 1)])
    scores = scores * (1 / math.sqrt(max(int(features), 1)) if scale is None else scale)
    if bias is not None:
        scores = scores + _fitted(array(bias), lead, split, scores, scores.dtype, given)
    allowed = None if mask is None else _fitted(array(mask), lead, split, scores, dtypes.bool_, given)
    if causal:
        row, column = (emit("iota", [], results=[(grouped, dtypes.int64)], dim=len(grouped) - i) for i in (2, 1))
        earlier = emit("le", [column, row])
        allowed = earlier if allowed is None else emit("and", [allowed, earlier])
    if allowed is not None:
        scores = emit("select", [allowed, scores, like(scores, -math.inf)])
    last = (len(grouped) - 1,)
    if allowed is None:
        weights = emit("softmax", [scores], dims=last, log=False)
    else:  # a query that attends to nothing: 0 / 1
        e = emit("exp", [scores - back(greatest(scores, last), scores, last)])
        total = folded("add", e, last)
        total = emit("select", [emit("eq", [total, like(total, 0)]), like(total, 1), total])
        weights = emit("div", [e, back(total, e, last)])
    made = _dot(weights, v, batch, [(last[0], n)])
    return convert(reshape(made, (*lead, heads, length, v.shape[-1])), d)


def _fitted(x: Tracer, lead: tuple, split: tuple, scores: Tracer, d: Any, operands: list) -> Tracer:
    """A mask or bias in the shape of the scores, whose axis of heads may be split."""
    if d.kind == "bool" and x.dtype.kind != "bool":
        raise unsupported("dot_product_attention", x, "a mask of truth values")
    heads = split[0] * split[1] if len(split) == 2 else split[0]
    full = (*lead, heads, *scores.shape[-2:])
    if not same_shape(broadcast_shapes(x.shape, full, operands=(x, *operands)), full):
        raise ShapeError("WF1001", "dot_product_attention: mask and bias broadcast to the scores.", operands=(text(x),))
    if len(split) == 2 and x.ndim >= 3:  # split before it is repeated: a view of a repeated array is a copy
        own = (1, 1) if x.shape[-3] == 1 else split
        x = reshape(x, (*x.shape[:-3], *own, *x.shape[-2:]))
    return broadcast(convert(x, d), scores.shape)
