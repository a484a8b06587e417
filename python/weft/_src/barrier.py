"""`nofuse`: where kernels end. `fuse`: a function that is one kernel, or an error that says why it is not.

Decides the form of one op, weft.optimization_barrier, and what counts as one kernel; which ops become one is the
compiler's choice (docs/fusion.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._src import pytree, trace
from weft._src.errors import CompileError, api_boundary
from weft._src.trace import as_tracer, emit

__all__ = ["fuse", "nofuse"]


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


@api_boundary
def fuse(f: Callable[..., Any] | None = None, **options: Any) -> Any:
    """A jitted function that is one kernel: what it computes on the way never goes through memory.

    Called by itself, its program is that kernel. Inside another jitted function it is a kernel of its own there: what
    computes its arguments and what reads its results are others, as with `nofuse`. Derivatives and batches of it are
    what the compiler makes of them.

    Args:
        f: takes and returns arrays, numbers, and containers of them. Without it: a decorator.
        options: as `jit` takes them.

    Returns:
        As `jit`.

    Raises:
        CompileError: WF1508, when it is called (or traced, for such arguments) and would be more than one kernel: with
            each, and the reasons why they are not one.

    >>> import numpy as np, weft as wf
    >>> @wf.fuse
    ... def normed(x):
    ...     return x / wf.sqrt(wf.sum(x * x, axis=-1, keepdims=True))
    >>> normed(np.float32([[3, 4]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    from weft._src.jit import jit

    if f is None:
        return lambda f: fuse(f, **options)
    jitted = jit(f, **options)
    jitted.impl.one_kernel = True
    return jitted


def check_one_kernel(explanation: Any) -> None:
    """Raises WF1508 where a program is more than one kernel. Packing captured arrays, once for many calls, does not
    count."""
    kernels = [k for k in explanation.kernels if not k.kept]
    parts = [f"{k.name} {k.what}" + " in a loop" * k.in_loop + _at(k.lines) for k in kernels]
    parts += [f"a call of the library, {c.op}" + _at(c.lines) for c in explanation.calls]
    parts += [f"a copy, {c.reason}" + _at(c.lines) for c in explanation.copies]
    if len(parts) <= 1 and not explanation.calls and not any(k.in_loop for k in kernels):
        return
    reasons = [f"not one: {pair}" for pair in dict.fromkeys(explanation.not_fused)]
    raise CompileError(
        "WF1508", "\n  ".join([f"{explanation.name} is not one kernel; it consists of", *parts, *reasons]) + "\n"
    )


def _at(lines: tuple[str, ...]) -> str:
    return f" ({', '.join(lines[:3])})" if lines else ""
