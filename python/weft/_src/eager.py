"""Ops outside a trace: each is a program of one op, compiled once for its shapes and kept.

Decides the key of such a program: the op, its attributes, and the specs of its operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weft._src import array, compiler, dtypes, trace

_programs: dict[Any, compiler.Compiled] = {}


def apply(name: str, operands: Sequence[Any], results: Any, attributes: dict[str, Any]) -> Any:
    """Runs one op on arrays; arguments as for `trace.emit`.

    >>> from weft._src.array import asarray
    >>> np.asarray(apply("neg", [asarray([1, 2])], None, {}))
    array([-1, -2])
    """
    values = [x if isinstance(x, array.Array) else array.asarray(x) for x in operands]
    specs = tuple(trace.spec_of(x) for x in values)
    key = (name, specs, _frozen(results), _frozen(attributes))
    compiled = _programs.get(key)
    if compiled is None:
        program = trace.trace_program(lambda *xs: trace.emit(name, xs, results=results, **attributes), specs)
        compiled = _programs[key] = compiler.compile_module(program.module, compiler.options())
    out = compiled.program(values)
    row = trace.OPS[name]
    return out[0] if len(row.results) == 1 and not row.results[0][2] else out


def run_once(f: Callable[..., Sequence[Any]], *arguments: Any) -> list[Any]:
    """Traces `f` on arrays, compiles, runs: for forms (loops, branches, derivatives) that are used outside `jit`.

    Args:
        f: takes one Tracer for each argument, returns a sequence of values.
        arguments: arrays and numbers.

    Returns:
        One Array for each value.
    """
    values = [x if isinstance(x, (array.Array, bool, int, float)) else array.asarray(x) for x in arguments]
    program = trace.trace_program(f, [trace.spec_of(x) for x in values])
    compiled = compiler.compile_module(program.module, compiler.options())
    return compiled.program([*values, *program.trace.captured])


def _frozen(x: Any) -> Any:
    """A hashable stand-in for an attribute."""
    if isinstance(x, dict):
        return tuple((k, _frozen(v)) for k, v in sorted(x.items()))
    if isinstance(x, (list, tuple)):
        return tuple(_frozen(v) for v in x)
    if isinstance(x, np.ndarray):
        return x.dtype.str, x.shape, x.tobytes()
    if isinstance(x, dtypes.DType):
        return x
    # Sizes compare by asking the assumptions; as text they are just themselves. 1, 1.0 and True are not the same.
    return type(x).__name__, str(x)
