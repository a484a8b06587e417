"""`nofuse`: where kernels end.

Decides nothing but the form of one op, weft.optimization_barrier; which ops become one kernel is the compiler's choice
(docs/fusion.md).
"""

from __future__ import annotations

from typing import Any

from weft._src import pytree, trace
from weft._src.errors import api_boundary
from weft._src.trace import as_tracer, emit

__all__ = ["nofuse"]


@api_boundary
def nofuse(x: Any) -> Any:
    """The same values, in memory: what computes them and what reads the result are never one kernel.

    For experiments, and for values that are better computed once than again. Derivatives and batches of the function
    have a barrier at the same place.

    Args:
        x: containers of arrays and numbers; each is a barrier of its own.

    >>> import numpy as np, weft as wf
    >>> x = np.ones(8, np.float32)
    >>> len(wf.jit(lambda x: wf.sin(wf.exp(x))).explain(x).kernels)
    1
    >>> len(wf.jit(lambda x: wf.sin(wf.nofuse(wf.exp(x)))).explain(x).kernels)
    2
    """
    if trace.current() is None:
        return x

    def barrier(leaf: Any) -> Any:
        tracer = as_tracer(leaf)
        return emit("optimization_barrier", [tracer], weak=tracer.weak_type)

    return pytree.map(barrier, x)
