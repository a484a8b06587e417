"""Ops outside of a trace: each call runs a small compiled program, by the same compiler as `jit`.

Decides what is compiled once and used again. The program of a call is a trace of the op's own Python function, so eager
and traced calls cannot differ in what they compute. Its key is the op, its static arguments, and for each array dtype,
weak bit and shape. Ops say by `collapse` how shapes become alike: elementwise ops merge neighbouring axes that
repeat in the same operands, reductions merge neighbouring axes that are reduced or kept alike; each merged axis is
then a symbolic size, so a known op on a new shape compiles nothing. The others are compiled once per shape.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, compiler, dims, dtypes, errors, normalize, trace
from weft._src.errors import WeftError, WrongArgumentError
from weft._src.trace import Spec, Tracer

Array = _weft.Array
_SYMBOLS = tuple(dims.Dim(f"n{i}") for i in range(16))
_MOST = 8192
_plans: dict[Any, _Plan] = {}
_programs: dict[Any, _Compiled] = {}


class Collapsed(NamedTuple):
    """How a call looks with merged axes: the operands' concrete and symbolic shapes, static arguments, result shape."""

    concrete: tuple[tuple, ...]
    symbolic: tuple[tuple, ...]
    kwargs: dict[str, Any]
    result: tuple


class _Compiled(NamedTuple):
    """A program and the type of what the op returned: None for one value, else list or tuple."""

    program: Any
    container: type | None


class _Plan(NamedTuple):
    """All that a call of known shapes needs: None in `inputs` or `result` where nothing is reshaped."""

    compiled: _Compiled
    inputs: tuple | None
    result: tuple | None


class _Hole(NamedTuple):
    """Stands in the arguments for array number `index`."""

    index: int


def op(
    function: Callable[..., Any] | None = None,
    *,
    arrays: int = 1,
    sequence: bool = False,
    collapse: Callable[..., Collapsed | None] | None = None,
) -> Any:
    """Makes a public op of a function that builds it into the scope being traced: outside of a trace it runs at once.

    Args:
        function: takes arrays and static arguments, calls `emit` and other ops, returns a Tracer or several.
        arrays: how many leading positional arguments are arrays, where Python numbers are values and not static.
        sequence: whether the first argument is a list of arrays.
        collapse: from the operands' shapes and the keyword arguments to a `Collapsed` (or None: per shape).
    """
    if function is None:
        return functools.partial(op, arrays=arrays, sequence=sequence, collapse=collapse)

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        try:
            if trace.current() is not None:
                return function(*args, **kwargs)
            return _run(function, arrays, sequence, collapse, args, kwargs)
        except BaseException as exc:
            errors.trim(exc)
            raise

    return public


# ------------------------------------------------------------------------------------------------------------- a call


def _run(function: Any, arrays: int, sequence: bool, collapse: Any, args: tuple, kwargs: dict) -> Any:
    values: list[Any] = []
    args = tuple(
        [_hole(y, values, True) for y in x]
        if sequence and i == 0 and isinstance(x, (list, tuple))
        else _hole(x, values, i < arrays)
        for i, x in enumerate(args)
    )
    kwargs = {k: _hole(v, values, False) for k, v in kwargs.items()}
    if any(type(v) is int for v in values):
        _check_numbers(values)
    specs = tuple([trace.spec_of(v) for v in values])
    # Default dtypes decide what numbers and creation functions become.
    statics = _key((args, tuple(kwargs.items()), dtypes.default_float().code, dtypes.default_int().code))
    key = (function, specs, statics)
    plan = _plans.get(key)
    if plan is None:
        if len(_plans) >= _MOST:
            _plans.clear()
        plan = _plans[key] = _make_plan(function, collapse, args, kwargs, specs)
    compiled = plan.compiled
    if plan.inputs is not None:
        values = [v if s is None else _reshaped(v, s) for v, s in zip(values, plan.inputs, strict=True)]
    results = compiled.program(values)
    if plan.result is not None:
        results = [r._reshaped(plan.result) for r in results]
    return results[0] if compiled.container is None else compiled.container(results)


def _hole(x: Any, values: list[Any], number: bool) -> Any:
    """What stands for `x` in the arguments; arrays (and numbers, where they are values) go to `values`."""
    if isinstance(x, complex):
        dtypes.check_supported(dtypes.weak_type_of(x).dtype)
    if isinstance(x, (Array, np.ndarray)) or (number and normalize.is_number(x)):
        pass
    elif isinstance(x, np.generic) or (number and isinstance(x, (list, tuple))):
        x = _asarray(x)
    elif isinstance(x, Tracer):
        raise trace.leaked(x)
    elif number and x is not None and (hasattr(x, "__dlpack__") or hasattr(x, "__array__")):
        x = _asarray(x)
    elif number and x is not None:
        raise WrongArgumentError("WF1031", f"{type(x).__name__} is not an array.")
    else:
        return x
    values.append(x)
    return _Hole(len(values) - 1)


def _check_numbers(values: list[Any]) -> None:
    """Python integers are checked against the dtype they will have, before they become numbers at run time."""
    d = normalize.common_type(values).dtype
    for i, v in enumerate(values):
        if type(v) is int:
            dtypes.check_scalar(v, d)
            if not -(1 << 63) <= v < 1 << 63:  # beyond what a weak argument holds
                values[i] = _asarray(np.asarray(v, d.numpy))


def _key(x: Any) -> Any:
    """A static argument so that it can be hashed; 1, 1.0 and True are different, and so are 0.0 and -0.0."""
    if isinstance(x, (tuple, list)):
        return (tuple, *[_key(y) for y in x]) if type(x) is not _Hole else x
    if isinstance(x, float):
        return (float, x.hex())
    try:
        hash(x)
    except TypeError:
        raise WrongArgumentError("WF1032", f"a {type(x).__name__} is not an argument of this op.") from None
    return (type(x), x)


def _asarray(x: Any) -> Any:
    from weft._src import array  # it gives the ops to arrays as methods, so it comes after them

    return array.asarray(x)


def _reshaped(x: Any, shape: tuple) -> Any:
    return x.reshape(shape) if isinstance(x, np.ndarray) else x._reshaped(shape)


# ------------------------------------------------------------------------------------------------------------ compile


def _make_plan(function: Any, collapse: Any, args: tuple, kwargs: dict, specs: Sequence[Spec]) -> _Plan:
    collapsed = collapse([s.shape for s in specs], args, kwargs) if collapse is not None else None
    if collapsed is None:
        return _Plan(_compiled(function, args, kwargs, specs), None, None)
    merged = tuple(Spec(s, old.dtype, old.weak) for s, old in zip(collapsed.symbolic, specs, strict=True))
    try:
        compiled = _compiled(function, args, collapsed.kwargs, merged)
    except WeftError:
        # Complaints speak of the shapes that the user gave.
        trace.trace_program(_traced(function, args, kwargs), specs)
        raise
    inputs = tuple(None if new == old.shape else new for new, old in zip(collapsed.concrete, specs, strict=True))
    return _Plan(compiled, inputs if any(s is not None for s in inputs) else None, collapsed.result)


def _compiled(function: Any, args: tuple, kwargs: dict, specs: Sequence[Spec]) -> _Compiled:
    statics = _key((args, tuple(kwargs.items()), dtypes.default_float().code, dtypes.default_int().code))
    key = (function, tuple(specs), statics)
    found = _programs.get(key)
    if found is None:
        traced = trace.trace_program(_traced(function, args, kwargs), specs)
        compiled = compiler.compile_module(traced.module, compiler.options())
        container = type(traced.out) if isinstance(traced.out, (list, tuple)) else None
        found = _programs[key] = _Compiled(compiled.program, container)
    return found


def _traced(function: Any, args: tuple, kwargs: dict) -> Callable[..., Any]:
    """The call with tracers in the places of its arrays."""

    def fill(x: Any, tracers: Sequence[Tracer]) -> Any:
        if type(x) is _Hole:
            return tracers[x.index]
        return [fill(y, tracers) for y in x] if type(x) is list else x

    def call(*tracers: Tracer) -> Any:
        return function(*[fill(x, tracers) for x in args], **{k: fill(v, tracers) for k, v in kwargs.items()})

    return call


# ----------------------------------------------------------------------------------------------------------- collapse


def elementwise(shapes: Sequence[tuple], args: tuple, kwargs: dict) -> Collapsed | None:
    """Neighbouring axes that repeat in the same operands become one, of a symbolic size.

    >>> elementwise([(2, 3, 4), (2, 1, 1)], (), {})[:2]
    (((2, 12), (2, 1)), ((Dim('n0'), Dim('n1')), (Dim('n0'), 1)))
    """
    if not shapes:
        return None
    try:
        full = normalize.broadcast_shapes(*shapes)
    except errors.ShapeError:
        return None  # the trace itself tells it with the operands
    rank = len(full)
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    groups: list[tuple[tuple[bool, ...], int]] = []
    for i, n in enumerate(full):
        if n == 1:
            continue
        pattern = tuple(s[i] != 1 for s in padded)
        if groups and groups[-1][0] == pattern:
            groups[-1] = (pattern, groups[-1][1] * n)
        else:
            groups.append((pattern, n))
    if len(groups) > len(_SYMBOLS):
        return None
    concrete, symbolic = [], []
    for k in range(len(shapes)):
        first = next((g for g, (pattern, _) in enumerate(groups) if pattern[k]), len(groups))
        concrete.append(tuple(n if pattern[k] else 1 for pattern, n in groups[first:]))
        symbolic.append(tuple(_SYMBOLS[g] if groups[g][0][k] else 1 for g in range(first, len(groups))))
    return Collapsed(tuple(concrete), tuple(symbolic), kwargs, full)


def reduction(shapes: Sequence[tuple], args: tuple, kwargs: dict) -> Collapsed | None:
    """Neighbouring axes that are all reduced, or all kept, become one, of a symbolic size.

    >>> reduction([(2, 3, 4, 5)], (_Hole(0),), {"axis": (2, 3)})
    Collapsed(concrete=((6, 20),), symbolic=((Dim('n0'), Dim('n1')),), kwargs={'axis': (1,)}, result=(2, 3))
    """
    if len(args) != 1 or len(shapes) != 1 or 0 in shapes[0]:
        return None  # an empty axis is an error for some reductions: it stays static
    shape = shapes[0]
    try:
        reduced = set(normalize.axes(kwargs.get("axis"), len(shape)))
    except WeftError:
        return None
    groups: list[tuple[bool, int]] = []
    for i, n in enumerate(shape):
        if groups and groups[-1][0] == (i in reduced):
            groups[-1] = (i in reduced, groups[-1][1] * n)
        else:
            groups.append((i in reduced, n))
    if len(groups) > len(_SYMBOLS):
        return None
    keep = bool(kwargs.get("keepdims"))
    result = tuple(1 if i in reduced else n for i, n in enumerate(shape) if keep or i not in reduced)
    others = {k: v for k, v in kwargs.items() if k not in ("axis", "keepdims")}
    others["axis"] = tuple(g for g, (folded, _) in enumerate(groups) if folded)
    return Collapsed((tuple(n for _, n in groups),), (tuple(_SYMBOLS[: len(groups)]),), others, result)
