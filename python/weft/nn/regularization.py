"""What makes training noisy on purpose.

Decides that it takes its key as an argument: the same key drops the same elements.
"""

from __future__ import annotations

from typing import Any

from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError
from weft.nn.common import as_float
from weft.ops.elementwise import where

__all__ = ["dropout"]


@op
def dropout(x: Any, /, rate: float, *, key: Any) -> Any:
    """Each element 0 with probability `rate`, else divided by `1 - rate` (Srivastava et al., "Dropout", 2014, section
    10).

    Args:
        x: an array of numbers; integers are taken as the default float.
        rate: a number from 0 to 1; with 0 it is `x`. key: what to draw by, see `weft.random`.

    Raises:
        ArgumentValueError: WF1902 for a rate out of range.

    >>> import weft as wf
    >>> sorted(set(dropout(wf.ones((100,)), 0.5, key=wf.random.key(0)).tolist()))
    [0.0, 2.0]
    """
    from weft import random

    if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ArgumentValueError("WF1902", f"rate is from 0 to 1, not {rate!r}.")
    x = as_float(x)
    if rate == 0:
        return x
    kept = random.bernoulli(key, 1 - rate, x.shape)
    return where(kept, x / (1 - rate) if rate < 1 else 0.0 * x, 0.0)
